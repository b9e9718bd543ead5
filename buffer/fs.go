package buffer

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// FS is every way in which the queue touches the disk. Names are plain file
// names inside the queue's directory. The real one is OS(dir); the tests have
// one that fails at the N-th operation and one that forgets what was not
// synced.
type FS interface {
	// Open opens a regular file and never follows a link, nor waits on a FIFO.
	Open(name string, flag int) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	// DirID says which directory this is, see DirID.
	DirID() (DirID, error)
	// SyncDir makes creations, renames and removals durable.
	SyncDir() error
	// Size is the length of a regular file; anything else is an error.
	Size(name string) (int64, error)
	// Free is the bytes that the file system has left for us.
	Free() (int64, error)
	// List names what is in the directory.
	List() ([]string, error)
	// CreateDB makes a bbolt file, and fails where there is a file of that name. It
	// refuses to grow beyond limit bytes.
	CreateDB(name string, limit int) (DB, error)
}

// File is an open plain file.
type File interface {
	ReadAt(p []byte, off int64) (int, error)
	WriteAt(p []byte, off int64) (int, error)
	Sync() error
	Close() error
}

// DB is a bbolt file that is being written. Nothing is read through it.
type DB interface {
	// Update commits one transaction. After an error what it wrote is not known,
	// and nothing more can be written.
	Update(func(*bolt.Tx) error) error
	Close() error
}

var errNotRegular = errors.New("not a regular file")

// OS is the real file system under dir. The directory is made with mode 0700
// by the first call that needs it.
func OS(dir string) FS { return osFS{dir} }

type osFS struct{ dir string }

func (o osFS) path(name string) string { return filepath.Join(o.dir, name) }

func (o osFS) Open(name string, flag int) (File, error) {
	f, err := openRegular(o.path(name), flag, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// osFile syncs the data and the length, not the times: one journal write less
// for the sidecar, which never changes its length.
type osFile struct{ *os.File }

func (f osFile) Sync() error {
	if err := syscall.Fdatasync(int(f.Fd())); err != nil {
		return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}

// scattered tells the kernel whether single pages will be read here and there, or
// all of them in their order: of a cold file 64 KB at a time wait for the disk
// each time unless it reads ahead, and a look at one page waits for what it does
// not need if it does.
func (f osFile) scattered(yes bool) {
	advice := unix.FADV_SEQUENTIAL
	if yes {
		advice = unix.FADV_RANDOM
	}
	_ = unix.Fadvise(int(f.Fd()), 0, 0, advice)
}

// openRegular is os.OpenFile that refuses links, directories, devices and
// FIFOs, whoever put them there.
func openRegular(path string, flag int, perm os.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path, flag|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, perm)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: errNotRegular}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (o osFS) Rename(from, to string) error { return os.Rename(o.path(from), o.path(to)) }

func (o osFS) Remove(name string) error { return os.Remove(o.path(name)) }

func (o osFS) SyncDir() error {
	d, err := os.Open(o.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (o osFS) Size(name string) (int64, error) {
	info, err := os.Lstat(o.path(name))
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, &fs.PathError{Op: "stat", Path: o.path(name), Err: errNotRegular}
	}
	return info.Size(), nil
}

// Free asks about the directory, or while it is not there about the one above.
func (o osFS) Free() (int64, error) {
	var st syscall.Statfs_t
	err := syscall.Statfs(o.dir, &st)
	if errors.Is(err, fs.ErrNotExist) {
		err = syscall.Statfs(filepath.Dir(o.dir), &st)
	}
	if err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: o.dir, Err: err}
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

func (o osFS) List() ([]string, error) {
	if err := os.Mkdir(o.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	entries, err := os.ReadDir(o.dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}
