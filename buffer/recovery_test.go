package buffer

import (
	"maps"
	"math/rand"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestFaultsInsideRecovery (T7): starts that fail at any of their operations and are
// killed, up to three in a row, over files that are damaged. They end where one
// start without a fault ends: the same readings, the same losses.
func TestFaultsInsideRecovery(t *testing.T) {
	t.Parallel()
	base := filepath.Join(fastDir(t), "base")
	all, delivered := silent(t, base, false)
	dir := filepath.Join(filepath.Dir(base), "hurt")
	seeds, hit := chosen(t, 29, upTo(400)), 0
	for _, seed := range seeds {
		rnd := rand.New(rand.NewSource(int64(seed)))
		copyDir(t, base, dir)
		segs := segmentFiles(t, dir)
		for range 1 + rnd.Intn(2) {
			path := segs[rnd.Intn(len(segs))]
			switch rnd.Intn(4) {
			case 0:
				os.Truncate(path, usedBytes(t, filepath.Join(base, filepath.Base(path)))*int64(1+rnd.Intn(23))/24)
			case 1:
				damageFile(t, path, func(b []byte) []byte { rnd.Read(b[:min(len(b), 2*pageSize)]); return b })
			case 2:
				damageFile(t, path, func(b []byte) []byte { clear(b[min(len(b), 2*pageSize):min(len(b), 5*pageSize)]); return b })
			case 3:
				removeAll(path)
			}
			if _, err := os.Stat(path); err != nil {
				break
			}
		}
		hurt := dir + "-once"
		copyDir(t, dir, hurt)
		want, lost := recovered(t, hurt)
		for range 1 + rnd.Intn(3) {
			hit += brokenStart(t, dir, rnd)
		}
		got, now := recovered(t, dir)
		if !maps.Equal(got, want) || now.LostAll() != lost.LostAll() {
			t.Errorf("seed %d: %d records and %+v, without a fault %d and %+v, %d of %d were delivered before",
				seed, len(got), now, len(want), lost, len(delivered), len(all))
		}
	}
	if hit < len(seeds) {
		t.Errorf("%d faults in %d runs: the test shows little", hit, len(seeds))
	}
}

// recovered is what a start finds, with what it repairs soon after, and its ledger.
func recovered(t *testing.T, dir string) (got map[string]bool, c Counts) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		o.tune = smallSizes()
		q := mustOpen(t, o)
		drain(t, q)
		time.Sleep(10 * time.Second)
		_, recs := drain(t, q)
		got = map[string]bool{}
		for _, r := range recs {
			got[r] = true
		}
		c = checkLedger(t, q)
		mustClose(t, q)
	})
	return got, c
}

// brokenStart is a start of which one operation fails, and all after it until the
// process is killed. It says how many did.
func brokenStart(t *testing.T, dir string, rnd *rand.Rand) int {
	t.Helper()
	f := newFake(dir)
	f.record, f.always, f.after = false, true, rnd.Intn(2) == 0
	f.failAt = 1 + rnd.Intn(90)
	f.err = []error{syscall.EIO, syscall.ENOSPC, syscall.EROFS, syscall.EMFILE}[rnd.Intn(4)]
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		o.FS = f
		o.tune = smallSizes()
		q := mustOpen(t, o)
		if rnd.Intn(2) == 0 {
			time.Sleep(time.Duration(rnd.Intn(20)) * time.Second)
		}
		f.mu.Lock()
		f.failAt, f.after = min(f.failAt, f.count+1), false // killed now
		f.mu.Unlock()
		_ = q.Close()
	})
	return f.hits
}
