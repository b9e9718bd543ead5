package buffer

import (
	"bytes"
	"os"
	"sync"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// fakeFS is a file layer over a real directory that can fail at the N-th
// operation and that remembers everything that was written, so that what a
// power cut would have left can be built afterwards.
//
// bbolt writes through its own descriptor, so a commit is recorded by what it
// changed: the file before and after, page by page. The order inside is
// bbolt's, seen with strace on version 1.5.0: truncate and sync when it grows,
// data pages, sync, meta page, sync. Pages written without a change are left
// out; a new file's first four pages are written and synced as one.
type fakeFS struct {
	osFS

	mu     sync.Mutex
	names  map[string]int // inode by name
	inodes map[int][]byte // content as the process sees it
	log    []op
	record bool

	// The N-th operation fails.
	count  int
	failAt int  // 0: never
	always bool // and all after it
	after  bool // the operation takes effect nevertheless
	err    error
	hits   int
}

type op struct {
	kind  string // create write trunc sync rename remove syncdir mark ruin
	inode int
	name  string
	to    string
	off   int64
	data  []byte
	mark  any
}

func newFake(dir string) *fakeFS {
	return &fakeFS{osFS: osFS{dir}, names: map[string]int{}, inodes: map[int][]byte{}, record: true, err: os.ErrInvalid}
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

func (f *fakeFS) add(o op) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.record {
		f.log = append(f.log, o)
	}
}

func (f *fakeFS) mark(v any) { f.add(op{kind: "mark", mark: v}) }

// inode is the number of a file that is there, known or new to us.
func (f *fakeFS) inode(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i, ok := f.names[name]; ok {
		return i
	}
	i := len(f.inodes) + 1
	f.names[name] = i
	f.inodes[i] = nil
	if f.record {
		f.log = append(f.log, op{kind: "create", inode: i, name: name})
	}
	return i
}

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
	return &fakeFile{File: file, fs: f, inode: f.inode(name), name: name}, nil
}

func (f *fakeFS) Rename(from, to string) error {
	err, effect := f.fault()
	if err != nil && !effect {
		return err
	}
	if e := f.osFS.Rename(from, to); e != nil {
		return e
	}
	i := f.inode(from)
	f.mu.Lock()
	delete(f.names, from)
	f.names[to] = i
	f.mu.Unlock()
	f.add(op{kind: "rename", inode: i, name: from, to: to})
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
	f.mu.Lock()
	delete(f.names, name)
	f.mu.Unlock()
	f.add(op{kind: "remove", name: name})
	return err
}

func (f *fakeFS) SyncDir() error {
	err, effect := f.fault()
	if err != nil && !effect {
		return err
	}
	f.add(op{kind: "syncdir"})
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

func (f *fakeFS) CreateDB(name string, step, limit int) (DB, error) {
	err, effect := f.fault()
	if err != nil && !effect {
		return nil, err
	}
	db, e := f.osFS.CreateDB(name, step, limit)
	if e != nil {
		return nil, e
	}
	d := &fakeDB{DB: db, fs: f, inode: f.inode(name), path: f.path(name)}
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
	f.fs.write(f.inode, f.name, p, off)
	return n, err
}

func (f *fakeFile) Sync() error {
	err, effect := f.fs.fault()
	if err != nil && !effect {
		return err
	}
	f.fs.add(op{kind: "sync", inode: f.inode})
	return err
}

func (f *fakeFS) write(inode int, name string, p []byte, off int64) {
	f.mu.Lock()
	f.inodes[inode] = writeAt(f.inodes[inode], p, off)
	f.mu.Unlock()
	f.add(op{kind: "write", inode: inode, name: name, off: off, data: bytes.Clone(p)})
}

// ruin edits a file behind the queue's back, as a medium does that goes bad:
// from then on that is what lies there, whatever the power does.
func (f *fakeFS) ruin(name string, edit func([]byte) []byte) error {
	b, err := os.ReadFile(f.path(name))
	if err != nil {
		return err
	}
	b = edit(b)
	i := f.inode(name)
	f.mu.Lock()
	f.inodes[i] = bytes.Clone(b)
	f.mu.Unlock()
	f.add(op{kind: "ruin", inode: i, data: b})
	return os.WriteFile(f.path(name), b, 0o600)
}

func writeAt(b, p []byte, off int64) []byte {
	if need := int(off) + len(p); need > len(b) {
		b = append(b, make([]byte, need-len(b))...)
	}
	copy(b[off:], p)
	return b
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

// diff records what the last commit wrote, in bbolt's order.
func (d *fakeDB) diff() {
	d.fs.mu.Lock()
	record := d.fs.record
	d.fs.mu.Unlock()
	if !record {
		return
	}
	info, err := d.open.Stat()
	if err != nil {
		panic(err)
	}
	now := make([]byte, info.Size())
	if _, err := d.open.ReadAt(now, 0); err != nil && len(now) > 0 {
		panic(err)
	}
	d.fs.mu.Lock()
	was := d.fs.inodes[d.inode]
	d.fs.inodes[d.inode] = now
	d.fs.mu.Unlock()
	fresh := len(was) == 0
	if len(now) > len(was) && !fresh {
		d.fs.add(op{kind: "trunc", inode: d.inode, off: int64(len(now))})
		d.fs.add(op{kind: "sync", inode: d.inode})
		was = append(was, make([]byte, len(now)-len(was))...)
	}
	pages := func(from, to int) {
		wrote := false
		for off := from; off < to; off += pageSize {
			if fresh || !bytes.Equal(now[off:off+pageSize], was[off:off+pageSize]) {
				d.fs.add(op{kind: "write", inode: d.inode, off: int64(off), data: bytes.Clone(now[off : off+pageSize])})
				wrote = true
			}
		}
		if wrote {
			d.fs.add(op{kind: "sync", inode: d.inode})
		}
	}
	if fresh { // creation writes its pages at once
		pages(0, len(now))
		return
	}
	pages(2*pageSize, len(now))
	pages(0, min(2*pageSize, len(now)))
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
