package buffer

// A disk is called slow when one piece of the committer's work, which is at
// most one commit and its syncs, took slowWork or longer, and for slowShown
// after that. Nothing waits for it meanwhile: readings gather in memory, and
// the next commit takes more of them.
const (
	slowWork  = 2_000      // ms
	slowShown = 5 * 60_000 // ms
)

// tick says that the committer begins a piece of work.
func (q *books) tick() { q.turn(q.opt.Mono() + 1) }

// rest says that it has none.
func (q *books) rest() { q.turn(0) }

func (q *books) turn(at int64) {
	was := q.busy.Swap(at)
	if was == 0 {
		return
	}
	now := q.opt.Mono()
	took := now - (was - 1)
	if took < slowWork {
		return
	}
	q.mu.Lock()
	fresh := q.figures.slow == 0 || now-q.figures.slowAt >= slowShown
	if fresh {
		q.figures.slow = 0
	}
	q.figures.slow, q.figures.slowAt = max(q.figures.slow, took), now
	q.mu.Unlock()
	if fresh {
		q.warn("buffer.slowed", "disk is slow: one commit took long", "code", "BUF-SLOW", "took_ms", took)
	}
}

// slowLocked is how long the slowest recent commit took, or the one that is
// under way has taken so far; 0 when the disk is as it should be.
func (q *books) slowLocked() (ms int64) {
	now := q.opt.Mono()
	if q.figures.slow > 0 && now-q.figures.slowAt < slowShown {
		ms = q.figures.slow
	}
	if at := q.busy.Load(); at != 0 && now-(at-1) >= slowWork {
		ms = max(ms, now-(at-1))
	}
	return ms
}
