package gateway_test

import (
	"encoding/hex"
	"fmt"
	"testing"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
	"portti/device/dualmcu"
	"portti/device/dualmcu/sinktest"
)

// sinkLine is a sink on a pseudo-terminal, and how many readings its mesh has sent.
type sinkLine struct {
	*rig.Line
	sink *sinktest.Sink
	sent int
}

// withSink adds one to a site.
func withSink(t *testing.T, s *rig.Site, keys string) *sinkLine {
	t.Helper()
	l := &sinkLine{Line: rig.NewLine(t, s.Dir, "sink"), sink: sinktest.New(0x00C0DB01)}
	go l.sink.Serve(ptyPort{t, l})
	s.More += fmt.Sprintf("[[device]]\nname = \"sink\"\ntype = \"wirepas\"\nport = %q\nid = \"XXXX03SINK0000001\"\n%s\n", l.Link, keys)
	return l
}

// ptyPort is the sink's end of the line.
type ptyPort struct {
	t *testing.T
	l *sinkLine
}

func (p ptyPort) Read(b []byte) (int, error)  { return p.l.Pty.Read(b) }
func (p ptyPort) Write(b []byte) (int, error) { return p.l.Pty.Write(p.t.Context(), b) }

// send has the mesh send n readings, of 50 nodes.
func (l *sinkLine) send(n int) {
	for range n {
		apdu, _ := hex.DecodeString(fmt.Sprintf("9fa30119332c020a182c1a%08xff", l.sent))
		l.sink.Data(dualmcu.Data{Source: uint32(l.sent % 50), SourceEnd: 21, DestEnd: 21, Travel: 64, APDU: apdu})
		l.sent++
	}
}

// TestSinkBesideAPanel: ten thousand indications in a row, with a restart of the sink in
// between, arrive, and so does what another port reads meanwhile.
func TestSinkBesideAPanel(t *testing.T) {
	t.Parallel()
	out := &received{}
	s := rig.New(t, testbed.Options{Out: out})
	l := withSink(t, s, `nodes = {"0x01" = "XXXX03DOOR0000001"}`)
	l.send(5000)
	g := s.Run(gateway.Options{})
	s.Line().Feed(200)
	testkit.Eventually(t, "the sink is empty", func() bool { return l.sink.Taken() == 5000 }, g.Picture)
	l.sink.Restart(byte(dualmcu.Stopped))
	g.Until("the stack is stopped, and the sink has heard the answer", func(st *status.Document) bool {
		return rig.HasProblem(st, "WPS-STOPPED") && l.sink.Taken() == 5001
	})
	l.sink.Restart(0)
	l.send(5000)
	s.Line().Feed(200)
	st := g.Until("all is delivered", func(st *status.Document) bool {
		return st.Totals.Read == 10_400 && rig.Drained(st) && !rig.HasProblem(st, "WPS-STOPPED")
	})
	if st.Totals.Acked != 10_400 || s.Server.Stats().Distinct != 10_400 || l.sink.Bad() != 0 {
		t.Errorf("%+v, the server has %s, the sink could not read %d", st.Totals, s.Server.Stats().Summary(), l.sink.Bad())
	}
	for _, want := range []string{
		`"tsmTuid":"XXXX03DOOR0000001","tsmGw":"XXXX00TEST0000001","moveCount":1}`,
		`"tsmTuid":"XXXX0300000000031","tsmGw":"XXXX00TEST0000001","moveCount":9999}`,
	} {
		if !out.has(want) {
			t.Errorf("%s has not come", want)
		}
	}
	g.Halt()
}

// TestSinkCostFollowsTheBuffer: nodes are sent elsewhere while there is no room, and come
// back when there is, or when the gateway stops.
func TestSinkCostFollowsTheBuffer(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	s.Buffer = "max_size = \"1MiB\"\nmin_free_disk = \"0MB\"\ncommit_every = \"100ms\""
	l := withSink(t, s, "raise_cost = true")
	l.sink.SetCost(3)
	s.Server.Refuse(true)
	g := s.Run(gateway.Options{})
	cost := func(what string, want byte) {
		t.Helper()
		testkit.Eventually(t, what, func() bool {
			// In a buffer this small readings are shed from three quarters of it on.
			if b := g.Status().Buffer; want == 254 && l.sink.Taken() == l.sent && b.Bytes*100 < b.CapacityBytes*74 {
				l.send(int(b.CapacityBytes*75/100-b.Bytes)/500 + 20) // half of what it takes
			}
			return l.sink.Cost() == want
		}, g.Picture)
	}
	cost("it is raised", 254)
	g.Halt()
	if got := l.sink.Cost(); got != 3 {
		t.Errorf("after the end the cost is %d, want 3", got)
	}
	g = s.Run(gateway.Options{})
	cost("it is raised again", 254)
	s.Server.Refuse(false)
	cost("it is taken back", 3)
}
