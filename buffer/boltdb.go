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

// writeSize is how much is written at once.
const writeSize = 128 << 10

// boltDB is a bbolt file made by this process.
type boltDB struct {
	db     *bolt.DB
	file   *os.File // the file of db
	log    *commitLog
	logger *bolt.Logger // the field of db
	mapped uintptr      // where the map of db begins
	length int          // of the map: a power of two, from 32 KB on
	pages  []byte       // of a commit, on their way to the file
	at     int64        // where they belong
	begun  bool         // it has a commit
	ended  bool         // a commit began and did not come to a good end
	passed func()       // called before and after each call of the disk in a commit
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
// freelist, one page less in every commit; a map that is never moved, since it is
// larger than the file may become; and no sync of a length alone, since by POSIX
// the sync of the pages takes the length along that their writes made. bbolt's is
// for an ext3 that did not.
func (o osFS) CreateDB(name string, limit int) (_ DB, err error) {
	d := &boltDB{log: &commitLog{DefaultLogger: bolt.DefaultLogger{Logger: log.New(io.Discard, "", 0)}}}
	defer func() {
		if err != nil && d.file != nil {
			_ = d.file.Close() // bbolt did, unless it panicked
		}
	}()
	defer guarded("create "+name, &err)()
	d.db, err = bolt.Open(o.path(name), 0o600, &bolt.Options{
		Timeout:         time.Second,
		NoGrowSync:      true,
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
	d.db.AllocSize = pageSize
	d.db.NoSync = d.follow()
	d.mapped, d.length = d.db.Info().Data, 32<<10
	for d.length < limit {
		d.length *= 2
	}
	return d, nil
}

// follow has bbolt write through write. Where a version of bbolt has no such field, it
// writes and syncs by itself, and a commit is one piece to whoever watches;
// TestEachCallOfACommitIsSeen finds out.
func (d *boltDB) follow() bool {
	db := reflect.ValueOf(d.db).Elem()
	d.logger = field[bolt.Logger](db, "logger")
	if ops := db.FieldByName("ops"); ops.Kind() == reflect.Struct {
		if writeAt := field[func([]byte, int64) (int, error)](ops, "writeAt"); writeAt != nil {
			*writeAt = d.write
			return true
		}
	}
	return false
}

// field is a field of a struct, nil where there is none of that name and type.
func field[T any](of reflect.Value, name string) *T {
	f := of.FieldByName(name)
	if !f.IsValid() || f.Type() != reflect.TypeFor[T]() {
		return nil
	}
	return (*T)(unsafe.Pointer(f.UnsafeAddr()))
}

// logs gives bbolt its logger, or none while records are put into a transaction: for
// each it would say so twice, to a logger that does not listen, which is half of all
// that is allocated for a record.
func (d *boltDB) logs(yes bool) {
	switch {
	case d.logger == nil:
	case yes:
		*d.logger = d.log
	default:
		*d.logger = nil
	}
}

// write is a write of bbolt, which passes on a page at a time: those that lie side by
// side go to the file together. The meta page is the last of a commit, and goes when
// all others are on disk.
func (d *boltDB) write(b []byte, off int64) (int, error) {
	if off < 2*pageSize {
		err := d.flush()
		if err == nil && d.begun {
			err = d.sync()
		}
		if err != nil {
			return 0, err
		}
		defer d.call()()
		return d.file.WriteAt(b, off)
	}
	if len(d.pages) > 0 && d.at+int64(len(d.pages)) != off || len(d.pages)+len(b) > writeSize {
		if err := d.flush(); err != nil {
			return 0, err
		}
	}
	if len(d.pages) == 0 {
		d.at = off
	}
	d.pages = append(d.pages, b...)
	return len(b), nil
}

// flush writes the pages that are together.
func (d *boltDB) flush() error {
	if len(d.pages) == 0 {
		return nil
	}
	defer d.call()()
	_, err := d.file.WriteAt(d.pages, d.at)
	d.pages = d.pages[:0]
	return err
}

// sync is what bbolt would do itself, were its syncs not switched off.
func (d *boltDB) sync() error {
	defer d.call()()
	return d.db.Sync()
}

// call says that a call of the disk begins, and what it returns that it ended.
func (d *boltDB) call() (end func()) {
	if d.passed == nil {
		return func() {}
	}
	d.passed()
	return d.passed
}

// watch has passed called whenever a call of the disk in an Update has returned.
func (d *boltDB) watch(passed func()) { d.passed = passed }

// Update is bbolt's, but that it does nothing after an error, and may panic. The
// first commit is synced once, as a whole: nobody reads a file before that, so what
// a power cut leaves of it until then does not matter.
func (d *boltDB) Update(f func(*bolt.Tx) error) error {
	if d.ended {
		return errors.New("an earlier commit failed")
	}
	d.ended, d.log.committing = true, true
	tx, err := d.db.Begin(true)
	if err == nil {
		d.logs(false)
		err = f(tx)
		d.logs(true)
	}
	if err == nil {
		err = tx.Commit()
	}
	if err == nil && d.db.NoSync {
		err = d.sync()
	}
	d.begun = true
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
