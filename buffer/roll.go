package buffer

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"

	bolt "go.etcd.io/bbolt"

	"portti/buffer/boltfile"
)

// target is the segment that takes the batch: the newest one while there is
// space in it, else a new one, still under its temporary name.
func (q *Queue) target(b *batch) (*segment, error) {
	need := int64(b.bytes+24*b.count)*13/10 + 4*pageSize
	q.mu.Lock()
	var s *segment
	if k := len(q.segs); k > 0 && q.segs[k-1].writable {
		s = q.segs[k-1]
		through := s.used > q.sz.reuse && q.isGoneLocked(span{s.first, s.end - 1})
		if s.used+need > min(q.sz.segment, q.opt.MaxSize/8) && s.used > 8*pageSize || through {
			s.writable = false
			q.mu.Unlock()
			if err := s.close(); err != nil {
				return nil, err
			}
			q.mu.Lock()
			s = nil
		}
	}
	grow := q.sz.growth(0, need)
	if s != nil {
		grow = q.sz.growth(s.size, s.used+need)
	}
	q.mu.Unlock()
	if b.count > 0 {
		if err := q.makeSpace(grow); err != nil {
			return nil, err
		}
	}
	if s != nil {
		q.mu.Lock()
		alive := s.writable // it may have been given up to make space
		q.mu.Unlock()
		if alive {
			return s, s.openWritable(q)
		}
	}
	return q.create(b)
}

// growth is how much longer a file of this size becomes when it must hold so
// many bytes: bbolt grows a small file to the size of its map at once and a
// larger one in steps of allocSize.
func (z sizes) growth(size, bytes int64) int64 {
	switch {
	case bytes <= size:
		return 0
	case z.segment <= allocSize:
		return z.segment - size
	}
	return bytes + allocSize - size
}

// openWritable opens for writing. Readers share the handle: bbolt locks the
// file for each open, also inside one process.
func (s *segment) openWritable(q *Queue) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db != nil && s.rw {
		return nil
	}
	if s.db != nil {
		if err := s.db.Close(); err != nil {
			return err
		}
		s.db = nil
	}
	if err := s.open(q, false, boltfile.Contents); err != nil {
		return err
	}
	s.rw = true
	return nil
}

// create makes an empty file under a temporary name. It gets its own name
// after its first commit, so that a segment in place is always whole.
func (q *Queue) create(b *batch) (*segment, error) {
	first := b.to + 1
	if len(b.pieces) > 0 {
		first = b.pieces[0].a
	}
	s := newSegment(first)
	s.name += tmpSuffix
	s.rw = true
	_ = q.fs.Remove(s.name)
	db, err := q.fs.OpenDB(s.name, false, int(q.sz.segment), q.sz.limit())
	if err != nil {
		return nil, errors.Join(err, ignoreMissing(q.fs.Remove(s.name)))
	}
	s.db = db
	return s, nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// install gives a new segment its name and makes that durable. An empty segment,
// as salvaging one without records leaves it, may have had that name: it is
// replaced, and must not be unlinked by it any more.
func (q *Queue) install(s *segment) error {
	name := segmentName(s.first)
	if err := q.fs.Rename(s.name, name); err != nil {
		return err
	}
	s.name = name
	q.mu.Lock()
	var replaced *segment
	if k := len(q.segs); k > 0 && q.segs[k-1].first == s.first {
		replaced = q.segs[k-1]
		q.segs = q.segs[: k-1 : k-1]
	}
	q.mu.Unlock()
	if replaced != nil {
		replaced.mu.Lock()
		if replaced.gone = true; replaced.db != nil {
			_ = replaced.db.Close() // nothing is in it
			replaced.db = nil
		}
		replaced.mu.Unlock()
	}
	if err := q.fs.SyncDir(); err != nil {
		return err
	}
	q.mu.Lock()
	s.writable = true
	q.segs = append(q.segs, s)
	q.mu.Unlock()
	return nil
}

// abandon ends writing to s after an error.
func (q *Queue) abandon(s *segment) {
	q.mu.Lock()
	known, empty := false, s.end == s.first
	for i, o := range q.segs {
		if o == s {
			known = true
			if empty {
				q.segs = append(q.segs[:i:i], q.segs[i+1:]...)
			}
			break
		}
	}
	s.writable = false
	q.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db != nil {
		_ = s.db.Close() // it failed already
		s.db = nil
	}
	s.rw = false
	if !known {
		_ = q.fs.Remove(s.name)
	}
	if !known || empty {
		s.gone = true
	}
}

// unlinkReleased removes the files of segments that are through. The newest
// stays, because the ledger is in it. A removal that a power cut undoes is
// repeated at the next start, so the directory is not synced for it; but the
// sidecar is written before, so that a file that is missing was not lost.
func (q *Queue) unlinkReleased() error {
	q.mu.Lock()
	var out, keep []*segment
	for i, s := range q.segs {
		if i < len(q.segs)-1 && !s.writable && s.damage == nil && q.isGoneLocked(span{s.first, s.end - 1}) {
			out = append(out, s)
		} else {
			keep = append(keep, s)
		}
	}
	if len(out) > 0 {
		q.segs = keep
	}
	reserved := q.reserved
	q.mu.Unlock()
	if len(out) == 0 {
		return nil
	}
	err := q.writeSidecar(reserved, false)
	if err != nil { // they stay, or the next start would miss them
		q.mu.Lock()
		q.segs = append(out, q.segs...)
		slices.SortFunc(q.segs, func(a, b *segment) int { return cmp.Compare(a.first, b.first) })
		q.mu.Unlock()
		return err
	}
	for _, s := range out {
		err = errors.Join(err, q.unlink(s))
	}
	return err
}

func (q *Queue) unlink(s *segment) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
	if s.db != nil {
		_ = s.db.Close() // nothing in it is wanted any more
		s.db = nil
	}
	return ignoreMissing(q.fs.Remove(s.name))
}

// highWater is the bytes of pages in use, free ones included.
func highWater(db DB) (n int64, err error) {
	err = db.View(func(tx *bolt.Tx) error {
		n = tx.Size()
		return nil
	})
	return n, err
}
