package console

import (
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"portti/cmd/portti/status"
)

// NoReceiver says that nothing sends positions, and what to do.
const NoReceiver = "no device of the running gateway sends positions. Type `portti discover` to find a receiver, or `portti config create --device gps` for what to write into the configuration"

// GPS draws what a receiver sees. doc tells what is wrong with it.
func GPS(w io.Writer, g *status.GPS, doc *status.Document, o Options) error {
	d := drawing{s: doc, o: o}
	if o.Plain {
		d.o.ASCII, d.o.Colour = true, false
		d.plainGPS(g)
	} else {
		d.gps(g)
	}
	_, err := io.WriteString(w, d.b.String())
	return err
}

// gpsIndent is where the values begin.
const gpsIndent = 10

func (d *drawing) gps(g *status.GPS) {
	d.fix(g)
	if g.Position != nil {
		d.position(g)
	}
	d.whyNoFix(g)
	if len(g.Satellites) > 0 {
		if g.HasFix() {
			d.b.WriteByte('\n')
		}
		d.sky(g.Satellites)
	}
}

func (d *drawing) fix(g *status.GPS) {
	sign, word := bad, "no fix"
	if g.HasFix() {
		sign, word = good, status.Clean(g.Fix, 4)+" fix"
	}
	used, heard := g.Count()
	parts := []string{word, fmt.Sprintf("%d used, %d heard", used, heard)}
	if p := g.Position; p != nil && p.HDOP != nil && g.HasFix() {
		parts = append(parts, "HDOP "+number(*p.HDOP))
	}
	if g.PDOP != nil {
		parts = append(parts, "PDOP "+number(*g.PDOP))
	}
	d.line(pad(d.cut(status.Clean(g.Name, 64), 20), gpsIndent-1)+" ", d.mark(sign), " ", strings.Join(parts, "   "))
}

func (d *drawing) position(g *status.GPS) {
	p := g.Position
	degree := "°"
	if d.o.ASCII {
		degree = " "
	}
	// What is copied goes into a map as it is: a pair with its signs.
	title := "POSITION"
	if !g.HasFix() {
		title = "LAST FIX"
	}
	d.line(pad(title, gpsIndent), fmt.Sprintf("%.6f, %.6f", p.Latitude, p.Longitude))
	parts := []string{hemisphere(p.Latitude, degree, "N", "S") + "  " + hemisphere(p.Longitude, degree, "E", "W")}
	if p.Altitude != nil {
		parts = append(parts, number(*p.Altitude)+" m above the sea")
	}
	d.line(pad("", gpsIndent), strings.Join(parts, "   "))
	var how []string
	if p.Accuracy != nil {
		how = append(how, "good to "+number(*p.Accuracy)+" m")
	}
	if p.Speed != nil && g.HasFix() {
		how = append(how, number(*p.Speed)+" m/s ("+number(*p.Speed*3.6)+" km/h)")
		if p.Course != nil && *p.Speed >= 0.5 {
			how = append(how, fmt.Sprintf("course %.0f%s", *p.Course, degree))
		}
	}
	if len(how) > 0 {
		d.line(pad("", gpsIndent), strings.Join(how, "   "))
	}
	when := span(p.AgeS) + " ago"
	if p.Time != nil {
		when = p.Time.UTC().Format("2006-01-02 15:04:05") + " UTC, " + when
	}
	d.line(pad("TIME", gpsIndent), when)
}

func hemisphere(v float64, degree, plus, minus string) string {
	if v < 0 {
		return fmt.Sprintf("%.5f%s%s", -v, degree, minus)
	}
	return fmt.Sprintf("%.5f%s%s", v, degree, plus)
}

// whyNoFix says what the status document says of this receiver, and while it has no fix
// what it sees.
func (d *drawing) whyNoFix(g *status.GPS) {
	told := false
	for _, p := range d.s.Problems {
		if p.Subject != g.Name {
			continue
		}
		told = true
		sign := warn
		if p.Severity == status.Error {
			sign = bad
		}
		d.b.WriteByte('\n')
		d.line(d.mark(sign), " ", status.Clean(p.Code, 20))
		d.wrap("  ", status.Clean(p.Sentence, 400))
		for _, action := range actions(p) {
			d.wrap("  ", d.arrow()+" "+status.Clean(action, 400))
		}
	}
	if told || g.HasFix() {
		return
	}
	strongest := g.Strongest()
	d.b.WriteByte('\n')
	switch {
	case g.AgeS < 0 && len(g.Satellites) == 0:
		d.wrap("", "Nothing that tells of a position has come from the receiver yet.")
		d.wrap("", d.arrow()+" See what it sends: portti tail "+status.Clean(g.Name, 64)+" --raw")
	case g.AgeS >= status.FixOld:
		d.wrap("", "The receiver has told nothing for "+span(g.AgeS)+".")
		d.wrap("", d.arrow()+" See how its port is: portti status")
	case strongest == 0:
		d.wrap("", "The receiver hears no satellite.")
		d.wrap("", d.arrow()+" Give the antenna a free view of the sky, and check its plug.")
	default:
		d.wrap("", fmt.Sprintf("It is searching. The strongest satellite has %d dB-Hz; four above about 30 are needed.", strongest))
		d.wrap("", d.arrow()+" Wait some minutes; if nothing changes give the antenna more sky.")
	}
}

// The sky plot: half its height in rows, and in columns, which are half as wide as high.
const (
	skyRows    = 8
	skyColumns = 2 * skyRows
	skyWidth   = 2*skyColumns + 1
)

// sky draws the plot with the table of satellites beside it.
func (d *drawing) sky(all []status.Satellite) {
	all = slices.Clone(all)
	sort.SliceStable(all, func(i, j int) bool {
		a, b := &all[i], &all[j]
		return a.Used && !b.Used || a.Used == b.Used && a.SNR > b.SNR
	})
	plot := d.plot(all)
	bar := min(d.width()-skyWidth-23, 24)
	rows := []string{pad("SAT", 7) + "ELEV AZIM SNR"}
	for i, s := range all {
		if !d.o.Verbose && len(rows) == len(plot)-1 && i < len(all)-1 { // so that 24 lines are enough
			rows = append(rows, fmt.Sprintf("%d more: portti gps -v", len(all)-i))
			break
		}
		rows = append(rows, d.skyRow(s, bar))
	}
	for i := range max(len(plot), len(rows)) {
		left, right := strings.Repeat(" ", skyWidth), ""
		if i < len(plot) {
			left = plot[i]
		}
		if i < len(rows) {
			right = "  " + rows[i]
		}
		d.line(left, right)
	}
	used, other := d.dot(true), d.dot(false)
	d.line(used, " used  ", other, " not used   rings: 0, 30 and 60 degrees up")
}

func (d *drawing) skyRow(s status.Satellite, bar int) string {
	where := func(n *int) string {
		if n == nil {
			return "-"
		}
		return fmt.Sprint(*n)
	}
	snr, length := "-", 0
	if s.SNR > 0 {
		snr, length = fmt.Sprint(s.SNR), min((s.SNR*bar+25)/50, bar)
	}
	block := "█"
	if d.o.ASCII {
		block = "="
	}
	return d.dot(s.Used) + " " + pad(s.Label(), 5) + padLeft(where(s.Elevation), 4) + padLeft(where(s.Azimuth), 5) + padLeft(snr, 4) + " " + strings.Repeat(block, length)
}

// dot is the mark of a satellite: filled where it is used.
func (d *drawing) dot(used bool) string {
	switch {
	case d.o.ASCII && used:
		return "#"
	case d.o.ASCII:
		return "o"
	case used && d.o.Colour:
		return "\x1b[32m●\x1b[0m"
	case used:
		return "●"
	}
	return "○"
}

// plot draws the sky seen from below, north up and east to the right as on a map.
func (d *drawing) plot(all []status.Satellite) []string {
	p := newSkyPlot()
	for _, s := range all { // those used, and the strongest, come first
		if s.Elevation != nil && s.Azimuth != nil {
			p.put(*s.Elevation, *s.Azimuth, s.Used, s.Label())
		}
	}
	lines := make([]string, len(p))
	for y := range p {
		var b strings.Builder
		for _, c := range p[y] {
			switch {
			case c == skyUsed || c == skyOther:
				b.WriteString(d.dot(c == skyUsed))
			case c == skyRing && d.o.ASCII:
				b.WriteByte('.')
			default:
				b.WriteRune(c)
			}
		}
		lines[y] = b.String()
	}
	return lines
}

func (d *drawing) plainGPS(g *status.GPS) {
	row := func(fields ...any) {
		for i, f := range fields {
			if i > 0 {
				d.b.WriteByte('\t')
			}
			d.b.WriteString(status.Clean(fmt.Sprint(f), 300))
		}
		d.b.WriteByte('\n')
	}
	row("receiver", g.Name, g.Type, "fix", g.Fix, "age_s", number(g.AgeS))
	if p := g.Position; p != nil {
		fields := []any{"position", fmt.Sprintf("%.7f", p.Latitude), fmt.Sprintf("%.7f", p.Longitude), "age_s", number(p.AgeS)}
		for _, v := range []struct {
			name  string
			value *float64
		}{{"altitude", p.Altitude}, {"accuracy", p.Accuracy}, {"hdop", p.HDOP}, {"pdop", g.PDOP}, {"speed", p.Speed}, {"course", p.Course}} {
			if v.value != nil {
				fields = append(fields, v.name, number(*v.value))
			}
		}
		row(fields...)
	}
	for _, s := range g.Satellites {
		fields := []any{"satellite", s.System, s.ID, "used", s.Used, "snr", s.SNR}
		if s.Elevation != nil && s.Azimuth != nil {
			fields = append(fields, "elevation", *s.Elevation, "azimuth", *s.Azimuth)
		}
		row(fields...)
	}
	for _, p := range d.s.Problems {
		if p.Subject == g.Name {
			row("problem", p.Code, p.Severity, p.Sentence, p.Action)
		}
	}
}
