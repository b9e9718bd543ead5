package device

import (
	"bytes"
	"time"

	"portti/device/ais"
	"portti/device/clock"
	"portti/device/jsonline"
	"portti/device/nmea"
)

// version is what gpsd begins with. Until release 3.19, protocol 3.13, alt was above mean
// sea level; since then it is not defined, and altMSL and altHAE are there.
func (g *gpsd) version(line []byte, out Out) {
	var s jsonline.Scanner
	major, minor := int64(3), int64(14)
	g.text = append(g.text[:0], "gpsd"...)
	for s.Reset(line); s.Next(); {
		switch key := s.Key(); {
		case string(key) == "proto_major":
			major = s.Decimal().Mantissa
		case string(key) == "proto_minor":
			minor = s.Decimal().Mantissa
		case string(key) == "release" && s.Kind() == jsonline.String:
			g.text = jsonline.Unescape(append(g.text, ' '), s.Raw())
		}
	}
	g.old = major < 3 || major == 3 && minor < 14
	g.text = append(g.text, ", no report yet"...)
	g.say(string(g.text), out)
	if g.env.Log != nil {
		g.env.Log.Info("gpsd answers", "event", "gpsd.connected", "proto_major", major, "proto_minor", minor)
	}
}

// number gives a member as nmea has numbers, absent where it is none.
func number(s *jsonline.Scanner) nmea.Decimal {
	d := s.Decimal()
	if s.Kind() != jsonline.Number || !d.Plain || d.Places > 15 {
		return nmea.Decimal{}
	}
	return nmea.Decimal{Mantissa: d.Mantissa, Digits: uint8(d.Places), Present: true}
}

// gpsdPlace is what a TPV says beside its nmea.Fix.
type gpsdPlace struct {
	lat, lon              nmea.Decimal
	alt, ellipsoid, geoid nmea.Decimal
	eph                   nmea.Decimal
}

// member takes one of a TPV.
func (p *gpsdPlace) member(s *jsonline.Scanner, f *nmea.Fix) {
	switch string(s.Key()) {
	case "mode":
		if m := number(s); m.Present && m.Digits == 0 && m.Mantissa >= 2 && m.Mantissa <= 3 {
			f.Mode = uint8(m.Mantissa)
		}
	case "time":
		f.Time = gpsdTime(s)
	case "lat":
		p.lat = number(s)
	case "lon":
		p.lon = number(s)
	case "altMSL":
		f.Alt = number(s)
	case "altHAE":
		p.ellipsoid = number(s)
	case "geoidSep":
		p.geoid = number(s)
	case "alt":
		p.alt = number(s)
	case "speed":
		f.Speed = number(s)
	case "track":
		f.Course = number(s)
	case "eph":
		p.eph = number(s)
	case "epx":
		f.ErrLon = number(s)
	case "epy":
		f.ErrLat = number(s)
	}
}

// position takes a TPV.
func (g *gpsd) position(line []byte, out Out) Result {
	f := &g.fix
	*f = nmea.Fix{Clock: nmea.NoTime, Mode: 1, Quality: nmea.None, Sats: g.sats, HDOP: g.hdop, Began: g.env.Clock.Now().Mono}
	var p gpsdPlace
	var s jsonline.Scanner
	for s.Reset(line); s.Next(); {
		p.member(&s, f)
	}
	if p.eph.Present { // horizontal already
		f.ErrLat, f.ErrLon = p.eph, nmea.Decimal{Present: true}
	}
	switch {
	case f.Alt.Present:
	case g.old:
		f.Alt = p.alt
	case p.ellipsoid.Present && p.geoid.Present:
		const most = 1e9 // mm: beyond that neither is one, and they could not be subtracted
		if h, n := p.ellipsoid.Scaled(3), p.geoid.Scaled(3); max(h, n) < most && min(h, n) > -most {
			f.Alt = nmea.Decimal{Mantissa: h - n, Digits: 3, Present: true}
		}
	}
	if p.lat.Present && p.lon.Present {
		at := nmea.Position{Lat: nmea.Coord(p.lat.Scaled(9)), Lon: nmea.Coord(p.lon.Scaled(9)), Present: true}
		if at.Lat < -90e9 || at.Lat > 90e9 || at.Lon < -180e9 || at.Lon > 180e9 {
			return Range
		}
		f.Position = at
	}
	if f.Valid() {
		g.fixed = f.Began
	}
	g.vessels.silent = true // the text is the receiver's
	if f.Valid() && f.Time != 0 {
		if f.Time == g.last {
			g.late++
			return OK
		}
		g.last = f.Time
	}
	g.loc.fix(f, out)
	return OK
}

// gpsdHasFix says whether a TPV has a position.
func gpsdHasFix(line []byte) bool {
	f := nmea.Fix{Mode: 1}
	var p gpsdPlace
	var s jsonline.Scanner
	for s.Reset(line); s.Next(); {
		p.member(&s, &f)
	}
	return f.Mode >= 2 && p.lat.Present && p.lon.Present
}

// gpsdTime reads "2026-11-22T12:00:00.250Z"; before release 3 it was Unix seconds.
func gpsdTime(s *jsonline.Scanner) int64 {
	if n := number(s); n.Present {
		return n.Scaled(3)
	}
	b := s.Raw()
	const form = "0000-00-00T00:00:00"
	if s.Kind() != jsonline.String || len(b) <= len(form) || b[len(b)-1] != 'Z' {
		return 0
	}
	var n [6]int
	part := 0
	for i := range len(form) {
		switch c := b[i]; {
		case form[i] == '0' && c >= '0' && c <= '9':
			n[part] = n[part]*10 + int(c-'0')
		case form[i] != '0' && c == form[i]:
			part++
		default:
			return 0
		}
	}
	if n[1] < 1 || n[1] > 12 || n[2] < 1 || n[2] > 31 || n[3] > 23 || n[4] > 59 || n[5] > 60 {
		return 0
	}
	ms, unit := 0, 100
	for i, c := range b[len(form) : len(b)-1] {
		switch {
		case i == 0 && c == '.':
		case i > 0 && c >= '0' && c <= '9':
			ms += int(c-'0') * unit
			unit /= 10
		default:
			return 0
		}
	}
	return time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], 0, time.UTC).UnixMilli() + int64(ms)
}

// sky keeps what a SKY says until the next TPV. Some say only the one or the other.
func (g *gpsd) sky(line []byte) Result {
	var s jsonline.Scanner
	counted := false
	for s.Reset(line); s.Next(); {
		switch string(s.Key()) {
		case "hdop":
			g.hdop = number(&s)
		case "uSat":
			if n := number(&s); n.Present && n.Digits == 0 && n.Mantissa >= 0 && n.Mantissa < 1000 {
				g.sats, counted = int16(n.Mantissa), true
			}
		case "satellites": // before uSat there was only the list
			if s.Kind() != jsonline.Array {
				continue
			}
			if !counted {
				g.sats = int16(min(bytes.Count(s.Raw(), []byte(`"used":true`)), 999))
			}
			g.seen.report(s.Raw(), g.env.Clock.Now().Mono)
		case "pdop":
			if g.seen.view != nil {
				g.seen.view.dilution(number(&s), g.env.Clock.Now().Mono)
			}
		}
	}
	return OK
}

// devices is the list of receivers that gpsd has.
func (g *gpsd) devices(line []byte, out Out) {
	var s jsonline.Scanner
	for s.Reset(line); s.Next(); {
		if string(s.Key()) != "devices" || s.Kind() != jsonline.Array {
			continue
		}
		missing := !bytes.Contains(s.Raw(), []byte(`"path"`))
		if g.cfg.Device != "" {
			missing = !bytes.Contains(s.Raw(), []byte(`"path":"`+g.cfg.Device+`"`))
		}
		g.missing(missing, out)
	}
}

// changed is one receiver that came, or went: activated is a time, or 0.
func (g *gpsd) changed(line, path []byte, out Out) {
	var s jsonline.Scanner
	for s.Reset(line); s.Next(); {
		if string(s.Key()) != "activated" {
			continue
		}
		gone := s.Kind() == jsonline.Number && s.Decimal().Mantissa == 0
		switch {
		case bytes.Equal(path, g.device), len(g.device) == 0:
			g.missing(gone, out)
			if gone && g.cfg.Device == "" {
				g.device = g.device[:0]
				g.sats, g.hdop = nmea.None, nmea.Decimal{} // of that one
				raise(out, codeSeveral, false)
			}
		case gone: // one that was too many; another one that speaks says so again
			raise(out, codeSeveral, false)
		}
	}
}

func (g *gpsd) missing(yes bool, out Out) {
	raise(out, codeNoReceiver, yes)
	switch {
	case yes && g.cfg.Device != "":
		g.say("gpsd does not have "+g.cfg.Device, out)
	case yes:
		g.say("gpsd has no receiver", out)
	}
}

// say tells people something that the locator's next text is to replace.
func (g *gpsd) say(text string, out Out) {
	g.loc.watch.shown = g.loc.watch.shown[:0]
	out.Detail(text)
}

// complaint is an ERROR.
func (g *gpsd) complaint(line []byte, out Out) {
	var s jsonline.Scanner
	g.text = append(g.text[:0], "gpsd says: "...)
	for s.Reset(line); s.Next(); {
		if string(s.Key()) == "message" && s.Kind() == jsonline.String {
			g.text = jsonline.Unescape(g.text, s.Raw()[:min(len(s.Raw()), 100)])
		}
	}
	g.say(string(g.text), out)
	if g.env.Log != nil {
		g.env.Log.Warn("gpsd reports an error", "event", "gpsd.error", "text", string(g.text))
	}
}

// aisReport reads reports of class AIS.
type aisReport struct {
	m    ais.Message
	text []byte
}

func (r *aisReport) take(line []byte, v *vessels, now clock.Now, out Out) Result {
	var s jsonline.Scanner
	var kind, mmsi nmea.Decimal
	scaled := false
	for s.Reset(line); s.Next(); {
		switch string(s.Key()) {
		case "type":
			kind = number(&s)
		case "mmsi":
			mmsi = number(&s)
		case "scaled":
			scaled = s.Kind() == jsonline.True
		}
	}
	if !kind.Present || !mmsi.Present || kind.Digits+mmsi.Digits > 0 {
		return Malformed
	}
	if kind.Mantissa < 1 || kind.Mantissa > 27 || mmsi.Mantissa < 1 || mmsi.Mantissa > 999_999_999 {
		return Range
	}
	r.m.Begin(uint8(kind.Mantissa), uint32(mmsi.Mantissa))
	var fault ais.Fault
	for s.Reset(line); s.Next(); {
		switch s.Kind() {
		case jsonline.True:
			fault |= r.m.Set(s.Key(), 1)
		case jsonline.False:
			fault |= r.m.Set(s.Key(), 0)
		case jsonline.String:
			r.text = jsonline.Unescape(r.text[:0], s.Raw())
			r.m.SetText(s.Key(), r.text)
		case jsonline.Number:
			n := number(&s)
			switch {
			case !n.Present:
			case scaled:
				fault |= r.m.SetScaled(s.Key(), n.Float())
			case n.Digits == 0:
				fault |= r.m.Set(s.Key(), n.Mantissa)
			}
		}
	}
	return v.message(&r.m, fault, now, out)
}
