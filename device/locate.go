package device

import (
	"errors"
	"math"

	"portti/device/clock"
	"portti/device/nmea"
	"portti/device/thingsee"
)

// PositionOptions are the keys of every type that sends positions.
type PositionOptions struct {
	Detail       string  `toml:"detail"`         // separate (default) | append | off: where altitude, speed, heading, quality go
	LacrFromHDOP float64 `toml:"lacr_from_hdop"` // metres per unit of HDOP, 0 = lacr only where the receiver states an error
	SpeedFloor   float64 `toml:"speed_floor"`    // m/s under which no heading is sent, 0 = 0.5
}

// defaultSpeedFloor: a receiver at rest shows 0.1 to 0.3 m/s of noise and a course
// that turns with it.
const defaultSpeedFloor = 0.5

func (o PositionOptions) check() error {
	var errs []error
	switch o.Detail {
	case "", "separate", "append", "off":
	default:
		errs = append(errs, keyError("detail", "must be separate, append or off"))
	}
	if !(o.LacrFromHDOP >= 0 && o.LacrFromHDOP <= 1000) {
		errs = append(errs, keyError("lacr_from_hdop", "must be from 0 (off) to 1000 metres"))
	}
	if !(o.SpeedFloor >= 0 && o.SpeedFloor <= 1000) {
		errs = append(errs, keyError("speed_floor", "must be from 0 (the default) to 1000 m/s"))
	}
	return errors.Join(errs...)
}

// locator is what every source of positions hands its fixes to, whatever it decoded
// them from. It dates them, tells people how the receiver is doing, looks for
// positions that nobody can have reached, and makes the messages.
type locator struct {
	cfg   PositionOptions
	env   Env
	msg   thingsee.Message
	sent  bool // a fix has been
	watch gpsWatch
	time  *clock.GNSS
	jump  traveller
}

// newLocator makes the locator of the device of that name, for one life of its port.
func newLocator(name string, o PositionOptions, env Env) *locator {
	l := &locator{cfg: o, env: env}
	if l.cfg.SpeedFloor == 0 {
		l.cfg.SpeedFloor = defaultSpeedFloor
	}
	if env.Clock != nil { // nil while the configuration is only checked
		l.time = env.Clock.GNSS(name)
	}
	l.watch.log = env.Log
	return l
}

// check looks at what no fix tells: that none comes. late counts what was said of
// times that were over.
func (l *locator) check(late uint64, out Out) { l.watch.check(l.env.Clock.Now(), late, out) }

// fix takes what a receiver says at the end of an epoch, which may be that it has no
// position.
func (l *locator) fix(f *nmea.Fix, out Out) {
	var doubt clock.Doubt
	var worst int64
	jumped := false
	if f.Valid() {
		jumped = l.jump.to(f)
		if f.Time != 0 {
			doubt, worst = l.time.Hear(f.Time, f.Began)
		}
	}
	now := l.env.Clock.Now()
	l.watch.see(f, jumped, doubt, now, out)
	if !f.Valid() {
		return
	}
	at := f.Time
	if at == 0 || doubt == clock.Refused {
		// Where the clock is trusted it stands in, so that both messages of a fix
		// have one time; otherwise it is left to the stamp.
		if at, worst = 0, 0; now.Trusted {
			at, worst = now.Unix, now.Err
		}
	}
	event := thingsee.EventTimed
	if !l.sent {
		event, l.sent = thingsee.EventPowerOn, true
	}
	l.position(f, jumped, at, worst, event, out)
}

// position emits one fix, dated at (0: the stamp dates it), which may be wrong by so
// many seconds, as two messages: 1210 is Haltian's common position, 90100 is ours.
//
//	lat, lon  degrees WGS84, north and east positive, 7 decimals at most
//	lacr      metres, horizontal, one standard deviation: what GST or GBS says,
//	          or HDOP times lacr_from_hdop where that is configured
//	alt       metres above mean sea level
//	speed     metres a second over ground
//	heading   course over ground in degrees true, 0 <= x < 360; left out below
//	          speed_floor
//	sats      satellites used
//	hdop      horizontal dilution of precision
//	fixType   2 two-dimensional, 3 three-dimensional
//	jump      1 where the position lies further from the one before than
//	          anything travels; left out otherwise
func (l *locator) position(f *nmea.Fix, jumped bool, at, worst int64, event int, out Out) {
	m := &l.msg
	m.Reset(thingsee.CellularLocation, event)
	m.Time, m.Err = at, worst
	l.place(f)
	if l.cfg.Detail == "append" {
		l.detail(f, jumped)
	}
	out.Emit(m)
	if l.cfg.Detail == "append" || l.cfg.Detail == "off" {
		return
	}
	m.Reset(thingsee.GNSSDetail, event)
	m.Time, m.Err = at, worst
	l.place(f)
	l.detail(f, jumped)
	out.Emit(m)
}

func (l *locator) place(f *nmea.Fix) {
	l.msg.Decimal("lat", degrees7(f.Position.Lat), 7)
	l.msg.Decimal("lon", degrees7(f.Position.Lon), 7)
	if mm, ok := f.Error(); ok {
		l.msg.Decimal("lacr", mm, 3)
	} else if l.cfg.LacrFromHDOP > 0 && usable(f.HDOP) {
		l.msg.Float("lacr", f.HDOP.Float()*l.cfg.LacrFromHDOP, 2)
	}
}

func (l *locator) detail(f *nmea.Fix, jumped bool) {
	m := &l.msg
	if a := f.Alt.Float(); a >= -12_000 && a <= 1_000_000 {
		addDecimal(m, "alt", f.Alt)
	}
	if s := f.Speed.Float(); s >= 0 && s < 10_000 {
		addDecimal(m, "speed", f.Speed)
		if f.Course.Present && f.Speed.Present && s >= l.cfg.SpeedFloor {
			addHeading(m, f.Course)
		}
	}
	if f.Sats >= 0 {
		m.Int("sats", int64(f.Sats))
	}
	if usable(f.HDOP) {
		addDecimal(m, "hdop", f.HDOP)
	}
	m.Int("fixType", int64(f.Mode))
	if jumped {
		m.Int("jump", 1)
	}
}

func addDecimal(m *thingsee.Message, name string, d nmea.Decimal) {
	if d.Present {
		m.Decimal(name, d.Mantissa, int(d.Digits))
	}
}

// addHeading sends a course of 0 to 360 degrees, 360 as 0.
func addHeading(m *thingsee.Message, course nmea.Decimal) {
	switch c := course.Float(); {
	case c >= 0 && c < 360:
		m.Decimal("heading", course.Mantissa, int(course.Digits))
	case c == 360:
		m.Decimal("heading", 0, 0)
	}
}

// usable: receivers without a fix send 99.99, and some 0.
func usable(hdop nmea.Decimal) bool {
	h := hdop.Float()
	return hdop.Present && h > 0 && h < 99
}

// degrees7 rounds to seven decimals, about a centimetre.
func degrees7(c nmea.Coord) int64 {
	if c < 0 {
		return -((-int64(c) + 50) / 100)
	}
	return (int64(c) + 50) / 100
}

// gpsLatest is the time after which it cannot be now.
func gpsLatest(now clock.Now, floor int64) int64 {
	if now.Trusted {
		return now.Unix + gpsFloorGrace
	}
	return max(now.Unix, floor) + gpsSlack
}

// Limits of travel: a thousand metres a second, beyond an allowance for
// receivers that settle.
const (
	fastest   = 1000  // m/s
	allowance = 1000  // m
	longest   = 86400 // s; after that anything may be anywhere
)

// traveller finds positions that nobody can have reached since the last.
type traveller struct {
	at   nmea.Position
	time int64
}

func (t *traveller) to(f *nmea.Fix) bool {
	was := *t
	t.at, t.time = f.Position, f.Time
	if !was.at.Present {
		return false
	}
	seconds := 1.0
	if was.time != 0 && f.Time != 0 {
		seconds = math.Abs(float64(f.Time-was.time)) / 1000
	}
	if seconds > longest {
		return false
	}
	return distance(was.at, f.Position) > allowance+fastest*seconds
}

// distance is metres on a sphere, good to half a percent.
func distance(a, b nmea.Position) float64 {
	const radius, rad = 6371000, math.Pi / 180
	lat1, lat2 := a.Lat.Degrees()*rad, b.Lat.Degrees()*rad
	dLat := math.Sin((lat2 - lat1) / 2)
	dLon := math.Sin((b.Lon - a.Lon).Degrees() * rad / 2)
	h := dLat*dLat + math.Cos(lat1)*math.Cos(lat2)*dLon*dLon
	return 2 * radius * math.Asin(math.Sqrt(min(h, 1)))
}
