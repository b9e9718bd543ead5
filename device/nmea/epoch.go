package nmea

// same says that two times belong to one epoch: some receivers round the time
// of one sentence and cut that of another.
func same(a, b TimeOfDay) bool {
	d := a - b
	return a != NoTime && b != NoTime && -10 < d && d < 10
}

// place finds the epoch of a sentence that carries a position, closing and
// opening epochs as needed. false: that epoch has been emitted already.
func (j *Joiner) place(t Type, at TimeOfDay) bool {
	switch {
	case at == NoTime && t == GLL && j.open && j.count[GLL] == 0:
		return true // some old receivers leave out the time of GLL alone
	case at == NoTime && j.open && j.fix.Clock == NoTime && j.count[t] == 0:
		return true
	case at != NoTime && same(at, j.fix.Clock):
		if !j.open {
			j.late++
			j.cycle.forget()
			return false
		}
		j.fix.Clock = at
		return true
	}
	if j.open {
		j.close(ByTime)
	}
	j.begin(at)
	return true
}

func (j *Joiner) begin(at TimeOfDay) {
	j.open = true
	j.fix = Fix{Clock: at, Sats: None, Quality: None}
	if j.opts.Mono != nil {
		j.fix.Began = j.opts.Mono()
	}
	j.date, j.void = NoDate, false
	j.count = [Types]uint8{}
	j.mode.begin()
	if j.ahead != (VTGData{}) {
		j.setVelocity(&j.ahead)
		j.ahead = VTGData{}
	}
}

// step notes that a sentence of the open epoch is done with, and emits the
// epoch when that was its last.
func (j *Joiner) step(t Type) {
	if j.count[t] < 255 {
		j.count[t]++
	}
	j.last = ender{t, j.count[t]}
	if j.last == j.cycle.ender {
		j.close(ByLast)
	}
}

func (j *Joiner) close(by Ending) {
	j.open = false
	if by != ByLast {
		j.cycle.learn(j.last)
	}
	f := &j.fix
	f.End = by
	f.Mode = j.mode.now
	if f.Mode < 2 || j.void || f.Quality == 0 || !f.Position.Present {
		f.Mode = 1
		f.Position = Position{}
	}
	f.Time, f.Rollover = j.dates.resolve(j.date, f.Clock, &j.opts)
	if j.error.time != NoTime && same(j.error.time, f.Clock) {
		f.ErrLat, f.ErrLon = j.error.lat, j.error.lon
	}
	if f.Sats == None && j.mode.used > 0 {
		f.Sats = j.mode.used
	}
	j.emit(f)
}

func (j *Joiner) setHDOP(d Decimal) {
	if d.Present {
		j.fix.HDOP = d
	}
}

func (j *Joiner) setVelocity(v *VTGData) {
	switch {
	case v.Knots.Present:
		j.fix.Speed = knots(v.Knots)
	case v.KMH.Present:
		j.fix.Speed = Decimal{divRound(v.KMH.Scaled(4)*10, 360), 3, true}
	}
	if v.Course.Present {
		j.fix.Course = v.Course
	}
}

// knots turns knots into metres a second with three decimals; a knot is
// 1852/3600 m/s. A speed that overflows is absent.
func knots(d Decimal) Decimal {
	if d.Mantissa >= 0 && d.Mantissa < 900_000 && d.Digits <= 3 {
		// The usual case in 32 bits: 1852/3600 is 4630/9000.
		by := uint32(9 * pow10(int(d.Digits)))
		return Decimal{int64((uint32(d.Mantissa)*4630 + by/2) / by), 3, true}
	}
	k := d.Scaled(6)
	if k < -1e12 || k > 1e12 {
		return Decimal{}
	}
	return Decimal{divRound(k*1852, 3_600_000), 3, true}
}

// statement is what GST or GBS said of a fix, which may be one to come.
type statement struct {
	time     TimeOfDay
	lat, lon Decimal
}

func (j *Joiner) addError(t Type, at TimeOfDay, lat, lon Decimal) {
	if at == NoTime || !lat.Present || !lon.Present {
		return
	}
	if !j.open && same(at, j.fix.Clock) {
		j.late++
		j.cycle.forget()
		return
	}
	// GST is the better word where a receiver sends both.
	if t == GST || !same(j.error.time, at) {
		j.error = statement{at, lat, lon}
	}
	if j.open && same(at, j.fix.Clock) {
		j.step(t)
	}
}

// ender names a sentence by its place in the cycle: the second GSA, say.
type ender struct {
	t Type
	n uint8
}

// agreeing is how many cycles running must end alike before their end counts
// as known; after each mistake it is twice as many.
const (
	agreeing    = 3
	agreeingMax = 1024
)

// cycle learns with which sentence a receiver ends its cycle.
type cycle struct {
	ender     ender // the zero value is none
	candidate ender
	agree     int
	need      int
}

func (c *cycle) learn(last ender) {
	if last != c.candidate {
		c.candidate, c.agree = last, 0
	}
	if c.agree++; c.agree >= c.need {
		c.ender = last
	}
}

func (c *cycle) forget() {
	c.ender, c.agree = ender{}, 0
	c.need = min(c.need*2, agreeingMax)
}
