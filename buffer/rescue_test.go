package buffer

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestACrashAfterARescueKnowsWhatWasMissing: what a damaged file lost is on
// record before the file is put away, also when the process dies at once.
func TestACrashAfterARescueKnowsWhatWasMissing(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	filled(t, dir, 6000, nil)
	synctest.Test(t, func(t *testing.T) {
		q, h := onBadDisk(t, dir)
		crashes := 0
		h.after("rename", func(name string) {
			if !strings.Contains(name, damagedInfix) && crashes > 0 || strings.HasSuffix(name, salvageSuffix) {
				return
			}
			crashes++
			if c, _ := afterCrash(t, q.opt, dir); c.Acked != 0 || c.LostAll()+c.Quarantined == 0 {
				t.Errorf("after the file became %s: nothing was ever acknowledged: %+v", name, c)
			}
		})
		damageFile(t, segmentFiles(t, dir)[1], func(b []byte) []byte { clear(b[8*pageSize : 20*pageSize]); return b })
		drain(t, q)
		synctest.Wait() // readers go on before the file has its last name
		if crashes < 2 {
			t.Error("the file was not rescued")
		}
		h.after("rename", nil)
		mustClose(t, q)
	})
}

// TestAcknowledgedThenDamaged: records that were acknowledged when nobody could tell
// whose they were, for want of descriptors, and whose file is found broken then, are no
// loss.
func TestAcknowledgedThenDamaged(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	filled(t, dir, 6000, nil)
	synctest.Test(t, func(t *testing.T) {
		q, disk := onBadDisk(t, dir)
		q.mu.Lock()
		name, from, count := q.segs[1].name, q.segs[1].first, q.segs[1].sum.count
		q.mu.Unlock()
		if first, recs, err := q.readRecords(from, 1<<20, 10); err != nil || first != from || len(recs) != 10 {
			t.Fatal(first, len(recs), err)
		}
		q.reading.Lock()
		q.reader.opened.close()
		q.reading.Unlock()
		disk.be(slow(0, syscall.EMFILE, ""))
		mustAck(t, q, from, from+9)
		if c := checkLedger(t, q); c.Acked != 0 {
			t.Fatalf("the test does not test what it is for: %+v", c)
		}
		damageFile(t, filepath.Join(dir, name), func(b []byte) []byte { return b[:4*pageSize] })
		disk.be(sound)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		c := checkLedger(t, q)
		if c.Lost["corrupt"]+c.Acked+c.Waiting != 6000 || c.Acked != 10 || c.Lost["corrupt"] > count-10 {
			t.Errorf("10 of %d from %d on were acknowledged: %+v", count, from, c)
		}
		mustClose(t, q)
	})
}

// TestAcknowledgedThoughDamaged: records that were read and acknowledged, and
// whose file is found broken while the disk cannot be written, are no loss.
func TestAcknowledgedThoughDamaged(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	filled(t, dir, 6000, nil)
	synctest.Test(t, func(t *testing.T) {
		q, _ := onBadDisk(t, dir)
		q.mu.Lock()
		s := q.segs[1]
		from, end, count := s.first, s.end, s.sum.count
		q.mu.Unlock()
		first, recs, err := q.readRecords(from, 1<<20, 10)
		if err != nil || first != from || len(recs) != 10 {
			t.Fatal(first, len(recs), err)
		}
		q.mu.Lock()
		s.damage, s.repaired = errDamaged, make(chan struct{})
		q.disk.err, q.disk.tryAt = syscall.EROFS, q.opt.Mono()+30_000
		q.mu.Unlock()
		q.wake()
		synctest.Wait() // it is passed over now
		mustAck(t, q, from, from+9)
		damageFile(t, filepath.Join(dir, s.name), func(b []byte) []byte { return b[:4*pageSize] })
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		c := checkLedger(t, q)
		if c.Lost["corrupt"]+c.Acked+c.Waiting != 6000 || c.Acked != 10 || c.Lost["corrupt"] > count-10 {
			t.Errorf("10 of %d in %d-%d were acknowledged: %+v", count, from, end, c)
		}
		mustClose(t, q)
	})
}
