package nmea

// ZDAData is time and date, the date with its century.
//
//	$GPZDA,160012.71,11,03,2004,-1,00*7D
type ZDAData struct {
	Time TimeOfDay
	Date Date
}

// Parse decodes a ZDA sentence.
func (z *ZDAData) Parse(s *Sentence) Fault {
	f := fields{s: s}
	*z = ZDAData{Time: f.time(1), Date: NoDate}
	d, m, y := f.count(2), f.count(3), f.count(4)
	if d >= 0 && m >= 0 && y >= 0 {
		z.Date = f.day(int(y), int(m), int(d))
	}
	return f.fault
}

// GSTData is the receiver's own statement of its error, one standard
// deviation, in metres.
//
//	$GPGST,082356.00,1.8,,,,1.7,1.3,2.2*7E
type GSTData struct {
	Time          TimeOfDay
	Lat, Lon, Alt Decimal
}

// Parse decodes a GST sentence.
func (g *GSTData) Parse(s *Sentence) Fault {
	f := fields{s: s}
	*g = GSTData{Time: f.time(1), Lat: f.decimal(6), Lon: f.decimal(7), Alt: f.decimal(8)}
	return f.fault
}

// GBSData is the error as the receiver's fault detection expects it, one
// standard deviation, in metres.
//
//	$GPGBS,082941.00,2.4,1.5,3.9,25,,-43.7,27.5*65
type GBSData struct {
	Time          TimeOfDay
	Lat, Lon, Alt Decimal
	Failed        int16 // the satellite most likely at fault; None
}

// Parse decodes a GBS sentence.
func (g *GBSData) Parse(s *Sentence) Fault {
	f := fields{s: s}
	*g = GBSData{Time: f.time(1), Lat: f.decimal(2), Lon: f.decimal(3), Alt: f.decimal(4), Failed: f.count(5)}
	return f.fault
}

// HDTData is where the bow points, degrees true: a heading, not a course.
//
//	$HEHDT,341.8,T*21
type HDTData struct{ Heading Decimal }

// Parse decodes an HDT sentence.
func (h *HDTData) Parse(s *Sentence) Fault {
	f := fields{s: s}
	*h = HDTData{Heading: f.decimal(1)}
	return f.fault
}

// GSVData is one page of the list of satellites in view.
//
//	$GPGSV,3,2,11,09,27,201,18,11,25,054,14,17,55,292,28,20,30,116,15*7B
type GSVData struct {
	Pages, Page int16 // Page counts from 1
	InView      int16
	Sats        [4]Satellite
	Count       int // of Sats
}

// Satellite is one entry of GSV. What the receiver left empty is None.
type Satellite struct {
	ID        int16
	Elevation int16 // degrees; below the horizon it is told as None
	Azimuth   int16 // degrees
	SNR       int16 // dB-Hz
}

// Parse decodes a GSV sentence, with or without the signal number of NMEA 4.1.
func (g *GSVData) Parse(s *Sentence) Fault {
	f := fields{s: s}
	*g = GSVData{Pages: f.count(1), Page: f.count(2), InView: f.count(3)}
	for i := 4; i+3 < s.Fields() && g.Count < len(g.Sats); i += 4 {
		if len(s.Field(i)) == 0 {
			continue
		}
		sat := &g.Sats[g.Count]
		sat.ID, sat.Azimuth, sat.SNR = f.count(i), f.count(i+2), f.count(i+3)
		sat.Elevation = None
		if e := s.Field(i + 1); len(e) > 0 && e[0] != '-' {
			sat.Elevation = f.count(i + 1)
		}
		g.Count++
	}
	return f.fault
}
