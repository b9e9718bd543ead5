package dualmcu

// Event says what a Scanner has found.
type Event uint8

// The events. Good frames are the only ones that Frame gives.
const (
	More    Event = iota // nothing yet: all bytes are taken
	Good                 // a frame
	Refused              // a frame with FFFF in place of its CRC: the sink understood a request wrongly
	BadSum               // a frame whose CRC is wrong
	BadForm              // too short, of another length than it says, or a wrong escape
	Long                 // no end within the longest frame
	Noise                // bytes before the first END
)

// Scanner finds frames in a byte stream. The zero value is ready.
//
// Each END ends what was before it and begins what comes: so of two frames between
// which one byte was lost, one is lost at most.
type Scanner struct {
	buf     [longest]byte
	n       int
	begun   bool // there was an END
	escaped bool // the byte before was an escape
	skip    bool // until the next END: what was here has been told
	frame   Frame
}

// Scan takes bytes until something is found, and says how many it took.
func (s *Scanner) Scan(b []byte) (n int, ev Event) {
	for i, c := range b {
		if ev := s.put(c); ev != More {
			return i + 1, ev
		}
	}
	return len(b), More
}

// Frame is the last good frame. Its payload is good until the next Scan.
func (s *Scanner) Frame() Frame { return s.frame }

func (s *Scanner) put(c byte) Event {
	switch {
	case c == end:
		return s.end()
	case s.skip:
		return More
	case s.escaped:
		s.escaped = false
		switch c {
		case escEnd:
			c = end
		case escEsc:
			c = escape
		default:
			if s.begun {
				return s.drop(BadForm)
			}
		}
	case c == escape:
		s.escaped = true
		return More
	}
	if s.n == longest {
		if !s.begun {
			return More
		}
		return s.drop(Long)
	}
	s.buf[s.n] = c
	s.n++
	return More
}

// drop passes over everything up to the next END.
func (s *Scanner) drop(ev Event) Event {
	s.skip = true
	return ev
}

// end takes an END.
func (s *Scanner) end() Event {
	n, begun, skip, escaped := s.n, s.begun, s.skip, s.escaped
	s.n, s.begun, s.skip, s.escaped = 0, true, false, false
	switch {
	case skip || n == 0 && !escaped:
		return More
	case !begun:
		return Noise
	case escaped, n < head+tail, n != head+int(s.buf[2])+tail:
		return BadForm
	}
	body, sum := s.buf[:n-tail], uint16(s.buf[n-2])|uint16(s.buf[n-1])<<8
	switch {
	case sum == crc(0xFFFF, body):
		s.frame = Frame{body[0], body[1], body[head:]}
		return Good
	case sum == 0xFFFF:
		return Refused
	}
	return BadSum
}

// Recognise says how much of b is in whole frames. It is for finding out what a line
// carries.
func Recognise(b []byte) (name string, share float64) {
	var s Scanner
	good, first := 0, -1
	for at := 0; at < len(b); {
		n, ev := s.Scan(b[at:])
		if ev == Good {
			if first < 0 {
				first = max(0, at-1)
			}
			good += n
		}
		at += n
	}
	if good == 0 {
		return "Wirepas sink", 0
	}
	return "Wirepas sink", min(1, float64(good+1)/float64(len(b)-first))
}
