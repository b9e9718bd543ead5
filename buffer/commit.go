package buffer

import (
	"errors"
	"fmt"
)

// run is the committer: the only goroutine that writes, creates, renames and
// unlinks.
func (q *committer) run() {
	defer close(q.stopped)
	for {
		select {
		case <-q.kick:
			q.tick()
			q.pass()
			q.rest()
		case <-q.stop:
			q.tick()
			q.finish()
			q.rest()
			return
		}
	}
}

// pass does whatever is due and sets the timer for what is not.
func (q *committer) pass() {
	now := q.opt.Mono()
	q.mu.Lock()
	q.disk.due = 0
	q.timer.Stop()
	if q.again {
		q.again = false
		q.notifyLocked()
	}
	q.expireLocked(now)
	if now >= q.quietUntil {
		q.logLossesLocked(now)
	}
	q.pressedLocked()
	q.mu.Unlock()
	q.lateAcks()
	q.retryUnread(now)
	if q.writableNow(now) {
		q.fail(q.work(now))
		q.jotLoss(now)
	}
	q.answer()
	q.lateNumbers()
	q.mu.Lock()
	q.armNextLocked(q.opt.Mono())
	q.mu.Unlock()
}

func (q *committer) writableNow(now int64) bool {
	if q.disk.never != nil {
		q.skipDamaged()
		return false
	}
	q.mu.Lock()
	bad := q.disk.err != nil
	q.mu.Unlock()
	if bad && now < q.disk.tryAt {
		q.skipDamaged()
		return false
	}
	return true
}

// work is everything that touches the disk. The first error ends it. Except at
// the end it is one commit and no more: under a steady load there is always a
// next one, and numbers, offsets and holds cannot wait for the last.
func (q *committer) work(now int64) error {
	if err := q.regain(); err != nil {
		return err
	}
	if err := q.followDir(); err != nil {
		return err
	}
	if err := q.secure(); err != nil {
		return err
	}
	q.measureDisk(now)
	if err := q.repairAll(); err != nil {
		return err
	}
	if err := q.refill(); err != nil {
		return err
	}
	if err := q.expireAge(now); err != nil {
		return err
	}
	if err := q.commitAllDue(now); err != nil {
		return err
	}
	if err := q.relieve(); err != nil {
		return err
	}
	return q.tidy(now)
}

func (q *committer) commitAllDue(now int64) error {
	for q.commitDue(now) {
		if err := q.orAgain(q.commit); err != nil {
			return q.restWhenFull(now, err)
		}
		if !q.ending() {
			if q.commitDue(now) {
				q.wake()
			}
			break
		}
	}
	if q.ledgerDue(now) {
		return q.restWhenFull(now, q.orAgain(q.commitLedger))
	}
	return nil
}

// orAgain commits, and goes on in a new file at once after a failure. A second one
// in a row is the disk's, not the file's.
func (q *committer) orAgain(commit func() error) error {
	err := commit()
	if err == nil || errors.Is(err, errThinning) || errors.Is(err, errNoSpace) {
		return err
	}
	q.mu.Lock()
	known := q.disk.err != nil
	q.mu.Unlock()
	if known {
		return err
	}
	q.warn("buffer.file-ended", "file cannot be written any more, going on in a new one", "code", ioCode(err), "err", err)
	return commit()
}

// restWhenFull has a queue that is full, and drops the newest, rest for a second.
func (q *committer) restWhenFull(now int64, err error) error {
	if errors.Is(err, errThinning) {
		q.wake()
		return nil
	}
	if !errors.Is(err, errNoSpace) {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.disk.rest = now + 1000
	return nil
}

func (q *books) ending() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.flush
}

// fail notes the outcome of work: changes of state are logged, repeats are not.
func (q *committer) fail(err error) {
	now := q.opt.Mono()
	q.mu.Lock()
	was, count, at := q.disk.err, q.disk.failures, q.disk.failedAt
	q.disk.err = err
	if err == nil {
		q.disk.failures = 0
		if was != nil {
			q.figures.reopened++
		}
	} else {
		q.disk.failures++
		if was == nil {
			q.disk.failedAt = now
		}
		q.signalNotFullLocked() // Append makes space by itself now
	}
	q.mu.Unlock()
	if err == nil {
		q.disk.pause = 0
		if was != nil {
			q.info("buffer.recovered", "disk can be written again", "count", count, "duration_s", (now-at)/1000)
		}
		return
	}
	q.disk.pause = min(max(1000, 2*q.disk.pause), q.sz.retry.Milliseconds())
	q.disk.tryAt = now + q.disk.pause
	if was == nil {
		q.warn("buffer.commit-failed", "disk cannot be written, working from memory", "code", ioCode(err), "err", err)
	}
}

// answer reports to those who wait for the sidecar that it cannot be written.
// Those who came while it was being written wait for the next pass.
func (q *committer) answer() {
	q.mu.Lock()
	waiters := q.disk.waiters
	err := q.disk.err
	if q.disk.never != nil {
		err = q.disk.never
	}
	if err == nil {
		if len(waiters) > 0 {
			q.wake()
		}
		q.mu.Unlock()
		return
	}
	q.disk.waiters = nil
	q.mu.Unlock()
	for _, w := range waiters {
		w <- fmt.Errorf("%w: %v", ErrMemoryOnly, err)
	}
}

// refill reserves numbers ahead, and saves what must be durable at once.
func (q *committer) refill() error {
	q.mu.Lock()
	low := q.next+q.sz.numbers/2 >= q.reserved
	must := !q.disk.started || q.disk.owed > 0 || q.epoch != q.epochSaved
	reserved := q.reserved
	if low {
		reserved = q.next + q.sz.numbers
	}
	q.mu.Unlock()
	if !low && !must {
		return nil
	}
	return q.writeSidecar(reserved, false)
}

// lateNumbers lets readings go on when numbers cannot be reserved: under a new
// epoch, so that none is ever used twice.
func (q *committer) lateNumbers() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.next < q.reserved || q.disk.err == nil && q.disk.never == nil {
		return
	}
	if q.epoch == q.epochSaved {
		q.epoch = randomEpoch()
		q.figures.epochs++
	}
	q.reserved = q.next + q.sz.numbers
	q.notifyLocked()
}

// overdueLocked says when the first record in memory that must come to disk is to be
// committed: CommitEvery after it came, however often the link ended since. Only what
// was acknowledged once has that time from the last Rewind on, or each end of a link
// would write it all; what is held need not be written, but where an acknowledgement
// proves nothing.
func (q *proofs) overdueLocked() (at int64, ok bool) {
	due := func(want fate, since int64) {
		s, there := q.fates.next(max(q.committed, q.released)+1, want)
		if !there || s.a >= min(q.next, q.reserved) {
			return
		}
		b := q.tail.find(s.a)
		if b == nil {
			return
		}
		when := max(header(b.value(s.a)).Mono, since) + q.opt.CommitEvery.Milliseconds()
		if s.a < q.hurry {
			when = 0
		}
		if !ok || when < at {
			at, ok = when, true
		}
	}
	if q.opt.Unproven {
		due(there, 0)
		return at, ok
	}
	due(waits, 0)
	due(again, q.since)
	return at, ok
}

func (q *committer) commitDue(now int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.flush {
		from := max(q.committed, q.released) + 1
		end := min(q.next, q.reserved)
		return from < end && !q.fates.is(span{from, end - 1}, gone)
	}
	if now < q.disk.rest {
		return false
	}
	if q.pressedLocked() {
		return true
	}
	at, ok := q.overdueLocked()
	return ok && at <= now
}

// pressedLocked says whether memory is over its soft limit even though the hold
// gave way. Records arrive during a pass too, so a commit asks again.
func (q *proofs) pressedLocked() bool {
	over := func() bool { return q.dirty > q.sz.soft }
	q.shortenLocked(q.sz.holdFloor, over)
	return over()
}

func (q *committer) ledgerDue(now int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ledger.dirty && (q.flush || now >= max(q.disk.rest, q.ledgerAtLocked()))
}

// ledgerAtLocked is when the ledger is to be committed, if it changed: each half
// hour, and a minute after something was lost or set aside that no synced slot says.
func (q *books) ledgerAtLocked() int64 {
	if q.disk.lossAt > 0 {
		return min(q.disk.ledgerAt+q.sz.ledger.Milliseconds(), max(q.disk.ledgerAt, q.disk.lossAt)+lossEvery)
	}
	return q.disk.ledgerAt + q.sz.ledger.Milliseconds()
}

// tellLossLocked has jotLoss called when it is due.
func (q *books) tellLossLocked() {
	now := q.opt.Mono()
	q.armLocked(now, q.disk.jotted+1000-now)
}

// jotLoss says in the third slot, at most once a second, what was lost or set aside
// since: counts of losses never fall because the process was killed.
func (q *store) jotLoss(now int64) {
	q.mu.Lock()
	if q.ledger.worse && q.disk.lossAt == 0 {
		q.disk.lossAt = now
	}
	due := q.ledger.worse && !q.disk.shaky && now >= q.disk.jotted+1000
	q.mu.Unlock()
	if due {
		q.jot()
	}
}

// armNextLocked sets the one timer to whatever comes first.
func (q *committer) armNextLocked(now int64) {
	if q.closed {
		return
	}
	if at := q.nextTryLocked(); at > 0 {
		q.armLocked(now, at-now)
	}
	if q.disk.err != nil || q.disk.never != nil {
		if q.disk.never == nil {
			q.armLocked(now, q.disk.tryAt-now)
		}
		if len(q.hold.steps) > 0 {
			q.armLocked(now, max(q.holdTime().Milliseconds()/4, 100))
		}
		return
	}
	rest := q.disk.rest - now
	if at, ok := q.overdueLocked(); ok {
		q.armLocked(now, max(at-now, rest))
	}
	if len(q.hold.steps) > 0 {
		due := q.hold.steps[0].at + q.hold.step + q.holdTime().Milliseconds()
		q.armLocked(now, max(due-now, q.holdTime().Milliseconds()/4, 1))
	}
	if q.ledger.dirty {
		q.armLocked(now, max(q.ledgerAtLocked()-now, rest))
	}
	if q.ledger.worse {
		q.armLocked(now, q.disk.jotted+1000-now)
	}
	if q.disk.progress > 0 || q.disk.unnoted {
		q.armLocked(now, q.disk.noted+noteEvery-now)
	}
	if at, ok := q.drainedLocked(); ok {
		q.armLocked(now, at-now)
	}
	if q.disk.ageAt > 0 {
		q.armLocked(now, q.disk.ageAt-now)
	}
	if q.disk.low {
		q.armLocked(now, freeEveryLow)
	}
	if len(q.quiet) > 0 {
		q.armLocked(now, q.quietUntil-now)
	}
}

// drainedLocked says that everything on disk is through and when that should be
// noted: 10 s after the last commit, which says it too, and once a minute.
func (q *committer) drainedLocked() (at int64, ok bool) {
	at = max(q.disk.ledgerAt+10_000, q.disk.noted+60_000)
	return at, q.disk.progress > 0 && len(q.segs) > 0 && q.isGoneLocked(span{q.segs[0].first, q.committed})
}

// tidy unlinks what is through and notes progress.
func (q *committer) tidy(now int64) error {
	if err := q.unlinkReleased(); err != nil {
		return err
	}
	q.mu.Lock()
	at, drained := q.drainedLocked()
	due := q.disk.progress >= q.sz.progress || drained && now >= at ||
		(q.disk.progress > 0 || q.disk.unnoted) && now-q.disk.noted >= noteEvery
	reserved := q.reserved
	q.mu.Unlock()
	if due {
		return q.writeSidecar(reserved, false)
	}
	return nil
}
