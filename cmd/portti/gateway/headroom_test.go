package gateway

import (
	"testing"
	"time"
)

// TestHeadroomTellsOnlyChanges: the line is said when a limit is passed, not again
// while headroom wavers about it, and the end when the link is back.
func TestHeadroomTellsOnlyChanges(t *testing.T) {
	const hour = 3600.0
	start := time.Unix(0, 0)
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	var h headroomLevel
	for i, c := range []struct {
		minute   int
		headroom float64
		online   bool
		level    int
		changed  bool
	}{
		{0, hour / 2, false, 0, false}, // not believed yet
		{1, 30 * hour, false, 0, false},
		{2, 23 * hour, false, 1, true},
		{3, 25 * hour, false, 1, false}, // wavers
		{4, 0, false, 1, false},         // not known just now
		{5, 3.9 * hour, false, 2, true},
		{6, 4.5 * hour, false, 2, false},
		{7, 0.9 * hour, false, 3, true},
		{8, 1.2 * hour, false, 3, false},
		{9, 1.3 * hour, false, 2, true},
		{10, 40 * hour, false, 0, true},
		{11, 0.1 * hour, false, 3, true},
		{12, 0.1 * hour, true, 0, true}, // it is being emptied
		{13, 0.1 * hour, true, 0, false},
	} {
		if changed := h.update(c.headroom, c.online, at(c.minute)); changed != c.changed || h.level != c.level {
			t.Errorf("step %d: level %d, changed %v", i, h.level, changed)
		}
	}
}
