package buffer

import (
	"errors"
	"io/fs"
	"slices"
	"sort"
)

// target is the segment that takes the batch: the one being written while there
// is space in it, else a new one, still under its temporary name.
func (q *commits) target(b *batch) (*segment, error) {
	need := int64(b.bytes+24*b.count)*13/10 + 4*pageSize
	q.endFull(need)
	if b.count > 0 {
		if err := q.makeSpace(need); err != nil { // it may end the segment being written, and begin another
			return nil, err
		}
	}
	if s := q.written(); s != nil {
		return s, nil
	}
	q.endWriting()
	return q.create(b, need)
}

// written is the segment being written, nil when there is none.
func (q *store) written() *segment {
	q.mu.Lock()
	defer q.mu.Unlock()
	if k := len(q.segs); k > 0 && q.segs[k-1].writable {
		return q.segs[k-1]
	}
	return nil
}

// endFull ends the segment being written when so many bytes have no space in it,
// and when everything in it is through and it could be removed.
func (q *store) endFull(need int64) {
	s := q.written()
	if s == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	full := s.used+need > min(q.sz.segment, q.opt.MaxSize/8) && s.used > 8*pageSize
	full = full || len(q.rows.within(span{s.first, q.next})) > maxRows
	if full || s.used > q.sz.reuse && q.isGoneLocked(span{s.first, s.end - 1}) {
		s.writable = false
	}
}

// endWriting closes the file being written, if there is one, for good. What is in
// it is on disk.
func (q *store) endWriting() {
	if s := q.written(); s != nil {
		q.mu.Lock()
		s.writable = false
		q.mu.Unlock()
	}
	if q.disk.writer != nil {
		_ = q.disk.writer.close()
		q.disk.writer = nil
	}
}

// create makes an empty file under a temporary name. It gets its own name
// after its first commit, so that a segment in place is always whole. Its first
// commit takes along what is in a small newest segment of an earlier process, and
// it then takes the place of that one, so that many short lives do not leave as
// many files.
func (q *store) create(b *batch, need int64) (*segment, error) {
	first := b.to + 1
	if len(b.pieces) > 0 {
		first = b.pieces[0].a
	}
	carried, from, ok := q.carry()
	if ok {
		first, need = from, need+int64(len(carried.bytes))*2
	}
	s := newSegment(first)
	s.name += tmpSuffix
	w, err := newWriter(q.fs, s.name, max(q.sz.segment, need))
	if err != nil {
		return nil, err
	}
	q.disk.writer, q.disk.carried = w, carried
	return s, nil
}

// load is stored records on their way to another file.
type load struct {
	numbers []uint64
	ends    []int
	bytes   []byte
	sum     summary
}

func (l *load) add(n uint64, v []byte) {
	l.sum.add(n, header(v))
	l.bytes = append(l.bytes, v...)
	l.numbers, l.ends = append(l.numbers, n), append(l.ends, len(l.bytes))
}

func (l *load) each(f func(n uint64, v []byte) error) error {
	at := 0
	for i, n := range l.numbers {
		if err := f(n, l.bytes[at:l.ends[i]:l.ends[i]]); err != nil {
			return err
		}
		at = l.ends[i]
	}
	return nil
}

// carry reads what is still wanted of the segment that the next file is to take
// the place of. With false there is none, or it cannot be read or holds a damaged
// record: then it stays where it is, and whoever reads it finds out what it has.
func (q *store) carry() (l load, first uint64, ok bool) {
	q.reading.Lock()
	defer q.reading.Unlock()
	q.mu.Lock()
	k := len(q.segs)
	if k == 0 || !q.segs[k-1].carry || q.segs[k-1].damage != nil || q.segs[k-1].skipped {
		q.mu.Unlock()
		return load{}, 0, false
	}
	s := q.segs[k-1]
	end, released, fates := s.end, q.released, slices.Clone(q.fates)
	q.mu.Unlock()
	var bad error
	err := q.visit(s, max(s.first, released+1), end, func(n uint64, v []byte) bool {
		if fates.is(span{n, n}, gone) {
			return true
		}
		_, bad = parseValue(n, v)
		l.add(n, v)
		return bad == nil
	})
	if err != nil || bad != nil {
		q.mu.Lock()
		s.carry = false
		q.mu.Unlock()
		return load{}, 0, false
	}
	return l, s.first, true
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// install gives a new segment its name and makes that durable. One with the same
// first number, which is empty or whose records the new one has, is replaced by
// it, and must not be unlinked any more.
func (q *store) install(s *segment) error {
	tmp, name := s.name, segmentName(s.first)
	if err := q.fs.Rename(tmp, name); err != nil {
		if _, e := q.fs.Size(tmp); !errors.Is(e, fs.ErrNotExist) {
			return err
		} // it was done all the same
	}
	q.mu.Lock()
	s.name, q.disk.writer.name = name, name
	s.used, s.writable = q.disk.writer.used, true
	if k := len(q.segs); k > 0 && q.segs[k-1].first == s.first {
		old := q.segs[k-1]
		old.gone = true
		old.endWaitLocked() // who waits for its repair finds the new one
		s.end, s.sum, s.waiting = old.end, q.disk.carried.sum, old.waiting
		s.inFlight = old.inFlight
		q.segs = q.segs[: k-1 : k-1]
	}
	q.segs = append(q.segs, s)
	q.disk.carried = load{}
	q.disk.shaky = true
	q.mu.Unlock()
	return q.syncDir()
}

// abandon ends writing to s after an error.
func (q *store) abandon(s *segment) {
	q.mu.Lock()
	known := slices.Contains(q.segs, s)
	s.writable = false
	q.mu.Unlock()
	q.endWriting()
	if !known {
		_ = q.fs.Remove(s.name)
	}
}

// unlinkReleased removes the files of segments that are through. The newest
// stays, because the ledger is in it. A removal that a power cut undoes is
// repeated at the next start, so the directory is not synced for it; but the
// sidecar is written before, so that a file that is missing was not lost.
func (q *store) unlinkReleased() error {
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
		sort.Slice(q.segs, func(i, j int) bool { return q.segs[i].first < q.segs[j].first })
		q.mu.Unlock()
		return err
	}
	for _, s := range out {
		err = errors.Join(err, q.unlink(s))
	}
	return err
}

func (q *store) unlink(s *segment) error {
	q.mu.Lock()
	s.gone = true
	q.mu.Unlock()
	return ignoreMissing(q.fs.Remove(s.name))
}
