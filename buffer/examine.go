package buffer

import (
	"fmt"

	"portti/buffer/boltfile"
)

// examine reads the facts of a segment.
func (q *files) examine(s *segment) error {
	q.reading.Lock()
	defer q.reading.Unlock()
	f, last, used, err := q.outline(s)
	if err != nil {
		return err
	}
	if _, err := checkFormat(f["format"]); err != nil {
		return fmt.Errorf("%s: format: %w", s.name, err)
	}
	sum, sumErr := decodeSummary(f["summary"])
	q.mu.Lock()
	s.level, s.through = decodeThinned(f["thinned"])
	s.used = used
	until := s.end // as far as it may go
	s.end = min(s.end, max(s.first, last+1))
	if led, err := decodeLedger(f["ledger"]); err == nil {
		q.adoptLocked(led)
	}
	named, rowsErr := decodeRows(f["rows"])
	// A file that went on after a commit whose outcome was not known holds
	// more than is counted: count anew.
	anew := sumErr != nil || sum.count > 0 && sum.last+1 != s.end || sum.count == 0 && s.end > s.first
	q.mu.Unlock()
	if anew {
		if sum, err = q.recount(s); err != nil {
			q.mu.Lock()
			s.end = until // a broken tree can show any key as its last
			q.mu.Unlock()
			return err
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	s.sum = sum
	if q.disk.loading && s.end > s.first { // later they have a name of their own, see number
		q.rows.adopt(span{s.first, s.end - 1}, named, q.opt.freshName())
	}
	if rowsErr != nil && sum.count > 0 {
		q.warn("buffer.recovered", "what its records are called cannot be read: they get another epoch, and a receiver may have them twice",
			"code", "BUF-ROLLBACK", "file", s.name, "err", rowsErr)
	}
	return nil
}

// adoptLocked takes over a ledger found at the start, if it is the newest so far.
// After the start the queue knows better. What was imported only becomes more, and
// is in the same commit as the records: it counts from an older one too, since the
// newest may be from after a commit that failed and is on disk all the same.
func (q *files) adoptLocked(l ledger) {
	if !q.disk.loading {
		return
	}
	if l.gen < q.ledger.gen {
		q.ledger.takeAll(&l)
		return
	}
	older := ledger{imports: q.ledger.imports}
	older.takeAll(&l)
	l.imports = older.imports
	q.ledger = l
	q.released, q.fates = l.mark, nil
	for _, s := range l.beyond {
		q.fates.set(s, gone)
	}
}

// outline is what a file says of itself: its facts, its last number and the bytes
// in use. q.reading is held.
func (q *files) outline(s *segment) (f map[string][]byte, last uint64, used int64, err error) {
	err = q.reads(s, func(tx *boltfile.Tx) error {
		used = int64(tx.Meta.Pages) * pageSize
		var err error
		if f, err = facts(tx); err == nil {
			last, err = lastNumber(tx, s.first)
		}
		return err
	})
	return f, last, used, err
}

// recount makes a summary from the records, and ends the segment behind the last one
// whose value fits: of a key that does not nobody knows what number it was, and the
// numbering goes on above it for ever. q.reading is held.
func (q *files) recount(s *segment) (sum summary, err error) {
	end := s.first
	for _, pass := range []func(n uint64, e Entry, err error){
		func(n uint64, _ Entry, err error) {
			if err == nil {
				end = n + 1
			}
		},
		func(n uint64, e Entry, _ error) { sum.add(n, e) },
	} {
		err = q.visit(s, s.first, s.end, func(n uint64, v []byte) bool {
			e, err := parseValue(n, v)
			pass(n, e, err)
			return true
		})
		if err != nil {
			return sum, err
		}
		q.mu.Lock()
		s.end = min(s.end, end)
		q.mu.Unlock()
	}
	return sum, nil
}
