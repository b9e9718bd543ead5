package uplink

import "time"

// drain holds the backlog back to a rate: a bucket that fills with the time up
// to a second's worth, and that one frame may overdraw. It outlives
// connections, so that a link that breaks often gets no more than one that
// lasts.
type drain struct {
	left float64 // bytes; below zero: overdrawn
	at   time.Time
}

// ready is when the next frame may go, which is at or before now when it may.
func (d *drain) ready(rate int, now time.Time) time.Time {
	if rate <= 0 {
		return now
	}
	full := float64(rate)
	d.left, d.at = min(d.left+full*now.Sub(d.at).Seconds(), full), now // full at first: at is then long ago
	if d.left > 0 {
		return now
	}
	return now.Add(time.Duration((1-d.left)/full*float64(time.Second)) + time.Millisecond)
}

// spend takes a frame's bytes out.
func (d *drain) spend(rate, bytes int) {
	if rate > 0 {
		d.left -= float64(bytes)
	}
}

// minDrainFrame is the least limit of a frame because of a rate: smaller ones
// would carry more framing than readings.
const minDrainFrame = 1_000

// drainFrame limits a frame of the backlog to what may go in a second, so that
// a slow rate makes small steps and not a burst each half minute.
func drainFrame(rate, limit int) int {
	if rate <= 0 {
		return limit
	}
	return min(limit, max(rate, minDrainFrame))
}

// SetDrainRate changes Options.DrainRate while the link runs; 0 takes the limit
// away. It may be called from any goroutine, and Wake makes it count at once.
func (l *Link) SetDrainRate(bytesPerSecond int) {
	rate := max(bytesPerSecond, 0)
	l.drainRate.Store(int64(rate))
	l.board.update(func(s *Status) { s.DrainRate = rate })
}

func (l *Link) rate() int { return int(l.drainRate.Load()) }
