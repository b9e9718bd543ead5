package buffer

import (
	"bytes"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// freeFS is a disk with so much free.
type freeFS struct {
	osFS
	free atomic.Int64
}

func (f *freeFS) Free() (int64, error) { return f.free.Load(), nil }

// larger is tight with larger files, for the records of fill.
func larger(o *Options) {
	tight(o)
	o.tune.segment, o.tune.commit, o.tune.reuse = 256<<10, 32<<10, 64<<10
}

// fill appends n records of half a page each, ten a second, and gives the queue
// time: what is about bytes needs no more records than that.
func fill(t *testing.T, q *Queue, dev uint16, from, n int) {
	t.Helper()
	rec := bytes.Repeat([]byte("x"), 1900)
	for i := from; i < from+n; i++ {
		class := byte(0)
		if isEvent(i) {
			class = 1
		}
		if err := q.Append(class, dev, uint32(i%3), rec); err != nil {
			t.Fatal(i, err)
		}
		if i%50 == 49 {
			time.Sleep(5 * time.Second)
			synctest.Wait()
		}
	}
	time.Sleep(15 * time.Second)
	synctest.Wait()
}

// TestLittleDiskFree: with less than MinFree the queue stays as large as it is,
// says so, and grows again when there is space. Rows 6 and 20.
func TestLittleDiskFree(t *testing.T) {
	t.Parallel()
	for _, policy := range []WhenFull{Thin, DropOldest} {
		dir := filepath.Join(fastDir(t), "q")
		synctest.Test(t, func(t *testing.T) {
			o := testOptions(dir)
			larger(&o)
			f := &freeFS{osFS: osFS{dir}}
			f.free.Store(1 << 30)
			o.FS, o.MaxSize, o.MinFree, o.WhenFull = f, 64<<20, 100<<20, policy
			q := mustOpen(t, o)
			dev, _ := q.Device("a")
			fill(t, q, dev, 0, 5_000)
			s := q.Stats()
			if s.DiskLow || s.Bytes < 9<<20 || s.Limit != 64<<20 || checkLedger(t, q).LostAll() != 0 {
				t.Fatalf("%+v", s)
			}
			f.free.Store(99 << 20)
			was := s.Bytes
			fill(t, q, dev, 5_000, 1_500)
			s = q.Stats()
			if !s.DiskLow || s.Bytes > was+1<<20 || s.DiskFree != 99<<20 || s.MinFree != 100<<20 || checkLedger(t, q).Lost["full"] == 0 {
				t.Errorf("%s: %d bytes before, then %+v", policy, was, s)
			}
			if policy == Thin && (s.Level == 0 || s.Bytes < was*3/4) {
				t.Errorf("not thinned, or more than was needed: %d bytes before, then %+v", was, s)
			}
			f.free.Store(101 << 20)
			lost := checkLedger(t, q).Lost["full"]
			fill(t, q, dev, 6_500, 2_000)
			if s := q.Stats(); s.DiskLow || s.Bytes < was+1<<20 || checkLedger(t, q).Lost["full"] != lost {
				t.Errorf("%s: did not recover: %d bytes before, then %+v", policy, was, s)
			}
			mustClose(t, q)
		})
	}
}

// TestFloorOfALowDisk: a disk that has little from the start still takes 8 MB.
func TestFloorOfALowDisk(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		larger(&o)
		f := &freeFS{osFS: osFS{dir}}
		f.free.Store(20 << 20)
		o.FS, o.MaxSize, o.MinFree = f, 64<<20, 100<<20
		q := mustOpen(t, o)
		dev, _ := q.Device("a")
		fill(t, q, dev, 0, 2_000)
		if s, c := q.Stats(), checkLedger(t, q); !s.DiskLow || c.LostAll() != 0 || c.Waiting != 2_000 {
			t.Errorf("%+v %+v", s, c)
		}
		fill(t, q, dev, 2_000, 4_000)
		if s, c := q.Stats(), checkLedger(t, q); c.Lost["full"] == 0 || s.Bytes > 9<<20 || s.Bytes < 6<<20 {
			t.Errorf("%+v %+v", s, c)
		}
		mustClose(t, q)
	})
}

// TestLimitsChangeWhileOpen: shrinking gives up as much as it must, under its
// own reason, and later losses are the usual ones again.
func TestLimitsChangeWhileOpen(t *testing.T) {
	for _, policy := range []WhenFull{Thin, DropOldest, DropNewest} {
		dir := filepath.Join(fastDir(t), "q")
		synctest.Test(t, func(t *testing.T) {
			o := testOptions(dir)
			larger(&o)
			o.MaxSize, o.WhenFull = 32<<20, policy
			q := mustOpen(t, o)
			dev, _ := q.Device("a")
			const n = 2_000
			fill(t, q, dev, 0, n)
			l := Limits{MaxSize: 3 << 19, WhenFull: policy}
			if err := q.SetLimits(l); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Second)
			synctest.Wait()
			s, c := q.Stats(), checkLedger(t, q)
			if s.Bytes > 3<<19 || s.Bytes < 3<<18 || c.Lost["shrink"] == 0 || c.LostAll() != c.Lost["shrink"] || c.Waiting+c.LostAll() != n || s.Capacity != 3<<19 {
				t.Errorf("%s: %+v %+v", policy, s, c)
			}
			numbers, _ := drain(t, q)
			if _, err := q.Rewind(); err != nil {
				t.Fatal(err)
			}
			if first := numbers[0]; uint64(len(numbers)) != c.Waiting || (first == 1) == (policy == DropOldest) {
				t.Errorf("%s: %d there from %d on, %+v", policy, len(numbers), first, c)
			}
			if l := s.Losses[len(s.Losses)-1]; l.Reason != "shrink" || l.Count != c.Lost["shrink"] || l.Devices["a"] != l.Count ||
				l.Newest.before(l.Oldest) || l.Oldest == (Time{}) {
				t.Errorf("%s: %+v", policy, l)
			}
			l.MaxSize = 2 << 20
			if err := q.SetLimits(l); err != nil {
				t.Fatal(err)
			}
			fill(t, q, dev, n, n)
			after := checkLedger(t, q)
			if s := q.Stats(); s.Bytes > 2<<20 || after.Lost["shrink"] != c.Lost["shrink"] || after.Lost["full"] == 0 && policy != DropNewest {
				t.Errorf("%s: %+v %+v", policy, s, after)
			}
			l.MaxAge = time.Minute
			if err := q.SetLimits(l); err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Minute)
			synctest.Wait()
			if c := checkLedger(t, q); c.Waiting != 0 || c.Lost["age"] == 0 {
				t.Errorf("%s: nothing was too old: %+v", policy, c)
			}
			for _, bad := range []Limits{{MaxSize: 1, MaxAge: -1}, {WhenFull: "sometimes"}, {MinFree: -1}} {
				if err := q.SetLimits(bad); err == nil {
					t.Errorf("%+v was taken", bad)
				}
			}
			if err := q.Close(); err != nil && policy != DropNewest {
				t.Error(err)
			}
		})
	}
}

// TestShrinkBelowOneSegment: what is left of a queue that is made smaller than
// the file being written is as much as fits, not nothing.
func TestShrinkBelowOneSegment(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		o.MaxSize, o.WhenFull = 200<<20, Thin
		q := mustOpen(t, o)
		dev, _ := q.Device("a")
		const n = 3_500
		fill(t, q, dev, 0, n)
		was := q.Stats()
		if err := q.SetLimits(Limits{MaxSize: 2 << 20, WhenFull: Thin}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		s, c := q.Stats(), checkLedger(t, q)
		if was.Segments != 1 || s.Bytes > 2<<20 || c.Waiting < 100 || c.Waiting+c.Lost["shrink"] != n || c.LostAll() != c.Lost["shrink"] {
			t.Errorf("%+v\n%+v\n%+v", was, s, c)
		}
		mustClose(t, q)
	})
}

// TestDamageInALargerSegment: a damaged file of a time when segments were
// larger, or that thinning made a little larger, is salvaged all the same.
func TestDamageInALargerSegment(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	const n = 3_500
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		o.MaxSize = 200 << 20
		q := mustOpen(t, o)
		dev, _ := q.Device("a")
		fill(t, q, dev, 0, n)
		mustClose(t, q)
		damageFile(t, segmentFiles(t, dir)[0], func(b []byte) []byte { clear(b[100*pageSize : 103*pageSize]); return b })
		o.MaxSize, o.WhenFull, o.tune = 20<<20, DropOldest, smallSizes()
		q = mustOpen(t, o)
		numbers, _ := drain(t, q)
		s, c := q.Stats(), checkLedger(t, q)
		if s.Degraded || len(s.Damaged) != 1 || len(numbers) < n-1000 || c.Waiting != uint64(len(numbers)) || c.Waiting+c.Lost["corrupt"] != n {
			t.Errorf("%d there, %+v %+v", len(numbers), s, c)
		}
		mustClose(t, q)
	})
}
