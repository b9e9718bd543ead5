package gateway

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"portti/buffer"
	"portti/buffer/crashtest"
)

// errDead: the process is no more, so nothing it does has an effect.
var errDead = errors.New("killed")

// simDisk is the buffer's folder with a will of its own, as one process has it.
type simDisk struct {
	buffer.FS
	dir   string
	layer *crashtest.Layer // what a power cut would leave; nil where it is never cut

	mu     sync.Mutex
	err    error
	late   bool // a commit that is answered with err reached the disk in part
	pause  time.Duration
	read   time.Duration // of every read
	unread string        // what a file's name ends in that cannot be read, "*" for all, "" for none
	left   int           // so many operations from now the power is cut, 0: never
	failIn int           // so many calls from now one fails, 0: none
	bad    bool          // something is wrong with it
	began  time.Time     // of what is wrong with it
	well   time.Time     // since when nothing is
	onCut  func()        // called once, when the power has gone
	gone   chan struct{} // closed when the power has gone
	aside  bool          // a record is being set aside: see hurried
}

func newSimDisk(dir string, layer *crashtest.Layer) *simDisk {
	d := &simDisk{FS: buffer.OS(dir), dir: dir, layer: layer, gone: make(chan struct{})}
	if layer != nil {
		layer.Pass = d.pass
	}
	return d
}

// be sets what every change of the disk answers, and how long a sync takes.
func (d *simDisk) be(err error, pause time.Duration) { d.become(err, pause, false, "") }

func (d *simDisk) become(err error, pause time.Duration, late bool, unread string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == errDead {
		return
	}
	was := d.bad || d.failIn > 0
	d.err, d.pause, d.late, d.unread, d.failIn = err, pause, late, unread, 0
	is := err != nil || pause > 0 || unread != ""
	if d.bad = is; is && !was && time.Since(d.well) > simHealing {
		d.began = time.Now()
	}
	if was && !is {
		d.well = time.Now()
	}
}

// readIn sets how long a read takes.
func (d *simDisk) readIn(pause time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.read = pause
}

// simHealing is how long the gateway may take to have saved everything, once the
// disk is as it should be: it tries each minute.
const simHealing = 2 * time.Minute

// soundUntil is the moment up to which the disk did all that it should, and ok when
// that is now.
func (d *simDisk) soundUntil() (at time.Time, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.bad || d.failIn > 0 || !d.well.IsZero() && time.Since(d.well) < simHealing {
		return d.began, false
	}
	return time.Now(), true
}

// change is asked before each change, and says what it answers.
func (d *simDisk) change() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.answer(d.err)
}

// answer counts a call. d.mu is held.
func (d *simDisk) answer(err error) error {
	if d.failIn > 0 {
		if d.failIn--; d.failIn == 0 {
			d.well = time.Now()
			if err == nil {
				return syscall.EIO
			}
		}
	}
	return err
}

func (d *simDisk) look(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.unread == "*" || d.unread != "" && strings.HasSuffix(name, d.unread) {
		return d.answer(&os.PathError{Op: "read", Path: name, Err: syscall.EIO})
	}
	return d.answer(nil)
}

func (d *simDisk) sync(name string) error {
	d.mu.Lock()
	pause := d.pause
	d.mu.Unlock()
	if !d.hurried(name) {
		time.Sleep(pause)
	}
	return d.change()
}

// hurried is a sync that takes no time: a record is set aside with a mutex held, and in
// a bubble no time passes while another goroutine waits for one.
func (d *simDisk) hurried(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.aside
	d.aside = strings.HasPrefix(name, "quarantine")
	return was || d.aside
}

// pass hears each operation and cuts the power behind the one that was drawn.
func (d *simDisk) pass(o crashtest.Op) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == errDead {
		return
	}
	d.layer.Step(o)
	if d.left > 0 {
		if d.left--; d.left == 0 {
			d.err = errDead
		}
	}
}

// done is called behind each operation that was passed on.
func (d *simDisk) done(err error) error {
	if !d.dead() {
		return err
	}
	d.mu.Lock()
	f := d.onCut
	d.onCut = nil
	select {
	case <-d.gone:
	default:
		close(d.gone)
	}
	d.mu.Unlock()
	if f != nil {
		f()
	}
	return errDead
}

func (d *simDisk) dead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err == errDead
}

// cut lets the power go, if it has not gone by itself.
func (d *simDisk) cut() {
	d.mu.Lock()
	d.err, d.left = errDead, 0
	d.mu.Unlock()
	_ = d.done(nil)
}

func (d *simDisk) Open(name string, flag int) (buffer.File, error) {
	err := d.look(name)
	if flag != os.O_RDONLY {
		err = errors.Join(err, d.change())
	}
	if err != nil {
		return nil, err
	}
	f, err := d.FS.Open(name, flag)
	if err != nil {
		return nil, err
	}
	if d.layer == nil {
		return simFile{f, d, name, 0}, nil
	}
	return simFile{f, d, name, d.layer.Inode(name)}, d.done(nil)
}

func (d *simDisk) Rename(from, to string) error {
	err := d.change()
	if err == nil {
		err = d.FS.Rename(from, to)
	}
	if err == nil && d.layer != nil {
		d.layer.Rename(from, to)
	}
	return d.done(err)
}

func (d *simDisk) Remove(name string) error {
	err := d.change()
	if err == nil {
		err = d.FS.Remove(name)
	}
	if err == nil && d.layer != nil {
		d.layer.Remove(name)
	}
	return d.done(err)
}

func (d *simDisk) SyncDir() error {
	err := d.sync("")
	if err == nil {
		err = d.FS.SyncDir()
	}
	if err == nil && d.layer != nil {
		d.layer.SyncDir()
	}
	return d.done(err)
}

func (d *simDisk) Size(name string) (int64, error) {
	if err := d.look(name); err != nil {
		return 0, err
	}
	return d.FS.Size(name)
}

func (d *simDisk) List() ([]string, error) {
	if err := d.look(""); err != nil {
		return nil, err
	}
	return d.FS.List()
}

func (d *simDisk) CreateDB(name string, limit int) (buffer.DB, error) {
	if err := d.change(); err != nil {
		return nil, err
	}
	db, err := d.FS.CreateDB(name, limit)
	if err != nil || d.layer == nil {
		return simDB{DB: db, disk: d}, err
	}
	file, err := os.Open(filepath.Join(d.dir, name))
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s := simDB{db, d, d.layer.Inode(name), file}
	if err := s.disk.done(s.committed(true)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

type simFile struct {
	buffer.File
	disk  *simDisk
	name  string
	inode int
}

func (f simFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.disk.look(f.name); err != nil {
		return 0, err
	}
	f.disk.mu.Lock()
	pause := f.disk.read
	f.disk.mu.Unlock()
	time.Sleep(pause)
	return f.File.ReadAt(p, off)
}

func (f simFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.disk.change(); err != nil {
		return 0, err
	}
	n, err := f.File.WriteAt(p, off)
	if err == nil && f.disk.layer != nil {
		f.disk.layer.Write(f.inode, f.name, p, off)
	}
	return n, f.disk.done(err)
}

func (f simFile) Sync() error {
	err := f.disk.sync(f.name)
	if f.disk.layer != nil {
		f.disk.layer.Sync(f.inode, err == nil)
	} else if err == nil {
		err = f.File.Sync()
	}
	return f.disk.done(err)
}

type simDB struct {
	buffer.DB
	disk  *simDisk
	inode int
	file  *os.File
}

func (d simDB) Update(f func(*bolt.Tx) error) error {
	err := d.disk.sync("")
	d.disk.mu.Lock()
	late := d.disk.late && err != errDead
	d.disk.mu.Unlock()
	if err != nil && !late {
		return err
	}
	if e := d.DB.Update(f); e != nil {
		return e
	}
	return d.disk.done(errors.Join(err, d.committed(err == nil)))
}

// committed passes on what a commit wrote.
func (d simDB) committed(well bool) error {
	if d.file == nil {
		return nil
	}
	info, err := d.file.Stat()
	if err != nil {
		return err
	}
	return d.disk.layer.Commit(d.inode, d.file, info.Size(), well)
}

func (d simDB) Close() error {
	if d.file != nil {
		_ = d.file.Close()
	}
	return d.DB.Close()
}

// simConn is a connection of a process: the network has nothing more from it when it
// is dead.
type simConn struct {
	net.Conn
	disk *simDisk
}

func (c simConn) Write(p []byte) (int, error) {
	if c.disk.dead() {
		return 0, errDead
	}
	return c.Conn.Write(p)
}

// simDir is in memory where that is possible: what is simulated is the disk's
// faults, not its speed.
func simDir(t *testing.T) string {
	const shm = "/dev/shm"
	if info, err := os.Stat(shm); err != nil || !info.IsDir() {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(shm, "portti-simulation-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
