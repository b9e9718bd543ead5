package crashtest_test

import (
	"bytes"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portti/buffer/crashtest"
)

// folder is a real folder and its layer.
type folder struct {
	t   *testing.T
	dir string
	*crashtest.Layer
}

func newFolder(t *testing.T) folder {
	dir := filepath.Join(t.TempDir(), "it")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return folder{t, dir, crashtest.NewLayer(dir)}
}

func (f folder) put(name, text string) (inode int) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	inode = f.Inode(name)
	f.Write(inode, name, []byte(text), 0)
	return inode
}

// after is what may be in a file after a cut, over many cuts of the same story.
func after(t *testing.T, name string, story func(folder)) map[string]bool {
	t.Helper()
	seen := map[string]bool{}
	for seed := range int64(200) {
		f := newFolder(t)
		story(f)
		if err := f.Cut(rand.New(rand.NewSource(seed))); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(f.dir, name))
		if err != nil {
			b = []byte("none")
		}
		seen[strings.Trim(string(b), "\x00")] = true
	}
	return seen
}

func TestWhatACutLeaves(t *testing.T) {
	for what, c := range map[string]struct {
		story func(folder)
		want  []string // all of these, and nothing else
	}{
		"nothing synced":     {func(f folder) { f.put("a", "text") }, []string{"none", "", "text"}},
		"only the file":      {func(f folder) { f.Sync(f.put("a", "text"), true) }, []string{"none", "text"}},
		"file and folder":    {func(f folder) { f.Sync(f.put("a", "text"), true); f.SyncDir() }, []string{"text"}},
		"only the folder":    {func(f folder) { f.put("a", "text"); f.SyncDir() }, []string{"", "text"}},
		"removed":            {func(f folder) { f.Sync(f.put("a", "text"), true); f.SyncDir(); f.Remove("a") }, []string{"none", "text"}},
		"removed and synced": {func(f folder) { f.Sync(f.put("a", "text"), true); f.Remove("a"); f.SyncDir() }, []string{"none"}},
		"renamed over": {func(f folder) {
			f.Sync(f.put("a", "old"), true)
			f.SyncDir()
			f.Sync(f.put("b", "new"), true)
			f.Rename("b", "a")
		}, []string{"old", "new"}},
		"a sync that failed": {func(f folder) {
			i := f.put("a", "text")
			f.SyncDir()
			f.Sync(i, false)
			f.Sync(i, true) // the kernel says that all is well
		}, []string{"", "text"}},
		"and the page written again": {func(f folder) {
			i := f.put("a", "text")
			f.SyncDir()
			f.Sync(i, false)
			f.Write(i, "a", []byte("s"), 4)
			f.Sync(i, true)
		}, []string{"texts"}},
		"ruined": {func(f folder) {
			f.put("a", "text")
			f.SyncDir()
			if err := f.Spoil("a", func(b []byte) []byte { return []byte("bad") }); err != nil {
				f.t.Error(err)
			}
		}, []string{"bad"}},
	} {
		seen := after(t, "a", c.story)
		for _, w := range c.want {
			if !seen[w] {
				t.Errorf("%s: never %q", what, w)
			}
			delete(seen, w)
		}
		if len(seen) > 0 {
			t.Errorf("%s: there was also %v", what, seen)
		}
	}
}

// Pages survive each for itself, and some of them in part.
func TestPagesAreTorn(t *testing.T) {
	text := strings.Repeat("x", 3*crashtest.PageSize)
	seen := after(t, "a", func(f folder) { f.put("a", text); f.SyncDir() })
	if len(seen) < 20 || !seen[text] || !seen[""] {
		t.Errorf("%d different texts", len(seen))
	}
}

// A commit is passed on as what changed, data pages before meta pages.
func TestCommitIsWhatChanged(t *testing.T) {
	var ops []crashtest.Op
	r := crashtest.NewRecorder(func(o crashtest.Op) { ops = append(ops, o) })
	file := make([]byte, 8*crashtest.PageSize)
	commit := func(well bool) []crashtest.Op {
		ops = nil
		if err := r.Commit(r.Inode("db"), bytes.NewReader(file), int64(len(file)), well); err != nil {
			t.Fatal(err)
		}
		return ops
	}
	if got := commit(true); len(got) != 1+8+1 {
		t.Errorf("a new file: %d operations", len(got))
	}
	for i, want := range []string{"write, write, failed sync", "write, sync, write, failed sync"} {
		file[0]++
		file[5*crashtest.PageSize]++
		file = append(file, make([]byte, crashtest.PageSize)...)
		var kinds []string
		for _, o := range commit(false) {
			kinds = append(kinds, o.Kind)
		}
		if got := strings.Join(kinds, ", "); got != want {
			t.Errorf("commit %d: %s", i, got)
		}
	}
	if got := commit(true); len(got) != 0 {
		t.Errorf("nothing changed: %v", got)
	}
}
