package buffer

import (
	"errors"
	"maps"
	"slices"
)

// Stats is how the queue is.
type Stats struct {
	Waiting       uint64 // records neither released, held nor given up
	WaitingMemory uint64 // of these only in memory
	WaitingDisk   uint64
	Held          uint64 // numbers acknowledged and still held; gaps between them count
	Bytes         int64  // of all files
	Capacity      int64  // MaxSize
	MemoryBytes   int    // in memory, neither committed nor released
	TailBytes     int    // of memory blocks in use, committed ones included
	OldestAge     int64  // ms that the oldest waiting record is old, at most; 0 when none waits
	Segments      int
	Accepted      uint64 // records ever committed or acknowledged, each once
	First, Next   uint64 // Bounds
	Epoch         uint64
	NewEpochs     uint64 // times the numbering began anew in this process
	Rollbacks     uint64 // of these because the files were older than they should be, or gone
	Full          bool   // at MaxSize and dropping the newest
	WhenFull      WhenFull

	// Soft is the bytes of files above which room is made, by WhenFull.
	Soft int64
	// Limit is the bytes that the files may take now: MaxSize, or less while
	// the disk is low.
	Limit    int64
	DiskLow  bool  // less than MinFree is free on the file system
	DiskFree int64 // as last measured; 0 where MinFree is off
	MinFree  int64
	// Level is how often the most thinned readings were halved: of a stream one
	// in 2^Level is left of them.
	Level       int
	Thinnings   uint64 // times that segments were rewritten with less in them
	ThinWritten uint64 // bytes of records written for it
	ThinShed    uint64 // bytes of files that it gave back

	Reopened         uint64 // times that the disk could be written again after it could not
	SetAside         uint64 // damaged files that were
	HoldShortened    uint64 // numbers released before the hold was over
	Commits          uint64
	CommittedRecords uint64
	CommittedBytes   uint64
	SidecarWrites    uint64

	// Slow is how many milliseconds the slowest commit of the last five minutes
	// took, or the present one has taken, where that is 2 s or more; else 0.
	Slow int64

	// Degraded: the disk cannot be written; Err says why, Code which problem.
	Degraded  bool
	Err       string
	Code      string
	Damaged   []string // names of files set aside, newest last
	LastAside string   // that among them which was set aside last since Open; "" = none
	Unread    []string // names of files that cannot be read now, and wait until they can
	UnreadBy  string   // why the first of them cannot
	Losses    []Loss   // the latest 16
}

// figures are counters, guarded by Queue.mu.
type figures struct {
	holdShortened    uint64
	commits          uint64
	committedRecords uint64
	committedBytes   uint64
	notes            uint64
	epochs           uint64
	rollbacks        uint64
	reopened         uint64
	setAside         uint64
	damagedBytes     int64 // of damaged files set aside
	quarantineBytes  int64
	thinBytes        int64 // of the file that thinning is making
	thinnings        uint64
	thinWritten      uint64
	thinShed         uint64
	damagedFiles     []string
	lastAside        string // the file that this process set aside last
	slow, slowAt     int64  // the slowest recent commit, ms, and when it ended
}

// Stats takes a picture. It is cheap enough to call every second.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := Stats{
		Bytes: q.bytesLocked(), Capacity: q.opt.MaxSize, MemoryBytes: q.dirty, TailBytes: q.tail.bytes(),
		Segments: len(q.segs), Accepted: q.ledger.accepted, First: q.released + 1, Next: q.next, Epoch: q.epoch,
		NewEpochs: q.figures.epochs, Rollbacks: q.figures.rollbacks, Full: q.full, WhenFull: q.opt.WhenFull,
		Reopened: q.figures.reopened, SetAside: q.figures.setAside, HoldShortened: q.figures.holdShortened, Commits: q.figures.commits,
		CommittedRecords: q.figures.committedRecords, CommittedBytes: q.figures.committedBytes,
		SidecarWrites: q.figures.notes, Held: q.fates.size(held),
		Damaged: append([]string(nil), q.figures.damagedFiles...), LastAside: q.figures.lastAside, Losses: q.lossesLocked(),
	}
	s.Soft, s.Limit = q.limitsLocked()
	s.DiskLow, s.DiskFree, s.MinFree = q.disk.low, q.disk.free, q.opt.MinFree
	s.Thinnings, s.ThinWritten, s.ThinShed = q.figures.thinnings, q.figures.thinWritten, q.figures.thinShed
	for _, g := range q.segs {
		if g.level <= maxLevel {
			s.Level = max(s.Level, int(g.level))
		}
		if g.unread != nil {
			if len(s.Unread) == 0 {
				s.UnreadBy = g.unread.Error()
			}
			s.Unread = append(s.Unread, g.name)
		}
	}
	s.Slow = q.slowLocked()
	for _, n := range sumOf(q.waiting, q.unseen) {
		s.Waiting += n
	}
	if from := max(q.committed, q.released) + 1; from < q.next {
		s.WaitingMemory = q.livingLocked(span{from, q.next - 1}).size()
	}
	s.WaitingDisk = s.Waiting - min(s.Waiting, s.WaitingMemory)
	if s.Waiting > 0 {
		s.OldestAge = max(0, q.oldestLocked())
	}
	err := q.disk.err
	if q.disk.never != nil {
		err = q.disk.never
	}
	if err != nil {
		s.Degraded, s.Err, s.Code = true, err.Error(), ioCode(err)
	}
	return s
}

// lossesLocked copies, since a loss that goes on changes.
func (q *limits) lossesLocked() []Loss {
	out := slices.Clone(q.losses)
	for i := range out {
		out[i].Devices = maps.Clone(out[i].Devices)
	}
	return out
}

// oldestLocked is the age of the oldest record that waits. In a segment that is partly
// through it is that of the last record before it whose time is known: one for each
// commit and each read, so that it is too high by the time that one of them spans.
func (q *limits) oldestLocked() int64 {
	now := q.opt.Mono()
	for _, s := range q.segs {
		for _, n := range s.waiting {
			if n > 0 {
				first, _ := q.fates.next(max(s.first, q.released+1), living)
				return min(q.ageLocked(s.sum.oldest, now), q.ageLocked(s.markedLocked(first.a), now))
			}
		}
	}
	n := max(q.committed, q.released) + 1
	if rest := q.livingLocked(span{n, q.next - 1}); len(rest) > 0 {
		if b := q.tail.find(rest[0].a); b != nil {
			return q.ageLocked(header(b.value(rest[0].a)).when(), now)
		}
	}
	return 0
}

// ioCode is the problem's name in the catalogue.
func ioCode(err error) string {
	switch {
	case errors.Is(err, ErrNewer):
		return "BUF-NEWER"
	case errors.Is(err, errElsewhere):
		return "BUF-MOVED"
	case isReadOnly(err):
		return "BUF-READONLY"
	case errors.Is(err, errDamaged):
		return "BUF-CORRUPT"
	}
	return "BUF-IO"
}
