package buffer

import (
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestSurfacedAfterABlindStart: a reader is at the end of what was in memory
// when the disk comes back with older records. It is told, once it asks, and
// not any more when it has come by them.
func TestSurfacedAfterABlindStart(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		o.FenceHold = 30 * time.Second
		q := mustOpen(t, o)
		dev, _ := q.Device("dev")
		appendN(t, q, dev, 0, 10)
		mustClose(t, q)

		f := newFake(dir)
		f.record, f.failAt, f.always, f.err = false, 1, true, syscall.EMFILE
		o.FS = f
		q = mustOpen(t, o)
		dev, _ = q.Device("dev")
		appendN(t, q, dev, 10, 10)
		first, next := q.Bounds()
		if _, recs := drain(t, q); len(recs) != 10 || q.Behind(next) {
			t.Fatalf("%d records, behind %v", len(recs), q.Behind(next))
		}
		mustAck(t, q, first, next-1)
		changed := q.Changed()
		f.heal()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		select {
		case <-changed:
		default:
			t.Error("nobody was woken")
		}
		if !q.Behind(next) {
			t.Fatalf("10 records surfaced unseen: %+v", q.Stats())
		}
		if old, _ := q.Name(1); old == named(q, first) {
			t.Error("the same epoch for lower numbers behind higher ones: a receiver of envelopes would pass over them")
		}
		if err := q.Forget(); err != nil { // the link ended in order
			t.Fatal(err)
		}
		if numbers, recs := drain(t, q); len(recs) != 10 || numbers[9] != 10 || q.Behind(next) {
			t.Errorf("then %v came, behind %v", numbers, q.Behind(next))
		}
		mustClose(t, q)
	})
}

// TestSurfacedAfterALateRepair: a damaged file is passed over while the disk
// cannot be written, and repaired when it can.
func TestSurfacedAfterALateRepair(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	filled(t, dir, 6000, nil)
	synctest.Test(t, func(t *testing.T) {
		q, _ := onBadDisk(t, dir)
		q.mu.Lock()
		s := q.segs[1]
		s.damage, s.repaired = errDamaged, make(chan struct{})
		q.disk.err, q.disk.tryAt = syscall.EROFS, q.opt.Mono()+30_000
		q.mu.Unlock()
		q.wake()
		synctest.Wait() // it is passed over now
		_, some := drain(t, q)
		_, next := q.Bounds()
		if len(some) == 6000 || q.Behind(next) {
			t.Fatalf("%d records, behind %v", len(some), q.Behind(next))
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if !q.Behind(next) {
			t.Fatal("a file was repaired unseen")
		}
		if _, err := q.Rewind(); err != nil {
			t.Fatal(err)
		}
		if _, all := drain(t, q); len(all) != 6000 || q.Behind(next) {
			t.Errorf("%d records then, behind %v", len(all), q.Behind(next))
		}
		mustClose(t, q)
	})
}

// TestLateAcknowledgement: records were delivered, and for want of descriptors
// nobody can tell whose they were. They do not wait until the link ends for
// that. Row 72 of the failure matrix.
func TestLateAcknowledgement(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	filled(t, dir, 6000, nil)
	synctest.Test(t, func(t *testing.T) {
		q, disk := onBadDisk(t, dir)
		at, _ := q.Bounds()
		for range 3 { // part of the first file and no more: it must be indexed
			first, recs, err := q.readRecords(at, 3000, 20)
			if err != nil {
				t.Fatal(err)
			}
			at = first + uint64(len(recs))
		}
		q.reading.Lock()
		q.reader.opened.close()
		q.reading.Unlock()
		disk.be(slow(0, syscall.EMFILE, ""))
		mustAck(t, q, 1, at-1)
		if c := checkLedger(t, q); c.Acked != 0 {
			t.Fatalf("the test does not test what it is for: %+v", c)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		disk.be(sound)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if c := checkLedger(t, q); c.Acked != at-1 || c.Waiting != 6000-(at-1) {
			t.Errorf("%d were acknowledged: %+v", at-1, c)
		}
		mustClose(t, q)
	})
}

func named(q *Queue, n uint64) Name {
	name, _ := q.Name(n)
	return name
}
