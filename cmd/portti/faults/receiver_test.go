//go:build faults

package faults

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
)

// The server process is killed at random moments while readings flow, a hundred
// times in each mode. It proves only what it has written, so what the gateway
// calls acknowledged is there; with envelope nothing is there twice.
//
// In mode none nothing is proven and readings may be missing, but the gateway
// gets back every time, and nothing is made up.
func TestReceiverKilledInEveryMode(t *testing.T) {
	for _, ack := range []string{"fence", "count", "envelope", "none"} {
		t.Run(ack, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, testbed.Options{})
			r := &receiver{t: t, addr: "127.0.0.1:0", out: filepath.Join(s.Dir, "received"), args: []string{"--ack", ack}}
			r.start()
			s.URL = "ws://" + r.addr + "/socket"
			s.Uplink = "ack = \"" + ack + "\"\nfence_hold = \"2s\""
			g := s.Start()
			stop := s.Line().Flow(2 * time.Millisecond)
			kills := number("PORTTI_SERVER_KILLS", 100)
			for range kills {
				time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond)
				r.kill()
				r.start()
			}
			stop()
			s.Line().Feed(1)
			st := g.Until("all are proven", func(st *status.Document) bool {
				return rig.Drained(st) && st.Totals.Read == uint64(s.Line().Count())
			})
			g.Stop()
			r.kill()
			s.Oracle.TakeFile(t, r.out)
			t.Logf("%d kills: %d fed, %d arrived, %d came again", kills, s.Line().Count(), s.Oracle.Count(s.Line().Tuid), s.Oracle.Repeats())
			if ack == "none" {
				s.Oracle.Honest(t, s.Lines...)
				return
			}
			s.Whole(st)
			if ack == "envelope" && s.Oracle.Repeats() > 0 {
				t.Errorf("%d readings are in the file twice", s.Oracle.Repeats())
			}
		})
	}
}

// A hundred kills of a server that pongs before its handler is done, with a
// fence_hold above the handler's delay. The hold covers one crash at a time, so
// each kill waits until the handler has passed what was fed before the last.
func TestLaggingReceiverKilledOftenLosesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, testbed.Options{})
	const delay = 50 * time.Millisecond
	server := newLaggard(t, s.Oracle, false, delay)
	s.URL, s.Uplink = server.url(), "fence_hold = \"2s\""
	g := s.Start()
	stop := s.Line().Flow(2 * time.Millisecond)
	tuid := s.Line().Tuid
	for range number("PORTTI_SERVER_KILLS", 100) {
		time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond)
		fed := s.Line().Count()
		server.kill()
		server.revive()
		g.Until("the handler is past the crash", func(*status.Document) bool {
			return s.Oracle.Newest(tuid) > fed
		})
	}
	stop()
	g.Until("all are proven", rig.Drained)
	g.Until("the handler is done", s.Arrived)
	s.Whole(g.Status())
	g.Stop()
	if len(server.dropped) == 0 {
		t.Error("no kill met a full queue: this test tested nothing")
	}
	t.Logf("%d fed, %d were lost in the server's queue and came again", s.Line().Count(), len(server.dropped))
}

// A receiver that is started anew on the same file goes on where it was.
func TestReceiverKeepsItsMarks(t *testing.T) {
	t.Parallel()
	s := newSite(t, testbed.Options{})
	r := &receiver{t: t, addr: "127.0.0.1:0", out: filepath.Join(s.Dir, "received"), args: []string{"--ack", "envelope"}}
	r.start()
	s.URL, s.Uplink = "ws://"+r.addr+"/socket", "ack = \"envelope\""
	g := s.Start()
	s.Line().Feed(50)
	g.Until("all are proven", func(st *status.Document) bool { return rig.Drained(st) && st.Totals.Read == 50 })
	text, err := os.ReadFile(r.out + ".marks")
	var last struct {
		GW      string
		Through int
	}
	if err == nil {
		err = json.Unmarshal(text[len(text)-1-lastLine(text):], &last)
	}
	if err != nil || last.GW != s.ID || last.Through < 50 {
		t.Errorf("the marks say %+v, %v:\n%s", last, err, text)
	}
	g.Stop()
}

// lastLine is the length of the last line without its end.
func lastLine(text []byte) int {
	n := 0
	for n < len(text)-1 && text[len(text)-2-n] != '\n' {
		n++
	}
	return n
}
