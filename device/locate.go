package device

import (
	"math"

	"portti/device/clock"
	"portti/device/geofence"
	"portti/device/nmea"
	"portti/device/thingsee"
)

// locator is what every source of positions hands its fixes to, whatever it decoded
// them from. It dates them, tells people how the receiver is doing, looks for
// positions that nobody can have reached, decides which are sent, and makes the messages.
type locator struct {
	cfg   PositionOptions
	env   Env
	msg   thingsee.Message
	sent  bool // a fix has been
	watch gpsWatch
	time  *clock.GNSS
	jump  traveller

	pace   pace
	fences []fence
	self   *receiver
	stands standIn
	steers steering
}

// newLocator makes the locator of the device of that name, for one life of its port.
// Its options have been checked.
func newLocator(name string, o PositionOptions, env Env) *locator {
	l := &locator{cfg: o, env: env}
	if l.cfg.SpeedFloor == 0 {
		l.cfg.SpeedFloor = defaultSpeedFloor
	}
	l.watch.log = env.Log
	if env.Clock == nil { // the configuration is only checked
		return l
	}
	l.time = env.Clock.GNSS(name)
	l.pace, _ = newPace(o)
	l.fences, _ = newFences(o.Fence)
	known := env.receivers
	if known == nil {
		known = newReceivers(env.Clock.Now().Mono)
	}
	l.self = known.named(name)
	owner := name
	if o.FallbackFor != "" {
		known.standsIn(name, o.FallbackFor) // where there is no Set, which has done so
		firsts := known.before(name)
		owner = firsts[len(firsts)-1].name
		if env.Live {
			l.stands = standIn{firsts: firsts, name: firsts[0].name}
		}
	}
	for i := range l.fences {
		l.fences[i].known = known.side(owner, l.fences[i])
	}
	if env.Live {
		l.steers.path, _ = clockOut(o.ClockOut)
	}
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
	if l.stands.look(now.Mono) {
		l.watch.standsIn(l.stands)
	}
	l.watch.see(f, jumped, doubt, now, &l.stands, out)
	l.self.view.epoch(f, l.within(f), !jumped && !l.watch.stuck(), now.Mono)
	if !f.Valid() {
		return
	}
	if !l.watch.stuck() {
		l.self.fixed(now.Mono)
	}
	if f.Time != 0 && doubt == clock.Sure && now.Trusted {
		l.steer(f, now, out)
	}
	if l.stands.waits() {
		l.forget()
		withhold(out)
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
	// A crossing is told once, so it goes first: rate_limit may take what comes last.
	switch {
	case l.watch.stuck(): // one that stands in tells where the thing is
		l.forget()
	case !jumped: // a position that cannot be has crossed nothing
		l.cross(f, at, worst, now.Mono, out)
	}
	if event, due := l.pace.due(f, l.within(f), now.Mono); due {
		if !l.sent {
			event, l.sent = thingsee.EventPowerOn, true
		}
		l.position(f, jumped, at, worst, event, out)
	} else {
		withhold(out)
	}
}

// within is the error of a fix in metres, 0 where none is known.
func (l *locator) within(f *nmea.Fix) float64 {
	if mm, ok := f.Error(); ok {
		return float64(mm) / 1000
	}
	if usable(f.HDOP) {
		return f.HDOP.Float() * l.cfg.LacrFromHDOP
	}
	return 0
}

// cross sends message 90120 {fence, inside, lat, lon} for every fence of which the thing
// is on another side than the last word on it was, as a change of state (7), and for
// every one of which there has been no word since the gateway started (11).
func (l *locator) cross(f *nmea.Fix, at, worst, now int64, out Out) {
	if len(l.fences) == 0 {
		return
	}
	p, within := geofence.Point{Lat: f.Position.Lat.Degrees(), Lon: f.Position.Lon.Degrees()}, l.within(f)
	for i := range l.fences {
		fence := &l.fences[i]
		was, told := fence.cross(p, within, now)
		if !told {
			continue
		}
		event, inside := thingsee.EventStateChange, int64(0)
		if was == geofence.Unknown {
			event = thingsee.EventPowerOn
		}
		if fence.track.Now == geofence.Inside {
			inside = 1
		}
		m := &l.msg
		m.Reset(thingsee.Geofence, event)
		m.Time, m.Err = at, worst
		m.Text("fence", fence.name)
		m.Int("inside", inside)
		m.Decimal("lat", degrees7(f.Position.Lat), 7)
		m.Decimal("lon", degrees7(f.Position.Lon), 7)
		out.Emit(m)
	}
}

// forget forgets what has been decided of the fences and not told yet: what follows is of
// another time.
func (l *locator) forget() {
	for i := range l.fences {
		l.fences[i].track = geofence.Tracker{}
	}
}

// steer tells chronyd the time of a fix that nothing contradicts, once the clock of this
// program goes by it or by something better.
func (l *locator) steer(f *nmea.Fix, now clock.Now, out Out) {
	err, changed := l.steers.tell(f.Time, f.Began, now.Mono)
	if !changed {
		return
	}
	raise(out, codeChrony, err != nil)
	if err != nil {
		l.watch.warn("chronyd does not hear the receiver's time: "+whyNot(err), "event", "gps.clock-out-failed", "code", codeChrony, "err", err)
		return
	}
	l.watch.info("chronyd hears the receiver's time", "event", "gps.clock-out", "path", l.steers.path)
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

// Degrees7 is a position in degrees, north and east positive, rounded as it is sent.
func Degrees7(p nmea.Position) (lat, lon float64) {
	return float64(degrees7(p.Lat)) / 1e7, float64(degrees7(p.Lon)) / 1e7
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
