package buffer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime/debug"
	"sort"
	"sync"
	"syscall"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"portti/buffer/boltfile"
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
	size      int64    // of the file
	used      int64    // high-water mark of its pages
	writable  bool     // the committer may add to it
	index     index    // nil until it is needed
	waiting   []uint64 // records by device that are neither gone nor replayable
	damage    error    // why it cannot be read; the committer repairs it
	repaired  chan struct{}
	before    *summary // what this file says of the one before it
	uncounted bool     // not in Queue.waiting yet
	expected  bool     // it was known what it should have held
	rescued   bool     // it was salvaged, and what is missing counted
	skipped   bool     // cannot be repaired now, readers pass over it
	proven    ranges   // acknowledged while it was skipped: whose they are is not known yet
	level     uint8    // how often it was thinned
	through   uint64   // the last number it then stood for, 0 when it was not
	dense     uint8    // how little halving it would free, see thin.go
	inFlight  bool     // of it a record was handed out since the last Rewind

	mu   sync.Mutex // guards the fields below, around open, close and View
	db   DB
	rw   bool // db is open for writing
	gone bool // unlinked

	sound bool // all its leaves were seen to be leaves

	ahead int64 // the committer's: zeros are written up to here, see ahead.go
}

// unknownEnd is the end of a newest segment that could not be read.
const unknownEnd = ^uint64(0)

var errGone = errors.New("segment was released")

func newSegment(first uint64) *segment {
	return &segment{first: first, end: first, name: segmentName(first)}
}

// open opens the file if it is not open, having checked it to that level.
// s.mu is held.
func (s *segment) open(q *Queue, readOnly bool, level boltfile.Level) error {
	if s.gone {
		return errGone
	}
	if s.db != nil {
		return nil
	}
	if err := q.moved(); err != nil {
		return err
	}
	if _, err := precheck(q.fs, s.name, level); err != nil {
		return err
	}
	db, err := q.fs.OpenDB(s.name, readOnly, int(q.sz.segment), q.sz.limit())
	if err != nil {
		return fmt.Errorf("cannot open %s: %w", s.name, err)
	}
	s.db, s.sound = db, s.sound || level > boltfile.Branches
	return nil
}

// inspected makes sure that bbolt can go anywhere in the file. s.mu is held.
func (s *segment) inspected(q *Queue) error {
	if s.sound {
		return nil
	}
	_, err := precheck(q.fs, s.name, boltfile.Headers)
	s.sound = err == nil
	return err
}

// limit is the size that a segment file must never exceed.
func (z sizes) limit() int { return int(z.segment) + allocSize + 16*pageSize }

// close closes the file; a reader opens it again.
func (s *segment) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		return nil
	}
	err := s.db.Close()
	s.db, s.rw = nil, false
	return err
}

// view runs f in a read transaction. q.reading is held: with it at most one
// segment besides the written one is open.
func (q *Queue) view(s *segment, f func(r, m *bolt.Bucket) error) error {
	return q.viewing(s, true, f)
}

// glance is view for one who wants nothing but the facts and the last record.
func (q *Queue) glance(s *segment, f func(r, m *bolt.Bucket) error) error {
	return q.viewing(s, false, f)
}

func (q *Queue) viewing(s *segment, all bool, f func(r, m *bolt.Bucket) error) error {
	if old := q.reader.seg; old != s {
		q.reader.seg = s
		if old != nil && !q.isWritten(old) {
			_ = old.close() // read-only: nothing can be lost
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	level := boltfile.Branches
	if all && !s.sound {
		level = boltfile.Headers
	}
	if err := s.open(q, true, level); err != nil {
		return err
	}
	if all {
		if err := s.inspected(q); err != nil {
			return err
		}
	}
	return guard("read "+s.name, func() error {
		return s.db.View(func(tx *bolt.Tx) error {
			r, m := tx.Bucket(recordsBucket()), tx.Bucket(factsBucket())
			if r == nil || m == nil {
				return fmt.Errorf("%s has no buckets: %w", s.name, errDamaged)
			}
			return f(r, m)
		})
	})
}

// guard runs f and turns a panic, also one from a page that the disk cannot
// deliver, into an error.
func guard(what string, f func() error) (err error) {
	defer recovered(what, &err)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	return f()
}

func (q *Queue) isWritten(s *segment) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return s.writable
}

// segAtLocked is the index of the segment that holds n, or of the first after it.
func (q *Queue) segAtLocked(n uint64) int {
	return sort.Search(len(q.segs), func(i int) bool { return q.segs[i].end > n })
}

// damaged says whether err means that a file is broken, or a page of it cannot
// be delivered, and not merely that it cannot be read now.
func damaged(err error) bool {
	return errors.Is(err, errDamaged) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotRegular) ||
		errors.Is(err, syscall.EIO) || errors.Is(err, syscall.ELOOP) || errors.Is(err, io.EOF) ||
		errors.Is(err, bolterrors.ErrInvalid) || errors.Is(err, bolterrors.ErrChecksum) || errors.Is(err, bolterrors.ErrVersionMismatch)
}

// index says which numbers of a segment are present and whose they are: device
// number + 1 by number, 0 where there is none.
type index map[uint64]*[256]uint16

func (x index) set(n uint64, dev uint16) {
	p := x[n>>8]
	if p == nil {
		p = new([256]uint16)
		x[n>>8] = p
	}
	p[n&255] = dev + 1
}

func (x index) get(n uint64) (uint16, bool) {
	p := x[n>>8]
	if p == nil || p[n&255] == 0 {
		return 0, false
	}
	return p[n&255] - 1, true
}

// buildIndex reads all keys of a segment. The numbers in its span that are not
// present become gone.
func (q *Queue) buildIndex(s *segment) error {
	q.reading.Lock()
	defer q.reading.Unlock()
	for {
		q.mu.Lock()
		version, end, sum := s.version, s.end, s.sum.clone()
		q.mu.Unlock()
		x, keys, err := q.scan(s, end, sum.clone())
		if err != nil {
			return err
		}
		q.mu.Lock()
		if s.version == version && keys.spans.size() != sum.count {
			q.mu.Unlock()
			return fmt.Errorf("%s: %d records found, %d expected: %w", s.name, keys.spans.size(), sum.count, errDamaged)
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
func (q *Queue) scan(s *segment, end uint64, sum summary) (index, present, error) {
	x := index{}
	var keys present
	var bad []uint64
	missing := sum.devices
	err := q.view(s, func(r, _ *bolt.Bucket) error {
		c := r.Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			n, ok := recordKey(k, s.first, end)
			if !ok {
				continue
			}
			if !keys.add(n) {
				return fmt.Errorf("%s: keys out of order: %w", s.name, errDamaged)
			}
			if e, err := parseValue(n, v); err != nil {
				bad = append(bad, n)
			} else {
				x.set(n, e.Device)
				if int(e.Device) < len(missing) && missing[e.Device] > 0 {
					missing[e.Device]--
				}
			}
		}
		return nil
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

// present collects rising numbers as spans.
type present struct{ spans ranges }

// add says false for a number that does not rise.
func (p *present) add(n uint64) bool {
	k := len(p.spans)
	if k > 0 && p.spans[k-1].b >= n {
		return false
	}
	if k > 0 && p.spans[k-1].b+1 == n {
		p.spans[k-1].b = n
		return true
	}
	p.spans = append(p.spans, span{n, n})
	return true
}

// holes is what of first..end-1 is not present.
func (p *present) holes(first, end uint64) ranges {
	if end == first {
		return nil
	}
	return p.spans.minus(ranges{{first, end - 1}})
}
