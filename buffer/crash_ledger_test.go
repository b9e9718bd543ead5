package buffer

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// afterCrash opens a copy of what is on disk at this moment, as a process would
// find it that was killed here, and gives its ledger.
func afterCrash(t *testing.T, o Options, dir string) (Counts, map[string]Counts) {
	t.Helper()
	o.Dir = filepath.Join(fastDir(t), "copy")
	o.FS = OS(o.Dir)
	if err := os.CopyFS(o.Dir, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	q := mustOpen(t, o)
	defer mustClose(t, q)
	checkLedger(t, q)
	return q.Ledger()
}

// TestACrashAfterSheddingKnowsWhatWasShed: at the moment a file full of waiting
// readings is removed, its loss must be on disk: else a crash turns readings
// that nobody got into acknowledged ones.
func TestACrashAfterSheddingKnowsWhatWasShed(t *testing.T) {
	for _, reason := range []string{"full", "age"} {
		dir := fastDir(t)
		synctest.Test(t, func(t *testing.T) {
			o := testOptions(dir)
			h := newBadDisk(dir)
			o.FS, o.tune = h, smallSizes()
			if reason == "full" {
				o.MaxSize = 1 << 20
			} else {
				o.MaxAge = time.Hour
				o.tune.ledger = 30 * time.Minute
			}
			crashes := 0
			q := mustOpen(t, o)
			h.after("remove", func(name string) {
				if _, ok := parseSegmentName(name); !ok || crashes == 4 {
					return
				}
				crashes++
				c, devices := afterCrash(t, o, dir)
				if c.Acked != 0 || c.Lost[reason] == 0 || devices["a"].Acked != 0 || devices["b"].Acked != 0 {
					t.Errorf("%s, crash %d: nothing was ever acknowledged: %+v", reason, crashes, c)
				}
			})
			a, _ := q.Device("a")
			b, _ := q.Device("b")
			for i := range 3_000 {
				if err := q.Append(0, []uint16{a, b}[i%3%2], 1, []byte(text(i))); err != nil {
					t.Fatal(err)
				}
				if i%200 == 199 {
					time.Sleep(1100 * time.Millisecond)
					synctest.Wait()
				}
			}
			time.Sleep(2 * time.Hour)
			synctest.Wait()
			if crashes == 0 {
				t.Error("no file was removed")
			}
			h.after("remove", nil)
			mustClose(t, q)
		})
	}
}

// TestACrashForgetsWhatWasOnlyInMemory: readings that a commit had no space for
// die with the process as if they had never been read; they must not come back
// as acknowledged.
func TestACrashForgetsWhatWasOnlyInMemory(t *testing.T) {
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		h := newBadDisk(dir)
		o.FS, o.tune = h, smallSizes()
		q := mustOpen(t, o)
		a, _ := q.Device("a")
		b, _ := q.Device("b")
		crashes := 0
		h.be(func(op, _ string) error {
			if op != "commit" {
				return nil
			}
			if crashes++; crashes > 4 {
				return nil
			}
			if c, devices := afterCrash(t, o, dir); c.Acked != 10 && c.Read > 0 || devices["b"].Acked != 0 {
				t.Errorf("10 readings of a were acknowledged: %+v %+v", c, devices)
			}
			return nil
		})
		for i := range 500 { // several commits of 8 KB
			if err := q.Append(0, []uint16{a, b}[min(i/10, 1)], 1, []byte(text(i))); err != nil {
				t.Fatal(err)
			}
		}
		mustAck(t, q, 1, 10)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if crashes < 3 {
			t.Error("too few commits: ", crashes)
		}
		h.be(sound)
		mustClose(t, q)
	})
}
