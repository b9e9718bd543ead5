package web

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"portti/cmd/portti/status"
)

// bufferPlot is what waited over the last day, in words and as a line. Where script runs
// it takes the line's place and draws more: see plot.js.
func (v *view) bufferPlot(h *status.History) *node {
	w, m := v.w, &h.Minutes
	text, drawing := w.PlotNone, (*node)(nil)
	if len(m.At) > 1 {
		text, drawing = v.plotText(h), v.waitingLine(h)
	}
	_, zone := h.Time.Local().Zone()
	return el("div", class("plot"),
		el("h3", w.PlotTitle),
		el("p", id("plot-text"), class("soft"), text),
		el("div", id("plot"), at("data-own", ""), at("data-zone", fmt.Sprint(zone)), at("data-label", w.PlotTitle),
			at("data-day", w.PlotDay), at("data-hour", w.PlotHour), at("data-span", w.PlotSpan), at("data-point", w.PlotPoint), at("data-minute", w.Minute), at("data-now", w.Now),
			at("data-waiting", w.WaitingN), at("data-in", w.PlotIn), at("data-out", w.PlotOut), at("data-fill", w.PlotFill), at("data-lost", w.Lost), at("data-rate", w.PerSecond),
			drawing))
}

// plotText says in words what the plot shows.
func (v *view) plotText(h *status.History) string {
	w, m := v.w, &h.Minutes
	most, lost := 0, uint64(0)
	for i := range m.At {
		if lost += m.Lost[i]; m.Waiting[i] >= m.Waiting[most] {
			most = i
		}
	}
	text := ""
	if m.Waiting[most] > 0 {
		when := time.Unix(m.At[most], 0).Local()
		text = fill(w.PlotMost, "n", number(m.Waiting[most]), "time", when.Format("15:04"))
		if !h.Clock {
			text = fill(w.PlotMostAgo, "n", number(m.Waiting[most]), "age", w.inWords(float64(h.Time.Unix()-m.At[most])))
		}
		text += " "
	}
	text += fill(w.PlotNow, "n", number(m.Waiting[len(m.At)-1]))
	if lost > 0 {
		text += " " + fill(w.PlotLost, "n", number(lost))
	}
	return text
}

// waitingLine is the day in 288 steps of five minutes, each as high as the most that
// waited in it.
func (v *view) waitingLine(h *status.History) *node {
	const steps, height = 288, 60
	var most [steps + 1]uint64
	first, highest := steps, uint64(1)
	for i, at := range h.Minutes.At {
		step := steps - int(h.Time.Unix()-at)*steps/daySpan
		if step < 0 || step > steps {
			continue
		}
		first = min(first, step)
		most[step] = max(most[step], h.Minutes.Waiting[i])
		highest = max(highest, most[step])
	}
	return el("svg", class("line"), at("viewBox", fmt.Sprintf("0 0 %d %d", steps, height)), at("preserveAspectRatio", "none"), at("role", "img"), at("aria-labelledby", "plot-text"),
		polyline(first, most[first:], highest, height))
}

// polyline draws values from x = first on, one by one; those in a row that lie on a
// straight level are left out.
func polyline(first int, values []uint64, highest uint64, height int) *node {
	level := func(i int) int {
		return height - 1 - int(float64(values[i])/float64(max(highest, 1))*float64(height-2))
	}
	var b strings.Builder
	for i := range values {
		if y := level(i); i == 0 || i == len(values)-1 || level(i-1) != y || level(i+1) != y {
			fmt.Fprintf(&b, "%d,%d ", first+i, y)
		}
	}
	return el("polyline", at("points", strings.TrimSpace(b.String())), at("vector-effect", "non-scaling-stroke"))
}

// sparks are small drawings of what each device gave over the last hour.
func (v *view) sparks(h *status.History) map[string]*node {
	all := map[string]*node{}
	for _, d := range h.Devices {
		if len(d.In) < 2 || slices.Max(d.In) == 0 {
			continue
		}
		const minutes, height = 60, 20
		least, most := slices.Min(d.In), slices.Max(d.In)
		text := fill(v.w.SparkText, "span", v.w.span(float64(len(d.In)*60)), "least", number(least), "most", number(most))
		all[d.Name] = el("svg", class("spark"), at("viewBox", "0 0 59 20"), at("preserveAspectRatio", "none"), at("role", "img"), at("aria-label", text),
			polyline(minutes-len(d.In), d.In, most, height))
	}
	return all
}
