package clock

// What it takes to believe a source, in milliseconds.
const (
	day = 24 * 60 * 60 * 1000
	// span is how long after the floor a time is still taken for possible.
	span = 10 * 365 * day
	// A machine without a clock chip wakes with the time of its last shutdown, where
	// it keeps that. A receiver further ahead of it than far is right, mostly; one
	// further than tooFar is not believed before something else agrees.
	far    = 31 * day
	tooFar = 2 * 365 * day
	// wallAhead is how far a wall clock that nobody synchronised may be ahead of the
	// time: one that is set to another zone, or runs fast.
	wallAhead = day
	// Three fixes in a row, at least two seconds apart from first to last, whose
	// offsets lie within a second: a receiver whose time stands still, counts
	// wrong or comes in bursts out of a full buffer fails that. A slow line with
	// sentences of changing length jitters by some tenths of a second.
	fixes     = 3
	fixesLast = 2000
	fixesBand = 1000
	// contests is how many fixes in a row contest what is believed.
	contests = 2
	// drifted is how far the believed offset may be from a good one before it
	// is corrected: the times of readings should not follow a receiver's jitter.
	drifted = 1000
	// bound is how far apart GNSS and another source may be and still agree. A
	// receiver without leap seconds yet is up to 18 s off.
	bound = 60_000
	// wallBound is the same for a server and a wall clock that nobody
	// synchronised: a battery clock is some minutes off after a year.
	wallBound = 5 * 60_000
	// fixFresh is how old a fix may be to speak for or against another source;
	// saidFresh is the same for a server, and for a receiver that was believed.
	fixFresh  = 10 * 60_000
	saidFresh = day
	// vague is the most a server's time may be uncertain by.
	vague = 5000
)

// serverName is what people are told that the server is called.
const serverName = "the server"

// claim is the last time that a source told.
type claim struct {
	name     string // for people
	run      int    // times in a row that agree to bound, 0 = there is none
	offset   int64
	mono     int64 // when it was told
	slack    int64
	believed bool // the clock went by it once
	past     bool // it lies before what is known to be over: it speaks for nothing
	ahead    bool // it lies too far ahead: it speaks against nothing
}

// GNSS takes the time of one receiver. It belongs to one goroutine.
type GNSS struct {
	clock  *Clock
	claim  claim // guarded by the clock's mu
	n      int   // fixes in a row that agree closely
	first  int64 // the time of the first of them
	last   int64
	lo, hi int64 // their offsets
}

// GNSS gives an entrance for the receiver of that name; each needs its own, since
// only fixes of the same one can be in a row. A receiver that was opened again is
// heard anew, in the place of what it said before.
func (c *Clock) GNSS(name string) *GNSS {
	g := &GNSS{clock: c, claim: claim{name: name}}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, old := range c.receivers {
		if old.claim.name == name {
			c.receivers[i] = g
			return g
		}
	}
	c.receivers = append(c.receivers, g)
	return g
}

// Doubt says what is to be thought of the time of a fix.
type Doubt uint8

// The doubts. A time that is Past, TooFar, Disputed, or Ahead before the clock goes by
// it, is the receiver's word alone; it carries how wrong it may be.
const (
	Sure     Doubt = iota
	Ahead          // far ahead of the wall clock, which nothing speaks against
	Past           // before this program was made, the last good time or the wall clock
	TooFar         // so far ahead that something else has to agree first
	Disputed       // another source says otherwise
	Refused        // the clock, which does not rest on one source alone, says otherwise
)

// Hear takes a valid fix: unix is its own time in Unix milliseconds, mono when
// its first sentence was there. It says what is to be thought of it and, where it is
// the receiver's word alone, by how many seconds it may be wrong at worst. It does
// not allocate, but when the clock's source changes.
func (g *GNSS) Hear(unix, mono int64) (d Doubt, worst int64) {
	c := g.clock
	now := c.Now() // the kernel's word is at most a second old
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fake == nil {
		g.noteLocked(unix, mono, c.outsideLocked(unix, mono))
		c.contestLocked(mono)
		c.weighLocked()
	}
	d = c.doubtLocked(g, unix, mono, now)
	if d == Past || d == TooFar || d == Disputed || d == Ahead && c.belief.Load() == nil {
		worst = c.worst(unix)
	}
	return d, worst
}

// noteLocked makes the fix the receiver's claim, and tells the clock when enough of
// them in a row agree.
func (g *GNSS) noteLocked(unix, mono int64, outside Doubt) {
	offset, was := unix-mono, g.claim
	g.claim.offset, g.claim.mono, g.claim.past, g.claim.ahead = offset, mono, g.clock.overLocked(unix), outside == TooFar
	if g.claim.run++; was.run > 0 && apart(offset, was.offset) > bound {
		g.claim.run, g.claim.believed = 1, false
	}
	lo, hi := min(g.lo, offset), max(g.hi, offset)
	if g.n == 0 || unix <= g.last || hi-lo > fixesBand {
		g.n, g.first, lo, hi = 0, unix, offset, offset
	}
	g.n, g.last, g.lo, g.hi = g.n+1, unix, lo, hi
	if g.n >= fixes && g.last-g.first >= fixesLast {
		// A fix is late by what it takes to say it, never early: the least late counts.
		g.clock.gnssLocked(g, g.hi, mono)
		g.n = 0
	}
}

// outsideLocked says whether a time cannot be, or is far, by what is known without
// other sources: Past, TooFar, Ahead or Sure. The wall clock is a floor, and no
// witness: it may be days or months behind.
func (c *Clock) outsideLocked(unix, mono int64) Doubt {
	wall, floor := c.wallLocked(mono), c.Floor()
	switch {
	case c.overLocked(unix), unix < wall-wallAhead:
		return Past
	case unix > floor+span, wall >= floor && unix-wall > tooFar:
		return TooFar
	case wall >= floor && unix-wall > far:
		return Ahead
	}
	return Sure
}

// overLocked says whether a time is over for certain. The wall clock, which may have
// been set by hand, is not that certain: a receiver that is behind it is not believed
// alone, but speaks for and against others.
func (c *Clock) overLocked(unix int64) bool {
	return unix < c.built || unix < c.good.Load()-bound
}

func (c *Clock) wallLocked(mono int64) int64 {
	if c.fake != nil {
		now := c.fake.now()
		return now.Unix - now.Mono + mono
	}
	return c.seen.Load() + mono
}

// doubtLocked judges a fix by everything that is known.
func (c *Clock) doubtLocked(g *GNSS, unix, mono int64, now Now) Doubt {
	offset := unix - mono
	outside := c.outsideLocked(unix, mono)
	b := c.belief.Load()
	if b != nil || c.fake != nil && now.Trusted {
		at := now.Unix - now.Mono
		if b != nil && !b.synced {
			at = b.offset
		}
		switch apart := apart(offset, at); {
		case apart <= bound+1000*now.Err && outside == Ahead && b != nil && b.by != "" && !c.witnessedLocked(b):
			return Ahead
		case apart <= bound+1000*now.Err:
			return Sure
		case b != nil && b.by != "" && b.by != g.claim.name && !c.witnessedLocked(b):
			return Disputed
		}
		return Refused
	}
	agree, against, _ := c.witnessesLocked(offset, mono, g.claim.name, 1)
	switch {
	case outside == Past:
		return Past
	case against > 0 && !outvoted(agree+1, against):
		return Disputed
	case agree > 0:
		return Sure
	}
	return outside
}

// outvoted says whether so many sources that agree win over others.
func outvoted(agree, against int) bool { return agree >= 2 && agree > against }

// worst is by how many seconds a time may be wrong that only one source told: it
// is somewhere between the floor and the end of what is possible.
func (c *Clock) worst(unix int64) int64 {
	lo, hi := max(c.built, c.good.Load()-bound), c.Floor()+span
	return (max(apart(unix, lo), apart(unix, hi)) + 999) / 1000
}

// possible: not before the floor, and not so long after that a week counter, a
// simulator or a lie is the likelier reason.
func (c *Clock) possible(unix int64) bool {
	floor := c.Floor()
	return unix >= floor && unix <= floor+span
}

// witnessesLocked counts the sources other than one that agree with an offset, and
// those that contradict it, of which one is named. A receiver contradicts with so
// many fixes in a row.
func (c *Clock) witnessesLocked(offset, mono int64, other string, run int) (agree, against int, who claim) {
	count := func(h claim, fresh int64) {
		switch {
		case h.name == other || h.past || h.run == 0 || mono-h.mono > fresh:
		case apart(h.offset, offset) <= bound+h.slack:
			agree++
		case h.run >= run && !h.ahead:
			against, who = against+1, h
		}
	}
	for _, g := range c.receivers {
		fresh := int64(fixFresh)
		if g.claim.believed {
			fresh = saidFresh
		}
		count(g.claim, fresh)
	}
	count(c.said, saidFresh)
	return agree, against, who
}

// witnessedLocked says whether more than the source it came from speaks for a belief.
func (c *Clock) witnessedLocked(b *belief) bool {
	if b.by == "" {
		return true // the kernel's
	}
	agree, _, _ := c.witnessesLocked(b.offset, c.asked.Load()-1, b.by, contests)
	return agree > 0 || b.by == serverName && c.wallAgreesLocked(b.offset)
}

// contestLocked takes a belief back that rests on one source and that another one
// contradicts, and keeps who they are.
func (c *Clock) contestLocked(mono int64) {
	b := c.belief.Load()
	if b == nil || b.by == "" {
		c.disputeLocked(mono)
		return
	}
	agree, against, who := c.witnessesLocked(b.offset, mono, b.by, contests)
	if b.by == serverName && c.wallAgreesLocked(b.offset) {
		agree++
	}
	if against > 0 && !outvoted(agree+1, against) {
		c.dispute = Dispute{A: b.by, B: who.name, Apart: apart(b.offset, who.offset)}
		c.lost.Store(b)
		c.belief.Store(nil)
		return
	}
	c.dispute = Dispute{}
}

// disputeLocked looks, while nothing is believed, for two sources that contradict
// each other.
func (c *Clock) disputeLocked(mono int64) {
	c.dispute = Dispute{}
	if c.belief.Load() != nil {
		return
	}
	for _, g := range c.receivers {
		if h := g.claim; h.run > 0 && !h.past && !h.ahead && (mono-h.mono <= fixFresh || h.believed && mono-h.mono <= saidFresh) {
			if _, against, who := c.witnessesLocked(h.offset, mono, h.name, 1); against > 0 {
				c.dispute = Dispute{A: h.name, B: who.name, Apart: apart(h.offset, who.offset)}
				return
			}
		}
	}
}

// Dispute is two sources of time that contradict each other while nothing tells
// which of them is right.
type Dispute struct {
	A, B  string // a receiver's name, or "the server"; "" = there is none
	Apart int64  // milliseconds
}

// Dispute tells of sources that contradict each other, so that none of them is
// believed.
func (c *Clock) Dispute() Dispute {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dispute.A != "" {
		c.disputeLocked(c.asked.Load() - 1) // they may be long gone
	}
	return c.dispute
}

// Firm says whether the time may be kept as one that was good: it was confirmed
// lately, and more than one source speaks for it, or nothing has spoken against it for a
// while and it is not far ahead of the wall clock.
func (c *Clock) Firm() bool {
	now := c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.belief.Load()
	if b != nil && now.Mono-c.confirmed.Load() > fixFresh {
		return false
	}
	return now.Trusted && (b == nil || c.witnessedLocked(b) || now.Mono-b.since >= fixFresh && c.outsideLocked(now.Unix, now.Mono) < Ahead)
}

// Guess gives what was believed in this boot until another source contradicted it,
// and by how many seconds that may be wrong. false: there is no such time, and what
// is read now can be dated when a time is known.
func (c *Clock) Guess(now Now) (unix, worst int64, ok bool) {
	b := c.lost.Load()
	if b == nil || now.Trusted {
		return 0, 0, false
	}
	return now.Mono + b.offset, c.worst(now.Mono + b.offset), true
}

// gnssLocked takes an offset on which fixes of a receiver in a row agree.
func (c *Clock) gnssLocked(g *GNSS, offset, mono int64) {
	b := c.belief.Load()
	agree, against, _ := c.witnessesLocked(offset, mono, g.claim.name, contests)
	wins := against == 0 || outvoted(agree+1, against)
	switch {
	case b != nil && b.synced:
		return
	case b != nil && apart(offset, b.offset) <= drifted && b.source != SourceServer:
		c.confirmed.Store(mono)
		g.claim.believed = true
		return
	case !wins:
		return
	case b != nil && apart(offset, b.offset) > c.allowedLocked(mono) && (agree == 0 || b.by == ""):
		return // contradicts what is better, or what was accepted
	case b == nil || apart(offset, b.offset) > c.allowedLocked(mono):
		if out := c.outsideLocked(offset+mono, mono); out == Past || out == TooFar && agree == 0 {
			return
		}
	}
	g.claim.believed = true
	c.confirmed.Store(mono)
	c.belief.Store(&belief{source: SourceGNSS, by: g.claim.name, since: mono, offset: offset})
}

// allowedLocked is how far a source may correct what is believed: as much as
// two sources may differ, and as a bad crystal can have drifted since.
func (c *Clock) allowedLocked(mono int64) int64 {
	return bound + 2*max(0, mono-c.confirmed.Load())/crystal
}

// hint is the last possible time of the server, until it was believed.
type hint struct {
	is     bool
	alone  bool // needs no second source
	offset int64
	mono   int64 // when it was told
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
	c.server = hint{is: true, alone: alone, offset: unix - mono, mono: mono, slack: slack}
	b := c.belief.Load()
	if b == nil || b.source != SourceServer || apart(b.offset, c.server.offset) <= c.allowedLocked(mono)+slack {
		c.said = claim{name: serverName, run: contests, offset: c.server.offset, mono: mono, slack: slack}
	}
	if b != nil && b.source == SourceServer && apart(b.offset, c.server.offset) <= drifted+slack {
		c.confirmed.Store(mono)
	}
	c.contestLocked(mono)
	c.weighLocked()
}

// AheadOfServer is by how many milliseconds the wall clock is ahead of the time that the
// server told last; false where it told none that is possible in the last day.
func (c *Clock) AheadOfServer() (ms int64, ok bool) {
	now := c.Now() // which looks at the wall clock where that is a second ago
	c.mu.Lock()
	defer c.mu.Unlock()
	h := &c.server
	return c.seen.Load() - h.offset, h.mono > 0 && now.Mono-h.mono <= saidFresh
}

// weighLocked decides about what the server said last.
func (c *Clock) weighLocked() {
	h, b, mono := c.server, c.belief.Load(), c.asked.Load()-1
	switch {
	case !h.is || b != nil && b.source != SourceServer:
		return
	case b != nil && (apart(h.offset, b.offset) <= drifted+h.slack || apart(h.offset, b.offset) > c.allowedLocked(mono)):
		return
	}
	agree, against, _ := c.witnessesLocked(h.offset, mono, serverName, contests)
	if c.wallAgreesLocked(h.offset) {
		agree++
	}
	if agree == 0 && !h.alone || against > 0 && !outvoted(agree+1, against) {
		return
	}
	c.server.is = false       // it counts once
	c.confirmed.Store(h.mono) // and has drifted since
	c.belief.Store(&belief{source: SourceServer, by: serverName, since: mono, offset: h.offset, err: (h.slack + 999) / 1000})
}

// wallAgreesLocked says whether the wall clock, which is not before the floor,
// agrees with the server.
func (c *Clock) wallAgreesLocked(offset int64) bool {
	wall := c.seen.Load()
	return c.asked.Load()-1+wall >= c.Floor() && apart(wall, offset) <= wallBound
}

// Resume takes over what an earlier run of this program believed in this same boot:
// unix was the time at mono 0, good to err seconds when it was last confirmed, at
// mono confirmed. It counts as what the kernel once vouched for does, and only while
// nothing better is believed.
func (c *Clock) Resume(unix, err, confirmed int64) {
	if c.fake != nil {
		return
	}
	now := c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.belief.Load() != nil || confirmed > now.Mono || unix+now.Mono < c.built {
		return
	}
	c.confirmed.Store(max(confirmed, 0))
	c.belief.Store(&belief{source: SourceCarried, offset: unix, err: err})
}
