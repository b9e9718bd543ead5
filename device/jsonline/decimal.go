package jsonline

// maxDigits is how many digits a plain number may have: what fits an int64
// whatever the digits are.
const maxDigits = 18

// Decimal is what the digits of a number say: Mantissa / 10^Places, exactly,
// where it is Plain. With an exponent or more than 18 digits, zeros in front
// counted, it is not, and says nothing.
type Decimal struct {
	Mantissa int64
	Places   int // 0..18
	Plain    bool
}

// Scan takes the number that begins at b[from] apart and gives the index behind
// it, or -1 where what begins there is no number by the grammar of JSON, as in
// "5." and "007". What follows the number is not looked at.
func (d *Decimal) Scan(b []byte, from int) (end int) {
	d.Plain = false
	b = b[from:]
	i := 0
	if len(b) > 0 && b[0] == '-' {
		i = 1
	}
	// Nine digits fit 32 bits, which is a third of the work on ARMv6, and few
	// sensors send more. Those of a longer number are taken again.
	first, low := i, uint32(0)
	for ; i < len(b); i++ {
		c := uint32(b[i]) - '0'
		if c > 9 {
			break
		}
		low = low*10 + c
	}
	digits := i - first
	if digits == 0 || digits > 1 && b[first] == '0' {
		return -1
	}
	places := 0
	if i < len(b) && b[i] == '.' {
		point := i + 1
		for i = point; i < len(b); i++ {
			c := uint32(b[i]) - '0'
			if c > 9 {
				break
			}
			low = low*10 + c
		}
		if places = i - point; places == 0 {
			return -1
		}
		digits += places
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		if i = exponent(b, i+1); i < 0 {
			return -1
		}
		return from + i
	}
	d.Places, d.Plain = places, digits <= maxDigits
	d.Mantissa = int64(low)
	if digits > 9 && d.Plain {
		d.Mantissa = long(b[first:i])
	}
	if first > 0 {
		d.Mantissa = -d.Mantissa
	}
	return from + i
}

// long sums up to 18 digits, passing over the point.
func long(b []byte) int64 {
	var high, low, unit uint32 = 0, 0, 1 // the first nine digits, the others, 10 to their number
	digits := 0
	for _, c := range b {
		switch {
		case c == '.':
			continue
		case digits < 9:
			high = high*10 + uint32(c-'0')
		default:
			low = low*10 + uint32(c-'0')
			unit *= 10
		}
		digits++
	}
	return int64(high)*int64(unit) + int64(low)
}

// exponent passes over the rest of a number behind its e, or gives -1.
func exponent(b []byte, i int) int {
	if has(b, i, '+') || has(b, i, '-') {
		i++
	}
	first := i
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	if i == first {
		return -1
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
