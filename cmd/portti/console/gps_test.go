package console

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"portti/cmd/portti/status"
	"portti/cross/testkit"
)

func ptr[T any](v T) *T { return &v }

// receiver is one that sees the sky.
func receiver() *status.GPS {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	g := &status.GPS{Name: "gps", Type: "gps", Fix: status.Fix3D, AgeS: 0.4, PDOP: ptr(1.61), Track: []status.TrackPoint{},
		Position: &status.GPSPosition{AgeS: 0.4, Fix: status.Fix3D, Time: &at, Latitude: 62.8924112, Longitude: -27.6770334, Altitude: ptr(98.3),
			Accuracy: ptr(1.132), HDOP: ptr(0.9), Speed: ptr(5.144), Course: ptr(57.3), Used: ptr(6)}}
	for i, s := range []status.Satellite{
		{System: "GPS", ID: 3, SNR: 44, Used: true}, {System: "GPS", ID: 17, SNR: 38, Used: true}, {System: "GPS", ID: 22, SNR: 33, Used: true},
		{System: "GLONASS", ID: 2, SNR: 40, Used: true}, {System: "Galileo", ID: 12, SNR: 41, Used: true}, {System: "BeiDou", ID: 30, SNR: 29, Used: true},
		{System: "QZSS", ID: 1, SNR: 20}, {System: "SBAS", ID: 123, SNR: 31}, {System: "NavIC", ID: 5}, {System: "IMES", ID: 1},
	} {
		s.Elevation, s.Azimuth = ptr(i*37%91), ptr(i*71%360)
		g.Satellites = append(g.Satellites, s)
	}
	g.Satellites[9].Elevation, g.Satellites[9].Azimuth = nil, nil
	return g
}

// receivers are the situations whose pictures are kept.
func receivers() map[string]func(*status.GPS, *status.Document) {
	none := func(g *status.GPS) {
		g.Fix, g.Position, g.PDOP = status.FixNone, nil, nil
		for i := range g.Satellites {
			g.Satellites[i].Used = false
		}
	}
	return map[string]func(*status.GPS, *status.Document){
		"fix": func(*status.GPS, *status.Document) {},
		"many": func(g *status.GPS, _ *status.Document) {
			for i := range 25 {
				g.Satellites = append(g.Satellites, status.Satellite{System: "Galileo", ID: i + 1, SNR: 99, Elevation: ptr(i * 3), Azimuth: ptr(i * 14), Used: i%2 == 0})
			}
		},
		"searching": func(g *status.GPS, _ *status.Document) { none(g) },
		"deaf": func(g *status.GPS, _ *status.Document) {
			none(g)
			for i := range g.Satellites {
				g.Satellites[i].SNR = 0
			}
		},
		"nothing-yet": func(g *status.GPS, _ *status.Document) {
			*g = status.GPS{Name: "gps", Type: "gps", Fix: status.FixNone, AgeS: -1}
		},
		"lost": func(g *status.GPS, doc *status.Document) {
			g.AgeS, g.Position.AgeS, g.Satellites = 400, 420, nil
			doc.Problems = []status.Problem{problem("DEV-GONE", "gps", 400, "port", "/dev/ttyACM0", "remedy", "Plug the adapter in"), problem("DEV-SILENT", "pump", 220, "age", "4 min")}
		},
		"mute": func(g *status.GPS, _ *status.Document) { g.AgeS, g.Satellites = 31, nil },
		"bare": func(g *status.GPS, _ *status.Document) {
			g.Position = &status.GPSPosition{Fix: status.Fix2D, Latitude: -1, Longitude: 180}
			g.Fix, g.PDOP, g.Satellites = status.Fix2D, nil, nil
		},
	}
}

func TestPicturesOfReceivers(t *testing.T) {
	for name, change := range receivers() {
		var all strings.Builder
		for _, o := range []Options{{Terminal: true, Colour: false}, {Width: 60, ASCII: true}, {Plain: true}} {
			g, doc := receiver(), healthy()
			change(g, doc)
			var b strings.Builder
			if err := GPS(&b, g, doc, o); err != nil {
				t.Fatal(err)
			}
			for _, line := range strings.Split(b.String(), "\n") {
				if n := utf8.RuneCountInString(line); !o.Plain && n > max(o.Width, 60) && (o.Width > 0 || n > 80) {
					t.Errorf("%s: %d columns: %q", name, n, line)
				}
				if o.ASCII && strings.IndexFunc(line, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
					t.Errorf("%s: not ASCII: %q", name, line)
				}
			}
			if n := strings.Count(b.String(), "\n"); !o.Plain && n > 24 {
				t.Errorf("%s has %d lines", name, n)
			}
			all.WriteString(b.String() + "----\n")
		}
		testkit.Golden(t, filepath.Join("testdata", "gps-"+name+".txt"), all.String())
	}
}

// TestSkyPlotBounds: no direction falls off the picture.
func TestSkyPlotBounds(t *testing.T) {
	p := newSkyPlot()
	for elevation := -10; elevation <= 100; elevation++ {
		for azimuth := 0; azimuth <= 360; azimuth++ {
			p.put(elevation, azimuth, true, "G01")
		}
	}
}
