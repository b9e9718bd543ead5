package gateway_test

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/machine"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
)

func boardWith(serial string) fstest.MapFS {
	return fstest.MapFS{"proc/device-tree/serial-number": {Data: []byte(serial + "\x00")}}
}

func elsewhere(st *status.Document) bool { return rig.HasProblem(st, "GW-OTHER-BOARD") }

// Row 79: a card in another board. The gateway keeps its id, delivers what was on the
// card and what it reads, and asks; a person's answer ends that while it runs.
func TestACardInAnotherBoard(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{Ack: "envelope"})
	s.Uplink, s.ID = `ack = "envelope"`, "auto"
	s.Down()
	g := s.Run(gateway.Options{Machine: boardWith("1a")})
	s.Line().Feed(50)
	first := g.Until("50 are on disk", saved(50))
	g.Halt()
	s.Up()

	g = s.Run(gateway.Options{Machine: boardWith("2b")})
	s.Line().Feed(50)
	g.Until("all is delivered", s.Delivered)
	st := g.Until("it is shown", elsewhere)
	if st.Gateway.ID != first.Gateway.ID || st.Gateway.ID == "" || st.Gateway.Start == first.Gateway.Start || len(st.Gateway.Start) != 16 {
		t.Errorf("%+v, before %+v", st.Gateway, first.Gateway)
	}
	for _, p := range st.Problems {
		if p.Code == "GW-OTHER-BOARD" && (!strings.Contains(p.Sentence, st.Gateway.ID) ||
			!strings.Contains(p.Action, "sudo portti identity keep") || !strings.Contains(p.Action, "sudo portti identity new")) {
			t.Errorf("%+v", p)
		}
	}
	here := machine.Read(boardWith("2b"))
	if err := machine.NewNote(st.Gateway.ID, here, time.Now()).Save(filepath.Join(s.State, "machine.json")); err != nil {
		t.Fatal(err)
	}
	g.Until("it is solved", func(st *status.Document) bool { return !elsewhere(st) })
	s.Settled(g.Halt())

	g = s.Run(gateway.Options{Machine: boardWith("2b")})
	if st := g.Until("it has looked", func(st *status.Document) bool { return st.Link.State == status.LinkOnline }); elsewhere(st) {
		t.Error("asked again at the next start")
	}
}
