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

	"portti/cmd/portti/bench"
	"portti/cmd/portti/daemon"
)

func device(st *daemon.Status, name string) daemon.DeviceStatus {
	for _, d := range st.Devices {
		if d.Name == name {
			return d
		}
	}
	return daemon.DeviceStatus{}
}

// The adapter is pulled again and again, also in mid-reading, and
// stays away for a while at the end. The port is closed, found again, and no
// loop spins: processor time stays far below what a busy loop would use.
func TestUnplugged(t *testing.T) {
	t.Parallel()
	s := newSite(t, bench.Options{}, "panel", "other")
	plugs := number("PORTTI_PLUGS", 20)
	g := s.start()
	panel, other := s.lines[0], s.lines[1]
	stop := other.flow(t, 5*time.Millisecond)
	began, used := time.Now(), g.processorTime()
	for i := range plugs {
		panel.feed(t, 5)
		g.until("five more are read", func(st *daemon.Status) bool { return device(st, "panel").Read == uint64(5*(i+1)) })
		if i%2 == 0 { // a reading cut in the middle is none
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			if _, err := panel.pty.Write(ctx, []byte(`{"n":99`)); err != nil {
				t.Fatal(err)
			}
			cancel()
		}
		panel.unplug()
		g.untilIn(5*time.Second, "it is missed", func(st *daemon.Status) bool { return device(st, "panel").State == daemon.DeviceMissing })
		panel.plug(t)
		g.untilIn(10*time.Second, "it is read again", func(st *daemon.Status) bool {
			return device(st, "panel").Resolved == panel.pty.Path() && device(st, "panel").State != daemon.DeviceMissing
		})
	}
	panel.unplug()
	g.until("it shows DEV-GONE", func(st *daemon.Status) bool { return hasProblem(st, "DEV-GONE") })
	stop()
	took, used := time.Since(began), g.processorTime()-used
	if used > took/4 {
		t.Errorf("%v of processor time in %v", used, took)
	}
	t.Logf("pulled %d times in %v: %v of processor time", plugs, took.Round(time.Second), used)
	if n := strings.Count(g.said(), "\n"); n > 20+6*plugs {
		t.Errorf("the log has %d lines", n)
	}
	g.until("all arrive", s.arrived)
	s.whole(g.until("all are acknowledged", drained))
	g.stop()
}

// One line floods as fast as it can, the other's readings come
// through, none of either is lost silently, and the gateway stays answerable.
func TestFlood(t *testing.T) {
	t.Parallel()
	s := newSite(t, bench.Options{}, "flood", "calm")
	s.device = "rate_limit = 2000"
	s.buffer = "max_size = \"20MB\""
	g := s.start()
	flood, calm := s.lines[0], s.lines[1]
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	var lines atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for flood.put(ctx, 1000) == nil {
			lines.Add(1000)
		}
	}()
	for range 100 {
		calm.feed(t, 1)
		time.Sleep(30 * time.Millisecond)
	}
	g.untilIn(20*time.Second, "the calm line's readings arrive", func(*daemon.Status) bool { return s.oracle.count(calm.tuid) == 100 })
	<-done
	st := g.until("all is delivered", func(st *daemon.Status) bool {
		return drained(st) && device(st, "flood").Read > uint64(lines.Load())-2000
	})
	d := device(st, "flood")
	if n := s.oracle.count(flood.tuid); uint64(n) != d.Ledger.Acked || d.Ledger.Lost["rate"] == 0 || d.Ledger.Lost.Sum() != d.Ledger.Lost["rate"] {
		t.Errorf("%d arrived; the ledger has %+v", n, d.Ledger)
	}
	if l := device(st, "calm").Ledger; l.Lost.Sum() != 0 || l.Acked != 100 {
		t.Errorf("the calm line: %+v", l)
	}
	s.oracle.honest(t, s.lines...)
	if n := strings.Count(g.said(), "\n"); n > 40 {
		t.Errorf("the log has %d lines", n)
	}
	t.Logf("%d lines/s taken, %d readings kept, %d shed by rate_limit", lines.Load()/5, d.Ledger.Acked, d.Ledger.Lost["rate"])
	g.stop()
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
	s := newSite(t, bench.Options{}, "panel", "other")
	g := s.start()
	before := residentKB(g)
	stop := s.lines[1].flow(t, 5*time.Millisecond)
	for name, junk := range map[string][]byte{
		"one long line": bytes.Repeat([]byte("x"), 1<<20),
		"noise":         noise,
		"zeros":         make([]byte, 100_000),
		"ones":          bytes.Repeat([]byte{0xff}, 100_000),
		"open braces":   bytes.Repeat([]byte(`{"n":[`), 20_000),
	} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		bad := device(g.status(), "panel").Bad
		if _, err := s.lines[0].pty.Write(ctx, append(junk, '\n')); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		cancel()
		g.until(name+" is counted", func(st *daemon.Status) bool { return device(st, "panel").Bad > bad })
		s.lines[0].feed(t, 3)
		g.until("three good ones after "+name+" arrive", s.arrivedOn(s.lines[0]))
	}
	if after := residentKB(g); after > before+16<<10 {
		t.Errorf("resident memory went from %d to %d KB", before, after)
	}
	stop()
	g.until("all arrive", s.arrived)
	if n := strings.Count(g.said(), "\n"); n > 60 {
		t.Errorf("the log has %d lines", n)
	}
	s.whole(g.until("all are acknowledged", drained))
	g.stop()
}

func (s *site) arrivedOn(l *line) func(*daemon.Status) bool {
	return func(*daemon.Status) bool { return s.oracle.count(l.tuid) == l.count() }
}

func residentKB(g *gateway) int {
	g.t.Helper()
	text := procFile(g.t, g.pid(), "status")
	kb, _ := strconv.Atoi(strings.TrimSuffix(field(text, "VmRSS:"), " kB"))
	return kb
}

// A second gateway on the same port says who holds it, and takes over
// when the first one is gone.
func TestTwoGatewaysOnOnePort(t *testing.T) {
	t.Parallel()
	first := newSite(t, bench.Options{})
	a := first.start()
	second := &site{t: t, dir: folder(t), id: first.id, oracle: first.oracle, server: first.server, url: first.url, lines: first.lines}
	second.state = second.dir + "/state"
	b := second.spawn()
	b.until("it names the holder", func(st *daemon.Status) bool {
		d := device(st, "panel")
		return d.State == daemon.DeviceBusy && strings.Contains(d.LastError, fmt.Sprintf("process %d", a.pid()))
	})
	b.until("it shows DEV-BUSY", func(st *daemon.Status) bool { return hasProblem(st, "DEV-BUSY") })
	first.line().feed(t, 100)
	a.until("the first is not disturbed", first.arrived)
	a.stop()
	b.until("the second takes over", reading)
	first.line().feed(t, 100)
	b.until("and delivers", first.arrived)
	first.whole(nil)
	b.stop()
}
