package device

import (
	"portti/device/clock"
	"portti/device/nmea"
	"portti/device/thingsee"
)

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
func (g *gps) position(f *nmea.Fix, at, worst int64, event int) {
	m := &g.msg
	m.Reset(thingsee.CellularLocation, event)
	m.Time, m.Err = at, worst
	g.place(f)
	if g.cfg.Detail == "append" {
		g.detail(f)
	}
	g.out.Emit(m)
	if g.cfg.Detail == "append" || g.cfg.Detail == "off" {
		return
	}
	m.Reset(thingsee.GNSSDetail, event)
	m.Time, m.Err = at, worst
	g.place(f)
	g.detail(f)
	g.out.Emit(m)
}

func (g *gps) place(f *nmea.Fix) {
	g.msg.Decimal("lat", degrees7(f.Position.Lat), 7)
	g.msg.Decimal("lon", degrees7(f.Position.Lon), 7)
	if mm, ok := f.Error(); ok {
		g.msg.Decimal("lacr", mm, 3)
	} else if g.cfg.LacrFromHDOP > 0 && usable(f.HDOP) {
		g.msg.Float("lacr", f.HDOP.Float()*g.cfg.LacrFromHDOP, 2)
	}
}

func (g *gps) detail(f *nmea.Fix) {
	m := &g.msg
	if a := f.Alt.Float(); a >= -12_000 && a <= 1_000_000 {
		addDecimal(m, "alt", f.Alt)
	}
	if s := f.Speed.Float(); s >= 0 && s < 10_000 {
		addDecimal(m, "speed", f.Speed)
		if f.Course.Present && f.Speed.Present && s >= g.cfg.SpeedFloor {
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
	if f.Jump {
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
