package uplink

import "time"

const (
	// gatherFrom is the rate in records a second from which what comes is gathered:
	// twice that of a gateway whose latency matters.
	gatherFrom = 200
	// gatherBurst is how many records may come at once before that.
	gatherBurst = 16
	// gatherFor is what a record may wait then. Each frame costs a ping, a pong and
	// half a dozen wake-ups: 640 readings a second from 64 ports took 12 % of a core
	// one by one.
	gatherFor = 10 * time.Millisecond
)

// gather lets records that come fast travel together. Up to gatherFrom a second each
// goes at once, and so does all that is there already.
type gather struct {
	level float64   // records above gatherFrom, as in a leaking bucket
	last  time.Time // when it was reckoned
	until time.Time // before it nothing is sent
}

// wrote takes note of a frame; more says that something else waits.
func (g *gather) wrote(records uint64, more bool, now time.Time) {
	g.level = max(0, g.level-now.Sub(g.last).Seconds()*gatherFrom) + float64(records)
	g.level, g.last, g.until = min(g.level, 2*gatherBurst), now, time.Time{}
	if g.level > gatherBurst && !more {
		g.until = now.Add(gatherFor)
	}
}
