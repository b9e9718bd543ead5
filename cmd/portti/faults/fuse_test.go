//go:build faults

package faults

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"portti/cmd/portti/rig"
	"portti/cmd/portti/rig/faultfs"
	"portti/cmd/portti/status"
	"portti/cross/testkit"
)

// below puts a file system that can misbehave below the folder of the buffer, and
// gives that and the folder in which the files really are.
func (s *site) below(t *testing.T) (f *faultfs.FS, real string) {
	t.Helper()
	real, at := filepath.Join(s.Dir, "real"), filepath.Join(s.State, "buffer.v2")
	for _, dir := range []string{real, at} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	f, err := faultfs.Mount(real, at)
	testkit.Need(t, "FUSE", err)
	t.Cleanup(func() {
		defer f.Abandon()
		// A killed process may hold it for a moment.
		testkit.Eventually(t, "it can be unmounted", func() bool { return f.Unmount() == nil })
	})
	return f, real
}

// struck prints what became of a plan and fails a test whose plan struck nothing.
func struck(t *testing.T, f *faultfs.FS) {
	t.Helper()
	t.Log(f.Report())
	if f.Struck() == 0 {
		t.Error("nothing was answered with an error: the test tested nothing")
	}
}

// segmentsIn names the files with readings, oldest first.
func segmentsIn(dir string) []string {
	names, _ := filepath.Glob(filepath.Join(dir, "*.seg"))
	for i, n := range names {
		names[i] = filepath.Base(n)
	}
	slices.Sort(names)
	return names
}

// arrives waits until the last n readings that were fed have arrived.
func (s *site) arrives(g *rig.Process, what string, n int) {
	s.Helper()
	last := s.Line().Count()
	g.Until(what, func(*status.Document) bool { return len(s.Oracle.Missing(s.Line().Tuid, last-n+1, last)) == 0 })
}
