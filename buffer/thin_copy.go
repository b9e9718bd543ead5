package buffer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// thinning is one piece of work over several passes of the committer, who owns
// it: look through the segments and see how many fit, copy what stays to a file
// under a temporary name, and put that in the place of the first of them.
type thinning struct {
	segs   []*segment // neighbours, the oldest first
	was    []int      // of each: its version
	living []ranges   // of each: what waited at the beginning
	level  uint8      // of the outcome
	dense  uint8      // of the segments, see thin.go
	all    bool       // no timed reading stays
	reason string
	turn   map[uint32]bool // by stream: the next timed reading goes

	planned int   // segments looked through
	keep    int64 // bytes of what stays in those
	shed    int64
	kept    uint64

	tmp    string
	db     DB
	at     int    // the segment being copied
	from   uint64 // and the number to go on at
	before []byte
	sum    summary
	lost   tally
}

// tally is what goes.
type tally struct {
	devices        []uint64
	count          uint64
	bytes          int64
	first, last    uint64
	oldest, newest stamp
}

func (t *tally) add(n uint64, e Entry, size int) {
	at := stamp{e.Boot, e.Mono}
	if t.count == 0 {
		t.first, t.oldest = n, at
	}
	t.count++
	t.bytes += int64(size)
	t.last, t.newest = n, at
	bump(&t.devices, e.Device, 1)
}

// goes decides about a reading; of a stream the first stays.
func (j *thinning) goes(e Entry) bool {
	if !timed(e.Class) {
		return false
	}
	if j.all {
		return true
	}
	now := j.turn[e.Stream]
	j.turn[e.Stream] = !now
	return now
}

// step does one piece and says whether the work is at its end. An error that
// only concerns the new file is no error of the queue: it goes on without
// thinning for a while.
func (j *thinning) step(q *Queue) (done bool, err error) {
	switch {
	case j.planned < len(j.segs):
		done, err = j.plan(q)
	case j.kept == 0:
		return true, q.shed(j.segs[0], j.reason)
	case j.at < len(j.segs):
		err = j.copy(q)
	default:
		if err = j.finish(q); err == nil {
			return true, q.secure()
		}
		done = true
	}
	if err == nil || errors.Is(err, errGone) {
		return done || err != nil, nil
	}
	now := q.opt.Mono()
	q.mu.Lock()
	q.disk.thinAt = now + thinRest
	q.mu.Unlock()
	q.warn("buffer.thin-failed", "cannot thin now, giving up the oldest instead", "code", ioCode(err), "err", err)
	return true, nil
}

// estimate is how large a file for so many bytes of records becomes.
func estimate(bytes int64) int64 { return bytes*21/20 + 10*pageSize }

// plan looks through one segment.
func (j *thinning) plan(q *Queue) (done bool, err error) {
	s := j.segs[j.planned]
	var keep, shed int64
	var kept uint64
	bad := map[uint64][]byte{}
	first := j.planned == 0
	err = q.look(s, s.first, j.living[j.planned], func(n uint64, v []byte, m *bolt.Bucket) bool {
		if first && j.before == nil {
			j.before = append([]byte{}, m.Get([]byte("before"))...)
		}
		e, err := parseValue(n, v)
		switch size := int64(len(v) + thinLineLen); {
		case err != nil:
			bad[n] = bytes.Clone(v)
		case j.goes(e):
			shed += size
		default:
			keep += size
			kept++
		}
		return true
	})
	if err != nil {
		return true, j.report(q, s, err)
	}
	if len(bad) > 0 {
		return true, j.setAside(q, s, bad)
	}
	if !first && estimate(j.keep+keep) > q.sz.mostThinned() {
		j.segs = j.segs[:j.planned]
		return false, j.begin(q)
	}
	j.keep, j.shed, j.kept = j.keep+keep, j.shed+shed, j.kept+kept
	j.planned++
	if j.planned < len(j.segs) {
		return false, nil
	}
	return false, j.begin(q)
}

// setAside takes damaged records out; then all begins anew.
func (j *thinning) setAside(q *Queue, s *segment, bad map[uint64][]byte) error {
	if err := q.buildIndex(s); err != nil { // says whose they are
		return j.report(q, s, err)
	}
	q.reading.Lock()
	defer q.reading.Unlock()
	for n, v := range bad {
		if err := q.setAside(s, n, v, "corrupt"); err != nil {
			return err
		}
	}
	return nil
}

// begin decides whether the work is worth it, and makes the new file.
func (j *thinning) begin(q *Queue) error {
	q.mu.Lock()
	if j.shed == 0 || j.shed*thinWorth(j.dense) < j.keep+j.shed {
		for _, s := range j.segs {
			s.dense = j.dense + 1
			if j.all {
				s.level = bareLevel
			}
		}
		q.mu.Unlock()
		return errGone
	}
	j.planned = len(j.segs)
	j.turn = map[uint32]bool{}
	j.from = j.segs[0].first
	q.mu.Unlock()
	if j.kept == 0 {
		return nil
	}
	size := int(estimate(j.keep))
	tmp := segmentName(j.segs[0].first) + tmpSuffix
	_ = q.fs.Remove(tmp)
	j.tmp = tmp
	db, err := q.fs.OpenDB(tmp, false, size, max(q.sz.limit(), size+2*allocSize))
	if err != nil {
		return err
	}
	j.db = db
	return j.measure(q)
}

// measure counts the new file against the limit.
func (j *thinning) measure(q *Queue) error {
	size, err := q.fs.Size(j.tmp)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.figures.thinBytes = size
	return err
}

// look calls f for the records of s from number from on that are in living,
// until it says false.
func (q *Queue) look(s *segment, from uint64, living ranges, f func(n uint64, v []byte, m *bolt.Bucket) bool) error {
	q.reading.Lock()
	defer q.reading.Unlock()
	return q.view(s, func(r, m *bolt.Bucket) error {
		c := r.Cursor()
		i := 0
		for k, v := c.Seek(key(from)); k != nil; k, v = c.Next() {
			n, ok := recordKey(k, from, s.end)
			if !ok {
				break
			}
			for i < len(living) && living[i].b < n {
				i++
			}
			if i == len(living) {
				break
			}
			if n >= living[i].a && !f(n, v, m) {
				break
			}
		}
		return nil
	})
}

// report has a segment that cannot be read repaired, and ends the work with no
// other error. What the new file meets is another matter: with an EIO there the
// old ones are sound.
func (j *thinning) report(q *Queue, s *segment, err error) error {
	if !damaged(err) {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if s.damage == nil {
		s.damage, s.repaired = err, make(chan struct{})
	}
	q.wake()
	return errGone
}

// copy takes over what stays, as much as one commit writes.
func (j *thinning) copy(q *Queue) error {
	s := j.segs[j.at]
	var keys []uint64
	var ends []int
	var arena []byte
	seen, from := 0, s.end
	chunk := max(q.sz.commit, thinChunk)
	err := q.look(s, max(j.from, s.first), j.living[j.at], func(n uint64, v []byte, _ *bolt.Bucket) bool {
		if len(arena) >= chunk || seen >= 4*chunk {
			from = n
			return false
		}
		seen += len(v)
		if e := header(v); j.goes(e) {
			j.lost.add(n, e, len(v)+thinLineLen)
		} else {
			arena = append(arena, v...)
			keys, ends = append(keys, n), append(ends, len(arena))
		}
		return true
	})
	if err != nil {
		return j.report(q, s, err)
	}
	if j.from = from; from == s.end {
		j.at++
	}
	if len(keys) == 0 {
		return nil
	}
	err = guard("write "+j.tmp, func() error { return j.put(keys, ends, arena) })
	if err != nil {
		return err
	}
	q.mu.Lock()
	q.figures.thinWritten += uint64(len(arena))
	q.mu.Unlock()
	return j.measure(q)
}

func (j *thinning) put(keys []uint64, ends []int, arena []byte) error {
	sum := j.sum.clone()
	err := j.db.Update(func(tx *bolt.Tx) error {
		r, err := tx.CreateBucketIfNotExists(recordsBucket())
		if err != nil {
			return err
		}
		r.FillPercent = 1
		at := 0
		for i, n := range keys {
			v := arena[at:ends[i]]
			at = ends[i]
			sum.add(n, header(v))
			if err := r.Put(key(n), v); err != nil {
				return err
			}
		}
		return nil
	})
	j.sum = sum
	return err
}

// finish puts the new file in the place of the old ones. Its ledger already
// counts as lost what is not in it, and it says up to which number it stands
// for others too: so at any moment a start finds either the old files, and a
// ledger in which nothing is lost of them, or the new one with all that belongs
// to it.
func (j *thinning) finish(q *Queue) error {
	through := j.segs[len(j.segs)-1].end - 1
	q.mu.Lock()
	q.ledger.gen++
	saved := q.ledger.without(q.unsavedLocked(q.committed))
	saved.imports = q.importsThroughLocked(q.committed)
	released := q.released
	for dev, n := range j.lost.devices {
		if n > 0 {
			saved.lose(uint16(dev), j.reason, n)
		}
	}
	q.mu.Unlock()
	facts := saved.encode()
	err := guard("write "+j.tmp, func() error {
		return j.db.Update(func(tx *bolt.Tx) error {
			var before []byte
			if len(j.before) > 0 {
				before = j.before
			}
			if err := putFacts(tx, released, j.sum.encode(), facts, before); err != nil {
				return err
			}
			return tx.Bucket(factsBucket()).Put([]byte("thinned"), encodeThinned(j.level, through))
		})
	})
	var used int64
	if err == nil {
		used, err = highWater(j.db)
	}
	err = errors.Join(err, j.db.Close())
	j.db = nil
	if err != nil {
		return err
	}
	return j.replace(q, used, through)
}

// replace renames the new file over the first of the old ones and enters it
// into the books. Nobody reads from disk meanwhile.
func (j *thinning) replace(q *Queue, used int64, through uint64) error {
	q.reading.Lock()
	defer q.reading.Unlock()
	q.mu.Lock()
	fine := j.undisturbedLocked(q)
	q.mu.Unlock()
	if !fine {
		return errGone
	}
	name := j.segs[0].name
	if err := q.fs.Rename(j.tmp, name); err != nil {
		// It may have been done nevertheless.
		if _, there := q.fs.Size(j.tmp); there == nil {
			return err
		} else if !errors.Is(there, fs.ErrNotExist) {
			return j.report(q, j.segs[0], errors.Join(errDamaged, err))
		}
	}
	j.tmp = ""
	for _, s := range j.segs {
		_ = s.close() // read-only
	}
	size, err := q.fs.Size(name)
	if err != nil {
		size = estimate(j.keep)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	j.enterLocked(q, size, used, through)
	return nil
}

// enterLocked makes the books say what the new file says.
func (j *thinning) enterLocked(q *Queue, size, used int64, through uint64) {
	a, rest := j.segs[0], j.segs[1:]
	l := Loss{Reason: j.reason, First: j.lost.first, Last: j.lost.last, Count: j.lost.count, Devices: map[string]uint64{},
		Oldest: Time{j.lost.oldest.boot, j.lost.oldest.mono}, Newest: Time{j.lost.newest.boot, j.lost.newest.mono}}
	for dev, n := range j.lost.devices {
		if n > 0 {
			q.waitingLocked(nil, uint16(dev), n, false)
			q.ledger.lose(uint16(dev), j.reason, n)
			l.Devices[q.ledger.devices[dev].name] += n
		}
	}
	var old int64
	for _, s := range j.segs {
		old += s.size
	}
	a.sum, a.end, a.version, a.index = j.sum, j.sum.last+1, a.version+1, nil
	a.waiting, a.size, a.used = slices.Clone(j.sum.devices), size, used
	a.level, a.through, a.before, a.dense = j.level, through, nil, j.dense
	q.segs = slices.DeleteFunc(slices.Clone(q.segs), func(s *segment) bool { return slices.Contains(rest, s) })
	q.disk.doomed = append(q.disk.doomed, rest...)
	q.disk.shaky = true
	// What is left all waits; the holes between are found when they are met.
	q.gone.remove(span{max(a.first, q.released+1), through})
	q.goneLocked(ranges{{a.first, j.sum.first - 1}, {j.sum.last + 1, through}})
	q.tail.forget(through)
	q.thinned, q.disturbed, q.figures.thinBytes = span{}, false, 0
	q.figures.thinnings++
	q.figures.thinShed += uint64(max(0, old-size))
	q.noteLossLocked(l)
}

// secure makes durable what was put in place, and then lets the files go that
// nobody needs any more. Until it succeeds nothing else is written: the books
// may know more than the disk.
func (q *Queue) secure() error {
	q.mu.Lock()
	shaky, doomed, reserved := q.disk.shaky, q.disk.doomed, q.reserved
	q.mu.Unlock()
	if !shaky && len(doomed) == 0 {
		return nil
	}
	if shaky {
		if err := q.fs.SyncDir(); err != nil {
			return err
		}
		q.mu.Lock()
		q.disk.shaky = false
		q.mu.Unlock()
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

// encodeThinned says the level of a segment and the last number that it stands
// for: files with numbers up to there are what it was made of.
func encodeThinned(level uint8, through uint64) []byte {
	b := binary.AppendUvarint(nil, uint64(level))
	return seal(binary.AppendUvarint(b, through))
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

// thinnedThrough is the last number that a segment found at the start stands
// for, 0 when it was not thinned or cannot be read.
func (q *Queue) thinnedThrough(s *segment) (through uint64) {
	q.reading.Lock()
	defer q.reading.Unlock()
	_ = q.view(s, func(_, m *bolt.Bucket) error {
		_, through = decodeThinned(m.Get([]byte("thinned")))
		return nil
	})
	return through
}

// standsForLocked says whether what was in a segment that is not there any more
// went into another.
func (q *Queue) standsForLocked(first uint64) bool {
	for _, s := range q.segs {
		if s.first < first && first <= s.through {
			return true
		}
	}
	return false
}

// beyondLocked is what the sidecar says of numbers that are gone beyond the
// mark: not the holes that thinning left, which a start finds by itself and
// which are more than it has room for.
func (q *Queue) beyondLocked() (out ranges) {
	for _, p := range q.gone {
		if len(out) == maxBeyond {
			break
		}
		if !q.holeLocked(p) {
			out = append(out, p)
		}
	}
	return out
}

// holeLocked says that no file holds a record of p.
func (q *Queue) holeLocked(p span) bool {
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
