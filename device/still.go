package device

import "portti/device/nmea"

const (
	// A receiver that holds its position while it is at rest says that it does not move,
	// or moves slower than its limit for that, 2.55 m/s at most in u-blox receivers
	// (staticHoldThresh of UBX-CFG-NAV5, a byte of cm/s). So what is faster
	// than stillSpeed for stillWay in all, at one place, is no such hold.
	stillSpeed = 3.0    // m/s
	stillWay   = 1000.0 // m
	stillStep  = 10_000 // ms: the most that counts between two fixes
	// stillLong is how long nothing may change but the time. A GPS satellite goes round
	// in twelve hours less two minutes, so within that every one that a receiver saw
	// has set or moved.
	stillLong = 12 * 60 * 60 * 1000 // ms
)

// stillness finds a receiver that repeats one position, which one at rest does too: it
// looks for what contradicts that.
type stillness struct {
	at    nmea.Position
	alt   nmea.Decimal
	hdop  nmea.Decimal
	sats  int16
	last  int64   // monotonic, of the last fix
	since int64   // nothing has changed
	way   float64 // metres that were travelled at that place, by the receiver's own word
	said  bool
}

// see says whether that it repeats itself has begun, or ended.
func (s *stillness) see(f *nmea.Fix, now int64) (changed bool) {
	step := min(max(now-s.last, 0), stillStep)
	s.last = now
	if f.Position != s.at {
		changed = s.said
		*s = stillness{at: f.Position, alt: f.Alt, hdop: f.HDOP, sats: f.Sats, last: now, since: now}
		return changed
	}
	if f.Alt != s.alt || f.HDOP != s.hdop || f.Sats != s.sats {
		s.alt, s.hdop, s.sats, s.since = f.Alt, f.HDOP, f.Sats, now
	}
	if v := f.Speed.Float(); v >= stillSpeed && v < fastest {
		s.way += v * float64(step) / 1000
	}
	if s.said {
		return false
	}
	tells := usable(f.HDOP) && f.Sats > 0
	s.said = s.way >= stillWay || tells && now-s.since >= stillLong
	return s.said
}
