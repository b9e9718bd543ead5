package clock

import (
	"sync"
	"time"
)

// fake is the hand-set clock behind Fake.
type fake struct {
	mu    sync.Mutex
	at    Now
	flows bool
	since time.Time
}

// Fake makes a clock for tests and the demo that shows what it was given, and
// stands still until Set or Flow. It hears no other source. Its boot id is all
// zeros but for the last byte, which is 1.
func Fake(at Now, floor time.Time) *Clock {
	return &Clock{built: floor.UnixMilli(), bootID: [16]byte{15: 1}, fake: &fake{at: at}}
}

// Set moves a fake clock; it does nothing on a real one.
func (c *Clock) Set(at Now) {
	if c.fake == nil {
		return
	}
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	c.fake.at, c.fake.since = at, time.Now()
}

// Flow lets a fake clock run on with the time package's, which in a synctest
// bubble is the bubble's.
func (c *Clock) Flow() {
	if c.fake == nil {
		return
	}
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	c.fake.flows, c.fake.since = true, time.Now()
}

func (f *fake) now() Now {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := f.at
	if f.flows {
		gone := time.Since(f.since).Milliseconds()
		at.Mono += gone
		at.Unix += gone
	}
	return at
}
