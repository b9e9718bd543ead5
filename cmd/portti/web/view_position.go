package web

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"portti/cmd/portti/status"
)

// whereabouts is what receivers of positions see, and where they were; nil = not looked.
type whereabouts struct {
	gps   *status.GPSDocument
	track *status.Track
}

// positions are the sections of what changed since it was drawn last. They are there while
// nothing sends positions too, hidden, so that the script finds them once something does.
func (v *view) positions() (list []*node) {
	if g := v.where.gps; g != nil && g != v.seen.gps {
		list = append(list, v.receivers("position", v.w.Position, v.position), v.receivers("sky", v.w.Sky, v.sky))
	}
	if t := v.where.track; t != nil && t != v.seen.track {
		list = append(list, v.track(t))
	}
	return list
}

// receivers is a section with a part for each receiver, under its name where there are more.
func (v *view) receivers(name, title string, part func(*status.GPS) []*node) *node {
	all := v.where.gps.Devices
	var parts []any
	for i := range all {
		if len(all) > 1 {
			parts = append(parts, el("h3", clean(all[i].Name)))
		}
		parts = append(parts, part(&all[i]))
	}
	return v.hidden(section(name, title, parts...), len(all) == 0)
}

func (v *view) hidden(n *node, yes bool) *node {
	if yes {
		n.attrs = append(n.attrs, at("hidden", ""))
	}
	return n
}

func (v *view) position(g *status.GPS) []*node {
	w := v.w
	word, kind := w.NoFix, "bad"
	switch {
	case !g.HasFix():
	case g.Fix == status.Fix2D:
		word, kind = w.Fix2D, "warn"
	default:
		word, kind = w.Fix3D, "good"
	}
	used, heard := g.Count()
	list := []*node{el("p", class("state "+kind), mark(kind), " ", el("strong", word), " · "+fill(w.UsedOf, "used", fmt.Sprint(used), "heard", fmt.Sprint(max(heard, used))))}
	if why := v.whyNoFix(g); why != "" {
		list = append(list, el("p", why))
	}
	p := g.Position
	if p == nil {
		return list
	}
	optional := func(pattern string, n *float64) string {
		if n == nil {
			return ""
		}
		return fill(pattern, "n", w.signed(*n))
	}
	name, age, hdop, speed := w.Coordinates, w.JustNow, p.HDOP, ""
	if !g.HasFix() {
		name, hdop = w.LastCoordinates, nil
	} else if p.Speed != nil {
		speed = w.decimal(math.Round(*p.Speed*3.6)) + " km/h"
	}
	if p.AgeS >= status.FixOld {
		age = fill(w.Ago, "age", w.span(p.AgeS))
	}
	return append(list, facts(name, fmt.Sprintf("%.5f, %.5f", p.Latitude, p.Longitude), w.PositionAge, age, w.Accuracy, optional(w.Metre, p.Accuracy),
		w.HDOP, optional("{n}", hdop), w.Altitude, optional(w.Metre, p.Altitude), w.Speed, speed))
}

// signed is a number that may be below zero.
func (w *words) signed(n float64) string {
	if n < 0 {
		return "−" + w.decimal(-n)
	}
	return w.decimal(n)
}

// whyNoFix is what a receiver without a fix lacks; "" = it has one.
func (v *view) whyNoFix(g *status.GPS) string {
	switch {
	case g.HasFix():
		return ""
	case g.AgeS < 0 && len(g.Satellites) == 0:
		return v.w.NoFixYet
	case g.AgeS >= status.FixOld:
		return fill(v.w.FixQuiet, "age", v.w.span(g.AgeS))
	case g.Strongest() == 0:
		return v.w.FixDeaf
	}
	return fill(v.w.FixSearching, "n", fmt.Sprint(g.Strongest()))
}

// The sky plot, in units of its drawing.
const (
	skyMiddle = 150
	skyRadius = 124
)

// sky draws what stands over a receiver, north up, as on a map.
func (v *view) sky(g *status.GPS) []*node {
	w := v.w
	if len(g.Satellites) == 0 {
		return []*node{el("p", class("none"), w.NoSky)}
	}
	used, heard := g.Count()
	about := fill(w.SkyDrawn, "name", clean(g.Name), "used", fmt.Sprint(used), "heard", fmt.Sprint(max(heard, used)))
	parts := []any{at("viewBox", "0 0 300 300"), at("role", "img"), at("aria-label", about)}
	for _, up := range []int{0, 30, 60} {
		parts = append(parts, el("circle", class("ring"), at("cx", "150"), at("cy", "150"), at("r", fmt.Sprint(skyRadius*(90-up)/90))))
	}
	parts = append(parts, el("path", class("ring"), at("d", "M150 26V274M26 150H274")))
	for i, name := range []string{w.North, w.East, w.South, w.West} {
		x, y := skyPlace(-9, 90*i)
		parts = append(parts, el("text", at("x", fmt.Sprint(x)), at("y", fmt.Sprint(y+5)), name))
	}
	for _, over := range []bool{false, true} { // those used lie on top
		for i := range g.Satellites {
			if s := &g.Satellites[i]; s.Used == over && s.Elevation != nil && s.Azimuth != nil {
				x, y := skyPlace(*s.Elevation, *s.Azimuth)
				parts = append(parts, satellite(s.Letter(), s.Used, x, y, skySize(s.SNR), el("title", clean(s.Label()))))
			}
		}
	}
	return []*node{el("svg", append(parts, class("chart sky"))...), v.skyKey(g), v.skyTable(g)}
}

// skyPlace is where a direction is drawn. Whole units are as fine as a screen shows.
func skyPlace(elevation, azimuth int) (x, y int) {
	away := float64(90-min(elevation, 90)) / 90 * skyRadius
	sin, cos := math.Sincos(float64(azimuth) * math.Pi / 180)
	return skyMiddle + int(math.Round(away*sin)), skyMiddle - int(math.Round(away*cos))
}

// skySize is half the size of a satellite with that signal.
func skySize(snr int) float64 {
	switch {
	case snr >= 40:
		return 8
	case snr >= 30:
		return 6.5
	case snr >= 20:
		return 5
	}
	return 3.5
}

// satellite draws one in the shape and colour of its system: a letter of RINEX.
func satellite(letter string, used bool, x, y int, size float64, more ...any) *node {
	corners := map[string]string{ // clockwise from the first, in tenths of its size
		"R": "-9-9 9-9 9 9-9 9", "E": "0-12 11 8-11 8", "C": "0-12 12 0 0 12-12 0", "J": "-11-8 11-8 0 12", "I": "0-11 11-3 7 9-7 9-11-3",
		"S": "-4-11 4-11 4-4 11-4 11 4 4 4 4 11-4 11-4 4-11 4-11-4-4-4", "?": "-6-10 6-10 12 0 6 10-6 10-12 0",
	}[letter]
	kind := "sat-" + letter
	if letter == "?" {
		kind = "sat-X"
	}
	if used {
		kind += " used"
	}
	var b strings.Builder
	tenth := func(n float64) string { return strconv.FormatFloat(math.Round(n*10)/10, 'f', -1, 64) }
	if corners == "" {
		r := tenth(size)
		b.WriteString("M" + tenth(float64(x)-size) + " " + strconv.Itoa(y) + "a" + r + " " + r + " 0 1 0 " + tenth(2*size) + " 0a" + r + " " + r + " 0 1 0-" + tenth(2*size) + " 0z")
	}
	for i, n := range numbers(corners) {
		switch {
		case i == 0:
			b.WriteByte('M')
		case i == 2:
			b.WriteByte('L')
		default:
			b.WriteByte(' ')
		}
		b.WriteString(tenth(float64([]int{x, y}[i%2]) + n*size/10))
	}
	if corners != "" {
		b.WriteByte('z')
	}
	return el("path", append([]any{class(kind), at("d", b.String())}, more...)...)
}

// numbers reads numbers as a path has them, where a minus separates too.
func numbers(text string) (all []float64) {
	for _, field := range strings.Fields(strings.ReplaceAll(text, "-", " -")) {
		n, _ := strconv.ParseFloat(field, 64) // constants of this file
		all = append(all, n)
	}
	return all
}

// skyKey tells which shape is which, of those that are drawn.
func (v *view) skyKey(g *status.GPS) *node {
	entry := func(letter string, used bool, text string) *node {
		return el("li", el("svg", at("viewBox", "0 0 20 20"), at("aria-hidden", "true"), satellite(letter, used, 10, 10, 7)), " "+text)
	}
	var list []*node
	var known []string
	for i := range g.Satellites {
		if s := &g.Satellites[i]; !slices.Contains(known, s.System) {
			known = append(known, s.System)
			list = append(list, entry(s.Letter(), true, clean(s.System)))
		}
	}
	return el("div", class("legend"), el("ul", list), el("p", strings.Join([]string{v.w.FilledIsUsed, v.w.SizeIsSignal}, "; ")+". "+v.w.RingsAre))
}

// skyTable says the same in words, folded away.
func (v *view) skyTable(g *status.GPS) *node {
	w := v.w
	var heads, rows []*node
	for _, name := range []string{w.Constellation, w.SatNumber, w.Elevation, w.Azimuth, w.Signal, w.InFix} {
		heads = append(heads, el("th", at("scope", "col"), name))
	}
	angle := func(n *int) string {
		if n == nil {
			return "–"
		}
		return fmt.Sprintf("%d°", *n)
	}
	for i := range g.Satellites {
		s := &g.Satellites[i]
		snr, used := "–", w.No
		if s.SNR > 0 {
			snr = fmt.Sprint(s.SNR)
		}
		if s.Used {
			used = w.Yes
		}
		rows = append(rows, el("tr", el("td", clean(s.System)), el("td", fmt.Sprint(s.ID)), el("td", angle(s.Elevation)), el("td", angle(s.Azimuth)), el("td", snr), el("td", used)))
	}
	return el("details", el("summary", w.SkyTable), el("table", el("caption", fill(w.SkyCaption, "name", clean(g.Name))),
		el("thead", el("tr", heads)), el("tbody", rows)))
}
