package geofence

import (
	"errors"
	"fmt"
	"math"
)

// Limits of a shape.
const (
	MaxCorners = 256
	MinRadius  = 1         // metres
	MaxRadius  = 5_000_000 // metres
	maxLat     = 89        // degrees: of a polygon's corners
)

// Point is a place on WGS84 in degrees, north and east positive.
type Point struct{ Lat, Lon float64 }

// Shape is a circle or a polygon. The zero value has no place on earth; make
// one with Circle or Polygon.
type Shape struct {
	centre  Point
	radius  float64 // metres, 0 = a polygon
	corners []Point // longitudes run on across the 180th meridian
	middle  float64 // longitude in the middle of the corners
	deep    float64 // metres: area by length
}

// Circle is everything within radius metres of a place.
func Circle(centre Point, radius float64) (Shape, error) {
	if err := valid(centre); err != nil {
		return Shape{}, err
	}
	if !(radius >= MinRadius && radius <= MaxRadius) {
		return Shape{}, fmt.Errorf("the radius must be from %d to %d metres", MinRadius, MaxRadius)
	}
	return Shape{centre: centre, radius: radius, deep: radius / 2}, nil
}

// Polygon is everything inside of the line through the corners and back to the first,
// which may be repeated at the end. It keeps none of corners.
func Polygon(corners []Point) (Shape, error) {
	n := len(corners)
	if n > 1 && corners[0] == corners[n-1] {
		n--
	}
	if n < 3 || n > MaxCorners {
		return Shape{}, fmt.Errorf("it must have from 3 to %d corners, not %d", MaxCorners, n)
	}
	s := Shape{corners: make([]Point, n)}
	west, east := math.Inf(1), math.Inf(-1)
	for i, p := range corners[:n] {
		if err := valid(p); err != nil {
			return Shape{}, fmt.Errorf("corner %d: %w", i+1, err)
		}
		if math.Abs(p.Lat) > maxLat {
			return Shape{}, fmt.Errorf("corner %d is within a degree of a pole: use a circle there", i+1)
		}
		before := corners[(i+n-1)%n]
		if p == before {
			return Shape{}, fmt.Errorf("corner %d is the same as the one before", i+1)
		}
		if i > 0 {
			p.Lon = s.corners[i-1].Lon + turn(p.Lon-before.Lon)
		}
		s.corners[i] = p
		west, east = min(west, p.Lon), max(east, p.Lon)
	}
	switch closing := s.corners[n-1].Lon + turn(corners[0].Lon-corners[n-1].Lon); {
	case math.Abs(closing-s.corners[0].Lon) > 1:
		return Shape{}, errors.New("it goes around a pole: use a circle there")
	case east-west >= 180:
		return Shape{}, errors.New("it spans half the earth or more")
	}
	s.middle = (west + east) / 2
	if i, j, ok := s.crossing(); ok {
		return Shape{}, fmt.Errorf("the line after corner %d meets the one after corner %d: give the corners in the order in which one walks along the border", i+1, j+1)
	}
	s.deep = s.areaByLength()
	return s, nil
}

func valid(p Point) error {
	switch {
	case !(math.Abs(p.Lat) <= 90):
		return errors.New("the latitude, which comes first, must be from -90 to 90 degrees")
	case !(math.Abs(p.Lon) <= 180):
		return errors.New("the longitude, which comes second, must be from -180 to 180 degrees")
	}
	return nil
}

// turn gives a difference of longitudes the short way round.
func turn(d float64) float64 {
	switch {
	case d > 180:
		return d - 360
	case d < -180:
		return d + 360
	}
	return d
}

// crossing finds two edges that meet elsewhere than in a corner they share.
func (s *Shape) crossing() (i, j int, ok bool) {
	n := len(s.corners)
	for i := range n {
		a, b := s.corners[i], s.corners[(i+1)%n]
		for j := i + 1; j < n; j++ {
			c, d := s.corners[j], s.corners[(j+1)%n]
			switch {
			case j == i+1:
				if folds(a, b, d) {
					return i, j, true
				}
			case i == 0 && j == n-1:
				if folds(c, a, b) {
					return i, j, true
				}
			case meets(a, b, c, d):
				return i, j, true
			}
		}
	}
	return 0, 0, false
}

// side is above nought where c lies to the left of the line from a to b, nought
// where it lies on it.
func side(a, b, c Point) float64 {
	return (b.Lon-a.Lon)*(c.Lat-a.Lat) - (b.Lat-a.Lat)*(c.Lon-a.Lon)
}

// folds says that the line from a to b goes back upon itself to c.
func folds(a, b, c Point) bool {
	return side(a, b, c) == 0 && (b.Lon-a.Lon)*(c.Lon-b.Lon)+(b.Lat-a.Lat)*(c.Lat-b.Lat) < 0
}

func meets(a, b, c, d Point) bool {
	p, q, r, s := side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)
	if (p > 0) != (q > 0) && (r > 0) != (s > 0) && p != 0 && q != 0 && r != 0 && s != 0 {
		return true
	}
	return p == 0 && between(a, b, c) || q == 0 && between(a, b, d) || r == 0 && between(c, d, a) || s == 0 && between(c, d, b)
}

// between says whether p, which lies on the line through a and b, lies from a to b.
func between(a, b, p Point) bool {
	return min(a.Lon, b.Lon) <= p.Lon && p.Lon <= max(a.Lon, b.Lon) && min(a.Lat, b.Lat) <= p.Lat && p.Lat <= max(a.Lat, b.Lat)
}

// areaByLength is in metres, with the scale of each edge's own latitude.
func (s *Shape) areaByLength() float64 {
	var area, length float64
	for i, a := range s.corners {
		b := s.corners[(i+1)%len(s.corners)]
		north, east := scales((a.Lat + b.Lat) / 2)
		length += math.Hypot((b.Lat-a.Lat)*north, (b.Lon-a.Lon)*east)
		// The area between the edge and the first corner's latitude.
		area += ((a.Lat+b.Lat)/2 - s.corners[0].Lat) * (b.Lon - a.Lon) * north * east
	}
	return math.Abs(area) / length
}

// Distance is how many metres a place lies outside of the border, negative inside.
func (s *Shape) Distance(p Point) float64 {
	if s.radius > 0 {
		return distance(s.centre, p) - s.radius
	}
	inside, nearest := s.look(p)
	if d := distance(p, nearest); !inside {
		return d
	} else {
		return -d
	}
}

// Contains says whether a place lies inside.
func (s *Shape) Contains(p Point) bool {
	if s.radius > 0 {
		return s.Distance(p) <= 0
	}
	inside, _ := s.look(p)
	return inside
}

// look goes along the border once: whether it is crossed an odd number of times on
// the way east from p, and where it is next to p.
func (s *Shape) look(p Point) (inside bool, nearest Point) {
	lon := s.middle + math.Remainder(p.Lon-s.middle, 360) // as the corners run
	north, east := scales(p.Lat)
	best := math.Inf(1)
	a := s.corners[len(s.corners)-1]
	for _, b := range s.corners {
		if (a.Lat > p.Lat) != (b.Lat > p.Lat) && lon < a.Lon+(b.Lon-a.Lon)*((p.Lat-a.Lat)/(b.Lat-a.Lat)) {
			inside = !inside
		}
		// In metres from p.
		ax, ay := (a.Lon-lon)*east, (a.Lat-p.Lat)*north
		dx, dy := (b.Lon-a.Lon)*east, (b.Lat-a.Lat)*north
		t := min(max(-(ax*dx+ay*dy)/(dx*dx+dy*dy), 0), 1)
		if d := (ax+t*dx)*(ax+t*dx) + (ay+t*dy)*(ay+t*dy); d < best {
			best, nearest = d, Point{a.Lat + t*(b.Lat-a.Lat), a.Lon + t*(b.Lon-a.Lon)}
		}
		a = b
	}
	return inside, nearest
}
