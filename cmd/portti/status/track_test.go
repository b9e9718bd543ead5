package status

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"portti/cross/testkit"
)

func trackOf(clock bool) Track {
	return Track{Schema: GPSSchema, Time: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC), Clock: clock, Devices: []DeviceTrack{
		{Name: "roof & <yard>\x1b", ErrorM: 15, Points: []TrackPoint{{Latitude: 65.0124, Longitude: 25.4681, AgeS: 7200, Begins: true}, {Latitude: -90, Longitude: 180, AgeS: 3600}, {Latitude: 0.00000001, Longitude: -180, AgeS: 1, Begins: true}}},
		{Name: "dash", ErrorM: 15},
	}}
}

func TestGPX(t *testing.T) {
	for name, clock := range map[string]bool{"times": true, "no-times": false} {
		doc := trackOf(clock)
		var b strings.Builder
		if err := doc.GPX(&b); err != nil {
			t.Fatal(err)
		}
		testkit.Golden(t, "testdata/track."+name+".gpx", b.String())
		soundGPX(t, b.String())
		if strings.Contains(b.String(), "<time>") != clock {
			t.Errorf("%s: %s", name, b.String())
		}
	}
}

// soundGPX holds a text against what the schema of GPX 1.1 (topografix.com/GPX/1/1/gpx.xsd)
// says of the elements that are written: which may follow which, and what values may be.
func soundGPX(t *testing.T, text string) {
	t.Helper()
	kids := map[string]string{ // by parent, in their order
		"": "gpx", "gpx": "(metadata )?(trk )*", "metadata": "(time )?", "trk": "(name )?(desc )?(trkseg )*", "trkseg": "(trkpt )*", "trkpt": "(time )?",
		"time": "", "name": "", "desc": "",
	}
	var open, order []string
	in := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := in.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			if e.Name.Space != "http://www.topografix.com/GPX/1/1" {
				t.Errorf("%s is of the namespace %q", e.Name.Local, e.Name.Space)
			}
			if len(order) > 0 {
				order[len(order)-1] += e.Name.Local + " "
			}
			open, order = append(open, e.Name.Local), append(order, "")
			attrs := map[string]string{}
			for _, a := range e.Attr {
				attrs[a.Name.Local] = a.Value
			}
			switch e.Name.Local {
			case "gpx":
				if attrs["version"] != "1.1" || attrs["creator"] == "" {
					t.Errorf("gpx has %v", attrs)
				}
			case "trkpt":
				lat, err1 := strconv.ParseFloat(attrs["lat"], 64)
				lon, err2 := strconv.ParseFloat(attrs["lon"], 64)
				if err1 != nil || err2 != nil || lat < -90 || lat > 90 || lon < -180 || lon >= 180 {
					t.Errorf("trkpt has %v", attrs)
				}
			}
		case xml.EndElement:
			if is := order[len(order)-1]; !regexp.MustCompile("^" + kids[e.Name.Local] + "$").MatchString(is) {
				t.Errorf("%s has %s", e.Name.Local, is)
			}
			open, order = open[:len(open)-1], order[:len(order)-1]
		case xml.CharData:
			if inner := strings.TrimSpace(string(e)); len(open) > 0 && open[len(open)-1] == "time" {
				if _, err := time.Parse(time.RFC3339, inner); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

func TestGPXThatCannotBeWritten(t *testing.T) {
	doc := trackOf(true)
	r, w := io.Pipe()
	_ = r.Close()
	if err := doc.GPX(w); err == nil {
		t.Error("a file that is not written is none that is")
	}
}
