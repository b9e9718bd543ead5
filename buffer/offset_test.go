package buffer

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// An offset that was set while the disk failed was used for what was sent. It
// is saved as soon as the disk works again, so that a crash after that finds
// the same times for the same records.
func TestOffsetSetOnABadDiskIsSavedLater(t *testing.T) {
	var disk *fakeFS
	dir, copied := "", fastDir(t)
	bubble(t, func(o *Options) {
		dir = o.Dir
		disk = newFake(dir)
		disk.record = false
		o.FS = disk
	}, func(t *testing.T, q *Queue, _ uint16) {
		disk.mu.Lock()
		disk.failAt, disk.always = disk.count+1, true
		disk.mu.Unlock()
		want := Offset{Unix: 1_000_000_000_000, Err: 5}
		if err := q.SetOffset(q.Boot(), want); !errors.Is(err, ErrMemoryOnly) {
			t.Fatalf("got %v", err)
		}
		disk.heal()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil { // as a crash would find it
			t.Fatal(err)
		}
		after := mustOpen(t, testOptions(copied))
		if got, ok := after.Offset(q.Boot()); !ok || got != want {
			t.Errorf("after a crash the offset is %+v %v", got, ok)
		}
		mustClose(t, after)
	})
}

// Records of a boot that the sidecar no longer knows can still be dated, and
// stay dated the same.
func TestOffsetOfABootThatTheSidecarLost(t *testing.T) {
	dir, want := fastDir(t), Offset{Unix: 1_000_000_000_000, Err: 7}
	q := mustOpen(t, testOptions(dir))
	was := q.Boot()
	dev, err := q.Device("dev")
	if err != nil {
		t.Fatal(err)
	}
	appendN(t, q, dev, 0, 10)
	mustClose(t, q)
	if err := os.Remove(filepath.Join(dir, sidecarName)); err != nil {
		t.Fatal(err)
	}
	q = mustOpen(t, testOptions(dir))
	if q.Boot() == was {
		t.Fatal("the boot was not lost: the test tests nothing")
	}
	if err := q.SetOffset(was, want); err != nil {
		t.Fatal(err)
	}
	if err := q.SetOffset(was, Offset{Unix: 5}); !errors.Is(err, ErrOffsetSet) {
		t.Errorf("a second time: %v", err)
	}
	if err := q.SetOffset(q.Boot()+1, want); err == nil {
		t.Error("a boot that was not yet got an offset")
	}
	now := q.Boot()
	mustClose(t, q)
	q = mustOpen(t, testOptions(dir))
	defer mustClose(t, q)
	if got, ok := q.Offset(was); !ok || got != want || q.Boot() != now {
		t.Errorf("after a restart: %+v %v, boot %d, was %d", got, ok, q.Boot(), now)
	}
}
