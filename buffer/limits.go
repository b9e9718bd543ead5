package buffer

import (
	"errors"
	"maps"
	"slices"
)

var (
	// errNoSpace: the queue is at its limit and nothing may be given up.
	errNoSpace = errors.New("no space on disk")
	// errThinning: space is being made, piece by piece.
	errThinning = errors.New("space on disk is being made")
)

// Why the queue loses readings: Loss.Reason, and the keys of Counts.Lost. Its
// caller has reasons of its own (Queue.Lose).
const (
	LostFull     = "full"     // there was no space
	LostAge      = "age"      // older than MaxAge
	LostIO       = "io"       // the disk failed
	LostCorrupt  = "corrupt"  // the file was damaged
	LostRollback = "rollback" // the files were set back to an older state
	LostShrink   = "shrink"   // MaxSize was lowered
)

// Loss is readings given up for one reason, without another reason between.
type Loss struct {
	Reason      string
	First, Last uint64 // numbers; other records between them may have been delivered
	Count       uint64
	Oldest      Time // of the first and the last record; zero when not known
	Newest      Time
	Devices     map[string]uint64
	// AtLeast says that Count is only what can be shown, as where the file that
	// said more is ruined. AtMost is then a bound, 0 where there is none.
	AtLeast bool
	AtMost  uint64
}

// Time is a moment as the queue knows it: milliseconds of one boot. Offset
// turns it into wall time.
type Time struct {
	Boot uint32
	Mono int64
}

// before says whether t is earlier than o, boots in their order.
func (t Time) before(o Time) bool {
	return t.Boot < o.Boot || t.Boot == o.Boot && t.Mono < o.Mono
}

const keptLosses = 16

// loseLocked gives up records that are waiting. unindexedLocked has said nil.
func (q *limits) loseLocked(pieces ranges, reason string, oldest, newest Time) {
	if len(pieces) == 0 {
		return
	}
	l := Loss{Reason: reason, First: pieces[0].a, Last: pieces[len(pieces)-1].b, Oldest: oldest, Newest: newest,
		Devices: map[string]uint64{}}
	q.tallyLocked(pieces, func(s *segment, dev uint16, n uint64) { q.loseOfLocked(&l, s, dev, n) })
	q.finishLocked(pieces)
	q.noteLossLocked(l)
}

// noteLossLocked keeps a loss and logs it; one that goes on is logged once a
// minute, as one.
func (q *limits) noteLossLocked(l Loss) {
	if l.Count == 0 && !l.AtLeast {
		return
	}
	q.keepLossLocked(l)
	i := slices.IndexFunc(q.quiet, func(o Loss) bool { return o.Reason == l.Reason })
	if i < 0 {
		l.Devices = maps.Clone(l.Devices)
		q.quiet = append(q.quiet, l)
	} else {
		q.quiet[i].join(l)
	}
	if now := q.opt.Mono(); now >= q.quietUntil {
		q.logLossesLocked(now)
	}
}

// lossEvery is the shortest time between two log lines of a loss that goes on,
// in milliseconds.
const lossEvery = 60_000

// logLossesLocked logs what was lost since the last lines.
func (q *limits) logLossesLocked(now int64) {
	for _, l := range q.quiet {
		q.logLoss(l)
		q.quietUntil = now + lossEvery
	}
	q.quiet = nil
}

func (q *limits) logLoss(l Loss) {
	more := []any{}
	if l.AtLeast {
		more = []any{"at_least", true, "at_most", l.AtMost}
	}
	q.warn("buffer.dropped", "readings given up", append(more, "code", "BUF-LOST", "reason", l.Reason, "count", l.Count,
		"seq", l.First, "seq_last", l.Last, "devices", l.Devices,
		"boot_first", l.Oldest.Boot, "mono_s_first", l.Oldest.Mono/1000,
		"boot_last", l.Newest.Boot, "mono_s_last", l.Newest.Mono/1000)...)
}

// join makes one loss of two for the same reason.
func (l *Loss) join(more Loss) {
	l.First, l.Last = min(l.First, more.First), max(l.Last, more.Last)
	if l.AtLeast, l.AtMost = l.AtLeast || more.AtLeast, max(l.AtMost, l.Count)+max(more.AtMost, more.Count); !l.AtLeast {
		l.AtMost = 0
	}
	l.Count += more.Count
	if more.Oldest.before(l.Oldest) {
		l.Oldest = more.Oldest
	}
	if l.Newest.before(more.Newest) {
		l.Newest = more.Newest
	}
	for name, n := range more.Devices {
		l.Devices[name] += n
	}
}

// keepLossLocked remembers a loss; one that goes on is one entry.
func (q *limits) keepLossLocked(l Loss) {
	if k := len(q.losses); k > 0 && q.losses[k-1].Reason == l.Reason {
		q.losses[k-1].join(l)
		return
	}
	l.Devices = maps.Clone(l.Devices)
	q.losses = append(q.losses, l)
	if len(q.losses) > keptLosses {
		q.losses = slices.Delete(q.losses, 0, 1)
	}
}

// loseNewestLocked counts a record that is not taken at all.
func (q *limits) loseNewestLocked(dev uint16) {
	q.ledger.read(dev, 1)
	q.ledger.lose(dev, LostFull, 1)
	q.tellLossLocked()
	now := Time{q.boot, q.opt.Mono()}
	name := q.ledger.devices[dev].name
	if k := len(q.losses); k > 0 && q.losses[k-1].First == q.next && q.losses[k-1].Reason == LostFull {
		q.losses[k-1].Count++
		q.losses[k-1].Newest = now
		q.losses[k-1].Devices[name]++
		return
	}
	q.noteLossLocked(Loss{Reason: LostFull, First: q.next, Last: q.next, Count: 1, Oldest: now, Newest: now,
		Devices: map[string]uint64{name: 1}})
}

// ringingLocked says whether memory is a ring: the disk is away.
func (q *books) ringingLocked() bool {
	return (q.disk.err != nil || q.disk.never != nil) && q.opt.WhenFull != DropNewest
}

// ringLocked makes space in memory while the disk is away: what is held goes
// first, then the oldest readings, so that the newest can still be sent. It
// says false where inputs should wait or the policy is to drop the newest.
func (q *limits) ringLocked(size int) bool {
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
		q.loseLocked(q.livingLocked(all), LostIO, header(b.value(all.a)).when(), header(b.value(all.b)).when())
	}
	return true
}

// releaseHeldLocked ends the hold early of what is held in all, and of what was
// acknowledged at about the same time: a step of the hold is counted as one.
func (q *proofs) releaseHeldLocked(all span) {
	for i := 0; i < len(q.hold.steps); {
		if len(q.hold.steps[i].set.and(ranges{all})) == 0 {
			i++
			continue
		}
		q.endHoldLocked(q.hold.take(i))
	}
}

// makeSpace sees to it that the files may grow by so many bytes. errThinning:
// not yet, one piece of the way was gone.
func (q *commits) makeSpace(grow int64) error {
	for {
		q.mu.Lock()
		if q.fitsLocked(grow) {
			q.full = false
			q.mu.Unlock()
			return nil
		}
		q.releaseAllHeldLocked()
		var s *segment
		if len(q.segs) > 0 {
			s = q.segs[0]
		}
		through := s != nil && q.isGoneLocked(span{s.first, s.end - 1})
		reason, policy := q.reasonLocked(), q.opt.WhenFull
		stuck := s == nil || !through && policy == DropNewest && reason != LostShrink || s.damage != nil
		if stuck {
			q.full = s != nil
		}
		q.mu.Unlock()
		// What was saved of a damaged file is in another; readings that wait are
		// worth more than the rest.
		if gone, err := q.dropDamaged(); err != nil {
			return err
		} else if gone {
			continue
		}
		if stuck {
			if s == nil {
				return nil // one batch always fits
			}
			return errNoSpace
		}
		if !through && policy == Thin {
			if more, err := q.thin(); err != nil {
				return err
			} else if more && !q.ending() {
				return errThinning
			} else if more {
				continue
			}
		}
		if !through {
			if s = q.victim(policy); s == nil {
				return errNoSpace
			}
			if closed, err := q.closeWritten(s); err != nil {
				return err
			} else if closed {
				continue
			}
		}
		if err := q.shed(s, reason); err != nil {
			return err
		}
	}
}

// releaseAllHeldLocked releases all that is held, whatever its age:
// proven records go before anything is given up.
func (q *proofs) releaseAllHeldLocked() {
	for len(q.hold.steps) > 0 {
		q.endHoldLocked(q.hold.take(0))
	}
}

// victim is the segment to be given up as a whole: the oldest of which nothing
// is on its way, or where the newest readings go first, which only a lower
// limit asks of them, the newest closed one. What nobody could count yet stays.
func (q *limits) victim(policy WhenFull) *segment {
	q.mu.Lock()
	defer q.mu.Unlock()
	if k := len(q.segs); policy == DropNewest && k > 1 && !q.segs[k-2].uncounted {
		return q.segs[k-2]
	}
	for _, s := range q.segs {
		if !q.inFlightLocked(s) && s.damage == nil && !s.skipped {
			return s
		}
	}
	for _, s := range q.segs {
		if !s.uncounted {
			return s
		}
	}
	return nil
}

// closeWritten has the segment being written end, if that is s, and another one
// begun, so that it can be thinned instead of given up.
func (q *commits) closeWritten(s *segment) (bool, error) {
	q.mu.Lock()
	open := q.opt.WhenFull == Thin && s.writable && s.sum.count > 0 && q.opt.Mono() >= q.disk.thinAt
	if open {
		s.writable = false
	}
	q.mu.Unlock()
	if !open {
		return false, nil
	}
	return true, q.commitLedger()
}

// bytesLocked is the size of all files.
func (q *books) bytesLocked() int64 {
	n := int64(sidecarSize) + q.figures.damagedBytes + q.figures.quarantineBytes + q.figures.thinBytes
	for _, s := range q.segs {
		n += s.used
	}
	return n
}

// shed gives up a whole segment. It need not be readable for that: what waits in
// it is counted by device.
func (q *commits) shed(s *segment, reason string) error {
	q.mu.Lock()
	if s.end > s.first {
		all := span{s.first, s.end - 1}
		q.releaseHeldLocked(all)
		l := s.sum.loss(reason, s.first, s.end-1)
		for dev, n := range slices.Clone(s.waiting) {
			if n > 0 {
				q.loseOfLocked(&l, s, uint16(dev), n)
			}
		}
		q.finishLocked(q.fates.of(ranges{{max(s.first, q.released+1), s.end - 1}}, there))
		q.noteLossLocked(l)
	}
	s.writable = false
	q.segs = slices.DeleteFunc(slices.Clone(q.segs), func(o *segment) bool { return o == s })
	q.disk.doomed = append(q.disk.doomed, s)
	q.mu.Unlock()
	return q.secure()
}

// loseOfLocked counts records of a device, of a segment or with nil of memory, as
// given up.
func (q *limits) loseOfLocked(l *Loss, s *segment, dev uint16, n uint64) {
	q.waitingLocked(s, dev, n, false)
	q.ledger.lose(dev, l.Reason, n)
	l.Devices[q.ledger.devices[dev].name] += n
	l.Count += n
}
