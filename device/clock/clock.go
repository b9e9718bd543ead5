package clock

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Now is one look at the clocks.
type Now struct {
	Mono    int64 // milliseconds since boot, suspend included (CLOCK_BOOTTIME); never steps
	Unix    int64 // the wall clock, Unix milliseconds; may be anything
	Trusted bool  // the wall clock is synchronised by the kernel's word and not before the floor
}

// Names of where a trusted time comes from, for the status.
const (
	SourceKernel = "kernel"
	SourceNone   = "none"
)

// askEvery is how long an answer of adjtimex is used again, in milliseconds.
const askEvery = 1000

const bootIDPath = "/proc/sys/kernel/random/boot_id"

// Clock reads the machine's clocks, or those a test set.
type Clock struct {
	floor  int64 // Unix milliseconds
	bootID [16]byte

	read func() (mono, wall int64) // milliseconds
	ask  func() string             // why the kernel's clock cannot be trusted, "" = it can

	asked  atomic.Int64 // Mono of the last question + 1, 0 = never
	reason atomic.Pointer[string]

	fake *fake
}

// New reads the boot id and makes a clock that trusts no time before floor.
func New(floor time.Time) (*Clock, error) {
	text, err := os.ReadFile(bootIDPath)
	if err != nil {
		return nil, fmt.Errorf("cannot read the boot id: %w", err)
	}
	id, err := parseBootID(string(text))
	if err != nil {
		return nil, fmt.Errorf("cannot use the boot id in %s: %w", bootIDPath, err)
	}
	return &Clock{floor: floor.UnixMilli(), bootID: id, read: newBoottime(time.Now, askBoottime).read, ask: askKernel}, nil
}

// Now looks at the clocks.
func (c *Clock) Now() Now {
	if c.fake != nil {
		return c.fake.now()
	}
	mono, wall := c.read()
	return Now{Mono: mono, Unix: wall, Trusted: c.synced(mono) && wall >= c.floor}
}

// BootID is the kernel's random id of this boot.
func (c *Clock) BootID() [16]byte { return c.bootID }

// Floor is the time before which nothing can have been measured, in Unix
// milliseconds.
func (c *Clock) Floor() int64 { return c.floor }

// Source names what the trust rests on: "kernel", or "none" while the clock
// is not trusted.
func (c *Clock) Source() string {
	if c.Now().Trusted {
		return SourceKernel
	}
	return SourceNone
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
	case !c.synced(now.Mono):
		return *c.reason.Load()
	}
	return fmt.Sprintf("the clock stands at %s, before %s, when this machine already ran",
		time.UnixMilli(now.Unix).UTC().Format(time.DateOnly), time.UnixMilli(c.floor).UTC().Format(time.DateOnly))
}

// synced gives the kernel's word, at most askEvery old. Two callers may both
// ask when it has aged; that is harmless.
func (c *Clock) synced(mono int64) bool {
	if last := c.asked.Load(); last == 0 || mono-(last-1) >= askEvery {
		why := c.ask()
		c.reason.Store(&why)
		c.asked.Store(mono + 1)
	}
	return *c.reason.Load() == ""
}

func askKernel() string {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return judge(state, int(t.Status), err)
}

// judge turns adjtimex's answer into a reason, "" when the clock is
// synchronised.
func judge(state, status int, err error) string {
	switch {
	case err != nil:
		return "the kernel may not be asked whether its clock is synchronised: " + err.Error()
	case state == unix.TIME_ERROR, status&unix.STA_UNSYNC != 0:
		return "the kernel's clock is not synchronised: no time server was reached since boot"
	}
	return ""
}

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

// fake is the hand-set clock behind Fake.
type fake struct {
	mu    sync.Mutex
	at    Now
	flows bool
	since time.Time
}

// Fake makes a clock for tests and the demo that shows what it was given, and
// stands still until Set or Flow. Its boot id is all zeros but for the last
// byte, which is 1.
func Fake(at Now, floor time.Time) *Clock {
	return &Clock{floor: floor.UnixMilli(), bootID: [16]byte{15: 1}, fake: &fake{at: at}}
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
