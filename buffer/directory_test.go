package buffer

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// TestDiskTakenAway: the folder of a running queue is gone, then an empty one
// is in its place, then one with the buffer of somebody else, then its own is
// back, the same or on a device of another number. Nothing is made or changed
// in what is not ours, nothing counts as lost, and in the end everything comes.
// Row 24 of the failure matrix, and storage that vanishes and returns.
func TestDiskTakenAway(t *testing.T) {
	for _, copied := range []bool{false, true} {
		base := fastDir(t)
		dir, away := filepath.Join(base, "q"), filepath.Join(base, "away")
		texts := filled(t, dir, 6000, nil)
		synctest.Test(t, func(t *testing.T) {
			o := testOptions(dir)
			o.tune = smallSizes()
			o.tune.segment = 256 << 10
			q := mustOpen(t, o)
			dev, _ := q.Device("a")
			appendN(t, q, dev, 6000, 10)
			time.Sleep(3 * time.Second)
			synctest.Wait()
			if s := q.Stats(); s.WaitingDisk != 6010 {
				t.Fatalf("%+v", s)
			}

			if err := os.Rename(dir, away); err != nil {
				t.Fatal(err)
			}
			appendN(t, q, dev, 6010, 10)
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			at, _ := q.Bounds()
			for range 5 { // what is in files that are not open cannot be read now
				if _, _, err := q.readRecords(at+3000, 3000, 100); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				synctest.Wait()
			}
			if s := q.Stats(); s.Code != "BUF-IO" || s.WaitingMemory != 10 || s.Waiting != 6020 {
				t.Errorf("folder gone: %+v", s)
			}
			if _, err := os.Stat(dir); err == nil {
				t.Error("a folder was made")
			}

			for _, other := range []func() error{
				func() error { return os.Mkdir(dir, 0o700) },
				func() error { fillDir(t, dir, 50, nil); return nil },
			} {
				if err := other(); err != nil {
					t.Fatal(err)
				}
				before := listing(t, dir)
				appendN(t, q, dev, 0, 1)
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				if _, _, err := q.readRecords(at+3000, 3000, 100); err != nil {
					t.Fatal(err)
				}
				if after := listing(t, dir); before != after {
					t.Errorf("the folder of another had %d bytes, has %d", len(before), len(after))
				}
				if s := q.Stats(); s.Code != "BUF-MOVED" || s.Waiting < 6021 {
					t.Errorf("another folder: %+v", s)
				}
			}

			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			if copied { // another inode, as on a device that comes back under another number
				copyDir(t, away, dir)
			} else if err := os.Rename(away, dir); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			c, s := checkLedger(t, q), q.Stats()
			if s.Degraded || s.WaitingMemory != 0 || c.Waiting != 6022 || c.LostAll() != 0 {
				t.Errorf("back: %+v %+v", c, s)
			}
			_, recs := drain(t, q)
			if len(recs) != 6022 || recs[0] != texts[1] {
				t.Errorf("%d records", len(recs))
			}
			mustClose(t, q)
			q = mustOpen(t, o)
			if _, recs := drain(t, q); len(recs) != 6022 {
				t.Errorf("%d records after a restart", len(recs))
			}
			mustClose(t, q)
		})
	}
}

func listing(t *testing.T, dir string) (out string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out += e.Name() + " " + string(b) + "\n"
	}
	return out
}

// TestStateFileSetBack: an older copy of the state file next to newer readings,
// as when a backup is put back in part. A new epoch begins, nothing is lost.
func TestStateFileSetBack(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	filled(t, dir, 100, nil)
	old, err := os.ReadFile(filepath.Join(dir, sidecarName))
	if err != nil {
		t.Fatal(err)
	}
	o := testOptions(dir)
	o.tune = smallSizes()
	o.tune.segment, o.tune.numbers, o.CommitEvery = 256<<10, 128, time.Hour
	q := mustOpen(t, o)
	dev, _ := q.Device("a")
	appendN(t, q, dev, 100, 300)
	mustClose(t, q)
	q = mustOpen(t, o) // with the right state file
	epoch := q.Epoch()
	if s := q.Stats(); s.NewEpochs != 0 || s.Rollbacks != 0 {
		t.Errorf("%+v", s)
	}
	mustClose(t, q)
	if err := os.WriteFile(filepath.Join(dir, sidecarName), old, 0o600); err != nil {
		t.Fatal(err)
	}
	q = mustOpen(t, o)
	numbers, _ := drain(t, q)
	if s := q.Stats(); q.Epoch() == epoch || s.Rollbacks != 1 || len(numbers) != 400 {
		t.Errorf("%d records, epoch is the same: %v, %+v", len(numbers), q.Epoch() == epoch, s)
	}
	_, next := q.Bounds()
	if next <= numbers[len(numbers)-1] {
		t.Errorf("next is %d", next)
	}
	epoch = q.Epoch()
	mustClose(t, q)
	q = mustOpen(t, o)
	if s := q.Stats(); q.Epoch() != epoch || s.Rollbacks != 0 {
		t.Errorf("and again a new epoch: %+v", s)
	}
	checkLedger(t, q)
	mustClose(t, q)
}
