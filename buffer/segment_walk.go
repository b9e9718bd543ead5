package buffer

import (
	"errors"
	"fmt"
	"io/fs"

	"portti/buffer/boltfile"
)

// walkTries bounds how often a segment is read again that is being written. A
// daemon commits about once a second, and a walk takes some 20 ms.
const walkTries = 20

// maxArena bounds the memory that is taken before anything was read.
const maxArena = 8 << 20

var errChanged = errors.New("written while it was read")

// walkSegment reads all of a segment, also of one that another process is writing.
// What is damaged is in damage and the rest is read nevertheless; the error is for a
// file that is not there or cannot be opened now, or that never held still.
func walkSegment(f FS, name string) (*walked, error) {
	for range walkTries {
		w, err := walkOnce(f, name)
		if !errors.Is(err, errChanged) {
			return w, err
		}
	}
	return nil, fmt.Errorf("%s is written too fast to be read", name)
}

// walkOnce fails with errChanged when the file was written meanwhile: bbolt writes
// over no page that the newest meta page leads to, so what was read is the state at
// one moment if that page is still the newest one at the end.
func walkOnce(f FS, name string) (*walked, error) {
	w := &walked{info: SegmentInfo{File: name}}
	file, size, err := openSized(f, name)
	if (damaged(err) || badMedium(err)) && !errors.Is(err, fs.ErrNotExist) {
		w.damage = []error{err}
		return w, nil
	} else if err != nil {
		return nil, err
	}
	defer file.Close()
	w.info.Bytes = size
	tx, err := boltfile.Begin(file, size)
	if err != nil {
		w.damage = []error{err}
		if now, err := f.Size(name); err == nil && now != size { // it grew just now
			return nil, errChanged
		}
		return w, nil
	}
	if w.facts, err = facts(tx); err != nil {
		w.damage = append(w.damage, err)
	}
	w.read(tx)
	if now, err := boltfile.NewestMeta(file, size); err != nil || now.TxID != tx.Meta.TxID {
		return nil, errChanged
	}
	return w, nil
}

// read takes all records that the tree leads to.
func (w *walked) read(tx *boltfile.Tx) {
	c, err := tx.Bucket(string(recordsBucket()))
	if err != nil {
		w.damage = append(w.damage, err)
		return
	}
	arena := make([]byte, 0, min(int64(tx.Meta.Pages)*pageSize, maxArena))
	for k, v, err := c.First(); k != nil || err != nil; k, v, err = c.Skip() {
		if err != nil {
			w.damage = append(w.damage, err)
			continue
		}
		e, at := c.Element(), len(arena)
		arena = append(append(arena, k...), v...)
		e.Key, e.Value = arena[at:at+len(k)], arena[at+len(k):]
		w.records = append(w.records, e)
	}
}
