//go:build faults

package faults

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
)

// Row 24: the disk with the state folder is taken away under the gateway, an
// empty folder shows in its place, then the disk comes back. The gateway makes
// nothing where it is not at home, sends on from memory, names what is wrong,
// and goes on with its own disk, without a restart and without a loss.
func TestDiskVanishesAndReturns(t *testing.T) {
	t.Parallel()
	d := newDisk(t, 16)
	s := newSite(t, testbed.Options{})
	s.stateOn(d)
	s.Buffer = "commit_every = \"100ms\""
	g := s.Start()
	s.Line().Feed(50)
	g.Until("50 arrive", s.Arrived) // and the time of this boot is on disk
	s.Down()
	s.Line().Feed(950)
	g.Until("they are on disk", func(st *status.Document) bool { return st.Buffer.WaitingDisk >= 950 })
	device := strings.TrimSpace(command(t, "findmnt", "-n", "-o", "SOURCE", d.dir))
	if err := syscall.Unmount(d.dir, syscall.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	s.Line().Feed(500)
	g.Until("it shows that the folder is gone", func(st *status.Document) bool {
		return degraded(st) && rig.HasProblem(st, "BUF-IO") && st.Totals.Read == 1500
	})
	if err := os.MkdirAll(s.State+"/buffer.v2", 0o700); err != nil {
		t.Fatal(err)
	}
	s.Line().Feed(100)
	g.Until("it shows that another is in its place", func(st *status.Document) bool {
		return degraded(st) && rig.HasProblem(st, "BUF-MOVED") && st.Totals.Read == 1600
	})
	if names, err := os.ReadDir(s.State + "/buffer.v2"); err != nil || len(names) > 0 {
		t.Errorf("in the folder that is not its own: %v %v", names, err)
	}
	if err := os.RemoveAll(s.State); err != nil {
		t.Fatal(err)
	}
	command(t, "mount", device, d.dir)
	g.Until("it takes its disk back", func(st *status.Document) bool { return healthy(st) && !rig.HasProblem(st, "BUF-MOVED") })
	s.Line().Feed(100)
	s.rest(g, 60)
	g.Stop()
}

// Row 8 again, in mid-run: the inodes run out when a new file of the buffer is
// needed, and come back.
func TestInodesRunOut(t *testing.T) {
	t.Parallel()
	d := newDisk(t, 32, "-N", "64")
	s := newSite(t, testbed.Options{})
	s.stateOn(d)
	s.Buffer = "commit_every = \"100ms\"\nmax_size = \"8MB\""
	s.Down()
	g := s.Start()
	s.Line().Feed(100)
	g.Until("100 are on disk", func(st *status.Document) bool { return st.Buffer.WaitingDisk == 100 })
	d.inodes()
	s.Line().Feed(12_000) // more than one file takes
	g.Until("it shows that the disk fails", func(st *status.Document) bool {
		return degraded(st) && rig.HasProblem(st, "BUF-IO") && st.Totals.Read == 12_100
	})
	d.freeInodes()
	g.Until("it is well again", healthy)
	s.rest(g, 60)
	g.Stop()
}
