package nmea

import "bytes"

// Recognise says how much of b, from 0 to 1, is sentences of a receiver with a right
// checksum, ends of line included. Half a sentence at either end of b belongs to
// neither: it is left out of the count. So are sentences of AIS, where there are
// sentences with a position between them.
func Recognise(b []byte) (name string, share float64) {
	c := countIn(b)
	name = "NMEA 0183"
	switch {
	case c.foreign > 0 && c.located && c.all > c.foreign:
		return name + " with AIS", float64(c.own) / float64(c.all-c.foreign)
	case c.all == 0:
		return name, 0
	}
	return name, float64(c.own) / float64(c.all)
}

// RecogniseAIS says the same of sentences of AIS.
func RecogniseAIS(b []byte) (name string, share float64) {
	if c := countIn(b); c.all > 0 {
		share = float64(c.foreign) / float64(c.all)
	}
	return "AIS", share
}

// counted is bytes of b.
type counted struct {
	all, own, foreign int  // foreign: AIVDM and AIVDO
	located           bool // there are sentences that carry positions
}

func countIn(b []byte) (c counted) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		b = b[i+1:]
	}
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		b = b[:i+1]
	}
	c.all = len(b)
	for line := range bytes.Lines(b) {
		start := bytes.IndexAny(line, "$!")
		if start < 0 || !sound(bytes.TrimRight(line[start+1:], "\r\n")) {
			continue
		}
		var s Sentence
		s.split(line[start], line[start+1:])
		switch a := s.Field(0); {
		case s.Type == Foreign && len(a) == 5 && (string(a[2:]) == "VDM" || string(a[2:]) == "VDO"):
			c.foreign += len(line) - start
		case s.Type != Foreign:
			c.own += len(line) - start
			c.located = c.located || s.Type == GGA || s.Type == RMC || s.Type == GNS || s.Type == GLL
		}
	}
	return c
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
