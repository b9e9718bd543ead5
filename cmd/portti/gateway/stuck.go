package gateway

import (
	"sync"
	"time"

	"portti/systemd"
)

// stuckAfter is how long a part may go without passing its loop before the
// watchdog is no longer fed. The parts pass at least every five seconds; the
// rest is for a starved processor and a card that takes its time to sync.
const stuckAfter = 45 * time.Second

// slowDisk is the same for the queue's committer: one piece of its work, which is
// at most one transaction, two syncs. An ailing card takes 30 s for one; a call that
// does not return for a minute is not slow any more, it hangs. An attempt that ended
// with an error is progress too: a restart makes no card better.
const slowDisk = 2 * time.Minute

// stuck names the part that has not passed its loop for too long. It is asked
// at least once a second. Where it was not asked for long, the whole process did
// not run (a machine that was paused or asleep, SIGSTOP), and no part could
// move: what counts is the time since.
func (g *Gateway) stuck() string {
	limit := stuckLimit()
	ran := g.pauses.ran(g.clock.Now().Mono, limit/2+time.Second)
	switch {
	case min(g.devices.Idle(), ran) > limit:
		return "devices"
	case min(g.queue.Idle(), ran) > slowDisk:
		return "buffer"
	case min(g.link.Idle(), ran) > limit:
		return "link"
	}
	return ""
}

func stuckLimit() time.Duration {
	if interval, err := systemd.WatchdogInterval(); err == nil && interval > 0 {
		return min(stuckAfter, interval*3/4)
	}
	return stuckAfter
}

// pauses finds out how long the process has been running without a pause.
type pauses struct {
	mu      sync.Mutex
	asked   bool
	last    int64 // milliseconds since boot
	resumed int64
}

// ran is told the time, and counts from where it was not for longer than late.
func (p *pauses) ran(mono int64, late time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.asked || mono-p.last > late.Milliseconds() {
		p.asked, p.resumed = true, mono
	}
	p.last = mono
	return time.Duration(mono-p.resumed) * time.Millisecond
}
