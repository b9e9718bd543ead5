package geofence

import (
	"encoding/binary"
	"math"
	"testing"
)

// FuzzPolygon takes any corners and any position, in 1e-7 degrees: a polygon that is
// taken gives a distance that is a number, with the sign of the side.
func FuzzPolygon(f *testing.F) {
	add := func(p Point, corners ...Point) {
		var b []byte
		for _, c := range append([]Point{p}, corners...) {
			b = binary.LittleEndian.AppendUint32(b, uint32(int32(c.Lat*1e7)))
			b = binary.LittleEndian.AppendUint32(b, uint32(int32(c.Lon*1e7)))
		}
		f.Add(b)
	}
	add(Point{0.5, 0.5}, Point{0, 0}, Point{0, 1}, Point{1, 1}, Point{1, 0})
	add(Point{-17, 180}, Point{-18, 179}, Point{-18, -179}, Point{-16, -179}, Point{-16, 179})
	add(Point{85, 0}, Point{80, 0}, Point{80, 120}, Point{80, -120})
	f.Fuzz(func(t *testing.T, b []byte) {
		var points []Point
		for ; len(b) >= 8 && len(points) < 40; b = b[8:] {
			points = append(points, Point{
				float64(int32(binary.LittleEndian.Uint32(b))) / 1e7,
				float64(int32(binary.LittleEndian.Uint32(b[4:]))) / 1e7,
			})
		}
		if len(points) < 4 || valid(points[0]) != nil {
			return
		}
		s, err := Polygon(points[1:])
		if err != nil {
			return
		}
		p := points[0]
		d, inside := s.Distance(p), s.Contains(p)
		if math.IsNaN(d) || math.IsInf(d, 0) || inside != (d < 0) && d != 0 {
			t.Fatalf("%v from %v: distance %v, inside %v", p, points[1:], d, inside)
		}
		if math.Abs(d) > math.Pi*equator || !(s.deep > 0) || math.IsInf(s.deep, 0) {
			t.Fatalf("%v from %v: distance %v, deep %v", p, points[1:], d, s.deep)
		}
		// The same border from another corner on, and the other way round.
		n := len(s.corners)
		var other []Point
		for i := range n {
			c := s.corners[(2*n-i)%n]
			c.Lon = math.Remainder(c.Lon, 360)
			other = append(other, c)
		}
		o, err := Polygon(other)
		if err != nil {
			return // the longitudes were rounded
		}
		if math.Abs(d) > 0.001 && o.Contains(p) != inside {
			t.Fatalf("%v from %v: inside %v one way round and not the other", p, points[1:], inside)
		}
	})
}
