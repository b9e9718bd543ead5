package buffer

import (
	"errors"
	"time"

	bolt "go.etcd.io/bbolt"
)

// batch is what one commit writes. The blocks are copies of their headers, so
// that Append may go on while the committer reads.
type batch struct {
	to     uint64 // committed will be this
	pieces ranges
	blocks []block
	pinned []*block
	bytes  int
	count  int
	ledger []byte // of all that is on disk with it, encoded
	gone   ranges // what is through by that ledger
}

// batchLocked takes everything in memory that is not gone, in number order and
// up to the size of a commit, acknowledged or not: so keys only ever grow and
// segments never overlap.
func (q *commits) batchLocked() *batch {
	b := &batch{to: q.committed}
	all := span{q.committed + 1, min(q.next, q.reserved) - 1}
	if all.a <= all.b {
		all.a = max(all.a, q.released+1)
		b.to = all.b
		if all.a <= all.b {
			b.pieces = q.fates.of(ranges{all}, there)
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

// commit writes one batch, the ledger and the summary in one transaction.
//
// After an error nothing is known of what reached the disk, so the file is
// never written again, and the same records are written under the same numbers
// to a new file: a segment ends where the next begins, so what may be in the old
// one twice is never read.
func (q *commits) commit() error {
	q.mu.Lock()
	b := q.batchLocked()
	q.mu.Unlock()
	return q.commitBatch(b)
}

// commitLedger writes the ledger without any record: what is acknowledged and held
// need not be on disk because of it. With the hold it was 120 KB each half hour on a
// healthy link, 5.8 MB a day. A slot of the state file would cost half of it, but this
// is the second copy: without it a ruined state file makes what was delivered and
// unlinked since the last commit look lost.
func (q *commits) commitLedger() error {
	q.mu.Lock()
	b := &batch{to: q.committed}
	q.mu.Unlock()
	return q.commitBatch(b)
}

func (q *commits) commitBatch(b *batch) error {
	q.tick()
	began := q.opt.Mono()
	s, err := q.target(b)
	var sum summary
	var was int64
	if err == nil {
		was = s.used
		q.accountLocking(b)
		q.tick()
		sum, err = q.write(s, b)
	}
	if err == nil && s.name != segmentName(s.first) {
		q.tick()
		err = q.install(s)
	}
	q.mu.Lock()
	for _, blk := range b.pinned {
		q.tail.unpin(blk)
	}
	if err != nil {
		q.ledger.dirty, q.ledger.worse = true, true
		q.mu.Unlock()
		if s != nil {
			q.abandon(s)
		}
		return err
	}
	q.committedLocked(s, b, sum)
	q.mu.Unlock()
	if q.opt.Committed != nil {
		q.opt.Committed(time.Duration(q.opt.Mono()-began) * time.Millisecond)
	}
	q.jot()
	q.writeAhead(s, b, was)
	return nil
}

// uncountedLocked is how many records of pieces become accepted by a commit:
// all but those acknowledged before it, or while it wrote. The transaction
// carries the sum with the records, or a restart would forget them.
func (q *proofs) uncountedLocked(pieces ranges) (n uint64) {
	for _, p := range pieces {
		n += q.counted.minus(ranges{p}).size()
	}
	return n
}

// accountLocking takes the ledger for a batch, after space was made for it: what
// was given up for that is in it. What was released meanwhile is not written,
// and what stays in memory is not counted as read: a crash forgets it.
func (q *commits) accountLocking(b *batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b.pieces = q.fates.of(b.pieces, there)
	q.ledger.gen++
	q.ledger.dirty = false
	q.disk.lossAt = 0
	saved := q.savedLocked(b.to)
	saved.accepted += q.uncountedLocked(b.pieces)
	b.ledger = saved.encode()
	b.gone = append(ranges{{0, saved.mark}}, saved.beyond...)
}

// committedLocked enters a successful commit into the books.
func (q *commits) committedLocked(s *segment, b *batch, sum summary) {
	s.sum, s.used = sum, q.disk.writer.used
	s.version++
	if len(b.pieces) > 0 {
		n := b.pieces[0].a
		if m := q.tail.find(n); m != nil {
			s.markLocked(n, header(m.value(n)).when())
		}
		s.end = b.pieces[len(b.pieces)-1].b + 1
	}
	if s.skipped { // meanwhile
		s.partLocked(&q.rows, q.opt.freshName())
	}
	q.ledger.accepted += q.uncountedLocked(b.pieces)
	for _, p := range b.pieces {
		for _, w := range q.livingLocked(p) {
			q.tail.each(w, func(_ uint64, v []byte) { bump(&s.waiting, valueDevice(v), 1) })
		}
		for _, alive := range q.fates.of(ranges{p}, there) {
			if alive.a = max(alive.a, q.released+1); alive.a <= alive.b {
				q.tail.each(alive, func(_ uint64, v []byte) { q.dirty -= len(v) })
			}
		}
	}
	if s.index != nil {
		_ = b.each(func(n uint64, v []byte) error { s.index.set(n, valueDevice(v)); return nil })
	}
	q.committed = max(q.committed, b.to)
	q.arrivedLocked()
	q.counted.remove(span{0, q.committed})
	q.disk.ledgerAt = q.opt.Mono()
	q.figures.commits++
	q.figures.committedBytes += uint64(b.bytes)
	q.figures.committedRecords += uint64(b.count)
	q.tail.trimCache(q.committed)
	q.tail.spare(b.bytes)
	q.expireLocked(q.disk.ledgerAt)
	q.signalNotFullLocked()
	if q.strict() && b.count > 0 {
		q.notifyLocked()
	}
}

// write is the transaction. It returns the summary of s after it.
func (q *commits) write(s *segment, b *batch) (summary, error) {
	// Whoever still reads what the commit before the last one left goes first: its
	// pages are written over now, see opened.
	q.reading.Lock()
	q.reading.Unlock() //nolint:staticcheck // nothing is guarded; it is a queue for those inside
	q.mu.Lock()
	sum := s.sum.clone()
	q.forgetNamesLocked()
	named := q.rows.within(span{s.first, max(s.first, b.to)}).encode()
	q.mu.Unlock()
	err := q.disk.writer.commit(func(r, m *bolt.Bucket) error {
		put := func(n uint64, v []byte) error {
			var k [8]byte
			sum.add(n, header(v))
			return r.Put(putKey(&k, n), v)
		}
		if err := trim(r, &sum, b.gone, 2*b.count); err != nil {
			return err
		}
		if err := q.disk.carried.each(put); err != nil {
			return err
		}
		if err := b.each(put); err != nil {
			return err
		}
		return putFacts(m, s.first, sum.encode(), named, b.ledger)
	})
	return sum, err
}

// trim deletes at most so many records that are through from the front of a file.
// Where it is drained as fast as it fills, as under strict with a good link, it stays
// so small that a commit is two pages, and not three or four.
func trim(r *bolt.Bucket, sum *summary, gone ranges, most int) error {
	for range most {
		k, v := r.Cursor().First()
		n, ok := recordKey(k, 0, ^uint64(0))
		if !ok || !gone.has(n) {
			break
		}
		e, err := parseValue(n, v)
		if err != nil {
			break // whose it was is not known: it is left as it is
		}
		sum.remove(e)
		if err := r.Delete(k); err != nil {
			return err
		}
	}
	k, v := r.Cursor().First()
	if n, ok := recordKey(k, 0, ^uint64(0)); ok && n != sum.first {
		sum.first, sum.oldest = n, header(v).when()
	}
	return nil
}

func putFacts(m *bolt.Bucket, first uint64, sum, rows, ledger []byte) error {
	return errors.Join(
		m.Put([]byte("format"), encodeFormat(formatVersion, first)),
		m.Put([]byte("ledger"), ledger),
		m.Put([]byte("rows"), rows),
		m.Put([]byte("summary"), sum))
}
