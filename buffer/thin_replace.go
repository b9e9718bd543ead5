package buffer

import (
	"errors"
	"io/fs"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// finish puts the new file in the place of the old ones. Its ledger already
// counts as lost what is not in it, and it says up to which number it stands
// for others too: so at any moment a start finds either the old files, and a
// ledger in which nothing is lost of them, or the new one with all that belongs
// to it.
func (j *thinning) finish(q *commits) error {
	through := j.segs[len(j.segs)-1].end - 1
	q.mu.Lock()
	q.ledger.gen++
	saved := q.savedLocked(q.committed)
	named := q.rows.within(span{j.segs[0].first, through}).encode()
	for dev, n := range j.lost.devices {
		if n > 0 {
			saved.lose(uint16(dev), j.reason, n)
		}
	}
	q.mu.Unlock()
	facts := saved.encode()
	err := j.out.commit(func(_, m *bolt.Bucket) error {
		if err := putFacts(m, j.segs[0].first, j.sum.encode(), named, facts); err != nil {
			return err
		}
		return m.Put([]byte("thinned"), encodeThinned(j.level, through))
	})
	if err := errors.Join(err, j.out.close()); err != nil {
		return err
	}
	return j.replace(q, through)
}

// replace renames the new file over the first of the old ones and enters it
// into the books. Nobody reads from disk meanwhile, and an acknowledgement of these
// records, which an earlier link was given, waits: it would release what is counted as
// shed already. All others go on, also where the disk hangs.
func (j *thinning) replace(q *commits, through uint64) error {
	q.reading.Lock()
	defer q.reading.Unlock()
	q.mu.Lock()
	if !j.undisturbedLocked(q) {
		q.mu.Unlock()
		return errGone
	}
	// The blocks that hold records of these files are committed as a whole, and are let
	// go in enterLocked. What comes until then may not be in one of them.
	q.tail.seal()
	q.replacing = make(chan struct{})
	q.mu.Unlock()
	err := j.rename(q)
	q.mu.Lock()
	defer q.mu.Unlock()
	close(q.replacing)
	q.replacing = nil
	if err == nil {
		j.enterLocked(q, through)
	}
	return err
}

func (j *thinning) rename(q *commits) error {
	name := j.segs[0].name
	if err := q.fs.Rename(j.out.name, name); err != nil {
		// It may have been done all the same.
		if _, there := q.fs.Size(j.out.name); there == nil {
			return err
		} else if !errors.Is(there, fs.ErrNotExist) {
			return j.report(q, j.segs[0], errors.Join(errDamaged, err))
		}
	}
	q.reader.opened.close()
	return nil
}

// enterLocked makes the books say what the new file says.
func (j *thinning) enterLocked(q *commits, through uint64) {
	a, rest := j.segs[0], j.segs[1:]
	l := j.lost.loss(j.reason, j.lost.first, j.lost.last)
	for dev, n := range j.lost.devices {
		if n > 0 {
			q.loseOfLocked(&l, nil, uint16(dev), n)
		}
	}
	var old int64
	for _, s := range j.segs {
		old += s.used
	}
	a.sum, a.end, a.version, a.index = j.sum, j.sum.last+1, a.version+1, nil
	a.waiting, a.used = slices.Clone(j.sum.devices), j.out.used
	a.level, a.through, a.dense = j.level, through, j.dense
	if a.skipped { // meanwhile
		a.partLocked(&q.rows, q.opt.freshName())
	}
	q.segs = slices.DeleteFunc(slices.Clone(q.segs), func(s *segment) bool { return slices.Contains(rest, s) })
	q.disk.doomed = append(q.disk.doomed, rest...)
	q.disk.shaky = true
	// What is left all waits; the holes between are found when they are met.
	for _, p := range q.fates.of(ranges{{max(a.first, q.released+1), through}}, gone) {
		q.fates.set(p, waits)
	}
	q.goneLocked(ranges{{a.first, j.sum.first - 1}, {j.sum.last + 1, through}})
	q.tail.forget(through)
	q.thinned, q.disturbed, q.figures.thinBytes = span{}, false, 0
	q.figures.thinnings++
	q.figures.thinShed += uint64(max(0, old-a.used))
	j.out = nil
	q.noteLossLocked(l)
}

// secure makes durable what was put in place, and then lets the files go that
// nobody needs any more. Until it succeeds nothing else is written: the books
// may know more than the disk.
func (q *store) secure() error {
	q.mu.Lock()
	shaky, doomed, reserved := q.disk.shaky, q.disk.doomed, q.reserved
	q.mu.Unlock()
	if !shaky && len(doomed) == 0 {
		return nil
	}
	if shaky {
		if err := q.syncDir(); err != nil {
			return err
		}
	}
	if err := q.writeSidecar(reserved, false); err != nil {
		return err
	}
	var err error
	for _, s := range doomed {
		err = errors.Join(err, q.unlink(s))
	}
	if err == nil {
		q.mu.Lock()
		q.disk.doomed = nil
		q.mu.Unlock()
	}
	return err
}

// syncDir makes durable which files there are.
func (q *store) syncDir() error {
	q.tick()
	err := q.fs.SyncDir()
	if err == nil {
		q.mu.Lock()
		q.disk.shaky = false
		q.mu.Unlock()
	}
	return err
}

// encodeThinned says the level of a segment and the last number that it stands
// for: files with numbers up to there are what it was made of.
func encodeThinned(level uint8, through uint64) []byte {
	return seal(appendUints(nil, uint64(level), through))
}

func decodeThinned(b []byte) (level uint8, through uint64) {
	body, err := unseal(b)
	if err != nil {
		return 0, 0
	}
	d := decoder{b: body}
	n, last := d.uint(), d.uint()
	if d.err != nil || n > bareLevel {
		return 0, 0
	}
	return uint8(n), last
}

// standsForLocked says whether what was in a segment that is not there any more
// went into another.
func (q *limits) standsForLocked(first uint64) bool {
	for _, s := range q.segs {
		if s.first < first && first <= s.through {
			return true
		}
	}
	return false
}

// maxBeyond is how many spans beyond the mark a ledger says. There are few: they
// come of acknowledgements and losses out of order. What they would name and do not
// is sent again after a crash.
const maxBeyond = 1024

// beyondLocked is what the ledger says of numbers that are gone beyond the mark:
// not the holes that thinning left, which a start finds by itself.
func (q *proofs) beyondLocked() (out ranges) {
	for _, p := range q.fates {
		if len(out) == maxBeyond {
			break
		}
		if p.is == gone && !q.holeLocked(p.span) {
			out = append(out, p.span)
		}
	}
	return out
}

// holeLocked says that no file holds a record of p.
func (q *proofs) holeLocked(p span) bool {
	i := q.segAtLocked(p.a)
	if i == len(q.segs) || p.b-p.a > 1<<12 {
		return false
	}
	s := q.segs[i]
	if p.b < s.first {
		return true
	}
	if s.index == nil || p.a < s.first || p.b >= s.end {
		return false
	}
	for n := p.a; n <= p.b; n++ {
		if _, there := s.index.get(n); there {
			return false
		}
	}
	return true
}
