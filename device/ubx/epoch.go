package ubx

import "math"

// Has says what a Fix states.
type Has uint16

// The values a Fix may state.
const (
	Position Has = 1 << iota
	Altitude
	Speed
	Course
	Sats
	HDOP
	HAcc
)

// Fix is what one epoch of a receiver says, joined from its messages.
type Fix struct {
	ITOW  uint32 // milliseconds of the GPS week, by which messages belong together
	Began int64  // what the joiner's clock said when the first of them was there
	Time  int64  // UTC in Unix milliseconds; 0 while the receiver does not know it
	Mode  uint8  // 1 no fix, 2 two-dimensional, 3 three-dimensional
	Has   Has    // which of the following are stated

	Lat, Lon  int64 // 1e-9 degrees
	Alt       int64 // 1e-4 m above mean sea level
	Speed     int64 // mm/s over ground
	Course    int64 // 1e-5 degrees, 0 to below 360
	Sats      int   // used
	HDOP      int64 // 0.01
	HAcc      int64 // 1e-4 m, horizontal, one standard deviation
	Automatic bool  // it was complete by the end of the receiver's cycle, not by a pause or the next
}

// Joiner makes a Fix of the messages of one epoch. It is not safe for concurrent use and
// allocates nothing after NewJoiner.
type Joiner struct {
	emit func(*Fix)
	mono func() int64

	open  bool
	begun bool
	fix   Fix
	place source // of what the fix holds
	state source
	time  source
	last  ID
	cycle cycle
	late  uint64
	leap  int // that the receiver has stated
	known bool

	pvt    PVT
	llh    PosLLH
	sol    Sol
	status Status
	vel    VelNED
	utc    UTC
	gps    GPSTime
	sky    Sky
}

// source ranks messages that state the same: the higher is believed.
type source uint8

const (
	nobody source = iota
	fromStatus
	fromSOL
	fromGPS
	fromLLH
	fromUTC
	fromPVT
	fromHigh
)

// NewJoiner makes a joiner that calls emit for each epoch in which the receiver says
// where it is, and whether that is a fix, or that it has none. The Fix is good during the call. mono is asked when one begins;
// nil = Began stays 0.
func NewJoiner(mono func() int64, emit func(*Fix)) *Joiner {
	return &Joiner{emit: emit, mono: mono, cycle: cycle{need: agreeing}}
}

// Pending says that something waits for more messages or for Idle.
func (j *Joiner) Pending() bool { return j.open }

// Open is the time of the epoch that waits for more, in Unix milliseconds; 0 = none does, or
// its time is not known yet.
func (j *Joiner) Open() int64 {
	if !j.open {
		return 0
	}
	return j.fix.Time
}

// Late counts the messages that came after their epoch had been emitted.
func (j *Joiner) Late() uint64 { return j.late }

// Idle says that the receiver has been quiet for so long that its cycle must be over.
func (j *Joiner) Idle() {
	if j.open {
		j.close(false)
	}
}

// Add takes a message. known says that it is one of a fix.
func (j *Joiner) Add(id ID, p []byte) (fault Fault, known bool) {
	switch id {
	case NavPVT:
		return j.addPVT(p), true
	case NavHPPOSLLH, NavPOSLLH:
		return j.addLLH(id, p), true
	case NavSOL:
		return j.addSol(p), true
	case NavSTATUS:
		if fault = j.status.Parse(p); fault == Fine && j.epoch(j.status.ITOW) {
			j.mode(fromStatus, j.status.FixType, j.status.OK)
			j.step(id)
		}
	case NavVELNED:
		return j.addVel(p), true
	case NavDOP:
		if j.epoch(u32(p, 0)) {
			if h := u16(p, 12); h > 0 && h < 9999 {
				j.fix.HDOP, j.fix.Has = int64(h), j.fix.Has|HDOP
			}
			j.step(id)
		}
	case NavTIMEUTC:
		return j.addUTC(p), true
	case NavTIMEGPS:
		return j.addGPS(p), true
	case NavSAT, NavSVINFO:
		if fault = j.sky.Parse(id, p); fault == Fine && j.epoch(j.sky.ITOW) {
			if j.fix.Has&Sats == 0 {
				j.fix.Sats, j.fix.Has = j.sky.Used, j.fix.Has|Sats
			}
			j.step(id)
		}
	case NavEOE:
		// It ends the cycle by definition, but for what may be said of an epoch that is over.
		if itow := u32(p, 0); j.open && itow == j.fix.ITOW {
			j.last = id
			j.close(true)
		}
	default:
		return Fine, false
	}
	return fault, true
}

func (j *Joiner) addPVT(p []byte) Fault {
	m := &j.pvt
	if fault := m.Parse(p); fault != Fine || !j.epoch(m.ITOW) {
		return fault
	}
	f := &j.fix
	j.mode(fromPVT, m.FixType, m.OK && !m.PositionInvalid)
	if !m.PositionInvalid {
		j.put(fromPVT, int64(m.Lat)*100, int64(m.Lon)*100, int64(m.MSL)*10, int64(m.HAcc)*10)
	}
	// Before the second is certain it may be off by some: but not with a fix.
	if m.DateValid && m.TimeValid && (m.Resolved || m.OK && m.FixType >= 2) {
		j.dated(fromPVT, unixMillis(m.Year, m.Month, m.Day, m.Hour, m.Minute, m.Second, m.Nano))
	}
	j.moves(int64(m.Speed), int64(m.Course))
	f.Sats, f.Has = int(m.Sats), f.Has|Sats
	j.step(NavPVT)
	return Fine
}

func (j *Joiner) addLLH(id ID, p []byte) (fault Fault) {
	m, from := &j.llh, fromLLH
	if id == NavHPPOSLLH {
		fault, from = m.ParseHigh(p), fromHigh
	} else {
		fault = m.Parse(p)
	}
	if fault != Fine || !j.epoch(m.ITOW) {
		return fault
	}
	if !m.Invalid {
		j.put(from, m.Lat, m.Lon, m.MSL, m.HAcc)
	}
	j.step(id)
	return Fine
}

func (j *Joiner) addSol(p []byte) Fault {
	m := &j.sol
	if fault := m.Parse(p); fault != Fine || !j.epoch(m.ITOW) {
		return fault
	}
	f := &j.fix
	j.mode(fromSOL, m.FixType, m.OK)
	if lat, lon, ok := geodetic(float64(m.X)/100, float64(m.Y)/100, float64(m.Z)/100); ok && fromSOL > j.place {
		j.place = fromSOL
		f.Lat, f.Lon, f.Has = int64(math.Round(lat*1e9)), int64(math.Round(lon*1e9)), f.Has|Position
		if f.Has&Speed == 0 {
			speed, course := overGround(float64(m.VX)/100, float64(m.VY)/100, float64(m.VZ)/100, lat, lon)
			j.moves(int64(math.Round(min(speed, 1e6)*1000)), int64(math.Round(course*1e5)))
		}
	}
	if m.WeekOK && m.TimeOK {
		j.dated(fromSOL, j.civil(m.Week, m.ITOW))
	}
	if f.Has&Sats == 0 || j.state <= fromSOL {
		f.Sats, f.Has = int(m.Sats), f.Has|Sats
	}
	j.step(NavSOL)
	return Fine
}

func (j *Joiner) addVel(p []byte) Fault {
	m := &j.vel
	if fault := m.Parse(p); fault != Fine || !j.epoch(m.ITOW) {
		return fault
	}
	if j.state < fromPVT { // which has it to the millimetre
		j.moves(int64(m.Speed)*10, int64(m.Course))
	}
	j.step(NavVELNED)
	return Fine
}

func (j *Joiner) addUTC(p []byte) Fault {
	m := &j.utc
	if fault := m.Parse(p); fault != Fine || !j.epoch(m.ITOW) {
		return fault
	}
	if m.Valid {
		j.dated(fromUTC, unixMillis(m.Year, m.Month, m.Day, m.Hour, m.Minute, m.Second, m.Nano))
	}
	j.step(NavTIMEUTC)
	return Fine
}

func (j *Joiner) addGPS(p []byte) Fault {
	m := &j.gps
	if fault := m.Parse(p); fault != Fine || !j.epoch(m.ITOW) {
		return fault
	}
	if m.LeapOK {
		j.leap, j.known = m.Leap, true
	}
	if m.TimeOK && m.WeekOK {
		j.dated(fromGPS, j.civil(m.Week, m.ITOW))
	}
	j.step(NavTIMEGPS)
	return Fine
}

// civil is a time of the GPS in UTC.
func (j *Joiner) civil(week int, itow uint32) int64 {
	ms := gpsEpoch + int64(week)*weekMillis + int64(itow)
	if j.known {
		return ms - int64(j.leap)*1000
	}
	return ms - int64(leapSeconds(ms))*1000
}

func (j *Joiner) dated(from source, ms int64) {
	if from >= j.time {
		j.time, j.fix.Time = from, ms
	}
}

// put notes a position. An error of nought, or of a thousand kilometres and more, is none.
func (j *Joiner) put(from source, lat, lon, msl, hacc int64) {
	if from < j.place {
		return
	}
	j.place = from
	f := &j.fix
	f.Lat, f.Lon, f.Alt, f.Has = lat, lon, msl, f.Has|Position|Altitude
	if f.Has &^= HAcc; hacc > 0 && hacc < 1e10 {
		f.HAcc, f.Has = hacc, f.Has|HAcc
	}
}

func (j *Joiner) moves(speed, course int64) {
	f := &j.fix
	if speed >= 0 {
		f.Speed, f.Has = speed, f.Has|Speed
	}
	switch {
	case course < 0 && course >= -180e5:
		course += 360e5
	case course == 360e5:
		course = 0
	}
	if course >= 0 && course < 360e5 {
		f.Course, f.Has = course, f.Has|Course
	}
}

// mode notes what sort of fix a message says there is: 0 none, 1 dead reckoning, 2 and 3
// dimensions, 4 satellites and dead reckoning, 5 the time alone, at a place that is known.
func (j *Joiner) mode(from source, fixType uint8, ok bool) {
	if from < j.state {
		return
	}
	j.state, j.fix.Mode = from, 3
	switch {
	case !ok || fixType == 0:
		j.fix.Mode = 1
	case fixType == 2:
		j.fix.Mode = 2
	}
}

// epoch opens the epoch of a message, after closing the one before. false: it has been
// emitted already.
func (j *Joiner) epoch(itow uint32) bool {
	if j.begun && itow == j.fix.ITOW {
		if !j.open {
			j.late++
			j.cycle.forget()
		}
		return j.open
	}
	if j.open {
		j.close(false)
	}
	j.open, j.begun = true, true
	j.place, j.state, j.time = nobody, nobody, nobody
	j.fix = Fix{ITOW: itow}
	if j.mono != nil {
		j.fix.Began = j.mono()
	}
	return true
}

// step notes that a message is done with, and emits the epoch when it was its last.
func (j *Joiner) step(id ID) {
	if j.last = id; id == j.cycle.ender {
		j.close(true)
	}
}

func (j *Joiner) close(automatic bool) {
	j.open = false
	if !automatic {
		j.cycle.learn(j.last)
	}
	f := &j.fix
	f.Automatic = automatic
	if f.Has&Position == 0 {
		f.Mode = min(f.Mode, 1)
	}
	if f.Mode < 2 {
		f.Has &^= Position | HAcc
	}
	// Without one of a place the messages are an addition to what comes in another format.
	if f.Mode > 0 && (j.place > nobody || j.state >= fromSOL) {
		j.emit(f)
	}
}

// agreeing is how many epochs running must end alike before their end counts as known;
// after each mistake it is twice as many.
const (
	agreeing    = 3
	agreeingMax = 1024
)

// cycle learns with which message a receiver ends its epochs.
type cycle struct {
	ender, candidate ID
	agree, need      int
}

func (c *cycle) learn(last ID) {
	if last != c.candidate {
		c.candidate, c.agree = last, 0
	}
	if c.agree++; c.agree >= c.need {
		c.ender = last
	}
}

func (c *cycle) forget() {
	c.ender, c.agree = 0, 0
	c.need = min(c.need*2, agreeingMax)
}
