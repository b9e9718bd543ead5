package buffer

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// tight is a queue that is full after some thousand records.
func tight(o *Options) {
	o.tune = smallSizes()
	o.tune.segment, o.tune.commit, o.tune.numbers = 64<<10, 32<<10, 1<<14
	o.MaxSize, o.WhenFull = 640<<10, Thin
}

// isEvent says which records of these tests are events.
func isEvent(i int) bool { return i%40 == 39 }

func appendMixed(t testing.TB, q *Queue, dev uint16, i int) {
	t.Helper()
	class := byte(0)
	if isEvent(i) {
		class = 1
	}
	if err := q.Append(class, dev, uint32(i%3), []byte(text(i))); err != nil {
		t.Fatal(i, err)
	}
}

// TestPowerCutWhileThinning cuts the power at every operation of a queue that
// is full: what comes back is what was there, nothing twice, and what is
// missing is counted once. Rows 4 and 20.
func TestPowerCutWhileThinning(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	f := newFake(filepath.Join(dir, "run"))
	s := &script{fs: f, texts: map[uint64]string{}, acked: map[uint64]bool{}, waiting: map[uint64]string{}}
	const before, during = 7500, 2000
	synctest.Test(t, func(t *testing.T) {
		s.opt = testOptions(f.dir)
		s.opt.FS = f
		tight(&s.opt)
		q := mustOpen(t, s.opt)
		dev, _ := q.Device("a")
		f.record = false
		for i := range before + during {
			if i == before {
				begin(t, f)
				s.note(q)
			}
			_, n := q.Bounds()
			s.texts[n] = text(i)
			s.waiting[n] = text(i)
			appendMixed(t, q, dev, i)
			if i%250 == 249 {
				time.Sleep(1100 * time.Millisecond)
				synctest.Wait()
				s.note(q)
			}
		}
		if st := q.Stats(); st.Level < 3 || st.Thinnings < 20 {
			t.Fatalf("it was not thinned: %+v", st)
		}
		mustClose(t, q)
	})
	c := cuts{seed: 3, every: 8, report: 5, check: s.checkThinned}
	if sampled() {
		c.every = 80
	}
	images, bad := cutLog(t, f, c)
	t.Logf("%d images of %d operations, %d bad", images, len(f.log), bad)
	if bad > 0 || images < 1500/c.every {
		t.Fatalf("%d of %d images are bad", bad, images)
	}
}

// begin starts the recording with what is on disk now.
func begin(t *testing.T, f *fakeFS) {
	t.Helper()
	f.mu.Lock()
	f.record = true
	f.mu.Unlock()
	if err := f.rec.Restart(func(name string) ([]byte, error) { return os.ReadFile(f.path(name)) }); err != nil {
		t.Fatal(err)
	}
}

// checkThinned holds what a power cut left against the truth. Nothing was ever
// acknowledged, and the newest record is never thinned: all up to it was read.
func (s *script) checkThinned(dir string, before, _ any) error {
	known, ok := before.(truth)
	if !ok {
		return nil // what begin recorded is not yet all there
	}
	o := s.opt
	o.FS, o.Dir, o.CommitEvery, o.MaxSize = OS(dir), dir, time.Hour, 2*s.opt.MaxSize
	q, err := Open(o)
	if err != nil {
		return fmt.Errorf("does not open: %w", err)
	}
	defer q.Close()
	got, err := s.all(q)
	if err != nil {
		return err
	}
	var last uint64 // there were no gaps: record n is text n-1
	for n := range got {
		last = max(last, n)
	}
	for n := range known.committed {
		if got[n] == "" && isEvent(int(n-1)) {
			return fmt.Errorf("event %d is lost", n)
		}
	}
	read := last
	total, _ := q.Ledger()
	if total.Read != read || total.Acked != 0 || total.Waiting != uint64(len(got)) || total.Lost["full"] != read-uint64(len(got)) {
		return fmt.Errorf("%d were read and %d are there, ledger %+v", read, len(got), total)
	}
	if st := q.Stats(); st.Degraded || len(st.Damaged) > 0 || known.epoch != q.Epoch() {
		return fmt.Errorf("%+v", st)
	}
	return nil
}

// TestNthOperationFailsWhileThinning lets each operation fail in turn while a
// full queue goes on. Rows 6, 10, 11 and 20.
func TestNthOperationFailsWhileThinning(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	good := filepath.Join(dir, "good")
	const before, during = 3500, 750
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(good)
		tight(&o)
		q := mustOpen(t, o)
		dev, _ := q.Device("a")
		for i := range before {
			appendMixed(t, q, dev, i)
			if i%250 == 249 {
				time.Sleep(1100 * time.Millisecond)
				synctest.Wait()
			}
		}
		mustClose(t, q)
	})
	stride := 5 // of primes, so that all kinds of operations are met
	if sampled() {
		stride = 127
	}
	type kind struct {
		always, after bool
		err           syscall.Errno
	}
	runs, thinned := 0, uint64(0)
	first := 0
	for _, k := range []kind{{false, false, syscall.EIO}, {false, true, syscall.EIO}, {true, false, syscall.EIO},
		{true, true, syscall.EIO}, {false, false, syscall.ENOSPC}, {true, false, syscall.EROFS}} {
		first += 11 // another one in each way
		for n := 1 + first%stride; ; n += stride {
			hit := false
			run := filepath.Join(dir, "run")
			copyDir(t, good, run)
			synctest.Test(t, func(t *testing.T) {
				f := newFake(run)
				f.record = false
				o := testOptions(run)
				tight(&o)
				o.FS = f
				q := mustOpen(t, o)
				dev, _ := q.Device("a")
				synctest.Wait()
				f.mu.Lock()
				f.count, f.failAt, f.always, f.after, f.err = 0, n, k.always, k.after, k.err
				f.mu.Unlock()
				for i := before; i < before+during; i++ {
					appendMixed(t, q, dev, i)
					if i%250 == 249 {
						time.Sleep(1500 * time.Millisecond)
						synctest.Wait()
						checkLedger(t, q)
					}
				}
				f.mu.Lock()
				hit = f.hits > 0
				f.mu.Unlock()
				f.heal()
				time.Sleep(3 * time.Minute)
				synctest.Wait()
				for again := range 2 {
					c, s := checkLedger(t, q), q.Stats()
					numbers, _ := drain(t, q)
					if s.Degraded || c.Read != before+during || c.Acked != 0 || c.Waiting != uint64(len(numbers)) || s.Bytes > o.MaxSize {
						t.Fatalf("look %d: %d there, %+v %+v", again, len(numbers), c, s)
					}
					if _, next := q.Bounds(); next != uint64(before+during+1) && again == 0 {
						t.Fatal("the next number is ", next)
					}
					thinned += s.Thinnings
					mustClose(t, q)
					if again == 0 {
						q = mustOpen(t, o)
						synctest.Wait()
					}
				}
			})
			runs++
			if t.Failed() {
				t.Fatalf("operation %d, %+v", n, k)
			}
			if !hit {
				break
			}
		}
	}
	t.Logf("%d runs, %d times thinned", runs, thinned)
	if thinned == 0 {
		t.Error("nothing was thinned: the test proves nothing")
	}
}

// TestKilledBeforeTheMergedAreRemoved: with the new file in place and those that
// went into it still there, a start and an inspection count each record once.
// Row 4.
func TestKilledBeforeTheMergedAreRemoved(t *testing.T) {
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(filepath.Join(dir, "q"))
		tight(&o)
		h := newBadDisk(o.Dir)
		o.FS = h
		crashes, left := 0, 0
		q := mustOpen(t, o)
		dev, _ := q.Device("a")
		var was []string
		var mu sync.Mutex // guards was
		h.after("rename", func(name string) {
			mu.Lock()
			defer mu.Unlock()
			if _, ok := parseSegmentName(name); !ok || !slices.Contains(was, filepath.Join(o.Dir, name)) || crashes == 12 {
				return
			}
			crashes++
			c := o
			c.Dir = filepath.Join(dir, fmt.Sprint("copy", crashes))
			c.MaxSize *= 2 // it is not to go on thinning
			c.FS = OS(c.Dir)
			copyDir(t, o.Dir, c.Dir)
			l, err := Inspect(c.Dir)
			if err != nil {
				t.Error(err)
				return
			}
			for _, f := range l.Faults {
				if left++; !f.Harmless {
					t.Errorf("%+v", f)
				}
			}
			p := mustOpen(t, c)
			total := checkLedger(t, p)
			numbers, _ := drain(t, p)
			if total.Acked != 0 || total.Waiting != uint64(len(numbers)) || total.Read != numbers[len(numbers)-1] || len(p.Stats().Damaged) > 0 {
				t.Errorf("%d there, %+v", len(numbers), total)
			}
			if l.Waiting != total.Waiting || l.Total.Read != total.Read || l.Total.LostAll() != total.LostAll() {
				t.Errorf("the inspection says %+v, a start %+v", l.Total, total)
			}
			mustClose(t, p)
		})
		for i := range 7000 {
			appendMixed(t, q, dev, i)
			if i%250 == 249 {
				mu.Lock()
				was = segmentFiles(t, o.Dir)
				mu.Unlock()
				time.Sleep(1100 * time.Millisecond)
				synctest.Wait()
			}
		}
		if crashes < 5 || left == 0 {
			t.Errorf("%d crashes with %d files left prove little", crashes, left)
		}
		h.after("rename", nil)
		mustClose(t, q)
	})
}
