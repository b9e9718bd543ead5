package buffer

import (
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"

	"portti/buffer/boltfile"
)

// writer fills one new file. Whoever commits, salvages or thins has one. After
// the first error it writes no more: what then is in the file is what its newest
// meta page says, and the same records go to another file.
type writer struct {
	name string
	fs   FS
	db   DB
	file File  // the same file, for what has to be known of it
	used int64 // bytes of the pages in use after the last commit
}

// newWriter makes a file of that name. It may hold about most bytes.
func newWriter(f FS, name string, most int64) (*writer, error) {
	if err := ignoreMissing(f.Remove(name)); err != nil {
		return nil, fmt.Errorf("cannot remove what is left of %s: %w", name, err)
	}
	db, err := f.CreateDB(name, int(most+18*pageSize)) // two of which bbolt counts and does not use
	if err != nil {
		return nil, fmt.Errorf("cannot create %s: %w", name, err)
	}
	w := &writer{name: name, fs: f, db: db}
	if w.file, err = f.Open(name, os.O_RDONLY); err != nil {
		w.drop()
		return nil, err
	}
	return w, nil
}

// commit writes one transaction, and has it on disk when it returns nil.
func (w *writer) commit(put func(r, m *bolt.Bucket) error) (err error) {
	defer guarded("write "+w.name, &err)()
	if err := w.passable(); err != nil {
		return err
	}
	err = w.db.Update(func(tx *bolt.Tx) error {
		r, err := tx.CreateBucketIfNotExists(recordsBucket())
		if err != nil {
			return err
		}
		m, err := tx.CreateBucketIfNotExists(factsBucket())
		if err != nil {
			return err
		}
		r.FillPercent = 1 // not stored; keys only grow
		return put(r, m)
	})
	if err != nil {
		return err
	}
	m, err := w.meta()
	w.used = int64(m.Pages) * pageSize
	return err
}

// meta is the newest meta page.
func (w *writer) meta() (boltfile.Meta, error) {
	size, err := w.fs.Size(w.name)
	if err != nil {
		return boltfile.Meta{}, err
	}
	return boltfile.NewestMeta(w.file, size)
}

// passable sees to it that bbolt can go where a commit goes: the ways to the first
// and to the last record, and to all facts. It follows a branch that leads to itself until the
// stack is used up, which ends the process; everything else is caught.
func (w *writer) passable() error {
	if w.used == 0 {
		return nil
	}
	size, err := w.fs.Size(w.name)
	if err != nil {
		return err
	}
	tx, err := boltfile.Begin(w.file, size)
	if err != nil {
		return err
	}
	r, err := tx.Bucket(string(recordsBucket()))
	if err != nil {
		return err
	}
	if _, _, err := r.First(); err != nil {
		return err
	}
	if _, _, err := r.Last(); err != nil {
		return err
	}
	m, err := tx.Bucket(string(factsBucket()))
	if err != nil {
		return err
	}
	k, _, err := m.First()
	for k != nil && err == nil {
		k, _, err = m.Next()
	}
	return err
}

// close ends the writing.
func (w *writer) close() error {
	err := w.db.Close()
	if w.file != nil {
		_ = w.file.Close() // it was only read
	}
	return err
}

// drop ends the writing of a file that is not wanted, and removes it. What
// fails of that the next start does.
func (w *writer) drop() {
	_ = w.close()
	_ = w.fs.Remove(w.name)
}
