package testbed

import (
	"math"
	"time"
)

// satellite is one in view.
type satellite struct {
	number    int // 1-32 GPS, 65-96 GLONASS, as NMEA counts
	glonass   bool
	elevation int // degrees above the horizon
	azimuth   int // degrees, true
	snr       int // dB-Hz, 0 = not heard
	used      bool
}

func (s satellite) append(b []byte) []byte {
	b = padded(append(b, ','), s.number, 2)
	b = padded(append(b, ','), s.elevation, 2)
	b = padded(append(b, ','), s.azimuth, 3)
	b = append(b, ',')
	if s.snr > 0 {
		b = padded(b, s.snr, 2)
	}
	return b
}

// orbits are not real ones: each satellite rises and sets along a plain curve,
// at its own time, with the period of its constellation.
func constellation(t time.Time, n noise, valid, tunnel bool) []satellite {
	var sky []satellite
	for i := range 56 {
		s := satellite{number: i + 1, glonass: i >= 32}
		period := 11*time.Hour + 58*time.Minute
		if s.glonass {
			s.number = 65 + i - 32
			period = 11*time.Hour + 16*time.Minute
		}
		phase := float64(t.UnixNano()%int64(period))/float64(period) + float64(mix(uint64(i))>>11)/(1<<53)
		up := math.Sin(2 * math.Pi * phase)
		s.elevation = int(math.Round(130*up - 65))
		if s.elevation < 5 {
			continue
		}
		s.azimuth = int(360*(phase*1.5+float64(mix(uint64(i)+99)>>11)/(1<<53))) % 360
		s.snr = int(26 + float64(s.elevation)/5 + 4*n.at(t, 15*time.Second, uint64(100+i)))
		s.used = valid && s.elevation >= 8 && s.snr >= 24
		if tunnel {
			s.snr, s.used = 0, false
		} else if !valid && i%3 != 0 {
			s.snr = 0 // still searching
		}
		sky = append(sky, s)
	}
	return sky
}

func used(sky []satellite) (n int) {
	for _, s := range sky {
		if s.used {
			n++
		}
	}
	return n
}
