package buffer

import (
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// renaming is a disk on which readings come while a thinned file is put in place.
type renaming struct {
	osFS
	meanwhile func()
	over      atomic.Bool // nothing comes any more
}

func (f *renaming) Rename(from, to string) error {
	if strings.HasSuffix(to, ".seg") && !f.over.Load() {
		f.meanwhile()
	}
	return f.osFS.Rename(from, to)
}

// TestReadingsComeWhileThinning: what is appended while a thinned file is put in place
// goes into a block of memory of its own. The one before may hold records of that file,
// and is let go with it.
func TestReadingsComeWhileThinning(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(filepath.Join(dir, "q"))
		tight(&o)
		o.MaxSize = 256 << 10
		fs := &renaming{osFS: osFS{o.Dir}}
		fs.over.Store(true)
		o.FS = fs
		q := mustOpen(t, o)
		dev, _ := q.Device("a")
		var mu sync.Mutex // readings come from the test and, during a rename, from the committer
		n, during := 0, 0
		put := func(k int) {
			mu.Lock()
			defer mu.Unlock()
			for range k {
				appendMixed(t, q, dev, n)
				n++
			}
		}
		fs.meanwhile = func() { put(5); during++ }
		fs.over.Store(false)
		for range 150 {
			put(40)
			time.Sleep(1100 * time.Millisecond)
			synctest.Wait()
		}
		fs.over.Store(true)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		c, s := checkLedger(t, q), q.Stats()
		if c.Read != uint64(n) || c.Waiting+c.Lost["full"] != uint64(n) || s.Err != "" || s.WaitingMemory != 0 {
			t.Errorf("%d in memory after %d renames: %+v, %q", s.WaitingMemory, during, c, s.Err)
		}
		if s.Thinnings < 8 || during == 0 {
			t.Errorf("thinned %d times, %d renames", s.Thinnings, during)
		}
		mustClose(t, q)
	})
}

// TestAcknowledgedWhileThinning: an acknowledgement that comes while a thinned file is put
// in place, of what an earlier link was given, waits for that. Else what is shed would be
// counted as delivered too, and the rest would be sent again.
func TestAcknowledgedWhileThinning(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(filepath.Join(dir, "q"))
		tight(&o)
		o.MaxSize = 256 << 10
		fs := &renaming{osFS: osFS{o.Dir}}
		o.FS = fs
		q := mustOpen(t, o)
		dev, _ := q.Device("a")
		acked := uint64(0)
		fs.meanwhile = func() {
			q.mu.Lock()
			half := (q.thinned.a + q.thinned.b) / 2
			q.mu.Unlock()
			if half == 0 || acked > 0 {
				return // a file that begins
			}
			acked = half
			go func() {
				if err := q.Ack(1, half); err != nil {
					t.Error(err)
				}
			}()
			time.Sleep(time.Millisecond) // it has been done, or waits
		}
		for n := range 3000 {
			appendMixed(t, q, dev, n)
			if n%40 == 0 {
				time.Sleep(1100 * time.Millisecond)
				synctest.Wait()
			}
		}
		c, there := checkLedger(t, q), uint64(0)
		for from := uint64(1); ; {
			first, e, err := q.Read(from, 1<<20, 1000)
			if err != nil {
				t.Fatal(err)
			}
			if len(e) == 0 {
				break
			}
			there += uint64(len(e))
			from = first + uint64(len(e))
		}
		if acked == 0 || c.Acked == 0 || c.Waiting != there {
			t.Errorf("%d readings are there after an acknowledgement up to %d: %+v", there, acked, c)
		}
		mustClose(t, q)
	})
}

// TestOthersAreAcknowledgedWhileThinning: where the disk hangs while a thinned file is put
// in place, readings that are not in it are proven all the same.
func TestOthersAreAcknowledgedWhileThinning(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(filepath.Join(dir, "q"))
		tight(&o)
		o.MaxSize = 256 << 10
		fs := &renaming{osFS: osFS{o.Dir}}
		o.FS = fs
		q := mustOpen(t, o)
		dev, _ := q.Device("a")
		tried := false
		fs.meanwhile = func() {
			q.mu.Lock()
			thinned, last := q.thinned, q.next-1
			q.mu.Unlock()
			if thinned.b == 0 || tried {
				return
			}
			tried = true
			if err := q.Ack(last, last); err != nil { // on this goroutine: it would never end if it waited
				t.Error(err)
			}
		}
		for n := range 3000 {
			appendMixed(t, q, dev, n)
			if n%40 == 0 {
				time.Sleep(1100 * time.Millisecond)
				synctest.Wait()
			}
		}
		if c := checkLedger(t, q); !tried || c.Acked != 1 {
			t.Errorf("tried %v: %+v", tried, c)
		}
		mustClose(t, q)
	})
}
