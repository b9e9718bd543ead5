package ubx

import "math"

// WGS84, as its specification defines it (NGA.STND.0036).
const (
	majorAxis  = 6378137.0
	flattening = 1 / 298.257223563
	eccentric2 = flattening * (2 - flattening)
)

// geodetic is a place in metres from the centre of the earth in degrees. It is good to a
// tenth of a millimetre from 10 km below the ground on, which is also asked of it: ok is
// false for what is no place on the earth or above it.
func geodetic(x, y, z float64) (lat, lon float64, ok bool) {
	if r := math.Sqrt(x*x + y*y + z*z); !(r >= 6_340_000 && r <= 50_000_000) {
		return 0, 0, false
	}
	p := math.Hypot(x, y)
	phi := math.Atan2(z, p*(1-eccentric2))
	for range 6 { // gains two digits each time
		sin := math.Sin(phi)
		phi = math.Atan2(z+eccentric2*majorAxis/math.Sqrt(1-eccentric2*sin*sin)*sin, p)
	}
	return phi * 180 / math.Pi, math.Atan2(y, x) * 180 / math.Pi, true
}

// overGround is a velocity against the earth's axes as speed and course over ground at
// a place: metres a second, degrees.
func overGround(vx, vy, vz, lat, lon float64) (speed, course float64) {
	sinLat, cosLat := math.Sincos(lat * math.Pi / 180)
	sinLon, cosLon := math.Sincos(lon * math.Pi / 180)
	north := -vx*sinLat*cosLon - vy*sinLat*sinLon + vz*cosLat
	east := -vx*sinLon + vy*cosLon
	course = math.Atan2(east, north) * 180 / math.Pi
	if course < 0 {
		course += 360
	}
	return math.Hypot(north, east), course
}
