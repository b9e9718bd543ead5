package buffer

import "slices"

// reconcileLocked compares, for each device, what was read with where it went. What
// is missing is lost, and l says where and why; what is there and was never counted,
// since the ledger that counted it is gone, is counted as read now. While a file
// cannot be read, what is missing is taken to be in it, and waits.
func (q *limits) reconcileLocked(l Loss) {
	unread := slices.ContainsFunc(q.segs, func(s *segment) bool { return s.uncounted })
	held := q.hold.devices()
	q.unseen = nil
	l.Count, l.Devices = 0, map[string]uint64{}
	q.ownLocked(held)
	var raised uint64
	for dev := range max(len(q.ledger.devices), len(q.waiting), len(held)) {
		a := q.ledger.account(uint16(dev))
		known := a.finished() + at(q.waiting, dev) + at(held, dev)
		switch {
		case known > a.read:
			raised += known - a.read
			a.read = known
		case known < a.read && unread:
			bump(&q.unseen, uint16(dev), a.read-known)
		case known < a.read:
			l.Count += a.read - known
			l.Devices[a.name] += a.read - known
			q.ledger.lose(uint16(dev), l.Reason, a.read-known)
		}
	}
	if raised > 0 {
		q.ledger.accepted += raised
		q.warn("buffer.recovered", "readings found that are younger than the newest ledger; counted as read now",
			"code", "BUF-ROLLBACK", "count", raised)
	}
	if l.AtLeast {
		l.AtMost += l.Count
	}
	q.noteLossLocked(l)
}

// ownLocked sees to records of which it cannot be read any more whose they are: they
// are no readings more than were counted, but some of those that a device misses.
func (q *limits) ownLocked(held []uint64) {
	nobody := q.ledger.account(0)
	known := nobody.finished() + at(q.waiting, 0) + at(held, 0)
	for dev := 1; dev < len(q.ledger.devices) && known > nobody.read; dev++ {
		a := &q.ledger.devices[dev]
		n := min(known-nobody.read, a.read-min(a.read, a.finished()+at(q.waiting, dev)+at(held, dev)))
		a.read, nobody.read = a.read-n, nobody.read+n
	}
}

// suspectLocked says where the records are that a start misses, and why they are:
// the files that the state names and that are not there, or hold less than they
// did, or are damaged. What is between two files may be what one of them held.
func (q *limits) suspectLocked(st state, known bool) Loss {
	l := Loss{Reason: LostCorrupt, First: q.released + 1, Last: q.next - 1}
	if len(q.segs) > 0 {
		l.First = min(l.First, q.segs[0].first)
	}
	setBack, other := span{}, span{}
	for i, note := range st.segs {
		end := max(st.reserved, note.first+1)
		if i+1 < len(st.segs) {
			end = st.segs[i+1].first
		}
		j := slices.IndexFunc(q.segs, func(s *segment) bool { return s.first == note.first })
		switch {
		case j < 0 && !q.standsForLocked(note.first), j >= 0 && (q.segs[j].rescued || q.segs[j].rescuing):
			other = other.with(span{note.first, end - 1})
		case j >= 0 && q.segs[j].sum.count < note.count && q.segs[j].level == 0:
			setBack = setBack.with(span{note.first, end - 1})
		}
	}
	switch {
	case other.b > 0:
		l.First, l.Last = other.a, other.b
	case setBack.b > 0:
		l.First, l.Last, l.Reason = setBack.a, setBack.b, LostRollback
	}
	q.doubtLocked(&l, st, known)
	return l
}

// exact says that the ledger of a state is: after a stop, and after a kill within one
// boot, since the third slot is.
func (q *limits) exact(st state, known bool) bool {
	return known && (st.clean || st.boot == q.opt.BootID)
}

// doubtLocked says whether more may be missing than the ledger can tell. Where that is
// not exact the newest file may have had commits that no ledger tells of, when it is
// damaged or not there; without the state nobody knows whether it is the newest. So it
// is with a damaged file that no start could read when there was a newer one already.
func (q *limits) doubtLocked(l *Loss, st state, known bool) {
	newest := st.segs
	ruined := len(q.segs) > 0 && (!known || q.segs[len(q.segs)-1].rescued)
	gone := len(newest) > 0 && !slices.ContainsFunc(q.segs, func(s *segment) bool { return s.first >= newest[len(newest)-1].first })
	late := slices.ContainsFunc(q.segs, func(s *segment) bool { return s.rescued && s.doubtful })
	if !late && (q.exact(st, known) || !ruined && !gone) {
		return
	}
	l.AtLeast = true
	l.AtMost = q.mostInFile()
	if known && !late && st.reserved > q.ledger.through {
		l.AtMost = min(l.AtMost, st.reserved-1-q.ledger.through)
	}
}

func (q *limits) mostInFile() uint64 { return uint64(q.sz.segment / leastOnDisk) }

// leastOnDisk is the bytes that an empty record takes in a file.
const leastOnDisk = headerLen + 16 + 8

// with is the least span that holds both.
func (s span) with(o span) span {
	if s.b == 0 {
		return o
	}
	return span{min(s.a, o.a), max(s.b, o.b)}
}
