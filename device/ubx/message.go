package ubx

import "encoding/binary"

// Fault says what was wrong with a message whose checksum was right.
type Fault uint8

// The faults.
const (
	Fine       Fault = iota
	OutOfRange       // latitude 91, month 13
	Malformed        // it counts more than it holds
)

// PVT is NAV-PVT, a receiver's whole solution, since u-blox 7.
type PVT struct {
	ITOW                 uint32 // ms of the GPS week
	Year                 int
	Month, Day, Hour     int
	Minute, Second       int
	Nano                 int32 // to be added to the second
	DateValid, TimeValid bool
	Resolved             bool // the second is certain
	FixType              uint8
	OK                   bool // the receiver stands by its fix
	Sats                 uint8
	Lon, Lat             int32 // 1e-7 degrees
	MSL                  int32 // mm above mean sea level
	HAcc                 uint32
	Speed                int32 // mm/s over ground
	Course               int32 // 1e-5 degrees
	PositionInvalid      bool
}

// u16, u32 and i32 read little-endian numbers of a payload whose length fits has checked.
func u16(p []byte, at int) int    { return int(binary.LittleEndian.Uint16(p[at:])) }
func u32(p []byte, at int) uint32 { return binary.LittleEndian.Uint32(p[at:]) }
func i32(p []byte, at int) int32  { return int32(u32(p, at)) }

// Parse reads a payload of NAV-PVT.
func (m *PVT) Parse(p []byte) Fault {
	*m = PVT{
		ITOW: u32(p, 0), Year: u16(p, 4), Month: int(p[6]), Day: int(p[7]), Hour: int(p[8]), Minute: int(p[9]), Second: int(p[10]),
		DateValid: p[11]&1 != 0, TimeValid: p[11]&2 != 0, Resolved: p[11]&4 != 0, Nano: i32(p, 16),
		FixType: p[20], OK: p[21]&1 != 0, Sats: p[23],
		Lon: i32(p, 24), Lat: i32(p, 28), MSL: i32(p, 36), HAcc: u32(p, 40), Speed: i32(p, 60), Course: i32(p, 64),
		PositionInvalid: p[78]&1 != 0,
	}
	switch {
	case m.ITOW >= weekMillis || m.FixType > 5 || !place(m.Lat, m.Lon):
		return OutOfRange
	case (m.DateValid && m.TimeValid) && !calendar(m.Year, m.Month, m.Day, m.Hour, m.Minute, m.Second, m.Nano):
		return OutOfRange
	}
	return Fine
}

// PosLLH is NAV-POSLLH, or NAV-HPPOSLLH, which has two more digits.
type PosLLH struct {
	ITOW     uint32
	Lat, Lon int64 // 1e-9 degrees
	MSL      int64 // 1e-4 m
	HAcc     int64 // 1e-4 m
	Invalid  bool
}

// Parse reads a payload of NAV-POSLLH.
func (m *PosLLH) Parse(p []byte) Fault {
	lon, lat := i32(p, 4), i32(p, 8)
	*m = PosLLH{ITOW: u32(p, 0), Lat: int64(lat) * 100, Lon: int64(lon) * 100, MSL: int64(i32(p, 16)) * 10, HAcc: int64(u32(p, 20)) * 10}
	return m.check(lat, lon)
}

// ParseHigh reads a payload of NAV-HPPOSLLH.
func (m *PosLLH) ParseHigh(p []byte) Fault {
	lon, lat := i32(p, 8), i32(p, 12)
	*m = PosLLH{
		ITOW: u32(p, 4), Invalid: p[3]&1 != 0, HAcc: int64(u32(p, 28)),
		Lon: int64(lon)*100 + int64(int8(p[24])), Lat: int64(lat)*100 + int64(int8(p[25])), MSL: int64(i32(p, 20))*10 + int64(int8(p[27])),
	}
	return m.check(lat, lon)
}

func (m *PosLLH) check(lat, lon int32) Fault {
	if m.ITOW >= weekMillis || !place(lat, lon) || m.Lat > 90e9 || m.Lat < -90e9 {
		return OutOfRange
	}
	return Fine
}

// Sol is NAV-SOL, the solution of receivers before u-blox 7: in metres from the centre
// of the earth.
type Sol struct {
	ITOW           uint32
	Week           int
	FixType        uint8
	OK             bool
	WeekOK, TimeOK bool
	X, Y, Z        int32 // cm
	VX, VY, VZ     int32 // cm/s
	Sats           uint8
}

// Parse reads a payload of NAV-SOL.
func (m *Sol) Parse(p []byte) Fault {
	*m = Sol{
		ITOW: u32(p, 0), Week: int(int16(u16(p, 8))), FixType: p[10], OK: p[11]&1 != 0, WeekOK: p[11]&4 != 0, TimeOK: p[11]&8 != 0,
		X: i32(p, 12), Y: i32(p, 16), Z: i32(p, 20), VX: i32(p, 28), VY: i32(p, 32), VZ: i32(p, 36), Sats: p[47],
	}
	if m.ITOW >= weekMillis || m.FixType > 5 || m.WeekOK && m.Week < 0 {
		return OutOfRange
	}
	return Fine
}

// Status is NAV-STATUS.
type Status struct {
	ITOW    uint32
	FixType uint8
	OK      bool
	Spoof   State
}

// Parse reads a payload of NAV-STATUS.
func (m *Status) Parse(p []byte) Fault {
	*m = Status{ITOW: u32(p, 0), FixType: p[4], OK: p[5]&1 != 0, Spoof: State(p[7] >> 3 & 3)}
	if m.ITOW >= weekMillis || m.FixType > 5 {
		return OutOfRange
	}
	return Fine
}

// VelNED is NAV-VELNED.
type VelNED struct {
	ITOW   uint32
	Speed  uint32 // cm/s over ground
	Course int32  // 1e-5 degrees
}

// Parse reads a payload of NAV-VELNED.
func (m *VelNED) Parse(p []byte) Fault {
	*m = VelNED{ITOW: u32(p, 0), Speed: u32(p, 20), Course: i32(p, 24)}
	if m.ITOW >= weekMillis || m.Speed > 1_000_000 {
		return OutOfRange
	}
	return Fine
}

// UTC is NAV-TIMEUTC.
type UTC struct {
	ITOW                   uint32
	Year, Month, Day, Hour int
	Minute, Second         int
	Nano                   int32
	Valid                  bool
}

// Parse reads a payload of NAV-TIMEUTC.
func (m *UTC) Parse(p []byte) Fault {
	*m = UTC{
		ITOW: u32(p, 0), Nano: i32(p, 8), Year: u16(p, 12), Month: int(p[14]), Day: int(p[15]), Hour: int(p[16]), Minute: int(p[17]), Second: int(p[18]),
		Valid: p[19]&7 == 7,
	}
	if m.ITOW >= weekMillis || m.Valid && !calendar(m.Year, m.Month, m.Day, m.Hour, m.Minute, m.Second, m.Nano) {
		return OutOfRange
	}
	return Fine
}

// GPSTime is NAV-TIMEGPS.
type GPSTime struct {
	ITOW                   uint32
	Week                   int
	Leap                   int
	TimeOK, WeekOK, LeapOK bool
}

// Parse reads a payload of NAV-TIMEGPS.
func (m *GPSTime) Parse(p []byte) Fault {
	*m = GPSTime{ITOW: u32(p, 0), Week: int(int16(u16(p, 8))), Leap: int(int8(p[10])), TimeOK: p[11]&1 != 0, WeekOK: p[11]&2 != 0, LeapOK: p[11]&4 != 0}
	if m.ITOW >= weekMillis || m.WeekOK && m.Week < 0 || m.LeapOK && (m.Leap < 0 || m.Leap > 60) {
		return OutOfRange
	}
	return Fine
}

// Sky is NAV-SAT, or NAV-SVINFO of receivers before u-blox 8.
type Sky struct {
	ITOW       uint32
	Seen, Used int
}

// Parse reads a payload of either. id tells which.
func (m *Sky) Parse(id ID, p []byte) Fault {
	*m = Sky{ITOW: u32(p, 0)}
	count, flags, used := int(p[5]), 8, byte(1<<3)
	if id == NavSVINFO {
		count, flags, used = int(p[4]), 2, 1
	}
	if 8+12*count > len(p) {
		return Malformed
	}
	for i := range count {
		if p[8+12*i+flags]&used != 0 {
			m.Used++
		}
	}
	if m.Seen = count; m.ITOW >= weekMillis {
		return OutOfRange
	}
	return Fine
}

// Satellite is one that NAV-SAT or NAV-SVINFO tells of.
type Satellite struct {
	GNSS      uint8 // 0 GPS, 1 SBAS, 2 Galileo, 3 BeiDou, 4 IMES, 5 QZSS, 6 GLONASS, 7 NavIC
	ID        int   // within its system; of SBAS the code from 120 on
	Elevation int   // degrees, below -90 = not known
	Azimuth   int   // degrees
	SNR       int   // dB-Hz, 0 = not heard
	Used      bool
}

// Satellite is number i, below Seen, of the payload that was parsed.
func (m *Sky) Satellite(id ID, p []byte, i int) Satellite {
	b := p[8+12*i:]
	if id == NavSVINFO {
		s := Satellite{Used: b[2]&1 != 0, SNR: int(b[4]), Elevation: int(int8(b[5])), Azimuth: int(int16(u16(b, 6)))}
		s.GNSS, s.ID = numbered(int(b[1]))
		return s
	}
	return Satellite{GNSS: b[0], ID: int(b[1]), SNR: int(b[2]), Elevation: int(int8(b[3])), Azimuth: int(int16(u16(b, 4))), Used: b[8]&(1<<3) != 0}
}

// numbered takes apart the one series of numbers that receivers had before u-blox 8.
func numbered(n int) (gnss uint8, id int) {
	switch {
	case n >= 120 && n <= 158:
		return 1, n
	case n >= 211 && n <= 246:
		return 2, n - 210
	case n >= 159 && n <= 163:
		return 3, n - 158
	case n >= 33 && n <= 64:
		return 3, n - 27
	case n >= 193 && n <= 202:
		return 5, n - 192
	case n >= 65 && n <= 96:
		return 6, n - 64
	case n >= 173 && n <= 182:
		return 4, n - 172
	}
	return 0, n
}

// PDOP is the position's dilution of precision, in hundredths, as NAV-PVT or NAV-DOP states
// it; 0 = it states none.
func PDOP(id ID, p []byte) int {
	at := 76
	if id == NavDOP {
		at = 6
	}
	if n := u16(p, at); n < 9999 {
		return n
	}
	return 0
}

// place: degrees in 1e-7.
func place(lat, lon int32) bool {
	return lat >= -90e7 && lat <= 90e7 && lon >= -180e7 && lon <= 180e7
}

// trimmed is a text that ends with its first nought.
func trimmed(p []byte) string {
	for i, c := range p {
		if c == 0 {
			p = p[:i]
			break
		}
	}
	return string(p)
}

// Version is MON-VER: what the receiver is.
type Version struct {
	Software, Hardware string
	Extensions         []string // "FWVER=SPG 4.04", "PROTVER=34.10", "MOD=NEO-M9N"
}

// Parse reads a payload of MON-VER. It allocates.
func (m *Version) Parse(p []byte) Fault {
	if *m = (Version{}); len(p) < 40 {
		return Malformed
	}
	*m = Version{Software: trimmed(p[:30]), Hardware: trimmed(p[30:40])}
	for p = p[40:]; len(p) >= 30; p = p[30:] {
		m.Extensions = append(m.Extensions, trimmed(p[:30]))
	}
	if len(p) > 0 {
		return Malformed
	}
	return Fine
}
