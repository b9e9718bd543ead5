package buffer

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestFlappingLinkPutsOffNoCommit: records that nobody acknowledged are on disk
// CommitEvery after they came, however often the link ends meanwhile; a power cut must
// not cost more.
func TestFlappingLinkPutsOffNoCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(fastDir(t))
		o.CommitEvery = 5 * time.Second
		q := mustOpen(t, o)
		dev, _ := q.Device("a")
		for i := range 300 {
			appendN(t, q, dev, i, 1)
			time.Sleep(100 * time.Millisecond)
			if i%20 == 19 {
				if _, err := q.Rewind(); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			if s := q.Stats(); s.WaitingMemory > 51 {
				t.Errorf("after %d records %d are in memory only", i+1, s.WaitingMemory)
				break
			}
		}
		mustClose(t, q)
	})
}
