package bench

import (
	"math"
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
	cornerSize = 18.0      // metres before and after a corner in which the course turns
	routeStep  = 200 * time.Millisecond
)

// route is a closed round with a timetable: where the vehicle is at any time
// since it started is looked up, not integrated, so that it can be asked for
// any time in any order.
type route struct {
	points  []place
	lengths []float64 // of the leg that begins at each point, metres
	courses []float64 // of that leg, degrees
	total   float64   // metres
	table   []float64 // metres covered after each routeStep
	tunnel  [2]float64
}

// newRoute makes the timetable. from and to bound the tunnel, as parts of the
// whole round between 0 and 1.
func newRoute(points []place, from, to float64) *route {
	r := &route{points: points}
	for i, p := range points {
		q := points[(i+1)%len(points)]
		length, course := leg(p, q)
		r.lengths = append(r.lengths, length)
		r.courses = append(r.courses, course)
		r.total += length
	}
	r.tunnel = [2]float64{from * r.total, to * r.total}
	for s := 0.0; s < r.total; {
		r.table = append(r.table, s)
		s += r.speed(s) * routeStep.Seconds()
	}
	return r
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
	s += (after - s) * part
	return r.on(s)
}

// on is the vehicle's state s metres into the round.
func (r *route) on(s float64) state {
	i, into := r.find(s)
	p, q := r.points[i], r.points[(i+1)%len(r.points)]
	f := into / r.lengths[i]
	return state{
		place:   place{p.lat + (q.lat-p.lat)*f, p.lon + (q.lon-p.lon)*f},
		speed:   r.speed(s),
		course:  r.course(i, into),
		tunnel:  s >= r.tunnel[0] && s < r.tunnel[1],
		covered: s,
	}
}

func (r *route) find(s float64) (i int, into float64) {
	for i = range r.lengths {
		if s < r.lengths[i] {
			return i, s
		}
		s -= r.lengths[i]
	}
	return len(r.lengths) - 1, r.lengths[len(r.lengths)-1]
}

// speed brakes towards a corner and picks up after it.
func (r *route) speed(s float64) float64 {
	i, into := r.find(s)
	near := math.Min(into, r.lengths[i]-into)
	return math.Min(cruise, math.Sqrt(crawl*crawl+2*braking*near))
}

// course turns evenly from one leg's into the next one's around each corner.
func (r *route) course(i int, into float64) float64 {
	n := len(r.courses)
	here := r.courses[i]
	if left := r.lengths[i] - into; left < cornerSize {
		turn := angle(r.courses[(i+1)%n] - here)
		return math.Mod(here+turn*(1-left/cornerSize)/2+360, 360)
	}
	if into < cornerSize {
		turn := angle(here - r.courses[(i+n-1)%n])
		return math.Mod(here-turn*(1-into/cornerSize)/2+360, 360)
	}
	return here
}

// angle brings a difference of courses between -180 and 180.
func angle(d float64) float64 { return math.Mod(d+540, 360) - 180 }
