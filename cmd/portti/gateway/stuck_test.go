package gateway

import (
	"testing"
	"time"
)

// Row 31: time in which nobody asked is time in which nothing ran.
func TestPausesCountFromTheLastOne(t *testing.T) {
	var p pauses
	const late = 20 * time.Second
	mono, last := int64(5_000), time.Duration(0)
	for range 100 {
		last = p.ran(mono, late)
		mono += 1000
	}
	if last != 99*time.Second {
		t.Errorf("ran %v, want 99s", last)
	}
	mono += 3_600_000
	if got := p.ran(mono, late); got != 0 {
		t.Errorf("ran %v right after a pause of an hour", got)
	}
	if got := p.ran(mono+20_000, late); got != late {
		t.Errorf("ran %v: what is not late is no pause", got)
	}
	if got := p.ran(mono+40_001, late); got != 0 {
		t.Errorf("ran %v after a pause", got)
	}
}
