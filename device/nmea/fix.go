package nmea

import "math"

// Fix is what one epoch of a receiver says, joined from its sentences. What no
// sentence stated is absent.
type Fix struct {
	Time     int64     // Unix milliseconds; 0 while the receiver has given no date, or no time
	Clock    TimeOfDay // the epoch's time as sent, NoTime when it has none
	Began    int64     // what Options.Mono said when the epoch's first sentence with a time was there
	Mode     uint8     // 1 no fix, 2 two-dimensional, 3 three-dimensional
	Position Position  // present when Mode is 2 or 3
	Alt      Decimal   // metres above mean sea level
	Speed    Decimal   // metres a second over ground
	Course   Decimal   // degrees true
	Sats     int16     // used; None
	Quality  int16     // GGA's digit; None
	HDOP     Decimal
	ErrLat   Decimal // metres, one standard deviation, as GST or GBS states it
	ErrLon   Decimal
	ErrH     Decimal // the same, horizontal: where a source other than NMEA states it as one

	Rollover bool // Time was 1024 weeks or a multiple of them behind the floor and was moved
	End      Ending
}

// Valid says that there is a position to be used.
func (f *Fix) Valid() bool { return f.Mode >= 2 && f.Position.Present }

// Error is the horizontal error in millimetres: as it is stated, or the root of the sum
// of the squares of the errors in latitude and longitude. ok is false when the
// receiver states none, or states nought.
func (f *Fix) Error() (mm int64, ok bool) {
	const most = 1 << 30 // a thousand kilometres: that is no statement any more
	if f.ErrH.Present {
		mm = f.ErrH.Scaled(3)
		return mm, mm > 0 && mm < most
	}
	if !f.ErrLat.Present || !f.ErrLon.Present {
		return 0, false
	}
	a, b := f.ErrLat.Scaled(3), f.ErrLon.Scaled(3)
	if a < 0 || b < 0 || a >= most || b >= most || a+b == 0 {
		return 0, false
	}
	return int64(math.Sqrt(float64(a*a + b*b))), true
}

// Ending says by what an epoch was known to be complete.
type Ending uint8

// The endings.
const (
	ByTime Ending = iota // a sentence with another time came
	ByLast               // the sentence came that ends this receiver's cycle
	ByIdle               // Idle was called
)
