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

	out  *writer // the new file, nil before it is begun
	at   int     // the segment being copied
	from uint64  // and the number to go on at
	sum  summary
	lost summary // of what goes
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
func (j *thinning) step(q *commits) (done bool, err error) {
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
func (j *thinning) plan(q *commits) (done bool, err error) {
	s := j.segs[j.planned]
	var keep, shed int64
	var kept uint64
	bad := map[uint64][]byte{}
	first := j.planned == 0
	err = q.visitRecords(s, s.first, j.living[j.planned], func(n uint64, v []byte) bool {
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
func (j *thinning) quarantine(q *commits, s *segment, bad map[uint64][]byte) error {
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
func (j *thinning) begin(q *commits) error {
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
	var err error
	j.out, err = newWriter(q.fs, segmentName(j.segs[0].first)+tmpSuffix, estimate(j.keep)+fileMargin)
	return err
}

// measure counts the new file against the limit.
func (j *thinning) measure(q *commits) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.figures.thinBytes = j.out.used
}

// visitRecords calls f for the records of s from number from on that are in living,
// until it says false.
func (q *files) visitRecords(s *segment, from uint64, living ranges, f func(n uint64, v []byte) bool) error {
	q.reading.Lock()
	defer q.reading.Unlock()
	i := 0
	return q.visit(s, from, s.end, func(n uint64, v []byte) bool {
		for i < len(living) && living[i].b < n {
			i++
		}
		return i < len(living) && (n < living[i].a || f(n, v))
	})
}

// report has a segment that cannot be read repaired, and ends the work with no
// other error. What the new file meets is another matter: with an EIO there the
// old ones are sound.
func (j *thinning) report(q *commits, s *segment, err error) error {
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
func (j *thinning) copy(q *commits) error {
	s := j.segs[j.at]
	var out load
	seen, from := 0, s.end
	chunk := max(q.sz.commit, thinChunk)
	err := q.visitRecords(s, max(j.from, s.first), j.living[j.at], func(n uint64, v []byte) bool {
		if len(out.bytes) >= chunk || seen >= 4*chunk {
			from = n
			return false
		}
		v = excerpt(v)
		seen += len(v)
		if e := header(v); j.goes(e) {
			j.lost.add(n, e)
		} else {
			out.add(n, v)
		}
		return true
	})
	if err != nil {
		return j.report(q, s, err)
	}
	if j.from = from; from == s.end {
		j.at++
	}
	if len(out.numbers) == 0 {
		return nil
	}
	if err := j.put(&out); err != nil {
		return err
	}
	q.mu.Lock()
	q.figures.thinWritten += uint64(len(out.bytes))
	q.mu.Unlock()
	j.measure(q)
	return nil
}

func (j *thinning) put(out *load) error {
	sum := j.sum.clone()
	err := j.out.commit(func(r, _ *bolt.Bucket) error {
		return out.each(func(n uint64, v []byte) error {
			sum.add(n, header(v))
			return r.Put(key(n), v)
		})
	})
	j.sum = sum
	return err
}
