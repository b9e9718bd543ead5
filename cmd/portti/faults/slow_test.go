//go:build faults

package faults

import (
	"testing"
	"time"

	"portti/cmd/portti/bench"
	"portti/cmd/portti/daemon"
)

// Row 19: a card whose every sync takes 6 s. Reading and sending go on from
// memory without waiting for it, the status names it, no part counts as stuck,
// and when it is over all that waits is on disk.
func TestSlowDisk(t *testing.T) {
	t.Parallel()
	needTool(t, "strace")
	s := newSite(t, bench.Options{})
	s.buffer = "commit_every = \"200ms\""
	g := s.start()
	s.line().feed(t, 50)
	g.until("50 arrive", s.arrived) // and with them the time of this boot is on disk
	s.down()
	s.line().feed(t, 50)
	g.until("50 are on disk", func(st *daemon.Status) bool { return st.Buffer.WaitingDisk >= 50 })
	heal := g.disturb("fdatasync,fsync:delay_enter=6000000")
	for n := 200; n <= 500; n += 100 {
		began := time.Now()
		s.line().feed(t, 100)
		g.until("100 more are read", read(n))
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("reading 100 took %v", took)
		}
	}
	st := g.until("it names the slow disk", func(st *daemon.Status) bool { return hasProblem(st, "BUF-SLOW") })
	if hasProblem(st, "SYS-WATCHDOG", "BUF-IO") || st.Buffer.State == daemon.BufferDegraded {
		t.Errorf("slow is not broken: %+v", st.Problems)
	}
	began := time.Now()
	s.up()
	g.until("all arrive", s.arrived)
	if took := time.Since(began); took > 6*time.Second {
		t.Errorf("delivery took %v: it waited for the disk", took)
	}
	s.down()
	s.line().feed(t, 100)
	g.until("100 more are read", read(600))
	heal()
	g.until("all that waits is on disk", func(st *daemon.Status) bool { return st.Totals.Waiting == 0 || st.Buffer.WaitingMemory == 0 })
	g.kill()
	s.line().clear(t)
	s.up()
	g = s.start()
	s.whole(g.until("all are delivered", func(st *daemon.Status) bool { return drained(st) && s.arrived(st) }))
	g.stop()
}
