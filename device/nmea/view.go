package nmea

// inGSV is how many satellites one GSV tells of, inGSA how many one GSA names at most.
const (
	inGSV = 4
	inGSA = 24
)

// Seen is one satellite as GSV has it.
type Seen struct {
	ID        int16 // as the talker numbers them
	Elevation int16 // degrees; None
	Azimuth   int16 // degrees true; None
	SNR       int16 // dB-Hz; None = it is not heard
}

// GSVData is a part of the satellites in view. A receiver of several systems, or of several
// signals of one, sends a series for each.
//
//	$GPGSV,3,1,11,10,63,137,17,07,61,098,15,05,59,290,20,08,54,157,30*70
type GSVData struct {
	Signal byte // which one of the system's, as a hexadecimal digit, since NMEA 4.10; 0 = it is not said
	N      int
	Sats   [inGSV]Seen
}

// Parse decodes a GSV sentence.
func (g *GSVData) Parse(s *Sentence) Fault {
	f := fields{s: s}
	const head, each = 4, 4
	*g = GSVData{}
	for i := head; i+each <= s.Fields() && g.N < inGSV; i += each {
		seen := Seen{ID: f.count(i), Elevation: f.count(i + 1), Azimuth: f.count(i + 2), SNR: f.count(i + 3)}
		if seen.ID > 0 {
			g.Sats[g.N] = seen
			g.N++
		}
	}
	if n := s.Fields(); n > head && (n-head)%each == 1 {
		g.Signal = f.letter(n - 1)
	}
	return f.fault
}

// UsedData is which satellites a GSA names, where GSAData only counts them.
type UsedData struct {
	System byte // '1' GPS and so on, since NMEA 4.10; 0 = the talker says it, or nobody
	N      int
	IDs    [inGSA]int16
	PDOP   Decimal
}

// Parse decodes a GSA sentence.
func (u *UsedData) Parse(s *Sentence) Fault {
	f := fields{s: s}
	*u = UsedData{}
	if s.Fields() < 18 {
		return 0
	}
	last := s.Fields()
	if last == 19 {
		last--
		u.System = f.letter(last)
	}
	for i := 3; i < last-3 && u.N < inGSA; i++ {
		if id := f.count(i); id > 0 {
			u.IDs[u.N] = id
			u.N++
		}
	}
	u.PDOP = f.decimal(last - 3)
	return f.fault
}
