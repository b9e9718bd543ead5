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

// unsynced is a disk that can sync its folder no more once a segment is to be put in
// the place of another, and keeps an image of what a cut leaves then.
type unsynced struct {
	buffer.FS
	dir, image string
	bad        atomic.Bool
	t          *testing.T
}

func (u *unsynced) Rename(from, to string) error {
	if _, err := os.Stat(filepath.Join(u.dir, to)); err == nil && strings.HasSuffix(to, ".seg") && !u.bad.Swap(true) {
		copied(u.t, u.dir, u.image)
	}
	return u.FS.Rename(from, to)
}

func (u *unsynced) SyncDir() error {
	if u.bad.Load() {
		return errors.New("cannot sync the folder")
	}
	return u.FS.SyncDir()
}

// TestThirdSlotWaitsForTheFolder: a thinned file is in place, and the folder cannot be
// synced, so that a cut may bring back the old one. Nothing of what was given up stands
// in the state file meanwhile, though it is written when something was lost: the records
// would be there and lost, both.
func TestThirdSlotWaitsForTheFolder(t *testing.T) {
	base := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		dir, image := filepath.Join(base, "q"), filepath.Join(base, "image")
		disk := &unsynced{FS: buffer.OS(dir), dir: dir, image: image, t: t}
		q := begin(t, dir, 1, func(o *buffer.Options) { o.FS = disk })
		n := 0
		for ; !disk.bad.Load(); n += 100 {
			fill(t, q, n, 100)
		}
		settle(q)
		if s := q.Stats(); s.Thinnings == 0 {
			t.Fatalf("%+v", s)
		}
		edit(t, filepath.Join(image, "state"), func([]byte) []byte {
			state, err := os.ReadFile(filepath.Join(dir, "state"))
			if err != nil {
				t.Fatal(err)
			}
			return state
		})
		if ours, theirs := harmful(image); len(ours) > 0 || len(theirs) > 0 {
			t.Errorf("by the page %+v, by the program %v", ours, theirs)
		}
		_ = q.Close() // the disk does not take it
		q = begin(t, image, 1, nil)
		if total, _ := q.Ledger(); total.Read != uint64(n) || total.Waiting != uint64(n) || total.LostAll() > 0 {
			t.Errorf("of %d appended: %+v", n, total)
		}
		end(t, q)
	})
}
