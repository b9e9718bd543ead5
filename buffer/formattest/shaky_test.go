package formattest_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"portti/buffer"
)

type shakyFS struct {
	buffer.FS
	dir, image string
	bad        atomic.Bool
	t          *testing.T
}

func (s *shakyFS) Rename(from, to string) error {
	if _, err := os.Stat(filepath.Join(s.dir, to)); err == nil && strings.HasSuffix(to, ".seg") && !s.bad.Swap(true) {
		copied(s.t, s.dir, s.image)
	}
	return s.FS.Rename(from, to)
}

func (s *shakyFS) SyncDir() error {
	if s.bad.Load() {
		return errors.New("no")
	}
	return s.FS.SyncDir()
}

func TestShaky(t *testing.T) {
	base := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(base, "q")
		f := &shakyFS{FS: buffer.OS(dir), dir: dir, image: filepath.Join(base, "image"), t: t}
		q := begin(t, dir, 1, func(o *buffer.Options) { o.FS = f })
		n := 0
		for ; !f.bad.Load() && n < 20000; n += 100 {
			fill(t, q, n, 100)
		}
		settle(q)
		settle(q)
		state, _ := os.ReadFile(filepath.Join(dir, "state"))
		image := f.image
		before, _ := buffer.Inspect(image)
		os.WriteFile(filepath.Join(image, "state"), state, 0o600)
		ours, theirs := harmful(image)
		l, _ := buffer.Inspect(image)
		t.Logf("%d appended; before %+v; after %+v, %+v, %v %v", n, before.Total, l.Total, l.Faults, ours, theirs)
		q.Close()
		q = begin(t, image, 1, nil)
		total, _ := q.Ledger()
		t.Logf("%+v", total)
		q.Close()
	})
}
