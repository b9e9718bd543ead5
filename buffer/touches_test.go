package buffer

import (
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"portti/buffer/boltfile"
	"portti/cross/testkit"
)

// sickDisk is a disk whose every call takes long and then ends as it is told, the
// pieces of a commit too, or does not return before it is let go.
type sickDisk struct {
	osFS

	mu    sync.Mutex
	pause time.Duration
	fail  error
	hang  chan struct{} // nil = no call hangs
	calls int           // that have returned
	only  string        // the operation that is sick; "" = all
}

func (s *sickDisk) be(pause time.Duration, fail error, only string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pause, s.fail, s.only = pause, fail, only
}

func (s *sickDisk) hangAt(only string) (let func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	hang := make(chan struct{})
	s.hang, s.only = hang, only
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.hang, s.only = nil, ""
		close(hang)
	}
}

func (s *sickDisk) call(op string) error {
	s.mu.Lock()
	sick := s.only == "" || s.only == op
	pause, fail, hang := s.pause, s.fail, s.hang
	s.mu.Unlock()
	if !sick {
		return nil
	}
	if hang != nil {
		<-hang
	}
	time.Sleep(pause)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	return fail
}

func (s *sickDisk) returned() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func (s *sickDisk) Open(name string, flag int) (File, error) {
	if err := s.call("open"); err != nil {
		return nil, err
	}
	f, err := s.osFS.Open(name, flag)
	if err != nil {
		return nil, err
	}
	return &sickFile{f, s}, nil
}

func (s *sickDisk) SyncDir() error {
	if err := s.call("syncdir"); err != nil {
		return err
	}
	return s.osFS.SyncDir()
}

func (s *sickDisk) CreateDB(name string, step, limit int) (DB, error) {
	if err := s.call("create"); err != nil {
		return nil, err
	}
	db, err := s.osFS.CreateDB(name, step, limit)
	if err != nil {
		return nil, err
	}
	return &sickDB{DB: db, disk: s}, nil
}

type sickFile struct {
	File
	disk *sickDisk
}

func (f *sickFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.disk.call("read"); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *sickFile) Sync() error {
	if err := f.disk.call("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

// sickDB has a commit of three calls, as bbolt's has at least: what it writes, its
// sync, and the sync of the meta page.
type sickDB struct {
	DB
	disk   *sickDisk
	passed func()
}

func (d *sickDB) watch(passed func()) { d.passed = passed }

func (d *sickDB) Update(f func(*bolt.Tx) error) error {
	for range 3 {
		if err := d.disk.call("commit"); err != nil {
			return err
		}
		d.passed()
	}
	return d.DB.Update(f)
}

func sickBubble(t *testing.T, run func(t *testing.T, q *Queue, disk *sickDisk, dev uint16)) {
	t.Helper()
	disk := &sickDisk{}
	bubble(t, func(o *Options) {
		o.Dir = fastDir(t)
		disk.osFS = osFS{o.Dir}
		o.FS, o.tune = disk, smallSizes()
	}, func(t *testing.T, q *Queue, dev uint16) {
		run(t, q, disk, dev)
		disk.be(0, nil, "")
	})
}

// TestManySlowCallsAreProgress: each call of the disk takes 30 s, one after the
// other for an hour, and no more than one of them is ever told. Row 19.
func TestManySlowCallsAreProgress(t *testing.T) {
	for _, fail := range []error{nil, syscall.EIO} {
		sickBubble(t, func(t *testing.T, q *Queue, disk *sickDisk, dev uint16) {
			disk.be(30*time.Second, fail, "")
			var worst time.Duration
			for i := range 3600 {
				appendN(t, q, dev, i, 1)
				time.Sleep(time.Second)
				worst = max(worst, q.Idle())
			}
			if n := disk.returned(); n < 40 {
				t.Errorf("%v: only %d calls in an hour: the test tests nothing", fail, n)
			}
			disk.be(0, nil, "")
			if worst < 29*time.Second || worst > 31*time.Second {
				t.Errorf("%v: idle was at worst %v, and no call took more than 30 s", fail, worst)
			}
		})
	}
}

// TestEveryHangingCallIsSeen: whichever call does not return, its whole time is told.
func TestEveryHangingCallIsSeen(t *testing.T) {
	for _, op := range []string{"create", "commit", "syncdir", "sync"} {
		sickBubble(t, func(t *testing.T, q *Queue, disk *sickDisk, dev uint16) {
			let := disk.hangAt(op)
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
	sickBubble(t, func(t *testing.T, q *Queue, disk *sickDisk, dev uint16) {
		appendN(t, q, dev, 0, 100)
		time.Sleep(2 * time.Second)
		q.mu.Lock()
		q.tail.forget(q.committed)
		q.mu.Unlock()
		let := disk.hangAt("commit")
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

		let = disk.hangAt("read")
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

// TestEachCallOfACommitIsSeen holds bbolt to what the timing of its calls rests on:
// that each sync stands between two writes that can be seen, or behind the last.
func TestEachCallOfACommitIsSeen(t *testing.T) {
	dir := fastDir(t)
	made, err := OS(dir).CreateDB("x.seg", 32<<10, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer made.Close()
	d := made.(*boltDB)
	size := func() int64 {
		n, err := OS(dir).Size("x.seg")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	type passing struct{ size, tx int64 }
	for _, records := range []int{1, 100} { // the second makes the file grow
		var seen []passing
		d.watch(func() { seen = append(seen, passing{size(), newest(t, d, size())}) })
		was := passing{size(), newest(t, d, size())}
		err := d.Update(func(tx *bolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists(recordsBucket())
			for n := range records {
				if err == nil {
					err = b.Put(key(uint64(n)), make([]byte, 1000))
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		// Before and after each run of pages, and at last the meta page.
		k := len(seen)
		if k < 4 || k%2 != 0 || seen[k-2].tx != was.tx || seen[k-1].tx != was.tx+1 {
			t.Errorf("%d records after %+v: seen %+v", records, was, seen)
		}
		if records == 100 && seen[0].size == was.size {
			t.Errorf("the file did not grow before the first that is seen: %+v, %+v", was, seen)
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
