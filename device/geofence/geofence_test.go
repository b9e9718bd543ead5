package geofence

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

func TestDistanceIsTheEllipsoids(t *testing.T) {
	r := random(1)
	var near, far float64
	for range 20000 {
		a := Point{r.Float64()*180 - 90, r.Float64()*360 - 180}
		b := Point{r.Float64()*180 - 90, r.Float64()*360 - 180}
		if r.IntN(2) == 0 {
			b = Point{max(-90, min(90, a.Lat+(r.Float64()-0.5)*0.01)), a.Lon + (r.Float64()-0.5)*0.01}
		}
		want, ok := vincenty(a, b)
		if !ok || want > 15_000_000 {
			continue
		}
		switch off := math.Abs(distance(a, b) - want); {
		case want < 1000:
			near = max(near, off)
		default:
			far = max(far, off/want)
		}
	}
	t.Logf("off by %.3g m within 1 km, by %.3g of the distance further away", near, far)
	if near > 0.002 || far > 1e-5 {
		t.Error("further off than promised")
	}
}

// star makes corners around a middle in the order of their angles, so that no two
// edges cross.
func star(r *rand.Rand, middle Point, size float64, n int) []Point {
	corners := make([]Point, n)
	for i := range corners {
		sin, cos := math.Sincos(2 * math.Pi * (float64(i) + 0.8*r.Float64()) / float64(n))
		far := size * (0.2 + 0.8*r.Float64())
		corners[i] = Point{middle.Lat + far*sin, middle.Lon + far*cos/math.Cos(middle.Lat*radian)}
	}
	return corners
}

func TestPolygonAgreesWithExactArithmetic(t *testing.T) {
	r := random(2)
	n := 1000
	if testing.Short() || raceDetector {
		n = 100
	}
	insides := 0
	for range n {
		middle := Point{r.Float64()*140 - 70, r.Float64()*300 - 150}
		size := math.Pow(10, -4+4*r.Float64())
		corners := star(r, middle, size, 3+r.IntN(40))
		s, err := Polygon(corners)
		if err != nil {
			t.Fatal(err, corners)
		}
		for range 20 {
			p := Point{middle.Lat + (r.Float64()*2-1)*size, middle.Lon + (r.Float64()*2-1)*size/math.Cos(middle.Lat*radian)}
			if r.IntN(4) == 0 { // in line with a corner
				p.Lat = corners[r.IntN(len(corners))].Lat
			}
			want, edge := contains(s.corners, p)
			if got := s.Contains(p); got != want && !edge && math.Abs(s.Distance(p)) > 1e-6 {
				t.Fatalf("%v in %v: %v, want %v", p, corners, got, want)
			}
			if want {
				insides++
			}
		}
	}
	if insides < n {
		t.Errorf("only %d places were inside: this test looks in the wrong place", insides)
	}
}

func TestPolygonDistance(t *testing.T) {
	r := random(3)
	n := 400
	if testing.Short() || raceDetector {
		n = 10
	}
	var long, short float64
	for range n {
		middle := Point{r.Float64()*156 - 78, r.Float64()*300 - 150}
		size := math.Pow(10, -3+3*r.Float64())
		s, err := Polygon(star(r, middle, size, 3+r.IntN(8)))
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			p := s.corners[r.IntN(len(s.corners))]
			p.Lat += (r.Float64()*2 - 1) * 0.1
			p.Lon += (r.Float64()*2 - 1) * 0.1 / math.Cos(p.Lat*radian)
			want := walk(&s, p)
			if want > 10_000 || want < 1 || math.Abs(p.Lat) > 80 {
				continue
			}
			got := math.Abs(s.Distance(p))
			long, short = max(long, got/want-1), max(short, 1-got/want)
		}
	}
	t.Logf("too long by %.3g of it at most, too short by %.3g", long, short)
	if long > 0.001 || short > 1e-5 {
		t.Error("further off than promised")
	}
}

func TestAcrossTheDateLineAndNearThePoles(t *testing.T) {
	fiji, err := Polygon([]Point{{-18, 179}, {-18, -179}, {-16, -179}, {-16, 179}, {-18, 179}})
	if err != nil {
		t.Fatal(err)
	}
	pole, err := Circle(Point{90, 0}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	line, err := Circle(Point{0, 180}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name  string
		shape Shape
		p     Point
		want  bool
	}{
		{"on the line", fiji, Point{-17, 180}, true},
		{"on the line from the east", fiji, Point{-17, -180}, true},
		{"west of it", fiji, Point{-17, 179.5}, true},
		{"east of it", fiji, Point{-17, -179.5}, true},
		{"too far west", fiji, Point{-17, 178.9}, false},
		{"too far east", fiji, Point{-17, -178.9}, false},
		{"on the other side of the earth", fiji, Point{-17, 0}, false},
		{"at the pole", pole, Point{90, 123}, true},
		{"behind the pole", pole, Point{89.992, 180}, true},
		{"further behind it", pole, Point{89.99, -77}, false},
		{"circle on the line", line, Point{0.001, -179.995}, true},
		{"and beyond", line, Point{0.001, -179.99}, false},
	} {
		if got := row.shape.Contains(row.p); got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}

func TestRefused(t *testing.T) {
	square := []Point{{0, 0}, {0, 1}, {1, 1}, {1, 0}}
	for _, row := range []struct {
		name    string
		corners []Point
		want    string // "" = taken
	}{
		{"a square", square, ""},
		{"closed", append(square, square[0]), ""},
		{"the other way round", []Point{{1, 0}, {1, 1}, {0, 1}, {0, 0}}, ""},
		{"nothing", nil, "from 3 to 256 corners, not 0"},
		{"two", square[:2], "not 2"},
		{"two, closed", []Point{{0, 0}, {0, 1}, {0, 0}}, "not 2"},
		{"too many", make([]Point, 258), "corners, not 257"},
		{"twice the same", []Point{{0, 0}, {0, 1}, {0, 1}, {1, 1}}, "corner 3 is the same as the one before"},
		{"a bow tie", []Point{{0, 0}, {1, 1}, {0, 1}, {1, 0}}, "the line after corner 1 meets the one after corner 3"},
		{"touches itself", []Point{{0, 0}, {0, 2}, {1, 1}, {0, 1}, {1, 0}}, "meets"},
		{"a spike", []Point{{0, 0}, {0, 1}, {2, 1}, {1, 1}, {1, 0}}, "the line after corner 2 meets the one after corner 3"},
		{"a line", []Point{{0, 0}, {0, 1}, {0, 2}}, "meets"},
		{"longitude first", []Point{{25, 65}, {125, 65}, {125, 66}}, "corner 2: the latitude, which comes first"},
		{"no number", []Point{{0, 0}, {math.NaN(), 1}, {1, 1}}, "corner 2: the latitude"},
		{"longitude 181", []Point{{0, 0}, {0, 181}, {1, 1}}, "corner 2: the longitude"},
		{"around the pole", []Point{{80, 0}, {80, 120}, {80, -120}}, "around a pole"},
		{"at the pole", []Point{{80, 0}, {80, 20}, {90, 10}}, "corner 3 is within a degree of a pole"},
		{"half the earth", []Point{{0, -90}, {10, 0}, {0, 90}, {-10, 0}}, "half the earth"},
	} {
		_, err := Polygon(row.corners)
		if err == nil && row.want != "" || err != nil && (row.want == "" || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%s: %v, want %q", row.name, err, row.want)
		}
	}
	for _, radius := range []float64{0, -1, 0.5, 6e6, math.NaN(), math.Inf(1)} {
		if _, err := Circle(Point{}, radius); err == nil {
			t.Errorf("a radius of %v was taken", radius)
		}
	}
	if _, err := Circle(Point{90.1, 0}, 1); err == nil {
		t.Error("a latitude of 90.1 was taken")
	}
}

func TestDeepestPlaceCanBeEntered(t *testing.T) {
	r := random(4)
	for range 200 {
		s, err := Polygon(star(r, Point{60, 25}, 0.01, 3+r.IntN(20)))
		if err != nil {
			t.Fatal(err)
		}
		deepest := 0.0
		for range 4000 {
			deepest = min(deepest, s.Distance(Point{60 + (r.Float64()*2-1)*0.01, 25 + (r.Float64()*2-1)*0.02}))
		}
		if s.deep > -deepest*1.1 { // the grid of tries is coarse
			t.Fatalf("deep is %.1f m, the deepest place lies %.1f m inside", s.deep, -deepest)
		}
	}
}

// track plays distances in metres east of the centre of a circle of 100 m, one
// a second, and gives the seconds at which the side changed.
func track(f Fence, within float64, metres ...float64) (sides []Side, at []int) {
	_, east := scales(0)
	var tr Tracker
	for i, m := range metres {
		if tr.Take(&f, Point{0, m / east}, within, int64(i)*1000+500) {
			sides, at = append(sides, tr.Now), append(at, i)
		}
	}
	return sides, at
}

func TestTracker(t *testing.T) {
	circle, err := Circle(Point{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name   string
		fence  Fence
		within float64
		metres []float64
		want   []Side
		at     []int
	}{
		{"starts outside, goes in and out", Fence{}, 0, []float64{200, 101, 99, 50, 101}, []Side{Outside, Inside, Outside}, []int{0, 2, 4}},
		{"starts inside", Fence{}, 0, []float64{50, 50}, []Side{Inside}, []int{0}},
		{"starts in between", Fence{Hysteresis: 20}, 0, []float64{110, 115, 121}, []Side{Outside}, []int{2}},
		{"noise at the border", Fence{Hysteresis: 20}, 0, []float64{99, 110, 95, 119, 99, 121, 119, 101, 99.9}, []Side{Inside, Outside, Inside}, []int{0, 5, 8}},
		{"noise as wide as the error", Fence{}, 10, []float64{89, 105, 95, 109, 111, 91, 89.9}, []Side{Inside, Outside, Inside}, []int{0, 4, 6}},
		{"an error greater than the fence", Fence{}, 500, []float64{700, 90, 49, 300}, []Side{Outside, Inside}, []int{0, 2}},
		{"dwell", Fence{Dwell: 3000}, 0, []float64{200, 50, 50, 50, 50, 200}, []Side{Outside, Inside}, []int{0, 4}},
		{"dwell, begun anew", Fence{Dwell: 3000}, 0, []float64{200, 50, 50, 200, 50, 50, 50, 50}, []Side{Outside, Inside}, []int{0, 7}},
		{"dwell, undecided meanwhile", Fence{Dwell: 3000, Hysteresis: 20}, 0, []float64{50, 130, 110, 110, 130}, []Side{Inside, Outside}, []int{0, 4}},
		{"no number", Fence{}, 0, []float64{200, math.NaN(), 200}, []Side{Outside}, []int{0}},
	} {
		row.fence.Shape = circle
		sides, at := track(row.fence, row.within, row.metres...)
		if len(sides) != len(row.want) {
			t.Errorf("%s: %v at %v, want %v at %v", row.name, sides, at, row.want, row.at)
			continue
		}
		for i := range sides {
			if sides[i] != row.want[i] || at[i] != row.at[i] {
				t.Errorf("%s: %v at %v, want %v at %v", row.name, sides, at, row.want, row.at)
				break
			}
		}
	}
}

// TestNoFlapping: whatever the noise within the hysteresis, a thing that rests at the
// border changes sides once at most after the first.
func TestNoFlapping(t *testing.T) {
	circle, err := Circle(Point{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	r := random(5)
	for range 300 {
		rest := 95 + 30*r.Float64()
		metres := make([]float64, 600)
		for i := range metres {
			metres[i] = rest + (r.Float64()*2-1)*10
		}
		if sides, _ := track(Fence{Shape: circle, Hysteresis: 20}, 0, metres...); len(sides) > 2 {
			t.Fatalf("at rest %.1f m from the centre: %v", rest, sides)
		}
	}
}

func TestAllocatesNothing(t *testing.T) {
	s, err := Polygon(star(random(6), Point{60, 25}, 0.01, 100))
	if err != nil {
		t.Fatal(err)
	}
	f, tr := Fence{Shape: s}, Tracker{}
	if n := testing.AllocsPerRun(100, func() { tr.Take(&f, Point{60.02, 25}, 3, 1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCircle(b *testing.B) {
	s, _ := Circle(Point{60, 25}, 500)
	bench(b, s)
}

func BenchmarkPolygonOf10(b *testing.B) {
	s, _ := Polygon(star(random(6), Point{60, 25}, 0.01, 10))
	bench(b, s)
}

func BenchmarkPolygonOf100(b *testing.B) {
	s, _ := Polygon(star(random(6), Point{60, 25}, 0.01, 100))
	bench(b, s)
}

func bench(b *testing.B, s Shape) {
	f, tr := Fence{Shape: s, Hysteresis: 20}, Tracker{}
	b.ReportAllocs()
	for i := range b.N {
		tr.Take(&f, Point{60.003, 25 + float64(i&1023)/51200}, 3, int64(i))
	}
}
