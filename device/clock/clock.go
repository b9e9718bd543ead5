package clock

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Now is one look at the clocks.
type Now struct {
	Mono    int64 // milliseconds since boot, suspend included (CLOCK_BOOTTIME); never steps
	Unix    int64 // Unix milliseconds; while not trusted the wall clock, which may be anything
	Trusted bool  // Unix comes from a source that was believed
	Err     int64 // while trusted: by how many seconds Unix may be wrong at worst; 0 = less than one
}

// Names of where a trusted time comes from, for the status.
const (
	SourceKernel = "kernel"
	SourceGNSS   = "gnss"
	SourceServer = "server"
	// SourceCarried is what was believed before the program was started again.
	SourceCarried = "carried"
	SourceNone    = "none"
)

const (
	// askEvery is how long an answer of adjtimex is used again, in milliseconds.
	askEvery = 1000
	// stepBound is how far the wall clock may move against the monotonic one
	// without that being called a step, in milliseconds: more than a leap second.
	// Slewing moves both alike and does not show at all.
	stepBound = 2000
	// jitter is the difference of two clocks that are both cut to milliseconds.
	jitter = 2
	// crystal is how many milliseconds a quartz runs before it is one off: 100 ppm.
	crystal = 10_000
)

const bootIDPath = "/proc/sys/kernel/random/boot_id"

// Source is what a Clock reads.
type Source struct {
	BootID [16]byte
	Read   func() (mono, wall int64) // milliseconds since boot, and Unix milliseconds
	Ask    func() string             // why the wall clock cannot be trusted, "" = it can
}

// Clock reads the machine's clocks, hears other sources of time, and decides
// which of them to believe.
type Clock struct {
	built  int64 // Unix milliseconds
	bootID [16]byte

	read func() (mono, wall int64) // milliseconds
	ask  func() string             // why the kernel's clock cannot be trusted, "" = it can

	good      atomic.Int64 // the last time known to have been good, Unix milliseconds
	asked     atomic.Int64 // Mono of the last look + 1, 0 = never
	seen      atomic.Int64 // the wall clock less Mono at that look
	reason    atomic.Pointer[string]
	belief    atomic.Pointer[belief] // nil = nothing is believed
	lost      atomic.Pointer[belief] // what was taken back last; nil = nothing
	confirmed atomic.Int64           // Mono when the belief was last seen to be right

	mu        sync.Mutex // held for a look and while a source is heard; guards what follows
	step      Step
	receivers []*GNSS
	server    hint
	said      claim // of the server
	dispute   Dispute

	fake *fake
}

// belief is what Now goes by. It is never changed, only replaced.
type belief struct {
	source string
	by     string // the one source that it came from; "" = the kernel, or an earlier run
	since  int64  // Mono when it came from that one
	synced bool   // the kernel vouches for its clock now: the wall clock is the time
	offset int64  // otherwise this and Mono is, in Unix milliseconds
	err    int64  // seconds
}

// Step tells of the wall clock's jumps against the monotonic one since New.
// Being set for the first time is not one.
type Step struct {
	Count uint64
	Back  uint64 // of Count
	By    int64  // milliseconds, of the last one; negative = back
	Mono  int64  // when the last one was seen
}

// New reads the boot id and makes a clock that believes no time before built.
func New(built time.Time) (*Clock, error) {
	text, err := os.ReadFile(bootIDPath)
	if err != nil {
		return nil, fmt.Errorf("cannot read the boot id: %w", err)
	}
	id, err := parseBootID(string(text))
	if err != nil {
		return nil, fmt.Errorf("cannot use the boot id in %s: %w", bootIDPath, err)
	}
	return Of(Source{BootID: id, Read: newBoottime(time.Now, askBoottime).read, Ask: askKernel}, built), nil
}

// Of makes a clock of other readings than this machine's; see package clocktest.
func Of(s Source, built time.Time) *Clock {
	return &Clock{built: built.UnixMilli(), bootID: s.BootID, read: s.Read, ask: s.Ask}
}

// Remember tells the clock of a time that was good once, Unix milliseconds. It
// raises the floor for every source but the kernel.
func (c *Clock) Remember(good int64) {
	if good > c.good.Load() {
		c.good.Store(good)
	}
}

// Now looks at the clocks.
func (c *Clock) Now() Now { return c.At(c.Read()) }

// Reading is what the machine's clocks showed at a moment.
type Reading struct{ mono, wall int64 }

// Read looks at the machine's clocks. What happened at the same moment needs one
// look: on a fast line a look for each reading was a twentieth of all the work.
func (c *Clock) Read() Reading {
	if c.fake != nil {
		now := c.fake.now()
		return Reading{now.Mono, now.Unix}
	}
	mono, wall := c.read()
	if last := c.asked.Load(); last == 0 || mono-(last-1) >= askEvery || apart(wall-mono, c.seen.Load()) > stepBound {
		mono, wall = c.look()
	}
	return Reading{mono, wall}
}

// At says what time it was at a moment, by what is known now.
func (c *Clock) At(r Reading) Now {
	if c.fake != nil {
		now := c.fake.now()
		now.Mono, now.Unix = r.mono, r.wall
		return now
	}
	b := c.belief.Load()
	switch {
	case b == nil:
		return Now{Mono: r.mono, Unix: r.wall}
	case b.synced && apart(r.wall-r.mono, b.offset) > stepBound: // it was set after the look
		return Now{Mono: r.mono, Unix: r.mono + b.offset, Trusted: true}
	case b.synced:
		return Now{Mono: r.mono, Unix: r.wall, Trusted: true}
	}
	worst := b.err + max(0, r.mono-c.confirmed.Load())/(1000*crystal)
	return Now{Mono: r.mono, Unix: r.mono + b.offset, Trusted: true, Err: worst}
}

// BootID is the kernel's random id of this boot.
func (c *Clock) BootID() [16]byte { return c.bootID }

// Floor is the time before which it cannot be now, in Unix milliseconds.
func (c *Clock) Floor() int64 { return max(c.built, c.good.Load()) }

// Source names what the trust rests on, SourceNone while there is none.
func (c *Clock) Source() string {
	if !c.Now().Trusted {
		return SourceNone
	}
	if c.fake != nil {
		return SourceKernel
	}
	return c.belief.Load().source // once there is a belief there always is one
}

// Stepped tells of the wall clock's jumps.
func (c *Clock) Stepped() Step {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.step
}

// Reason says why the clock is not trusted, in words for people; empty while
// it is.
func (c *Clock) Reason() string {
	now := c.Now()
	switch {
	case now.Trusted:
		return ""
	case c.fake != nil:
		return "the clock was set by hand as not trusted"
	}
	if why := *c.reason.Load(); why != "" {
		return why
	}
	return fmt.Sprintf("the clock stands at %s, before %s, when this program was made",
		time.UnixMilli(now.Unix).UTC().Format(time.DateOnly), time.UnixMilli(c.built).UTC().Format(time.DateOnly))
}

// look asks the kernel and looks for steps. It reads the clocks itself: a
// caller that was kept waiting holds readings from before a step that another
// has seen already, and would see it undone.
func (c *Clock) look() (mono, wall int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	mono, wall = c.read()
	offset := wall - mono
	if was := c.seen.Load(); c.asked.Load() != 0 && apart(offset, was) > stepBound && mono+was >= c.built {
		back := c.step.Back
		if offset < was {
			back++
		}
		c.step = Step{Count: c.step.Count + 1, Back: back, By: offset - was, Mono: mono}
	}
	c.seen.Store(offset)
	why := c.ask()
	if old := c.reason.Load(); old == nil || *old != why {
		kept := why // so that an answer that is the same again allocates nothing
		c.reason.Store(&kept)
	}
	c.asked.Store(mono + 1)
	b := c.belief.Load()
	switch {
	case why == "" && wall >= c.built:
		c.confirmed.Store(mono)
		if b == nil || !b.synced || apart(b.offset, offset) > jitter {
			c.belief.Store(&belief{source: SourceKernel, synced: true, offset: offset})
		}
	case b != nil && b.synced:
		// Nobody synchronises the kernel any more, or somebody set its clock by
		// hand. What it was when it was right goes on with the monotonic clock.
		c.belief.Store(&belief{source: SourceKernel, offset: b.offset})
	default:
		c.weighLocked()
	}
	return mono, wall
}

func apart(a, b int64) int64 { return max(a-b, b-a) }

func parseBootID(text string) (id [16]byte, err error) {
	raw, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(text), "-", ""))
	if err != nil {
		return id, fmt.Errorf("not a UUID: %w", err)
	}
	if len(raw) != len(id) {
		return id, fmt.Errorf("not a UUID: %d bytes", len(raw))
	}
	return [16]byte(raw), nil
}
