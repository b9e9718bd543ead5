package testbed

import (
	"math"
	"sort"
	"time"
)

// place is a point on the ground, in degrees WGS84.
type place struct{ lat, lon float64 }

// harbourRound is the course of the simulated vehicle: about nine kilometres
// through the streets and along the shore of Oulu, back to where it began.
func harbourRound() []place {
	return []place{
		{65.01236, 25.46816}, {65.01512, 25.46374}, {65.01787, 25.46952},
		{65.02213, 25.46741}, {65.02561, 25.47320}, {65.02874, 25.48466},
		{65.02489, 25.49902}, {65.01873, 25.50731}, {65.01106, 25.50288},
		{65.00547, 25.49164}, {65.00312, 25.47785}, {65.00688, 25.46922},
	}
}

// state is where the vehicle is and how it moves.
type state struct {
	place
	speed   float64 // m/s over ground
	course  float64 // degrees, true
	tunnel  bool    // no sky
	covered float64 // metres of the round
}

const (
	earth      = 6371008.8 // mean radius, metres
	cruise     = 13.0      // m/s on a straight
	crawl      = 4.0       // m/s through a corner
	braking    = 1.1       // m/s2
	cornerSize = 22.0      // metres before and after a corner in which the way bends
	routeStep  = 200 * time.Millisecond
)

// route is a closed round with a timetable: where the vehicle is at any time
// since it started is looked up, not integrated, so that it can be asked for
// any time in any order.
type route struct {
	points  []place   // close together round the corners
	starts  []float64 // metres of the round at each point
	courses []float64 // of the leg that begins at each point, degrees
	corners []float64 // metres of the round at the middle of each corner
	total   float64   // metres
	table   []float64 // metres covered after each routeStep
	tunnel  [2]float64
}

// newRoute makes the timetable. from and to bound the tunnel, as parts of the
// whole round between 0 and 1.
func newRoute(corners []place, from, to float64) *route {
	r := &route{}
	r.points, r.corners = rounded(corners)
	for i, p := range r.points {
		length, course := leg(p, r.points[(i+1)%len(r.points)])
		r.starts = append(r.starts, r.total)
		r.courses = append(r.courses, course)
		r.total += length
	}
	for i, c := range r.corners {
		r.corners[i] = r.starts[int(c)]
	}
	r.tunnel = [2]float64{from * r.total, to * r.total}
	for s := 0.0; s < r.total; {
		r.table = append(r.table, s)
		s += r.speed(s) * routeStep.Seconds()
	}
	return r
}

// rounded puts a smooth bend (a quadratic curve) in the place of each corner,
// and says at which of the points each bend has its middle.
func rounded(corners []place) (points []place, middles []float64) {
	const pieces = 16
	n := len(corners)
	for i, c := range corners {
		in := toward(c, corners[(i+n-1)%n])
		out := toward(c, corners[(i+1)%n])
		for k := range pieces + 1 {
			f := float64(k) / pieces
			if k == pieces/2 {
				middles = append(middles, float64(len(points)))
			}
			points = append(points, place{
				bend(in.lat, c.lat, out.lat, f),
				bend(in.lon, c.lon, out.lon, f),
			})
		}
	}
	return points, middles
}

func bend(in, corner, out, f float64) float64 {
	return (1-f)*(1-f)*in + 2*f*(1-f)*corner + f*f*out
}

// toward is the point cornerSize metres from p on the way to q.
func toward(p, q place) place {
	length, _ := leg(p, q)
	f := cornerSize / length
	return place{p.lat + (q.lat-p.lat)*f, p.lon + (q.lon-p.lon)*f}
}

// leg is the distance and the first course of the way from p to q. Over some
// hundred metres a flat earth is wrong by less than a millimetre.
func leg(p, q place) (metres, degrees float64) {
	north := (q.lat - p.lat) * math.Pi / 180 * earth
	east := (q.lon - p.lon) * math.Pi / 180 * earth * math.Cos((p.lat+q.lat)/2*math.Pi/180)
	return math.Hypot(north, east), math.Mod(math.Atan2(east, north)*180/math.Pi+360, 360)
}

// lap is how long one round takes.
func (r *route) lap() time.Duration { return time.Duration(len(r.table)) * routeStep }

// at is where the vehicle is when it has been under way for d.
func (r *route) at(d time.Duration) state {
	d %= r.lap()
	i := int(d / routeStep)
	part := float64(d%routeStep) / float64(routeStep)
	s, after := r.table[i], r.total
	if i+1 < len(r.table) {
		after = r.table[i+1]
	}
	return r.on(s + (after-s)*part)
}

// on is the vehicle's state s metres into the round.
func (r *route) on(s float64) state {
	i := max(0, sort.SearchFloat64s(r.starts, s+1e-9)-1)
	end := r.total
	if i+1 < len(r.starts) {
		end = r.starts[i+1]
	}
	p, q := r.points[i], r.points[(i+1)%len(r.points)]
	f := (s - r.starts[i]) / (end - r.starts[i])
	return state{
		place:   place{p.lat + (q.lat-p.lat)*f, p.lon + (q.lon-p.lon)*f},
		speed:   r.speed(s),
		course:  r.courses[i],
		tunnel:  s >= r.tunnel[0] && s < r.tunnel[1],
		covered: s,
	}
}

// speed brakes towards a corner and picks up after it.
func (r *route) speed(s float64) float64 {
	near := math.Inf(1)
	for _, c := range r.corners {
		d := math.Abs(s - c)
		near = math.Min(near, math.Min(d, r.total-d))
	}
	return math.Min(cruise, math.Sqrt(crawl*crawl+2*braking*near))
}
