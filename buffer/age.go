package buffer

import "time"

// agedMost is how many records are given up for their age at a time.
const agedMost = 50_000

// ageLocked is how old a record is at least, in milliseconds. Within a boot the
// monotonic clock says so. Across boots the two boots' offsets do when both are
// known; without them the time that the boots are known to have lasted counts,
// which is a lower bound: the time without power between them is not known, so
// such a record may be kept longer than MaxAge, never shorter. A step of the
// wall clock has no influence.
func (q *limits) ageLocked(at Time, now int64) int64 {
	if at.Boot == q.boot {
		return now - at.Mono
	}
	var sum int64
	var here, there *start
	for i := range q.starts {
		s := &q.starts[i]
		switch {
		case s.index == q.boot:
			here = s
		case s.index == at.Boot:
			there = s
			sum += max(0, s.mono-at.Mono)
		case s.index > at.Boot && s.index < q.boot:
			sum += s.mono
		}
	}
	if here != nil && there != nil && here.set && there.set {
		exact := here.off.Unix + now - there.off.Unix - at.Mono
		return max(sum+now, exact-1000*(here.off.Err+there.off.Err))
	}
	return sum + now
}

// expireAge gives up what is older than MaxAge.
func (q *commits) expireAge(now int64) error {
	q.mu.Lock()
	limit := q.opt.MaxAge.Milliseconds()
	due := q.disk.ageAt
	q.mu.Unlock()
	if limit == 0 || now < due {
		return nil
	}
	for {
		q.mu.Lock()
		if len(q.segs) == 0 || q.segs[0].end == q.segs[0].first {
			break
		}
		s := q.segs[0]
		oldest, newest := q.ageLocked(s.sum.oldest, now), q.ageLocked(s.sum.newest, now)
		through := q.isGoneLocked(span{s.first, s.end - 1})
		q.mu.Unlock()
		var err error
		switch {
		case s.skipped || through || oldest <= limit:
			q.mu.Lock()
		case newest > limit && !s.writable:
			if err = q.shed(s, LostAge); err != nil {
				return err
			}
			continue
		default:
			if err = q.expireFront(s, now, limit); err != nil {
				return err
			}
			q.mu.Lock()
		}
		break
	}
	q.expireTailLocked(now, limit)
	q.disk.ageAt = now + max(q.untilAgedLocked(now, limit), time.Minute.Milliseconds())
	q.mu.Unlock()
	return nil
}

// untilAgedLocked is how long until the oldest record is too old.
func (q *limits) untilAgedLocked(now, limit int64) int64 {
	for _, s := range q.segs {
		if !q.isGoneLocked(span{s.first, s.end - 1}) {
			return limit - q.ageLocked(s.sum.oldest, now) + 1
		}
	}
	return limit
}

// expireFront gives up the first records of a segment that as a whole is young
// enough to stay.
func (q *repairs) expireFront(s *segment, now, limit int64) error {
	q.mu.Lock()
	from, end := max(s.first, q.released+1), s.end
	oldest := s.sum.oldest
	q.mu.Unlock()
	last, through, err := q.agedThrough(s, from, end, now, limit)
	if err != nil {
		return err
	}
	for {
		q.mu.Lock()
		s.sum.oldest = last
		if through < from {
			q.mu.Unlock()
			return nil
		}
		all := span{from, through}
		q.releaseHeldLocked(all)
		pieces := q.livingLocked(all)
		x := q.unindexedLocked(pieces)
		if x == nil {
			q.loseLocked(pieces, LostAge, oldest, last)
			q.mu.Unlock()
			return nil
		}
		q.mu.Unlock()
		if err := q.buildIndex(x); err != nil {
			return err
		}
	}
}

// agedThrough finds the last number from from on that is too old, and the time
// of the first that is not.
func (q *repairs) agedThrough(s *segment, from, end uint64, now, limit int64) (next Time, through uint64, err error) {
	q.reading.Lock()
	defer q.reading.Unlock()
	through = from - 1
	var times []Time
	var numbers []uint64
	err = q.visit(s, from, end, func(n uint64, v []byte) bool {
		if e, err := parseValue(n, v); err == nil {
			times, numbers = append(times, e.when()), append(numbers, n)
		}
		return len(numbers) < agedMost
	})
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, at := range times {
		next = at
		if q.ageLocked(at, now) <= limit {
			break
		}
		through = numbers[i]
	}
	return next, through, err
}

// expireTailLocked does the same in memory, where records stay only while the
// disk is away.
func (q *limits) expireTailLocked(now, limit int64) {
	n := max(q.committed, q.released) + 1
	first, through := Time{}, n-1
	q.tail.each(span{n, q.next - 1}, func(m uint64, v []byte) {
		e := header(v)
		if through == m-1 && q.ageLocked(e.when(), now) > limit {
			if through < n {
				first = e.when()
			}
			through = m
		}
	})
	if through >= n {
		all := span{n, through}
		q.releaseHeldLocked(all)
		q.loseLocked(q.livingLocked(all), LostAge, first, Time{q.boot, now - limit})
	}
}
