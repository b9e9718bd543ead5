package buffer

import (
	"bytes"
	"errors"

	bolt "go.etcd.io/bbolt"
)

// thinning is one piece of work over several passes of the committer, who owns
// it: look through the segments and see how many fit, copy what stays to a file
// under a temporary name, and put that in the place of the first of them.
type thinning struct {
	segs   []*segment // neighbours, the oldest first
	was    []int      // of each: its version
	living []ranges   // of each: what waited at the beginning
	level  uint8      // of the outcome
	dense  uint8      // of the segments, see thin.go
	all    bool       // no timed reading stays
	reason string
	turn   map[uint32]bool // by stream: the next timed reading goes

	planned int   // segments looked through
	keep    int64 // bytes of what stays in those
	shed    int64
	kept    uint64

	tmp    string
	db     DB
	at     int    // the segment being copied
	from   uint64 // and the number to go on at
	before []byte
	sum    summary
	lost   tally
}

// tally is what goes.
type tally struct {
	devices        []uint64
	count          uint64
	bytes          int64
	first, last    uint64
	oldest, newest stamp
}

func (t *tally) add(n uint64, e Entry, size int) {
	at := stamp{e.Boot, e.Mono}
	if t.count == 0 {
		t.first, t.oldest = n, at
	}
	t.count++
	t.bytes += int64(size)
	t.last, t.newest = n, at
	bump(&t.devices, e.Device, 1)
}

// goes decides about a reading; of a stream the first stays.
func (j *thinning) goes(e Entry) bool {
	if !timed(e.Class) {
		return false
	}
	if j.all {
		return true
	}
	now := j.turn[e.Stream]
	j.turn[e.Stream] = !now
	return now
}

// step does one piece and says whether the work is at its end. An error that
// only concerns the new file is no error of the queue: it goes on without
// thinning for a while.
func (j *thinning) step(q *Queue) (done bool, err error) {
	switch {
	case j.planned < len(j.segs):
		done, err = j.plan(q)
	case j.kept == 0:
		return true, q.shed(j.segs[0], j.reason)
	case j.at < len(j.segs):
		err = j.copy(q)
	default:
		if err = j.finish(q); err == nil {
			return true, q.secure()
		}
		done = true
	}
	if err == nil || errors.Is(err, errGone) {
		return done || err != nil, nil
	}
	now := q.opt.Mono()
	q.mu.Lock()
	q.disk.thinAt = now + thinRest
	q.mu.Unlock()
	q.warn("buffer.thin-failed", "cannot thin now, giving up the oldest instead", "code", ioCode(err), "err", err)
	return true, nil
}

// estimate is how large a file for so many bytes of records becomes.
func estimate(bytes int64) int64 { return bytes*21/20 + 10*pageSize }

// plan looks through one segment.
func (j *thinning) plan(q *Queue) (done bool, err error) {
	s := j.segs[j.planned]
	var keep, shed int64
	var kept uint64
	bad := map[uint64][]byte{}
	first := j.planned == 0
	err = q.visitRecords(s, s.first, j.living[j.planned], func(n uint64, v []byte, m *bolt.Bucket) bool {
		if first && j.before == nil {
			j.before = append([]byte{}, m.Get([]byte("before"))...)
		}
		e, err := parseValue(n, v)
		switch size := int64(len(v) + thinLineLen); {
		case err != nil:
			bad[n] = bytes.Clone(v)
		case j.goes(e):
			shed += size
		default:
			keep += size
			kept++
		}
		return true
	})
	if err != nil {
		return true, j.report(q, s, err)
	}
	if len(bad) > 0 {
		return true, j.quarantine(q, s, bad)
	}
	if !first && estimate(j.keep+keep) > q.sz.mostThinned() {
		j.segs = j.segs[:j.planned]
		return false, j.begin(q)
	}
	j.keep, j.shed, j.kept = j.keep+keep, j.shed+shed, j.kept+kept
	j.planned++
	if j.planned < len(j.segs) {
		return false, nil
	}
	return false, j.begin(q)
}

// quarantine takes damaged records out; then all begins anew.
func (j *thinning) quarantine(q *Queue, s *segment, bad map[uint64][]byte) error {
	if err := q.buildIndex(s); err != nil { // says whose they are
		return j.report(q, s, err)
	}
	q.reading.Lock()
	defer q.reading.Unlock()
	for n, v := range bad {
		if err := q.quarantine(s, n, v, LostCorrupt); err != nil {
			return err
		}
	}
	return nil
}

// begin decides whether the work is worth it, and makes the new file.
func (j *thinning) begin(q *Queue) error {
	q.mu.Lock()
	if j.shed == 0 || j.shed*thinWorth(j.dense) < j.keep+j.shed {
		for _, s := range j.segs {
			s.dense = j.dense + 1
			if j.all {
				s.level = bareLevel
			}
		}
		q.mu.Unlock()
		return errGone
	}
	j.planned = len(j.segs)
	j.turn = map[uint32]bool{}
	j.from = j.segs[0].first
	q.mu.Unlock()
	if j.kept == 0 {
		return nil
	}
	size := int(estimate(j.keep))
	tmp := segmentName(j.segs[0].first) + tmpSuffix
	_ = q.fs.Remove(tmp)
	j.tmp = tmp
	db, err := q.fs.OpenDB(tmp, false, size, max(q.sz.limit(), size+2*allocSize))
	if err != nil {
		return err
	}
	j.db = db
	return j.measure(q)
}

// measure counts the new file against the limit.
func (j *thinning) measure(q *Queue) error {
	size, err := q.fs.Size(j.tmp)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.figures.thinBytes = size
	return err
}

// visitRecords calls f for the records of s from number from on that are in living,
// until it says false.
func (q *Queue) visitRecords(s *segment, from uint64, living ranges, f func(n uint64, v []byte, m *bolt.Bucket) bool) error {
	q.reading.Lock()
	defer q.reading.Unlock()
	return q.view(s, func(r, m *bolt.Bucket) error {
		c := r.Cursor()
		i := 0
		for k, v := c.Seek(key(from)); k != nil; k, v = c.Next() {
			n, ok := recordKey(k, from, s.end)
			if !ok {
				break
			}
			for i < len(living) && living[i].b < n {
				i++
			}
			if i == len(living) {
				break
			}
			if n >= living[i].a && !f(n, v, m) {
				break
			}
		}
		return nil
	})
}

// report has a segment that cannot be read repaired, and ends the work with no
// other error. What the new file meets is another matter: with an EIO there the
// old ones are sound.
func (j *thinning) report(q *Queue, s *segment, err error) error {
	if !damaged(err) {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if s.damage == nil {
		s.damage, s.repaired = err, make(chan struct{})
	}
	q.wake()
	return errGone
}

// copy takes over what stays, as much as one commit writes.
func (j *thinning) copy(q *Queue) error {
	s := j.segs[j.at]
	var keys []uint64
	var ends []int
	var arena []byte
	seen, from := 0, s.end
	chunk := max(q.sz.commit, thinChunk)
	err := q.visitRecords(s, max(j.from, s.first), j.living[j.at], func(n uint64, v []byte, _ *bolt.Bucket) bool {
		if len(arena) >= chunk || seen >= 4*chunk {
			from = n
			return false
		}
		v = excerpt(v)
		seen += len(v)
		if e := header(v); j.goes(e) {
			j.lost.add(n, e, len(v)+thinLineLen)
		} else {
			arena = append(arena, v...)
			keys, ends = append(keys, n), append(ends, len(arena))
		}
		return true
	})
	if err != nil {
		return j.report(q, s, err)
	}
	if j.from = from; from == s.end {
		j.at++
	}
	if len(keys) == 0 {
		return nil
	}
	err = guard("write "+j.tmp, func() error { return j.put(keys, ends, arena) })
	if err != nil {
		return err
	}
	q.mu.Lock()
	q.figures.thinWritten += uint64(len(arena))
	q.mu.Unlock()
	return j.measure(q)
}

func (j *thinning) put(keys []uint64, ends []int, arena []byte) error {
	sum := j.sum.clone()
	err := j.db.Update(func(tx *bolt.Tx) error {
		r, err := tx.CreateBucketIfNotExists(recordsBucket())
		if err != nil {
			return err
		}
		r.FillPercent = 1
		at := 0
		for i, n := range keys {
			v := arena[at:ends[i]]
			at = ends[i]
			sum.add(n, header(v))
			if err := r.Put(key(n), v); err != nil {
				return err
			}
		}
		return nil
	})
	j.sum = sum
	return err
}
