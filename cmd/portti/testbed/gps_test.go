package testbed

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"portti/cross/testkit"
)

// noon is when the golden files begin.
func noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

// golden compares with testdata/name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	testkit.Golden(t, filepath.Join("testdata", name), string(got))
}

// script runs a device in made-up time.
func script(d Device, from time.Time, length time.Duration) []byte {
	var out []byte
	for now := from; now.Before(from.Add(length)); {
		out, now = d.Append(out, now)
	}
	return out
}

func newGPS(t *testing.T, o GPSOptions) *GPS {
	t.Helper()
	g, err := NewGPS(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestGPSGolden(t *testing.T) {
	g := newGPS(t, GPSOptions{Seed: 1, Warmup: 6 * time.Second, TunnelAt: 9 * time.Second, Tunnel: 3 * time.Second})
	golden(t, "gps.nmea", script(g, noon(), 15*time.Second))
}

func TestGeneratorsRepeatThemselves(t *testing.T) {
	make := map[string]func(seed uint64) Device{
		"gps":    func(s uint64) Device { g, _ := NewGPS(GPSOptions{Seed: s}); return g },
		"panel":  func(s uint64) Device { p, _ := NewPanel(PanelOptions{Seed: s}); return p },
		"bridge": func(s uint64) Device { b, _ := NewBridge(BridgeOptions{Seed: s}); return b },
	}
	for name, d := range make {
		one, two := script(d(7), noon(), time.Minute), script(d(7), noon(), time.Minute)
		if !bytes.Equal(one, two) {
			t.Errorf("%s: the same seed gives different bytes", name)
		}
		if bytes.Equal(one, script(d(8), noon(), time.Minute)) {
			t.Errorf("%s: another seed gives the same bytes", name)
		}
	}
}

// sentences cuts NMEA and checks form, checksum and length of each.
func sentences(t *testing.T, b []byte) [][]string {
	t.Helper()
	var all [][]string
	for l := range strings.Lines(string(b)) {
		body, sum, found := strings.Cut(strings.TrimSuffix(l, "\r\n"), "*")
		if !found || !strings.HasSuffix(l, "\r\n") || body[0] != '$' || len(l) > 82 {
			t.Fatalf("not a sentence: %q", l)
		}
		x := byte(0)
		for _, c := range []byte(body[1:]) {
			x ^= c
		}
		if want := fmt.Sprintf("%02X", x); sum != want {
			t.Fatalf("%q: checksum should be %s", l, want)
		}
		all = append(all, strings.Split(body[1:], ","))
	}
	return all
}

// Sentences of a u-blox receiver that has just been switched on, as they stand
// in countless logs: ours must be the same to the byte.
func TestGPSWithoutAnythingIsAsAReceiverPrintsIt(t *testing.T) {
	var f fix
	got := string(f.rmc(nil)) + string(f.vtg(nil)) + string(f.gga(nil)) + string(f.gsa(nil)) + string(f.gsv(nil))
	want := "$GNRMC,,V,,,,,,,,,,N*4D\r\n$GNVTG,,,,,,,,,N*2E\r\n$GNGGA,,,,,,0,00,99.99,,,,,,*56\r\n" +
		"$GNGSA,A,1,,,,,,,,,,,,,99.99,99.99,99.99*2E\r\n$GNGSA,A,1,,,,,,,,,,,,,99.99,99.99,99.99*2E\r\n" +
		"$GPGSV,1,1,00*79\r\n$GLGSV,1,1,00*65\r\n"
	if got != want {
		t.Fatalf("got\n%swant\n%s", got, want)
	}
}

// numbers of fields by sentence, NMEA 0183 before version 4.1.
func TestGPSSentencesHaveTheirFields(t *testing.T) {
	fields := map[string]int{"RMC": 13, "VTG": 10, "GGA": 15, "GSA": 18}
	g := newGPS(t, GPSOptions{Seed: 3, Hz: 10})
	for _, s := range sentences(t, script(g, noon(), 10*time.Minute)) {
		kind := s[0][2:]
		if kind == "GSV" {
			if len(s)%4 != 0 || len(s) > 20 {
				t.Fatalf("%v: %d fields", s, len(s))
			}
			continue
		}
		if len(s) != fields[kind] {
			t.Fatalf("%v: %d fields, want %d", s, len(s), fields[kind])
		}
	}
}

// track is what RMC and GGA of one epoch say.
type track struct {
	place
	clock         string
	valid         bool
	speed, course float64
	sats          int
}

func tracks(t *testing.T, b []byte) []track {
	t.Helper()
	var all []track
	for _, s := range sentences(t, b) {
		switch s[0] {
		case "GNRMC":
			k := track{clock: s[1], valid: s[2] == "A"}
			if k.valid {
				k.place = place{degrees(t, s[3], 2), degrees(t, s[5], 3)}
				k.speed = number(t, s[7]) * 0.514444444
				k.course = number(t, s[8])
			} else if s[3]+s[4]+s[5]+s[6]+s[7]+s[8] != "" {
				t.Fatalf("no fix, but %v", s)
			}
			all = append(all, k)
		case "GNGGA":
			k := &all[len(all)-1]
			if k.valid != (s[6] == "1") || k.clock != s[1] {
				t.Fatalf("GGA and RMC disagree: %v %+v", s, *k)
			}
			k.sats = int(number(t, s[7]))
		}
	}
	return all
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func degrees(t *testing.T, s string, width int) float64 {
	t.Helper()
	return number(t, s[:width]) + number(t, s[width:])/60
}

// The track must hang together: the way between two fixes agrees with speed
// and course said.
func TestGPSMovesAsItSays(t *testing.T) {
	g := newGPS(t, GPSOptions{Seed: 5, Warmup: -1})
	all := tracks(t, script(g, noon(), 15*time.Minute))
	var metres float64
	for i := 1; i < len(all); i++ {
		a, b := all[i-1], all[i]
		if !a.valid || !b.valid {
			continue
		}
		way, course := leg(a.place, b.place)
		metres += way
		if mean := (a.speed + b.speed) / 2; math.Abs(way-mean) > 1.6 {
			t.Errorf("%s: moved %.2f m in a second at %.2f m/s", b.clock, way, mean)
		}
		// Round a corner the course said is that of one moment only.
		turn := math.Abs(angle(b.course - a.course))
		mid := a.course + angle(b.course-a.course)/2
		if way > 2 && math.Abs(angle(course-mid)) > 12+turn {
			t.Errorf("%s: went %.0f degrees, said %.0f", b.clock, course, mid)
		}
		if b.speed > 15 || b.sats < 4 {
			t.Errorf("%s: %.1f m/s with %d satellites", b.clock, b.speed, b.sats)
		}
	}
	if metres < 5000 {
		t.Fatalf("went %.0f m only", metres)
	}
}

func TestGPSFixComesGoesAndComesBack(t *testing.T) {
	g := newGPS(t, GPSOptions{Seed: 1, Warmup: 6 * time.Second, TunnelAt: 20 * time.Second, Tunnel: 5 * time.Second})
	for i, k := range tracks(t, script(g, noon(), 40*time.Second)) {
		if want := i >= 6 && (i < 20 || i >= 25); k.valid != want {
			t.Errorf("second %d: valid %v", i, k.valid)
		}
		if knows := i >= 2; knows != (k.clock != "") {
			t.Errorf("second %d: clock %q", i, k.clock)
		}
		if k.clock != "" && k.clock != fmt.Sprintf("1200%02d.00", i) {
			t.Errorf("second %d: clock %q", i, k.clock)
		}
	}
}

func TestGPSRouteHasItsTunnel(t *testing.T) {
	g := newGPS(t, GPSOptions{Seed: 1, Warmup: -1})
	lost := 0
	for _, k := range tracks(t, script(g, noon(), g.route.lap())) {
		if !k.valid {
			lost++
		}
	}
	if lost < 10 || lost > 90 {
		t.Fatalf("without sky for %d s of a lap of %v", lost, g.route.lap())
	}
}

func TestGPSEpochsAreWholeFractionsOfASecond(t *testing.T) {
	g := newGPS(t, GPSOptions{Seed: 1, Hz: 5, Warmup: -1})
	b, next := g.Append(nil, noon().Add(537*time.Millisecond))
	if all := tracks(t, b); all[0].clock != "120000.40" {
		t.Fatal(all)
	}
	if want := noon().Add(600 * time.Millisecond); !next.Equal(want) {
		t.Fatal(next)
	}
	if _, err := NewGPS(GPSOptions{Hz: 3}); err == nil {
		t.Fatal("3 Hz has no whole hundredths")
	}
}

func TestGPSFitsOn9600Baud(t *testing.T) {
	for hour := range 24 {
		g := newGPS(t, GPSOptions{Seed: 1, Warmup: -1})
		b, _ := g.Append(nil, noon().Add(time.Duration(hour)*time.Hour))
		if len(b) > 960 {
			t.Errorf("hour %d: %d bytes a second", hour, len(b))
		}
		if n := len(tracks(t, b)); n != 1 {
			t.Errorf("hour %d: %d epochs", hour, n)
		}
	}
}

func TestCoordinatesAreNeverSixtyMinutes(t *testing.T) {
	for _, c := range []struct {
		p    place
		want string
	}{
		{place{65, 25}, "6500.00000,N,02500.00000,E"},
		{place{64.99999999999, 25.99999999999}, "6500.00000,N,02600.00000,E"},
		{place{-33.8568, -0.5}, "3351.40800,S,00030.00000,W"},
		{place{0, 179.999999}, "0000.00000,N,17959.99994,E"},
	} {
		if got := string(position(nil, c.p)); got != c.want {
			t.Errorf("%v: %s, want %s", c.p, got, c.want)
		}
	}
}

// angle brings a difference of courses between -180 and 180.
func angle(d float64) float64 { return math.Mod(d+540, 360) - 180 }
