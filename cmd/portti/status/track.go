package status

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"time"
)

// Track is where the receivers of positions were in the last day. It is a reading, as a
// GPSDocument is.
type Track struct {
	Schema int       `json:"schema"`
	Time   time.Time `json:"time"`
	// Clock says whether Time can be relied on, and so the moments of the points: Time less
	// their ages. The ages can be relied on in any case.
	Clock   bool          `json:"clock_trusted"`
	Devices []DeviceTrack `json:"devices"` // those that send positions, in the order of the configuration; never nil
}

// DeviceTrack is where one of them was: a line through its points, the oldest first, broken
// where there was no fix for long.
type DeviceTrack struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// ErrorM is by how many metres the line may miss where the receiver said that it was: at
	// the most, where three times the error that it stated are no more than 10 m.
	ErrorM float64      `json:"error_m"`
	Points []TrackPoint `json:"points"`
	Fences []Fence      `json:"fences"` // configured, by name
}

// TrackPoint is where a receiver was.
type TrackPoint struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	AgeS      int     `json:"age_s"`
	// Begins says that no line leads here from the point before.
	Begins bool `json:"begins,omitempty"`
}

// Fence is a place whose border is watched: a circle, or a polygon of corners, each
// latitude and longitude.
type Fence struct {
	Name      string      `json:"name"`
	Latitude  *float64    `json:"latitude,omitempty"` // of the circle's centre, nil = it is a polygon
	Longitude *float64    `json:"longitude,omitempty"`
	Radius    float64     `json:"radius,omitempty"` // metres
	Polygon   [][]float64 `json:"polygon,omitempty"`
}

// GPX writes the tracks as GPX 1.1, which maps and their programs read. Points have times
// where the clock can be relied on.
func (t *Track) GPX(w io.Writer) error {
	b := bufio.NewWriter(w) // keeps its first error until Flush
	put := func(text string) { _, _ = b.WriteString(text) }
	text := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	put(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<gpx version="1.1" creator="portti" xmlns="http://www.topografix.com/GPX/1/1">` + "\n")
	moment := func(ageS int) {
		if t.Clock {
			put("<time>" + t.Time.Add(-time.Duration(ageS)*time.Second).UTC().Format("2006-01-02T15:04:05Z") + "</time>")
		}
	}
	put("<metadata>")
	moment(0)
	put("</metadata>\n")
	for _, d := range t.Devices {
		put("<trk><name>")
		_, _ = text.WriteString(b, Clean(d.Name, 64))
		put("</name><desc>true to " + degrees(d.ErrorM, 0) + " m</desc>\n")
		for i, p := range d.Points {
			switch {
			case i == 0:
				put("<trkseg>\n")
			case p.Begins:
				put("</trkseg>\n<trkseg>\n")
			}
			if p.Longitude >= 180 { // of which GPX has only the other
				p.Longitude -= 360
			}
			put(`<trkpt lat="` + degrees(p.Latitude, 7) + `" lon="` + degrees(p.Longitude, 7) + `">`)
			moment(p.AgeS)
			put("</trkpt>\n")
		}
		if len(d.Points) > 0 {
			put("</trkseg>")
		}
		put("</trk>\n")
	}
	put("</gpx>\n")
	return b.Flush()
}

func degrees(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }
