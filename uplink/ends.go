package uplink

import (
	"fmt"
	"maps"
)

// End is one way in which a connection ends, or does not come to be.
type End struct {
	Dialed  bool   // there was no connection yet
	Problem string // code of the catalogue; "" = the end was in order
	Code    int    // of the server's close frame (RFC 6455, 7.4), 0 = none; the rest of them when there are too many
}

// MarshalText implements encoding.TextMarshaler, so that a Status can be JSON.
func (e End) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%s %d dialed=%v", e.Problem, e.Code, e.Dialed), nil
}

// maxEnds is how many ways are told apart: a server may choose any of a thousand codes.
const maxEnds = 48

// ended counts an end.
func (s *Status) ended(e End) {
	if _, known := s.Ends[e]; !known && len(s.Ends) >= maxEnds {
		e.Code = 0
	}
	if s.Ends == nil {
		s.Ends = map[End]uint64{}
	}
	s.Ends[e]++
}

// cloned is s with maps of its own.
func (s Status) cloned() Status {
	s.ServerKinds, s.Ends, s.Unlogged = maps.Clone(s.ServerKinds), maps.Clone(s.Ends), maps.Clone(s.Unlogged)
	return s
}
