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

// slowDisk is the same for the disk: one call of it that does not return for so long.
// An ailing card takes 30 s for a sync, and many of those in a row are a disk that
// gets on; so is one on which every call fails after that time: a restart makes no
// card better.
const slowDisk = 60 * time.Second

// longRead is how long one look of the link into the buffer may take on a disk that
// gets on, as where a whole file is read anew on a card that is slow with each page.
const longRead = 15 * time.Minute

// stuck names the part that has not passed its loop for too long. It is asked
// at least every restEvery, and by a watchdog four times in its interval. Where it was not asked for long, the whole process did
// not run (a machine that was paused or asleep, SIGSTOP), and no part could
// move: what counts is the time since.
func (g *Gateway) stuck() string {
	limit := stuckLimit()
	ran := g.pauses.ran(g.clock.Now().Mono, limit/2+time.Second)
	link, reading := g.dater.linkIdle(g.link().Idle())
	switch {
	case min(g.devices.Idle(), ran) > limit:
		return "devices"
	case min(g.queue.Idle(), ran) >= slowDisk:
		return partBuffer
	case reading && min(link, ran) > slowDisk && (g.queue.Resting() > slowDisk || link > longRead):
		return partBuffer
	case !reading && min(link, ran) > limit:
		return "link"
	}
	return ""
}

const partBuffer = "buffer"

// patience is how long a part may take before stuck names it.
func patience(part string) time.Duration {
	if part == partBuffer {
		return slowDisk
	}
	return stuckLimit()
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
