package gateway

import (
	"maps"
	"math"
	"net/http"
	"slices"
	"time"

	"portti/cmd/portti/status"
	"portti/device"
	"portti/device/nmea"
)

// gpsTrack is how many points of a track a GPS document has, which is asked for often.
const gpsTrack = 500

// GPS is what the receivers of positions see at this moment, and where they were. It may be
// called from any goroutine.
func (g *Gateway) GPS() status.GPSDocument {
	doc := g.sky()
	for i, t := range g.devices.Tracks(gpsTrack) {
		if i < len(doc.Devices) && doc.Devices[i].Name == t.Name { // else it was just read anew
			doc.Devices[i].Track = trackOf(t).Points
		}
	}
	return doc
}

// sky is GPS without tracks.
func (g *Gateway) sky() status.GPSDocument {
	doc := status.GPSDocument{Schema: status.GPSSchema, Time: time.Now().UTC(), Devices: []status.GPS{}}
	for _, s := range g.devices.Skies() {
		doc.Devices = append(doc.Devices, gpsOf(s))
	}
	return doc
}

func gpsOf(s device.Sky) status.GPS {
	g := status.GPS{Name: s.Name, Type: s.Type, Fix: status.FixNone, AgeS: -1, PDOP: decimal(s.PDOP), Satellites: []status.Satellite{}, Track: []status.TrackPoint{}}
	if s.Heard {
		g.Fix, g.AgeS = fixOf(&s.Fix), float64(s.Age)/1000
	}
	if s.Last.Valid() {
		g.Position = positionOf(&s.Last, s.LastAge)
	}
	for _, sat := range s.Satellites {
		g.Satellites = append(g.Satellites, status.Satellite{System: sat.System.String(), ID: int(sat.ID),
			Elevation: angle(sat.Elevation), Azimuth: angle(sat.Azimuth), SNR: int(sat.SNR), Used: sat.Used})
	}
	return g
}

// Track is where the receivers of positions were in the last day. It may be called from any
// goroutine.
func (g *Gateway) Track() status.Track {
	doc := status.Track{Schema: status.GPSSchema, Time: g.wallTime().UTC(), Clock: g.clock.Now().Trusted, Devices: []status.DeviceTrack{}}
	for _, t := range g.devices.Tracks(math.MaxInt) {
		doc.Devices = append(doc.Devices, trackOf(t))
	}
	return doc
}

func trackOf(t device.Track) status.DeviceTrack {
	d := status.DeviceTrack{Name: t.Name, Type: t.Type, ErrorM: t.Error, Points: make([]status.TrackPoint, 0, len(t.Points)), Fences: []status.Fence{}}
	for _, p := range t.Points {
		d.Points = append(d.Points, status.TrackPoint{Latitude: float64(p.Lat) / 1e7, Longitude: float64(p.Lon) / 1e7, AgeS: int(t.Now - p.At), Begins: p.Begins})
	}
	for _, name := range slices.Sorted(maps.Keys(t.Fences)) {
		o := t.Fences[name]
		d.Fences = append(d.Fences, status.Fence{Name: name, Latitude: o.Lat, Longitude: o.Lon, Radius: o.Radius, Polygon: o.Polygon})
	}
	return d
}

// gpx answers with the tracks as a file.
func (g *Gateway) gpx(w http.ResponseWriter, _ *http.Request) {
	doc := g.Track()
	w.Header().Set("Content-Type", "application/gpx+xml")
	w.Header().Set("Content-Disposition", `attachment; filename="track.gpx"`)
	w.Header().Set("Cache-Control", "no-store")
	if err := doc.GPX(w); err != nil {
		g.opt.Log.Debug("track not delivered", "component", "control", "event", "status.answer-failed", "err", err)
	}
}

func fixOf(f *nmea.Fix) string {
	switch {
	case !f.Valid():
		return status.FixNone
	case f.Mode == 2:
		return status.Fix2D
	}
	return status.Fix3D
}

func positionOf(f *nmea.Fix, age int64) *status.GPSPosition {
	lat, lon := device.Degrees7(f.Position)
	p := &status.GPSPosition{AgeS: float64(age) / 1000, Fix: fixOf(f), Latitude: lat, Longitude: lon,
		Altitude: decimal(f.Alt), Speed: decimal(f.Speed), Course: decimal(f.Course)}
	if f.Time != 0 {
		at := time.UnixMilli(f.Time).UTC()
		p.Time = &at
	}
	if mm, ok := f.Error(); ok {
		metres := float64(mm) / 1000
		p.Accuracy = &metres
	}
	if h := f.HDOP.Float(); h > 0 && h < 99 {
		p.HDOP = &h
	}
	if f.Sats >= 0 {
		used := int(f.Sats)
		p.Used = &used
	}
	return p
}

// decimal is nil where it is not stated.
func decimal(d nmea.Decimal) *float64 {
	if !d.Present {
		return nil
	}
	v := d.Float()
	return &v
}

func angle(degrees int16) *int {
	if degrees < 0 {
		return nil
	}
	n := int(degrees)
	return &n
}
