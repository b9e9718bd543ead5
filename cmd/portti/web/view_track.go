package web

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"portti/cmd/portti/status"
)

// The drawing of a track, in units of it.
const (
	trackWide, trackHigh = 600, 400
	trackMargin          = 36
	trackLeast           = 60.0 // metres across at least: a thing at rest is no scribble
	trackFar             = 9999 // no line is drawn further out
)

func (v *view) track(t *status.Track) *node {
	w := v.w
	var parts []any
	for i := range t.Devices {
		d := &t.Devices[i]
		if len(t.Devices) > 1 {
			parts = append(parts, el("h3", clean(d.Name)))
		}
		if len(d.Points) == 0 {
			parts = append(parts, el("p", class("none"), w.NoTrack))
			continue
		}
		drawn, fenced := v.drawTrack(d)
		about := fill(w.TrackAbout, "error", fill(w.Metre, "n", w.decimal(d.ErrorM))) + " " + w.TrackFades
		if fenced {
			about += " " + w.TrackFences
		}
		parts = append(parts, drawn, el("p", class("legend"), about))
	}
	parts = append(parts, el("p", el("a", at("href", "/api/v1/track.gpx"), at("download", "track.gpx"), w.ExportGPX)))
	return v.hidden(section("track", w.Track, parts...), len(t.Devices) == 0)
}

// globe is a place on a ball of radius 1, so that neither the poles nor the date line are
// special.
type globe [3]float64

func onGlobe(lat, lon float64) globe {
	sinLat, cosLat := math.Sincos(lat * math.Pi / 180)
	sinLon, cosLon := math.Sincos(lon * math.Pi / 180)
	return globe{cosLat * cosLon, cosLat * sinLon, sinLat}
}

func (g globe) dot(o globe) float64 { return g[0]*o[0] + g[1]*o[1] + g[2]*o[2] }

// plane is the earth around a place in metres east and north, true to distance and
// direction from there.
type plane struct{ up, east, north globe }

// planeOf is the one around the middle of places; of none that have one, around the last.
func planeOf(all []globe) plane {
	var m globe
	for _, g := range all {
		for i := range m {
			m[i] += g[i]
		}
	}
	if n := math.Sqrt(m.dot(m)); n > 1e-6*float64(len(all)) {
		for i := range m {
			m[i] /= n
		}
	} else {
		m = all[len(all)-1]
	}
	flat := math.Hypot(m[0], m[1])
	sin, cos := 0.0, 1.0 // of the longitude, which a pole lacks
	if flat > 1e-12 {
		sin, cos = m[1]/flat, m[0]/flat
	}
	return plane{m, globe{-sin, cos, 0}, globe{-m[2] * cos, -m[2] * sin, flat}}
}

func (p *plane) at(g globe) (x, y float64) {
	const radius = 6_371_000
	x, y = g.dot(p.east), g.dot(p.north)
	sin, cos := math.Hypot(x, y), g.dot(p.up)
	if sin < 1e-12 && cos > 0 {
		return radius * x, radius * y
	}
	stretch := radius * math.Atan2(sin, cos) / max(sin, 1e-12)
	return x * stretch, y * stretch
}

// chart is where on a drawing places lie.
type chart struct {
	plane
	west, north float64 // metres, of the drawing's corner
	scale       float64 // units a metre
}

func (c *chart) place(g globe) (x, y float64) {
	x, y = c.at(g)
	return (x - c.west) * c.scale, (c.north - y) * c.scale
}

// chartOf makes one on which all places lie, and what is so near to the last.
func chartOf(all []globe, near float64) (c chart, wide, high float64) {
	c.plane = planeOf(all)
	west, south, east, north := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, g := range all {
		x, y := c.at(g)
		west, east, south, north = min(west, x), max(east, x), min(south, y), max(north, y)
	}
	wide, high = east-west, north-south
	x, y := c.at(all[len(all)-1])
	west, east, south, north = min(west, x-near), max(east, x+near), min(south, y-near), max(north, y+near)
	c.scale = min((trackWide-2*trackMargin)/max(east-west, trackLeast), (trackHigh-2*trackMargin)/max(north-south, trackLeast))
	c.west = (west+east)/2 - trackWide/2/c.scale
	c.north = (south+north)/2 + trackHigh/2/c.scale
	return c, wide, high
}

// drawTrack draws where a receiver was, and beneath it the fences that lie there, if any.
func (v *view) drawTrack(d *status.DeviceTrack) (drawn *node, fenced bool) {
	all := make([]globe, 0, len(d.Points)+1)
	for _, p := range d.Points {
		all = append(all, onGlobe(p.Latitude, p.Longitude))
	}
	near := 0.0
	if last := v.lastOf(d.Name); last != nil {
		all = append(all, onGlobe(last.Latitude, last.Longitude))
		if last.Accuracy != nil {
			near = *last.Accuracy
		}
	}
	c, wide, high := chartOf(all, near)
	oldest := v.w.span(float64(d.Points[0].AgeS))
	about := fill(v.w.TrackDrawn, "name", clean(d.Name), "age", oldest, "wide", v.w.length(wide), "high", v.w.length(high))
	fences := c.fences(d.Fences)
	parts := []any{class("chart track"), at("viewBox", fmt.Sprintf("0 0 %d %d", trackWide, trackHigh)), at("role", "img"), at("aria-label", about), fences, c.line(d, all)}
	x, y := c.place(all[len(all)-1])
	if r := near * c.scale; r >= 4 {
		parts = append(parts, el("circle", class("error"), at("cx", coordinate(x)), at("cy", coordinate(y)), at("r", coordinate(r))))
	}
	parts = append(parts, el("circle", class("here"), at("cx", coordinate(x)), at("cy", coordinate(y)), at("r", "6")))
	return el("svg", append(parts, v.scaleBar(&c), northArrow(v.w.North))...), len(fences) > 0
}

// lastOf is the last position of a receiver; nil = none is known.
func (v *view) lastOf(name string) *status.GPSPosition {
	if v.where.gps == nil {
		return nil
	}
	for i := range v.where.gps.Devices {
		if d := &v.where.gps.Devices[i]; d.Name == name {
			return d.Position
		}
	}
	return nil
}

func coordinate(n float64) string { return strconv.Itoa(unit(n)) }

// line is the track in paths of one age each: what is older is fainter.
func (c *chart) line(d *status.DeviceTrack, all []globe) (paths []*node) {
	limits := []int{15 * 60, 3600, 3 * 3600, 8 * 3600, 16 * 3600, math.MaxInt}
	ages := make([]trace, len(limits))
	age := func(s int) (i int) {
		for s > limits[i] {
			i++
		}
		return i
	}
	for i, g := range all {
		p := &d.Points[min(i, len(d.Points)-1)] // the position itself is no point of the track, and belongs to the last of it
		at, begins := age(p.AgeS), p.Begins && i < len(d.Points)
		x, y := c.place(g)
		if i > 0 && !begins {
			fx, fy := c.place(all[i-1])
			ages[at].from(fx, fy)
			ages[at].to(x, y)
		}
	}
	for i := len(ages) - 1; i >= 0; i-- {
		if ages[i].b.Len() > 0 {
			paths = append(paths, el("path", class(fmt.Sprintf("age%d", i)), at("d", ages[i].b.String())))
		}
	}
	return paths
}

// trace writes a path in whole units, leaving out steps that nobody sees.
type trace struct {
	b     strings.Builder
	x, y  int
	draws bool // the path is at x, y
}

func unit(n float64) int { return int(math.Round(min(max(n, -trackFar), trackFar))) }

func (t *trace) from(x, y float64) {
	if unit(x) != t.x || unit(y) != t.y {
		t.x, t.y, t.draws = unit(x), unit(y), false
	}
}

func (t *trace) to(x, y float64) {
	dx, dy := unit(x)-t.x, unit(y)-t.y
	if dx == 0 && dy == 0 {
		return
	}
	between := func(n int) {
		if n >= 0 {
			t.b.WriteByte(' ')
		}
		t.b.WriteString(strconv.Itoa(n))
	}
	if !t.draws {
		fmt.Fprintf(&t.b, "M%d %dl%d", t.x, t.y, dx)
		t.draws = true
	} else {
		between(dx)
	}
	between(dy)
	t.x, t.y = t.x+dx, t.y+dy
}

// fences are those that can be seen on the chart.
func (c *chart) fences(all []status.Fence) (list []*node) {
	for i := range all {
		f := &all[i]
		var corners []globe
		if f.Latitude != nil && f.Longitude != nil {
			corners = circle(onGlobe(*f.Latitude, *f.Longitude), f.Radius)
		}
		for _, p := range f.Polygon {
			if len(p) == 2 {
				corners = append(corners, onGlobe(p[0], p[1]))
			}
		}
		if len(corners) == 0 {
			continue
		}
		var t trace
		west, east, top, bottom := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
		for i, g := range corners {
			x, y := c.place(g)
			west, east, top, bottom = min(west, x), max(east, x), min(top, y), max(bottom, y)
			if i == 0 {
				t.from(x, y)
			}
			t.to(x, y)
		}
		if east < 0 || west > trackWide || bottom < 0 || top > trackHigh || t.b.Len() == 0 {
			continue
		}
		x, y := min(max((west+east)/2, 60), trackWide-60), min(max(top-6, 24), trackHigh-8)
		list = append(list, el("path", class("fence"), at("d", t.b.String()+"z")), el("text", at("x", coordinate(x)), at("y", coordinate(y)), clean(f.Name)))
	}
	return list
}

// circle is one on the globe in 48 corners.
func circle(middle globe, radius float64) (corners []globe) {
	p := planeOf([]globe{middle})
	sin, cos := math.Sincos(min(radius/6_371_000, 3))
	for i := range 48 {
		s, c := math.Sincos(float64(i) * 2 * math.Pi / 48)
		var g globe
		for k := range g {
			g[k] = cos*middle[k] + sin*(c*p.north[k]+s*p.east[k])
		}
		corners = append(corners, g)
	}
	return corners
}

// scaleBar is of a round length, a quarter of the drawing at the most.
func (v *view) scaleBar(c *chart) []*node {
	longest := trackWide / 4 / c.scale
	long := math.Pow(10, math.Floor(math.Log10(longest)))
	for _, n := range []float64{5, 2} {
		if n*long <= longest {
			long *= n
			break
		}
	}
	right := unit(16 + long*c.scale)
	return []*node{
		el("path", class("scale"), at("d", fmt.Sprintf("M16 378v8H%dv-8", right))),
		el("text", class("from"), at("x", "16"), at("y", "370"), v.w.length(long)),
	}
}

func northArrow(name string) []*node {
	return []*node{el("path", class("north"), at("d", "M574 34l9 28-9-7-9 7z")), el("text", at("x", "574"), at("y", "27"), name)}
}

// length is a distance as one says it.
func (w *words) length(metres float64) string {
	if metres >= 1000 {
		return w.decimal(metres/1000) + "\u00a0km"
	}
	return w.decimal(math.Round(metres)) + "\u00a0m"
}
