package device

import (
	"errors"
	"math"
	"time"

	"portti/device/nmea"
	"portti/device/thingsee"
)

const (
	// The position of a receiver at rest wanders some metres within minutes, ten and
	// more between houses. At rest restDrift counts instead of a smaller min_distance, or
	// restErrors times what the receiver states, where that is more.
	restDrift  = 25.0 // m
	restErrors = 3.0
	// turnAfter keeps what turns on the spot from sending: below that a course is
	// mostly noise.
	turnAfter = 5.0 // m
	// paceJitter is how much sooner than min_interval a fix may come and count: a line
	// that is late once makes the next fix seem early. A tenth of it at most.
	paceJitter = 100 // ms
)

// pace decides which fixes are sent. Without a key all are. With min_distance or
// heading_change a fix is sent for one of these reasons, but not sooner after the last
// than min_interval:
//
//	moved    min_distance from the last one sent (tsmEv 9)
//	turned   by heading_change against the last one, while it moves (tsmEv 9)
//	waited   for max_interval (tsmEv 10)
//
// which are the distance, angle and time of trackers (Teltonika's minimum distance,
// angle and period; Traccar Client's distance, angle and interval). With min_interval
// alone fixes are thinned out.
type pace struct {
	distance, turn  float64 // 0 = of no matter
	soonest, latest int64   // ms
	floor           float64 // m/s

	begun  bool
	at     nmea.Position // of the last fix sent
	when   int64         // monotonic
	course float64       // NaN = none since it began to move
}

func newPace(o PositionOptions) (p pace, err error) {
	p = pace{distance: o.MinDistance, turn: o.HeadingChange, floor: o.SpeedFloor, course: math.NaN()}
	if p.floor == 0 {
		p.floor = defaultSpeedFloor
	}
	var errs []error
	if !(p.distance >= 0 && p.distance <= 1_000_000) {
		errs = append(errs, keyError("min_distance", "must be from 0 (off) to 1000000 metres"))
	}
	if !(p.turn == 0 || p.turn >= 5 && p.turn <= 180) {
		errs = append(errs, keyError("heading_change", "must be from 5 to 180 degrees, or 0 (off)"))
	}
	if p.soonest, err = span("min_interval", o.MinInterval, 24*time.Hour); err != nil {
		errs = append(errs, err)
	}
	if p.latest, err = span("max_interval", o.MaxInterval, 24*time.Hour); err != nil {
		errs = append(errs, err)
	}
	sifts := p.distance > 0 || p.turn > 0
	switch {
	case sifts && o.MaxInterval == "":
		p.latest = max(defaultMaxInterval.Milliseconds(), p.soonest)
	case !sifts && o.MaxInterval != "":
		errs = append(errs, keyError("max_interval", "needs min_distance or heading_change: without them every fix is sent"))
	case sifts && err == nil && (p.latest < 1000 || p.latest < p.soonest):
		errs = append(errs, keyError("max_interval", "must be 1s or more, and no shorter than min_interval"))
	}
	return p, errors.Join(errs...)
}

// due says whether a fix is to be sent now, and why (tsmEv). within is its error in
// metres, 0 where none is known.
func (p *pace) due(f *nmea.Fix, within float64, now int64) (event int, ok bool) {
	event, ok = p.reason(f, within, now)
	moving := f.Speed.Present && f.Speed.Float() >= p.floor && f.Course.Present
	switch {
	case ok:
		if p.begun { // one that came sooner counts as of when it was due
			now = max(now, p.when+p.soonest)
		}
		p.begun, p.at, p.when, p.course = true, f.Position, now, math.NaN()
		if moving {
			p.course = f.Course.Float()
		}
	case moving && math.IsNaN(p.course): // it has begun to move
		p.course = f.Course.Float()
	}
	return event, ok
}

func (p *pace) reason(f *nmea.Fix, within float64, now int64) (event int, ok bool) {
	waited := now - p.when
	switch {
	case !p.begun:
		return thingsee.EventTimed, true
	case waited < p.soonest-min(paceJitter, p.soonest/10):
		return 0, false
	case p.distance == 0 && p.turn == 0, p.latest > 0 && waited >= p.latest:
		return thingsee.EventTimed, true
	}
	moved := distance(p.at, f.Position)
	speed := f.Speed.Float() // 0 where the receiver tells none
	enough := p.distance
	if speed < p.floor {
		enough = max(enough, restDrift, restErrors*within)
	}
	switch {
	case p.distance > 0 && moved >= enough:
		return thingsee.EventThreshold, true
	case p.turn > 0 && speed >= p.floor && moved >= turnAfter && f.Course.Present &&
		math.Abs(math.Remainder(f.Course.Float()-p.course, 360)) >= p.turn: // never with NaN
		return thingsee.EventThreshold, true
	}
	return 0, false
}
