package buffer

import (
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
)

// touches times every call of the disk, for Idle. The measure is the single call,
// whoever makes it: a card on which each takes long, or fails after long, is slow
// and gets on; one call that does not return is a disk that hangs.
type touches struct {
	mono func() int64

	mu    sync.Mutex // never held across file I/O
	under []int64    // when each call began that has not returned, Mono + 1; 0 where there is none
	last  int64      // when one last returned, with or without an error
}

// begin notes a call. The number is for renew and end.
func (t *touches) begin() (call int) {
	now := t.mono()
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, at := range t.under {
		if at == 0 {
			t.under[i] = now + 1
			return i
		}
	}
	t.under = append(t.under, now+1)
	return len(t.under) - 1
}

// end notes that it has returned.
func (t *touches) end(call int) { t.returned(call, 0) }

// renew notes that one has returned and the next has begun.
func (t *touches) renew(call int) { t.returned(call, 1) }

func (t *touches) returned(call int, next int64) {
	now := t.mono()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.under[call] = next * (now + 1)
	t.last = max(t.last, now)
}

// look gives how many milliseconds the call has taken that has been under way for
// longest, 0 when there is none, and when one last returned.
func (t *touches) look(now int64) (longest, last int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, at := range t.under {
		if at != 0 {
			longest = max(longest, now-(at-1))
		}
	}
	return longest, t.last
}

// Idle is how long the single call of the disk has taken that has been under way
// for longest, or where that is more, how long the committer has been at work since
// any call last returned. It is 0 when nothing is done. What it cannot see is a
// committer that computes without end while others read from disk.
//
// Of a commit bbolt's calls are told apart: each piece of it is at most one sync, or
// one write, with what bbolt computes before it. Making a file is one
// piece: the writing of its first four pages and a sync.
func (q *Queue) Idle() time.Duration {
	now := q.opt.Mono()
	idle, last := q.touches.look(now)
	if at := q.busy.Load(); at != 0 {
		idle = max(idle, now-max(at-1, last))
	}
	return time.Duration(idle) * time.Millisecond
}

// Resting is how long no call of the disk has returned.
func (q *Queue) Resting() time.Duration {
	now := q.opt.Mono()
	_, last := q.touches.look(now)
	return time.Duration(now-last) * time.Millisecond
}

// watchedFS is an FS whose calls are timed.
type watchedFS struct {
	fs FS
	t  *touches
}

func (w watchedFS) Open(name string, flag int) (File, error) {
	defer w.t.end(w.t.begin())
	f, err := w.fs.Open(name, flag)
	if err != nil {
		return nil, err
	}
	return watchedFile{f, w.t}, nil
}

func (w watchedFS) Rename(from, to string) error {
	defer w.t.end(w.t.begin())
	return w.fs.Rename(from, to)
}

func (w watchedFS) Remove(name string) error {
	defer w.t.end(w.t.begin())
	return w.fs.Remove(name)
}

func (w watchedFS) DirID() (DirID, error) {
	defer w.t.end(w.t.begin())
	return w.fs.DirID()
}

func (w watchedFS) SyncDir() error {
	defer w.t.end(w.t.begin())
	return w.fs.SyncDir()
}

func (w watchedFS) Size(name string) (int64, error) {
	defer w.t.end(w.t.begin())
	return w.fs.Size(name)
}

func (w watchedFS) Free() (int64, error) {
	defer w.t.end(w.t.begin())
	return w.fs.Free()
}

func (w watchedFS) List() ([]string, error) {
	defer w.t.end(w.t.begin())
	return w.fs.List()
}

func (w watchedFS) CreateDB(name string, limit int) (DB, error) {
	defer w.t.end(w.t.begin())
	db, err := w.fs.CreateDB(name, limit)
	if err != nil {
		return nil, err
	}
	return watchedDB{db, w.t}, nil
}

type watchedFile struct {
	File
	t *touches
}

func (w watchedFile) ReadAt(p []byte, off int64) (int, error) {
	defer w.t.end(w.t.begin())
	return w.File.ReadAt(p, off)
}

func (w watchedFile) WriteAt(p []byte, off int64) (int, error) {
	defer w.t.end(w.t.begin())
	return w.File.WriteAt(p, off)
}

func (w watchedFile) Sync() error {
	defer w.t.end(w.t.begin())
	return w.File.Sync()
}

func (w watchedFile) Close() error {
	defer w.t.end(w.t.begin())
	return w.File.Close()
}

// scattered is that of the file, if it has one. It waits for nothing.
func (w watchedFile) scattered(yes bool) {
	if f, ok := w.File.(interface{ scattered(bool) }); ok {
		f.scattered(yes)
	}
}

type watchedDB struct {
	DB
	t *touches
}

// Update is timed piece by piece where the DB tells of its pieces.
func (w watchedDB) Update(f func(*bolt.Tx) error) error {
	call := w.t.begin()
	defer w.t.end(call)
	if d, ok := w.DB.(interface{ watch(passed func()) }); ok {
		d.watch(func() { w.t.renew(call) })
	}
	return w.DB.Update(f)
}

func (w watchedDB) Close() error {
	defer w.t.end(w.t.begin())
	return w.DB.Close()
}
