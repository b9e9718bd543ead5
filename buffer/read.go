package buffer

import (
	"errors"
	"fmt"
	"io"
)

// Entry is a record with what was said about it when it was appended.
type Entry struct {
	Class  byte
	Device uint16
	Stream uint32
	Boot   uint32 // index of the boot in which it was appended
	Mono   int64  // milliseconds since that boot
	Rec    []byte
}

func (e Entry) when() Time { return Time{e.Boot, e.Mono} }

// reader is the state of the one reader, guarded by Queue.reading.
type reader struct {
	opened  opened
	pins    []*block
	entries []Entry
	arena   []byte
}

// Read hands out a gapless run of records from number from on, or from the
// first one after it: first is the number of entries[0]. The run holds at least
// one record, even over maxBytes, and at most maxRecs and maxBytes. The slices
// are good until the next Read or Close and must not be changed.
// Nothing there yet: 0, nil, nil. io.EOF: sealed, and from is at the end.
func (q *Queue) Read(from uint64, maxBytes, maxRecs int) (first uint64, entries []Entry, err error) {
	q.reading.Lock()
	defer q.reading.Unlock()
	return q.entries(from, maxBytes, maxRecs)
}

// readRange is what one read may take.
type readRange struct {
	from, to uint64 // numbers; to is included
	bytes    int
	recs     int
}

func (q *Queue) entries(from uint64, maxBytes, maxRecs int) (uint64, []Entry, error) {
	maxRecs = max(maxRecs, 1)
	for {
		q.mu.Lock()
		q.unpinLocked()
		if from <= q.behind {
			q.behind = 0 // the reader comes by it
		}
		w, ok := q.nextRangeLocked(from)
		if !ok {
			end := q.sealed && w.from >= q.next
			q.mu.Unlock()
			if end {
				return 0, nil, io.EOF
			}
			return 0, nil, nil
		}
		w.bytes, w.recs = maxBytes, maxRecs
		if b := q.tail.find(w.from); b != nil {
			out := q.memoryLocked(w)
			q.markInFlightLocked(nil, span{w.from, w.from + uint64(len(out)) - 1})
			q.mu.Unlock()
			return w.from, out, nil
		}
		s := q.segmentForLocked(&w)
		if s != nil {
			q.markInFlightLocked(s, span{})
		}
		q.mu.Unlock()
		from = w.from
		if s == nil {
			continue
		}
		first, out, err := q.fromSegment(s, w)
		if errors.Is(err, errLater) {
			return 0, nil, nil
		}
		if err != nil {
			return 0, nil, err
		}
		if len(out) > 0 {
			return first, out, nil
		}
		from = first
	}
}

// nextRangeLocked finds the first number from from on that can be handed out and
// where its run must end at the latest.
func (q *books) nextRangeLocked(from uint64) (readRange, bool) {
	to := min(q.next, q.reserved) - 1
	if q.strict() {
		to = q.committed
	}
	s, _ := q.fates.next(max(from, q.released+1), there) // what was never given is there
	return readRange{from: s.a, to: min(to, s.b)}, s.a <= to
}

// memoryLocked hands out slices of the tail and pins its blocks.
func (q *files) memoryLocked(w readRange) []Entry {
	out := q.reader.entries[:0]
	bytes := 0
	for i := q.tail.index(w.from); i < len(q.tail.blocks); i++ {
		b := q.tail.blocks[i]
		if b.first > w.from {
			break
		}
		b.pins++
		q.reader.pins = append(q.reader.pins, b)
		for w.from <= min(b.last(), w.to) {
			e := header(b.value(w.from))
			bytes += len(e.Rec)
			if len(out) > 0 && (bytes > w.bytes || len(out) == w.recs) {
				q.reader.entries = out
				return out
			}
			out = append(out, e)
			w.from++
		}
	}
	q.reader.entries = out
	return out
}

func (q *files) unpinLocked() {
	for _, b := range q.reader.pins {
		q.tail.unpin(b)
	}
	q.reader.pins = q.reader.pins[:0]
}

// segmentForLocked is the segment to read from; numbers that are in none
// become gone. It moves w.from on when it says nil.
func (q *files) segmentForLocked(w *readRange) *segment {
	i := q.segAtLocked(w.from)
	if i == len(q.segs) || q.segs[i].first > w.to {
		skip := w.to + 1
		if i < len(q.segs) {
			skip = q.segs[i].first
		} else if len(q.tail.blocks) > 0 && q.tail.blocks[0].first > w.from {
			skip = min(skip, q.tail.blocks[0].first)
		}
		q.goneLocked(ranges{{w.from, skip - 1}})
		w.from = skip
		return nil
	}
	s := q.segs[i]
	if s.first > w.from {
		q.goneLocked(ranges{{w.from, s.first - 1}})
		w.from = s.first
	}
	if s.skipped {
		w.from = s.end
		return nil
	}
	w.to = min(w.to, s.end-1)
	return s
}

// fromSegment copies a run out of a segment. With no record it says where to
// go on. A damaged record is set aside, a damaged segment repaired.
func (q *Queue) fromSegment(s *segment, w readRange) (uint64, []Entry, error) {
	first, out, bad, err := q.copyRun(s, w)
	switch {
	case errors.Is(err, errGone):
		return w.from, nil, nil
	case damaged(err):
		return w.from, nil, q.repair(s, err)
	case err != nil:
		q.later(s, err)
		return 0, nil, errLater
	}
	q.readable(s)
	if first > w.from {
		// Numbers that were never written, or a broken tree that hides them?
		// The index knows, and makes gone what is not there.
		q.mu.Lock()
		known, hidden := s.index != nil, q.hiddenLocked(s, w.from, first)
		q.mu.Unlock()
		if !known {
			return w.from, nil, q.indexReading(s)
		}
		if hidden {
			return w.from, nil, q.repair(s, fmt.Errorf("%s hides records from %d on: %w", s.name, w.from, errDamaged))
		}
	}
	if len(out) == 0 && bad != nil {
		return first + 1, nil, q.quarantine(s, first, bad, LostCorrupt)
	}
	if len(out) > 0 {
		q.mu.Lock()
		s.markLocked(first, out[0].when())
		q.mu.Unlock()
	}
	return first, out, nil
}

// hiddenLocked says whether a record from..to-1 is there by the index, which
// walks all leaves: then a branch page leads past it.
func (q *files) hiddenLocked(s *segment, from, to uint64) bool {
	for n := from; n < to && s.index != nil; n++ {
		if _, there := s.index.get(n); there && !q.isGoneLocked(span{n, n}) {
			return true
		}
	}
	return false
}

// copyRun copies into the arena; first is the number of the first key found,
// or after the range when there is none.
func (q *files) copyRun(s *segment, w readRange) (first uint64, out []Entry, bad []byte, err error) {
	r := &q.reader
	out, r.arena = r.entries[:0], r.arena[:0]
	first = w.to + 1
	next := w.from
	err = q.visit(s, w.from, w.to+1, func(n uint64, v []byte) bool {
		if len(out) == 0 {
			first = n
		} else if n != next {
			return false
		}
		e, err := parseValue(n, v)
		if err != nil {
			if len(out) == 0 {
				bad = append([]byte{}, excerpt(v)...)
			}
			return false
		}
		if len(out) > 0 && (len(r.arena)+len(e.Rec) > w.bytes || len(out) == w.recs) {
			return false
		}
		at := len(r.arena)
		r.arena = append(r.arena, e.Rec...)
		e.Rec = r.arena[at:len(r.arena):len(r.arena)]
		out = append(out, e)
		next = n + 1
		return true
	})
	r.entries = out
	return first, out, bad, err
}
