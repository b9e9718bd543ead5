package fields

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
)

// Value is Mantissa / 10^Decimals. One that is not Known is no value, and no zero.
type Value struct {
	Mantissa int64
	Decimals int
	Known    bool
}

// Float is the value as far as a float64 holds it, for comparing with limits.
func (v Value) Float() float64 { return float64(v.Mantissa) / math.Pow10(v.Decimals) }

// Type is how a number is written.
type Type uint8

// The types.
const (
	Unsigned  Type = iota
	Signed         // two's complement of as many bits as there are
	Magnitude      // the highest bit is the sign, the others the number
	BCD            // two digits a byte
	Float          // IEEE 754, four or eight bytes
	Text           // digits of ASCII, with sign and point, blanks around them
	types
)

// State says what a row found.
type State uint8

// The states. Only OK comes with a value.
const (
	OK      State = iota
	Absent        // marked as not available
	Short         // the frame ends before it
	Garbled       // no number: a digit that is none
	Outside       // beyond Min and Max, or beyond what a Value holds
)

// Row is one number of a frame. The zero value of each member but Name is the
// usual case: one unsigned byte at the beginning, as it is.
type Row struct {
	Name   string
	Offset int // of its first byte; negative: from the end, -1 being the last byte
	Type   Type
	Size   int    // bytes; 0 = 1
	Little bool   // lowest byte first
	Shift  int    // bits to the right of the number, in the bytes taken as one
	Bits   int    // bits of the number; 0 = all that are left
	NA     uint64 // the bits that mean "not available", if HasNA
	HasNA  bool
	Div    uint64 // the number is divided by it, and what is left over dropped; 0 = not
	Mod    uint64 // then what is left over of a division by it is taken; 0 = not

	Mul      int64 // 0 = 1
	Add      int64 // in steps of the last decimal, as Min and Max are
	Decimals int
	Min, Max int64 // both 0 = no limits
}

// maxText is how long a text may be; maxDecimals what 10^n is an int64 for.
const (
	maxText     = 24
	maxDecimals = 18
)

// Check says what is wrong with a row, which Read relies on not to be.
func (r *Row) Check() error {
	size, longest := r.size(), 8
	if r.Type == Text {
		longest = maxText
	}
	plain := r.Shift == 0 && r.Bits == 0 && r.Div == 0 && r.Mod == 0
	switch {
	case r.Type >= types:
		return errors.New("there is no such type")
	case size < 1 || size > longest:
		return fmt.Errorf("it may have 1 to %d bytes, not %d", longest, r.Size)
	case r.Offset < 0 && r.Offset+size > 0:
		return errors.New("it reaches beyond the frame's end")
	case r.Type == Float && size != 4 && size != 8:
		return fmt.Errorf("a floating-point number has 4 or 8 bytes, not %d", size)
	case r.Type >= BCD && !plain:
		return errors.New("bits, division and remainder are for whole numbers")
	case r.Type == Text && r.HasNA:
		return errors.New("a text has no bits that mean it is not available")
	case r.Shift < 0 || r.Bits < 0 || r.Type != Text && r.Shift+max(r.Bits, 1) > 8*size:
		return fmt.Errorf("%d bits are asked for behind bit %d of %d bytes", r.Bits, r.Shift, size)
	case r.Decimals < 0 || r.Decimals > maxDecimals:
		return fmt.Errorf("it may have 0 to %d decimals, not %d", maxDecimals, r.Decimals)
	case r.Min > r.Max:
		return errors.New("its least value is above its greatest")
	}
	return nil
}

func (r *Row) size() int {
	if r.Size == 0 {
		return 1
	}
	return r.Size
}

// Read reads the row's number out of a frame.
func (r *Row) Read(frame []byte) (Value, State) {
	at, size := r.Offset, r.size()
	if at < 0 {
		at += len(frame)
	}
	if at < 0 || at > len(frame)-size {
		return Value{}, Short
	}
	b := frame[at : at+size]
	if r.Type == Text {
		return r.text(b)
	}
	raw := r.raw(b)
	if r.HasNA && raw == r.NA {
		return Value{}, Absent
	}
	switch r.Type {
	case Float:
		return r.float(raw)
	case BCD:
		n, ok := bcd(raw)
		if !ok {
			return Value{}, Garbled
		}
		return r.finish(n, false, 0)
	}
	n, minus := r.signed(raw)
	if r.Div > 0 {
		n /= r.Div
	}
	if r.Mod > 0 {
		n %= r.Mod
	}
	return r.finish(n, minus, 0)
}

// raw takes the bytes as one number and the row's bits out of it.
func (r *Row) raw(b []byte) (n uint64) {
	for i := range b {
		c := b[i]
		if r.Little {
			c = b[len(b)-1-i]
		}
		n = n<<8 | uint64(c)
	}
	return n >> r.Shift & (1<<r.width() - 1)
}

// width is how many bits the number has.
func (r *Row) width() int {
	if r.Bits > 0 {
		return r.Bits
	}
	return 8*r.size() - r.Shift
}

// signed parts a number and its sign.
func (r *Row) signed(raw uint64) (n uint64, minus bool) {
	sign := uint64(1) << (r.width() - 1)
	switch {
	case r.Type == Unsigned || raw&sign == 0:
		return raw, false
	case r.Type == Signed:
		return (^raw + 1) & (sign<<1 - 1), true
	}
	return raw &^ sign, true
}

// finish makes the value of a number that has places decimals of its own.
func (r *Row) finish(n uint64, minus bool, places int) (Value, State) {
	mul, add, low, high := r.Mul, r.Add, r.Min, r.Max
	if mul == 0 {
		mul = 1
	}
	hi, lo := bits.Mul64(n, magnitude(mul))
	if hi > 0 || lo > math.MaxInt64 {
		return Value{}, Outside
	}
	v := int64(lo)
	if minus != (mul < 0) {
		v = -v
	}
	for range places {
		if add > math.MaxInt64/10 || add < math.MinInt64/10 {
			return Value{}, Outside
		}
		add, low, high = add*10, times10(low), times10(high)
	}
	sum := v + add
	if (sum > v) != (add > 0) && add != 0 {
		return Value{}, Outside
	}
	if (r.Min != 0 || r.Max != 0) && (sum < low || sum > high) {
		return Value{}, Outside
	}
	return Value{sum, r.Decimals + places, true}, OK
}

// times10 stops at the ends of what an int64 holds.
func times10(v int64) int64 {
	return max(min(v, math.MaxInt64/10), math.MinInt64/10) * 10
}

func magnitude(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

func bcd(raw uint64) (n uint64, ok bool) {
	for shift := 60; shift >= 0; shift -= 4 {
		digit := raw >> shift & 15
		if digit > 9 {
			return 0, false
		}
		n = n*10 + digit
	}
	return n, true
}

// text reads digits. Nothing but blanks is not available.
func (r *Row) text(b []byte) (Value, State) {
	for len(b) > 0 && blank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && blank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	if len(b) == 0 {
		return Value{}, Absent
	}
	minus := b[0] == '-'
	if minus || b[0] == '+' {
		b = b[1:]
	}
	n, digits, point := uint64(0), 0, -1
	for i, c := range b {
		switch {
		case c == '.' && point < 0:
			point = i
		case c < '0' || c > '9':
			return Value{}, Garbled
		case n > (math.MaxInt64-9)/10:
			return Value{}, Outside
		default:
			n, digits = n*10+uint64(c-'0'), digits+1
		}
	}
	switch {
	case digits == 0:
		return Value{}, Garbled
	case point < 0:
		return r.finish(n, minus, 0)
	}
	return r.finish(n, minus, len(b)-1-point)
}

func blank(c byte) bool { return c == ' ' || c == 0 || c == '\t' }

// float takes the shortest decimal that means the same number: 21.4 is 214
// tenths although four bytes hold only 21.3999996.
func (r *Row) float(raw uint64) (Value, State) {
	f, size := math.Float64frombits(raw), 64
	if r.Size == 4 {
		f, size = float64(math.Float32frombits(uint32(raw))), 32
	}
	switch {
	case f != f:
		return Value{}, Absent
	case math.Abs(f) >= 1e18: // infinity too
		return Value{}, Outside
	case math.Abs(f) < 1e-18:
		f = 0
	}
	var buf [64]byte
	b := strconv.AppendFloat(buf[:0], math.Abs(f), 'f', -1, size)
	point := slices.Index(b, '.')
	if point < 0 {
		point = len(b) - 1
	}
	if len(b)-1-point > maxDecimals {
		b = b[:point+1+maxDecimals]
	}
	n, places := uint64(0), len(b)-1-point
	for _, c := range b {
		if c == '.' {
			continue
		}
		if n > (math.MaxInt64-9)/10 {
			return Value{}, Outside
		}
		n = n*10 + uint64(c-'0')
	}
	return r.finish(n, math.Signbit(f), places)
}
