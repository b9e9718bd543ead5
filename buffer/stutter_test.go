package buffer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// heard collects what a link would have received.
type heard map[string]int

// link drains the queue once, as a link does that is offered records behind it,
// and acknowledges what it got.
func (h heard) link(t *testing.T, q *Queue) {
	t.Helper()
	numbers, recs := drain(t, q)
	for i, r := range recs {
		h[r]++
		mustAck(t, q, numbers[i], numbers[i])
	}
}

// TestStutterAtTheStart: a card that answers with errors for a while when it is
// looked through costs nothing, whatever the error and however many calls it
// meets: no file is renamed, removed or counted as damaged, what comes in
// meanwhile is handed out, and in the end everything arrives, once. Row 12.
func TestStutterAtTheStart(t *testing.T) {
	t.Parallel()
	const n = 3000
	good := filepath.Join(fastDir(t), "good")
	filled(t, good, n, nil)
	type disturbance struct {
		err   error
		long  time.Duration
		share float64
	}
	var all []disturbance
	for _, e := range []error{syscall.EIO, syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENOSPC} {
		for _, long := range []time.Duration{50 * time.Millisecond, 3 * time.Second, 5 * time.Minute} {
			for _, share := range []float64{1, 0.2, 0.02} {
				all = append(all, disturbance{e, long, share})
			}
		}
	}
	for _, d := range chosen(t, 7, all) {
		what := fmt.Sprintf("%v for %v on %v of the calls", d.err, d.long, d.share)
		dir := filepath.Join(fastDir(t), "q")
		copyDir(t, good, dir)
		synctest.Test(t, func(t *testing.T) { stutters(t, dir, n, d.err, d.long, d.share, what) })
		os.RemoveAll(filepath.Dir(dir))
	}
}

func stutters(t *testing.T, dir string, n int, e error, long time.Duration, share float64, what string) {
	f := newBadDisk(dir)
	f.be(stuttering(e, share, long, ""))
	o := testOptions(dir)
	o.FS, o.tune, o.MaxSize = f, smallSizes(), 20<<20
	q := mustOpen(t, o)
	dev, _ := q.Device("a")
	got := heard{}
	for end := time.Now().Add(long + 3*time.Minute); time.Now().Before(end); {
		appendN(t, q, dev, n, 1)
		n++
		time.Sleep(time.Second)
		synctest.Wait()
		got.link(t, q)
	}
	_, failed := f.counts()
	if got.link(t, q); len(got) != n || failed == 0 && share > 0.1 {
		t.Fatalf("%s: %d of %d arrived, %d calls failed, %+v", what, len(got), n, failed, q.Stats())
	}
	for r, times := range got {
		if times > 1 {
			t.Fatalf("%s: %.20q came %d times", what, r, times)
		}
	}
	names, _ := OS(dir).List()
	if slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, damagedInfix) || strings.HasSuffix(n, salvageSuffix) }) {
		t.Errorf("%s: %v", what, names)
	}
	if c := checkLedger(t, q); c.LostAll() != 0 || c.Quarantined != 0 || c.Acked != c.Read || c.Read < uint64(n) {
		t.Errorf("%s: %+v", what, c)
	}
	mustClose(t, q)
}

// TestOneFileIsUnreadable: a file that the disk does not deliver for an hour, at
// the start or from some moment on, holds up neither the others nor the saving,
// waits as it is, and arrives when it can be read. Row 12.
func TestOneFileIsUnreadable(t *testing.T) {
	t.Parallel()
	const n = 3000
	for _, which := range []string{"first", "middle", "newest"} {
		for _, when := range []string{"at the start", "while it runs"} {
			t.Run(which+" "+when, func(t *testing.T) {
				dir := filepath.Join(fastDir(t), "q")
				filled(t, dir, n, func(o *Options) { o.tune.segment = 64 << 10 })
				files := segmentFiles(t, dir)
				file := filepath.Base(files[map[string]int{"first": 0, "middle": len(files) / 2, "newest": len(files) - 1}[which]])
				synctest.Test(t, func(t *testing.T) { unreadable(t, dir, n, file, when == "at the start") })
			})
		}
	}
}

func unreadable(t *testing.T, dir string, n int, file string, atStart bool) {
	f := newBadDisk(dir)
	o := testOptions(dir)
	o.FS, o.tune, o.MaxSize = f, smallSizes(), 20<<20
	if atStart {
		f.be(stuttering(syscall.EIO, 1, time.Hour, file))
	}
	q := mustOpen(t, o)
	f.be(stuttering(syscall.EIO, 1, time.Hour, file))
	dev, _ := q.Device("a")
	got := heard{}
	before := n
	for range 60 {
		appendN(t, q, dev, n, 20)
		n += 20
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		got.link(t, q)
	}
	if _, failed := f.counts(); failed == 0 {
		t.Fatal("nothing failed")
	}
	if len(got) < n*3/4 || len(got) >= n || got[text(n-1)] == 0 {
		t.Errorf("%d of %d arrived meanwhile", len(got), n)
	}
	s := q.Stats()
	if len(s.Unread) != 1 || s.Unread[0] != file || !strings.Contains(s.UnreadBy, syscall.EIO.Error()) {
		t.Errorf("it does not say what it waits for: %q %q", s.Unread, s.UnreadBy)
	}
	if s.Degraded || len(s.Damaged) != 0 || s.Accepted < uint64(n-before) {
		t.Errorf("%+v", s)
	}
	checkLedger(t, q)
	time.Sleep(time.Hour + 2*time.Minute)
	synctest.Wait()
	for range 3 {
		got.link(t, q)
		time.Sleep(time.Minute)
		synctest.Wait()
	}
	if s := q.Stats(); len(s.Unread) != 0 {
		t.Errorf("it still waits for %q", s.Unread)
	}
	if c := checkLedger(t, q); len(got) != n || c.LostAll() != 0 || c.Waiting != 0 {
		t.Errorf("%d of %d arrived in the end, %+v", len(got), n, c)
	}
	names, _ := OS(dir).List()
	if strings.Contains(strings.Join(names, " "), damagedInfix) {
		t.Error(names)
	}
	if err := q.Close(); err != nil && !errors.Is(err, syscall.EIO) {
		t.Error(err)
	}
}

// TestStateCannotBeRead: a state file that answers with EIO for good. The queue
// works from memory meanwhile, then goes on with what the segments say, and keeps
// the file for a person.
func TestStateCannotBeRead(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	texts := filled(t, dir, 500, nil)
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		f := newBadDisk(dir)
		f.be(refusing(nil, sidecarName))
		f.after("rename", func(to string) { // another file has its name from then on
			if strings.HasPrefix(to, sidecarName+damagedInfix) {
				f.be(sound)
			}
		})
		o.FS = f
		q := mustOpen(t, o)
		dev, _ := q.Device("a")
		appendN(t, q, dev, 0, 10)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if _, recs := drain(t, q); len(recs) != 10 || !q.Stats().Degraded {
			t.Errorf("%d records before, %+v", len(recs), q.Stats())
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if _, recs := drain(t, q); len(recs) != len(texts)+10 || q.Stats().Degraded || q.Stats().WaitingMemory != 0 {
			t.Errorf("%d records of %d, %+v", len(recs), len(texts)+10, q.Stats())
		}
		checkLedger(t, q)
		mustClose(t, q)
		if _, err := os.Stat(filepath.Join(dir, sidecarName+damagedInfix+"1")); err != nil {
			t.Error("the file was not kept: ", err)
		}
	})
}
