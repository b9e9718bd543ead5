package testbed

import (
	"math"
	"strconv"
	"time"
)

// sentence adds one NMEA 0183 sentence: '$', the body, '*', the checksum of
// the body as two hex digits, CR and LF.
func sentence(dst []byte, build func(body []byte) []byte) []byte {
	dst = append(dst, '$')
	start := len(dst)
	dst = build(dst)
	return seal(dst, start)
}

// seal ends the sentence whose body starts at start.
func seal(dst []byte, start int) []byte {
	sum := byte(0)
	for _, c := range dst[start:] {
		sum ^= c
	}
	const hex = "0123456789ABCDEF"
	return append(dst, '*', hex[sum>>4], hex[sum&15], '\r', '\n')
}

// fixed adds v with a fixed number of decimals.
func fixed(dst []byte, v float64, decimals int) []byte {
	return strconv.AppendFloat(dst, v, 'f', decimals, 64)
}

// padded adds a whole number of at least width digits.
func padded(dst []byte, v, width int) []byte {
	for limit := 10; width > 1; width-- {
		if v < limit {
			dst = append(dst, '0')
		}
		limit *= 10
	}
	return strconv.AppendInt(dst, int64(v), 10)
}

// clock adds hhmmss.ss of UTC.
func clock(dst []byte, t time.Time) []byte {
	t = t.UTC()
	dst = padded(dst, t.Hour(), 2)
	dst = padded(dst, t.Minute(), 2)
	dst = padded(dst, t.Second(), 2)
	dst = append(dst, '.')
	return padded(dst, t.Nanosecond()/10_000_000, 2)
}

// date adds ddmmyy of UTC.
func date(dst []byte, t time.Time) []byte {
	t = t.UTC()
	dst = padded(dst, t.Day(), 2)
	dst = padded(dst, int(t.Month()), 2)
	return padded(dst, t.Year()%100, 2)
}

// position adds latitude and longitude as ddmm.mmmmm,N,dddmm.mmmmm,E: steps of
// about 2 cm.
func position(dst []byte, p place) []byte {
	dst = coordinate(dst, p.lat, 2, 'N', 'S')
	dst = append(dst, ',')
	return coordinate(dst, p.lon, 3, 'E', 'W')
}

func coordinate(dst []byte, v float64, width int, positive, negative byte) []byte {
	half := positive
	if v < 0 {
		v, half = -v, negative
	}
	// In whole steps, or 59.999996 minutes would be printed as 60.00000.
	steps := int64(math.Round(v * 60 * 100000))
	degrees, rest := steps/6000000, steps%6000000
	dst = padded(dst, int(degrees), width)
	dst = padded(dst, int(rest/100000), 2)
	dst = append(dst, '.')
	dst = padded(dst, int(rest%100000), 5)
	return append(dst, ',', half)
}
