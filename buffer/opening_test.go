package buffer

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// dying is a disk at which a process dies when it opens a file for writing.
type dying struct {
	osFS
	deadly bool
	opened int
}

var errDied = errors.New("the process died here")

func (d *dying) OpenDB(name string, ro bool, size, limit int) (DB, error) {
	if !ro && d.deadly && !strings.HasSuffix(name, tmpSuffix) {
		d.opened++
		panic(errDied)
	}
	return d.osFS.OpenDB(name, ro, size, limit)
}

// opens is what a start does that writes to its newest file, up to where the
// process dies.
func (d *dying) opens(q *Queue, s *segment) (died bool) {
	defer func() {
		if p := recover(); p == errDied {
			died = true
			s.mu.TryLock() // it died holding it
			s.mu.Unlock()
		} else if p != nil {
			panic(p)
		}
	}()
	_ = s.openWritable(q)
	return false
}

func bare(f FS) *Queue {
	return &Queue{fs: f, sz: smallSizes(), openings: new(openings), opt: Options{Mono: monoFrom(0)}}
}

// TestTwoDeathsAtOneFile: the third start does not open what killed two, and
// loses nothing that was in it. Row 12 of the failure matrix.
func TestTwoDeathsAtOneFile(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	texts := filled(t, dir, 64, nil)
	d := &dying{osFS: osFS{dir}, deadly: true}
	for range 2 {
		q := bare(d)
		if !d.opens(q, newSegment(1)) {
			t.Fatal("nobody died")
		}
	}
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		o.FS, o.tune = d, smallSizes()
		o.tune.segment, o.tune.reuse = 256<<10, 1<<20
		q := mustOpen(t, o)
		dev, _ := q.Device("a")
		if err := q.Append(0, dev, 1, []byte("65th")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		_, recs := drain(t, q)
		c, s := checkLedger(t, q), q.Stats()
		if d.opened != 2 || len(recs) != len(texts)+1 || c.LostAll() != 0 || s.Degraded || len(s.Damaged) != 1 {
			t.Errorf("opened %d times, %d records, %+v, %+v", d.opened, len(recs), c, s)
		}
		mustClose(t, q)
	})
	if _, err := d.Size(openingName); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the note stays: ", err)
	}
}

// TestOneDeathIsNone: it may have been anything.
func TestOneDeathIsNone(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	filled(t, dir, 64, nil)
	d := &dying{osFS: osFS{dir}, deadly: true}
	d.opens(bare(d), newSegment(1))
	d.deadly = false
	o := testOptions(dir)
	o.FS, o.tune = d, smallSizes()
	o.tune.segment, o.tune.reuse = 256<<10, 1<<20
	for range 3 { // and what went well in between is no death
		q := mustOpen(t, o)
		dev, _ := q.Device("a")
		appendN(t, q, dev, 0, 1)
		flushNow(t, q)
		mustClose(t, q)
		if s := q.Stats(); len(s.Damaged) > 0 || s.Segments != 1 {
			t.Fatalf("%+v", s)
		}
	}
}
