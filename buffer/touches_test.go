package buffer

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"portti/buffer/boltfile"
	"portti/cross/testkit"
)

// hanging has a call not return before it is let go.
func hanging(disk *badDisk, op string) (let func()) {
	hang := make(chan struct{})
	disk.be(func(o, _ string) error {
		if o == op {
			<-hang
		}
		return nil
	})
	return func() {
		disk.be(sound)
		close(hang)
	}
}

func sickBubble(t *testing.T, run func(t *testing.T, q *Queue, disk *badDisk, dev uint16)) {
	t.Helper()
	disk := newBadDisk("")
	disk.pieces = 3
	bubble(t, func(o *Options) {
		o.Dir = fastDir(t)
		disk.osFS = osFS{o.Dir}
		o.FS, o.tune = disk, smallSizes()
	}, func(t *testing.T, q *Queue, dev uint16) {
		run(t, q, disk, dev)
		disk.be(sound)
	})
}

// TestManySlowCallsAreProgress: each call of the disk takes 30 s, one after the
// other for an hour, and no more than one of them is ever told. Row 19.
func TestManySlowCallsAreProgress(t *testing.T) {
	for _, fail := range []error{nil, syscall.EIO} {
		sickBubble(t, func(t *testing.T, q *Queue, disk *badDisk, dev uint16) {
			disk.be(slow(30*time.Second, fail, "open change create read sync commit syncdir"))
			var worst time.Duration
			for i := range 3600 {
				appendN(t, q, dev, i, 1)
				time.Sleep(time.Second)
				worst = max(worst, q.Idle())
			}
			calls, _ := disk.counts()
			if n := calls["change"] + calls["create"] + calls["commit"] + calls["sync"]; n < 40 {
				t.Errorf("%v: only %v in an hour: the test tests nothing", fail, calls)
			}
			disk.be(sound)
			if worst < 29*time.Second || worst > 31*time.Second {
				t.Errorf("%v: idle was at worst %v, and no call took more than 30 s", fail, worst)
			}
		})
	}
}

// TestEveryHangingCallIsSeen: whichever call does not return, its whole time is told.
func TestEveryHangingCallIsSeen(t *testing.T) {
	for _, op := range []string{"create", "commit", "syncdir", "sync"} {
		sickBubble(t, func(t *testing.T, q *Queue, disk *badDisk, dev uint16) {
			let := hanging(disk, op)
			appendN(t, q, dev, 0, 10)
			go func() { _ = q.SetOffset(q.Boot(), Offset{Unix: 1}) }() // needs the state file
			time.Sleep(62 * time.Second)                               // commit_every passes first
			if idle := q.Idle(); idle < 60*time.Second || idle > 62*time.Second {
				t.Errorf("%s hangs for a minute, idle is %v", op, idle)
			}
			let()
			synctest.Wait()
			if idle := q.Idle(); idle != 0 {
				t.Errorf("%s returned, idle is %v", op, idle)
			}
		})
	}
}

// TestHangingCommitIsSeenThroughReads: that others read from disk all the time does
// not hide it, and neither does what hangs under a reader stay unseen.
func TestHangingCommitIsSeenThroughReads(t *testing.T) {
	sickBubble(t, func(t *testing.T, q *Queue, disk *badDisk, dev uint16) {
		appendN(t, q, dev, 0, 100)
		time.Sleep(2 * time.Second)
		q.mu.Lock()
		q.tail.forget(q.committed)
		q.mu.Unlock()
		let := hanging(disk, "commit")
		appendN(t, q, dev, 100, 10)
		first, _ := q.Bounds()
		reads := 0
		for began := time.Now(); time.Since(began) < 62*time.Second; time.Sleep(time.Second) {
			_, recs, err := q.readRecords(first, 1000, 10)
			if err != nil || len(recs) == 0 {
				t.Fatal(recs, err)
			}
			reads++
		}
		if idle := q.Idle(); idle < 60*time.Second {
			t.Errorf("after %d reads beside it a commit hangs, idle is %v", reads, idle)
		}
		let()
		synctest.Wait()

		let = hanging(disk, "read")
		q.reading.Lock()
		q.reader.opened.close()
		q.reading.Unlock()
		done := make(chan struct{})
		go func() { _, _, _ = q.readRecords(first, 1000, 10); close(done) }()
		time.Sleep(61 * time.Second)
		if idle := q.Idle(); idle < 60*time.Second {
			t.Errorf("a reader's call hangs, idle is %v", idle)
		}
		let()
		testkit.Receive(t, "the reader", done)
		synctest.Wait()
		if idle := q.Idle(); idle != 0 {
			t.Errorf("nothing is done, idle is %v", idle)
		}
	})
}

// TestEachCallOfACommitIsSeen holds bbolt to what its writes and syncs rest on: that
// it writes by a field that can be set, the meta page last, and that its logger is one.
func TestEachCallOfACommitIsSeen(t *testing.T) {
	dir := fastDir(t)
	made, err := OS(dir).CreateDB("x.seg", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer made.Close()
	d := made.(*boltDB)
	if d.logger == nil {
		t.Error("bbolt has no such logger")
	}
	size := func() int64 {
		n, err := OS(dir).Size("x.seg")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	type passing struct{ size, tx int64 }
	for i, calls := range []int{3, 5} { // pages side by side, a sync but in the first commit, meta page, sync
		var seen []passing
		d.watch(func() { seen = append(seen, passing{size(), newest(t, d, size())}) })
		was := passing{size(), newest(t, d, size())}
		err := d.Update(func(tx *bolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists(recordsBucket())
			for n := range 50 {
				if err == nil {
					err = b.Put(key(uint64(50*i+n)), make([]byte, 1000))
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		k := len(seen)
		for j, p := range seen {
			if now := was.tx + int64(bit(j >= k-3)); p.tx != now {
				t.Errorf("commit %d after %+v: call %d: %+v", i, was, j, p)
			}
		}
		if k != 2*calls {
			t.Errorf("commit %d: %+v", i, seen)
		}
	}
}

func newest(t *testing.T, d *boltDB, size int64) int64 {
	t.Helper()
	m, err := boltfile.NewestMeta(d.file, size)
	if err != nil {
		t.Fatal(err)
	}
	return int64(m.TxID)
}

// growing is a disk on which a file grows between the look at its length and at its
// pages: the first length of each is that of before.
type growing struct {
	FS
	mu   sync.Mutex
	told map[string]bool
}

func (g *growing) Size(name string) (int64, error) {
	n, err := g.FS.Size(name)
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.told[name] && strings.HasSuffix(name, segSuffix) && err == nil {
		g.told[name] = true
		n /= 2
	}
	return n, err
}

func TestAFileThatGrowsUnderALookIsSound(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	filled(t, dir, 500, nil)
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		disk := &growing{FS: OS(dir), told: map[string]bool{}}
		o.FS = disk
		q := mustOpen(t, o)
		if _, recs := drain(t, q); len(recs) != 500 || len(disk.told) == 0 {
			t.Errorf("%d records of files %v", len(recs), disk.told)
		}
		if s := q.Stats(); s.Code != "" || len(s.Damaged) > 0 {
			t.Errorf("a sound file is called damaged: %+v", s)
		}
		q.Close()
	})
}

// TestMomentsRise: a record that waited for room is of no moment before the last one's,
// whose deadlines and age stand for all before it.
func TestMomentsRise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := mustOpen(t, testOptions(filepath.Join(fastDir(t), "q")))
		defer q.Close()
		dev, _ := q.Device("a")
		var got []int64
		for i, at := range []int64{5000, 4000, 5001} {
			if err := q.AppendAt(at, 0, dev, 1, []byte("{}")); err != nil {
				t.Fatal(err)
			}
			q.mu.Lock()
			got = append(got, header(q.tail.find(uint64(i+1)).value(uint64(i+1))).Mono)
			q.mu.Unlock()
		}
		if !slices.Equal(got, []int64{5000, 5000, 5001}) {
			t.Errorf("moments %v", got)
		}
	})
}
