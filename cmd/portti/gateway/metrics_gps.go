package gateway

import "portti/cmd/portti/status"

// gps tells how well the receivers see, and never where they are.
func (e *exposition) gps(doc *status.GPSDocument) {
	if len(doc.Devices) == 0 {
		return
	}
	dimensions := map[string]float64{status.Fix2D: 2, status.Fix3D: 3}
	e.family("portti_gps_fix", gauge, "Dimensions of the receiver's fix: 0 none, 2, 3.")
	for _, d := range doc.Devices {
		e.sample(dimensions[d.Fix], "device", d.Name)
	}
	e.family("portti_gps_satellites", gauge, "Satellites that the receiver hears, and those of them that it uses.")
	for _, d := range doc.Devices {
		heard, used := 0, 0
		for _, s := range d.Satellites {
			if heard += b2i(s.SNR > 0); s.Used {
				used++
			}
		}
		e.sample(float64(heard), "device", d.Name, "use", "heard")
		e.sample(float64(used), "device", d.Name, "use", "used")
	}
	e.family("portti_gps_hdop", gauge, "Horizontal dilution of precision of the last position; absent where the receiver does not tell.")
	for _, d := range doc.Devices {
		if d.Position != nil && d.Position.HDOP != nil {
			e.sample(*d.Position.HDOP, "device", d.Name)
		}
	}
}
