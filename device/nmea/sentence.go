package nmea

// Type is the kind of a sentence, whoever the talker is.
type Type uint8

// The types with a decoder. Other is every sentence that is well formed but
// has none, Foreign one that begins with '!' (AIS).
const (
	Other Type = iota
	GGA
	RMC
	GNS
	GSA
	GSV
	VTG
	GLL
	ZDA
	GST
	GBS
	HDT
	Foreign
	Types // their number
)

// String is the three letters of the type.
func (t Type) String() string {
	const names = "OtherGGARMCGNSGSAGSVVTGGLLZDAGSTGBSHDTForeign"
	switch {
	case t == Other:
		return names[:5]
	case t == Foreign:
		return names[5+11*3:]
	case t > Foreign:
		return "unknown"
	}
	return names[5+3*(int(t)-1) : 5+3*int(t)]
}

// maxFields is more than any sentence has: GSA of one receiver has 30.
const maxFields = 64

// Sentence is one sentence as found by a Scanner. It is good until the next
// call of Scan.
type Sentence struct {
	Type   Type
	Talker [2]byte // "GP", "GN", ...; 'P' and 0 for a maker's own sentence

	body []byte // between the '$' and the '*'
	ends [maxFields]uint16
	n    int
}

// Fields is the number of fields, the address included.
func (s *Sentence) Fields() int { return s.n }

// Field is field i without its commas; field 0 is the address ("GPGGA"). A
// field beyond the last is empty.
func (s *Sentence) Field(i int) []byte {
	if i < 0 || i >= s.n {
		return nil
	}
	from := uint16(0)
	if i > 0 {
		from = s.ends[i-1] + 1
	}
	return s.body[from:s.ends[i]]
}

// split finds the fields and says what kind of sentence this is. Fields beyond
// the 64th are dropped.
func (s *Sentence) split(start byte, body []byte) {
	s.body, s.n = body, 0
	for i, c := range body {
		if c == ',' && s.n < maxFields {
			s.ends[s.n] = uint16(i)
			s.n++
		}
	}
	if s.n < maxFields {
		s.ends[s.n] = uint16(len(body))
		s.n++
	}
	s.classify(start)
}

func (s *Sentence) classify(start byte) {
	s.Type, s.Talker = Other, [2]byte{}
	address := s.Field(0)
	if len(address) < 3 {
		return
	}
	s.Talker = [2]byte{address[0], address[1]}
	if start == '!' {
		s.Type = Foreign
		return
	}
	// A maker's own sentence can end like a standard one: PGRMC is Garmin's
	// configuration. Quectel's PQGSA is the one exception known.
	if address[0] == 'P' && string(address) != "PQGSA" && string(address) != "PQGSV" {
		s.Talker[1] = 0
		return
	}
	if len(address) == 5 {
		s.Type = typeOf(address[2], address[3], address[4])
	}
}

func typeOf(a, b, c byte) Type {
	switch uint32(a)<<16 | uint32(b)<<8 | uint32(c) {
	case 'G'<<16 | 'G'<<8 | 'A':
		return GGA
	case 'R'<<16 | 'M'<<8 | 'C':
		return RMC
	case 'G'<<16 | 'N'<<8 | 'S':
		return GNS
	case 'G'<<16 | 'S'<<8 | 'A':
		return GSA
	case 'G'<<16 | 'S'<<8 | 'V':
		return GSV
	case 'V'<<16 | 'T'<<8 | 'G':
		return VTG
	case 'G'<<16 | 'L'<<8 | 'L':
		return GLL
	case 'Z'<<16 | 'D'<<8 | 'A':
		return ZDA
	case 'G'<<16 | 'S'<<8 | 'T':
		return GST
	case 'G'<<16 | 'B'<<8 | 'S':
		return GBS
	case 'H'<<16 | 'D'<<8 | 'T':
		return HDT
	}
	return Other
}
