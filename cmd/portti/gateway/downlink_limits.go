package gateway

import (
	"encoding/binary"
	"hash/fnv"
	"time"

	"portti/device/thingsee"
)

// limitPer is how many in which time.
type limitPer struct {
	n   int
	per time.Duration
}

// allowance lets pass what stays within every limit, looking back from each
// moment. What it refuses does not count.
type allowance struct {
	limits []limitPer
	times  []time.Time // of what passed, oldest first; at most the largest n
}

func (a *allowance) take(now time.Time) bool {
	most := 0
	for _, l := range a.limits {
		most = max(most, l.n)
		if i := len(a.times) - l.n; i >= 0 && now.Sub(a.times[i]) < l.per {
			return false
		}
	}
	if a.times = append(a.times, now); len(a.times) > most {
		a.times = append(a.times[:0], a.times[1:]...)
	}
	return true
}

// How long, and how many, requests are known again.
const (
	replayFor  = 10 * time.Minute
	replayMost = 64
)

// replay is a request that was answered.
type replay struct {
	target      string
	transaction int
	digest      uint64
	at          time.Time
	answers     []*thingsee.Message
}

// replays knows the requests of the last time by target and transactionId.
type replays struct{ list []replay }

func (r *replays) find(c *thingsee.Command, now time.Time) (*replay, bool) {
	for i := range r.list {
		if p := &r.list[i]; p.target == c.Target && p.transaction == c.Transaction && now.Sub(p.at) < replayFor {
			return p, true
		}
	}
	return nil, false
}

func (r *replays) add(c *thingsee.Command, answers []*thingsee.Message, now time.Time) {
	if len(r.list) == replayMost {
		r.list = append(r.list[:0], r.list[1:]...)
	}
	r.list = append(r.list, replay{c.Target, c.Transaction, digestOf(c), now, answers})
}

// digestOf tells requests apart by what they ask; tsmTs is no part of it.
func digestOf(c *thingsee.Command) uint64 {
	h := fnv.New64a()
	part := func(b []byte) {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	h.Write(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(c.ID)), uint32(c.Event)))
	for _, f := range c.Fields {
		part([]byte(f.Name))
		part(f.JSON)
	}
	return h.Sum64()
}

// collapseFor is how long repeats of one line of the log are only counted.
const collapseFor = 10 * time.Minute

// collapse shows one line in collapseFor of each kind. Kinds are the program's
// own, so they are few.
type collapse struct{ seen map[string]*collapsed }

type collapsed struct {
	until time.Time
	n     int
}

// pass says whether to show a line, and for how many it stands.
func (c *collapse) pass(kind string, now time.Time) (n int, show bool) {
	if c.seen == nil {
		c.seen = map[string]*collapsed{}
	}
	s := c.seen[kind]
	if s == nil {
		s = &collapsed{}
		c.seen[kind] = s
	}
	s.n++
	if now.Before(s.until) {
		return 0, false
	}
	n, s.n, s.until = s.n, 0, now.Add(collapseFor)
	return n, true
}
