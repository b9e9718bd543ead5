package buffer

import (
	"os"
	"sync"
	"testing"

	bolt "go.etcd.io/bbolt"

	"portti/buffer/crashtest"
)

// fakeFS is a file layer over a real directory that can fail at the N-th
// operation and that remembers everything that was written, so that what a
// power cut would have left can be built afterwards.
type fakeFS struct {
	osFS
	rec *crashtest.Recorder

	mu     sync.Mutex
	log    []crashtest.Op
	record bool

	// The N-th operation fails.
	count  int
	failAt int  // 0: never
	always bool // and all after it
	after  bool // the operation takes effect nevertheless
	err    error
	hits   int
}

func newFake(dir string) *fakeFS {
	f := &fakeFS{osFS: osFS{dir}, record: true, err: os.ErrInvalid}
	f.rec = crashtest.NewRecorder(f.add)
	return f
}

// fault says whether this operation fails, and whether it takes effect.
func (f *fakeFS) fault() (err error, effect bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	if f.failAt == 0 || f.count < f.failAt || f.count > f.failAt && !f.always {
		return nil, true
	}
	f.hits++
	return f.err, f.after
}

func (f *fakeFS) heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failAt = 0
}

func (f *fakeFS) add(o crashtest.Op) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.record {
		f.log = append(f.log, o)
	}
}

func (f *fakeFS) mark(v any) { f.add(crashtest.Op{Kind: crashtest.Mark, Mark: v}) }

func (f *fakeFS) Open(name string, flag int) (File, error) {
	err, effect := f.fault()
	if err != nil && !effect {
		return nil, err
	}
	file, e := f.osFS.Open(name, flag)
	if e != nil {
		return nil, e
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return &fakeFile{File: file, fs: f, inode: f.rec.Inode(name), name: name}, nil
}

func (f *fakeFS) Rename(from, to string) error {
	err, effect := f.fault()
	if err != nil && !effect {
		return err
	}
	if e := f.osFS.Rename(from, to); e != nil {
		return e
	}
	f.rec.Rename(from, to)
	return err
}

func (f *fakeFS) Remove(name string) error {
	err, effect := f.fault()
	if err != nil && !effect {
		return err
	}
	if e := f.osFS.Remove(name); e != nil {
		return e
	}
	f.rec.Remove(name)
	return err
}

func (f *fakeFS) SyncDir() error {
	err, effect := f.fault()
	if err != nil && !effect {
		return err
	}
	f.rec.SyncDir()
	return err
}

func (f *fakeFS) Size(name string) (int64, error) {
	if err, _ := f.fault(); err != nil {
		return 0, err
	}
	return f.osFS.Size(name)
}

func (f *fakeFS) List() ([]string, error) {
	if err, _ := f.fault(); err != nil {
		return nil, err
	}
	return f.osFS.List()
}

func (f *fakeFS) CreateDB(name string, limit int) (DB, error) {
	err, effect := f.fault()
	if err != nil && !effect {
		return nil, err
	}
	db, e := f.osFS.CreateDB(name, limit)
	if e != nil {
		return nil, e
	}
	d := &fakeDB{DB: db, fs: f, inode: f.rec.Inode(name), path: f.path(name)}
	f.mu.Lock()
	d.open, _ = os.Open(d.path)
	f.mu.Unlock()
	d.diff()
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

type fakeFile struct {
	File
	fs    *fakeFS
	inode int
	name  string
}

func (f *fakeFile) ReadAt(p []byte, off int64) (int, error) {
	if err, _ := f.fs.fault(); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *fakeFile) WriteAt(p []byte, off int64) (int, error) {
	err, effect := f.fs.fault()
	if err != nil && !effect {
		return 0, err
	}
	n, e := f.File.WriteAt(p, off)
	if e != nil {
		return n, e
	}
	f.fs.rec.Write(f.inode, f.name, p, off)
	return n, err
}

func (f *fakeFile) Sync() error {
	err, effect := f.fs.fault()
	if err != nil && !effect {
		return err
	}
	f.fs.rec.Sync(f.inode, true)
	return err
}

// ruin edits a file behind the queue's back, as a medium does that goes bad.
func (f *fakeFS) ruin(name string, edit func([]byte) []byte) error {
	b, err := os.ReadFile(f.path(name))
	if err != nil {
		return err
	}
	b = edit(b)
	f.rec.Ruin(name, b)
	return os.WriteFile(f.path(name), b, 0o600)
}

type fakeDB struct {
	DB
	fs    *fakeFS
	inode int
	path  string
	open  *os.File
}

func (d *fakeDB) Update(f func(*bolt.Tx) error) error {
	err, effect := d.fs.fault()
	if err != nil && !effect {
		return err
	}
	if e := d.DB.Update(f); e != nil {
		return e
	}
	d.diff()
	return err
}

func (d *fakeDB) Close() error {
	d.open.Close()
	return d.DB.Close()
}

// diff records what the last commit wrote.
func (d *fakeDB) diff() {
	d.fs.mu.Lock()
	record := d.fs.record
	d.fs.mu.Unlock()
	if !record {
		return
	}
	info, err := d.open.Stat()
	if err == nil {
		err = d.fs.rec.Commit(d.inode, d.open, info.Size(), true)
	}
	if err != nil {
		panic(err)
	}
}

// sampled says whether exhaustive loops are to take a sample.
func sampled() bool { return testing.Short() || raceDetector }

// chosen is what a test tries of all: everything, and n of them, evenly spread, where
// exhaustive loops are to take a sample. PORTTI_SEED makes it other ones. Where the
// cases are made of several things, n is to be a prime, so that each is met in turn.
func chosen[T any](t testing.TB, n int, all []T) []T {
	t.Helper()
	if !sampled() {
		n = len(all)
	}
	n = min(n, len(all))
	t.Logf("%d of %d cases", n, len(all))
	from := number("PORTTI_SEED", 1) % len(all)
	var some []T
	for i := range n {
		some = append(some, all[(i*len(all)+from)/n])
	}
	return some
}

// upTo are the numbers from 0 to n-1.
func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// fastDir is a directory in memory where there is one: the tests write
// thousands of images.
func fastDir(t testing.TB) string {
	t.Helper()
	if _, err := os.Stat("/dev/shm"); err != nil {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("/dev/shm", "portti-buffer-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
