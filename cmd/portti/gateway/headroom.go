package gateway

import "time"

// headroomLevel follows how long the buffer can still take readings while the
// link is away, and reports when that changes: a healthy day logs nothing of it. Gateway.looking
// guards it.
type headroomLevel struct {
	level int // how many of headroomLevels headroom is below
	since time.Time
}

// headroomLevels are the headrooms at which something is logged, in seconds.
func headroomLevels() [3]float64 { return [3]float64{24 * 3600, 4 * 3600, 3600} }

// Below headroomShort there is a problem, not only a line in the log: a working day
// is not enough any more to have somebody there in time.
const headroomShort = 2

// headroomWarmUp is how long the inflow is measured before it is believed.
const headroomWarmUp = time.Minute

// update takes the present headroom, 0 where it is not known, and returns whether the
// level changed. It rises at once and falls with a quarter to spare, so that an
// inflow that goes up and down does not fill the log.
func (h *headroomLevel) update(headroom float64, online bool, now time.Time) (changed bool) {
	if h.since.IsZero() {
		h.since = now
	}
	was := h.level
	switch {
	case online:
		h.level = 0
	case headroom <= 0 || now.Sub(h.since) < headroomWarmUp:
	default:
		h.level = h.levelOf(headroom)
	}
	return h.level != was
}

func (h *headroomLevel) levelOf(headroom float64) int {
	level := 0
	for i, limit := range headroomLevels() {
		if i < h.level {
			limit *= 1.25
		}
		if headroom < limit {
			level = i + 1
		}
	}
	return level
}
