package gateway

import (
	"time"

	"portti/cmd/portti/status"
	"portti/device"
	"portti/device/nmea"
)

// GPS is what the receivers of positions see at this moment. It may be called from any
// goroutine.
func (g *Gateway) GPS() status.GPSDocument {
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
	for _, p := range s.Track {
		g.Track = append(g.Track, status.TrackPoint{Latitude: float64(p.Lat) / 1e7, Longitude: float64(p.Lon) / 1e7, AgeS: int(p.AgeS)})
	}
	return g
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
