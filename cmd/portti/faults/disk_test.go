//go:build faults

package faults

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// disk is a small ext4 of its own, in a file behind a loop device.
type disk struct {
	t          *testing.T
	image, dir string
}

// newDisk makes and mounts one. Further words go to mkfs.
func newDisk(t *testing.T, megabytes int, mkfs ...string) *disk {
	t.Helper()
	needRoot(t)
	testkit.NeedTool(t, "mkfs.ext4")
	testkit.NeedTool(t, "mount")
	testkit.NeedTool(t, "findmnt")
	d := &disk{t: t, dir: filepath.Join(rig.Folder(t), "disk")}
	d.image = d.dir + ".img"
	f, err := os.Create(d.image)
	if err == nil {
		err = f.Truncate(int64(megabytes) << 20)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	command(t, append(append([]string{"mkfs.ext4", "-q", "-F", "-m", "0"}, mkfs...), d.image)...)
	if err := os.Mkdir(d.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	command(t, "mount", "-o", "loop,errors=remount-ro", d.image, d.dir) // the loop device goes with the mount
	t.Cleanup(func() {
		defer func() { _ = syscall.Unmount(d.dir, syscall.MNT_DETACH) }()
		// A killed process may hold it for a moment.
		testkit.Eventually(t, "the disk can be unmounted", func() bool { return syscall.Unmount(d.dir, 0) == nil })
	})
	return d
}

// fill leaves no byte free; empty gives them back.
func (d *disk) fill() {
	d.t.Helper()
	f, err := os.Create(filepath.Join(d.dir, "filler"))
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size >= 512; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}

func (d *disk) empty() {
	d.t.Helper()
	if err := os.Remove(filepath.Join(d.dir, "filler")); err != nil {
		d.t.Fatal(err)
	}
}

func (d *disk) remount(how string) { d.t.Helper(); command(d.t, "mount", "-o", "remount,"+how, d.dir) }

// error makes ext4 believe that it found its own data damaged. As it was
// mounted, it turns read-only under the files that are open.
func (d *disk) error() {
	d.t.Helper()
	device := strings.TrimSpace(command(d.t, "findmnt", "-n", "-o", "SOURCE", d.dir))
	path := "/sys/fs/ext4/" + filepath.Base(device) + "/trigger_fs_error"
	if err := os.WriteFile(path, []byte("1"), 0); err != nil {
		d.t.Fatal(err)
	}
}

func (s *site) stateOn(d *disk) { s.State = filepath.Join(d.dir, "state") }

// rest is the common end of the stories below: the server is back, live data
// went on, everything arrives, and the log did not storm.
func (s *site) rest(g *rig.Process, lines int) {
	s.Helper()
	s.Up()
	g.Until("all arrive", s.Arrived)
	st := g.Until("all are acknowledged", rig.Drained)
	s.Whole(st)
	quiet(g, lines)
}

func degraded(st *status.Document) bool { return st.Buffer.State == status.BufferDegraded }

func healthy(st *status.Document) bool {
	return st.Buffer.State == status.BufferOK && st.Buffer.WaitingMemory == 0 && !rig.HasProblem(st, "BUF-IO", "BUF-READONLY")
}

// The disk fills up under a running gateway that needs it. What was on
// disk stays, what comes waits in memory, live sending works from there, and
// when space returns it is used without a restart. Row 6.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	d := newDisk(t, 16)
	s := newSite(t, testbed.Options{})
	s.stateOn(d)
	s.Buffer = "commit_every = \"100ms\""
	s.Down()
	g := s.Start()
	s.Line().Feed(200)
	g.Until("200 are on disk", func(st *status.Document) bool { return st.Buffer.WaitingDisk == 200 })
	d.fill()
	s.Line().Feed(20_000) // more than the room inside the file
	g.Until("all are read", rig.Read(20_200))
	g.Until("it shows that the disk fails", func(st *status.Document) bool { return degraded(st) && rig.HasProblem(st, "BUF-IO") })
	g.Until("there is no room left", func(st *status.Document) bool { return st.Buffer.NoRoom() && st.Buffer.HeadroomS == 0 })
	s.Up()
	g.Until("it sends all the same", s.Arrived)
	s.Down()
	s.Line().Feed(100)
	g.Until("100 more are read", rig.Read(20_300))
	d.empty()
	g.Until("it is well again", healthy)
	s.rest(g, 60)
	g.Stop()
}

// Rows 7 and 8: no room, no inode, or a read-only disk when the gateway
// starts for the first time. It runs from memory, says so, and takes the disk
// into use when that works.
func TestDiskUselessAtTheStart(t *testing.T) {
	for name, c := range map[string]struct {
		mkfs   []string
		break_ func(*disk)
		mend   func(*disk)
		code   string
	}{
		"full":      {break_: (*disk).fill, mend: (*disk).empty, code: "BUF-IO"},
		"no inodes": {mkfs: []string{"-N", "16"}, break_: (*disk).inodes, mend: (*disk).freeInodes, code: "BUF-IO"},
		"read-only": {break_: func(d *disk) { d.remount("ro") }, mend: func(d *disk) { d.remount("rw") }, code: "BUF-READONLY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDisk(t, 16, c.mkfs...)
			s := newSite(t, testbed.Options{})
			s.stateOn(d)
			s.Buffer = "commit_every = \"100ms\""
			if err := os.Mkdir(s.State, 0o700); err != nil { // the unit makes it
				t.Fatal(err)
			}
			c.break_(d)
			g := s.Start()
			s.Line().Feed(500)
			g.Until("all arrive", s.Arrived)
			s.Down()
			s.Line().Feed(500)
			g.Until("it shows "+c.code, func(st *status.Document) bool {
				return degraded(st) && rig.HasProblem(st, c.code) && st.Totals.Read == 1000
			})
			c.mend(d)
			// It tries again after 1, 2, 4 ... 60 s.
			g.Until("it takes the disk into use", healthy)
			s.rest(g, 60)
			g.Stop()
		})
	}
}

func (d *disk) inodes() {
	d.t.Helper()
	for i := range 1000 {
		f, err := os.Create(filepath.Join(d.dir, "inode-"+strconv.Itoa(i)))
		if err != nil {
			return
		}
		f.Close()
	}
	d.t.Fatal("the inodes do not run out")
}

func (d *disk) freeInodes() {
	names, _ := filepath.Glob(filepath.Join(d.dir, "inode-*"))
	for _, n := range names {
		os.Remove(n)
	}
}

// The disk turns read-only with readings on it and in memory. Both are
// sent, acknowledgements are remembered, and what came meanwhile is on disk
// once it can be written again. Row 9.
func TestDiskTurnsReadOnly(t *testing.T) {
	t.Parallel()
	d := newDisk(t, 16)
	s := newSite(t, testbed.Options{})
	s.stateOn(d)
	s.Buffer = "commit_every = \"100ms\""
	s.Uplink = "fence_hold = \"1s\""
	s.Down()
	g := s.Start()
	s.Line().Feed(1000)
	g.Until("1000 are on disk", func(st *status.Document) bool { return st.Buffer.WaitingDisk == 1000 })
	d.error()
	s.Line().Feed(500)
	g.Until("it shows that the disk fails", func(st *status.Document) bool {
		return degraded(st) && rig.HasProblem(st, "BUF-READONLY", "BUF-IO") && st.Totals.Read == 1500
	})
	s.rest(g, 60)
	s.Line().Feed(300)
	s.rest(g, 60)
	g.StopAnyhow()
}
