package buffer

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"
)

// panicking is a disk whose transactions panic from one on, once or always.
type panicking struct {
	osFS
	where  string // "before", "closure", "commit", "after"
	from   int    // the transaction, from 1
	always bool
	healed atomic.Bool
	count  int
	hits   int
}

func (p *panicking) CreateDB(name string, limit int) (DB, error) {
	db, err := p.osFS.CreateDB(name, limit)
	if err != nil {
		return nil, err
	}
	return panickingDB{db, p}, nil
}

type panickingDB struct {
	DB
	fs *panicking
}

func (d panickingDB) Update(f func(*bolt.Tx) error) error {
	d.fs.count++
	if d.fs.healed.Load() || d.fs.count < d.fs.from || d.fs.hits > 0 && !d.fs.always {
		return d.DB.Update(f)
	}
	d.fs.hits++
	switch d.fs.where {
	case "before":
		panic("before anything was written")
	case "closure":
		return d.DB.Update(func(tx *bolt.Tx) error {
			if err := f(tx); err != nil {
				return err
			}
			panic("in the closure, with everything put")
		})
	case "commit":
		return d.DB.Update(func(tx *bolt.Tx) error {
			if err := f(tx); err != nil {
				return err
			}
			// bbolt calls this as the last thing of its commit, with all pages written.
			tx.OnCommit(func() { panic("inside bbolt's commit") })
			return nil
		})
	}
	if err := d.DB.Update(f); err != nil {
		return err
	}
	panic("after the commit, its outcome not told")
}

// Row 76: a panic in the writer becomes an error: the file is left at its last
// good commit, the same records go to a new one, and whatever the outcome of
// that commit was, nothing is lost and no record is handed out twice, neither
// now nor by the next start.
func TestWriterPanics(t *testing.T) {
	for _, where := range []string{"before", "closure", "commit", "after"} {
		for _, always := range []bool{false, true} {
			for from := 1; from <= 4; from++ {
				t.Run(fmt.Sprintf("%s from %d always %v", where, from, always), func(t *testing.T) {
					dir := filepath.Join(fastDir(t), "q")
					synctest.Test(t, func(t *testing.T) { writerPanics(t, dir, where, from, always) })
				})
			}
		}
	}
}

func writerPanics(t *testing.T, dir, where string, from int, always bool) {
	p := &panicking{osFS: osFS{dir}, where: where, from: from, always: always}
	o := testOptions(dir)
	o.FS, o.tune = p, smallSizes()
	q := mustOpen(t, o)
	dev, _ := q.Device("a")
	const rounds, each = 8, 5
	for i := range rounds {
		appendN(t, q, dev, i*each, each)
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		if c := checkLedger(t, q); c.Read != uint64((i+1)*each) || c.LostAll()+c.Quarantined != 0 {
			t.Fatalf("after round %d: %+v", i, c)
		}
	}
	if p.hits == 0 {
		t.Fatal("nothing panicked: the test tested nothing")
	}
	if s := q.Stats(); always && (!s.Degraded || s.Code != "BUF-IO" || s.Err == "") {
		t.Errorf("the writer always panics, and it shows %v %q %q", s.Degraded, s.Code, s.Err)
	}
	onlyOnce(t, q, rounds*each)
	p.healed.Store(true)
	time.Sleep(3 * time.Minute)
	synctest.Wait()
	if s := q.Stats(); s.Degraded || s.WaitingMemory != 0 {
		t.Errorf("it has not recovered: %+v", s)
	}
	onlyOnce(t, q, rounds*each)
	mustClose(t, q)
	o.FS = osFS{dir}
	q = mustOpen(t, o)
	onlyOnce(t, q, rounds*each)
	first, next := q.Bounds()
	if err := q.Ack(first, next-1); err != nil {
		t.Error(err)
	}
	if err := q.Forget(); err != nil {
		t.Error(err)
	}
	if c := checkLedger(t, q); c.Read != rounds*each || c.Acked != rounds*each || c.Waiting != 0 {
		t.Errorf("after a restart: %+v", c)
	}
	mustClose(t, q)
}

// onlyOnce holds what the queue hands out against 0..n-1, in order.
func onlyOnce(t *testing.T, q *Queue, n int) {
	t.Helper()
	numbers, recs := drain(t, q)
	if len(recs) != n {
		t.Fatalf("%d records, want %d", len(recs), n)
	}
	for i := range recs {
		if recs[i] != text(i) || i > 0 && numbers[i] <= numbers[i-1] {
			t.Fatalf("record %d has number %d and is %s", i, numbers[i], recs[i])
		}
	}
}
