package buffer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoteOfAnOlderVersion: a note with the names of files in use, as older
// versions left it when they were killed, means nothing. It is no fault, no file
// is suspected because of it, and the next start removes it if it can.
func TestNoteOfAnOlderVersion(t *testing.T) {
	for name, c := range map[string]struct {
		put   func(path, text string) error
		stays bool
	}{
		"file":   {put: func(p, text string) error { return os.WriteFile(p, []byte(text), 0o600) }},
		"link":   {put: func(p, _ string) error { return os.Symlink("/dev/zero", p) }},
		"folder": {put: func(p, _ string) error { return os.MkdirAll(filepath.Join(p, "x"), 0o700) }, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(fastDir(t), "q")
			texts := filled(t, dir, 64, nil)
			path := filepath.Join(dir, oldNote)
			if err := c.put(path, strings.Repeat(filepath.Base(segmentFiles(t, dir)[0])+"\n", 2)); err != nil {
				t.Fatal(err)
			}
			if l := looked(t, dir); len(l.Faults) != 0 {
				t.Errorf("%+v", l.Faults)
			}
			q := mustOpen(t, testOptions(dir))
			_, recs := drain(t, q)
			if s := q.Stats(); len(recs) != len(texts) || len(s.Damaged) != 0 || s.Degraded {
				t.Errorf("%d records of %d, %+v", len(recs), len(texts), s)
			}
			mustClose(t, q)
			if _, err := os.Lstat(path); os.IsNotExist(err) == c.stays {
				t.Error("the note: ", err)
			}
		})
	}
}
