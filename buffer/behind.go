package buffer

import "errors"

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

// surfacedLocked notes that records from n on can be read that could not before.
// They will be sent behind ones with higher numbers. A receiver that keeps one
// highest number takes such a record for known, and says so: those of a file that
// was passed over need an epoch of their own, see renameLocked.
func (q *books) surfacedLocked(s span) {
	q.wake()
	if q.behind == 0 || s.a < q.behind {
		q.behind = s.a
	}
	q.notifyLocked()
}

// skipLocked has readers go by a segment. That is noted on disk at once, so that its
// records get another epoch also when the process ends before it can be read.
func (q *books) skipLocked(s *segment) {
	if !s.passed {
		s.passed = true
		if s.end > s.first && s.end != unknownEnd {
			q.renameLocked(span{s.first, s.end - 1}) // nor may a resume be for these
		}
		q.disk.owed++
		q.wake()
	}
	s.skipped = true
	s.endWaitLocked()
}

// renameLocked gives records of s another epoch, where ones with higher numbers of
// the same epoch may have been sent before.
func (q *books) renameLocked(s span) {
	q.figures.epochs++
	q.rows.set(s, q.freshNameLocked())
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
