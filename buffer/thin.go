package buffer

import (
	"errors"
	"slices"
)

// Thinning makes space by halving the timed readings of old segments: of every
// stream every second one goes, the first stays. Events stay.
//
// A segment has a level: how often its readings were halved. Neighbouring
// segments of one level, oldest first and as many as what stays of them fits
// into one file, become one segment of the next level. Level n may hold n+1
// times what level 0 holds: the level thinned next is the one that is most over
// that, and in it the oldest segments. So levels fall from old to new in steps
// of one, and each reaches more than twice as far back as the one before it.
// Two neighbouring readings of a stream that are left at level n are at most 2^n
// original ones apart.
//
// Where halving frees less than a quarter of what must be rewritten, since
// there are mostly events, the segments are dense and left alone. When no others
// are left they are halved down to a 16th, and when that is done they lose all
// their timed readings at once. When there are none of those either, the oldest
// segment is given up as a whole.
//
// Not touched are the segment being written, and before all else is gone those
// of which a record was handed out since the last Rewind.

const (
	maxLevel    = 40
	bareLevel   = maxLevel + 1 // no timed readings are left
	thinLast    = 2            // dense twice: all timed readings go
	thinGroup   = 16           // segments made into one at most
	thinChunk   = 256 << 10    // bytes written at a time at least: each leaves pages unused
	thinRest    = 60_000       // ms without thinning after the disk refused it
	classMask   = 3            // the low bits say what kind of record it is
	classTimed  = 0
	thinLineLen = 24 // bytes that bbolt spends on a record
)

// thinWorth is which part of what is rewritten must be freed.
func thinWorth(dense uint8) int64 {
	switch dense {
	case 0:
		return 4
	case 1:
		return 16
	}
	return 1 << 20
}

func timed(class byte) bool { return class&classMask == classTimed }

// thin does one piece of thinning and says whether there is more to do.
func (q *commits) thin() (more bool, err error) {
	q.tick()
	if q.job == nil {
		if q.job = q.chooseThinning(); q.job == nil {
			return false, nil
		}
	}
	done, err := q.job.step(q)
	if err != nil || done {
		q.endThinning()
	}
	return true, err
}

// relieve makes space ahead of need, one piece at a time.
func (q *commits) relieve() error {
	q.mu.Lock()
	policy := q.opt.WhenFull
	over := q.crowdedLocked()
	if over {
		q.releaseAllHeldLocked()
	}
	q.mu.Unlock()
	if q.job != nil && policy != Thin {
		q.endThinning()
	}
	if !over && q.job == nil {
		return nil
	}
	if err := q.unlinkReleased(); err != nil {
		return err
	}
	q.mu.Lock()
	over = q.crowdedLocked()
	fits := q.fitsLocked(0)
	q.mu.Unlock()
	if over && q.job == nil {
		if gone, err := q.dropDamaged(); gone || err != nil {
			q.wake()
			return err
		}
	}
	if policy == Thin && (over || q.job != nil) {
		if more, err := q.thin(); more || err != nil {
			q.wake()
			return err
		}
	}
	if fits {
		q.mu.Lock()
		q.disk.shrinking = 0 // it is as small as it was to be
		q.mu.Unlock()
		return nil
	}
	err := q.makeSpace(0)
	if errors.Is(err, errThinning) {
		q.wake()
		return nil
	}
	if errors.Is(err, errNoSpace) {
		return nil
	}
	return err
}

// crowdedLocked says whether it is time to make space.
func (q *limits) crowdedLocked() bool {
	soft, _ := q.limitsLocked()
	return q.bytesLocked() > soft
}

// chooseThinning begins the next piece of work, nil when nothing can be thinned.
func (q *commits) chooseThinning() *thinning {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.opt.WhenFull != Thin || q.opt.Mono() < q.disk.thinAt || q.disk.low && q.disk.free < 2*q.sz.segment {
		return nil
	}
	j := &thinning{turn: map[uint32]bool{}, reason: q.reasonLocked()}
	for ; len(j.segs) == 0 && j.dense <= thinLast; j.dense++ {
		j.segs, j.level = q.pickLocked(j.dense)
	}
	if len(j.segs) == 0 {
		return nil
	}
	j.dense--
	if j.all = j.dense == thinLast; j.all {
		j.level = bareLevel
	}
	for _, s := range j.segs {
		j.living = append(j.living, q.livingLocked(span{s.first, s.end - 1}))
		j.was = append(j.was, s.version)
	}
	q.thinned = span{j.segs[0].first, j.segs[len(j.segs)-1].end - 1}
	return j
}

// pickLocked gives the oldest neighbours of the level that is the most over its
// share, and the level they are to have. Where the new file would be about as
// long as the old ones are another level is better.
func (q *commits) pickLocked(dense uint8) (segs []*segment, level uint8) {
	var runs [maxLevel][]*segment
	var share [maxLevel]int64
	var open [maxLevel]bool // the run goes on
	for _, s := range q.segs {
		fits := s.level < maxLevel && s.dense == dense && q.thinnableLocked(s)
		for l := range open {
			open[l] = open[l] && fits && int(s.level) == l
		}
		if !fits {
			continue
		}
		l := s.level
		share[l] += s.used / int64(l+1)
		if open[l] = open[l] || len(runs[l]) == 0; open[l] && len(runs[l]) < thinGroup {
			runs[l] = append(runs[l], s)
		}
	}
	best, gainful := -1, false
	for l := range runs {
		if share[l] == 0 {
			continue
		}
		gains := q.gains(runs[l])
		if best < 0 || gains && !gainful || gains == gainful && share[l] > share[best] {
			best, gainful = l, gains
		}
	}
	if best < 0 {
		return nil, 0
	}
	return runs[best], uint8(best + 1)
}

// gains guesses whether halving neighbours gives back a quarter of their files.
func (q *commits) gains(segs []*segment) bool {
	var keep, old int64
	for _, s := range segs {
		half := (int64(s.sum.bytes) + int64(s.sum.count)*(headerLen+thinLineLen)) / 2
		if keep > 0 && estimate(keep+half) > q.sz.mostThinned() {
			break
		}
		keep, old = keep+half, old+s.used
	}
	return 4*(old-estimate(keep)) >= old
}

// mostThinned is how large a file thinning makes: where it does not matter to the
// whole, two full ones with some events become one.
func (z sizes) mostThinned() int64 {
	if z.segment > fileMargin {
		return z.segment * 5 / 4
	}
	return z.segment
}

// thinnableLocked says whether a segment may be rewritten with less in it.
func (q *limits) thinnableLocked(s *segment) bool {
	if s == q.segs[len(q.segs)-1] || s.writable || s.damage != nil || s.skipped || s.uncounted || s.end == s.first {
		return false
	}
	all := span{s.first, s.end - 1}
	return !q.isGoneLocked(all) && len(q.fates.of(ranges{all}, held)) == 0 && !q.inFlightLocked(s) && !q.inUseLocked(s)
}

// inFlightLocked says whether records of s may be on their way to the server.
func (q *books) inFlightLocked(s *segment) bool {
	return s.inFlight || q.inFlight.a <= s.end-1 && s.first <= q.inFlight.b
}

// markInFlightLocked notes that records of s, or of memory in one with nil, were
// handed out.
func (q *books) markInFlightLocked(s *segment, out span) {
	if s != nil {
		s.inFlight = true
		return
	}
	if q.inFlight.b == 0 {
		q.inFlight = out
	}
	q.inFlight = span{min(q.inFlight.a, out.a), max(q.inFlight.b, out.b)}
}

// clearInFlightLocked: the link ended, nothing is on its way any more.
func (q *books) clearInFlightLocked() {
	q.inFlight = span{}
	for _, s := range q.segs {
		s.inFlight = false
	}
}

// inUseLocked says whether memory holds records of s in a block that cannot be
// let go yet: they would be read from there, thinned or not.
func (q *books) inUseLocked(s *segment) bool {
	blocks := q.tail.blocks
	for i := q.tail.index(s.first); i < len(blocks) && blocks[i].first < s.end; i++ {
		if blocks[i].last() > q.committed {
			return true
		}
	}
	return false
}

// disturbLocked notes that records of what is being thinned were released, became
// held or were given up meanwhile: it has to be begun again.
func (q *books) disturbLocked(pieces ranges) {
	for _, p := range pieces {
		if p.a <= q.thinned.b && q.thinned.a <= p.b {
			q.disturbed = true
		}
	}
}

// undisturbedLocked says whether what was planned still holds.
func (j *thinning) undisturbedLocked(q *commits) bool {
	if q.disturbed {
		return false
	}
	for i, s := range j.segs {
		if !slices.Contains(q.segs, s) || s.version != j.was[i] || !q.thinnableLocked(s) {
			return false
		}
	}
	return true
}

// endThinning forgets the piece of work in hand and what it wrote.
func (q *commits) endThinning() {
	j := q.job
	q.job = nil
	if j == nil {
		return
	}
	if j.out != nil {
		j.out.drop()
	}
	q.mu.Lock()
	q.thinned, q.disturbed, q.figures.thinBytes = span{}, false, 0
	q.mu.Unlock()
}
