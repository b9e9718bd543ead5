package buffer

import (
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// An offset that was set while the disk failed was used for what was sent. It
// is saved as soon as the disk works again, so that a crash after that finds
// the same times for the same records.
func TestOffsetSetOnABadDiskIsSavedLater(t *testing.T) {
	var disk *fakeFS
	dir, copied := "", t.TempDir()
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
