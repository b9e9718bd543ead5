package geofence

import "math"

// The ellipsoid of WGS84 (NIMA TR8350.2, table 3.1): the equator's radius in metres, the
// flattening, and the square of the eccentricity.
const (
	equator    = 6_378_137.0
	flattening = 1 / 298.257223563
	eccentric  = flattening * (2 - flattening)
	radian     = math.Pi / 180
)

// scales gives the metres in a degree of latitude and of longitude.
func scales(lat float64) (north, east float64) {
	sin, cos := math.Sincos(lat * radian)
	w := 1 - eccentric*sin*sin
	across := equator / math.Sqrt(w) // radius of curvature in the prime vertical
	return across * (1 - eccentric) / w * radian, across * cos * radian
}

// distance is that of two places on the ellipsoid, in metres, by Lambert's formula.
func distance(a, b Point) float64 {
	// Half the angle on the sphere of reduced latitudes, by the haversine, which keeps
	// its digits where it is small.
	u, v := reduced(a.Lat), reduced(b.Lat)
	sinQ, cosQ := math.Sincos((v - u) / 2)
	sinP, cosP := math.Sincos((u + v) / 2)
	sinL := math.Sin((b.Lon - a.Lon) / 2 * radian)
	h := sinQ*sinQ + math.Cos(u)*math.Cos(v)*sinL*sinL
	if h <= 0 {
		return 0
	}
	h = min(h, 1)
	angle := 2 * math.Atan2(math.Sqrt(h), math.Sqrt(1-h))
	x := 0.0
	if h < 1 {
		x = (angle - math.Sin(angle)) * (sinP * cosQ) * (sinP * cosQ) / (1 - h)
	}
	y := (angle + math.Sin(angle)) * (cosP * sinQ) * (cosP * sinQ) / h
	return equator * (angle - flattening/2*(x+y))
}

// reduced is the reduced latitude in radians.
func reduced(lat float64) float64 {
	sin, cos := math.Sincos(lat * radian)
	return math.Atan2((1-flattening)*sin, cos)
}
