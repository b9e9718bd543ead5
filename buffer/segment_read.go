package buffer

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"portti/buffer/boltfile"
)

// opened is a segment that is open for reading; the reader's is guarded by Queue.reading. A
// segment that is being written is read from its own file too, never through
// bbolt: bbolt writes over no page that the newest commit or the one before it
// uses, so a look at the file that began after a commit is good until the second
// commit after it begins, and for that the committer waits until nobody reads.
type opened struct {
	seg     *segment
	version int // of the segment that tx belongs to
	file    File
	advised bool // the kernel was told how it is read
	single  bool // single pages of it
	tx      *boltfile.Tx
	records *boltfile.Cursor // nil until it is used
}

// scattered says whether single pages are read next, or all in their order.
func (o *opened) scattered(yes bool) {
	if f, ok := o.file.(interface{ scattered(bool) }); ok && (!o.advised || o.single != yes) {
		f.scattered(yes)
	}
	o.advised, o.single = true, yes
}

// close forgets the file: it is opened anew at the next use.
func (o *opened) close() {
	if o.file != nil {
		_ = o.file.Close() // it was only read
	}
	*o = opened{}
}

// cursor is one over the records, kept because it knows the way of its last search.
func (o *opened) cursor() (_ *boltfile.Cursor, err error) {
	if o.records == nil {
		o.records, err = o.tx.Bucket(string(recordsBucket()))
	}
	return o.records, err
}

// look gives the pages of a segment as they are now.
func (q *files) look(o *opened, s *segment) (*boltfile.Tx, error) {
	q.mu.Lock()
	gone, version, name := s.gone, s.version, s.name
	q.mu.Unlock()
	switch {
	case gone:
		return nil, errGone
	case o.seg == s && o.tx != nil && o.version == version:
		return o.tx, nil
	case o.seg != s:
		o.close()
	}
	if o.file == nil {
		if err := q.moved(); err != nil {
			return nil, err
		}
		file, err := q.fs.Open(name, os.O_RDONLY)
		if err != nil {
			return nil, err
		}
		o.seg, o.file = s, file
		o.scattered(true)
	}
	o.version, o.records = version, nil
	for size := int64(0); ; {
		was := size
		var err error
		if size, err = q.fs.Size(name); err != nil {
			return nil, err
		}
		o.tx, err = boltfile.Begin(o.file, size)
		if !damaged(err) || size == was { // else it may have grown between the two
			return o.tx, err
		}
	}
}

// reads runs f on the pages of a segment. q.reading is held if o is the reader's.
func (q *files) reads(o *opened, s *segment, f func(tx *boltfile.Tx) error) error {
	tx, err := q.look(o, s)
	if err == nil {
		err = f(tx)
	}
	if err != nil && !errors.Is(err, errGone) {
		o.close()
		return fmt.Errorf("%s: %w", s.name, err)
	}
	return err
}

// visit calls f for the records with numbers from from on and below end, in their
// order, until it says false. q.reading is held.
func (q *files) visit(s *segment, from, end uint64, f func(n uint64, v []byte) (more bool)) error {
	o := &q.reader.opened
	return q.reads(o, s, func(*boltfile.Tx) error {
		c, err := o.cursor()
		if err != nil {
			return err
		}
		o.scattered(false)
		var k8 [8]byte
		k, v, err := c.Seek(putKey(&k8, from))
		for ; k != nil && err == nil; k, v, err = c.Next() {
			n, ok := recordKey(k, from, ^uint64(0))
			if !ok {
				return fmt.Errorf("key %x: %w", k, errDamaged)
			}
			if n >= end || !f(n, v) {
				return nil
			}
		}
		return err
	})
}

// facts is what the small bucket of a file holds.
func facts(tx *boltfile.Tx) (map[string][]byte, error) {
	c, err := tx.Bucket(string(factsBucket()))
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	k, v, err := c.First()
	for ; k != nil && err == nil; k, v, err = c.Next() {
		all[string(k)] = bytes.Clone(v)
	}
	return all, err
}

// lastNumber is the highest number in a file, 0 when it holds none.
func lastNumber(tx *boltfile.Tx, first uint64) (uint64, error) {
	c, err := tx.Bucket(string(recordsBucket()))
	if err != nil {
		return 0, err
	}
	k, _, err := c.Last()
	if k == nil || err != nil {
		return 0, err
	}
	n, ok := recordKey(k, first, ^uint64(0))
	if !ok {
		return 0, fmt.Errorf("last key %x: %w", k, errDamaged)
	}
	return n, nil
}
