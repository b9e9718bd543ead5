package thingsee

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// ValidName says whether name can be a field's name: 1..MaxName bytes of valid
// UTF-8 that JSON needs not escape.
func ValidName(name string) bool {
	if name == "" || len(name) > MaxName {
		return false
	}
	ascii := true
	for i := range len(name) {
		if c := name[i]; c >= utf8.RuneSelf {
			ascii = false
		} else if !isPlain(c) {
			return false
		}
	}
	return ascii || utf8.ValidString(name)
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
	first := 0
	if len(b) > 0 && b[0] == '-' {
		first = 1
	}
	i := first
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	if i == first || b[first] == '0' && i > first+1 {
		return false
	}
	if i < len(b) && b[i] == '.' {
		point := i + 1
		for i = point; i < len(b) && isDigit(b[i]); {
			i++
		}
		if i == point {
			return false
		}
	}
	// 64 digits are far from the end of a float64
	return i == len(b) || validExponent(b, i)
}

// validExponent is the rest of ValidNumber, from the e on.
func validExponent(b []byte, i int) bool {
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

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// digits is the index of the first byte from i on that is no digit.
func digits(b []byte, i int) int {
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	return i
}

// appendDecimal writes mantissa / 10^decimals without zeros at the end.
// decimals is 18 at most.
func appendDecimal(dst []byte, mantissa int64, decimals int) []byte {
	u := uint64(mantissa)
	if mantissa < 0 {
		dst = append(dst, '-')
		u = -u
	}
	var buf [20 + 18]byte
	from := putDigits(&buf, u)
	point := len(buf) - decimals
	for from >= point {
		from--
		buf[from] = '0'
	}
	end := len(buf)
	for end > point && buf[end-1] == '0' {
		end--
	}
	dst = append(dst, buf[from:point]...)
	if end > point {
		dst = append(append(dst, '.'), buf[point:end]...)
	}
	return dst
}

// putDigits writes u at the end of buf and gives where it begins. Nine digits
// at a time fit 32 bits: a division of 64 is a call of hundreds of
// instructions on the smaller ARMs.
func putDigits(buf *[38]byte, u uint64) int {
	i := len(buf)
	for u >= 1e9 {
		q := u / 1e9
		r := uint32(u - q*1e9)
		for range 9 {
			i--
			buf[i] = byte('0' + r%10)
			r /= 10
		}
		u = q
	}
	for r := uint32(u); ; r /= 10 {
		i--
		buf[i] = byte('0' + r%10)
		if r < 10 {
			return i
		}
	}
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
	end := min(len(s), limit)
	for i := 0; i < end; {
		plain := i
		for i < end && isPlain(s[i]) {
			i++
		}
		dst = append(dst, s[plain:i]...)
		if i == end {
			break
		}
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			if c == '"' || c == '\\' {
				dst = append(dst, '\\', c)
			} else {
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
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

// isPlain says whether an ASCII character stands for itself in JSON.
func isPlain(c byte) bool { return ' ' <= c && c < 0x7f && c != '"' && c != '\\' }

func decodeRune[T string | []byte](s T) (rune, int) {
	var b [utf8.UTFMax]byte
	return utf8.DecodeRune(b[:copy(b[:], s)])
}
