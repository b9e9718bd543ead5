package buffer

import (
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// disk is the committer's view of the disk.
type disk struct {
	// Guarded by Queue.mu.
	due      int64 // when the timer fires, 0 when it is not armed
	gen      uint64
	progress uint64 // released from disk since the sidecar was written
	noted    int64  // Mono when the sidecar was written
	unnoted  bool   // the sidecar would say something new
	err      error  // why the disk cannot be written, nil when it can
	failedAt int64
	failures uint64
	waiters  []chan error // SetOffset

	// The committer's own.
	sidecar  File
	started  bool  // the sidecar was written by this process
	loading  bool  // Open is not done
	blind    bool  // nothing is known of what is on disk
	never    error // the disk must not be touched
	pause    int64
	tryAt    int64
	ledgerAt int64
	ageAt    int64
	closeErr error
}

// run is the committer: the only goroutine that writes, creates, renames and
// unlinks.
func (q *Queue) run() {
	defer close(q.stopped)
	for {
		select {
		case <-q.kick:
			q.busy.Store(q.opt.Mono() + 1)
			q.pass()
			q.busy.Store(0)
		case <-q.stop:
			q.busy.Store(q.opt.Mono() + 1)
			q.finish()
			q.busy.Store(0)
			return
		}
	}
}

// pass does whatever is due and sets the timer for what is not.
func (q *Queue) pass() {
	now := q.opt.Mono()
	q.mu.Lock()
	q.disk.due = 0
	q.timer.Stop()
	if q.again {
		q.again = false
		q.notifyLocked()
	}
	q.expireLocked(now)
	if q.dirty > q.sz.soft {
		q.shortenLocked(q.sz.holdFloor, func() bool { return q.dirty > q.sz.soft })
	}
	q.mu.Unlock()
	if q.writableNow(now) {
		q.fail(q.work(now))
	}
	q.answer()
	q.lateNumbers()
	q.mu.Lock()
	q.armNextLocked(q.opt.Mono())
	q.mu.Unlock()
}

func (q *Queue) writableNow(now int64) bool {
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

// work is everything that touches the disk. The first error ends it.
func (q *Queue) work(now int64) error {
	if err := q.regain(); err != nil {
		return err
	}
	if err := q.repairAll(); err != nil {
		return err
	}
	if err := q.refill(); err != nil {
		return err
	}
	if err := q.expireAge(now); err != nil {
		return err
	}
	for q.commitDue(now) {
		if err := q.commit(); err != nil {
			if errors.Is(err, errNoRoom) {
				break
			}
			return err
		}
	}
	if q.ledgerDue(now) {
		if err := q.commit(); err != nil && !errors.Is(err, errNoRoom) {
			return err
		}
	}
	return q.tidy(now)
}

// fail notes the outcome of work: changes of state are logged, repeats are not.
func (q *Queue) fail(err error) {
	now := q.opt.Mono()
	q.mu.Lock()
	was, count, at := q.disk.err, q.disk.failures, q.disk.failedAt
	q.disk.err = err
	if err == nil {
		q.disk.failures = 0
	} else {
		q.disk.failures++
		if was == nil {
			q.disk.failedAt = now
		}
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

// answer tells those who wait for the sidecar how it went.
func (q *Queue) answer() {
	q.mu.Lock()
	waiters := q.disk.waiters
	err := q.disk.err
	if q.disk.never != nil {
		err = q.disk.never
	}
	q.disk.waiters = nil
	q.mu.Unlock()
	if err != nil {
		err = fmt.Errorf("%w: %v", ErrMemoryOnly, err)
	}
	for _, w := range waiters {
		w <- err
	}
}

// refill reserves numbers ahead, and saves what must be durable at once.
func (q *Queue) refill() error {
	q.mu.Lock()
	low := q.reserved-q.next <= q.sz.numbers/2
	must := !q.disk.started || len(q.disk.waiters) > 0 || q.epoch != q.epochSaved
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
func (q *Queue) lateNumbers() {
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
	q.freshNumbersLocked()
}

// unprovenLocked is the first number in memory that must come to disk: neither
// gone nor, where an acknowledgement proves something, held.
func (q *Queue) unprovenLocked() (uint64, bool) {
	n := q.committed + 1
	for n < q.next {
		if i := q.gone.at(n); n <= q.released {
			n = q.released + 1
		} else if i < len(q.gone) && q.gone[i].a <= n {
			n = q.gone[i].b + 1
		} else if i := q.held.set.at(n); !q.opt.Unproven && i < len(q.held.set) && q.held.set[i].a <= n {
			n = q.held.set[i].b + 1
		} else {
			return n, true
		}
	}
	return 0, false
}

// overdueLocked says when the first unproven record must be committed.
func (q *Queue) overdueLocked() (at int64, ok bool) {
	n, ok := q.unprovenLocked()
	if !ok {
		return 0, false
	}
	b := q.tail.find(n)
	if b == nil {
		return 0, false
	}
	return max(header(b.value(n)).Mono, q.since) + q.opt.CommitEvery.Milliseconds(), true
}

func (q *Queue) commitDue(now int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.flush {
		from := max(q.committed, q.released) + 1
		return from < q.next && len(q.gone.minus(ranges{{from, q.next - 1}})) > 0
	}
	if q.dirty > q.sz.soft {
		return true
	}
	at, ok := q.overdueLocked()
	return ok && at <= now
}

func (q *Queue) ledgerDue(now int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ledger.dirty && (q.flush || now-q.disk.ledgerAt >= q.sz.ledger.Milliseconds())
}

// armNextLocked sets the one timer to whatever comes first.
func (q *Queue) armNextLocked(now int64) {
	if q.closed {
		return
	}
	if q.disk.err != nil || q.disk.never != nil {
		if q.disk.never == nil {
			q.armLocked(now, q.disk.tryAt-now)
		}
		if len(q.held.steps) > 0 {
			q.armLocked(now, max(q.hold().Milliseconds()/4, 100))
		}
		return
	}
	if at, ok := q.overdueLocked(); ok {
		q.armLocked(now, at-now)
	}
	if len(q.held.steps) > 0 {
		due := q.held.steps[0].at + q.held.step + q.hold().Milliseconds()
		q.armLocked(now, max(due-now, q.hold().Milliseconds()/4, 1))
	}
	if q.ledger.dirty {
		q.armLocked(now, q.disk.ledgerAt+q.sz.ledger.Milliseconds()-now)
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
}

// batch is what one commit writes. The blocks are copies of their headers, so
// that Append may go on while the committer reads.
type batch struct {
	to      uint64 // committed will be this
	pieces  ranges
	blocks  []block
	pinned  []*block
	bytes   int
	count   int
	ledger  []byte
	release uint64
}

// batchLocked takes everything in memory that is not gone, in number order and
// up to the size of a commit, acknowledged or not: so keys only ever grow and
// segments never overlap.
func (q *Queue) batchLocked() *batch {
	b := &batch{to: q.committed, release: q.released}
	all := span{q.committed + 1, q.next - 1}
	if all.a <= all.b {
		all.a = max(all.a, q.released+1)
		b.to = q.next - 1
		if all.a <= all.b {
			b.pieces = q.gone.minus(ranges{all})
		}
	}
	for i, p := range b.pieces {
		for k := q.tail.index(p.a); k < len(q.tail.blocks) && q.tail.blocks[k].first <= p.b; k++ {
			blk := q.tail.blocks[k]
			if len(b.pinned) == 0 || b.pinned[len(b.pinned)-1] != blk {
				blk.pins++
				b.pinned = append(b.pinned, blk)
				b.blocks = append(b.blocks, *blk)
			}
			for n := max(p.a, blk.first); n <= min(p.b, blk.last()); n++ {
				size := len(blk.value(n))
				if b.count > 0 && b.bytes+size > q.sz.commit {
					b.to = n - 1
					b.pieces = b.pieces[:i+1]
					b.pieces[i].b = n - 1
					if b.pieces[i].b < b.pieces[i].a {
						b.pieces = b.pieces[:i]
					}
					return b
				}
				b.bytes += size
				b.count++
			}
		}
	}
	return b
}

func (b *batch) each(f func(n uint64, v []byte) error) error {
	k := 0
	for _, p := range b.pieces {
		for n := p.a; n <= p.b; n++ {
			for b.blocks[k].last() < n {
				k++
			}
			if err := f(n, b.blocks[k].value(n)); err != nil {
				return err
			}
		}
	}
	return nil
}

// commit writes one batch, the ledger, the summary and the release mark in one
// transaction, and deletes what was released from the segment it writes to.
//
// After an error nothing is known of what reached the disk, so the file is
// closed for writing at the last commit that succeeded and the same records
// are written again under the same numbers to a new file: a segment ends where
// the next begins, so what may be in the old one twice is never read.
func (q *Queue) commit() error {
	q.mu.Lock()
	b := q.batchLocked()
	q.ledger.gen++
	q.ledger.dirty = false
	b.ledger = q.ledger.encode()
	q.mu.Unlock()

	s, err := q.target(b)
	var sum summary
	var used int64
	if err == nil {
		sum, used, err = q.write(s, b)
	}
	if err == nil && s.name != segmentName(s.first) {
		err = q.install(s)
	}
	q.mu.Lock()
	for _, blk := range b.pinned {
		q.tail.unpin(blk)
	}
	if err != nil {
		q.ledger.dirty = true
		q.mu.Unlock()
		if s != nil {
			q.abandon(s)
		}
		return err
	}
	q.committedLocked(s, b, sum, used)
	q.mu.Unlock()
	if size, err := q.fs.Size(s.name); err == nil {
		q.mu.Lock()
		s.size = size
		q.mu.Unlock()
	}
	return nil
}

// committedLocked enters a successful commit into the books.
func (q *Queue) committedLocked(s *segment, b *batch, sum summary, used int64) {
	s.sum, s.used = sum, used
	s.version++
	if len(b.pieces) > 0 {
		s.end = b.pieces[len(b.pieces)-1].b + 1
	}
	for _, p := range b.pieces {
		q.ledger.accepted += q.counted.minus(ranges{p}).size()
		for _, w := range q.livingLocked(p) {
			q.tail.each(w, func(_ uint64, v []byte) { bump(&s.waiting, valueDevice(v), 1) })
		}
		for _, alive := range q.gone.minus(ranges{p}) {
			if alive.a = max(alive.a, q.released+1); alive.a <= alive.b {
				q.tail.each(alive, func(_ uint64, v []byte) { q.dirty -= len(v) })
			}
		}
	}
	if s.index != nil {
		_ = b.each(func(n uint64, v []byte) error { s.index.set(n, valueDevice(v)); return nil })
	}
	q.committed = max(q.committed, b.to)
	q.counted.remove(span{0, q.committed})
	q.disk.ledgerAt = q.opt.Mono()
	q.figures.commits++
	q.figures.committedBytes += uint64(b.bytes)
	q.figures.committedRecords += uint64(b.count)
	q.tail.trimCache(q.committed)
	q.expireLocked(q.disk.ledgerAt)
	q.roomLocked()
	if q.strict() && b.count > 0 {
		q.notifyLocked()
	}
}

// write is the transaction. It returns the summary of s after it and the
// high-water mark.
func (q *Queue) write(s *segment, b *batch) (sum summary, used int64, err error) {
	q.mu.Lock()
	sum = s.sum.clone()
	var before []byte
	for i, o := range q.segs {
		if o.first < s.first && (i+1 == len(q.segs) || q.segs[i+1].first >= s.first) {
			before = o.sum.encode()
		}
	}
	q.mu.Unlock()
	err = guard("write "+s.name, func() error {
		return s.db.Update(func(tx *bolt.Tx) error {
			r, err := tx.CreateBucketIfNotExists(recordsBucket())
			if err != nil {
				return err
			}
			r.FillPercent = 1 // not stored; keys only grow
			if err := trim(r, b.release, q.sz.trim, &sum); err != nil {
				return err
			}
			if err := r.SetSequence(b.release); err != nil {
				return err
			}
			err = b.each(func(n uint64, v []byte) error {
				var k [8]byte
				sum.add(n, header(v))
				return r.Put(putKey(&k, n), v)
			})
			if err != nil {
				return err
			}
			if err := putFacts(tx, sum.encode(), b.ledger, before); err != nil {
				return err
			}
			return nil
		})
	})
	if err == nil {
		used, err = highWater(s.db)
	}
	return sum, used, err
}

func putFacts(tx *bolt.Tx, sum, ledger, before []byte) error {
	m, err := tx.CreateBucketIfNotExists(factsBucket())
	if err != nil {
		return err
	}
	err = m.Put([]byte("format"), []byte{formatVersion, 0})
	if err == nil {
		err = m.Put([]byte("ledger"), ledger)
	}
	if err == nil {
		err = m.Put([]byte("summary"), sum)
	}
	if err == nil && before != nil {
		err = m.Put([]byte("before"), before)
	}
	return err
}

// trim deletes released records from the front, by key: inside a transaction
// emptied pages stay in the tree, so First and Delete in turn is quadratic.
func trim(r *bolt.Bucket, released uint64, most int, sum *summary) error {
	var keys [][]byte
	c := r.Cursor()
	for k, v := c.First(); k != nil && len(keys) < most; k, v = c.Next() {
		if _, ok := recordKey(k, 0, released+1); !ok {
			break
		}
		keys = append(keys, k)
		sum.remove(v)
	}
	for _, k := range keys {
		if err := r.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// finish is the committer's last pass: everything in memory, the ledger, what
// can be unlinked, and a sidecar that says the exact state.
func (q *Queue) finish() {
	q.mu.Lock()
	q.timer.Stop()
	q.expireLocked(q.opt.Mono())
	q.mu.Unlock()
	err := q.disk.never
	if err == nil {
		err = q.work(q.opt.Mono())
	}
	q.answer()
	q.mu.Lock()
	left := q.next - 1 - q.committed
	if left > 0 {
		left = q.gone.minus(ranges{{max(q.committed, q.released) + 1, q.next - 1}}).size()
	}
	next := q.next
	q.mu.Unlock()
	if err == nil && left == 0 {
		err = q.writeSidecar(next, true)
	}
	if left > 0 {
		err = errors.Join(fmt.Errorf("cannot save %d readings in memory", left), err)
	}
	q.disk.closeErr = errors.Join(err, q.closeFiles())
}

func (q *Queue) closeFiles() error {
	q.reading.Lock()
	defer q.reading.Unlock()
	q.mu.Lock()
	segs := q.segs
	q.mu.Unlock()
	var err error
	for _, s := range segs {
		err = errors.Join(err, s.close())
	}
	if q.disk.sidecar != nil {
		err = errors.Join(err, q.disk.sidecar.Close())
		q.disk.sidecar = nil
	}
	return err
}

// drainedLocked says that everything on disk is through and when that should be
// noted: 10 s after the last commit, which says it too, and once a minute.
func (q *Queue) drainedLocked() (at int64, ok bool) {
	at = max(q.disk.ledgerAt+10_000, q.disk.noted+60_000)
	return at, q.disk.progress > 0 && len(q.segs) > 0 && q.isGoneLocked(span{q.segs[0].first, q.committed})
}

// tidy unlinks what is through and notes progress.
func (q *Queue) tidy(now int64) error {
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
