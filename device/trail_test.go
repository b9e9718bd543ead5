package device

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"portti/device/nmea"
)

func degrees(lat, lon float64) nmea.Position {
	return nmea.Position{Lat: nmea.Coord(math.Round(lat * 1e9)), Lon: nmea.Coord(math.Round(lon * 1e9)), Present: true}
}

// off is how far a place lies from the line of a track, in metres.
func off(track []TrackPoint, at nmea.Position) float64 {
	p := TrackPoint{Lat: int32(degrees7(at.Lat)), Lon: int32(degrees7(at.Lon))}
	var f fan
	f.stand(p, 0)
	plane := func(q TrackPoint) (x, y float64, ok bool) {
		sinLat, cosLat, sinLon, cosLon := q.angles()
		v := [3]float64{cosLat * cosLon, cosLat * sinLon, sinLat}
		up := dot(f.up, v)
		return 6_371_000 * dot(f.east, v) / up, 6_371_000 * dot(f.north, v) / up, up > 0.5
	}
	best := math.Inf(1)
	for i := range track {
		x, y, ok := plane(track[i])
		if !ok {
			continue
		}
		best = min(best, math.Hypot(x, y))
		if i == 0 || track[i].Begins {
			continue
		}
		if fx, fy, ok := plane(track[i-1]); ok {
			dx, dy := x-fx, y-fy
			part := min(max(-(fx*dx+fy*dy)/max(dx*dx+dy*dy, 1e-9), 0), 1)
			best = min(best, math.Hypot(fx+part*dx, fy+part*dy))
		}
	}
	return best
}

// TestTrailOfAThingThatStands: it leaves no track, but for where it is.
func TestTrailOfAThingThatStands(t *testing.T) {
	var l trail
	for i := range 100_000 {
		l.take(degrees(65+float64(i%2)*0.00005, 25), 0, int64(1000*i)) // 5.6 m to and fro
	}
	l.take(degrees(65.0003, 25), 20, 100_001_000) // 33 m, which the error explains
	points, _ := l.ask(maxTrack, 100_002_000)
	if len(points) != 1 || points[0].At != 0 {
		t.Fatalf("%v of a thing that has stood for more than a day", points)
	}
}

// TestTrailIsTrue: no way that a thing goes, anywhere on the earth, is told wrong by more
// than is said, nor in more points than there may be.
func TestTrailIsTrue(t *testing.T) {
	for _, c := range []struct {
		name     string
		lat, lon float64
		fixes    int
		speed    float64 // metres a fix
		turn     float64 // radians a fix
	}{
		{"a town", 65, 25, 3000, 14, 0.3},
		{"a motorway", 60, 25, 3000, 30, 0.01},
		{"the date line", -17, 179.95, 3000, 30, 0.1},
		{"the north pole", 89.99, 0, 3000, 30, 0.1},
		{"a wild day", 65, 25, 20_000, 40, 1.5},
		{"a flight", 60, -150, 5000, 250, 0.001},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			var l trail
			var way []nmea.Position
			at, to := earthAt(c.lat, c.lon), r.Float64()*6
			for i := range c.fixes {
				to += (r.Float64()*2 - 1) * c.turn
				at = at.move(to, c.speed)
				p := at.degrees()
				way = append(way, p)
				l.take(p, 0, int64(1000*i))
			}
			now := int64(1000 * c.fixes)
			for _, most := range []int{maxTrack, 500} {
				points, worst := l.ask(most, now)
				if len(points) > most || cap(l.points) != maxTrack || !points[0].Begins {
					t.Fatalf("%d points of %d", len(points), cap(l.points))
				}
				furthest := 0.0
				for i := 0; i < len(way); i += 1 + len(way)/700 {
					furthest = max(furthest, off(points, way[i]))
				}
				if t.Logf("%d fixes: %d points, %.1f m off at the most, said %.0f m", c.fixes, len(points), furthest, worst); furthest > worst {
					t.Errorf("it is %.1f m off, and said to be %.1f m off at the most", furthest, worst)
				}
				for i := range points[1:] {
					if points[i].At >= points[i+1].At {
						t.Fatalf("point %d is not older than the next", i)
					}
				}
				if end := off(points[len(points)-1:], way[len(way)-1]); end > worst {
					t.Errorf("the last point is %.0f m from where it is", end)
				}
			}
		})
	}
}

// earth is a place as a vector, for tests that go anywhere.
type earth [3]float64

func earthAt(lat, lon float64) earth {
	sinLat, cosLat := math.Sincos(lat * math.Pi / 180)
	sinLon, cosLon := math.Sincos(lon * math.Pi / 180)
	return earth{cosLat * cosLon, cosLat * sinLon, sinLat}
}

// move goes so many metres; the direction is from a fixed one, so that no place is special.
func (e earth) move(direction, metres float64) earth {
	a := earth{-e[1], e[0], 0.3} // somewhere aside
	d := dot(a, e)
	for i := range a {
		a[i] -= d * e[i]
	}
	n := math.Sqrt(dot(a, a))
	b := earth{e[1]*a[2] - e[2]*a[1], e[2]*a[0] - e[0]*a[2], e[0]*a[1] - e[1]*a[0]}
	sin, cos := math.Sincos(direction)
	angle := metres / 6_371_000
	for i := range e {
		e[i] = e[i]*math.Cos(angle) + (a[i]/n*cos+b[i]/n*sin)*math.Sin(angle)
	}
	return e
}

func (e earth) degrees() nmea.Position {
	return degrees(math.Atan2(e[2], math.Hypot(e[0], e[1]))*180/math.Pi, math.Atan2(e[1], e[0])*180/math.Pi)
}

// TestTrailThereAndBack: a road that ends, and is gone back the same way, goes to its end.
func TestTrailThereAndBack(t *testing.T) {
	var l trail
	for i := range 201 {
		l.take(degrees(65+float64(100-max(i-100, 100-i))*0.0002, 25), 0, int64(1000*i))
	}
	points, worst := l.ask(maxTrack, 201_000)
	if d := off(points, degrees(65.02, 25)); len(points) != 3 || d > worst {
		t.Errorf("the end of the road is %.0f m from %v", d, points)
	}
}

// TestTrailIsBroken where there was no fix for long and the thing went on, and not where it
// stood meanwhile.
func TestTrailIsBroken(t *testing.T) {
	var l trail
	l.take(degrees(65, 25), 0, 1000)
	l.take(degrees(65, 25), 0, 20*60_000) // it has stood
	l.take(degrees(65.01, 25), 0, 21*60_000)
	l.take(degrees(65.02, 25.01), 0, 40*60_000)
	l.take(degrees(65.03, 25.03), 0, 41*60_000)
	points, _ := l.ask(maxTrack, 42*60_000)
	got := ""
	for _, p := range points {
		got += fmt.Sprint(p.At/60, p.Begins, " ")
	}
	if want := "0 true 21 false 40 true 41 false "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestTrailForgets what is older than a day, and becomes fine again when it has room.
func TestTrailForgets(t *testing.T) {
	var l trail
	now := int64(0)
	go_ := func(fixes int) {
		for range fixes {
			now += 10_000
			i := now / 10_000
			l.take(degrees(60+float64(i%2)*0.001, 20+float64(i)*0.001), 0, now)
		}
	}
	go_(4 * 8640) // zigzag, four days
	coarse := l.worst
	points, _ := l.ask(maxTrack, now)
	if age := now/1000 - int64(points[0].At); len(points) > maxTrack || coarse <= trailFine || age < trailDay-3600 || age > trailDay+3600 {
		t.Fatalf("%d points from %d s ago, coarse by %.0f m", len(points), now/1000-int64(points[0].At), coarse)
	}
	for range 8 * 24 {
		now += 3_600_000
		i := now / 10_000
		l.take(degrees(60, 20+float64(i)*0.001), 0, now)
	}
	if _, worst := l.ask(maxTrack, now); worst != trailStep+trailFine {
		t.Errorf("after some quiet days it is still coarse by %.0f m", worst)
	}
}

// TestTrailOfNothingThatMovesSo: jumps around the earth cannot be drawn simpler.
func TestTrailOfNothingThatMovesSo(t *testing.T) {
	var l trail
	for i := range 3 * maxTrack {
		l.take(degrees(float64(i%3)*60-60, float64(i*137%360)-180), 0, int64(1000*i))
		if len(l.points) >= maxTrack {
			t.Fatalf("%d points", len(l.points))
		}
	}
	if points, _ := l.ask(500, 6_000_000); len(points) > 500 {
		t.Errorf("%d points", len(points))
	}
}

// TestTrailMemory: 32 kB for a receiver, and no allocation for a fix, whatever it does.
func TestTrailMemory(t *testing.T) {
	if size := unsafe.Sizeof(TrackPoint{}); size != 16 {
		t.Errorf("a point has %d bytes", size)
	}
	var l trail
	n := int64(0)
	l.take(degrees(60, 20), 0, 1)
	if allocated := testing.AllocsPerRun(20_000, func() {
		n++
		l.take(degrees(60+float64(n%2)*0.001, 20+float64(n)*0.0001), 0, 1000*n)
	}); allocated != 0 {
		t.Errorf("%v allocations for a fix", allocated)
	}
}

// TestTrailOfRecordings: real receivers, nearly all of them at rest, are quiet; the one that
// is carried about leaves a track.
func TestTrailOfRecordings(t *testing.T) {
	files, _ := filepath.Glob("../../shared/corpora/gpsd/*/*.log")
	if len(files) == 0 {
		t.Skip("there are no recordings here")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		g := newGPS(Config{Name: "gps"}, Env{Clock: gpsClock(false)})
		g.out = &nothing{}
		g.take(text)
		g.end()
		n, moves := len(g.loc.self.view.way(maxTrack, 1000).Points), filepath.Base(file) == "ublox-lea-4h.log"
		if t.Logf("%s: %d points", filepath.Base(file), n); n > 3 || n < 2 && moves {
			t.Errorf("%s: %d points", file, n)
		}
	}
}

func BenchmarkTrail(b *testing.B) {
	b.ReportAllocs()
	var l trail
	n := int64(0)
	for b.Loop() {
		n++
		l.take(degrees(60+float64(n%7)*0.0003, 20+float64(n)*0.0001), 0, 1000*n)
	}
}
