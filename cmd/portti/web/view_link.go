package web

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"portti/cmd/portti/status"
)

const daySpan = 24 * 3600 // seconds

// plots are the drawings of the last day, made once for each history that is looked at.
// Their nodes stay the same ones, and are not sent again.
type plots struct {
	link   []*node
	buffer *node
	sparks map[string]*node // by device
}

// draw draws the last day; h = nil is none.
func (v *view) draw(h *status.History) (p plots) {
	if h == nil {
		return p
	}
	p.link = []*node{v.timeline(h), v.outages(h)}
	p.buffer = v.bufferPlot(h)
	p.sparks = v.sparks(h)
	return p
}

// shade is how a state of the link is drawn: each has a colour, a pattern and a height of
// its own, and the less the link works, the higher it stands out.
type shade struct {
	name, key   string
	top, height int
}

func (v *view) shades() []shade {
	w := v.w
	return []shade{
		{"online", w.KeyOnline, 16, 28}, {"connecting", w.KeyLinking, 10, 34}, {"waiting", w.KeyWaiting, 0, 44}, {"parked", w.KeyParked, 0, 44},
		{"rest", w.KeyRest, 36, 8}, {"stopped", w.KeyOff, 30, 14}, {"nothing", w.KeyNothing, 40, 4},
	}
}

// shadeOf is the name of the shade that a state is drawn in.
func shadeOf(l *status.LinkSpan) string {
	switch {
	case l.Planned:
		return "rest"
	case slices.Contains([]string{status.LinkOnline, status.LinkConnecting, status.LinkParked, status.LinkStopped}, l.State):
		return l.State
	}
	return status.LinkWaiting
}

// timeline is the link's last day: a rectangle for each time in one state. It is as wide as
// there is room, without that its words grow or shrink, so all places are per cent.
func (v *view) timeline(h *status.History) *node {
	now := h.Time.Unix()
	from := now - daySpan
	used := map[string]bool{}
	var bars []*node
	bar := func(s shade, a, b int64) {
		if a, b = max(a, from), min(b, now); a >= b {
			return
		}
		used[s.name] = true
		bars = append(bars, rect(s, percent(a-from), percent(b-a)))
	}
	shades := v.shades()
	begin := cmp.Or(h.Began, now)
	if len(h.Links) > 0 {
		begin = h.Links[0].From
	}
	bar(shades[len(shades)-1], from, begin)
	var online int64
	for i := range h.Links {
		l := &h.Links[i]
		name := shadeOf(l)
		if l.State == status.LinkOnline {
			online += max(0, min(l.To, now)-max(l.From, from))
		}
		bar(shades[slices.IndexFunc(shades, func(s shade) bool { return s.name == name })], l.From, l.To)
	}
	var key []*node
	for _, s := range shades {
		if used[s.name] {
			key = append(key, el("li", el("svg", class("swatch"), at("viewBox", "0 0 20 44"), at("aria-hidden", "true"), rect(s, "0", "100%")), s.key))
		}
	}
	text := fill(v.w.DaySummary, "online", v.w.span(float64(online)), "outages", v.timesDown(h))
	return el("div", class("day"),
		el("h3", v.w.DayTitle),
		el("svg", id("timeline"), at("role", "img"), at("aria-label", text), at("data-from", fmt.Sprint(from)), at("data-to", fmt.Sprint(now)),
			patterns(), el("g", bars), el("g", class("axis"), v.axis(h.Time, h.Clock)), el("g", id("chosen"), at("data-own", ""))),
		el("ul", class("key"), at("aria-hidden", "true"), key))
}

// timesDown says how often the link was down; what was planned does not count.
func (v *view) timesDown(h *status.History) string {
	n := 0
	for i := range h.Outages {
		if o := &h.Outages[i]; !o.Planned && inDay(o) {
			n++
		}
	}
	switch n {
	case 0:
		return v.w.DayNoOutage
	case 1:
		return v.w.DayOneOutage
	}
	return fill(v.w.DayOutages, "n", fmt.Sprint(n))
}

// inDay says whether any of it was in the last 24 hours.
func inDay(o *status.Outage) bool { return o.Ended == nil || o.EndedS < daySpan }

// percent is a length of time as a part of the day.
func percent(s int64) string {
	return strconv.FormatFloat(100*float64(s)/daySpan, 'f', 2, 64) + "%"
}

func rect(s shade, x, width string) *node {
	fill := "url(#p-" + s.name + ")"
	return el("rect", class("t-"+s.name), at("x", x), at("y", fmt.Sprint(s.top)), at("width", width), at("height", fmt.Sprint(s.height)), at("fill", fill))
}

// patterns are what the states are filled with, as the style sheet colours it.
func patterns() *node {
	pattern := func(name, size, d string) *node {
		return el("pattern", id("p-"+name), class("t-"+name), at("width", size), at("height", size), at("patternUnits", "userSpaceOnUse"),
			el("rect", class("ground"), at("width", size), at("height", size)), el("path", at("d", d)))
	}
	return el("defs",
		pattern("online", "8", "M0 0"),
		pattern("connecting", "6", "M1 3h2M4 0h2"),
		pattern("waiting", "8", "M-2 2l4-4M0 8l8-8M6 10l4-4"),
		pattern("parked", "8", "M0 0l8 8M0 8l8-8"),
		pattern("rest", "8", "M0 5h5"),
		pattern("stopped", "6", "M3 0v6"),
		pattern("nothing", "8", "M0 2h2"))
}

// axis has the hours of the day, or how long ago it was while nobody knows them.
func (v *view) axis(now time.Time, trusted bool) []*node {
	var all []*node
	tick := func(ago int64, label string) {
		x := percent(daySpan - ago)
		all = append(all, el("line", at("x1", x), at("x2", x), at("y1", "46"), at("y2", "51")))
		if ago > 3000 && ago < daySpan-3000 { // else it would be cut at the edge
			all = append(all, el("text", at("x", x), at("y", "64"), label))
		}
	}
	if !trusted {
		for hours := int64(20); hours > 0; hours -= 4 {
			tick(hours*3600, fill(v.w.DayAgo, "n", fmt.Sprint(hours)))
		}
		return all
	}
	for t := now.Add(-daySpan * time.Second).Truncate(15 * time.Minute); !t.After(now); t = t.Add(15 * time.Minute) {
		if here := t.Local(); here.Minute() == 0 && here.Hour()%4 == 0 {
			if ago := now.Unix() - t.Unix(); ago <= daySpan {
				tick(ago, here.Format("15:04"))
			}
		}
	}
	return all
}

// outagesShown are told at once, and the ones before when they are asked for.
const outagesShown = 3

// outages are the times without a connection as whole sentences, the latest first. The
// script finds in it what to say of a place in the timeline.
func (v *view) outages(h *status.History) *node {
	var lines []*node
	short := 0
	for i := len(h.Outages) - 1; i >= 0; i-- {
		o := &h.Outages[i]
		switch {
		case o.Planned || !inDay(o):
			continue
		case o.Short():
			short++
			continue
		}
		end := h.Time
		if o.Ended != nil {
			end = *o.Ended
		}
		lines = append(lines, el("li", at("data-from", fmt.Sprint(o.Began.Unix())), at("data-to", fmt.Sprint(end.Unix())), v.w.outage(o)))
	}
	var more, brief *node
	if len(lines) > outagesShown {
		more = el("details", el("summary", fill(v.w.OutagesEarlier, "n", fmt.Sprint(len(lines)-outagesShown))), el("ol", lines[outagesShown:]))
		lines = lines[:outagesShown]
	}
	switch {
	case short == 1:
		brief = el("p", class("soft"), v.w.OutagesOneShort)
	case short > 1:
		brief = el("p", class("soft"), fill(v.w.OutagesShort, "n", fmt.Sprint(short)))
	}
	if len(lines) == 0 {
		return el("div", class("outages"), brief)
	}
	return el("div", class("outages"),
		el("div", id("pick"), at("data-own", ""), at("data-earlier", v.w.OutagePrevious), at("data-later", v.w.OutageNext), at("data-choose", v.w.Choose)),
		el("h3", v.w.OutagesTitle), el("ol", lines), more, brief)
}
