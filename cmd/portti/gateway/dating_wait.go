package gateway

import (
	"sync/atomic"
	"time"
)

// visits says whether the link is inside the queue, where it may wait for the disk,
// and when it last came out. Only the link's goroutine enters.
type visits struct {
	origin time.Time
	depth  atomic.Int32
	left   atomic.Int64 // ns after origin
}

func (v *visits) enter() { v.depth.Add(1) }

func (v *visits) leave() {
	v.left.Store(int64(time.Since(v.origin)))
	v.depth.Add(-1)
}

// linkIdle is how long a link that is overdue for so long has been so by itself:
// time that it spent in the queue is the disk's. While it is in there reading is
// true, and all of its time counts.
func (d *dater) linkIdle(overdue time.Duration) (idle time.Duration, reading bool) {
	if d.inside.depth.Load() > 0 {
		return overdue, true
	}
	return min(overdue, time.Since(d.inside.origin)-time.Duration(d.inside.left.Load())), false
}
