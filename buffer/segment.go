package buffer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sort"
	"syscall"
)

// segment is one bbolt file. A segment ends where the next one begins; the
// last one ends after its own last key.
type segment struct {
	first uint64
	name  string

	// Guarded by Queue.mu.
	end       uint64 // first number after it; first when it holds none
	sum       summary
	version   int      // rises with every commit
	used      int64    // bytes of its pages in use
	writable  bool     // the committer adds to it
	carry     bool     // found at the start, and small: the next file begins with what is in it
	index     *index   // nil until it is needed
	waiting   []uint64 // records by device that are neither gone nor held
	damage    error    // why it cannot be read; the committer repairs it
	repaired  chan struct{}
	uncounted bool   // not in Queue.waiting yet
	skipped   bool   // cannot be read or repaired now, readers pass over it
	doubtful  bool   // its ledger may be newer than all that a start could read
	fails     int    // times in a row that it could not be read
	failedAt  int64  // the first of these
	tryAt     int64  // when to try again, once readers pass over it
	unread    error  // why they do
	rescued   bool   // it was salvaged
	rescuing  bool   // by an earlier start, whose slot may not have been written: what is missing was damaged
	level     uint8  // how often it was thinned
	through   uint64 // the last number it then stood for, 0 when it was not
	dense     uint8  // how little halving it would free, see thin.go
	inFlight  bool   // of it a record was handed out since the last Rewind
	marks     []mark // when some of its records are of, in their order

	gone bool // unlinked, or replaced

	ahead int64 // the committer's: zeros are written up to here, see ahead.go
}

// mark says when the record with a number is of.
type mark struct {
	n  uint64
	at Time
}

// mostMarks bounds the marks of a segment: of more every second one goes.
const mostMarks = 128

// markLocked notes when a record is of.
func (s *segment) markLocked(n uint64, at Time) {
	i := sort.Search(len(s.marks), func(i int) bool { return s.marks[i].n >= n })
	if i < len(s.marks) && s.marks[i].n == n {
		return
	}
	if s.marks = slices.Insert(s.marks, i, mark{n, at}); len(s.marks) < mostMarks {
		return
	}
	for i := range mostMarks / 2 {
		s.marks[i] = s.marks[2*i]
	}
	s.marks = s.marks[:mostMarks/2]
}

// markedLocked is when the last record up to a number is of that is known, the oldest of
// all where none is.
func (s *segment) markedLocked(n uint64) Time {
	i := sort.Search(len(s.marks), func(i int) bool { return s.marks[i].n > n })
	if i == 0 {
		return s.sum.oldest
	}
	return s.marks[i-1].at
}

// unknownEnd is the end of a newest segment that could not be read.
const unknownEnd = ^uint64(0)

var errGone = errors.New("segment was released")

func newSegment(first uint64) *segment {
	return &segment{first: first, end: first, name: segmentName(first)}
}

// segAtLocked is the index of the segment that holds n, or of the first after it.
func (q *books) segAtLocked(n uint64) int {
	return sort.Search(len(q.segs), func(i int) bool { return q.segs[i].end > n })
}

// damaged says whether err means that a file was read and found wrong, or is not
// there. A file that cannot be read now may be sound.
func damaged(err error) bool {
	return errors.Is(err, errDamaged) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotRegular) || errors.Is(err, syscall.ELOOP)
}

// index says which numbers of a segment are present and whose they are: device
// number + 1 by number, 0 where there is none.
type index struct {
	pages map[uint64]*[256]uint16
	whole span   // all of these are there, and of one device
	only  uint16 // that device
}

func newIndex() *index { return &index{pages: map[uint64]*[256]uint16{}, whole: span{1, 0}} }

func (x *index) set(n uint64, dev uint16) {
	p := x.pages[n>>8]
	if p == nil {
		p = new([256]uint16)
		x.pages[n>>8] = p
	}
	p[n&255] = dev + 1
}

func (x *index) get(n uint64) (uint16, bool) {
	if x.whole.a <= n && n <= x.whole.b {
		return x.only, true
	}
	p := x.pages[n>>8]
	if p == nil || p[n&255] == 0 {
		return 0, false
	}
	return p[n&255] - 1, true
}

// plain is the index of a segment whose summary says it all: no number is
// missing, and one device owns them.
func (s *segment) plain() *index {
	if s.writable || s.sum.count == 0 || s.sum.count != s.end-s.first {
		return nil
	}
	for dev, n := range s.sum.devices {
		if n == s.sum.count {
			x := newIndex()
			x.whole, x.only = span{s.first, s.end - 1}, uint16(dev)
			return x
		}
	}
	return nil
}

// buildIndex reads all keys of a segment. The numbers in its span that are not
// present become gone.
func (q *files) buildIndex(s *segment) error {
	q.reading.Lock()
	defer q.reading.Unlock()
	for {
		q.mu.Lock()
		if s.index = s.plain(); s.index != nil {
			q.mu.Unlock()
			return nil
		}
		version, end, sum := s.version, s.end, s.sum.clone()
		q.mu.Unlock()
		x, keys, err := q.scan(s, end, sum.clone())
		if err != nil {
			return err
		}
		q.mu.Lock()
		if s.version == version && keys.size() != sum.count {
			q.mu.Unlock()
			return fmt.Errorf("%s: %d records found, %d expected: %w", s.name, keys.size(), sum.count, errDamaged)
		}
		if s.version == version {
			s.index = x
			q.goneLocked(keys.holes(s.first, end))
			q.mu.Unlock()
			return nil
		}
		q.mu.Unlock()
	}
}

// scan reads the keys of s below end. The device of a value that is damaged is
// found by what the summary says is missing, so that the ledger stays exact.
func (q *files) scan(s *segment, end uint64, sum summary) (*index, ranges, error) {
	x := newIndex()
	var keys ranges
	var bad []uint64
	missing := sum.devices
	err := q.visit(s, s.first, end, func(n uint64, v []byte) bool {
		keys.add(span{n, n})
		if e, err := parseValue(n, v); err != nil {
			bad = append(bad, n)
		} else {
			x.set(n, e.Device)
			if int(e.Device) < len(missing) && missing[e.Device] > 0 {
				missing[e.Device]--
			}
		}
		return true
	})
	for _, n := range bad {
		x.set(n, takeOne(missing))
	}
	return x, keys, err
}

// takeOne is a device that still misses a record, 0 when none does.
func takeOne(missing []uint64) uint16 {
	for dev := range missing {
		if missing[dev] > 0 {
			missing[dev]--
			return uint16(dev)
		}
	}
	return 0
}

func recordKey(k []byte, first, end uint64) (uint64, bool) {
	if len(k) != 8 {
		return 0, false
	}
	n := binary.BigEndian.Uint64(k)
	return n, n >= first && n < end
}
