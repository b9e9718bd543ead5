package buffer

import (
	"errors"
	"os"
)

// Record is a record on its way to somewhere else than the link.
type Record struct {
	Number uint64
	Called Name   // by which it is known outside; the zero one when that cannot be read
	Name   string // of its device; "" when not known
	Entry
}

// Head is what must go along with records that leave.
type Head struct {
	Epoch    uint64 // of the queue
	First    uint64 // what is below has been delivered or given up
	Next     uint64 // what is from here on is not looked at
	Boot     uint32 // this boot's index; 0 where nobody runs
	Mono     int64  // milliseconds since that boot
	LastGood int64  // last trusted wall time, Unix milliseconds, 0 if none
	Boots    []BootInfo
}

func bootInfos(starts []start) []BootInfo {
	var out []BootInfo
	for _, s := range starts {
		out = append(out, BootInfo{Index: s.index, ID: s.id, Mono: s.mono, Known: s.set, Offset: s.off, Seen: s.seen})
	}
	return out
}

// Head says what the files hold. Where the state file is lost the queue has another
// epoch each time: it counts for records whose names are lost too, and those rather
// come twice than are taken for others.
func (l *Inspection) Head() Head {
	epoch := l.Epoch
	if epoch == 0 {
		epoch = randomEpoch()
	}
	return Head{Epoch: epoch, First: l.Released + 1, Next: l.Next, LastGood: l.LastGood, Boots: l.Boots}
}

// Each hands out every record that is not released, in the order of numbers,
// and says of which numbers it cannot tell what they were. Released ones left
// out, numbers between two records that are not missing belong to nobody any
// more. A slice is good until record returns. The first error ends it.
func (l *Inspection) Each(record func(Record) error, missing func(first, last uint64, why string) error) error {
	for i, s := range l.Segments {
		end := unknownEnd
		if i+1 < len(l.Segments) {
			end = l.Segments[i+1].First
		}
		found, holes, why, err := l.contents(s, end)
		if err != nil {
			return err
		}
		for len(found)+len(holes) > 0 {
			if len(holes) == 0 || len(found) > 0 && found[0].Number < holes[0].a {
				err, found = record(found[0]), found[1:]
			} else {
				err, holes = missing(holes[0].a, holes[0].b, why), holes[1:]
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// contents is what of a segment is not released, in the order of numbers, and of
// which numbers it cannot be told what they were, and why.
func (l *Inspection) contents(s SegmentInfo, end uint64) (found []Record, holes ranges, why string, err error) {
	w, err := lookAt(l.fs, s.File, s.First)
	if errors.Is(err, os.ErrNotExist) { // delivered since it was looked at
		return nil, nil, "", nil
	} else if err != nil {
		return nil, nil, "", err
	}
	doubt := l.doubts[s.File]
	if len(w.damage) > 0 {
		doubt = w.faults[0].String()
	} else if doubt != "" {
		w.salvage(l.fs)
	}
	var there ranges
	for _, e := range w.records {
		n, ok := recordKey(e.Key, s.First, end)
		if !ok || l.isReleased(n) {
			continue
		}
		entry, err := parseValue(n, e.Value)
		if err != nil {
			holes.add(span{n, n})
			continue
		}
		r := Record{Number: n, Entry: entry}
		r.Called, _ = w.rows.at(n)
		if int(entry.Device) < len(l.ledger.devices) {
			r.Name = l.ledger.devices[entry.Device].name
		}
		found = append(found, r)
		there.add(span{n, n})
	}
	if doubt == "" {
		return found, holes, "its checksum does not fit", nil
	}
	first, last := max(s.First, l.Released+1), end-1
	if end == unknownEnd { // the state file says how far it may go
		last = max(s.Last, max(1, l.st.reserved)-1)
	}
	if holes = nil; first <= last {
		holes = there.minus(l.ledger.beyond.minus(ranges{{first, last}}))
	}
	return found, holes, doubt, nil
}

// Head says what the queue holds at this moment.
func (q *Queue) Head() Head {
	q.mu.Lock()
	defer q.mu.Unlock()
	h := Head{Epoch: q.epoch, First: q.released + 1, Boot: q.boot, Mono: q.opt.Mono(), LastGood: q.lastGood, Boots: bootInfos(q.starts)}
	_, h.Next = q.seenLocked()
	return h
}

// seenLocked is the range of numbers that Read may hand out.
func (q *books) seenLocked() (first, next uint64) {
	next = min(q.next, q.reserved)
	if q.strict() {
		next = q.committed + 1
	}
	return q.released + 1, next
}

// chunkBytes is how much Each copies at a time while it holds the link's reader
// up.
const chunkBytes = 256 << 10

// Each hands out every record that is not released, in memory or on disk, up to
// the last one there is when it is called, as Inspection.Each does. It may be
// used in addition to the one reader, which waits no longer than for a chunk of 256 KB.
func (q *Queue) Each(record func(Record) error, missing func(first, last uint64, why string) error) error {
	q.mu.Lock()
	at, next := q.seenLocked()
	q.mu.Unlock()
	for at < next {
		c, err := q.chunk(at, next-1)
		if err != nil {
			return err
		}
		for _, r := range c.records {
			if err := record(r); err != nil {
				return err
			}
		}
		if c.why != "" {
			if err := missing(c.lost.a, c.lost.b, c.why); err != nil {
				return err
			}
		}
		at = c.next
	}
	return nil
}

// chunk is some records copied out of the queue; then, with why, a span that
// cannot be read now.
type chunk struct {
	records []Record
	next    uint64
	lost    span
	why     string
	names   []string // of devices
	called  rows
	arena   []byte
}

func (c *chunk) add(n uint64, e Entry) {
	at := len(c.arena)
	c.arena = append(c.arena, e.Rec...)
	e.Rec = c.arena[at:len(c.arena):len(c.arena)]
	r := Record{Number: n, Entry: e}
	r.Called, _ = c.called.at(n)
	if int(e.Device) < len(c.names) {
		r.Name = c.names[e.Device]
	}
	c.records = append(c.records, r)
	c.next = n + 1
}

func (c *chunk) full() bool { return len(c.arena) >= chunkBytes }

func (q *files) chunk(from, to uint64) (*chunk, error) {
	c := &chunk{}
	q.mu.Lock()
	w, ok := q.nextRangeLocked(from)
	w.to = min(w.to, to)
	c.next = w.to + 1
	if !ok || w.from > w.to {
		c.next = max(w.from, from+1)
		q.mu.Unlock()
		return c, nil
	}
	c.names, c.called = q.namesLocked(), q.rows.within(span{w.from, w.to})
	if q.tail.find(w.from) != nil {
		q.copyTailLocked(c, w)
		q.mu.Unlock()
		return c, nil
	}
	i := q.segAtLocked(w.from)
	if i == len(q.segs) || q.segs[i].first > w.from {
		if i < len(q.segs) {
			c.next = min(c.next, q.segs[i].first)
		}
		if len(q.tail.blocks) > 0 && q.tail.blocks[0].first > w.from {
			c.next = min(c.next, q.tail.blocks[0].first)
		}
		q.mu.Unlock()
		return c, nil
	}
	s := q.segs[i]
	w.to = min(w.to, s.end-1)
	c.next = w.to + 1
	q.mu.Unlock()
	return c, q.copySegment(c, s, w)
}

func (q *books) namesLocked() []string {
	names := make([]string, len(q.ledger.devices))
	for i := range q.ledger.devices {
		names[i] = q.ledger.devices[i].name
	}
	return names
}

func (q *files) copyTailLocked(c *chunk, w readRange) {
	for n := w.from; n <= w.to && !c.full(); n++ {
		b := q.tail.find(n)
		if b == nil {
			c.next = n
			return
		}
		c.add(n, header(b.value(n)))
	}
}

// copySegment copies from a segment. What is damaged is only reported: the reader
// has it repaired when it comes there.
func (q *files) copySegment(c *chunk, s *segment, w readRange) error {
	q.reading.Lock()
	defer q.reading.Unlock()
	err := q.visit(s, w.from, w.to+1, func(n uint64, v []byte) bool {
		e, err := parseValue(n, v)
		if err != nil {
			c.lost, c.why, c.next = span{n, n}, "its checksum does not fit", n+1
			return false
		}
		c.add(n, e)
		return !c.full()
	})
	if err == nil && c.why == "" && !c.full() {
		c.next = w.to + 1
	}
	switch {
	case errors.Is(err, errGone):
		c.next = w.from
	case err != nil:
		first := w.from
		if k := len(c.records); k > 0 {
			first = c.records[k-1].Number + 1
		}
		c.lost, c.why, c.next = span{first, w.to}, err.Error(), w.to+1
	}
	return nil
}

// Segments lists the segments as the books have them.
func (q *Queue) Segments() []SegmentInfo {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := make([]SegmentInfo, 0, len(q.segs))
	for _, s := range q.segs {
		l := SegmentInfo{File: s.name, First: s.first, Records: s.sum.count, Bytes: s.used}
		if s.end > s.first && s.end != unknownEnd {
			l.Last = s.end - 1
		}
		for _, n := range s.waiting {
			l.Waiting += n
		}
		out = append(out, l)
	}
	return out
}

// Imports says what was taken over from other queues.
func (q *Queue) Imports() []Imported {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ledger.importsSeen()
}
