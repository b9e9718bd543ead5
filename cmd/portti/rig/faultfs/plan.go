package faultfs

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Op is a kind of call.
type Op int

const (
	Open    Op = 1 + iota // of a file, or of the folder
	Stat                  // also the lookup of a name, with which every path begins
	Read                  // also a page of a map
	ReadDir               // once for each time the folder is opened
	Write                 // also of a length: truncate, allocate
	Fsync                 // also of the folder
	Create
	Rename
	Unlink
	opsEnd
)

// String is part of fmt.Stringer.
func (o Op) String() string {
	names := [opsEnd]string{"none", "open", "stat", "read", "readdir", "write", "fsync", "create", "rename", "unlink"}
	if o < 0 || o >= opsEnd {
		return "unknown"
	}
	return names[o]
}

// Plan says which calls are answered with an error.
type Plan struct {
	Calls  []Op
	Suffix string // of the name of the file; "" = every name, also the folder itself
	Errno  syscall.Errno
	Share  int    // one of so many calls in a row, which one Seed says; 0 and 1 = each
	Seed   uint64 // the same seed gives the same order of decisions about each kind of call

	// Trigger is the kind of call, of a file with TriggerSuffix, with which the plan
	// begins; 0 = at once.
	Trigger       Op
	TriggerSuffix string
	// Lasts is how long it is in force, from the first call on that it answers with
	// its error; 0 = until Off.
	Lasts time.Duration
}

// fails decides about the k-th call of a kind. It depends on nothing else, so that
// the threads of a program, which call in no order, cannot change the decisions.
func (p Plan) fails(op Op, k uint64) bool {
	if p.Share <= 1 {
		return true
	}
	share := uint64(p.Share)
	return rand.New(rand.NewPCG(p.Seed, k/share<<8|uint64(op))).Uint64N(share) == k%share
}

// course is a plan that was switched on, and what became of it.
type course struct {
	plan  Plan
	ready bool // its trigger, if any, was called
	off   bool
	begun time.Time // the first call that it answered
	asked [opsEnd]uint64
	hits  [opsEnd]uint64
}

// answer is the error with which a call is answered, 0 for none. A call may have
// two names.
func (c *course) answer(op Op, now time.Time, names ...string) syscall.Errno {
	has := func(suffix string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return strings.HasSuffix(n, suffix) })
	}
	if !c.ready && op == c.plan.Trigger && has(c.plan.TriggerSuffix) {
		c.ready = true
	}
	if !c.inForce(now) || !slices.Contains(c.plan.Calls, op) || !has(c.plan.Suffix) {
		return 0
	}
	k := c.asked[op]
	c.asked[op]++
	if !c.plan.fails(op, k) {
		return 0
	}
	if c.begun.IsZero() {
		c.begun = now
	}
	c.hits[op]++
	return c.plan.Errno
}

func (c *course) inForce(now time.Time) bool {
	return c.ready && !c.off && (c.plan.Lasts == 0 || c.begun.IsZero() || now.Sub(c.begun) < c.plan.Lasts)
}

func (c *course) struck() (n uint64) {
	for _, h := range c.hits {
		n += h
	}
	return n
}

// String is such as "EIO: open 12 of 60, read 0 of 0".
func (c *course) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v:", c.plan.Errno)
	for i, op := range c.plan.Calls {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, " %v %d of %d", op, c.hits[op], c.asked[op])
	}
	return b.String()
}
