package buffer

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"reflect"
	"runtime/debug"
	"time"
	"unsafe"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// bbolt reads its own file through a map, while it writes, and takes for granted
// that it is sound. A page that the disk cannot deliver, or that something has
// spoilt, is a fault of memory or a panic, and bbolt holds locks by then that
// nobody can give back. So a file is written by whoever made it and by nobody
// after; the first thing that goes wrong ends its use; and from then on nothing
// of bbolt is called for it, its Rollback and Close least of all: the one reads
// the whole file in a goroutine of its own, where no panic can be caught, the
// other waits for those locks for ever.

// boltDB is a bbolt file made by this process.
type boltDB struct {
	db     *bolt.DB
	file   *os.File // the file of db
	log    *commitLog
	mapped uintptr // where the map of db begins
	length int     // of the map: a power of two, from 32 KB on
	ended  bool    // a commit began and did not come to a good end
	passed func()  // called before and after each write of a commit
}

// commitLog makes the first error that bbolt meets in a commit a panic. Having
// logged it, bbolt would roll back (TestFailedCommitDoesNotRollBack holds it to
// that order).
type commitLog struct {
	bolt.DefaultLogger
	committing bool
}

// commitError is what ended a commit.
type commitError struct{ error }

func (l *commitLog) Errorf(format string, args ...any) {
	if !l.committing {
		return
	}
	for _, a := range args {
		if err, ok := a.(error); ok {
			panic(commitError{err})
		}
	}
	panic(commitError{fmt.Errorf(format, args...)})
}

// The others are called for each record, and say nothing.
func (*commitLog) Debugf(string, ...any) {}
func (*commitLog) Infof(string, ...any)  {}

// CreateDB sets what was measured to matter: the page size, so that a file made
// on a kernel with 16 KB pages does not cost four times the bytes; no synced
// freelist, one page less in every commit; and a map that is never moved, since
// it is larger than the file may become.
func (o osFS) CreateDB(name string, step, limit int) (_ DB, err error) {
	d := &boltDB{log: &commitLog{DefaultLogger: bolt.DefaultLogger{Logger: log.New(io.Discard, "", 0)}}}
	defer func() {
		if err != nil && d.file != nil {
			_ = d.file.Close() // bbolt did, unless it panicked
		}
	}()
	defer guarded("create "+name, &err)()
	d.db, err = bolt.Open(o.path(name), 0o600, &bolt.Options{
		Timeout:         time.Second,
		NoFreelistSync:  true,
		FreelistType:    bolt.FreelistMapType,
		InitialMmapSize: limit,
		PageSize:        pageSize,
		MaxSize:         limit,
		NoStatistics:    true,
		Logger:          d.log,
		OpenFile: func(path string, flag int, perm os.FileMode) (*os.File, error) {
			f, err := openRegular(path, flag|os.O_EXCL, perm)
			d.file = f
			return f, err
		},
	})
	if err != nil {
		return nil, err
	}
	d.db.AllocSize = step
	d.tellWrites()
	d.mapped, d.length = d.db.Info().Data, 32<<10
	for d.length < limit {
		d.length *= 2
	}
	return d, nil
}

// tellWrites has passed called around bbolt's writes. In a commit each sync stands
// between two of them, or between the last one and the end, and bbolt has no other
// place from which it could be seen that one has returned. Where a version of bbolt
// has no such field, a commit is one piece; TestEachCallOfACommitIsSeen finds out.
func (d *boltDB) tellWrites() {
	ops := reflect.ValueOf(d.db).Elem().FieldByName("ops")
	if ops.Kind() != reflect.Struct {
		return
	}
	field := ops.FieldByName("writeAt")
	if !field.IsValid() || field.Type() != reflect.TypeFor[func([]byte, int64) (int, error)]() {
		return
	}
	*(*func([]byte, int64) (int, error))(unsafe.Pointer(field.UnsafeAddr())) = func(b []byte, off int64) (int, error) {
		if d.passed != nil {
			d.passed()
			defer d.passed()
		}
		return d.file.WriteAt(b, off)
	}
}

// watch has passed called whenever a call of the disk in an Update has returned.
func (d *boltDB) watch(passed func()) { d.passed = passed }

// Update is bbolt's, but that it does nothing after an error, and may panic.
func (d *boltDB) Update(f func(*bolt.Tx) error) error {
	if d.ended {
		return errors.New("an earlier commit failed")
	}
	d.ended, d.log.committing = true, true
	tx, err := d.db.Begin(true)
	if err == nil {
		err = f(tx)
	}
	if err == nil {
		err = tx.Commit()
	}
	d.ended, d.log.committing = err != nil, false
	return err
}

// Close also frees what a file takes whose last commit failed: its descriptor
// with the lock, and its map. A map that stayed would cost 16 MB of addresses
// each time, and a machine of 32 bits has no more of them after 219.
func (d *boltDB) Close() error {
	if !d.ended {
		return d.db.Close()
	}
	at := *(*unsafe.Pointer)(unsafe.Pointer(&d.mapped))
	// Munmap refuses a length that is not the one that was mapped.
	return errors.Join(d.file.Close(), unix.Munmap(unsafe.Slice((*byte)(at), d.length)))
}

// guarded turns a panic, also one from a page of a map that the disk cannot
// deliver, into an error of the function that defers what it returns.
func guarded(what string, err *error) (end func()) {
	old := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(old)
		switch p := recover().(type) {
		case nil:
		case commitError:
			*err = p.error
		default:
			*err = fmt.Errorf("cannot %s: %v", what, p)
		}
	}
}
