package device

import "bytes"

// noiseMost is how many bytes that no text has may stand before a line or behind an
// object: the NUL or 0xFF of a line that turned around, the NUL that ends a string
// of C, an XON, the three of a byte order mark. More is noise, and no line.
const noiseMost = 3

// strip passes over what may stand before a line and is no part of it: blanks, a
// few bytes of noise, and the escape sequences with which a terminal sets colours.
func strip(b []byte) []byte {
	for noise := 0; len(b) > 0; {
		switch c := b[0]; {
		case c == 0x1b:
			end := escape(b)
			if end < 0 {
				return b
			}
			b = b[end:]
			continue
		case c == ' ' || c == '\t':
		case c > ' ' && c < 0x7f || noise == noiseMost:
			return b
		default:
			noise++
		}
		b = b[1:]
	}
	return b
}

// escape gives the end of a terminal's escape sequence, ESC [ 0 ; 3 2 m, or -1.
func escape(b []byte) int {
	if len(b) < 3 || b[1] != '[' {
		return -1
	}
	for i, c := range b[2:] {
		if c >= '@' && c <= '~' {
			return 2 + i + 1
		}
		if c != ';' && (c < '0' || c > '9') {
			return -1
		}
	}
	return -1
}

// trim cuts blanks off both ends of a line, and strip's off its beginning.
func trim(b []byte) []byte {
	if len(b) > 0 && (b[0] <= ' ' || b[0] >= 0x7f) {
		b = strip(b)
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	if bytes.HasSuffix(b, []byte("\x1b[0m")) {
		b = b[:len(b)-len("\x1b[0m")]
	}
	return b
}
