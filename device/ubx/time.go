package ubx

const (
	dayMillis  = 24 * 60 * 60 * 1000
	weekMillis = 7 * dayMillis
	gpsEpoch   = int64(315964800_000) // 1980-01-06 in Unix milliseconds
)

// calendar says whether a date and a time can be. The second may be the 60th, and a
// negative nanosecond belongs to the one before.
func calendar(year, month, day, hour, minute, second int, nano int32) bool {
	return year >= 1980 && year <= 2100 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month) &&
		hour <= 23 && minute <= 59 && second <= 60 && nano >= -1e9 && nano <= 1e9
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// unixMillis is a time in UTC as Unix milliseconds, the nanoseconds rounded.
func unixMillis(year, month, day, hour, minute, second int, nano int32) int64 {
	// Days since 1970 by counting years from March on, so that the leap day is the last
	// of its year.
	y := int64(year)
	if month <= 2 {
		y--
	}
	days := y*365 + y/4 - y/100 + y/400 + int64((153*((month+9)%12)+2)/5) + int64(day) - 1 - 719468
	half := int64(500_000)
	if nano < 0 {
		half = -half
	}
	return days*dayMillis + int64(hour)*3600_000 + int64(minute)*60_000 + int64(second)*1000 + (int64(nano)+half)/1_000_000
}

// leapSeconds is how far GPS time is ahead of UTC at a GPS time in Unix milliseconds, as
// the IERS announced it (Bulletin C) until 2026. It serves until the receiver says.
func leapSeconds(ms int64) int {
	for i, since := range [...]int64{
		1483228800_000, // 2017-01-01: 18
		1435708800_000, // 2015-07-01
		1341100800_000, // 2012-07-01
		1230768000_000, // 2009-01-01
		1136073600_000, // 2006-01-01: 14
		915148800_000,  // 1999-01-01: 13
	} {
		if left := 18 - i; ms-int64(left)*1000 >= since {
			return left
		}
	}
	return 12
}
