package buffer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// repair asks the committer to repair a segment that cannot be read and waits
// for it. q.reading is held and given up meanwhile.
func (q *repairs) repair(s *segment, cause error) error {
	q.mu.Lock()
	if s.damage == nil {
		s.damage = cause
		s.repaired = make(chan struct{})
	}
	done := s.repaired
	q.mu.Unlock()
	if done == nil {
		return nil // it is passed over for now
	}
	q.wake()
	q.reading.Unlock()
	defer q.reading.Lock()
	select {
	case <-done:
		return nil
	case <-q.stopped:
		return ErrSealed
	}
}

// endWaitLocked lets those go on who wait for a repair.
func (s *segment) endWaitLocked() {
	if s.repaired != nil {
		close(s.repaired)
		s.repaired = nil
	}
}

// indexReading is indexOrRepair for the reader, who holds q.reading.
func (q *repairs) indexReading(s *segment) error {
	q.reading.Unlock()
	defer q.reading.Lock()
	return q.indexOrRepair(s)
}

// indexOrRepair makes sure that a segment has an index, from a goroutine that
// is not the committer.
func (q *repairs) indexOrRepair(s *segment) error {
	err := q.buildIndex(s)
	if err == nil || errors.Is(err, errGone) {
		return nil
	}
	q.reading.Lock()
	defer q.reading.Unlock()
	if !damaged(err) {
		q.later(s, err)
		return errLater
	}
	return q.repair(s, err)
}

// repairAll repairs what readers found damaged.
func (q *repairs) repairAll() error {
	for {
		q.mu.Lock()
		var s *segment
		for _, o := range q.segs {
			if o.damage != nil && q.opt.Mono() >= o.tryAt {
				s = o
				break
			}
		}
		q.mu.Unlock()
		if s == nil {
			return nil
		}
		if err := q.rescue(s); errors.Is(err, errUnread) {
			q.passOver(s, err)
		} else if err != nil {
			q.skipDamaged()
			return err
		}
	}
}

// skipDamaged lets readers pass over damaged segments while the disk cannot be
// written; they are repaired when it can.
func (q *repairs) skipDamaged() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, s := range q.segs {
		if s.damage != nil && !s.skipped {
			q.skipLocked(s)
		}
	}
}

// rescue sets a damaged segment aside and puts a new file with what could be
// read in its place. Order of steps, so that a power cut at any of them loses
// nothing: rename to .salvage, sync the directory; write the new file under a
// temporary name, synced; rename it, sync the directory; rename .salvage to
// .damaged-<n>. A start that finds .salvage without the segment begins again; beside
// it, or with .damaged-<n>, it knows why readings are missing.
func (q *repairs) rescue(s *segment) error {
	q.tick()
	q.mu.Lock()
	cause, written := s.damage, s.writable
	s.carry = false
	q.mu.Unlock()
	if written {
		q.endWriting()
	}
	original := s.name + salvageSuffix
	err := q.fs.Rename(s.name, original)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := q.fs.SyncDir(); err != nil {
		return err
	}
	got, err := q.rebuild(s, original)
	if err != nil {
		return err
	}
	q.reading.Lock()
	q.reader.opened.close() // it is another file now
	q.reading.Unlock()
	q.enterRescued(s, got, cause)
	return q.keepDamaged(original)
}

// rebuild writes what can be read of the damaged file to the segment's name.
func (q *repairs) rebuild(s *segment, original string) (*saved, error) {
	got := &saved{at: map[uint64]location{}}
	file, size, err := openSized(q.fs, original)
	if err == nil {
		defer file.Close()
		got, err = salvage(file, size)
	}
	if err != nil && !damaged(err) {
		return nil, fmt.Errorf("%w: %s: %w", errUnread, original, err)
	}
	q.mu.Lock()
	if s.end == unknownEnd {
		s.end = s.first
		if k := len(got.numbers); k > 0 {
			s.end = max(s.end, got.numbers[k-1]+1)
		}
		if got.sum != nil {
			s.end = max(s.end, got.sum.last+1)
		}
	}
	if got.ledger != nil {
		q.adoptLocked(*got.ledger)
	}
	end := s.end
	if q.disk.loading && end > s.first {
		q.rows.adopt(span{s.first, end - 1}, got.rows, q.opt.freshName())
	}
	var named rows
	if end > s.first {
		named = q.rows.within(span{s.first, end - 1})
	}
	got.numbers = slices.DeleteFunc(got.numbers, func(n uint64) bool {
		return n < s.first || n >= end || q.isGoneLocked(span{n, n})
	})
	saved := q.savedLocked(q.committed)
	q.mu.Unlock()
	sum, err := q.writeSaved(s, file, got, named.encode(), saved.encode())
	if err != nil {
		return nil, err
	}
	got.sum = &sum
	return got, nil
}

func openSized(f FS, name string) (File, int64, error) {
	size, err := f.Size(name)
	if err != nil {
		return nil, 0, err
	}
	file, err := f.Open(name, os.O_RDONLY)
	return file, size, err
}

func (q *repairs) writeSaved(s *segment, file File, got *saved, rows, ledger []byte) (summary, error) {
	var sum summary
	var bytes int64
	for _, n := range got.numbers {
		bytes += int64(got.at[n].n + thinLineLen)
	}
	w, err := newWriter(q.fs, s.name+tmpSuffix, estimate(bytes)+fileMargin)
	if err != nil {
		return sum, err
	}
	rest := got.numbers
	for done := false; err == nil && !done; {
		q.tick()
		var part load
		if part, rest, err = got.read(file, rest, q.sz.commit); err != nil {
			break
		}
		done = len(rest) == 0
		err = w.commit(func(r, m *bolt.Bucket) error {
			err := part.each(func(n uint64, v []byte) error {
				sum.add(n, header(v))
				return r.Put(key(n), v)
			})
			return errors.Join(err, putFacts(m, s.first, sum.encode(), rows, ledger))
		})
	}
	used := w.used
	if err == nil {
		err = w.close()
	}
	if err != nil {
		w.drop()
		return sum, err
	}
	if err := q.fs.Rename(w.name, s.name); err != nil {
		return sum, err
	}
	q.mu.Lock()
	s.used = used
	q.mu.Unlock()
	return sum, q.fs.SyncDir()
}

// read takes the first of these records out of the file, about most bytes.
func (s *saved) read(file File, numbers []uint64, most int) (part load, rest []uint64, err error) {
	for len(numbers) > 0 && len(part.bytes) < most {
		at := s.at[numbers[0]]
		v := make([]byte, at.n)
		if n, err := file.ReadAt(v, at.off); n < len(v) {
			return part, numbers, fmt.Errorf("%w: %w", errUnread, err)
		}
		part.add(numbers[0], v)
		numbers = numbers[1:]
	}
	return part, numbers, nil
}

// enterRescued enters the new file into the books and counts what is missing. At
// the start, and of a file that could not be read at the start, the ledger of all
// says what that is.
func (q *repairs) enterRescued(s *segment, got *saved, cause error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := s.sum.loss(LostCorrupt, s.first, s.end-1) // of what is in no file any more and was in s
	if s.uncounted && s.doubtful {
		l.AtLeast, l.AtMost = true, q.mostInFile()
	}
	// What is held cannot be told by device when it is not in the file any more.
	q.releaseHeldLocked(span{s.first, s.end - 1})
	was, fresh := s.waiting, s.uncounted
	if s.skipped {
		q.surfacedLocked(span{s.first, s.end - 1})
	}
	s.sum, s.damage, s.skipped, s.rescued, s.fails, s.tryAt, s.unread = *got.sum, nil, false, true, 0, 0, nil
	s.version++
	// What was acknowledged before it could be found out whose it was is no loss.
	late := q.takeLateLocked(s)
	delivered := late.size() - min(late.size(), uint64(countIn(late, got.numbers)))
	waiting := q.presentLocked(s, got)
	if q.disk.loading {
		s.waiting = nil // settle counts it
	} else {
		s.waiting, s.uncounted = waiting, false
		for dev := range max(len(was), len(waiting)) {
			bump(&q.waiting, uint16(dev), at(waiting, dev)-at(was, dev)) // may be less
		}
		if fresh {
			was = q.unseen
		}
		q.deliveredLocked(was, waiting, delivered)
		q.reconcileLocked(l)
	}
	q.ackLateLocked(late)
	s.endWaitLocked()
	q.warn("buffer.quarantined", "damaged segment set aside", "code", "BUF-CORRUPT", "file", s.name,
		"kept", len(got.numbers), "err", cause)
}

// deliveredLocked counts as released so many of the records that were there and are
// not left.
func (q *proofs) deliveredLocked(was, left []uint64, delivered uint64) {
	released := make([]uint64, len(was))
	for dev := range was {
		released[dev] = min(was[dev]-min(was[dev], at(left, dev)), delivered)
		delivered -= released[dev]
	}
	q.ledger.release(released)
}

func countIn(r ranges, numbers []uint64) (n int) {
	for _, m := range numbers {
		if r.has(m) {
			n++
		}
	}
	return n
}

// at is an entry of a table by device that may be shorter.
func at(t []uint64, dev int) uint64 {
	if dev < len(t) {
		return t[dev]
	}
	return 0
}

// presentLocked indexes the rescued file and counts what waits in it.
func (q *repairs) presentLocked(s *segment, got *saved) []uint64 {
	var keys ranges
	s.index = newIndex()
	for _, n := range got.numbers {
		keys.add(span{n, n})
		s.index.set(n, got.at[n].dev)
	}
	q.goneLocked(keys.holes(s.first, s.end))
	if s.end == s.first {
		return nil
	}
	var waiting []uint64
	for _, p := range q.livingLocked(span{s.first, s.end - 1}) {
		for n := p.a; n <= p.b; n++ {
			if dev, ok := s.index.get(n); ok {
				bump(&waiting, dev, 1)
			}
		}
	}
	return waiting
}
