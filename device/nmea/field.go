package nmea

// A field reader takes the fields of one sentence in turn and gathers faults,
// so that a decoder reads as the list of its fields.
type fields struct {
	s     *Sentence
	fault Fault
}

// decimal reads field i; empty is absent.
func (f *fields) decimal(i int) Decimal {
	b := f.s.Field(i)
	if len(b) == 0 {
		return Decimal{}
	}
	d, ok := parseDecimal(b)
	if !ok {
		f.fault |= Malformed
	}
	return d
}

// maxDigits keeps a mantissa within 15 digits, so that a factor of a few
// thousand never overflows it.
const maxDigits = 15

// parseDecimal takes [+-]digits[.digits]. Digits after the point beyond what
// fits are cut off; digits before it that do not fit make it no number.
func parseDecimal(b []byte) (Decimal, bool) {
	d := Decimal{Present: true}
	negative := b[0] == '-'
	if negative || b[0] == '+' {
		b = b[1:]
	}
	seen, point, used := false, false, 0
	for _, c := range b {
		switch {
		case c == '.' && !point:
			point = true
			continue
		case !isDigit(c):
			return Decimal{}, false
		}
		seen = true
		if used == maxDigits {
			if point {
				continue
			}
			return Decimal{}, false
		}
		d.Mantissa = d.Mantissa*10 + int64(c-'0')
		if d.Mantissa != 0 || point {
			used++
		}
		if point {
			d.Digits++
		}
	}
	if negative {
		d.Mantissa = -d.Mantissa
	}
	if !seen {
		return Decimal{}, false
	}
	return d, true
}

// count reads field i as a whole number 0..9999; None when empty.
func (f *fields) count(i int) int16 {
	b := f.s.Field(i)
	if len(b) == 0 {
		return None
	}
	n := int16(0)
	for j, c := range b {
		if !isDigit(c) || j > 3 {
			f.fault |= Malformed
			return None
		}
		n = n*10 + int16(c-'0')
	}
	return n
}

// letter reads the first byte of field i; 0 when empty.
func (f *fields) letter(i int) byte {
	if b := f.s.Field(i); len(b) > 0 {
		return b[0]
	}
	return 0
}

// time reads hhmmss[.sss] from field i. Digits beyond the millisecond are cut
// off.
func (f *fields) time(i int) TimeOfDay {
	b := f.s.Field(i)
	if len(b) == 0 {
		return NoTime
	}
	if len(b) < 6 || len(b) > 6 && b[6] != '.' {
		f.fault |= Malformed
		return NoTime
	}
	h, m, s := two(b), two(b[2:]), two(b[4:])
	if h < 0 || m < 0 || s < 0 {
		f.fault |= Malformed
		return NoTime
	}
	if h > 23 || m > 59 || s > 60 {
		f.fault |= OutOfRange
		return NoTime
	}
	ms, weight := 0, 100
	for _, c := range b[min(7, len(b)):] {
		if !isDigit(c) {
			f.fault |= Malformed
			return NoTime
		}
		ms += int(c-'0') * weight
		weight /= 10
	}
	return TimeOfDay(((h*60+m)*60+s)*1000 + ms)
}

// date reads ddmmyy from field i. Years 80..99 are of the last century: there
// was no GPS before 1980.
func (f *fields) date(i int) Date {
	b := f.s.Field(i)
	if len(b) == 0 {
		return NoDate
	}
	if len(b) != 6 {
		f.fault |= Malformed
		return NoDate
	}
	d, m, y := two(b), two(b[2:]), two(b[4:])
	if d < 0 || m < 0 || y < 0 {
		f.fault |= Malformed
		return NoDate
	}
	if y += 2000; y >= 2080 {
		y -= 100
	}
	return f.day(y, m, d)
}

// day checks a date of the civil calendar and counts its days.
func (f *fields) day(y, m, d int) Date {
	if m < 1 || m > 12 || d < 1 || d > 31 || y < 1980 || y > 2199 {
		f.fault |= OutOfRange
		return NoDate
	}
	// March first, so that the leap day ends the year.
	if m < 3 {
		y, m = y-1, m+12
	}
	return Date(365*y + y/4 - y/100 + y/400 + (153*(m-3)+2)/5 + d - 1 - 719468)
}

// position reads latitude, N or S, longitude, E or W from fields i to i+3. All
// four empty is absent.
func (f *fields) position(i int) Position {
	lat, lon := f.s.Field(i), f.s.Field(i+2)
	if len(lat) == 0 || len(lon) == 0 {
		return Position{}
	}
	ns, ew := f.letter(i+1), f.letter(i+3)
	if ns == 0 || ew == 0 {
		return Position{}
	}
	p := Position{Lat: f.coord(lat, 90), Lon: f.coord(lon, 180)}
	if p.Lat < 0 || p.Lon < 0 {
		return Position{}
	}
	switch {
	case ns == 'S':
		p.Lat = -p.Lat
	case ns != 'N':
		f.fault |= Malformed
		return Position{}
	}
	switch {
	case ew == 'W':
		p.Lon = -p.Lon
	case ew != 'E':
		f.fault |= Malformed
		return Position{}
	}
	p.Present = true
	return p
}

// coord reads dddmm.mmmm; -1 when it is none. All integer, and 32 bits wide
// where it can be: a division of 64 bits costs an ARMv6 three hundred
// instructions. The ninth digit of a minute is two micrometres.
func (f *fields) coord(b []byte, limit int64) Coord {
	whole, i := uint32(0), 0
	for ; i < len(b) && isDigit(b[i]) && i < 6; i++ {
		whole = whole*10 + uint32(b[i]-'0')
	}
	if i == 0 || i < len(b) && b[i] != '.' {
		f.fault |= Malformed
		return -1
	}
	frac, weight := uint32(0), uint32(1e8)
	for _, c := range b[min(i+1, len(b)):] {
		if !isDigit(c) {
			f.fault |= Malformed
			return -1
		}
		frac += uint32(c-'0') * weight
		weight /= 10
	}
	deg := whole / 100
	minutes := whole - deg*100
	// (minutes * 1e9 + frac) / 60, rounded: 1e9 is 60 * 16666666 + 40.
	c := int64(deg)*1e9 + int64(minutes*16666666+(minutes*40+frac+30)/60)
	if minutes > 59 || c > limit*1e9 {
		f.fault |= OutOfRange
		return -1
	}
	return Coord(c)
}
