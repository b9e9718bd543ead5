package console

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"portti/cmd/portti/status"
)

// sign is how a thing is doing, as a mark.
type sign int

const (
	good sign = iota
	unsure
	warn
	bad
)

// mark draws a sign. The shapes differ, so that colour only repeats them.
func (d *drawing) mark(s sign) string {
	shape, colour := "●", "32"
	switch s {
	case unsure:
		shape, colour = "○", "36"
	case warn:
		shape, colour = "▲", "33"
	case bad:
		shape, colour = "✗", "31"
	}
	if d.o.ASCII {
		shape = [...]string{"*", "o", "!", "X"}[s]
	}
	if d.o.Colour {
		return "\x1b[" + colour + "m" + shape + "\x1b[0m"
	}
	return shape
}

func (d *drawing) arrow() string {
	if d.o.ASCII {
		return "->"
	}
	return "→"
}

// glue is a blank at which no line is broken, until it is written.
const glue = "\x01"

// written is everything that was drawn.
func (d *drawing) written() string { return strings.ReplaceAll(d.b.String(), glue, " ") }

// space separates thousands where a person reads them.
func (d *drawing) space() string {
	switch {
	case !d.o.Terminal, d.o.Plain:
		return ""
	case d.o.ASCII:
		return glue
	}
	return "\u202f" // narrow, and never broken
}

// line writes parts as one line without blanks at its end.
func (d *drawing) line(parts ...string) {
	d.b.WriteString(strings.TrimRight(d.text(strings.Join(parts, "")), " ") + "\n")
}

// status writes one of the lines at the top: as many parts as fit next to the
// word, the others below.
func (d *drawing) status(title, mark, word string, parts ...string) {
	const indent, words, gap = 8, 8, 3
	line := pad(title, indent) + mark + " " + pad(word, words)
	used, first := indent+2+max(words, utf8.RuneCountInString(word))+1, true
	line += " "
	for _, p := range parts {
		n := utf8.RuneCountInString(p)
		switch {
		case p == "":
			continue
		case !first && used+gap+n > d.width():
			d.line(line)
			line, used = below+p, len(below)+n
		case first:
			line, used = line+p, used+n
		default:
			line, used = line+strings.Repeat(" ", gap)+p, used+gap+n
		}
		first = false
	}
	d.line(line)
}

// wrap writes text below each other, broken between words.
func (d *drawing) wrap(indent, text string) { d.hang(indent, indent, text) }

// hang is wrap with another beginning of the first line.
func (d *drawing) hang(first, indent, text string) {
	line, empty := first, strings.TrimSpace(first) == ""
	glued := !empty                                         // to the mark or title
	for _, word := range strings.Split(d.text(text), " ") { // not Fields: narrow spaces stay
		if word == "" {
			continue
		}
		if !empty && visible(line)+1+visible(word) > d.width() {
			d.b.WriteString(strings.TrimRight(line, " ") + "\n")
			line, empty, glued = indent, true, false
		}
		if !empty && !glued {
			line += " "
		}
		line, empty, glued = line+word, false, false
	}
	d.b.WriteString(line + "\n")
}

// visible is how many places a text takes, colours left out.
func visible(text string) (n int) {
	colour := false
	for _, r := range text {
		switch {
		case r == '\x1b':
			colour = true
		case colour:
			colour = r != 'm'
		default:
			n++
		}
	}
	return n
}

// advise writes something to do behind a mark. A command in it is kept on one line, however
// long that is: it is copied.
func (d *drawing) advise(indent, mark, action, command string) {
	below := indent + strings.Repeat(" ", utf8.RuneCountInString(mark))
	text := status.Clean(action, 400)
	if command = status.Clean(command, 400); command != "" {
		text = strings.Replace(text, command, strings.ReplaceAll(command, " ", glue), 1)
	}
	d.hang(indent+mark, below, text)
}

// text replaces what an ASCII terminal cannot show.
func (d *drawing) text(s string) string {
	if !d.o.ASCII {
		return s
	}
	return ASCII(s)
}

// ASCII replaces what is beyond it.
func ASCII(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '…':
			return '~'
		case r > 0x7e:
			return '?'
		}
		return r
	}, s)
}

func (d *drawing) cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:max(n-1, 0)]) + "…"
}

func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(0, n-utf8.RuneCountInString(s)))
}

func padLeft(s string, n int) string {
	return strings.Repeat(" ", max(0, n-utf8.RuneCountInString(s))) + s
}

// since tells a moment by the clock on the wall and by its age. A day that is
// not today's gets its date.
func (d *drawing) since(t time.Time, age float64) string {
	if t.IsZero() || t.Year() < 2000 {
		return "for " + span(age)
	}
	zone := d.o.Zone
	if zone == nil {
		zone = time.UTC
	}
	layout := "15:04"
	if age >= 18*3600 {
		layout = "2006-01-02 15:04"
	}
	return fmt.Sprintf("since %s (%s)", t.In(zone).Format(layout), span(age))
}

// span is a length of time in at most two units.
func span(seconds float64) string {
	switch s := math.Max(seconds, 0); {
	case math.IsNaN(s) || s > 1e10:
		return "?"
	case s < 10:
		return number(math.Round(s*10)/10) + " s"
	case s < 120:
		return fmt.Sprintf("%.0f s", s)
	case s < 3600:
		return fmt.Sprintf("%d min", int(s)/60)
	case s < 86400:
		return fmt.Sprintf("%d h %02d m", int(s)/3600, int(s)/60%60)
	default:
		return fmt.Sprintf("%d d %02d h", int64(s)/86400, int64(s)/3600%24)
	}
}

// number is v with one decimal where that says something, two below one.
func number(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "?"
	}
	if v >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	if v < 0.95 {
		return strconv.FormatFloat(math.Round(v*100)/100, 'g', -1, 64)
	}
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
}

// milliseconds needs decimals only where they are most of the number.
func milliseconds(v float64) string {
	if v >= 10 {
		v = math.Round(v)
	}
	return number(v) + " ms"
}

// Milliseconds writes a round trip as the status does.
func Milliseconds(v float64) string { return milliseconds(v) }

// coarse is a length of time in one unit.
func coarse(seconds float64) string {
	switch s := math.Max(seconds, 0); {
	case s < 10:
		return number(math.Round(s*10)/10) + " s"
	case s < 100:
		return fmt.Sprintf("%.0f s", s)
	case s < 6000:
		return fmt.Sprintf("%.0f min", s/60)
	case s < 86400:
		return fmt.Sprintf("%.0f h", s/3600)
	case s < 86400*9999:
		return fmt.Sprintf("%.0f d", s/86400)
	}
	return "long"
}

// count is a number with its noun.
func (d *drawing) count(n uint64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return grouped(n, d.space()) + " " + noun
}

// grouped writes n in groups of three digits.
func grouped(n uint64, space string) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + space + s[i:]
	}
	return s
}

func percent(part, whole int64) string {
	if whole <= 0 {
		return "?"
	}
	p := 100 * float64(part) / float64(whole)
	if p > 0 && p < 0.1 {
		return "<0.1 %"
	}
	return number(p) + " %"
}

// Bytes is so many bytes in the unit that suits them.
func Bytes(n int64) string { return bytesOf(n) }

func bytesOf(n int64) string {
	switch {
	case n >= 1e9:
		return number(float64(n)/1e9) + " GB"
	case n >= 1e6:
		return number(float64(n)/1e6) + " MB"
	case n >= 1e3:
		return number(float64(n)/1e3) + " kB"
	}
	return strconv.FormatInt(n, 10) + " B"
}
