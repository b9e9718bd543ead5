package buffer

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// DirID is which directory a path names: it changes when something is mounted
// there or taken away.
type DirID struct{ dev, ino uint64 }

// DirID looks where the path leads now.
func (o osFS) DirID() (DirID, error) {
	info, err := os.Stat(o.dir)
	if err != nil {
		return DirID{}, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() {
		return DirID{}, &os.PathError{Op: "stat", Path: o.dir, Err: syscall.ENOTDIR}
	}
	return DirID{uint64(st.Dev), st.Ino}, nil
}

// errElsewhere: the path leads to another directory than the one that the queue
// was opened in, because a disk was taken away or mounted. What lies there
// belongs to somebody else: a file that is missing there is not lost, and none
// may be made.
var errElsewhere = errors.New("another file system is in the place of the buffer's folder")

// moved says whether the path leads elsewhere now.
func (q *files) moved() error {
	home := q.dirID.Load()
	if home == nil {
		return nil
	}
	now, err := q.fs.DirID()
	if err != nil {
		// Not wrapped: a missing folder must not look like a missing file.
		return fmt.Errorf("the buffer's folder cannot be found: %v", err)
	}
	if now != *home {
		return errElsewhere
	}
	return nil
}

// noteDirID remembers the directory that the queue works in.
func (q *files) noteDirID() {
	if now, err := q.fs.DirID(); err == nil {
		q.dirID.Store(&now)
	}
}

// followDir is the committer's: it makes sure that the queue works in its own
// directory. A disk that was taken away and came back is another directory with
// the same state file; all that is open is opened anew there.
func (q *store) followDir() error {
	err := q.moved()
	if !errors.Is(err, errElsewhere) {
		return err
	}
	st, stErr := readSidecar(q.fs)
	q.mu.Lock()
	// What was not synced may be there or not.
	ours := stErr == nil && st.epoch == q.epochSaved && st.ledger.gen >= q.disk.gen && st.ledger.gen <= q.ledger.gen
	q.mu.Unlock()
	if !ours {
		return err
	}
	q.closeFiles() // of the disk that was taken away
	q.noteDirID()
	q.info("buffer.returned", "the buffer's disk is back")
	return nil
}
