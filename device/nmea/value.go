package nmea

import "math"

// Decimal is a number with the digits the receiver sent: Mantissa divided by
// ten to the power of Digits. The zero value is absent, which is not the same
// as the number nought.
type Decimal struct {
	Mantissa int64
	Digits   uint8 // after the point, 0..15
	Present  bool
}

// Float is the value as a float64, 0 when absent.
func (d Decimal) Float() float64 {
	return float64(d.Mantissa) / float64(pow10(int(d.Digits)))
}

// Scaled is the value as an integer with the given digits after the point
// (0..9), rounded half away from nought; 0 when absent. Values too large for
// that are cut to the largest that fits.
func (d Decimal) Scaled(digits int) int64 {
	n := int(d.Digits)
	if n > digits {
		return divRound(d.Mantissa, pow10(n-digits))
	}
	f := pow10(digits - n)
	switch {
	case d.Mantissa > math.MaxInt64/f:
		return math.MaxInt64
	case d.Mantissa < -math.MaxInt64/f:
		return -math.MaxInt64
	}
	return d.Mantissa * f
}

// Coord is an angle of position in 1e-9 degrees, north and east positive. A
// nanodegree is a tenth of a millimetre on the ground.
type Coord int64

// Degrees is the angle as a float64.
func (c Coord) Degrees() float64 { return float64(c) / 1e9 }

// Position is a place on WGS84. The zero value is absent.
type Position struct {
	Lat, Lon Coord
	Present  bool
}

// TimeOfDay is milliseconds since midnight UTC, 0..86400999 (a leap second
// counts), or NoTime.
type TimeOfDay int32

// Date is days since 1970-01-01, or NoDate.
type Date int32

// Absent values of the types whose nought is a real value.
const (
	NoTime TimeOfDay = -1
	NoDate Date      = -1
	None             = -1 // for counts and for the digits of quality and mode
)

const dayMillis = 24 * 60 * 60 * 1000

// Fault says what was wrong with the fields of a sentence whose checksum was
// right. A field with a fault is absent; the others can be used.
type Fault uint8

// The faults; they add up.
const (
	Malformed  Fault = 1 << iota // not a number, a time, a hemisphere
	OutOfRange                   // latitude 91, hour 25, month 13
)

func pow10(n int) int64 {
	p := int64(1)
	for ; n > 0; n-- {
		p *= 10
	}
	return p
}

func divRound(a, b int64) int64 {
	if a < 0 {
		return -((-a + b/2) / b)
	}
	return (a + b/2) / b
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// two reads two digits, -1 when they are not digits.
func two(b []byte) int {
	if !isDigit(b[0]) || !isDigit(b[1]) {
		return -1
	}
	return int(b[0]-'0')*10 + int(b[1]-'0')
}
