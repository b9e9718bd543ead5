package device

import (
	"math"
	"math/bits"
	"strconv"

	"portti/device/thingsee"
)

// maxDigits is how many digits an exact number may have: what fits an int64
// whatever the digits are.
const maxDigits = 18

// decimal is mantissa / 10^places, exactly.
type decimal struct {
	mantissa int64
	places   int // 0..maxDigits
}

// number gives the number that a field holds as JSON: as it stands in the line
// or, where it is one only as sensors write them, put right in scratch. false:
// not a number, or one that cannot be sent.
func (f *field) number(scratch []byte) (digits []byte, ok bool) {
	if f.decimal.Plain {
		return f.raw, true
	}
	if len(f.raw) > thingsee.MaxNumber {
		return nil, false
	}
	digits = f.raw
	if len(digits) > 1 && digits[0] == '+' && digits[1] != '-' {
		digits = digits[1:] // often all that is wrong
	}
	if f.decimal.Scan(digits, 0) != len(digits) {
		digits = tidy(scratch, f.raw)
		if f.decimal.Scan(digits, 0) != len(digits) {
			return nil, false
		}
	}
	return digits, f.decimal.Plain || thingsee.ValidNumber(digits)
}

// exactly is what digits, which number gave, say. false: more digits than can
// be kept.
func (f *field) exactly(digits []byte) (decimal, bool) {
	switch {
	case !f.decimal.Plain:
		return parseDecimal(digits)
	case f.decimal.Mantissa == 0:
		return decimal{}, true
	}
	return decimal{f.decimal.Mantissa, f.decimal.Places}, true
}

// tidy puts a number right that is not one of JSON's: a plus sign, zeros in
// front, nothing before or behind the point ("+5" 5, "007" 7, ".5" 0.5, "5." 5).
// All other digits stay as they are ("21.50"). It is written into scratch, and
// still no number where b was none.
func tidy(scratch, b []byte) []byte {
	out, i := scratch[:0], 0
	if i < len(b) && (b[i] == '+' || b[i] == '-') {
		if b[i] == '-' {
			out = append(out, '-')
		}
		i++
	}
	whole := i
	i = pastDigits(b, i)
	digits := i - whole
	for whole < i-1 && b[whole] == '0' {
		whole++
	}
	if out = append(out, b[whole:i]...); digits == 0 {
		out = append(out, '0')
	}
	if i < len(b) && b[i] == '.' {
		point := i
		i = pastDigits(b, i+1)
		if digits += i - point - 1; i > point+1 {
			out = append(out, b[point:i]...)
		}
	}
	if digits == 0 {
		return nil
	}
	return append(out, b[i:]...) // an exponent, or what makes it invalid
}

func pastDigits(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}

// parseDecimal takes a JSON number apart, those too that are not plain to
// jsonline. false: it has more digits than can be kept exactly.
func parseDecimal(b []byte) (d decimal, ok bool) {
	i, negative, exponent := 0, false, 0
	if b[0] == '-' {
		negative, i = true, 1
	}
	point, digits := -1, 0
	for ; i < len(b); i++ {
		c := b[i]
		if c == '.' {
			point = i
			continue
		}
		if c > '9' { // e or E
			e, err := strconv.Atoi(string(b[i+1:]))
			if err != nil || e > 400 || e < -400 {
				return d, false
			}
			exponent = e
			break
		}
		if digits > 0 || c != '0' {
			digits++
		}
		if digits > maxDigits {
			return d, false
		}
		d.mantissa = d.mantissa*10 + int64(c-'0')
	}
	if point >= 0 {
		d.places = i - point - 1
	}
	if negative {
		d.mantissa = -d.mantissa
	}
	return d.shift(exponent)
}

// shift multiplies by 10^n.
func (d decimal) shift(n int) (decimal, bool) {
	if d.mantissa == 0 {
		return decimal{}, true
	}
	d.places -= n
	for d.places < 0 {
		m, ok := multiply(d.mantissa, 10)
		if !ok {
			return d, false
		}
		d.mantissa, d.places = m, d.places+1
	}
	for d.places > maxDigits && d.mantissa%10 == 0 {
		d.mantissa, d.places = d.mantissa/10, d.places-1
	}
	return d, d.places <= maxDigits
}

// times and plus say false where the result cannot be kept exactly.
func (d decimal) times(f decimal) (decimal, bool) {
	m, ok := multiply(d.mantissa, f.mantissa)
	if !ok {
		return d, false
	}
	return decimal{m, d.places + f.places}.shift(0)
}

func (d decimal) plus(o decimal) (decimal, bool) {
	for d.places < o.places {
		m, ok := multiply(d.mantissa, 10)
		if !ok {
			return d, false
		}
		d.mantissa, d.places = m, d.places+1
	}
	for o.places < d.places {
		m, ok := multiply(o.mantissa, 10)
		if !ok {
			return d, false
		}
		o.mantissa, o.places = m, o.places+1
	}
	sum := d.mantissa + o.mantissa
	if (sum > d.mantissa) != (o.mantissa > 0) && o.mantissa != 0 {
		return d, false
	}
	return decimal{sum, d.places}, true
}

// value is the nearest float64.
func (d decimal) value() float64 {
	return float64(d.mantissa) / math.Pow10(d.places)
}

// whole is the value as an integer, where it is one.
func (d decimal) whole() (int64, bool) {
	m := d.mantissa
	for range d.places {
		if m%10 != 0 {
			return 0, false
		}
		m /= 10
	}
	return m, true
}

func multiply(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, false
	}
	if (a < 0) != (b < 0) {
		return -int64(lo), true
	}
	return int64(lo), true
}

func magnitude(a int64) uint64 {
	if a < 0 {
		return -uint64(a)
	}
	return uint64(a)
}

// configured is a number of the configuration as it was written: the shortest
// decimal that means the same float64, so 0.1 is one tenth.
func configured(v float64) (decimal, bool) {
	return parseDecimal(strconv.AppendFloat(nil, v, 'f', -1, 64))
}
