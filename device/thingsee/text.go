package thingsee

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// ValidName says whether name can be a field's name: 1..MaxName bytes of valid
// UTF-8 that JSON needs not escape.
func ValidName(name string) bool {
	if name == "" || len(name) > MaxName || !utf8.ValidString(name) {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c < ' ' || c == '"' || c == '\\' || c == 0x7f {
			return false
		}
	}
	return true
}

// Reserved says whether name belongs to the header and so can never be a
// field. Case is ignored, because some receivers ignore it.
func Reserved(name string) bool {
	if len(name) >= 3 && fold(name[:3], "tsm") {
		return true
	}
	return fold(name, "tserr") || fold(name, "deploymentgroupid")
}

// fold compares with a lower-case ASCII text, ignoring case.
func fold(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// ValidTuid says whether b can be a thing's identity: 1..64 printable ASCII
// characters without blank, quote or backslash. Haltian's own have 17 letters
// and digits; consumers are known to take others.
func ValidTuid(b []byte) bool {
	if len(b) == 0 || len(b) > 64 {
		return false
	}
	for _, c := range b {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// ValidNumber says whether b is a number by the grammar of JSON, of at most
// MaxNumber bytes and finite as a float64.
func ValidNumber(b []byte) bool {
	if len(b) > MaxNumber {
		return false
	}
	i := 0
	if i < len(b) && b[i] == '-' {
		i++
	}
	first := i
	i = digits(b, i)
	if i == first || b[first] == '0' && i > first+1 {
		return false
	}
	if i < len(b) && b[i] == '.' {
		point := i + 1
		if i = digits(b, point); i == point {
			return false
		}
	}
	if i == len(b) {
		return true // 64 digits are far from the end of a float64
	}
	if b[i] != 'e' && b[i] != 'E' {
		return false
	}
	i++
	if i < len(b) && (b[i] == '+' || b[i] == '-') {
		i++
	}
	if digits(b, i) != len(b) || i == len(b) {
		return false
	}
	v, err := strconv.ParseFloat(string(b), 64)
	return err == nil && !math.IsInf(v, 0)
}

// digits is the index of the first byte from i on that is no digit.
func digits(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}

// appendDecimal writes mantissa / 10^decimals without zeros at the end.
func appendDecimal(dst []byte, mantissa int64, decimals int) []byte {
	u := uint64(mantissa)
	if mantissa < 0 {
		dst = append(dst, '-')
		u = -u
	}
	for decimals > 0 && u%10 == 0 {
		u /= 10
		decimals--
	}
	var buf [20]byte
	i := len(buf)
	for n := 0; u > 0 || n <= decimals; n++ {
		if n == decimals && decimals > 0 {
			i--
			buf[i] = '.'
		}
		i--
		buf[i] = byte('0' + u%10)
		u /= 10
	}
	return append(dst, buf[i:]...)
}

// trimZeros cuts the zeros after the point of the number at dst[start:].
func trimZeros(dst []byte, start int) []byte {
	point := start
	for point < len(dst) && dst[point] != '.' {
		point++
	}
	if point == len(dst) {
		return dst
	}
	end := len(dst)
	for dst[end-1] == '0' {
		end--
	}
	if end == point+1 {
		end = point
	}
	return dst[:end]
}

const hex = "0123456789abcdef"

// appendText writes s as a JSON string of at most limit bytes of s.
func appendText[T string | []byte](dst []byte, s T, limit int) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if i++; i > limit {
				break
			}
			switch {
			case c == '"' || c == '\\':
				dst = append(dst, '\\', c)
			case c < ' ' || c == 0x7f:
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			default:
				dst = append(dst, c)
			}
			continue
		}
		r, size := decodeRune(s[i:])
		if i += size; i > limit {
			break
		}
		dst = utf8.AppendRune(dst, r)
	}
	return append(dst, '"')
}

func decodeRune[T string | []byte](s T) (rune, int) {
	var b [utf8.UTFMax]byte
	return utf8.DecodeRune(b[:copy(b[:], s)])
}
