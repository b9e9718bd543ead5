package uplink

import (
	"errors"
	"slices"
)

const (
	minBatchBytes = 256 // a batch is not halved below this; a single record always goes

	// Tries of one single record before it is set aside, after 1007 and 1011.
	payloadTries = 3
	serverTries  = 5

	silentTries   = 3    // silent ends in a row before frames get smaller
	minPathLimit  = 1000 // bytes; fits one packet on any path in use
	proofsToWiden = 500
)

// poison finds the record that makes a server fail and learns how large a frame
// may be. It lives as long as the Link; only the goroutine of Run uses it.
//
// A record is only ever set aside when it was alone in flight. Setting records
// aside without any proof in between takes twice the tries each time: a server
// that refuses everything for a day must not empty the queue into quarantine.
type poison struct {
	maxBytes      int     // limit of a frame for this server
	maxRecs       int     // limit while below suspectBelow; 0: none
	suspectBelow  uint64  // records before this go one frame at a time
	freshSuspects []split // and so do these, which were on their way in a fresh lane

	pathLimit int // limit of a frame while nothing larger gets through; 0: none
	silent    int // ends in a row with nothing proven and no message of the server
	proofs    int // since pathLimit was last changed

	first, end  uint64 // the frame that failed last
	tries       int
	quarantined int // records set aside since the last proof
}

// unprovenAtEnd is what an end left in flight.
type unprovenAtEnd struct {
	suspect sentFrame // the first unproven frame
	frames  int       // unproven, suspect included; 0: there is no suspect
	largest int       // bytes of the largest unproven frame
	through uint64    // one past the last unproven record of the main lane; 0: none
	fresh   split     // the unproven ones of the fresh lane
	proven  bool      // the connection had brought some proof
}

// alone reports whether frames from n on must go one at a time.
func (s *poison) alone(n uint64) bool {
	return n < s.suspectBelow || slices.ContainsFunc(s.freshSuspects, func(in split) bool { return in.first <= n && n < in.end })
}

// maxFreshSuspects bounds what is remembered of fresh lanes; the last one grows then.
const maxFreshSuspects = 16

// suspectFresh suspects records of a fresh lane. The main lane of a later
// connection carries them, after a backlog that is not suspected.
func (s *poison) suspectFresh(in split) {
	switch last := len(s.freshSuspects) - 1; {
	case in.end == 0 || slices.Contains(s.freshSuspects, in):
	case last+1 == maxFreshSuspects:
		s.freshSuspects[last].end = max(s.freshSuspects[last].end, in.end)
	default:
		s.freshSuspects = append(s.freshSuspects, in)
	}
}

// onProof takes note of a proof, and that everything of the main lane before n
// has arrived.
func (s *poison) onProof(n uint64) {
	s.quarantined, s.silent = 0, 0
	if s.proofs++; s.pathLimit > 0 && s.proofs >= proofsToWiden {
		s.widen()
	}
	s.freshSuspects = slices.DeleteFunc(s.freshSuspects, func(in split) bool { return in.end <= n })
	if n >= s.suspectBelow {
		s.maxRecs, s.tries = 0, 0
	}
}

// limit is how large a frame may be now.
func (s *poison) limit() int {
	if s.pathLimit > 0 {
		return min(s.pathLimit, s.maxBytes)
	}
	return s.maxBytes
}

// show puts the limit into the status.
func (s *poison) show(st *Status) { st.BatchBytes, st.Shrunk = s.limit(), s.pathLimit > 0 }

// onSilentEnd weighs an end at which the server sent nothing although data was on
// the way. This is how a path that swallows large packets shows, and one so slow
// that a frame takes longer than the time-out for its pong; smaller
// frames get through both. It returns whether frames must be cut anew.
func (s *poison) onSilentEnd(own error, e unprovenAtEnd) bool {
	silence := errors.Is(own, failNoPong) || errors.Is(own, failNeverPong) || errors.Is(own, errWriteStuck)
	if !silence || e.frames == 0 || e.proven {
		return false
	}
	if s.silent++; s.silent < silentTries || s.limit() <= minPathLimit || e.largest <= minPathLimit {
		return false
	}
	s.silent, s.proofs = 0, 0
	s.pathLimit = max(min(s.limit(), e.largest)/4, minPathLimit)
	return true
}

// widen tries a larger frame again after a good while.
func (s *poison) widen() {
	s.proofs = 0
	if s.pathLimit *= 2; s.pathLimit >= s.maxBytes {
		s.pathLimit = 0
	}
}

// onEnd weighs an end. It returns whether frames must be cut anew and
// whether the record at e.suspect.from is to be set aside.
func (s *poison) onEnd(c cause, e unprovenAtEnd) (recut, quarantine bool) {
	if c == causeNone || e.frames == 0 {
		return false, false
	}
	s.suspectBelow = max(s.suspectBelow, e.through)
	s.suspectFresh(e.fresh)
	one := e.suspect.end-e.suspect.from == 1
	if c == causeSize && !(one && e.frames == 1) {
		if limit := min(s.maxBytes, e.largest); limit > minBatchBytes {
			s.maxBytes = max(limit/2, minBatchBytes)
		}
		return true, false
	}
	if e.frames > 1 {
		return false, false // not alone: the next connection will show
	}
	if s.first != e.suspect.from || s.end != e.suspect.end {
		s.first, s.end, s.tries = e.suspect.from, e.suspect.end, 0
	}
	s.tries++
	if !one {
		return s.bisect(c), false
	}
	if s.tries < s.needed(c) {
		return false, false
	}
	s.quarantined++
	s.tries = 0
	return true, true
}

// bisect halves the suspected frame: after the first refusal of its content,
// after the fifth error of the server.
func (s *poison) bisect(c cause) bool {
	if c == causeServer && s.maxRecs == 0 && s.tries < serverTries {
		return false
	}
	s.maxRecs = max(int((s.end-s.first)/2), 1)
	return true
}

func (s *poison) needed(c cause) int {
	n := 1
	switch c {
	case causePayload:
		n = payloadTries
	case causeServer:
		n = serverTries
	}
	return n << min(s.quarantined, 8)
}
