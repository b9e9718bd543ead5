package gateway

import (
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"portti/buffer"
)

// errDead: the process is no more, so nothing it does has an effect.
var errDead = errors.New("killed")

// simDisk is the buffer's folder with a will of its own.
type simDisk struct {
	buffer.FS

	mu    sync.Mutex
	err   error
	pause time.Duration // of every sync
	read  time.Duration // of every read
}

// be sets what every change of the disk answers, and how long a sync takes.
func (d *simDisk) be(err error, pause time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != errDead {
		d.err, d.pause = err, pause
	}
}

// readIn sets how long a read takes.
func (d *simDisk) readIn(pause time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.read = pause
}

func (d *simDisk) change() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

func (d *simDisk) sync() error {
	d.mu.Lock()
	pause := d.pause
	d.mu.Unlock()
	time.Sleep(pause)
	return d.change()
}

func (d *simDisk) Open(name string, flag int) (buffer.File, error) {
	if flag != os.O_RDONLY {
		if err := d.change(); err != nil {
			return nil, err
		}
	}
	f, err := d.FS.Open(name, flag)
	if err != nil {
		return nil, err
	}
	return simFile{f, d}, nil
}

func (d *simDisk) Rename(from, to string) error {
	if err := d.change(); err != nil {
		return err
	}
	return d.FS.Rename(from, to)
}

func (d *simDisk) Remove(name string) error {
	if err := d.change(); err != nil {
		return err
	}
	return d.FS.Remove(name)
}

func (d *simDisk) SyncDir() error {
	if err := d.sync(); err != nil {
		return err
	}
	return d.FS.SyncDir()
}

func (d *simDisk) CreateDB(name string, step, limit int) (buffer.DB, error) {
	if err := d.change(); err != nil {
		return nil, err
	}
	db, err := d.FS.CreateDB(name, step, limit)
	if err != nil {
		return nil, err
	}
	return simDB{db, d}, nil
}

type simFile struct {
	buffer.File
	disk *simDisk
}

func (f simFile) ReadAt(p []byte, off int64) (int, error) {
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
	return f.File.WriteAt(p, off)
}

func (f simFile) Sync() error {
	if err := f.disk.sync(); err != nil {
		return err
	}
	return f.File.Sync()
}

type simDB struct {
	buffer.DB
	disk *simDisk
}

func (d simDB) Update(f func(*bolt.Tx) error) error {
	if err := d.disk.sync(); err != nil {
		return err
	}
	return d.DB.Update(f)
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
