//go:build faults

package faults

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

func device(st *status.Document, name string) status.Device {
	for _, d := range st.Devices {
		if d.Name == name {
			return d
		}
	}
	return status.Device{}
}

// The adapter is pulled again and again, also in mid-reading, and
// stays away for a while at the end. The port is closed, found again, and the log
// has a few lines for each time.
func TestUnplugged(t *testing.T) {
	t.Parallel()
	s := newSite(t, testbed.Options{}, "panel", "other")
	plugs := number("PORTTI_PLUGS", 20)
	g := s.Start()
	panel, other := s.Lines[0], s.Lines[1]
	stop := other.Flow(5 * time.Millisecond)
	for i := range plugs {
		panel.Feed(5)
		g.Until("five more are read", func(st *status.Document) bool { return device(st, "panel").Read == uint64(5*(i+1)) })
		if i%2 == 0 { // a reading cut in the middle is none
			ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
			if _, err := panel.Pty.Write(ctx, []byte(`{"n":99`)); err != nil {
				t.Fatal(err)
			}
			cancel()
		}
		panel.Unplug()
		g.Until("it is missed", func(st *status.Document) bool { return device(st, "panel").State == status.DeviceMissing })
		panel.Plug()
		g.Until("it is read again", func(st *status.Document) bool {
			return device(st, "panel").Resolved == panel.Pty.Path() && device(st, "panel").State != status.DeviceMissing
		})
	}
	panel.Unplug()
	g.Until("it shows DEV-GONE", func(st *status.Document) bool { return rig.HasProblem(st, "DEV-GONE") })
	stop()
	quiet(g, 20+6*plugs)
	g.Until("all arrive", s.Arrived)
	s.Whole(g.Until("all are acknowledged", rig.Drained))
	g.Stop()
}

// One line floods as fast as it can, the other's readings come
// through, none of either is lost silently, and the gateway stays answerable.
func TestFlood(t *testing.T) {
	t.Parallel()
	s := newSite(t, testbed.Options{}, "flood", "calm")
	s.Device = "rate_limit = 200"
	s.Buffer = "max_size = \"20MB\""
	g := s.Start()
	flood, calm := s.Lines[0], s.Lines[1]
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var lines atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for flood.Put(ctx, 1000) == nil {
			lines.Add(1000)
		}
	}()
	for range 100 {
		calm.Feed(1)
		time.Sleep(30 * time.Millisecond)
	}
	g.Until("the calm line's readings arrive", func(*status.Document) bool { return s.Oracle.Count(calm.Tuid) == 100 })
	g.Until("the flood is more than it may be", func(st *status.Document) bool { return device(st, "flood").Ledger.Lost["rate"] > 1000 })
	cancel()
	<-done
	n := 0 // what is still on the line may come between two looks: both must fit
	st := g.Until("all is delivered, and no other than is acknowledged", func(st *status.Document) bool {
		n = s.Oracle.Count(flood.Tuid)
		d := device(st, "flood")
		return rig.Drained(st) && d.Read+2000 > uint64(lines.Load()) && uint64(n) == d.Ledger.Acked
	})
	d := device(st, "flood")
	if d.Ledger.Lost["rate"] == 0 || d.Ledger.Lost.Sum() != d.Ledger.Lost["rate"] {
		t.Errorf("%d arrived; the ledger has %+v", n, d.Ledger)
	}
	if l := device(st, "calm").Ledger; l.Lost.Sum() != 0 || l.Acked != 100 {
		t.Errorf("the calm line: %+v", l)
	}
	s.Oracle.Honest(t, s.Lines...)
	quiet(g, 40)
	t.Logf("%d lines taken, %d readings kept, %d shed by rate_limit", lines.Load(), d.Ledger.Acked, d.Ledger.Lost["rate"])
	g.Stop()
}

// Rows 55 and 56: a megabyte without a newline, noise, zeros and ones. None of
// it becomes a reading, memory stays flat, and the line works afterwards.
func TestGarbage(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 200_000)
	state := uint32(1)
	for i := range noise {
		state = state*1664525 + 1013904223
		noise[i] = byte(state >> 24)
	}
	s := newSite(t, testbed.Options{}, "panel", "other")
	g := s.Start()
	before := residentKB(g)
	stop := s.Lines[1].Flow(5 * time.Millisecond)
	for name, junk := range map[string][]byte{
		"one long line": bytes.Repeat([]byte("x"), 1<<20),
		"noise":         noise,
		"zeros":         make([]byte, 100_000),
		"ones":          bytes.Repeat([]byte{0xff}, 100_000),
		"open braces":   bytes.Repeat([]byte(`{"n":[`), 20_000),
	} {
		ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
		bad := device(g.Status(), "panel").Bad
		if _, err := s.Lines[0].Pty.Write(ctx, append(junk, '\n')); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		cancel()
		g.Until(name+" is counted", func(st *status.Document) bool { return device(st, "panel").Bad > bad })
		s.Lines[0].Feed(3)
		g.Until("three good ones after "+name+" arrive", s.arrivedOn(s.Lines[0]))
	}
	if after := residentKB(g); after > before+16<<10 {
		t.Errorf("resident memory went from %d to %d KB", before, after)
	}
	stop()
	g.Until("all arrive", s.Arrived)
	quiet(g, 60)
	s.Whole(g.Until("all are acknowledged", rig.Drained))
	g.Stop()
}

func (s *site) arrivedOn(l *rig.Line) func(*status.Document) bool {
	return func(*status.Document) bool { return s.Oracle.Count(l.Tuid) == l.Count() }
}

func residentKB(g *rig.Process) int {
	g.Helper()
	kb, _ := strconv.Atoi(strings.TrimSuffix(field(g.Proc("status"), "VmRSS:"), " kB"))
	return kb
}

// A second gateway on the same port says who holds it, and takes over
// when the first one is gone.
func TestTwoGatewaysOnOnePort(t *testing.T) {
	t.Parallel()
	first := newSite(t, testbed.Options{})
	a := first.Start()
	second := rig.Bare(t)
	second.Oracle, second.URL, second.Lines, second.Program = first.Oracle, first.URL, first.Lines, first.Program
	b := second.Spawn()
	b.Until("it names the holder", func(st *status.Document) bool {
		d := device(st, "panel")
		return d.State == status.DeviceBusy && strings.Contains(d.LastError, fmt.Sprintf("process %d", a.Pid()))
	})
	b.Until("it shows DEV-BUSY", func(st *status.Document) bool { return rig.HasProblem(st, "DEV-BUSY") })
	first.Line().Feed(100)
	a.Until("the first is not disturbed", first.Arrived)
	a.Stop()
	b.Until("the second takes over", second.Reading)
	first.Line().Feed(100)
	b.Until("and delivers", first.Arrived)
	first.Whole(nil)
	b.Stop()
}
