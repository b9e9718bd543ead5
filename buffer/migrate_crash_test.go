package buffer

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestPowerCutDuringMigration: at every operation of it, with any of what is not
// synced, whole or torn; nothing is lost, and the next start ends it. Rows 4, 22.
func TestPowerCutDuringMigration(t *testing.T) {
	old, texts := oldQueue(t)
	dir := filepath.Join(filepath.Dir(old), "run")
	copyDir(t, old, dir)
	f := newFake(dir)
	start := newDisc() // what lies there before the first operation
	for name, b := range filesIn(t, dir) {
		i := f.inode(name)
		f.inodes[i], start.files[i], start.names[name] = bytes.Clone(b), bytes.Clone(b), i
	}
	f.log = nil
	synctest.Test(t, func(t *testing.T) {
		q := mustOpen(t, oldOptions(dir, f))
		synctest.Wait()
		mustClose(t, q)
	})
	every, _ := replayed()
	check := func(dir string, _, _ any) error {
		for range 2 { // the second start finds nothing to do
			if err := holdsTexts(dir, texts, "", false); err != nil {
				return err
			}
		}
		return nil
	}
	images, bad := cutLog(t, f, cuts{seed: int64(number("PORTTI_SEED", 1)), every: every, report: 5, check: check, start: start})
	t.Logf("%d images of %d operations, %d bad", images, len(f.log), bad)
	if bad > 0 || images < 850/every {
		t.Errorf("%d of %d images are bad", bad, images)
	}
}

// filesIn is every file of a directory.
func filesIn(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	names, err := OS(dir).List()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		if files[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// holdsTexts is holdsAll without a test around it. Where an error of a read was
// taken for damage a file may have been set aside, and what the state file knew
// of acknowledgements be forgotten; nothing is lost then either. late is a
// record that may be there too.
func holdsTexts(dir string, texts map[uint64]string, late string, spoilt bool) error {
	o := oldOptions(dir, OS(dir))
	o.CommitEvery = time.Hour
	q, err := Open(o)
	if err != nil {
		return fmt.Errorf("does not open: %w", err)
	}
	got, err := handedOut(q)
	total, _ := q.Ledger()
	s := q.Stats()
	if err = errors.Join(err, q.Close()); err != nil {
		return err
	}
	again := 0
	for n, r := range got {
		if _, is := texts[n]; is {
			continue
		}
		if r != late && spoilt && r == text(int(n-1)) {
			again++
		} else if r != late {
			return fmt.Errorf("record %d is %q", n, r)
		} else {
			total.Read--
		}
		delete(got, n)
	}
	sound := !s.Degraded && len(s.Damaged) == 0 && total.Read == uint64(len(texts)+121) && total.Acked == 121
	if !maps.Equal(got, texts) || total.LostAll() != 0 || total.Read != total.Acked+total.Waiting && late == "" || !sound && !spoilt || again > 121 {
		return fmt.Errorf("%d of %d there, ledger %+v, %+v", len(got), len(texts), total, s)
	}
	return nil
}

// TestNthOperationFailsWhileMigrating lets each operation fail in turn while a
// queue of an older format is taken over. Whatever fails, and for however long,
// the old files are there, untouched, until the queue was opened and has saved
// its state in the new format; on a good disk the next try ends it, in the same
// life or in the next, and nothing is lost or there twice. Rows 6, 9 to 11, 22.
func TestNthOperationFailsWhileMigrating(t *testing.T) {
	old, texts := oldQueueOf(t, 400)
	was := filesIn(t, old)
	eachNth(t, func(t *testing.T, dir string, fail func(*fakeFS)) bool {
		copyDir(t, old, dir)
		f := newFake(dir)
		fail(f)
		q := mustOpen(t, oldOptions(dir, f))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		hit := f.hits > 0
		if f.always {
			keepsTheOld(t, dir, was)
		}
		// One more record, whatever is wrong: it must not be in the way of those on disk.
		dev, _ := q.Device("late")
		appendN(t, q, dev, 0, 1)
		late := text(0)
		spoilt := f.err == syscall.EIO
		if f.always && f.failAt%2 == 0 { // a stop without the disk, which may say that it cannot save
			q.Close()
			keepsTheOld(t, dir, was)
			if err := holdsTexts(dir, texts, late, spoilt); err != nil {
				t.Fatal(err)
			}
			return hit
		}
		f.heal()
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if s := q.Stats(); s.Degraded || s.Waiting != uint64(len(texts)+1) && !spoilt {
			t.Fatalf("it does not recover: %+v", s)
		}
		mustClose(t, q)
		if err := holdsTexts(dir, texts, late, spoilt); err != nil {
			t.Fatal(err)
		}
		return hit
	})
}

// keepsTheOld sees that every old file is there as it was, under its own name or
// the one for old files, unless the new state was saved.
func keepsTheOld(t *testing.T, dir string, was map[string][]byte) {
	t.Helper()
	if _, err := readSidecar(OS(dir)); err == nil {
		return
	}
	now := filesIn(t, dir)
	for name, b := range was {
		if !bytes.Equal(now[name], b) && !bytes.Equal(now[oldName(name, 0)], b) {
			t.Fatalf("the old %s is gone", name)
		}
	}
}
