package nmea

import "math"

// rollover is the period of GPS dates: the week number has ten bits.
const rollover = 1024 * 7 * dayMillis

// calendar dates the epochs whose sentences carry only a time of day.
type calendar struct {
	ref int64 // the last instant known with its date, Unix milliseconds; 0 none
}

// lateDate is how long before or after midnight a date may still be the day
// before's or already the next one's: some receivers change it a second late.
const lateDate = 60_000

// learn takes a date. One that leads a whole day away from the last instant,
// about midnight, is that of the day on the other side of it.
func (c *calendar) learn(d Date, t TimeOfDay) {
	at := int64(d)*dayMillis + int64(t)
	switch {
	case c.ref == 0:
	case t < lateDate && neighbours(at+dayMillis, c.ref):
		at += dayMillis
	case t >= dayMillis-lateDate && neighbours(at-dayMillis, c.ref):
		at -= dayMillis
	}
	c.ref = at
}

func neighbours(a, b int64) bool { return a-b <= lateDate && b-a <= lateDate }

// resolve dates an epoch: by its own date, or else as the instant of that time
// of day nearest to the last known one, which is right across midnight and
// through half a day of silence. moved says that the floor showed the date to
// be a rollover behind.
func (c *calendar) resolve(d Date, t TimeOfDay, o *Options) (ms int64, moved bool) {
	switch {
	case t == NoTime:
		return 0, false
	case d != NoDate:
		c.learn(d, t)
	case c.ref == 0:
		return 0, false
	default:
		day := c.ref / dayMillis
		at := day*dayMillis + int64(t)
		switch {
		case at-c.ref > dayMillis/2:
			at -= dayMillis
		case c.ref-at > dayMillis/2:
			at += dayMillis
		}
		c.ref = at
	}
	return o.Settle(c.ref)
}

// Settle moves a time, in Unix milliseconds, that is before the floor on by 1024 weeks
// until it is not, unless that is beyond the latest; moved says so.
func (o *Options) Settle(ms int64) (settled int64, moved bool) {
	if o.Floor <= 0 || ms >= o.Floor {
		return ms, false
	}
	latest := int64(math.MaxInt64)
	if o.Latest != nil {
		latest = o.Latest()
	}
	right := ms
	for right < o.Floor {
		right += rollover
	}
	if right > latest { // no rollover explains it: a date is believed whole or not at all
		return ms, false
	}
	return right, true
}
