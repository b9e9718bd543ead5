package buffer

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
)

// errUnread: something is there but cannot be read now, for a reason that may
// pass, such as a card that stutters, permissions or file descriptors.
var errUnread = errors.New("cannot read what is on disk")

// unreadStarts is how often a start that cannot read all of its files begins
// anew, after 1, 2 and 4 s, before it goes on without those that the disk does not
// deliver.
const unreadStarts = 4

// unreadState is how long the state file may answer with errors of the disk, in
// milliseconds, before the queue goes on without it: what the segments say of
// themselves then counts. Until then it works from memory. The file is kept.
const unreadState = 10 * 60_000

// load takes over what is on disk. Whatever state it is in, the queue works
// afterwards:
//
//	nothing there                 begin at number 1
//	clean stop                    go on with the exact next number
//	any other stop                go on at the reserved number; the gap is released
//	sidecar missing, damaged or   new epoch, numbers above all that is present;
//	older than the segments       survivors keep theirs, see doc.go
//	segment damaged               set aside, salvaged, the rest counted as corrupt
//	segment missing               counted as corrupt
//	last commits missing after a clean stop   counted as rollback
//	directory not writable        drain, keep new records in memory, try again
//	directory not readable        memory only, try again
//	written by a newer version    memory only, nothing is touched
func (q *committer) load() {
	q.boot = 1
	q.epoch = randomEpoch()
	q.disk.loading = true
	err := q.recover()
	q.disk.loading = false
	if errors.Is(err, ErrNewer) {
		q.disk.never = err
		q.warn("buffer.opened", "the buffer on disk was written by a newer version; working in memory, nothing there is touched",
			"code", "BUF-NEWER", "err", err)
	} else if err != nil {
		q.fail(err)
	}
	if err != nil && q.disk.blind {
		q.closeFiles()
		q.segs, q.fates, q.waiting, q.ledger, q.losses = nil, nil, nil, ledger{}, nil
		q.unseen, q.rows = nil, nil
		q.epoch, q.epochSaved, q.boot = randomEpoch(), 0, 1
		q.beginBlind()
	}
	if err != nil && !q.disk.blind {
		// Numbers that are not reserved on disk are used under another epoch.
		q.epoch = randomEpoch()
		q.figures.epochs++
		q.reserved = q.next + q.sz.numbers
	}
	if err == nil {
		total, _ := q.ledger.counts(q.waiting, nil)
		q.info("buffer.opened", "buffer opened", "count", total.Waiting, "bytes", q.bytesLocked(),
			"seq", q.next, "segments", len(q.segs))
	}
	q.wake()
}

// recover reads the directory and reserves numbers. An error means that the
// disk cannot be written (or, with blind, not even read); what could be read
// is in place then.
func (q *committer) recover() error {
	q.disk.blind = true
	names, err := q.fs.List()
	if err != nil {
		return err
	}
	q.disk.starts++
	st, stErr := readSidecar(q.fs)
	if stErr != nil && !damaged(stErr) {
		if !badMedium(stErr) || q.disk.failedAt == 0 || q.opt.Mono()-q.disk.failedAt < unreadState {
			return stErr
		}
		q.disk.ruined = true
	}
	if stErr == nil {
		q.adopt(st)
	}
	err = q.loadSegments(names)
	if errors.Is(err, errUnread) || errors.Is(err, ErrNewer) {
		return err
	}
	q.disk.blind = false
	q.noteDirID()
	fresh := stErr != nil && len(q.segs) == 0
	if stErr != nil && !fresh {
		q.figures.epochs++
		q.figures.rollbacks++
		q.warn("buffer.recovered", "the state file is missing or damaged; new epoch begun", "code", "BUF-ROLLBACK", "err", stErr)
	}
	if stErr == nil && q.older(st) {
		q.epoch = randomEpoch()
		q.figures.epochs++
		q.figures.rollbacks++
		q.warn("buffer.recovered", "the state file is older than the readings next to it; new epoch begun", "code", "BUF-ROLLBACK")
	}
	q.number(st, stErr == nil)
	if e := q.settle(st, stErr == nil); e != nil {
		q.disk.blind = true
		return e
	}
	if err == nil {
		err = q.countDamaged()
	}
	if err == nil {
		q.disk.noted, q.disk.ledgerAt = q.opt.Mono(), q.opt.Mono()
		err = q.writeSidecar(q.next+q.sz.numbers, false)
	}
	if err == nil {
		err = q.removeThrough()
	}
	return err
}

// older says whether the state file was set back, as by a restored copy: no
// number is ever written before the state file reserves it.
func (q *repairs) older(st state) bool {
	for _, s := range q.segs {
		if s.damage == nil && s.sum.count > 0 && s.sum.last >= st.reserved {
			return true
		}
	}
	return false
}

// adopt takes the sidecar's facts. The boot's index is the one it had before,
// or the next.
func (q *repairs) adopt(st state) {
	q.epoch, q.epochSaved = st.epoch, st.epoch
	q.lastGood = st.lastGood
	q.starts = st.starts
	q.adoptLocked(st.ledger)
}

// number decides where numbering goes on, and in which boot we are.
func (q *repairs) number(st state, known bool) {
	q.next = 1
	if known {
		q.next = max(1, st.reserved)
	}
	for _, s := range q.segs {
		if s.end == unknownEnd { // cannot be repaired now: it may reach up to here
			s.end = max(q.next, s.first+2*q.sz.numbers)
		}
		q.next = max(q.next, s.end)
	}
	// What was acknowledged in memory stands in no file, and is through all the same:
	// a record that got such a number now would never be handed out.
	q.next = max(q.next, q.released+1)
	if k := len(q.fates); k > 0 {
		q.next = max(q.next, q.fates[k-1].b+1)
	}
	if len(q.segs) > 0 && q.released+1 < q.segs[0].first {
		q.released = q.segs[0].first - 1
	}
	if len(q.segs) == 0 {
		q.released = q.next - 1
	}
	q.released = min(q.released, q.next-1)
	q.fates.set(span{0, q.released}, waits) // the mark says it
	q.fates.set(span{q.next, ^uint64(0)}, waits)
	q.committed = q.next - 1
	// Between segments and after the last one there is nothing.
	for i, s := range q.segs {
		until := q.next
		if i+1 < len(q.segs) {
			until = q.segs[i+1].first
		}
		q.goneLocked(ranges{{s.end, until - 1}})
	}
	q.rows.forget(q.released)
	q.rows.set(span{q.next, ^uint64(0)}, q.opt.freshName())
	skipped := slices.IndexFunc(q.segs, func(s *segment) bool { return s.skipped })
	for i, s := range q.segs {
		s.doubtful = slices.ContainsFunc(st.segs, func(n segNote) bool { return n.first == s.first && n.unread })
		if s.skipped && s.end > s.first {
			q.renameLocked(span{s.first, s.end - 1}) // what it has is not known
		}
		if i == skipped && s.end < q.next {
			q.renameLocked(span{s.end, q.next - 1}) // as in partLocked, but its names are not known
		}
	}
	q.numberBoot()
}

// bootSlack is how many milliseconds a boot may seem to have gone back.
const bootSlack = 1000

// numberBoot decides in which boot we are. A state file that was set back knows this
// boot by an index that another has been given since: records may carry a higher one,
// and a boot that is yet to come has no time, so they would never be handed out.
func (q *repairs) numberBoot() {
	var newest uint32
	for _, s := range q.segs {
		newest = max(newest, s.sum.newest.Boot)
	}
	now := start{id: q.opt.BootID, index: max(1, newest+1)}
	if i := slices.IndexFunc(q.starts, func(s start) bool { return s.id == q.opt.BootID }); i >= 0 {
		was := &q.starts[i]
		switch {
		case was.mono > q.opt.Mono()+bootSlack:
			// A virtual machine that was set back, or a container whose id is another's:
			// time does not go back in one boot.
		case was.index >= newest:
			q.boot, q.resumed = was.index, true
			return
		default:
			now.off, now.set = was.off, was.set // it is the same boot
		}
		was.id = [16]byte{}
	}
	for _, s := range q.starts {
		now.index = max(now.index, s.index+1)
	}
	q.boot = now.index
	q.starts = append(q.starts, now)
	if len(q.starts) > maxStarts {
		q.starts = slices.Delete(q.starts, 0, len(q.starts)-maxStarts)
	}
}

// loadSegments looks at every segment once to learn what it holds. None is written
// again; a small newest one is carried into the next file.
func (q *repairs) loadSegments(names []string) error {
	aside := setAside(names)
	files, known, err := q.survey(names)
	if err != nil {
		return err
	}
	failed := q.sweep(names)
	if renamed, err := q.putRight(files, suffixed(names, movedSuffix)); err != nil {
		return fmt.Errorf("%w: %w", errUnread, err)
	} else if renamed {
		if names, err = q.fs.List(); err != nil {
			return err
		}
		failed = q.sweep(names)
		if files, known, err = q.survey(names); err != nil {
			return err
		}
	}
	q.adoptLocked(known)
	for i := 0; i < len(files); i++ {
		s, o := newSegment(files[i].named), files[i]
		s.uncounted = true
		s.end = unknownEnd
		s.rescuing = aside[s.name]
		for ; i+1 < len(files) && files[i+1].named <= o.through; i++ {
			// It was made of that one too, and the power went before it was removed.
			failed = errors.Join(failed, ignoreMissing(q.fs.Remove(segmentName(files[i+1].named))))
		}
		if i+1 < len(files) {
			s.end = files[i+1].named
		}
		q.segs = append(q.segs, s)
		switch err := q.enter(s, o); {
		case err == nil:
			s.carry = i == len(files)-1 && s.used <= q.sz.reuse && s.level == 0
		case damaged(err):
			s.damage = err
		case badMedium(err) && q.disk.starts >= unreadStarts:
			q.passOver(s, err)
		default:
			return fmt.Errorf("%w: %w", errUnread, err)
		}
	}
	for _, s := range slices.Clone(q.segs) {
		if s.damage == nil {
			continue
		}
		if err := q.rescue(s); errors.Is(err, errUnread) && badMedium(err) && q.disk.starts >= unreadStarts {
			q.passOver(s, err)
		} else if err != nil {
			failed = errors.Join(failed, err)
			q.skipLocked(s)
			if s == q.segs[len(q.segs)-1] { // the ledger is in it
				return fmt.Errorf("%w: %w", errUnread, failed)
			}
		}
	}
	return failed
}

// setAside says of which segments there is a file that was set aside as damaged.
func setAside(names []string) map[string]bool {
	all := map[string]bool{}
	for _, name := range names {
		if seg, _, ok := strings.Cut(name, damagedInfix); ok {
			all[seg] = true
		} else if seg, ok := strings.CutSuffix(name, salvageSuffix); ok {
			all[seg] = true
		}
	}
	return all
}

func suffixed(names []string, suffix string) (out []string) {
	for _, name := range names {
		if strings.HasSuffix(name, suffix) {
			out = append(out, name)
		}
	}
	return out
}

// segmentsOf is the first numbers of the segments, in order. A .salvage without its
// segment is one.
func segmentsOf(names []string) (firsts []uint64) {
	for _, name := range names {
		seg, _ := strings.CutSuffix(name, salvageSuffix)
		if first, ok := parseSegmentName(seg); ok {
			firsts = append(firsts, first)
		}
	}
	slices.Sort(firsts)
	return slices.Compact(firsts)
}

// sweep removes what power cuts left.
func (q *repairs) sweep(names []string) (err error) {
	for _, name := range names {
		switch seg, ok := strings.CutSuffix(name, salvageSuffix); {
		case strings.HasSuffix(name, tmpSuffix):
			err = errors.Join(err, ignoreMissing(q.fs.Remove(name)))
		case ok && slices.Contains(names, seg):
			err = errors.Join(err, q.keepDamaged(name))
		}
	}
	return err
}

// settle counts what waits, segment by segment, and what is missing. An error is
// for a segment that cannot be read now and may be sound.
func (q *repairs) settle(st state, known bool) error {
	for _, s := range q.segs {
		if s.skipped {
			s.doubtful = s.doubtful || !q.exact(st, known)
			continue
		}
		s.uncounted = false
		if s.end == s.first {
			continue
		}
		pieces := q.livingLocked(span{s.first, s.end - 1})
		if x := q.unindexedLocked(pieces); x != nil {
			if err := q.buildIndex(x); err != nil && !damaged(err) {
				if !badMedium(err) || q.disk.starts < unreadStarts {
					return fmt.Errorf("%w: %w", errUnread, err)
				}
				s.uncounted = true
				q.passOver(s, err)
				continue
			} else if err != nil {
				s.damage, s.uncounted = err, true
				q.skipLocked(s)
				continue
			}
			pieces = q.livingLocked(span{s.first, s.end - 1})
		}
		q.tallyLocked(pieces, func(s *segment, dev uint16, n uint64) { q.waitingLocked(s, dev, n, true) })
	}
	q.reconcileLocked(q.suspectLocked(st, known))
	return nil
}

// removeThrough unlinks what a power cut brought back.
func (q *store) removeThrough() error {
	for len(q.segs) > 1 && q.segs[0].end-1 <= q.released && q.segs[0].damage == nil && !q.segs[0].skipped {
		if err := q.unlink(q.segs[0]); err != nil {
			return err
		}
		q.segs = q.segs[1:]
	}
	return nil
}

func isReadOnly(err error) bool {
	return errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR)
}
