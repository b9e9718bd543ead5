package device

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"portti/device/nmea"
)

// parked is a vehicle at rest for a night: its receiver's position wanders as those of
// receivers do, some metres within minutes, with a speed and a course that are noise.
func parked() func(int) nmea.Fix {
	r := rand.New(rand.NewPCG(11, 12))
	var north, east float64
	return func(int) nmea.Fix {
		// A random walk that is drawn back: 3 m in the mean, 10 m now and then.
		north += -north/300 + r.NormFloat64()*0.25
		east += -east/300 + r.NormFloat64()*0.25
		return at(north, east, 0.1+0.2*r.Float64(), 360*r.Float64())
	}
}

func TestAParkedVehicleIsQuiet(t *testing.T) {
	const night = 8 * 3600
	o := PositionOptions{MinDistance: 10, HeadingChange: 20, MinInterval: "5s", MaxInterval: "1h"}
	r := play(t, o, night, parked())
	if got := r.out.ids(); len(got) > 10 || got[0] != "1210/11" || strings.Join(got[1:], "") != strings.Repeat("1210/10", len(got)-1) {
		t.Errorf("%d messages, want the first and one an hour: %v", len(got), got)
	}
	if r.out.withheld+len(r.out.lines) != night {
		t.Errorf("%d sent and %d withheld of %d", len(r.out.lines), r.out.withheld, night)
	}
	if len(r.out.lines) < 7 {
		t.Errorf("only %d messages in 8 hours: silent and unchanged do not differ", len(r.out.lines))
	}
}

func TestPace(t *testing.T) {
	straight := func(speed float64) func(int) nmea.Fix {
		return func(i int) nmea.Fix { return at(speed*float64(i), 0, speed, 0) }
	}
	corner := func(i int) nmea.Fix { // east at second 20
		if i <= 20 {
			return at(10*float64(i), 0, 10, 0)
		}
		return at(200, 10*float64(i-20), 10, 90)
	}
	for _, row := range []struct {
		name string
		o    PositionOptions
		n    int
		say  func(int) nmea.Fix
		want string // seconds and tsmEv of what is sent
	}{
		{"all of them", PositionOptions{}, 4, straight(10), "0/11 1/10 2/10 3/10"},
		{"thinned out", PositionOptions{MinInterval: "5s"}, 16, straight(10), "0/11 5/10 10/10 15/10"},
		{"by distance", PositionOptions{MinDistance: 50}, 16, straight(10), "0/11 5/9 10/9 15/9"},
		{"by distance, no sooner than", PositionOptions{MinDistance: 50, MinInterval: "8s"}, 18, straight(10), "0/11 8/9 16/9"},
		{"by distance, waited", PositionOptions{MinDistance: 5000, MaxInterval: "7s"}, 16, straight(10), "0/11 7/10 14/10"},
		{"ten minutes unless said otherwise", PositionOptions{MinDistance: 1e6}, 1300, straight(0.1), "0/11 600/10 1200/10"},
		{"by course", PositionOptions{HeadingChange: 30}, 40, corner, "0/11 21/9"},
		{"by course across north", PositionOptions{HeadingChange: 30}, 40, func(i int) nmea.Fix { return at(10*float64(i), 0, 10, math.Mod(350+2*float64(i), 360)) }, "0/11 15/9 30/9"},
		{"a course at rest is noise", PositionOptions{HeadingChange: 30}, 40, func(i int) nmea.Fix { return at(float64(i%3), 0, 0.3, float64(i*97%360)) }, "0/11"},
		{"turning on the spot", PositionOptions{HeadingChange: 30}, 40, func(i int) nmea.Fix { return at(float64(i%3), 0, 0.6, float64(i*97%360)) }, "0/11"},
		{"begins to move, then turns", PositionOptions{HeadingChange: 30}, 20, func(i int) nmea.Fix {
			switch {
			case i < 5:
				return at(0, 0, 0, 0)
			case i < 12:
				return at(0, 5*float64(i-4), 5, 90)
			}
			return at(5*float64(i-11), 35, 5, 0)
		}, "0/11 12/9"},
		{"slower than the floor", PositionOptions{MinDistance: 5}, 100, straight(0.4), "0/11 63/9"},
		{"at rest between houses, where the receiver knows that it is poor", PositionOptions{MinDistance: 10}, 100, func(i int) nmea.Fix {
			f := at(float64(i*37%60), 0, 0.2, 0)
			f.ErrLat = nmea.Decimal{Mantissa: 15, Present: true}
			f.ErrLon = f.ErrLat
			return f
		}, "0/11"},
		{"without a speed", PositionOptions{MinDistance: 5}, 10, func(i int) nmea.Fix {
			f := at(6*float64(i), 0, 0, 0)
			f.Speed, f.Course = nmea.Decimal{}, nmea.Decimal{}
			return f
		}, "0/11 5/9"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := play(t, row.o, row.n, row.say)
			var got []string
			for i, id := range r.out.ids() {
				_, ts, _ := strings.Cut(r.out.lines[i], `"tsmTs":`)
				var second int64
				fmt.Sscan(ts, &second)
				got = append(got, fmt.Sprintf("%d/%s", second-gpsNoon.Unix(), strings.TrimPrefix(id, "1210/")))
			}
			first, _, _ := strings.Cut(got[0], "/")
			var base int
			fmt.Sscan(first, &base)
			for i := range got {
				var s int
				var ev string
				fmt.Sscanf(strings.Replace(got[i], "/", " ", 1), "%d %s", &s, &ev)
				got[i] = fmt.Sprintf("%d/%s", s-base, ev)
			}
			if g := strings.Join(got, " "); g != row.want {
				t.Errorf("got %s, want %s", g, row.want)
			}
		})
	}
}

// TestPaceForgivesALateLine: a fix that came late makes the next one seem early.
func TestPaceForgivesALateLine(t *testing.T) {
	p, err := newPace(PositionOptions{MinInterval: "5s"})
	if err != nil {
		t.Fatal(err)
	}
	f := at(0, 0, 0, 0)
	for since, want := range map[int64]bool{4800: false, 4899: false, 4900: true, 5000: true} {
		p.begun, p.when = true, 1000
		if _, due := p.due(&f, 0, 1000+since); due != want {
			t.Errorf("%d ms after the last: sent %v, want %v", since, due, want)
		}
	}
}

// TestPaceOfAFastReceiver: forgiving a late line makes no more of ten fixes a second.
func TestPaceOfAFastReceiver(t *testing.T) {
	p, err := newPace(PositionOptions{MinInterval: "1s"})
	if err != nil {
		t.Fatal(err)
	}
	f, sent := at(0, 0, 0, 0), 0
	for now := int64(5000); now < 65_000; now += 100 {
		if _, due := p.due(&f, 0, now); due {
			sent++
		}
	}
	if sent != 60 && sent != 61 {
		t.Errorf("%d sent in a minute, want one a second", sent)
	}
}
