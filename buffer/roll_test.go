package buffer

import (
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestNothingIsUnlinkedUnnoted: files that are through stay while the state
// file cannot be written, or a start after a crash would count what was
// delivered from them as lost.
func TestNothingIsUnlinkedUnnoted(t *testing.T) {
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		disk := newBadDisk(dir)
		o.FS, o.tune = disk, smallSizes()
		o.tune.numbers = 1 << 20
		q := mustOpen(t, o)
		dev, _ := q.Device("a")
		for i := range 10 {
			appendN(t, q, dev, 200*i, 200)
			time.Sleep(2 * time.Second)
			synctest.Wait()
		}
		before := len(segmentFiles(t, dir))
		disk.be(func(op, name string) error {
			if op == "write" && name == sidecarName {
				return syscall.EIO
			}
			return nil
		})
		mustAck(t, q, 1, 1500)
		time.Sleep(time.Minute)
		synctest.Wait()
		if after := len(segmentFiles(t, dir)); before < 3 || after != before {
			t.Errorf("there were %d files, there are %d", before, after)
		}
		if c, _ := afterCrash(t, o, dir); c.LostAll() != 0 {
			t.Errorf("a crash now: %+v", c)
		}
		disk.be(sound)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if after := len(segmentFiles(t, dir)); after >= before || q.Stats().Degraded {
			t.Errorf("there were %d files, there are still %d", before, after)
		}
		c, _ := afterCrash(t, o, dir)
		if c.LostAll() != 0 || c.Waiting != 500 {
			t.Errorf("a crash then: %+v", c)
		}
		mustClose(t, q)
	})
}
