package device

import "strconv"

// hexNumber reads 1F, 0x1F and 1Fh as a number of base 16 and gives its decimal
// digits, written into scratch. false: it is none, or over 63 bits.
func hexNumber(scratch, b []byte) (digits []byte, ok bool) {
	if hexMark(b) {
		b = b[2:]
	} else if n := len(b); n > 1 && b[n-1]|0x20 == 'h' {
		b = b[:n-1]
	}
	v := int64(0)
	for _, c := range b {
		d := int64(hexDigit(c))
		if d < 0 || v>>59 != 0 {
			return nil, false
		}
		v = v<<4 | d
	}
	return strconv.AppendInt(scratch[:0], v, 10), len(b) > 0
}

// hexMark says whether b begins as a number of base 16 does in most languages.
func hexMark(b []byte) bool { return len(b) > 2 && b[0] == '0' && b[1]|0x20 == 'x' }

// maybeHex says whether b, which may be a number of base 10, may as well be one of
// base 16: 12E4 is 120000 or 4836. With a point or a sign behind the E it is the former.
func maybeHex(b []byte) bool {
	exponent := false
	for _, c := range b {
		if c|0x20 == 'e' {
			exponent = true
		} else if c < '0' || c > '9' {
			return false
		}
	}
	return exponent
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
