package buffer

import (
	"errors"
	"syscall"
	"time"
)

// A file that cannot be read now, as with EIO on a card that stutters, or for want
// of descriptors, may be sound. It is never renamed, removed or counted as damaged
// for that. Readers wait for it for a while, then they pass over it, and the
// committer tries it again, after 1 s, 2 s and so on up to a minute. What it holds
// waits all that time.

// errLater: the segment cannot be read now.
var errLater = errors.New("cannot read now")

const (
	unreadEvery    = 250 * time.Millisecond // between two tries while readers wait
	unreadPatience = 3_000                  // ms that they do
)

// badMedium says whether err is the disk's word about one place on it: other files
// may be readable.
func badMedium(err error) bool {
	return errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EUCLEAN) || errors.Is(err, syscall.EBADMSG)
}

// later has readers try again soon, or pass over the segment.
func (q *files) later(s *segment, err error) {
	now := q.opt.Mono()
	q.mu.Lock()
	first := s.fails == 0
	if s.fails++; first {
		s.failedAt = now
	}
	pass := now-s.failedAt >= unreadPatience
	if !pass {
		q.again = true
		q.armLocked(now, unreadEvery.Milliseconds())
	}
	q.mu.Unlock()
	if first {
		q.warn("buffer.read-failed", "segment cannot be read now, trying again", "code", "BUF-UNREAD", "file", s.name, "err", err)
	}
	if pass {
		q.passOver(s, err)
	}
}

// passOver lets readers go on behind a segment that cannot be read or salvaged now.
func (q *files) passOver(s *segment, err error) {
	now := q.opt.Mono()
	q.mu.Lock()
	fresh := !s.skipped
	s.fails++
	pause := min(q.sz.retry.Milliseconds(), 1000<<min(max(0, s.fails-1), 10))
	if fresh {
		pause = 1000
		s.fails = 1
	}
	s.tryAt, s.unread = now+pause, err
	q.skipLocked(s)
	q.notifyLocked()
	q.armLocked(now, pause)
	q.mu.Unlock()
	if fresh {
		q.warn("buffer.passed-over", "segment cannot be read now; what is in it waits until it can", "code", "BUF-UNREAD", "file", s.name, "err", err)
	}
}

// readable notes that a segment could be read.
func (q *files) readable(s *segment) {
	q.mu.Lock()
	s.fails = 0
	q.mu.Unlock()
}

// retryUnread tries the segments again that readers pass over and that nobody
// found damaged.
func (q *files) retryUnread(now int64) {
	q.mu.Lock()
	var due []*segment
	for _, s := range q.segs {
		if s.skipped && s.damage == nil && now >= s.tryAt {
			due = append(due, s)
		}
	}
	q.mu.Unlock()
	for _, s := range due {
		q.tick()
		switch err := q.readAgain(s); {
		case err == nil:
			q.admit(s)
		case damaged(err):
			q.mu.Lock()
			s.damage, s.tryAt, s.unread = err, 0, nil
			q.mu.Unlock()
		default:
			q.passOver(s, err)
		}
	}
}

// readAgain reads all of a segment.
func (q *files) readAgain(s *segment) error {
	q.mu.Lock()
	unknown := s.uncounted
	q.mu.Unlock()
	if unknown {
		if err := q.examine(s); err != nil {
			return err
		}
	}
	q.mu.Lock()
	end, sum, known := s.end, s.sum.clone(), s.index != nil
	q.mu.Unlock()
	q.reading.Lock()
	_, _, err := q.scan(s, end, sum)
	q.reading.Unlock()
	if err != nil || known {
		return err
	}
	return q.buildIndex(s)
}

// admit takes a segment into use that can be read again.
func (q *files) admit(s *segment) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s.skipped, s.fails, s.unread = false, 0, nil
	if s.uncounted && s.end > s.first {
		q.tallyLocked(q.livingLocked(span{s.first, s.end - 1}), func(s *segment, dev uint16, n uint64) { q.waitingLocked(s, dev, n, true) })
	}
	if s.uncounted {
		s.uncounted = false
		q.reconcileLocked(Loss{Reason: LostCorrupt, First: s.first, Last: s.end - 1})
	}
	q.ackLateLocked(q.takeLateLocked(s))
	q.surfacedLocked(span{s.first, s.end - 1})
	q.info("buffer.read-again", "segment can be read again", "file", s.name, "count", s.sum.count)
}

// nextTryLocked says when the first of them is to be tried, 0 when there is none.
func (q *files) nextTryLocked() (at int64) {
	for _, s := range q.segs {
		if s.skipped && s.tryAt > 0 && (at == 0 || s.tryAt < at) {
			at = s.tryAt
		}
	}
	return at
}
