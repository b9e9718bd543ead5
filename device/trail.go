package device

import (
	"math"

	"portti/device/nmea"
)

const (
	// maxTrack points of 16 bytes are kept for a receiver, of trailDay.
	maxTrack  = 2000
	trailDay  = 24 * 60 * 60 // s
	trailStep = 10           // metres between two looked at, at least, or three times the error
	// trailFine is how far, in metres, the line may run past what was looked at while there
	// is room. Where there is none it doubles.
	trailFine = 5
	trailGap  = 10 * 60 * 1000 // ms without a fix after which the line is broken
)

// TrackPoint is where a receiver was.
type TrackPoint struct {
	Lat, Lon int32 // 1e-7 degrees
	At       int32 // seconds, monotonic
	Begins   bool  // no line leads here from the point before
}

// trail is the way of a receiver in the last day as a line of so many points at most. A fix
// costs it no allocation but the first, and a thing that stands adds nothing.
//
// A fix nearer than trailStep, or than three times its error, to the last one looked at is
// not looked at. Of those the line keeps what it needs to pass within the tolerance of all:
// while one straight line from the last kept point can, they are dropped but for the last.
type trail struct {
	points []TrackPoint  // kept; the last is where the fan stands
	end    TrackPoint    // the last looked at, where it is not kept
	ended  bool          // there is such a one
	seen   nmea.Position // the last looked at
	fixed  int64         // the last fix, monotonic
	fan    fan

	tolerance float64 // metres, of what is added; 0 = trailFine
	worst     float64 // metres, of what is there: each coarsening adds to it
	coarsened int64   // when the two changed last, monotonic
}

// take adds a fix. within is its error in metres, 0 = not known.
func (t *trail) take(at nmea.Position, within float64, now int64) {
	broken := t.fixed != 0 && now-t.fixed > trailGap
	t.fixed = now
	if t.seen.Present && distance(t.seen, at) < max(trailStep, 3*within) {
		return
	}
	t.seen = at
	p := TrackPoint{Lat: int32(degrees7(at.Lat)), Lon: int32(degrees7(at.Lon)), At: int32(now / 1000)}
	switch {
	case len(t.points) == 0 || broken:
		if t.ended {
			t.keep(t.end, now)
		}
		p.Begins, t.ended = true, false
		t.keep(p, now)
		return
	case !t.fan.reaches(p) && t.ended:
		t.keep(t.end, now)
		t.fan.reaches(p)
	}
	t.end, t.ended = p, true
}

// keep makes a point part of the line, from which the fan goes on.
func (t *trail) keep(p TrackPoint, now int64) {
	switch {
	case t.points == nil:
		t.points, t.tolerance, t.worst = make([]TrackPoint, 0, maxTrack), trailFine, trailFine
	case t.worst > trailFine && now-t.coarsened > 1000*trailDay: // all that was made coarse is gone
		t.worst, t.tolerance, t.coarsened = t.tolerance, max(t.tolerance/2, trailFine), now
	}
	if len(t.points) == maxTrack-1 { // one is left for the end
		t.points = t.points[:copy(t.points, lastDay(t.points, now))]
		for len(t.points) > maxTrack*3/4 {
			before := len(t.points)
			t.tolerance *= 2
			t.worst, t.coarsened = t.worst+t.tolerance, now
			if t.points = simplify(t.points, t.tolerance); len(t.points) == before && t.tolerance > 1e7 {
				t.points = t.points[:copy(t.points, t.points[before/2:])] // nothing moves so, but it ends here
			}
		}
	}
	t.points = append(t.points, p)
	t.fan.stand(p, t.tolerance)
}

// lastDay leaves out what is older than a day, but for where the day began.
func lastDay(points []TrackPoint, now int64) []TrackPoint {
	for len(points) > 1 && now/1000-int64(points[1].At) > trailDay {
		points = points[1:]
	}
	return points
}

// simplify drops points in place so that the line passes each within the tolerance.
func simplify(points []TrackPoint, tolerance float64) []TrackPoint {
	if len(points) == 0 {
		return points
	}
	var f fan
	f.stand(points[0], tolerance)
	kept, ended := points[:1], false
	for i := 1; i < len(points); i++ {
		p := points[i]
		switch {
		case p.Begins:
			if ended {
				kept = append(kept, points[i-1])
			}
			kept, ended = append(kept, p), false
			f.stand(p, tolerance)
			continue
		case !f.reaches(p) && ended:
			kept = append(kept, points[i-1])
			f.stand(points[i-1], tolerance)
			f.reaches(p)
		}
		ended = true
	}
	if ended {
		kept = append(kept, points[len(points)-1])
	}
	return kept
}

// ask copies the last day in at most so many points. worst is by how many metres the line
// may miss where the receiver was, while three times its error is no more than trailStep.
func (t *trail) ask(most int, now int64) (points []TrackPoint, worst float64) {
	points = append(points, lastDay(t.points, now)...)
	if t.ended {
		points = append(points, t.end)
	}
	if len(points) > 0 {
		points[0].Begins = true
	}
	worst = trailStep + max(t.worst, trailFine)
	for tolerance := max(t.tolerance, trailFine); len(points) > most && tolerance < 1e7; worst += tolerance {
		tolerance *= 2
		points = simplify(points, tolerance)
	}
	return points[max(0, len(points)-most):], worst
}

// fan is the directions, seen from a point, in which a straight line passes everything since
// within a tolerance. It works on the plane that touches the earth there, on which great
// circles are straight: neither the poles nor the date line are special to it.
type fan struct {
	up, east, north [3]float64
	half            float64 // metres: on either side, and back
	far             float64 // metres: the furthest that was reached
	open            bool    // no direction is excluded yet
	middle          float64 // radians; the others are from here
	from, to        float64
}

// stand begins at a point.
func (f *fan) stand(p TrackPoint, tolerance float64) {
	sinLat, cosLat, sinLon, cosLon := p.angles()
	*f = fan{up: [3]float64{cosLat * cosLon, cosLat * sinLon, sinLat}, east: [3]float64{-sinLon, cosLon, 0},
		north: [3]float64{-sinLat * cosLon, -sinLat * sinLon, cosLat},
		half:  0.7 * tolerance, // so that with half off the line and half beyond its end it is the tolerance
		open:  true}
}

// reaches says whether the line may end at p, after all that it reached before.
func (f *fan) reaches(p TrackPoint) bool {
	sinLat, cosLat, sinLon, cosLon := p.angles()
	v := [3]float64{cosLat * cosLon, cosLat * sinLon, sinLat}
	up := dot(f.up, v)
	if up < 0.9 { // 2,800 km: the plane is no good there
		f.far = math.Inf(1)
		return false
	}
	const radius = 6_371_000
	x, y := radius*dot(f.east, v)/up, radius*dot(f.north, v)/up
	d := math.Hypot(x, y)
	if d < f.far-f.half {
		return false
	}
	if d > f.half {
		direction, wide := math.Atan2(y, x), math.Asin(f.half/d)
		if f.open {
			f.open, f.middle, f.from, f.to = false, direction, -wide, wide
		}
		off := math.Remainder(direction-f.middle, 2*math.Pi)
		if off < f.from || off > f.to {
			return false
		}
		f.from, f.to = max(f.from, off-wide), min(f.to, off+wide)
	}
	f.far = max(f.far, d)
	return true
}

func (p TrackPoint) angles() (sinLat, cosLat, sinLon, cosLon float64) {
	const rad = math.Pi / 180 / 1e7
	sinLat, cosLat = math.Sincos(float64(p.Lat) * rad)
	sinLon, cosLon = math.Sincos(float64(p.Lon) * rad)
	return sinLat, cosLat, sinLon, cosLon
}

func dot(a, b [3]float64) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }
