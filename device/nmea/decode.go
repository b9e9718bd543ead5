package nmea

// GGAData is one fix as GGA states it.
//
//	$GPGGA,143252.00,4002.10513,N,07531.20562,W,1,07,1.72,183.8,M,-34.4,M,,*61
type GGAData struct {
	Time     TimeOfDay
	Position Position
	Quality  int16   // 0 none, 1 GNSS, 2 differential, 3 PPS, 4 RTK, 5 RTK float, 6 estimated, 7 manual, 8 simulated; None
	Sats     int16   // used; None
	HDOP     Decimal //
	Alt      Decimal // metres above mean sea level
	Geoid    Decimal // metres of mean sea level above the ellipsoid
	Age      Decimal // seconds since the last differential correction
}

// Parse decodes a GGA sentence; it is not to be called with another type.
func (g *GGAData) Parse(s *Sentence) Fault {
	f := fields{s: s}
	*g = GGAData{
		Time:     f.time(1),
		Position: f.position(2),
		Quality:  f.count(6),
		Sats:     f.count(7),
		HDOP:     f.decimal(8),
		Alt:      f.decimal(9),
		Geoid:    f.decimal(11),
		Age:      f.decimal(13),
	}
	return f.fault
}

// RMCData is the recommended minimum: the one common sentence with a date.
//
//	$GPRMC,143252.00,A,4002.10513,N,07531.20562,W,0.016,,241013,,,A*60
type RMCData struct {
	Time     TimeOfDay
	Status   byte // 'A' valid, 'V' not, 'D' differential; 0
	Position Position
	Speed    Decimal // knots
	Course   Decimal // degrees true
	Date     Date
	Mode     byte // A D E F M N P R S; 0
	Nav      byte // navigational status S C U V; 0
}

// Parse decodes an RMC sentence.
func (r *RMCData) Parse(s *Sentence) Fault {
	f := fields{s: s}
	*r = RMCData{
		Time:     f.time(1),
		Status:   f.letter(2),
		Position: f.position(3),
		Speed:    f.decimal(7),
		Course:   f.decimal(8),
		Date:     f.date(9),
		Mode:     f.letter(12),
		Nav:      f.letter(13),
	}
	return f.fault
}

// GNSData is one fix of a receiver of several systems.
//
//	$GNGNS,053229.438,4807.0380,N,01131.3240,E,AA,09,1.2,545.4,46.9,,*76
type GNSData struct {
	Time     TimeOfDay
	Position Position
	Mode     byte // of the first system; 0
	Sats     int16
	HDOP     Decimal
	Alt      Decimal // metres above mean sea level
	Geoid    Decimal
	Nav      byte // navigational status S C U V; 0. It is not about the fix: V = the receiver does not state it
}

// Parse decodes a GNS sentence.
func (g *GNSData) Parse(s *Sentence) Fault {
	f := fields{s: s}
	*g = GNSData{
		Time:     f.time(1),
		Position: f.position(2),
		Mode:     bestMode(s.Field(6)),
		Sats:     f.count(7),
		HDOP:     f.decimal(8),
		Alt:      f.decimal(9),
		Geoid:    f.decimal(10),
		Nav:      f.letter(13),
	}
	return f.fault
}

// bestMode is the first letter that is not N, so that a fix of GLONASS alone
// ("NA") counts; N when no system has one, 0 when the field is empty.
func bestMode(modes []byte) byte {
	if len(modes) == 0 {
		return 0
	}
	for _, m := range modes {
		if m != 'N' {
			return m
		}
	}
	return 'N'
}

// GSAData is the kind of fix and the satellites in it. A receiver of several
// systems sends one for each.
//
//	$GPGSA,A,3,28,17,01,08,09,11,32,,,,,,2.94,1.72,2.39*0C
type GSAData struct {
	Mode             int16 // 1 no fix, 2 two-dimensional, 3 three-dimensional; None
	Used             int16 // satellites named
	Whole            bool  // it has all its fields; one receiver sends a stump without a fix
	PDOP, HDOP, VDOP Decimal
}

// Parse decodes a GSA sentence of any number of satellites.
func (g *GSAData) Parse(s *Sentence) Fault {
	f := fields{s: s}
	*g = GSAData{Mode: f.count(2), Whole: s.Fields() >= 18}
	if g.Mode < 1 || g.Mode > 3 {
		g.Mode = None
	}
	// The precision follows the satellites: 12 of them, or 24 with one maker. A
	// 19th field is the system's number.
	last := s.Fields()
	if last == 19 {
		last--
	}
	for i := 3; i < last-3; i++ {
		if f.count(i) > 0 {
			g.Used++
		}
	}
	if g.Whole {
		g.PDOP, g.HDOP, g.VDOP = f.decimal(last-3), f.decimal(last-2), f.decimal(last-1)
	}
	return f.fault
}

// VTGData is speed and course over ground.
//
//	$GPVTG,54.7,T,34.4,M,5.5,N,10.2,K,A*2C
type VTGData struct {
	Course Decimal // degrees true
	Knots  Decimal
	KMH    Decimal
	Mode   byte
}

// Parse decodes a VTG sentence, the old form without letters included
// (course, magnetic course, knots, km/h).
func (v *VTGData) Parse(s *Sentence) Fault {
	f := fields{s: s}
	if s.Fields() <= 5 {
		*v = VTGData{Course: f.decimal(1), Knots: f.decimal(3), KMH: f.decimal(4)}
		return f.fault
	}
	*v = VTGData{Course: f.decimal(1), Knots: f.decimal(5), KMH: f.decimal(7), Mode: f.letter(9)}
	return f.fault
}

// GLLData is a position and its time.
//
//	$GPGLL,4002.10504,N,07531.20566,W,143251.00,A,A*7A
type GLLData struct {
	Position Position
	Time     TimeOfDay
	Status   byte // 'A' valid, 'V' not; 0
	Mode     byte
}

// Parse decodes a GLL sentence.
func (g *GLLData) Parse(s *Sentence) Fault {
	f := fields{s: s}
	*g = GLLData{Position: f.position(1), Time: f.time(5), Status: f.letter(6), Mode: f.letter(7)}
	return f.fault
}
