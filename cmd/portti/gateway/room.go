package gateway

import "time"

// room watches how long the room in the buffer lasts while the link is away, and
// tells when that changes: a healthy day says nothing of it. It belongs to the
// goroutine that supervises.
type room struct {
	level int // how many of roomLevels headroom is below
	since time.Time
}

// roomLevels are the headrooms at which something is said, in seconds.
func roomLevels() [3]float64 { return [3]float64{24 * 3600, 4 * 3600, 3600} }

// Below roomShort there is a problem, not only a line in the log: a working day
// is not enough any more to have somebody there in time.
const roomShort = 2

// roomWarmUp is how long the inflow is measured before it is believed.
const roomWarmUp = time.Minute

// note takes the present headroom, 0 where it is not known, and says whether the
// level changed. It rises at once and falls with a quarter to spare, so that an
// inflow that goes up and down does not fill the log.
func (r *room) note(headroom float64, online bool, now time.Time) (changed bool) {
	if r.since.IsZero() {
		r.since = now
	}
	was := r.level
	switch {
	case online:
		r.level = 0
	case headroom <= 0 || now.Sub(r.since) < roomWarmUp:
	default:
		r.level = r.judge(headroom)
	}
	return r.level != was
}

func (r *room) judge(headroom float64) int {
	level := 0
	for i, limit := range roomLevels() {
		if i < r.level {
			limit *= 1.25
		}
		if headroom < limit {
			level = i + 1
		}
	}
	return level
}
