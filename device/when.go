package device

// parseTime reads Unix seconds with or without decimals, or RFC 3339, into
// Unix milliseconds. What lies between two milliseconds is cut off. It does
// not allocate.
func parseTime(scratch []byte, f *field) (ms int64, ok bool) {
	if ms, ok = parseRFC3339(f.raw); ok {
		return ms, true
	}
	digits, ok := f.number(scratch)
	if !ok {
		return 0, false
	}
	d, exact := f.exactly(digits)
	if !exact {
		return 0, false
	}
	for ; d.places > 3; d.places-- {
		d.mantissa /= 10
	}
	d, exact = d.shift(3)
	ms, whole := d.whole()
	return ms, exact && whole && ms > 0
}

// parseRFC3339 reads 2026-11-22T00:38:22.5+02:00. A blank or a small t may
// stand for the T, a small z for the Z.
func parseRFC3339(b []byte) (ms int64, ok bool) {
	const form = "0000-00-00 00:00:00"
	if len(b) <= len(form) || b[4] != '-' || b[7] != '-' || b[13] != ':' || b[16] != ':' || b[10] != 'T' && b[10] != 't' && b[10] != ' ' {
		return 0, false
	}
	year, month, day := two(b[0], b[1])*100+two(b[2], b[3]), two(b[5], b[6]), two(b[8], b[9])
	hour, minute, second := two(b[11], b[12]), two(b[14], b[15]), two(b[17], b[18])
	if year|month|day|hour|minute|second < 0 || hour > 23 || minute > 59 || second > 60 {
		return 0, false
	}
	days, ok := daysFrom1970(year, month, day)
	if !ok {
		return 0, false
	}
	fraction, rest, ok := parseFraction(b[len(form):])
	if !ok {
		return 0, false
	}
	zone, ok := parseZone(rest)
	ms = (int64(days)*86400+int64(hour*3600+minute*60+second))*1000 + fraction - zone
	return ms, ok && ms > 0
}

// two is a number of two digits, and far below zero where they are none.
func two(tens, ones byte) int {
	t, o := int(tens)-'0', int(ones)-'0'
	if uint(t) > 9 || uint(o) > 9 {
		return -10_000
	}
	return t*10 + o
}

// daysFrom1970 counts the days of the Gregorian calendar. It does in 32 bits
// what package time does in 64, which an ARMv6 has no division for.
func daysFrom1970(year, month, day int) (days int, ok bool) {
	leap := year%4 == 0 && (year%100 != 0 || year%400 == 0)
	if month < 1 || month > 12 || day < 1 {
		return 0, false
	}
	before := [...]int{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365}
	last := before[month] - before[month-1]
	days = before[month-1] + day - 1
	if leap && month == 2 {
		last++
	}
	if leap && month > 2 {
		days++
	}
	y := year - 1 // whole years since the year 1, in which 1970 is day 719162
	return y*365 + y/4 - y/100 + y/400 + days - 719162, day <= last
}

// parseFraction reads ".123456" as whole milliseconds.
func parseFraction(b []byte) (ms int64, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '.' {
		return 0, b, true
	}
	end := pastDigits(b, 1)
	milliseconds := 0
	for i, unit := 1, 100; i < end && unit > 0; i, unit = i+1, unit/10 {
		milliseconds += int(b[i]-'0') * unit
	}
	return int64(milliseconds), b[end:], end > 1
}

// parseZone reads Z or +02:00 as milliseconds east of Greenwich.
func parseZone(b []byte) (ms int64, ok bool) {
	if len(b) == 1 {
		return 0, b[0] == 'Z' || b[0] == 'z'
	}
	if len(b) != 6 || b[0] != '+' && b[0] != '-' || b[3] != ':' {
		return 0, false
	}
	if pastDigits(b, 1) != 3 || pastDigits(b, 4) != 6 {
		return 0, false
	}
	hours, minutes := int64(b[1]-'0')*10+int64(b[2]-'0'), int64(b[4]-'0')*10+int64(b[5]-'0')
	if hours > 23 || minutes > 59 {
		return 0, false
	}
	if ms = (hours*60 + minutes) * 60_000; b[0] == '-' {
		ms = -ms
	}
	return ms, true
}
