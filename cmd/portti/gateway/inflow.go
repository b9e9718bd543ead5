package gateway

import (
	"sync"
	"time"

	"portti/buffer"
)

// inflow measures how fast readings come, over the last 15 minutes, in records
// and in the bytes they take, so that the status can say for how long there is
// room. All methods may be called from any goroutine.
type inflow struct {
	mu    sync.Mutex
	marks [16]mark // one a minute, the newest last
}

type mark struct {
	at   time.Time
	read uint64 // the ledger's count
}

// bytesPerRecord is what a record takes on disk where none was written yet
// that could tell: a typical message of 166 bytes, its header and its page.
const bytesPerRecord = 210

// note takes the present figures; it is called every few seconds.
func (f *inflow) note(read uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	last := &f.marks[len(f.marks)-1]
	if last.at.IsZero() {
		*last = mark{now, read}
		return
	}
	if now.Sub(last.at) >= time.Minute {
		copy(f.marks[:], f.marks[1:])
		*last = mark{now, read}
	}
}

// headroom is the seconds until the queue is full if nothing leaves it; 0 when
// too little came in to tell.
func (f *inflow) headroom(read uint64, q buffer.Stats, room int64) float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	var first mark
	for _, m := range f.marks {
		if !m.at.IsZero() {
			first = m
			break
		}
	}
	if first.at.IsZero() || read <= first.read {
		return 0
	}
	passed := time.Since(first.at).Seconds()
	if passed < 5 {
		return 0
	}
	each := float64(bytesPerRecord)
	if q.CommittedRecords > 0 {
		each = max(each/2, float64(q.CommittedBytes)/float64(q.CommittedRecords))
	}
	perSecond := float64(read-first.read) / passed * each
	return float64(int(float64(room) / perSecond))
}

// lossShown is how long a loss stays among the problems. The count stays in
// the totals for ever.
const lossShown = time.Hour

// losses remembers when the ledger last grew a loss that the queue had to
// make. Gateway.looking guards it.
type losses struct {
	known bool
	count uint64
	at    time.Time
}

// fresh says whether such a loss happened lately. What was lost before this
// process started is history, and what its start found missing is not.
func (l *losses) fresh(total buffer.Counts, latest []buffer.Loss, now time.Time) bool {
	n := total.LostAll() - total.Lost["rate"] // a rate limit loses by order
	if l.known && n > l.count || !l.known && len(latest) > 0 {
		l.at = now
	}
	l.known, l.count = true, n
	return !l.at.IsZero() && now.Sub(l.at) < lossShown
}
