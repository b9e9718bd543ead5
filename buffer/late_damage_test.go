package buffer

import (
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestNamesOfAFileFoundDamagedLate: a file that could not be read at the start, and
// that was found damaged when it could, is replaced by one that knows what its records
// are called. They had no name after the next start: a receiver refuses that.
func TestNamesOfAFileFoundDamagedLate(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	filled(t, dir, 3000, func(o *Options) { o.tune, o.Gateway = smallSizes(), "G" })
	segs := segmentFiles(t, dir)
	if len(segs) < 3 {
		t.Fatal(len(segs), " files")
	}
	victim := segs[1]
	damageFile(t, victim, func(b []byte) []byte { clear(b[:2*pageSize]); return b })
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		o.tune, o.MaxSize, o.Gateway = smallSizes(), 20<<20, "G"
		f := newBadDisk(dir)
		f.be(stuttering(syscall.EIO, 1, time.Minute, filepath.Base(victim)))
		o.FS = f
		q := mustOpen(t, o)
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if _, failed := f.counts(); failed == 0 {
			t.Fatal("it was never read")
		}
		if s := q.Stats(); len(s.Damaged) != 1 || len(s.Unread) > 0 {
			t.Fatalf("%+v", s)
		}
		called := map[uint64]Name{}
		numbers, _ := drain(t, q)
		for _, n := range numbers {
			called[n], _ = q.Name(n)
		}
		mustClose(t, q)
		o.FS = nil
		q = mustOpen(t, o)
		numbers, _ = drain(t, q)
		for _, n := range numbers {
			name := segmentName(n)
			mine := name >= filepath.Base(segs[1]) && name < filepath.Base(segs[2])
			if now := named(q, n); mine && now != called[n] || now == (Name{}) {
				t.Errorf("record %d was called %+v, and is %+v", n, called[n], now)
				break
			}
		}
		if len(numbers) != len(called) {
			t.Errorf("%d records, then %d", len(called), len(numbers))
		}
		mustClose(t, q)
	})
}
