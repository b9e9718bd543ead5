package device

import (
	"portti/device/nmea"
	"portti/device/ubx"
)

// bothLive is for how long after the last epoch in UBX those in NMEA wait for theirs.
const bothLive = 10_000 // ms

// both makes one fix of an epoch that a receiver tells in NMEA and in UBX: UBX is more
// exact and states the error, NMEA may have what is not switched on in UBX.
//
// An epoch in UBX is handed on at once, and the one in NMEA of the same time is dropped.
// One in NMEA waits for the one in UBX, where there are any, until the next comes or the
// receiver pauses. Which of them belong together is told by their time of day. Where UBX
// has no time and NMEA has, as of one that sends NAV-POSLLH and NAV-STATUS, NMEA counts.
type both struct {
	opts nmea.Options
	emit func(*nmea.Fix)
	join *ubx.Joiner

	held    nmea.Fix // in NMEA, waits
	holding bool
	fix     nmea.Fix       // in UBX, the last
	any     bool           // there was one
	last    nmea.TimeOfDay // of what was handed on
	before  nmea.TimeOfDay // of what was handed on before that
	sent    sentBy         // last
	late    uint64         // epochs in UBX that came after theirs in NMEA had left
	dated   int64          // monotonic time of the last fix with a time in NMEA, 0 = none yet
	every   int64          // and how long after the one before it came
}

// sentBy is in what the last epoch was that was handed on.
type sentBy uint8

const (
	sentNone sentBy = iota
	sentNMEA
	sentUBX
)

func (b *both) pending() bool { return b.holding }

// idle says that no more comes of this epoch.
func (b *both) idle() {
	if b.holding {
		b.holding = false
		b.send(&b.held, sentNMEA)
	}
}

// release hands on the epoch that waits: another has come.
func (b *both) release() {
	if b.holding && together(b.held.Clock, clockOf(b.join.Open())) {
		b.join.Idle() // completes what came in UBX, and takes what waits with it
	}
	b.idle()
}

func (b *both) send(f *nmea.Fix, by sentBy) {
	b.before, b.last, b.sent = b.last, f.Clock, by
	b.emit(f)
}

// nmea takes an epoch in NMEA.
func (b *both) nmea(f *nmea.Fix) {
	live := b.any && b.opts.Mono != nil && b.opts.Mono()-b.fix.Began < bothLive
	begun := together(f.Clock, clockOf(b.join.Open()))
	dated := f.Valid() && f.Time != 0
	if dated && b.opts.Mono != nil {
		now := max(b.opts.Mono(), 1)
		b.dated, b.every = now, now-b.dated
	}
	switch {
	case b.sent == sentUBX && (together(f.Clock, b.last) || together(f.Clock, b.before)):
	case live && (f.Clock == nmea.NoTime || b.fix.Clock == nmea.NoTime && !dated):
		// Neither is known to belong to the other: that in UBX is the receiver's word.
	case live && b.fix.Clock != nmea.NoTime || begun:
		b.release()
		b.held, b.holding = *f, true
		if begun && f.End == nmea.ByTime {
			b.join.Idle() // the next time has begun: no more comes of this one
		}
	default:
		b.send(f, sentNMEA)
	}
}

// clockOf is the time of day of a time in Unix milliseconds, of which 0 is none.
func clockOf(ms int64) nmea.TimeOfDay {
	if ms <= 0 {
		return nmea.NoTime
	}
	return nmea.TimeOfDay(ms % 86_400_000)
}

// together says that two times are one epoch's. None belongs to none.
func together(a, b nmea.TimeOfDay) bool {
	const day = 86_400_000
	d := a - b
	return a != nmea.NoTime && b != nmea.NoTime && (-10 < d && d < 10 || d > day-10 || d < 10-day)
}

// ubx takes an epoch in UBX.
func (b *both) ubx(u *ubx.Fix) {
	f := &b.fix
	b.convert(u)
	b.any = true
	if f.Clock == nmea.NoTime && b.dated != 0 && b.opts.Mono()-b.dated < min(2*b.every, bothLive) {
		return
	}
	if b.holding {
		b.holding = false
		if together(b.held.Clock, f.Clock) {
			complete(f, &b.held)
		} else {
			b.send(&b.held, sentNMEA)
		}
	}
	if b.sent == sentNMEA && together(f.Clock, b.last) {
		b.late++
		return // it was told in NMEA, before it was known that UBX comes
	}
	b.send(f, sentUBX)
}

// complete takes from an epoch in NMEA what that in UBX lacks.
func complete(f, from *nmea.Fix) {
	if !f.Valid() || !from.Valid() {
		return
	}
	if !f.HDOP.Present {
		f.HDOP = from.HDOP
	}
	if !f.Alt.Present {
		f.Alt = from.Alt
	}
	if f.Sats == nmea.None {
		f.Sats = from.Sats
	}
	if _, ok := f.Error(); !ok {
		f.ErrH, f.ErrLat, f.ErrLon = nmea.Decimal{}, from.ErrLat, from.ErrLon
	}
}

// convert fills b.fix.
func (b *both) convert(u *ubx.Fix) {
	b.fix = nmea.Fix{Clock: nmea.NoTime, Began: u.Began, Mode: u.Mode, Sats: nmea.None, Quality: nmea.None}
	f := &b.fix
	if u.Time != 0 {
		f.Time, f.Rollover = b.opts.Settle(u.Time)
		f.Clock = clockOf(u.Time)
	}
	f.Position = nmea.Position{Lat: nmea.Coord(u.Lat), Lon: nmea.Coord(u.Lon), Present: u.Has&ubx.Position != 0}
	decimal := func(has ubx.Has, n int64, digits uint8) nmea.Decimal {
		if u.Has&has == 0 {
			return nmea.Decimal{}
		}
		return nmea.Decimal{Mantissa: n, Digits: digits, Present: true}
	}
	if u.Mode >= 2 {
		f.Alt = decimal(ubx.Altitude, tenth(u.Alt), 3)
		f.Speed, f.Course = decimal(ubx.Speed, u.Speed, 3), decimal(ubx.Course, u.Course, 5)
		f.ErrH = decimal(ubx.HAcc, max(1, tenth(u.HAcc)), 3)
		f.HDOP = decimal(ubx.HDOP, u.HDOP, 2)
	}
	if u.Has&ubx.Sats != 0 {
		f.Sats = int16(u.Sats)
	}
}

// tenth is a tenth, rounded.
func tenth(n int64) int64 {
	if n < 0 {
		return (n - 5) / 10
	}
	return (n + 5) / 10
}
