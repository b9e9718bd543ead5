//go:build faults

package faults

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// Row 17: the buffer's folder, or a file in it, belongs to someone else. Readings
// go to the server from memory, what is wrong shows, nothing there is touched,
// and when the owner is put right the buffer is taken into use, without a
// restart. The code is BUF-READONLY, not the BUF-IO of the table: its sentence is
// that the folder cannot be written, and its action to look who owns it.
func TestBufferOfSomeoneElse(t *testing.T) {
	needRoot(t)
	testkit.NeedTool(t, "setpriv")
	for name, glob := range map[string]string{"folder": "", "state file": "state", "segment": "*.seg"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bufferOfSomeoneElse(t, glob)
		})
	}
}

func bufferOfSomeoneElse(t *testing.T, glob string) {
	const nobody = 65534
	s := newSite(t, testbed.Options{})
	s.Buffer = "commit_every = \"100ms\""
	dir := filepath.Join(s.State, "buffer.v2")
	g := s.Start()
	s.Line().Feed(10)
	g.Until("10 arrive", s.Arrived)
	s.Down()
	s.Line().Feed(50)
	g.Until("60 are read and on disk", func(st *status.Document) bool { return st.Totals.Read == 60 && st.Buffer.WaitingMemory == 0 })
	g.Stop()
	s.Line().Clear()
	theirs, err := filepath.Glob(filepath.Join(dir, glob))
	if err != nil || len(theirs) == 0 {
		t.Fatalf("nothing to give away: %v", err)
	}
	own := func(uid int) {
		for _, p := range theirs {
			if err := os.Chown(p, uid, uid); err != nil {
				t.Fatal(err)
			}
		}
	}
	own(nobody)
	before := contents(t, dir)
	// The kernel asks root who owns a file, once it has lost the right to pass.
	s.wrap([]string{"setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner,-chown"}...)
	s.Up()
	g = s.Start()
	s.Line().Feed(40)
	g.Until("40 come from memory, and it shows why", func(st *status.Document) bool {
		return s.Oracle.Count(s.Line().Tuid) >= 50 && degraded(st) && rig.HasProblem(st, "BUF-READONLY") &&
			strings.Contains(st.Buffer.LastError, "permission denied")
	})
	if m := s.Oracle.Missing(s.Line().Tuid, 61, 100); len(m) > 0 {
		t.Errorf("%d of those in memory have not come", len(m))
	}
	if !maps.Equal(before, contents(t, dir)) {
		t.Error("the folder of someone else was changed")
	}
	own(0)
	g.Until("it takes the buffer into use", func(st *status.Document) bool { return healthy(st) && !rig.HasProblem(st, "BUF-READONLY") })
	s.Line().Feed(10)
	g.Until("all arrive", s.Arrived)
	s.Whole(g.Until("all are acknowledged", rig.Drained))
	g.Stop()
}

// contents is what is in a folder: who owns it, and the bytes.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var text []byte
		if info.Mode().IsRegular() {
			text, err = os.ReadFile(path)
		}
		all[path] = fmt.Sprint(info.Mode(), info.ModTime(), string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
