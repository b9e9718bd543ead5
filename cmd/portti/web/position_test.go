package web

import (
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/cmd/portti/status"
	"portti/cross/testkit"
)

func ptr[T any](v T) *T { return &v }

// sampleSky is what a receiver of all systems sees, 30 satellites, in second n.
func sampleSky(name string, n int) status.GPS {
	g := status.GPS{Name: name, Type: "gps", Fix: status.Fix3D, AgeS: 0.4, PDOP: ptr(1.6), Track: []status.TrackPoint{},
		Position: &status.GPSPosition{AgeS: 0.4, Fix: status.Fix3D, Latitude: 62.8924, Longitude: 27.677, Altitude: ptr(112.4), Accuracy: ptr(2.1), HDOP: ptr(0.8), Speed: ptr(12.5), Course: ptr(80.0)}}
	for i, system := range []string{"GPS", "SBAS", "Galileo", "BeiDou", "QZSS", "GLONASS", "NavIC"} {
		for k := range []int{8, 2, 7, 6, 1, 5, 1}[i] {
			s := status.Satellite{System: system, ID: 3*k + i + 1, Elevation: ptr((k*37 + i*17 + 5) % 90), Azimuth: ptr((k*77 + i*51) % 360), SNR: (k*13+i*7)%40 + 8 + n%2, Used: (k+i)%3 > 0}
			if k == 4 {
				s.SNR, s.Used = 0, false
			}
			if k == 5 {
				s.Elevation, s.Azimuth = nil, nil
			}
			g.Satellites = append(g.Satellites, s)
		}
	}
	return g
}

// sampleTrack goes through the town for so many points, with a yard and a far fence.
func sampleTrack(name string, points int) status.DeviceTrack {
	d := status.DeviceTrack{Name: name, Type: "gps", ErrorM: 15, Fences: []status.Fence{
		{Name: "far", Latitude: ptr(10.0), Longitude: ptr(10.0), Radius: 500},
		{Name: "harbour", Polygon: [][]float64{{62.890, 27.672}, {62.890, 27.684}, {62.8945, 27.686}, {62.8945, 27.672}}},
		{Name: "yard", Latitude: ptr(62.905), Longitude: ptr(27.64), Radius: 400}}}
	at, lat, lon := 0.0, 62.905, 27.64
	for i := range points {
		left := points - i
		d.Points = append(d.Points, status.TrackPoint{Latitude: lat, Longitude: lon, AgeS: left * 80_000 / points, Begins: i == 0 || i == points/2})
		at += math.Sin(float64(i)*0.7)*0.8 + 0.05
		lat, lon = lat-0.025/float64(points)+math.Cos(at)*0.0006, lon+0.074/float64(points)+math.Sin(at)*0.0013
	}
	return d
}

func sampleWhere(name string) whereabouts {
	g, d := sampleSky(name, 0), sampleTrack(name, 60)
	last := d.Points[len(d.Points)-1]
	g.Position.Latitude, g.Position.Longitude = last.Latitude, last.Longitude
	return whereabouts{&status.GPSDocument{Devices: []status.GPS{g}}, &status.Track{Devices: []status.DeviceTrack{d}}}
}

// drawnPositions draws the sections alone.
func drawnPositions(w whereabouts, lang string) string {
	doc := sample()
	v := New(Options{}).view(httptest.NewRequest("GET", "/?lang="+lang, nil), &doc)
	v.where = w
	var b strings.Builder
	for _, n := range v.positions() {
		n.html(&b)
	}
	return b.String()
}

func TestPositions(t *testing.T) {
	for _, lang := range []string{"en", "fi"} {
		testkit.Golden(t, "testdata/position."+lang+".html", readable(drawnPositions(sampleWhere("gps"), lang)))
	}
}

// TestPositionsWithoutAFix: each tells what a person can do, or that nothing is known.
func TestPositionsWithoutAFix(t *testing.T) {
	for want, g := range map[string]status.GPS{
		"Nothing that tells of a position":  {AgeS: -1},
		"has told nothing for 60":           {AgeS: 60, Fix: status.Fix3D, Position: &status.GPSPosition{AgeS: 60, Latitude: -1.5}},
		"hears no satellite":                {AgeS: 1, Satellites: []status.Satellite{{System: "GPS", ID: 1}}},
		"strongest satellite has 22 dB-Hz;": {AgeS: 1, Satellites: []status.Satellite{{System: "GPS", ID: 1, SNR: 22}}},
	} {
		if g.Fix == "" {
			g.Fix = status.FixNone
		}
		text := drawnPositions(whereabouts{gps: &status.GPSDocument{Devices: []status.GPS{g}}}, "en")
		if !strings.Contains(text, want) || !strings.Contains(text, "No fix") || strings.Contains(text, "HDOP") {
			t.Errorf("%s: %s", want, text)
		}
	}
	none := drawnPositions(whereabouts{&status.GPSDocument{}, &status.Track{}}, "en")
	if strings.Count(none, `hidden=""`) != 3 {
		t.Errorf("without a receiver: %s", none)
	}
	two := drawnPositions(whereabouts{gps: &status.GPSDocument{Devices: []status.GPS{sampleSky("roof", 0), sampleSky("dash", 0)}}}, "en")
	if strings.Count(two, "<h3>roof</h3>") != 2 || strings.Count(two, "<h3>dash</h3>") != 2 {
		t.Errorf("of two receivers one cannot tell which is which")
	}
}

// TestPositionPayloadsAreText: names of devices, systems and fences add no element.
func TestPositionPayloadsAreText(t *testing.T) {
	poisoned := func(text string) string {
		w := sampleWhere(text)
		w.gps.Devices[0].Satellites[0].System, w.track.Devices[0].Fences[1].Name = text, text
		w.gps.Devices = append(w.gps.Devices, w.gps.Devices[0])
		w.track.Devices = append(w.track.Devices, w.track.Devices[0])
		return drawnPositions(w, "en")
	}
	markup := regexp.MustCompile(`<[^>]*>`)
	label := regexp.MustCompile(`aria-label="[^"]*"`)
	tags := func(text string) []string {
		return markup.FindAllString(label.ReplaceAllString(poisoned(text), ""), -1)
	}
	want := tags("harmless")
	for _, text := range payloads() {
		if got := tags(text); !slices.Equal(got, want) {
			t.Errorf("%q changes the markup", text)
		}
	}
}

// TestTrackAnywhere: whatever the track, what is drawn of it is on the drawing, and no number
// is missing.
func TestTrackAnywhere(t *testing.T) {
	line := func(points ...float64) (d status.DeviceTrack) {
		d.ErrorM = 15
		for i := 0; i+1 < len(points); i += 2 {
			d.Points = append(d.Points, status.TrackPoint{Latitude: points[i], Longitude: points[i+1], AgeS: (len(points) - i) * 10, Begins: i == 0})
		}
		return d
	}
	for name, c := range map[string]struct {
		track status.DeviceTrack
		want  string
	}{
		"one point":          {line(65, 25), "0\u00a0m from west to east, 0\u00a0m from south to north"},
		"the date line":      {line(-17, 179.99, -17, -179.99), "2.1\u00a0km from west to east, 0\u00a0m from south to north"},
		"round a pole":       {line(89.99, 0, 89.99, 90, 89.99, 180, 89.99, -90), "from west to east"},
		"the pole itself":    {line(90, 0, 90, 120), "0\u00a0m from west to east, 0\u00a0m from south to north"},
		"half the earth":     {line(0, 0, 0, 90, 0, 170), "18903\u00a0km from west to east"},
		"antipodes":          {line(0, 0, 0, 180), "from west to east"},
		"south to north":     {line(-89, 10, 89, 10), "19793\u00a0km from south to north"},
		"the same over time": {line(1, 1, 1, 1, 1, 1), "0\u00a0m from west to east"},
	} {
		html := drawnPositions(whereabouts{track: &status.Track{Devices: []status.DeviceTrack{c.track}}}, "en")
		if !strings.Contains(html, c.want) || strings.Contains(html, "NaN") || strings.Contains(html, "Inf") {
			t.Errorf("%s: %s", name, html)
		}
		for _, m := range regexp.MustCompile(` class="age\d" d="([^"]*)"`).FindAllStringSubmatch(html, -1) {
			var x, y int
			for i, n := range numbers(strings.NewReplacer("M", " ", "l", " ").Replace(m[1])) {
				if i%2 == 0 {
					x += int(n)
				} else if y += int(n); x < 0 || x > trackWide || y < 0 || y > trackHigh {
					t.Errorf("%s: %d,%d is not on the drawing: %s", name, x, y, m[1])
				}
			}
		}
	}
	if html := drawnPositions(whereabouts{track: &status.Track{Devices: []status.DeviceTrack{{}}}}, "en"); !strings.Contains(html, "There has been no position yet.") {
		t.Errorf("no fix: %s", html)
	}
}

// TestScaleBar is of a round length, and as long as it says.
func TestScaleBar(t *testing.T) {
	for _, metres := range []float64{30, 61, 100, 777, 5000, 123_456, 2e6} {
		c, _, _ := chartOf([]globe{onGlobe(0, 0), onGlobe(0, metres/6_371_000*180/math.Pi)}, 0)
		var b strings.Builder
		v := view{w: english()}
		for _, n := range v.scaleBar(&c) {
			n.html(&b)
		}
		m := regexp.MustCompile(`H(\d+)v.*>([125]0*)\x{a0}(k?m)<`).FindStringSubmatch(b.String())
		if m == nil {
			t.Fatalf("%.0f m: %s", metres, b.String())
		}
		end, _ := strconv.ParseFloat(m[1], 64)
		long, _ := strconv.ParseFloat(m[2], 64)
		if m[3] == "km" {
			long *= 1000
		}
		if drawn := (end - 16) / c.scale; math.Abs(drawn-long) > 1/c.scale || end < 16+trackWide/4/2.5 || end > 16+trackWide/4 {
			t.Errorf("%.0f m: a bar of %.0f m is %.1f m long, %s units", metres, long, drawn, m[1])
		}
	}
}

// TestFenceIsWhereItIs: a place on its border is drawn on it.
func TestFenceIsWhereItIs(t *testing.T) {
	c, _, _ := chartOf([]globe{onGlobe(62, 27), onGlobe(62.02, 27.02)}, 0)
	for i, g := range circle(onGlobe(62.01, 27.01), 500) {
		x, y := c.at(g)
		cx, cy := c.at(onGlobe(62.01, 27.01))
		if d := math.Hypot(x-cx, y-cy); math.Abs(d-500) > 0.1 {
			t.Errorf("corner %d is %.2f m from the middle", i, d)
		}
	}
}

// TestCostOfPositions: while a sky of 30 satellites changes every second and a track of 2,000
// points goes on, a page takes no more than 2.5 kB a second for them, and nothing draws a
// second time what it has.
func TestCostOfPositions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seconds, tracks := 0, 0
		page := New(Options{API: http.NotFoundHandler(), Log: slog.New(slog.DiscardHandler), Status: sample,
			GPS: func() status.GPSDocument {
				seconds++
				return status.GPSDocument{Devices: []status.GPS{sampleSky("gps", seconds)}}
			},
			Track: func() status.Track {
				tracks++
				return status.Track{Devices: []status.DeviceTrack{sampleTrack("gps", 2000-tracks)}}
			}})
		f := page.feed
		s := stream{}
		var bytes, first int
		sections := map[string]int{}
		for second := range 601 {
			now := f.frame()
			v := page.view(httptest.NewRequest("GET", "/?lang=fi", nil), &now.doc)
			v.where, v.seen = now.where, s.where
			s.compose(now, v.sections())
			s.where = now.where
			if second == 0 {
				first = s.b.Len()
			} else {
				bytes += s.b.Len()
			}
			for _, name := range []string{"position", "sky", "track"} {
				sections[name] += strings.Count(s.b.String(), `["section",{"aria-labelledby":"`+name+`-title"`)
			}
			s.b.Reset()
			time.Sleep(time.Second)
		}
		t.Logf("%d bytes at first, then %.0f a second; %v", first, float64(bytes)/600, sections)
		if bytes > 2500*600 || sections["sky"] != 121 || sections["track"] != 21 || sections["position"] != 1 || seconds != 121 {
			t.Errorf("%.0f bytes a second, %v, asked %d times", float64(bytes)/600, sections, seconds)
		}
	})
}

// TestTrackOfADay: 2,000 points are drawn in a few kB.
func TestTrackOfADay(t *testing.T) {
	w := whereabouts{track: &status.Track{Devices: []status.DeviceTrack{sampleTrack("gps", 2000)}}}
	if n := len(drawnPositions(w, "en")); n > 16_000 {
		t.Errorf("%d bytes", n)
	}
}
