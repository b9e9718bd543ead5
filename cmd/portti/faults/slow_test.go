//go:build faults

package faults

import (
	"fmt"
	"testing"

	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// Row 19: a card whose sync takes longer than this test waits for anything.
// Reading and sending go on from memory without waiting for it, the status names
// it, no part counts as stuck, and when it is over all that waits is on disk.
func TestSlowDisk(t *testing.T) {
	t.Parallel()
	testkit.NeedTool(t, "strace")
	s := newSite(t, testbed.Options{})
	s.Buffer = "commit_every = \"200ms\""
	g := s.Start()
	s.Line().Feed(50)
	g.Until("50 arrive", s.Arrived) // and with them the time of this boot is on disk
	s.Down()
	s.Line().Feed(50)
	g.Until("50 are on disk", func(st *status.Document) bool { return st.Buffer.WaitingDisk >= 50 })
	heal := disturb(g, fmt.Sprintf("fdatasync,fsync:delay_enter=%d", 2*testkit.Patience.Microseconds()))
	for n := 200; n <= 500; n += 100 {
		s.Line().Feed(100)
		g.Until("100 more are read", rig.Read(n))
	}
	st := g.Until("it names the slow disk", func(st *status.Document) bool { return rig.HasProblem(st, "BUF-SLOW") })
	if rig.HasProblem(st, "SYS-WATCHDOG", "BUF-IO") || st.Buffer.State == status.BufferDegraded {
		t.Errorf("slow is not broken: %+v", st.Problems)
	}
	s.Up()
	g.Until("all arrive", s.Arrived)
	s.Down()
	s.Line().Feed(100)
	g.Until("100 more are read", rig.Read(600))
	heal()
	g.Until("all that waits is on disk", func(st *status.Document) bool { return st.Totals.Waiting == 0 || st.Buffer.WaitingMemory == 0 })
	g.Kill()
	s.Line().Clear()
	s.Up()
	g = s.Start()
	s.Whole(g.Until("all are delivered", func(st *status.Document) bool { return rig.Drained(st) && s.Arrived(st) }))
	g.Stop()
}
