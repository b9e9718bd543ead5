package buffer

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestRewindWhileAFileIsUnreadable: a link that ends while acknowledged records lie
// in a file that the disk does not deliver, so that nobody knows whose they are,
// leaves them held: they neither wait nor are delivered until the file can be
// read. Row 12.
func TestRewindWhileAFileIsUnreadable(t *testing.T) {
	for _, indexed := range []bool{false, true} {
		dir := filepath.Join(fastDir(t), "q")
		synctest.Test(t, func(t *testing.T) {
			f := newBadDisk(dir)
			o := testOptions(dir)
			o.FS, o.tune, o.FenceHold = f, smallSizes(), 10*time.Minute
			q := mustOpen(t, o)
			a, _ := q.Device("a")
			b, _ := q.Device("b")
			const n = 400
			for i := range n { // two devices, so that no summary says whose a part is
				dev := a
				if i%3 == 0 {
					dev = b
				}
				appendN(t, q, dev, i, 1)
			}
			time.Sleep(1100 * time.Millisecond)
			synctest.Wait()
			got := heard{}
			numbers, recs := drain(t, q)
			for _, r := range recs {
				got[r]++
			}
			mustAck(t, q, numbers[0], numbers[9]) // by what is in memory
			file := filepath.Base(segmentFiles(t, dir)[0])
			q.mu.Lock()
			q.tail.forget(q.committed)
			q.mu.Unlock()
			if indexed {
				mustAck(t, q, numbers[10], numbers[19])
			}
			f.be(stuttering(syscall.EIO, 1, time.Minute, file))
			q.reading.Lock()
			q.reader.opened.close()
			q.reading.Unlock()
			for range 30 { // until it is passed over, and tried again
				time.Sleep(time.Second)
				synctest.Wait()
				if _, err := q.Rewind(); err != nil {
					t.Fatal(err)
				}
				drain(t, q)
				checkLedger(t, q)
			}
			if len(q.Stats().Unread) != 1 {
				t.Fatalf("the test does not test what it is for: %+v", q.Stats())
			}
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			if _, err := q.Rewind(); err != nil {
				t.Fatal(err)
			}
			got = heard{}
			got.link(t, q)
			if c := checkLedger(t, q); len(got) != n || c.Waiting != 0 || c.Acked != n || c.LostAll() != 0 {
				t.Errorf("indexed %v: %d of %d came, %+v", indexed, len(got), n, c)
			}
			mustClose(t, q)
		})
	}
}

// TestKilledAfterPassingOver: a file cannot be read, what is behind it is sent, and the
// process is killed before the file can be read again, on a disk that takes no note of
// it. Its records go by another name than those that overtook them, or a receiver that
// keeps one highest number for each name takes them for known.
func TestKilledAfterPassingOver(t *testing.T) {
	dir, left := filepath.Join(fastDir(t), "q"), filepath.Join(fastDir(t), "left")
	synctest.Test(t, func(t *testing.T) {
		f := newBadDisk(dir)
		o := testOptions(dir)
		o.FS, o.tune = f, smallSizes()
		q := mustOpen(t, o)
		dev, _ := q.Device("a")
		for i := range 8 { // several files
			appendN(t, q, dev, 300*i, 300)
			time.Sleep(1100 * time.Millisecond)
			synctest.Wait()
		}
		q.mu.Lock()
		q.tail.forget(q.committed)
		first, second := q.segs[0], q.segs[1].first
		overtaken, name := first.first, first.name
		q.mu.Unlock()
		was := named(q, overtaken)
		if was != named(q, second) {
			t.Fatal("two starts, or what is this:", was)
		}
		f.be(stuttering(syscall.EIO, 1, time.Minute, name))
		var got []uint64
		for range 10 {
			numbers, _ := drain(t, q)
			got = append(got, numbers...)
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if len(q.Stats().Unread) != 1 || len(got) == 0 || got[0] < second {
			t.Fatalf("the test does not test what it is for: %d read, %+v", len(got), q.Stats().Unread)
		}
		copyDir(t, dir, left) // what it noted after the last commit is not needed
		if err := os.Remove(filepath.Join(left, sidecarName)); err != nil {
			t.Fatal(err)
		}
		sent := map[Name]bool{}
		for _, n := range got {
			sent[named(q, n)] = true
		}
		for range 2 {
			again := testOptions(left)
			again.tune = smallSizes()
			k := mustOpen(t, again)
			if now := named(k, overtaken); sent[now] || now != was {
				t.Errorf("record %d is called %v, was %v, and %v overtook it", overtaken, now, was, sent)
			}
			mustClose(t, k)
		}
		mustClose(t, q)
	})
}
