package device

import "bytes"

// cutUnit cuts the unit that the configuration names off a value: 23.6C, 23.6 C and
// 23.6 °C where it is "C", and 45% where it is "%". A degree sign, in UTF-8 or
// Latin-1, is no part of it. What has another unit stays as it is, so that it is
// refused: 70 F is never taken for 70.
func cutUnit(b []byte, unit string) []byte {
	end := len(b) - len(unit)
	if end < 1 || string(b[end:]) != unit {
		return b
	}
	number := bytes.TrimRight(b[:end], " ")
	for _, sign := range []string{"°", "º", "\xb0", "\xba"} {
		if n := len(number) - len(sign); n > 0 && string(number[n:]) == sign {
			number = bytes.TrimRight(number[:n], " ")
			break
		}
	}
	if len(number) == 0 {
		return b
	}
	if last := number[len(number)-1]; last != '.' && (last < '0' || last > '9') {
		return b
	}
	return number
}

// isUnit says whether a word behind a value is that unit.
func isUnit(word []byte, unit string) bool {
	for _, sign := range []string{"°", "º", "\xb0", "\xba"} {
		if rest, ok := bytes.CutPrefix(word, []byte(sign)); ok {
			word = rest
			break
		}
	}
	return unit != "" && string(word) == unit
}
