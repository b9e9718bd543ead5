package buffer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// replayed is how densely the power is cut, and operations of the disk are
// failed, in a life that is much like those of other tests.
func replayed() (every, stride int) {
	switch {
	case sampled():
		return 32, 101
	case number("PORTTI_CUTS", 0) > 100_000: // make nightly
		return 1, 1
	case number("PORTTI_CUTS", 0) > 0:
		return 2, 8
	}
	return 4, 29
}

// TestPowerCutDuringImport: the power goes at every operation of an import, the
// import is begun again from the start of the file after each, and every record
// is there exactly once; own readings stay as they are. Rows 4 and 66.
func TestPowerCutDuringImport(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	f := newFake(filepath.Join(dir, "run"))
	var s *script
	c := carried{src: Name{"B", 77}, numbers: evens(1000, 1998)}
	synctest.Test(t, func(t *testing.T) { s = runImport(t, f, c) })
	every, _ := replayed()
	var partly atomic.Int64
	check := func(dir string, before, _ any) error {
		known, _ := before.(truth)
		fresh, err := s.importsAgain(dir, c, known)
		if fresh > 0 && fresh < len(c.numbers) {
			partly.Add(1)
		}
		return err
	}
	images, bad := cutLog(t, f, cuts{seed: int64(number("PORTTI_SEED", 1)), every: every, report: 5, check: check})
	t.Logf("%d images of %d operations, %d in the middle of the import, %d bad", images, len(f.log), partly.Load(), bad)
	if bad > 0 || images < 700/every || partly.Load() == 0 {
		t.Errorf("%d of %d images are bad", bad, images)
	}
}

// runImport records an import into a queue that has readings of its own.
func runImport(t *testing.T, f *fakeFS, c carried) *script {
	s := &script{fs: f, texts: map[uint64]string{}, acked: map[uint64]bool{}, waiting: map[uint64]string{}}
	s.opt = testOptions(f.dir)
	s.opt.FS, s.opt.tune = f, smallSizes()
	q := mustOpen(t, s.opt)
	own, _ := q.Device("a")
	dev, _ := q.Device("import:B/a")
	for at := 0; at < len(c.numbers); at += 150 {
		s.append(t, q, own)
		part := c.numbers[at:min(at+150, len(c.numbers))]
		if at > 0 {
			part = append([]uint64{c.numbers[at-1]}, part...)
		}
		c.take(t, q, dev, part)
		synctest.Wait()
		s.note(q)
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		s.note(q)
	}
	mustClose(t, q)
	s.note(q)
	return s
}

// importsAgain imports the whole file into an image, twice, and looks at what is
// there then. fresh is what the first time took over.
func (s *script) importsAgain(dir string, c carried, known truth) (fresh int, err error) {
	o := s.opt
	o.Dir, o.FS, o.CommitEvery = dir, OS(dir), time.Hour
	for again := range 2 {
		q, err := Open(o)
		if err != nil {
			return 0, fmt.Errorf("does not open: %w", err)
		}
		dev, _ := q.Device("import:B/a")
		n, err := c.takeAll(q, dev)
		if again == 0 {
			fresh = n
		} else if err == nil && n > 0 {
			err = fmt.Errorf("%d records taken over once more", n)
		}
		if again == 1 && err == nil {
			err = c.whole(q, known)
		}
		if err = errors.Join(err, q.Close()); err != nil {
			return fresh, err
		}
	}
	return fresh, nil
}

// takeAll is take without a test around it.
func (c carried) takeAll(q *Queue, dev uint16) (fresh int, err error) {
	for i, n := range c.numbers {
		after := n - 1
		if i > 0 {
			after = c.numbers[i-1]
		}
		ok, err := q.Import(c.src, after, n, 1, dev, 9, []byte(c.text(n)))
		if err != nil {
			return fresh, fmt.Errorf("import %d: %w", n, err)
		}
		if ok {
			fresh++
		}
	}
	return fresh, nil
}

// whole sees that every record of the file waits once, and every own one.
func (c carried) whole(q *Queue, known truth) error {
	there, err := handedOut(q)
	if err != nil {
		return err
	}
	seen := map[string]int{}
	for _, r := range there {
		seen[r]++
	}
	for _, n := range c.numbers {
		if got := seen[c.text(n)]; got != 1 {
			return fmt.Errorf("record %d of the file is here %d times", n, got)
		}
	}
	for n, want := range known.committed {
		if there[n] != want {
			return fmt.Errorf("own record %d is lost", n)
		}
	}
	if total, _ := q.Ledger(); total.Read != total.Acked+total.Waiting || total.Waiting != uint64(len(there)) || total.LostAll() > 0 {
		return fmt.Errorf("%d there, ledger %+v", len(there), total)
	}
	if s := q.Stats(); s.Degraded || len(s.Damaged) > 0 || known.epoch != 0 && known.epoch != q.Epoch() {
		return fmt.Errorf("%+v", s)
	}
	return nil
}

// handedOut reads whatever a queue holds.
func handedOut(q *Queue) (map[uint64]string, error) {
	got := map[uint64]string{}
	from, _ := q.Bounds()
	for {
		first, recs, err := q.readRecords(from, 30_000, 200)
		if err != nil || len(recs) == 0 {
			return got, err
		}
		for i, r := range recs {
			got[first+uint64(i)] = string(r)
		}
		from = first + uint64(len(recs))
	}
}

// nthFault is one way in which operations of the fake disk fail.
type nthFault struct {
	always, after bool // from then on; although they took effect
	err           syscall.Errno
}

func nthFaults() (all []nthFault) {
	for _, always := range []bool{false, true} {
		for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EROFS, syscall.EINTR} {
			all = append(all, nthFault{always, false, errno})
		}
		all = append(all, nthFault{always, true, syscall.EIO})
	}
	return all
}

// eachNth lives a life with operation 1, 1 + stride ... failing, in each way,
// until one ends without a hit. live gets a directory of its own.
func eachNth(t *testing.T, faults []nthFault, live func(t *testing.T, dir string, fail func(*fakeFS)) (hit bool)) {
	_, stride := replayed()
	base := fastDir(t)
	var runs atomic.Int64
	t.Run("all", func(t *testing.T) {
		for i, k := range faults {
			t.Run(fmt.Sprintf("%v always %v after %v", k.err, k.always, k.after), func(t *testing.T) {
				t.Parallel()
				for n, hit := 1+i%stride, true; hit; n += stride {
					dir := filepath.Join(base, fmt.Sprint(i))
					hit = false
					synctest.Test(t, func(t *testing.T) {
						hit = live(t, dir, func(f *fakeFS) {
							f.mu.Lock()
							defer f.mu.Unlock()
							f.record, f.count, f.failAt, f.always, f.after, f.err = false, 0, n, k.always, k.after, k.err
						})
					})
					runs.Add(1)
					if t.Failed() {
						t.Fatalf("operation %d", n)
					}
				}
			})
		}
	})
	t.Logf("%d runs", runs.Load())
	if runs.Load() < int64(20*len(faults)/stride) {
		t.Error("too few runs to prove anything")
	}
}

// TestNthOperationFailsWhileImporting lets each operation fail in turn while a
// file is imported in addition to readings of the gateway's own. What is refused stays
// on the stick and is imported once more, from the beginning, until it is taken:
// every record is delivered once, and nothing is lost. Rows 6, 9, 10, 11 and 66.
func TestNthOperationFailsWhileImporting(t *testing.T) {
	t.Parallel()
	c := carried{src: Name{"B", 77}, numbers: evens(1000, 1598)}
	eachNth(t, nthFaults(), func(t *testing.T, dir string, fail func(*fakeFS)) bool {
		f := newFake(dir)
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		o := testOptions(dir)
		o.FS, o.tune = f, smallSizes()
		fail(f)
		q := mustOpen(t, o)
		own, _ := q.Device("a")
		dev, _ := q.Device("import:B/a")
		delivered := map[string]int{}
		appended := 0
		for round := range 8 {
			for range 30 {
				if q.Append(0, own, 1, []byte(text(appended))) != nil {
					t.Fatal("an own reading is refused")
				}
				appended++
			}
			_, err := c.takeAll(q, dev)
			time.Sleep(1100 * time.Millisecond)
			synctest.Wait()
			if round == 2 && err == nil { // what is delivered is not taken again
				deliverSome(t, q, 90, delivered)
			}
		}
		hit := f.hits > 0
		f.heal()
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		for range 2 {
			if _, err := c.takeAll(q, dev); err != nil {
				t.Fatal("on a good disk: ", err)
			}
			mustClose(t, q)
			q = mustOpen(t, o)
		}
		if _, err := c.takeAll(q, dev); err != nil {
			t.Fatal(err)
		}
		deliverSome(t, q, 1<<20, delivered)
		for _, n := range c.numbers {
			if got := delivered[c.text(n)]; got != 1 {
				t.Fatalf("record %d of the file was delivered %d times", n, got)
			}
		}
		for i := range appended {
			if got := delivered[text(i)]; got != 1 {
				t.Fatalf("own reading %d was delivered %d times", i, got)
			}
		}
		if total := checkLedger(t, q); total.LostAll() != 0 || total.Waiting != 0 || int(total.Read) != len(c.numbers)+appended {
			t.Fatalf("%+v", total)
		}
		mustClose(t, q)
		return hit
	})
}

// deliverSome reads and acknowledges up to so many records.
func deliverSome(t *testing.T, q *Queue, most int, delivered map[string]int) {
	t.Helper()
	at, _ := q.Bounds()
	for most > 0 {
		first, recs, err := q.readRecords(at, 3000, min(20, most))
		if err != nil {
			t.Fatal(err)
		}
		if len(recs) == 0 {
			return
		}
		for _, r := range recs {
			delivered[string(r)]++
		}
		at = first + uint64(len(recs))
		most -= len(recs)
		mustAck(t, q, first, at-1)
	}
}
