package uplink

import "time"

const (
	flapEnds   = 8               // so many ends of links that were up
	flapWindow = 5 * time.Minute // within this time make a link that comes and goes
	flapLeast  = time.Second     // a link that lasted less never really was up
	flapDown   = time.Minute     // not up for so long: that is an outage, with a name of its own
)

// flaps notices a link that comes and goes. Each single end has a reason and
// is soon over; that it goes on like this is the problem to show.
type flaps struct {
	ends [flapEnds]time.Time // a ring
	next int
	on   bool
}

// ended takes note that a link broke that had been up since then.
func (f *flaps) ended(since, now time.Time) {
	if now.Sub(since) < flapLeast {
		return
	}
	f.ends[f.next] = now
	f.next = (f.next + 1) % flapEnds
	if first := f.ends[f.next]; !first.IsZero() && now.Sub(first) <= flapWindow {
		f.on = true
	}
}

// over looks whether the link has come to rest, one way or the other.
func (f *flaps) over(state State, since, now time.Time) bool {
	last := f.ends[(f.next+flapEnds-1)%flapEnds]
	calm := state == Online && now.Sub(since) >= flapWindow || state != Online && now.Sub(last) >= flapDown
	if f.on && calm {
		*f = flaps{}
	}
	return !f.on
}

// problem is what to show. Whatever says more than that a link could not be
// made or broke stays.
func (f *flaps) problem(s *Status, now time.Time) string {
	if f.over(s.State, s.Since, now) {
		return s.Problem
	}
	switch s.Problem {
	case "", ProblemClosed, ProblemNoPong, ProblemNoRoute, ProblemDNS, ProblemRefused, ProblemTimeout:
		return ProblemFlapping
	}
	return s.Problem
}
