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
	minTight      = 1000 // bytes; fits one packet on any path in use
	proofsToWiden = 500
)

// suspicion finds the record a server chokes on and learns how large a frame
// may be. It lives as long as the Link; only the goroutine of Run uses it.
//
// A record is only ever condemned when it was alone in flight. Setting records
// aside without any proof in between takes twice the tries each time: a server
// that refuses everything for a day must not empty the queue into quarantine.
type suspicion struct {
	maxBytes int     // limit of a frame for this server
	maxRecs  int     // limit while below until; 0: none
	until    uint64  // records before this go one frame at a time
	strays   []split // and so do these, which were on their way in a fresh lane

	tight  int // limit of a frame while nothing larger gets through; 0: none
	silent int // ends in a row with nothing proven and no word of the server
	proofs int // since tight was last changed

	first, end uint64 // the frame that failed last
	tries      int
	condemned  int // records set aside since the last proof
}

// evidence is what an end left in flight.
type evidence struct {
	suspect flown  // the first unproven frame
	frames  int    // unproven, suspect included; 0: there is no suspect
	largest int    // bytes of the largest unproven frame
	through uint64 // one past the last unproven record of the main lane; 0: none
	fresh   split  // the unproven ones of the fresh lane
	proven  bool   // the connection had brought some proof
}

// narrow reports whether frames from n on must go one at a time.
func (s *suspicion) narrow(n uint64) bool {
	return n < s.until || slices.ContainsFunc(s.strays, func(in split) bool { return in.first <= n && n < in.end })
}

// maxStrays bounds what is remembered of fresh lanes; the last one grows then.
const maxStrays = 16

// stray suspects records of a fresh lane. The main lane of a later connection
// carries them, after a backlog that is beyond suspicion.
func (s *suspicion) stray(in split) {
	switch last := len(s.strays) - 1; {
	case in.end == 0 || slices.Contains(s.strays, in):
	case last+1 == maxStrays:
		s.strays[last].end = max(s.strays[last].end, in.end)
	default:
		s.strays = append(s.strays, in)
	}
}

// proved takes note of a proof, and that everything of the main lane before n
// has arrived.
func (s *suspicion) proved(n uint64) {
	s.condemned, s.silent = 0, 0
	if s.proofs++; s.tight > 0 && s.proofs >= proofsToWiden {
		s.widen()
	}
	s.strays = slices.DeleteFunc(s.strays, func(in split) bool { return in.end <= n })
	if n >= s.until {
		s.maxRecs, s.tries = 0, 0
	}
}

// limit is how large a frame may be now.
func (s *suspicion) limit() int {
	if s.tight > 0 {
		return min(s.tight, s.maxBytes)
	}
	return s.maxBytes
}

// stuck weighs an end at which the server said nothing although data was on
// the way. A path that swallows large packets, or one so slow that a frame
// takes longer than the patience for its pong, looks like this; smaller
// frames get through both. It returns whether frames must be cut anew.
func (s *suspicion) stuck(own error, e evidence) bool {
	silence := errors.Is(own, errNoPong) || errors.Is(own, errNeverPong) || errors.Is(own, errWriteStuck)
	if !silence || e.frames == 0 || e.proven {
		return false
	}
	if s.silent++; s.silent < silentTries || s.limit() <= minTight || e.largest <= minTight {
		return false
	}
	s.silent, s.proofs = 0, 0
	s.tight = max(min(s.limit(), e.largest)/4, minTight)
	return true
}

// widen tries a larger frame again after a good while.
func (s *suspicion) widen() {
	s.proofs = 0
	if s.tight *= 2; s.tight >= s.maxBytes {
		s.tight = 0
	}
}

// consider weighs an end. It returns whether frames must be cut anew and
// whether the record at evidence.suspect.from is to be set aside.
func (s *suspicion) consider(b blame, e evidence) (recut, condemn bool) {
	if b == blameNone || e.frames == 0 {
		return false, false
	}
	s.until = max(s.until, e.through)
	s.stray(e.fresh)
	one := e.suspect.end-e.suspect.from == 1
	if b == blameSize && !(one && e.frames == 1) {
		if limit := min(s.maxBytes, e.largest); limit > minBatchBytes {
			s.maxBytes = max(limit/2, minBatchBytes)
		}
		return true, false
	}
	if e.frames > 1 {
		return false, false // not alone: the next connection will tell
	}
	if s.first != e.suspect.from || s.end != e.suspect.end {
		s.first, s.end, s.tries = e.suspect.from, e.suspect.end, 0
	}
	s.tries++
	if !one {
		return s.bisect(b), false
	}
	if s.tries < s.needed(b) {
		return false, false
	}
	s.condemned++
	s.tries = 0
	return true, true
}

// bisect halves the suspect frame: after the first refusal of its content,
// after the fifth stumble of the server.
func (s *suspicion) bisect(b blame) bool {
	if b == blameServer && s.maxRecs == 0 && s.tries < serverTries {
		return false
	}
	s.maxRecs = max(int((s.end-s.first)/2), 1)
	return true
}

func (s *suspicion) needed(b blame) int {
	n := 1
	switch b {
	case blamePayload:
		n = payloadTries
	case blameServer:
		n = serverTries
	}
	return n << min(s.condemned, 8)
}
