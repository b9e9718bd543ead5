package buffer

import (
	"errors"
	"slices"
)

// Behind says that records wait below next which a reader that stands there was
// never offered: those of a disk that came back after a start without it, or of
// a file that could be repaired only now. The link then closes its connection
// in order, which ends the hold, and begins anew at Bounds: nothing is sent
// twice, and no other rule is needed for it.
func (q *Queue) Behind(next uint64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.behind == 0 || q.behind >= next {
		return false
	}
	return len(q.livingLocked(span{q.behind, next - 1})) > 0
}

// surfacedLocked notes that records can be read that could not before. They will be
// sent behind ones with higher numbers, see partLocked.
func (q *books) surfacedLocked(s span) {
	q.wake()
	if q.behind == 0 || s.a < q.behind {
		q.behind = s.a
	}
	q.notifyLocked()
}

// skipLocked has readers go by a segment.
func (q *books) skipLocked(s *segment) {
	if !s.skipped {
		s.skipped, s.writable = true, false
		s.partLocked(&q.rows, q.opt.freshName())
	}
	s.endWaitLocked()
}

// partLocked gives the name other to what lies above a segment that readers go by, where
// it has one that is also in the segment. A receiver keeps one highest number of each
// name and takes all below it for known, so nothing may go by a name of which lower
// records were not sent. In the files the names stay what they are, and no note is
// needed: whenever the process ends, no receiver has of the names in the segment more
// than what was sent before it. What lies above it and is not released by then is
// sent again under the name in its file, and a receiver may have it twice.
func (s *segment) partLocked(names *rows, other Name) {
	if s.end == s.first || s.end == unknownEnd { // see number
		return
	}
	of := names.within(span{s.first, s.end - 1})
	above := names.within(span{s.end, ^uint64(0)})
	for i, r := range above {
		if slices.ContainsFunc(of, func(o row) bool { return o.Name == r.Name }) {
			until := ^uint64(0)
			if i+1 < len(above) {
				until = above[i+1].first - 1
			}
			names.set(span{r.first, until}, other)
		}
	}
}

// renameLocked gives records of s another epoch, where nobody knows which ones with
// higher numbers of the same epoch were sent before.
func (q *books) renameLocked(s span) {
	q.figures.epochs++
	q.rows.set(s, q.opt.freshName())
}

// ackLater remembers an acknowledgement whose records could not be counted by
// device, for want of descriptors or memory. The committer tries again, and whoever
// repairs a file asks. Until then they wait, and should the link end meanwhile those
// that can be read are sent again.
func (q *proofs) ackLater(s span) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, p := range q.livingLocked(s) {
		q.late.add(p)
	}
}

// lateAcks is the committer's: it takes up what was acknowledged and could not
// be counted then.
func (q *repairs) lateAcks() {
	q.mu.Lock()
	set := q.late
	q.late = nil
	q.mu.Unlock()
	for _, p := range set {
		q.lateAck(p)
	}
}

func (q *repairs) lateAck(p span) {
	for {
		q.mu.Lock()
		pieces := q.livingLocked(p)
		s := q.unprovableLocked(pieces)
		if s == nil {
			q.ackLocked(q.deferLocked(pieces))
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		err := q.buildIndex(s)
		if err == nil || errors.Is(err, errGone) {
			continue
		}
		if damaged(err) {
			q.mu.Lock()
			if s.damage == nil {
				s.damage, s.repaired = err, make(chan struct{})
			}
			q.mu.Unlock()
			q.wake()
		} else {
			q.later(s, err)
		}
		q.ackLater(p)
		return
	}
}
