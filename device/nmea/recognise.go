package nmea

import "bytes"

// Recognise says how much of b, from 0 to 1, is sentences with a right
// checksum, ends of line included. Half a sentence at either end of b belongs to
// neither: it is left out of the count.
func Recognise(b []byte) (name string, share float64) {
	const name0183 = "NMEA 0183"
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		b = b[i+1:]
	}
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		b = b[:i+1]
	}
	if len(b) == 0 {
		return name0183, 0
	}
	good := 0
	for line := range bytes.Lines(b) {
		if start := bytes.IndexAny(line, "$!"); start >= 0 && sound(bytes.TrimRight(line[start+1:], "\r\n")) {
			good += len(line) - start
		}
	}
	return name0183, float64(good) / float64(len(b))
}

// sound says whether a sentence without its first character ends with its
// checksum.
func sound(s []byte) bool {
	star := len(s) - 3
	if star < 5 || s[star] != '*' {
		return false
	}
	var sum byte
	for _, c := range s[:star] {
		sum ^= c
	}
	hi, ok := hex(s[star+1])
	lo, also := hex(s[star+2])
	return ok && also && sum == hi<<4|lo
}
