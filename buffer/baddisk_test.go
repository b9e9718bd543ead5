package buffer

import (
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"
)

// badDisk is a disk each of whose calls may be made to wait and to fail, and is told
// of when it had an effect. A file is opened to "open" or to "change" it, or with
// "create" by bbolt; then there are "read", "write", "sync" and "commit", and "size",
// "list", "rename" (told of the new name), "remove" and "syncdir".
type badDisk struct {
	osFS
	pieces int // calls that a commit is made of and tells of; 0: it is one, and tells nothing

	mu     sync.Mutex
	fault  func(op, name string) error
	then   map[string]func(name string) // by op
	calls  map[string]int               // that have returned, by op
	failed int                          // of them
}

func newBadDisk(dir string) *badDisk {
	return &badDisk{osFS: osFS{dir}, fault: sound, then: map[string]func(string){}, calls: map[string]int{}}
}

func sound(string, string) error { return nil }

// be has every call from now on begin with this.
func (d *badDisk) be(fault func(op, name string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = fault
}

// after has this be called when such a call had an effect, nil: nothing.
func (d *badDisk) after(op string, then func(name string)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.then[op] = then
}

func (d *badDisk) counts() (calls map[string]int, failed int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.calls), d.failed
}

func (d *badDisk) call(op, name string, f func() error) error {
	d.mu.Lock()
	fault, then := d.fault, d.then[op]
	d.mu.Unlock()
	err := fault(op, name)
	d.mu.Lock()
	d.calls[op]++
	if err != nil {
		d.failed++
	}
	d.mu.Unlock()
	if err == nil {
		if err = f(); err == nil && then != nil {
			then(name)
		}
	}
	return err
}

func (d *badDisk) Open(name string, flag int) (f File, err error) {
	op := "open"
	if flag != os.O_RDONLY {
		op = "change"
	}
	err = d.call(op, name, func() error { f, err = d.osFS.Open(name, flag); return err })
	return badFile{f, d, name}, err
}

func (d *badDisk) CreateDB(name string, limit int) (db DB, err error) {
	err = d.call("create", name, func() error { db, err = d.osFS.CreateDB(name, limit); return err })
	if d.pieces > 0 {
		return &badPieces{badDB: badDB{db, d, name}}, err
	}
	return badDB{db, d, name}, err
}

func (d *badDisk) Size(name string) (n int64, err error) {
	err = d.call("size", name, func() error { n, err = d.osFS.Size(name); return err })
	return n, err
}

func (d *badDisk) List() (names []string, err error) {
	err = d.call("list", "", func() error { names, err = d.osFS.List(); return err })
	return names, err
}

func (d *badDisk) Rename(from, to string) error {
	return d.call("rename", to, func() error { return d.osFS.Rename(from, to) })
}

func (d *badDisk) Remove(name string) error {
	return d.call("remove", name, func() error { return d.osFS.Remove(name) })
}

func (d *badDisk) SyncDir() error { return d.call("syncdir", "", d.osFS.SyncDir) }

type badFile struct {
	File
	disk *badDisk
	name string
}

func (f badFile) ReadAt(p []byte, off int64) (n int, err error) {
	err = f.disk.call("read", f.name, func() error { n, err = f.File.ReadAt(p, off); return err })
	return n, err
}

func (f badFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.disk.call("write", f.name, func() error { n, err = f.File.WriteAt(p, off); return err })
	return n, err
}

func (f badFile) Sync() error { return f.disk.call("sync", f.name, f.File.Sync) }

type badDB struct {
	DB
	disk *badDisk
	name string
}

func (d badDB) Update(f func(*bolt.Tx) error) error {
	return d.disk.call("commit", d.name, func() error { return d.DB.Update(f) })
}

// badPieces has a commit of several calls, as bbolt's has at least three: what it
// writes, its sync, and the sync of the meta page.
type badPieces struct {
	badDB
	passed func()
}

func (d *badPieces) watch(passed func()) { d.passed = passed }

func (d *badPieces) Update(f func(*bolt.Tx) error) error {
	for range d.disk.pieces {
		if err := d.disk.call("commit", d.name, func() error { return nil }); err != nil {
			return err
		}
		d.passed()
	}
	return d.DB.Update(f)
}

// looks says that a call looks at what is there; the others change it.
func looks(op string) bool {
	return slices.Contains([]string{"open", "change", "size", "list", "read"}, op)
}

// refusing is a disk of which some files cannot be read, and that takes nothing
// while there is an err.
func refusing(err error, files ...string) func(op, name string) error {
	return func(op, name string) error {
		if looks(op) && slices.Contains(files, name) {
			return &os.PathError{Op: op, Path: name, Err: syscall.EIO}
		}
		if op == "change" || !looks(op) {
			return err
		}
		return nil
	}
}

// stuttering answers with an error for a while, a share of the calls that look at a
// file, or with "" at anything.
func stuttering(err error, share float64, long time.Duration, file string) func(op, name string) error {
	var mu sync.Mutex
	rnd, until := rand.New(rand.NewPCG(1, 2)), time.Now().Add(long)
	return func(op, name string) error {
		mu.Lock()
		defer mu.Unlock()
		if !looks(op) || file != "" && name != file || !time.Now().Before(until) || rnd.Float64() >= share {
			return nil
		}
		return &os.PathError{Op: op, Path: name, Err: err}
	}
}

// slow takes so long for each of these calls, with "" for all, and ends them so.
func slow(pause time.Duration, err error, ops string) func(op, name string) error {
	return func(op, _ string) error {
		if ops != "" && !slices.Contains(strings.Fields(ops), op) {
			return nil
		}
		time.Sleep(pause)
		return err
	}
}

// onBadDisk opens a queue of large files on a disk that is good so far. It commits
// nothing for an hour.
func onBadDisk(t *testing.T, dir string) (*Queue, *badDisk) {
	t.Helper()
	o, disk := testOptions(dir), newBadDisk(dir)
	o.FS, o.CommitEvery, o.tune = disk, time.Hour, smallSizes()
	o.tune.segment = 256 << 10
	q := mustOpen(t, o)
	synctest.Wait()
	return q, disk
}
