package buffer

import (
	"errors"
	"fmt"
	"sync"

	"portti/buffer/boltfile"
)

// outline is what a file says of itself: all that a start needs of it.
type outline struct {
	named   uint64 // the first number that may be in it, by its name
	first   uint64 // and as it says, if it can be read
	last    uint64 // the highest number in it, 0 when it holds none
	used    int64  // bytes of its pages in use
	level   uint8
	through uint64
	ledger  ledger
	sum     summary
	rows    rows

	err             error // why it is not known
	sumErr, rowsErr error
}

// outline reads it, in two reads where its last commit was a common one.
func (q *files) outline(s *segment) outline {
	o := outline{named: s.first, first: s.first}
	var file opened
	defer file.close()
	o.err = q.reads(&file, s, func(tx *boltfile.Tx) error {
		tx.Backward()
		o.used = int64(tx.Meta.Pages) * pageSize
		f, err := facts(tx)
		if err != nil {
			return err
		}
		first, formatErr := checkFormat(f["format"])
		if errors.Is(formatErr, ErrNewer) { // whose records may look otherwise
			return fmt.Errorf("format: %w", formatErr)
		}
		if formatErr == nil {
			o.first = first
			o.level, o.through = decodeThinned(f["thinned"])
		}
		if o.last, err = lastNumber(tx, s.first); err != nil {
			return err
		}
		if formatErr != nil {
			return fmt.Errorf("format: %w", formatErr)
		}
		if l, err := decodeLedger(f["ledger"]); err == nil {
			o.ledger = l
		}
		o.sum, o.sumErr = decodeSummary(f["summary"])
		o.rows, o.rowsErr = decodeRows(f["rows"])
		return nil
	})
	return o
}

// surveyors is how many files are looked at at once. What a start waits for is the
// disk, and to be given the processor again after each read of it.
const surveyors = 4

// survey looks at every segment, and joins their ledgers. It changes nothing, so that
// one of a newer format, which is the error, is known before anything is touched.
func (q *repairs) survey(names []string) (files []outline, known ledger, err error) {
	firsts := segmentsOf(names)
	files = make([]outline, len(firsts))
	for from := 0; from < len(files); from += surveyors {
		var all sync.WaitGroup
		for i := from; i < min(from+surveyors, len(files)); i++ {
			all.Go(func() { files[i] = q.outline(newSegment(firsts[i])) })
		}
		all.Wait()
		for i := from; i < min(from+surveyors, len(files)); i++ {
			if errors.Is(files[i].err, ErrNewer) {
				return nil, ledger{}, files[i].err
			}
			known.join(files[i].ledger)
			files[i].ledger = ledger{} // with many devices they would take more memory than all else
		}
	}
	return files, known, err
}

// examine reads what a segment says of itself, and takes it over.
func (q *files) examine(s *segment) error {
	return q.enter(s, q.outline(s))
}

// enter takes over what a segment says of itself.
func (q *files) enter(s *segment, o outline) (err error) {
	if o.err != nil {
		return o.err
	}
	q.reading.Lock()
	defer q.reading.Unlock()
	sum := o.sum
	q.mu.Lock()
	s.level, s.through, s.used = o.level, o.through, o.used
	until := s.end // as far as it may go
	s.end = min(s.end, max(s.first, o.last+1))
	// A file that went on after a commit whose outcome was not known holds
	// more than is counted: count anew.
	anew := o.sumErr != nil || sum.count > 0 && sum.last+1 != s.end || sum.count == 0 && s.end > s.first
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
		q.rows.adopt(span{s.first, s.end - 1}, o.rows, q.opt.freshName())
	}
	if o.rowsErr != nil && sum.count > 0 {
		q.warn("buffer.recovered", "what its records are called cannot be read: they get another epoch, and a receiver may have them twice",
			"code", "BUF-ROLLBACK", "file", s.name, "err", o.rowsErr)
	}
	return nil
}

// adoptLocked takes over a ledger found at the start, if it is the newest so far.
// After the start the queue knows better.
func (q *files) adoptLocked(l ledger) {
	if !q.disk.loading {
		return
	}
	if l.gen >= q.ledger.gen {
		q.released, q.fates = l.mark, nil
		for _, s := range l.beyond {
			q.fates.set(s, gone)
		}
	}
	q.ledger.join(l)
}

// join takes what counts of another ledger: all of it, if it is newer. What was
// imported only becomes more, and is in the same commit as the records: it counts
// from an older one too, since the newest may be from after a commit that failed and
// is on disk all the same.
func (l *ledger) join(o ledger) {
	if o.gen < l.gen {
		l.takeAll(&o)
		return
	}
	older := ledger{imports: l.imports}
	older.takeAll(&o)
	o.imports = older.imports
	*l = o
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
