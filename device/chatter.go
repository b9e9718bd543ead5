package device

import "bytes"

// chatter says whether a line of pairs is not data, by what stands before its first
// pair and by that pair's key. A label may stand there, of one word, or of up to
// three where a colon ends it, and times before the label:
//
//	node1: temp=21.5
//	2026-11-28 12:00:00 cellar 2: temp=21.5
//
// Anything else is a log of the firmware, a prompt or an answer to an AT command,
// whose pairs are none of the device's readings:
//
//	I (823) wifi:AP's beacon interval = 102400 us, DTIM period = 1
//	[00:00:01.234,000] <inf> sensor: temp=85
//	12:00:00 WARN heater: temp=85
//	>>> temp=85
//	=> printenv temp=85
//	ValueError: temp=85
//	AT+IPR=115200
func chatter(line, label, key []byte) bool {
	if len(label) == 0 {
		return command(key) || bytes.HasPrefix(line, []byte("=>"))
	}
	words, colon := 0, false
	for len(label) > 0 {
		var word []byte
		if i := bytes.IndexAny(label, " \t"); i >= 0 {
			word, label = label[:i], bytes.TrimLeft(label[i:], " \t")
		} else {
			word, label = label, nil
		}
		if colon {
			return true // a sentence
		}
		if words == 0 && timeLike(word) {
			continue
		}
		words++
		end := len(word)
		for end > 0 && (word[end-1] == ':' || word[end-1] == ',' || word[end-1] == ';') {
			end--
		}
		colon = end < len(word) && word[end] == ':'
		if word = word[:end]; !labelWord(word) || severity(word) || failure(word) {
			return true
		}
	}
	return words > 1 && !colon || words > 3
}

// command says whether the key of a line that begins with it is an AT command's:
// ATS0=1. With another character after the AT it is no key at all.
func command(key []byte) bool {
	return len(key) > 3 && (key[0]|0x20 == 'a') && (key[1]|0x20 == 't') && (key[2]|0x20 == 's') && pastDigits(key, 3) == len(key)
}

// labelWord: a name, or a number of one.
func labelWord(word []byte) bool {
	named := false
	for _, c := range word {
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9':
			named = true
		case c != '_' && c != '-' && c != '.' && c != '/':
			return false
		}
	}
	return named
}

// failure: what programs call what went wrong, as "ValueError" and "assert".
func failure(word []byte) bool {
	for _, end := range []string{"error", "exception", "assert", "assertion", "failed", "failure"} {
		if n := len(word) - len(end); n >= 0 && bytes.EqualFold(word[n:], []byte(end)) {
			return true
		}
	}
	return false
}

// timeLike: 12:00:00.123, 2026-11-28 and 2026-11-28T12:00:00Z.
func timeLike(word []byte) bool {
	marks := 0
	for i, c := range word {
		switch {
		case '0' <= c && c <= '9', c == '.', c == 'T' && i > 0, c == 'Z' && i > 0, c == '+' && i > 0:
		case c == ':' || c == '-':
			marks++
		default:
			return false
		}
	}
	return marks > 1
}

// severity: what logs call their lines, as "warn" and "E/wifi".
func severity(word []byte) bool {
	if len(word) > 1 && word[1] == '/' && bytes.IndexByte([]byte("VDIWEF"), word[0]) >= 0 {
		return true
	}
	if len(word) > 8 {
		return false
	}
	var lower [8]byte
	for i, c := range word {
		lower[i] = c | 0x20
	}
	switch string(lower[:len(word)]) {
	case "trace", "verbose", "debug", "dbg", "info", "inf", "notice", "warn", "warning", "wrn", "error", "err", "fatal", "critical", "panic":
		return true
	}
	return false
}
