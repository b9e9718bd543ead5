package buffer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// stutter is a disk that answers some calls with an error for a while.
type stutter struct {
	osFS
	mu     sync.Mutex
	err    error
	share  float64 // of the calls
	until  time.Time
	name   string // only of this file, "" for all
	rnd    *rand.Rand
	struck int
}

func (s *stutter) fault(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil || !time.Now().Before(s.until) || s.name != "" && s.name != name || s.rnd.Float64() >= s.share {
		return nil
	}
	s.struck++
	return &os.PathError{Op: "read", Path: name, Err: s.err}
}

func (s *stutter) Open(name string, flag int) (File, error) {
	if err := s.fault(name); err != nil {
		return nil, err
	}
	f, err := s.osFS.Open(name, flag)
	return &stutterFile{f, s, name}, err
}

func (s *stutter) Size(name string) (int64, error) {
	if err := s.fault(name); err != nil {
		return 0, err
	}
	return s.osFS.Size(name)
}

func (s *stutter) List() ([]string, error) {
	if err := s.fault(""); err != nil {
		return nil, err
	}
	return s.osFS.List()
}

type stutterFile struct {
	File
	disk *stutter
	name string
}

func (f *stutterFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.disk.fault(f.name); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

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
	f := &stutter{osFS: osFS{dir}, err: e, share: share, until: time.Now().Add(long), rnd: rand.New(rand.NewPCG(1, 2))}
	o := testOptions(dir)
	o.FS, o.tune, o.MaxSize = f, smallSizes(), 20<<20
	q := mustOpen(t, o)
	dev, _ := q.Device("a")
	got := heard{}
	for end := f.until.Add(3 * time.Minute); time.Now().Before(end); {
		appendN(t, q, dev, n, 1)
		n++
		time.Sleep(time.Second)
		synctest.Wait()
		got.link(t, q)
	}
	if got.link(t, q); len(got) != n || f.struck == 0 && share > 0.1 {
		t.Fatalf("%s: %d of %d arrived, %d calls failed, %+v", what, len(got), n, f.struck, q.Stats())
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
	f := &stutter{osFS: osFS{dir}, err: syscall.EIO, share: 1, name: file, rnd: rand.New(rand.NewPCG(1, 2))}
	o := testOptions(dir)
	o.FS, o.tune, o.MaxSize = f, smallSizes(), 20<<20
	if atStart {
		f.until = time.Now().Add(time.Hour)
	}
	q := mustOpen(t, o)
	f.mu.Lock()
	f.until = time.Now().Add(time.Hour)
	f.mu.Unlock()
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
	if f.struck == 0 {
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

// badState is a disk on which the state file cannot be opened, until another one
// has its name.
type badState struct {
	osFS
	aside bool // the committer's
}

func (f *badState) Open(name string, flag int) (File, error) {
	if name == sidecarName && !f.aside {
		return nil, &os.PathError{Op: "open", Path: name, Err: syscall.EIO}
	}
	return f.osFS.Open(name, flag)
}

func (f *badState) Rename(from, to string) error {
	f.aside = f.aside || from == sidecarName
	return f.osFS.Rename(from, to)
}

// TestStateCannotBeRead: a state file that answers with EIO for good. The queue
// works from memory meanwhile, then goes on with what the segments say, and keeps
// the file for a person.
func TestStateCannotBeRead(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	texts := filled(t, dir, 500, nil)
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		o.FS = &badState{osFS: osFS{dir}}
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
