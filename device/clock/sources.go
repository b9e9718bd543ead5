package clock

// What it takes to believe a source, in milliseconds.
const (
	// span is how long after the floor a time is still taken for possible.
	span = 10 * 365 * 24 * 60 * 60 * 1000
	// Three fixes in a row, at least two seconds apart from first to last, whose
	// offsets lie within a second: a receiver whose time stands still, counts
	// wrong or comes in bursts out of a full buffer fails that. A slow line with
	// sentences of changing length jitters by some tenths of a second.
	fixes     = 3
	fixesLast = 2000
	fixesBand = 1000
	// drifted is how far the believed offset may be from a good one before it
	// is corrected: the times of readings should not follow a receiver's jitter.
	drifted = 1000
	// bound is how far apart GNSS and another source may be and still agree. A
	// receiver without leap seconds yet is up to 18 s off.
	bound = 60_000
	// wallBound is the same for a server and a wall clock that nobody
	// synchronised: a battery clock is some minutes off after a year.
	wallBound = 5 * 60_000
	// fixFresh is how old a fix may be to speak for a server.
	fixFresh = 10 * 60_000
	// vague is the most a server's time may be uncertain by.
	vague = 5000
)

// heard is the last possible time of any receiver.
type heard struct {
	is     bool
	offset int64
	mono   int64
}

// GNSS takes the time of one receiver. It belongs to one goroutine.
type GNSS struct {
	clock  *Clock
	n      int   // fixes in a row that agree
	first  int64 // the time of the first of them
	last   int64
	lo, hi int64 // their offsets
}

// GNSS gives an entrance for one receiver; each needs its own, since only
// fixes of the same one can be in a row. A receiver that was opened again is
// another one.
func (c *Clock) GNSS() *GNSS { return &GNSS{clock: c} }

// Hear takes a valid fix: unix is its own time in Unix milliseconds, mono when
// its first sentence was there. It does not allocate, but when the clock's
// source changes.
func (g *GNSS) Hear(unix, mono int64) {
	c := g.clock
	if c.fake != nil {
		return
	}
	c.Now() // the kernel's word is at most a second old
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.possible(unix) {
		g.n = 0
		return
	}
	offset := unix - mono
	lo, hi := min(g.lo, offset), max(g.hi, offset)
	if g.n == 0 || unix <= g.last || hi-lo > fixesBand {
		g.n, g.first, lo, hi = 0, unix, offset, offset
	}
	g.n, g.last, g.lo, g.hi = g.n+1, unix, lo, hi
	c.gnss = heard{is: true, offset: offset, mono: mono}
	c.weighLocked()
	if g.n >= fixes && g.last-g.first >= fixesLast {
		// A fix is late by what it takes to say it, never early: the least late counts.
		c.gnssLocked(g.hi, mono)
		g.n = 0
	}
}

// possible: not before the floor, and not so long after that a week counter, a
// simulator or a lie is the likelier reason.
func (c *Clock) possible(unix int64) bool {
	floor := c.Floor()
	return unix >= floor && unix <= floor+span
}

// gnssLocked takes an offset on which fixes in a row agree.
func (c *Clock) gnssLocked(offset, mono int64) {
	b := c.belief.Load()
	switch {
	case b == nil, b.source == SourceServer:
	case b.synced, apart(offset, b.offset) > c.allowedLocked(mono):
		return // contradicts what is better, or what was accepted
	case apart(offset, b.offset) <= drifted:
		c.confirmed.Store(mono)
		return
	}
	c.confirmed.Store(mono)
	c.belief.Store(&belief{source: SourceGNSS, offset: offset})
}

// allowedLocked is how far a source may correct what is believed: as much as
// two sources may differ, and as a bad crystal can have drifted since.
func (c *Clock) allowedLocked(mono int64) int64 {
	return bound + 2*max(0, mono-c.confirmed.Load())/crystal
}

// hint is the last possible time of the server.
type hint struct {
	is     bool
	alone  bool // needs no second source
	offset int64
	slack  int64
}

// HearServer takes what the server says the time is: unix at mono, give or
// take slack, all in milliseconds. alone says that the server is to be
// believed without a second source. The time counts only while there is
// nothing better, and when a fix of any receiver or a wall clock that does not
// stand before the floor agrees, now or later.
func (c *Clock) HearServer(unix, mono, slack int64, alone bool) {
	if c.fake != nil || slack < 0 || slack > vague {
		return
	}
	c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.possible(unix) {
		return
	}
	c.server = hint{is: true, alone: alone, offset: unix - mono, slack: slack}
	if b := c.belief.Load(); b != nil && b.source == SourceServer && apart(b.offset, c.server.offset) <= drifted+slack {
		c.confirmed.Store(mono)
	}
	c.weighLocked()
}

// weighLocked decides about what the server said last.
func (c *Clock) weighLocked() {
	h, b, mono := c.server, c.belief.Load(), c.asked.Load()-1
	switch {
	case !h.is || b != nil && b.source != SourceServer:
		return
	case b != nil && (apart(h.offset, b.offset) <= drifted+h.slack || apart(h.offset, b.offset) > c.allowedLocked(mono)):
		return
	case !h.alone && !c.secondLocked(h, mono):
		return
	}
	c.server.is = false // it counts once
	c.confirmed.Store(mono)
	c.belief.Store(&belief{source: SourceServer, offset: h.offset, err: (h.slack + 999) / 1000})
}

// secondLocked looks for a second source that agrees with the server.
func (c *Clock) secondLocked(h hint, mono int64) bool {
	if g := c.gnss; g.is && mono-g.mono <= fixFresh && apart(g.offset, h.offset) <= bound {
		return true
	}
	wall := c.seen.Load()
	return mono+wall >= c.Floor() && apart(wall, h.offset) <= wallBound
}
