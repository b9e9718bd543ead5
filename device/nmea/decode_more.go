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
