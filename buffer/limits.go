package buffer

import (
	"errors"
	"maps"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
)

// errNoRoom: the queue is at MaxSize and nothing may be given up.
var errNoRoom = errors.New("no room on disk")

// Loss is readings given up for one reason, without another reason between.
type Loss struct {
	Reason      string
	First, Last uint64 // numbers; other records between them may have been delivered
	Count       uint64
	Oldest      Time // of the first and the last record; zero when not known
	Newest      Time
	Devices     map[string]uint64
}

// Time is a moment as the queue knows it: milliseconds of one boot. Offset
// turns it into wall time.
type Time struct {
	Boot uint32
	Mono int64
}

const keptLosses = 16

// loseLocked gives up records that are waiting. unindexedLocked has said nil.
func (q *Queue) loseLocked(pieces ranges, reason string, oldest, newest stamp) {
	if len(pieces) == 0 {
		return
	}
	l := Loss{Reason: reason, First: pieces[0].a, Last: pieces[len(pieces)-1].b, Devices: map[string]uint64{},
		Oldest: Time{oldest.boot, oldest.mono}, Newest: Time{newest.boot, newest.mono}}
	q.tallyLocked(pieces, func(s *segment, dev uint16, n uint64) {
		q.waitingLocked(s, dev, n, false)
		q.ledger.lose(dev, reason, n)
		l.Devices[q.ledger.devices[dev].name] += n
		l.Count += n
	})
	q.releaseLocked(pieces)
	q.noteLossLocked(l)
}

// noteLossLocked keeps and logs a loss. The log is cheap next to what happens.
func (q *Queue) noteLossLocked(l Loss) {
	if l.Count == 0 {
		return
	}
	q.keepLossLocked(l)
	q.warn("buffer.dropped", "readings given up", "code", "BUF-LOST", "reason", l.Reason, "count", l.Count,
		"seq", l.First, "seq_last", l.Last, "devices", l.Devices,
		"boot_first", l.Oldest.Boot, "mono_s_first", l.Oldest.Mono/1000,
		"boot_last", l.Newest.Boot, "mono_s_last", l.Newest.Mono/1000)
}

// keepLossLocked remembers a loss; one that goes on is one entry.
func (q *Queue) keepLossLocked(l Loss) {
	if k := len(q.losses); k > 0 && q.losses[k-1].Reason == l.Reason {
		last := &q.losses[k-1]
		last.First, last.Last = min(last.First, l.First), max(last.Last, l.Last)
		last.Count += l.Count
		last.Newest = l.Newest
		for name, n := range l.Devices {
			last.Devices[name] += n
		}
		return
	}
	l.Devices = maps.Clone(l.Devices)
	q.losses = append(q.losses, l)
	if len(q.losses) > keptLosses {
		q.losses = slices.Delete(q.losses, 0, 1)
	}
}

// loseNewestLocked counts a record that is not taken at all.
func (q *Queue) loseNewestLocked(dev uint16) {
	q.ledger.read(dev, 1)
	q.ledger.lose(dev, "full", 1)
	now := Time{q.boot, q.opt.Mono()}
	name := q.ledger.devices[dev].name
	if k := len(q.losses); k > 0 && q.losses[k-1].First == q.next && q.losses[k-1].Reason == "full" {
		q.losses[k-1].Count++
		q.losses[k-1].Newest = now
		q.losses[k-1].Devices[name]++
		return
	}
	q.noteLossLocked(Loss{Reason: "full", First: q.next, Last: q.next, Count: 1, Oldest: now, Newest: now,
		Devices: map[string]uint64{name: 1}})
}

// ringingLocked says whether memory is a ring: the disk is away.
func (q *Queue) ringingLocked() bool {
	return (q.disk.err != nil || q.disk.never != nil) && q.opt.WhenFull != DropNewest
}

// ringLocked makes room in memory while the disk is away: what is held goes
// first, then the oldest readings, so that the newest can still be sent. It
// says false where inputs should wait or the policy is to drop the newest.
func (q *Queue) ringLocked(size int) bool {
	if !q.ringingLocked() {
		return false
	}
	q.shortenLocked(q.sz.holdFloor, func() bool { return q.dirty+size > q.sz.hard })
	for q.dirty+size > q.sz.hard {
		n := max(q.committed, q.released) + 1
		i := q.tail.index(n)
		if i >= len(q.tail.blocks)-1 {
			return false
		}
		b := q.tail.blocks[i]
		all := span{max(n, b.first), b.last()}
		q.releaseHeldLocked(all)
		oldest, newest := header(b.value(all.a)), header(b.value(all.b))
		q.loseLocked(q.livingLocked(all), "io", stamp{oldest.Boot, oldest.Mono}, stamp{newest.Boot, newest.Mono})
	}
	return true
}

// releaseHeldLocked ends the hold of what is held in all, early.
func (q *Queue) releaseHeldLocked(all span) {
	set := q.held.set.and(ranges{all})
	for _, s := range set {
		q.held.remove(s)
	}
	q.figures.holdShortened += set.size()
	q.releaseLocked(set)
}

// makeRoom sees to it that the files may grow by so many bytes.
func (q *Queue) makeRoom(grow int64) error {
	for {
		q.mu.Lock()
		if q.bytesLocked()+grow <= q.opt.MaxSize {
			q.full = false
			q.mu.Unlock()
			return nil
		}
		// Proven records go before anything is shed, whatever their age.
		if set := q.held.set; len(set) > 0 {
			q.figures.holdShortened += set.size()
			q.releaseLocked(q.held.clear())
		}
		var s *segment
		if len(q.segs) > 0 {
			s = q.segs[0]
		}
		through := s != nil && q.isGoneLocked(span{s.first, s.end - 1})
		stuck := s == nil || !through && q.opt.WhenFull == DropNewest || s.damage != nil
		if stuck {
			q.full = s != nil
		}
		aside := len(q.figures.aside) > 0
		q.mu.Unlock()
		if aside {
			// What was saved of a damaged file is in another; readings that
			// wait are worth more than the rest.
			if gone, err := q.dropAside(); gone || err != nil {
				if err != nil {
					return err
				}
				continue
			}
		}
		if stuck {
			if s == nil {
				return nil // one batch always fits
			}
			return errNoRoom
		}
		if err := q.shed(s, "full"); err != nil {
			return err
		}
	}
}

// bytesLocked is the size of all files.
func (q *Queue) bytesLocked() int64 {
	n := int64(sidecarSize) + q.figures.asideBytes + q.figures.quarantineBytes
	for _, s := range q.segs {
		n += s.size
	}
	return n
}

// shed gives up a whole segment.
func (q *Queue) shed(s *segment, reason string) error {
	for {
		q.mu.Lock()
		if s.end > s.first {
			all := span{s.first, s.end - 1}
			q.releaseHeldLocked(all)
			pieces := q.livingLocked(all)
			if x := q.unindexedLocked(pieces); x != nil {
				q.mu.Unlock()
				if err := q.buildIndex(x); err != nil {
					return err
				}
				continue
			}
			q.loseLocked(pieces, reason, s.sum.oldest, s.sum.newest)
			q.goneLocked(ranges{all})
		}
		s.writable = false
		q.segs = slices.DeleteFunc(slices.Clone(q.segs), func(o *segment) bool { return o == s })
		reserved := q.reserved
		q.mu.Unlock()
		if err := q.writeSidecar(reserved, false); err != nil {
			return err
		}
		return q.unlink(s)
	}
}

// ageLocked is how old a record is at least, in milliseconds. Within a boot the
// monotonic clock says so. Across boots the two boots' offsets do when both are
// known; without them the time that the boots are known to have lasted counts,
// which is a lower bound: the time without power between them is not known, so
// such a record may be kept longer than MaxAge, never shorter. A step of the
// wall clock has no influence.
func (q *Queue) ageLocked(at stamp, now int64) int64 {
	if at.boot == q.boot {
		return now - at.mono
	}
	var sum int64
	var here, there *start
	for i := range q.starts {
		s := &q.starts[i]
		switch {
		case s.index == q.boot:
			here = s
		case s.index == at.boot:
			there = s
			sum += max(0, s.mono-at.mono)
		case s.index > at.boot && s.index < q.boot:
			sum += s.mono
		}
	}
	if here != nil && there != nil && here.set && there.set {
		exact := here.off.Unix + now - there.off.Unix - at.mono
		return max(sum+now, exact-1000*(here.off.Err+there.off.Err))
	}
	return sum + now
}

// expireAge gives up what is older than MaxAge.
func (q *Queue) expireAge(now int64) error {
	limit := q.opt.MaxAge.Milliseconds()
	q.mu.Lock()
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
			if err = q.shed(s, "age"); err != nil {
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
func (q *Queue) untilAgedLocked(now, limit int64) int64 {
	for _, s := range q.segs {
		if !q.isGoneLocked(span{s.first, s.end - 1}) {
			return limit - q.ageLocked(s.sum.oldest, now) + 1
		}
	}
	return limit
}

// expireFront gives up the first records of a segment that as a whole is young
// enough to stay.
func (q *Queue) expireFront(s *segment, now, limit int64) error {
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
			q.loseLocked(pieces, "age", oldest, last)
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
func (q *Queue) agedThrough(s *segment, from, end uint64, now, limit int64) (next stamp, through uint64, err error) {
	q.reading.Lock()
	defer q.reading.Unlock()
	through = from - 1
	var times []stamp
	var numbers []uint64
	err = q.view(s, func(r, _ *bolt.Bucket) error {
		c := r.Cursor()
		for k, v := c.Seek(key(from)); k != nil && len(numbers) < q.sz.trim; k, v = c.Next() {
			n, ok := recordKey(k, from, end)
			if !ok {
				break
			}
			if e, err := parseValue(n, v); err == nil {
				times, numbers = append(times, stamp{e.Boot, e.Mono}), append(numbers, n)
			}
		}
		return nil
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
func (q *Queue) expireTailLocked(now, limit int64) {
	n := max(q.committed, q.released) + 1
	first, through := stamp{}, n-1
	q.tail.each(span{n, q.next - 1}, func(m uint64, v []byte) {
		e := header(v)
		if through == m-1 && q.ageLocked(stamp{e.Boot, e.Mono}, now) > limit {
			if through < n {
				first = stamp{e.Boot, e.Mono}
			}
			through = m
		}
	})
	if through >= n {
		all := span{n, through}
		q.releaseHeldLocked(all)
		q.loseLocked(q.livingLocked(all), "age", first, stamp{q.boot, now - limit})
	}
}
