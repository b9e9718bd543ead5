package device

import (
	"bytes"

	"portti/device/jsonline"
	"portti/device/thingsee"
)

// shareOfLines is how much of the whole lines in b, blank ones left out, ok
// takes. What lies before the first end of a line and behind the last may be
// half a line and is not looked at.
func shareOfLines(b []byte, ok func(line []byte) bool) float64 {
	if i := bytes.IndexAny(b, "\r\n"); i >= 0 {
		b = b[i+1:]
	}
	if i := bytes.LastIndexAny(b, "\r\n"); i >= 0 {
		b = b[:i]
	}
	var good, all int
	for line := range bytes.FieldsFuncSeq(b, func(r rune) bool { return r == '\r' || r == '\n' }) {
		if line = trim(line); len(line) == 0 {
			continue
		}
		all += len(line)
		if ok(line) {
			good += len(line)
		}
	}
	if all == 0 {
		return 0
	}
	return float64(good) / float64(all)
}

func recogniseLines(b []byte) (name string, share float64) {
	objects := shareOfLines(b, wholeObject)
	pairs := shareOfLines(b, func(line []byte) bool { return line[0] != '{' && holdsPair(line) })
	if pairs > objects {
		return "key=value lines", pairs
	}
	return "JSON lines", objects
}

// holdsPair says whether a line has a name with a number.
func holdsPair(line []byte) bool {
	p := pairs{line: line}
	for first := true; p.next(); first = false {
		if first && chatter(line, line[:p.label], p.key) {
			return false
		}
		if thingsee.ValidName(string(p.key)) && !p.spoiled && thingsee.ValidNumber(p.value.raw) {
			return true
		}
	}
	return false
}

// recogniseBridge looks for JSON objects that carry a Bluetooth address.
func recogniseBridge(b []byte) (name string, share float64) {
	return "Bluetooth receiver", shareOfLines(b, func(line []byte) bool {
		body := bytes.TrimPrefix(line, []byte(bleOMG))
		if len(body) == 0 || body[0] != '{' || !jsonline.Valid(body) {
			return false
		}
		ad, ok := parseBLELine(body)
		return ok && (ad.addressed > 0 || ad.heartbeat)
	})
}
