// Package crashtest remembers what was done to the files of a folder, and makes what
// a power cut would have left of them. Only tests import it.
//
// A Recorder is told of every operation and passes them on, commits of bbolt as what
// they changed. A Disc is fed with them and knows at any moment what is durable and
// what a power cut may still take. A Layer is both over a folder that is in use.
//
// It knows nothing of package buffer, whose own tests import it.
package crashtest

import (
	"bytes"
	"io"
	"sync"
)

// PageSize is the piece in which writes reach a disk, each for itself.
const PageSize = 4096

// What an Op can be.
const (
	Create   = "create"
	Write    = "write"
	Sync     = "sync"
	FailSync = "failed sync" // a later sync does not write what this one should have
	Rename   = "rename"
	Remove   = "remove"
	SyncDir  = "syncdir"
	Ruin     = "ruin" // the medium went bad: from now on Data is what lies there
	Mark     = "mark" // changes nothing
)

// Op is one operation on a folder.
type Op struct {
	Kind     string
	Inode    int
	Name, To string
	Off      int64
	Data     []byte
	Mark     any
}

// Recorder knows the files of a folder as the process sees them. Pass is called for
// each operation, in order, and must not call the Recorder.
type Recorder struct {
	Pass func(Op)

	mu     sync.Mutex
	names  map[string]int // inode by name
	inodes map[int][]byte // content as the process sees it
	last   int            // inode given
	made   map[int]bool   // bbolt files without a commit
	piece  []byte
}

// NewRecorder begins with an empty folder.
func NewRecorder(pass func(Op)) *Recorder {
	return &Recorder{Pass: pass, names: map[string]int{}, inodes: map[int][]byte{}, made: map[int]bool{}}
}

// Inode is the number of a file that is there, known or new to us.
func (r *Recorder) Inode(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inode(name)
}

func (r *Recorder) inode(name string) int {
	if i, ok := r.names[name]; ok {
		return i
	}
	r.last++
	i := r.last
	r.names[name] = i
	r.inodes[i] = nil
	r.Pass(Op{Kind: Create, Inode: i, Name: name})
	return i
}

// Write was done to a file.
func (r *Recorder) Write(inode int, name string, p []byte, off int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inodes[inode] = WriteAt(r.inodes[inode], p, off)
	r.Pass(Op{Kind: Write, Inode: inode, Name: name, Off: off, Data: bytes.Clone(p)})
}

// Sync was done to a file, well or not.
func (r *Recorder) Sync(inode int, well bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Pass(Op{Kind: map[bool]string{true: Sync, false: FailSync}[well], Inode: inode})
}

// Rename was done.
func (r *Recorder) Rename(from, to string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.inode(from)
	delete(r.names, from)
	r.names[to] = i
	r.Pass(Op{Kind: Rename, Inode: i, Name: from, To: to})
}

// Remove was done.
func (r *Recorder) Remove(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.names, name)
	r.Pass(Op{Kind: Remove, Name: name})
}

// SyncDir was done.
func (r *Recorder) SyncDir() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Pass(Op{Kind: SyncDir})
}

// Ruin says that b is what lies in a file now, whatever the power does: the medium
// went bad behind the program's back.
func (r *Recorder) Ruin(name string, b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.inode(name)
	r.inodes[i] = bytes.Clone(b)
	r.Pass(Op{Kind: Ruin, Inode: i, Data: b})
}

// Restart passes on what is in the folder now, by read, as if it had just been
// written and synced.
func (r *Recorder) Restart(read func(name string) ([]byte, error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, i := range r.names {
		b, err := read(name)
		if err != nil {
			return err
		}
		r.inodes[i] = bytes.Clone(b) // which later writes change in place
		r.Pass(Op{Kind: Create, Inode: i, Name: name})
		r.Pass(Op{Kind: Write, Inode: i, Data: b})
		r.Pass(Op{Kind: Sync, Inode: i})
	}
	r.Pass(Op{Kind: SyncDir})
	return nil
}

// Commit passes on what a commit of bbolt wrote, which writes through its own
// descriptor: what changed since the last one, page by page. The order inside is
// bbolt's, seen with strace on version 1.5.0: data pages, sync, meta page, sync; in
// a file's first commit without the first of them. Pages written without a change
// are left out; a new file's first four pages are written and synced as one. well
// says whether the last sync is to succeed.
func (r *Recorder) Commit(inode int, f io.ReaderAt, size int64, well bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.inodes[inode]
	fresh := len(was) == 0
	if int(size) > len(was) {
		r.inodes[inode] = append(was, make([]byte, int(size)-len(was))...)
	}
	end := Sync
	if !well {
		end = FailSync
	}
	if fresh { // creation writes its pages at once
		r.made[inode] = true
		return r.changed(inode, f, 0, size, true, end)
	}
	between := Sync
	if r.made[inode] {
		delete(r.made, inode)
		between = ""
	}
	if err := r.changed(inode, f, 2*PageSize, size, false, between); err != nil {
		return err
	}
	return r.changed(inode, f, 0, min(2*PageSize, size), false, end)
}

// changed passes on the pages between from and to that changed, or all, and a sync.
func (r *Recorder) changed(inode int, f io.ReaderAt, from, to int64, all bool, sync string) error {
	if r.piece == nil {
		r.piece = make([]byte, 16*PageSize)
	}
	wrote := false
	for ; from < to; from += int64(len(r.piece)) {
		now := r.piece[:min(int64(len(r.piece)), to-from)]
		if _, err := f.ReadAt(now, from); err != nil && err != io.EOF {
			return err
		}
		was := r.inodes[inode][from:][:len(now)]
		if !all && bytes.Equal(now, was) {
			continue
		}
		for at := 0; at < len(now); at += PageSize {
			page := now[at:min(at+PageSize, len(now))]
			if !all && bytes.Equal(page, was[at:][:len(page)]) {
				continue
			}
			copy(was[at:], page)
			r.Pass(Op{Kind: Write, Inode: inode, Off: from + int64(at), Data: bytes.Clone(page)})
			wrote = true
		}
	}
	if wrote && sync != "" {
		r.Pass(Op{Kind: sync, Inode: inode})
	}
	return nil
}

// WriteAt is what b is after a write, which may lengthen it.
func WriteAt(b, p []byte, off int64) []byte {
	if need := int(off) + len(p); need > len(b) {
		b = append(b, make([]byte, need-len(b))...)
	}
	copy(b[off:], p)
	return b
}
