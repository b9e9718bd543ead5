package testbed

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// GPSOptions describes a simulated GNSS receiver. Zero values take the default
// named with them.
type GPSOptions struct {
	Seed   uint64
	Hz     int           // epochs a second, 1 (default), 2, 4, 5 or 10
	Warmup time.Duration // until the first fix; 0 means 8 s, negative none
	// Tunnel is how long the sky is gone, once a round, beginning TunnelAt
	// after the start; both 0: where the route has its tunnel, after about six
	// minutes, for about 25 s.
	TunnelAt, Tunnel time.Duration
}

// GPS is a receiver for GPS and GLONASS in a vehicle that goes round and round
// the same streets. Every epoch it prints RMC, VTG, GGA and two GSA as a u-blox
// receiver does, every full second GSV too; at 1 Hz about 700 bytes a second,
// which 9600 baud can carry. The times are those it is asked for.
type GPS struct {
	opts    GPSOptions
	route   *route
	noise   noise
	start   time.Time
	started bool
	fixed   bool
}

// NewGPS makes a receiver that is switched on when it is first asked.
func NewGPS(o GPSOptions) (*GPS, error) {
	switch o.Hz {
	case 0:
		o.Hz = 1
	case 1, 2, 4, 5, 10:
	default:
		return nil, fmt.Errorf("cannot simulate a receiver at %d Hz: choose 1, 2, 4, 5 or 10", o.Hz)
	}
	if o.Warmup == 0 {
		o.Warmup = 8 * time.Second
	}
	return &GPS{opts: o, route: newRoute(harbourRound(), 0.42, 0.455), noise: noise{o.Seed}}, nil
}

// HasFix says whether the last epoch had a position.
func (g *GPS) HasFix() bool { return g.fixed }

// Hear ignores what is written to the receiver.
func (g *GPS) Hear([]byte, time.Time) {}

// Append adds the epoch of now. Epochs fall on whole fractions of a second.
func (g *GPS) Append(dst []byte, now time.Time) ([]byte, time.Time) {
	step := time.Second / time.Duration(g.opts.Hz)
	t := now.Truncate(step)
	if !g.started {
		g.start, g.started = t, true
	}
	f := g.fixAt(t)
	g.fixed = f.valid
	dst = f.rmc(dst)
	dst = f.vtg(dst)
	dst = f.gga(dst)
	dst = f.gsa(dst)
	if t.Truncate(time.Second).Equal(t) {
		dst = f.gsv(dst)
	}
	return dst, t.Add(step)
}

// fix is one epoch as the receiver knows it.
type fix struct {
	state
	time     time.Time
	knows    bool // the time: false until the first satellites were heard
	valid    bool
	altitude float64 // metres above mean sea level
	hdop     float64
	sky      []satellite
}

func (g *GPS) fixAt(t time.Time) fix {
	age := t.Sub(g.start)
	f := fix{time: t, state: g.route.at(age)}
	if g.opts.Tunnel > 0 {
		f.tunnel = age >= g.opts.TunnelAt && age < g.opts.TunnelAt+g.opts.Tunnel
	}
	f.valid = age >= g.opts.Warmup && !f.tunnel
	f.knows = 3*age >= g.opts.Warmup
	f.sky = constellation(t, g.noise, f.valid, f.tunnel)
	f.hdop = 0.85 + 0.25*(1+g.noise.at(t, 20*time.Second, 1))
	// About half a metre of wander, as a good receiver has it.
	f.lat += 4e-6 * g.noise.at(t, 7*time.Second, 2)
	f.lon += 9e-6 * g.noise.at(t, 7*time.Second, 3)
	f.speed = math.Max(0, f.speed+0.08*g.noise.at(t, 2*time.Second, 4))
	f.altitude = 8.5 + 3*math.Sin(f.covered/900) + 0.7*g.noise.at(t, 11*time.Second, 5)
	return f
}

func (f fix) rmc(dst []byte) []byte {
	return sentence(dst, func(b []byte) []byte {
		b = append(f.stamp(append(b, "GNRMC,"...)), ',')
		if !f.valid {
			b = append(b, "V,,,,,,,"...)
			if f.knows {
				b = date(b, f.time)
			}
			return append(b, ",,,N"...)
		}
		b = position(append(b, "A,"...), f.place)
		b = fixed(append(b, ','), f.speed/0.514444444, 3)
		b = fixed(append(b, ','), f.course, 2)
		b = date(append(b, ','), f.time)
		return append(b, ",,,A"...)
	})
}

func (f fix) vtg(dst []byte) []byte {
	return sentence(dst, func(b []byte) []byte {
		if !f.valid {
			return append(b, "GNVTG,,,,,,,,,N"...)
		}
		b = fixed(append(b, "GNVTG,"...), f.course, 2)
		b = fixed(append(b, ",T,,M,"...), f.speed/0.514444444, 3)
		b = fixed(append(b, ",N,"...), f.speed*3.6, 3)
		return append(b, ",K,A"...)
	})
}

func (f fix) gga(dst []byte) []byte {
	return sentence(dst, func(b []byte) []byte {
		b = append(f.stamp(append(b, "GNGGA,"...)), ',')
		if !f.valid {
			return append(b, ",,,,0,00,99.99,,,,,,"...)
		}
		b = position(b, f.place)
		b = padded(append(b, ",1,"...), min(12, used(f.sky)), 2)
		b = fixed(append(b, ','), f.hdop, 2)
		b = fixed(append(b, ','), f.altitude, 1)
		return append(b, ",M,18.7,M,,"...)
	})
}

// gsa prints one sentence for each constellation, as receivers for several do.
func (f fix) gsa(dst []byte) []byte {
	for _, glonass := range []bool{false, true} {
		dst = sentence(dst, func(b []byte) []byte {
			mode := byte('1')
			if f.valid {
				mode = '3'
			}
			b = append(b, "GNGSA,A,"...)
			b = append(b, mode)
			n := 0
			for _, s := range f.sky {
				if s.used && s.glonass == glonass && n < 12 {
					b = padded(append(b, ','), s.number, 2)
					n++
				}
			}
			for ; n < 12; n++ {
				b = append(b, ',')
			}
			return f.dilution(b)
		})
	}
	return dst
}

func (f fix) dilution(b []byte) []byte {
	if !f.valid {
		return append(b, ",99.99,99.99,99.99"...)
	}
	b = fixed(append(b, ','), f.hdop*1.9, 2)
	b = fixed(append(b, ','), f.hdop, 2)
	return fixed(append(b, ','), f.hdop*1.61, 2)
}

// gsv prints the satellites in view, four a sentence.
func (f fix) gsv(dst []byte) []byte {
	for _, glonass := range []bool{false, true} {
		var seen []satellite
		for _, s := range f.sky {
			if s.glonass == glonass {
				seen = append(seen, s)
			}
		}
		talker := "GPGSV,"
		if glonass {
			talker = "GLGSV,"
		}
		sentences := max(1, (len(seen)+3)/4)
		for i := range sentences {
			part := seen[min(4*i, len(seen)):min(4*i+4, len(seen))]
			dst = sentence(dst, func(b []byte) []byte {
				b = strconv.AppendInt(append(b, talker...), int64(sentences), 10)
				b = strconv.AppendInt(append(b, ','), int64(i+1), 10)
				b = padded(append(b, ','), len(seen), 2)
				for _, s := range part {
					b = s.append(b)
				}
				return b
			})
		}
	}
	return dst
}

// stamp adds the time of day where the receiver knows it.
func (f fix) stamp(b []byte) []byte {
	if !f.knows {
		return b
	}
	return clock(b, f.time)
}
