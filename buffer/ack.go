package buffer

import (
	"errors"
	"slices"
	"time"
)

// Bounds is the first number not yet released, where a connection begins, and
// the number that the next record will get, where a fresh lane begins.
func (q *Queue) Bounds() (first, next uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.released + 1, q.next
}

// Ack says that the records from through through are proven delivered: they
// need no commit any more and are released after the hold. Numbers that do not
// exist or were acknowledged, lost or quarantined before are passed over.
// ErrRollback when through was never assigned: nothing is released then.
func (q *Queue) Ack(from, through uint64) error {
	for {
		q.lockSettled(span{from, through})
		if through >= q.next {
			q.newEpochLocked()
			q.mu.Unlock()
			q.warn("buffer.rolled-back", "server knows numbers never assigned here; new epoch begun",
				"code", "BUF-ROLLBACK", "seq", through)
			return ErrRollback
		}
		pieces := q.livingLocked(span{from, through})
		s := q.unprovableLocked(pieces)
		if s == nil {
			q.ackLocked(q.deferLocked(pieces))
			q.mu.Unlock()
			return nil
		}
		q.mu.Unlock()
		if err := q.indexOrRepair(s); errors.Is(err, errLater) {
			q.ackLater(span{from, through})
			return nil
		} else if err != nil {
			return err
		}
	}
}

// lockSettled locks mu while none of these records are in a thinned file that is being
// put in place.
func (q *proofs) lockSettled(s span) {
	for {
		q.mu.Lock()
		settled := q.replacing
		if settled == nil || s.b < q.thinned.a || s.a > q.thinned.b {
			return
		}
		q.mu.Unlock()
		<-settled
	}
}

// deferLocked takes out of pieces what lies in segments that can be neither
// read nor repaired now: it is acknowledged when they are repaired.
func (q *proofs) deferLocked(pieces ranges) ranges {
	for _, s := range q.segs {
		if !s.uncountable() {
			continue
		}
		all := ranges{{s.first, s.end - 1}}
		for _, p := range all.and(pieces) {
			q.late.add(p)
		}
		pieces = all.minus(pieces)
	}
	return pieces
}

// deferredLocked is what of the late lies in such segments.
func (q *proofs) deferredLocked() (out ranges) {
	for _, s := range q.segs {
		if s.uncountable() {
			out = append(out, ranges{{s.first, s.end - 1}}.and(q.late)...)
		}
	}
	return out
}

// takeLateLocked is what of s was acknowledged and is not counted yet. Whoever takes
// it counts it.
func (q *proofs) takeLateLocked(s *segment) ranges {
	all := span{s.first, max(s.first, s.end-1)}
	set := ranges{all}.and(q.late)
	q.late.remove(all)
	return set
}

// ackLateLocked counts what was acknowledged before it could be.
func (q *proofs) ackLateLocked(late ranges) {
	var pieces ranges
	for _, p := range late {
		pieces = append(pieces, q.livingLocked(p)...)
	}
	if len(pieces) > 0 {
		q.ackLocked(pieces)
	}
}

// uncountable says that nobody knows now whose the records of a segment are.
func (s *segment) uncountable() bool { return s.skipped && s.index == nil && s.end > s.first }

// livingLocked is what of s is waiting: neither gone nor held.
func (q *books) livingLocked(s span) ranges {
	return q.fates.of(ranges{{max(s.a, q.released+1), s.b}}, living)
}

func (q *proofs) ackLocked(pieces ranges) {
	now := q.opt.Mono()
	q.disturbLocked(pieces)
	q.acceptLocked(pieces)
	done, kept := q.splitLocked(pieces)
	q.releaseLocked(done, q.provedLocked(done))
	q.hold.add(now, kept, q.provedLocked(kept))
	for _, p := range kept {
		q.fates.set(p, held)
	}
	if q.holdTime() == 0 {
		return
	}
	q.expireLocked(now)
	q.armLocked(now, q.holdTime().Milliseconds())
}

// splitLocked says what of acknowledged records is released at once, and what is kept
// for the hold.
func (q *proofs) splitLocked(pieces ranges) (done, kept ranges) {
	switch {
	case q.holdTime() == 0:
		return pieces, nil
	case q.opt.Unproven:
		return nil, pieces
	}
	return q.fates.of(pieces, again), q.fates.of(pieces, waits)
}

// unprovableLocked is a segment that must be indexed before an acknowledgement of
// pieces can be counted by device, or nil.
func (q *proofs) unprovableLocked(pieces ranges) *segment {
	done, kept := q.splitLocked(pieces)
	if s := q.unindexedLocked(done); s != nil {
		return s
	}
	return q.unindexedLocked(kept)
}

// provedLocked counts records as waiting no more and says whose they are.
func (q *proofs) provedLocked(pieces ranges) (devices []uint64) {
	q.tallyLocked(pieces, func(s *segment, dev uint16, n uint64) {
		q.waitingLocked(s, dev, n, false)
		bump(&devices, dev, n)
	})
	return devices
}

// acceptLocked counts what was acknowledged before it was committed, once.
func (q *proofs) acceptLocked(pieces ranges) {
	for _, s := range pieces {
		s.a = max(s.a, q.committed+1)
		if s.b < s.a {
			continue
		}
		q.ledger.accepted += q.counted.minus(ranges{s}).size()
		q.counted.add(s)
	}
}

// expireLocked releases what was held long enough.
func (q *proofs) expireLocked(now int64) {
	for {
		if q.opt.Unproven && len(q.hold.steps) > 0 {
			set := q.hold.steps[0].set
			if len(set) > 0 && set[len(set)-1].b > q.committed {
				return // not on disk yet
			}
		}
		s, ok := q.hold.pop(now, q.holdTime())
		if !ok {
			return
		}
		q.releaseLocked(s.set, s.devices)
	}
}

// shortenLocked releases held records early, oldest first, while more says so.
func (q *proofs) shortenLocked(floor time.Duration, more func() bool) {
	now := q.opt.Mono()
	for more() {
		s, ok := q.hold.pop(now, floor)
		if !ok {
			return
		}
		q.endHoldLocked(s)
	}
}

// endHoldLocked releases a step before its time.
func (q *proofs) endHoldLocked(s holdStep) {
	q.figures.holdShortened += s.set.size()
	q.releaseLocked(s.set, s.devices)
}

// Rewind is called when the link ended in any way that we did not ask for:
// what is held is waiting again and is committed when CommitEvery has passed
// from now. It returns where to read from. A record is replayed because of the
// hold at most once.
func (q *Queue) Rewind() (from uint64, err error) {
	for {
		q.mu.Lock()
		now := q.opt.Mono()
		q.expireLocked(now)
		q.late, q.behind = q.deferredLocked(), 0 // all that waits and can be read is offered again
		from = q.released + 1
		set := q.rewindableLocked()
		s := q.unindexedLocked(set)
		if s == nil {
			q.unholdLocked(set)
			q.since = now
			q.clearInFlightLocked()
			q.notifyLocked()
			q.armLocked(now, q.opt.CommitEvery.Milliseconds())
			q.mu.Unlock()
			return from, nil
		}
		q.mu.Unlock()
		if err := q.indexOrRepair(s); errors.Is(err, errLater) {
			return from, nil // cannot be counted now: what is held stays so and is not replayed
		} else if err != nil {
			return 0, err
		}
	}
}

// rewindableLocked is what is held, but for the steps with records that cannot be
// counted by device now: they stay in the hold, and are not replayed.
func (q *proofs) rewindableLocked() (set ranges) {
	for _, step := range q.hold.steps {
		if !q.uncountableLocked(step.set) {
			for _, p := range step.set {
				set.add(p)
			}
		}
	}
	return set
}

// unholdLocked makes what is held and in set wait again.
func (q *proofs) unholdLocked(set ranges) {
	for i := 0; i < len(q.hold.steps); {
		if q.uncountableLocked(q.hold.steps[i].set) {
			i++
			continue
		}
		q.hold.take(i)
	}
	q.tallyLocked(set, func(s *segment, dev uint16, n uint64) { q.waitingLocked(s, dev, n, true) })
	for _, p := range q.fates.of(set, held) {
		q.fates.set(p, again)
	}
}

func (q *proofs) uncountableLocked(set ranges) bool {
	return slices.ContainsFunc(q.segs, func(s *segment) bool {
		return s.uncountable() && len(set.and(ranges{{s.first, s.end - 1}})) > 0
	})
}

// Forget ends the hold: the link was closed by us with every proof in.
func (q *Queue) Forget() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.behind = 0
	if q.opt.Unproven {
		q.expireLocked(q.opt.Mono())
		return nil
	}
	for len(q.hold.steps) > 0 {
		s := q.hold.take(0)
		q.releaseLocked(s.set, s.devices)
	}
	return nil
}

// unindexedLocked is a segment that must be indexed before the records in
// pieces can be counted by device, or nil.
func (q *proofs) unindexedLocked(pieces ranges) *segment {
	for _, p := range pieces {
		for i := q.segAtLocked(p.a); i < len(q.segs) && q.segs[i].first <= p.b; i++ {
			s := q.segs[i]
			part := span{max(p.a, s.first), min(p.b, s.end-1)}
			if s.index == nil && !s.skipped && !s.whole(part) && !q.tail.contains(part) {
				return s
			}
		}
	}
	return nil
}

// whole says that part is all of the segment, so that its summary counts it.
func (s *segment) whole(part span) bool {
	return part.a == s.first && part.b == s.end-1
}

// contains says whether all living records of s are in memory.
func (t *tail) contains(s span) bool {
	return len(t.blocks) > 0 && t.blocks[0].first <= s.a && s.a <= t.blocks[len(t.blocks)-1].last()
}

// waitingLocked counts records of a device as waiting, or not any more. s is
// nil for those in memory only.
func (q *books) waitingLocked(s *segment, dev uint16, n uint64, more bool) {
	if !more {
		n = -n
	}
	bump(&q.waiting, dev, n)
	if s != nil {
		bump(&s.waiting, dev, n)
	}
}

// tallyLocked calls f for the records in pieces, which are neither gone nor
// held, or all held. unindexedLocked has said nil.
func (q *proofs) tallyLocked(pieces ranges, f func(s *segment, dev uint16, n uint64)) {
	for _, p := range pieces {
		for i := q.segAtLocked(p.a); i < len(q.segs) && q.segs[i].first <= p.b; i++ {
			s := q.segs[i]
			part := span{max(p.a, s.first), min(p.b, s.end-1)}
			switch {
			case s.whole(part):
				for dev, n := range s.sum.devices {
					if n > 0 {
						f(s, uint16(dev), n)
					}
				}
			case q.tail.contains(part):
				q.tail.each(part, func(_ uint64, v []byte) { f(s, valueDevice(v), 1) })
			default:
				for n := part.a; n <= part.b; n++ {
					if dev, ok := s.index.get(n); ok {
						f(s, dev, 1)
					}
				}
			}
		}
		if p.b > q.committed {
			q.tail.each(span{max(p.a, q.committed+1), p.b}, func(_ uint64, v []byte) { f(nil, valueDevice(v), 1) })
		}
	}
}

// releaseLocked makes proven numbers gone, and counts whose they were.
func (q *proofs) releaseLocked(pieces ranges, devices []uint64) {
	if len(pieces) == 0 {
		return
	}
	q.ledger.release(devices)
	q.finishLocked(pieces)
}

// finishLocked makes numbers gone whose counting is done.
func (q *proofs) finishLocked(pieces ranges) {
	q.disturbLocked(pieces)
	for _, p := range pieces {
		if p.b > q.committed {
			q.tail.each(span{max(p.a, q.committed+1), p.b}, func(_ uint64, v []byte) { q.dirty -= len(v) })
		}
		if p.a <= q.committed {
			q.disk.progress += min(p.b, q.committed) - p.a + 1
		}
	}
	q.goneLocked(pieces)
	for _, p := range pieces {
		from, to := max(1, q.tail.index(p.a))-1, q.tail.index(p.b)+1
		if from < len(q.tail.blocks) && q.tail.blocks[from].first <= p.b {
			q.tail.drop(from, to, func(b *block) bool { return q.isGoneLocked(span{b.first, b.last()}) })
		}
		if i := q.segAtLocked(p.a); i < len(q.segs) && q.segs[i].first <= p.b && q.noteworthyLocked(q.segs[i]) {
			q.wake()
		}
	}
	q.signalNotFullLocked()
}

// noteworthyLocked says whether the committer has something to do: a segment is
// through, or the progress is worth a note on disk.
func (q *proofs) noteworthyLocked(s *segment) bool {
	return q.disk.progress >= q.sz.progress || q.isGoneLocked(span{s.first, s.end - 1})
}

func (q *books) isGoneLocked(s span) bool {
	s.a = max(s.a, q.released+1)
	return s.b < s.a || q.fates.is(s, gone)
}

// goneLocked makes numbers gone and moves the mark.
func (q *books) goneLocked(pieces ranges) {
	for _, p := range pieces {
		p.a = max(p.a, q.released+1)
		q.fates.set(p, gone)
	}
	if len(q.fates) > 0 && q.fates[0].is == gone && q.fates[0].a <= q.released+1 {
		q.released = max(q.released, q.fates[0].b)
		q.fates = q.fates[1:]
	}
}
