package buffer

import (
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// stuck is a disk on which the state file cannot be written.
type stuck struct {
	osFS
	on atomic.Bool
}

func (s *stuck) Open(name string, flag int) (File, error) {
	f, err := s.osFS.Open(name, flag)
	if err != nil || name != sidecarName || flag == os.O_RDONLY {
		return f, err
	}
	return stuckFile{f, s}, nil
}

type stuckFile struct {
	File
	disk *stuck
}

func (f stuckFile) WriteAt(p []byte, off int64) (int, error) {
	if f.disk.on.Load() {
		return 0, syscall.EIO
	}
	return f.File.WriteAt(p, off)
}

// TestNothingIsUnlinkedUnnoted: files that are through stay while the state
// file cannot be written, or a start after a crash would count what was
// delivered from them as lost.
func TestNothingIsUnlinkedUnnoted(t *testing.T) {
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		disk := &stuck{osFS: osFS{dir}}
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
		disk.on.Store(true)
		mustAck(t, q, 1, 1500)
		time.Sleep(time.Minute)
		synctest.Wait()
		if after := len(segmentFiles(t, dir)); before < 3 || after != before {
			t.Errorf("there were %d files, there are %d", before, after)
		}
		if c, _ := afterCrash(t, o, dir); c.LostAll() != 0 {
			t.Errorf("a crash now: %+v", c)
		}
		disk.on.Store(false)
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
