package live

import (
	"encoding/json"
	"fmt"
	"strings"

	"portti/cmd/portti/console"
	"portti/cmd/portti/status"
)

// text shows lines that may be more than fit, from the one that was scrolled to.
func (m *model) text(text string) []line {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	room := m.h - 1
	m.top = min(m.top, max(0, len(lines)-room))
	var all []line
	for _, t := range lines[m.top:min(len(lines), m.top+room)] {
		all = append(all, m.add(nil, plain, " "+t))
	}
	return all
}

// options are those of the pages that package console draws.
func (m *model) options() console.Options {
	o := m.o
	o.Width, o.Colour, o.Plain, o.Terminal = max(m.w-1, 60), false, false, true
	return o
}

func (m *model) problemText() string {
	if len(m.doc.Problems) == 0 {
		return "No problem is open."
	}
	o := m.options()
	o.Quiet = true
	var b strings.Builder
	_ = console.Render(&b, m.doc, o) // a Builder takes all
	return b.String()
}

func (m *model) gpsText() string {
	if m.gps == nil {
		if why := m.notes[gpsNote]; why != "" {
			return strings.Join(status.Fold(oneLine(why, 600), m.w-2), "\n")
		}
		return "Asking the gateway."
	}
	if len(m.gps.Devices) == 0 {
		return strings.Join(status.Fold("Here "+strings.ReplaceAll(console.NoReceiver, "`", ""), m.w-2), "\n")
	}
	g := &m.gps.Devices[0]
	for i := range m.gps.Devices {
		if m.gps.Devices[i].Name == m.selected {
			g = &m.gps.Devices[i]
		}
	}
	var b strings.Builder
	_ = console.GPS(&b, g, m.doc, m.options())
	return b.String()
}

// gpsNote is where model.notes has why the GPS document cannot be had. No device is
// called so.
const gpsNote = "\x00gps"

func (m *model) devicePage() []line {
	d := m.device()
	if d == nil {
		return []line{m.add(nil, plain, " There is no device.")}
	}
	mark, word := m.state(d)
	all := []line{m.add(m.add(m.add(nil, plain, " "), mark, m.shape(mark)), bold, " "+oneLine(d.Name, 64)+" "+oneLine(d.Type, 20))}
	all[0] = m.parts(all[0], oneLine(word, m.w/2))
	port := oneLine(d.Port, 200)
	if d.Resolved != "" && d.Resolved != d.Port {
		port += " is " + oneLine(d.Resolved, 64)
	}
	all = append(all, m.parts(nil, port))
	if m.page == pageDevice {
		l := d.Ledger
		all = append(all,
			m.parts(nil, "last "+ageWords(d.LastAgeS), twoDigits(d.RateHz)+"/s", fmt.Sprintf("%d frames unusable, %d unknown", d.Bad, d.Unknown)),
			m.parts(nil, fmt.Sprintf("%d read, %d delivered, %d waiting, %d lost", l.Read, l.Acked, l.Waiting, l.Lost.Sum())))
	}
	for _, p := range m.doc.Problems {
		if p.Subject == d.Name {
			for _, text := range status.Fold(p.Code+": "+oneLine(p.Sentence+" "+p.Action, 500), m.w-4) {
				all = append(all, m.add(nil, styleOf(p.Severity), "   "+text))
			}
		}
	}
	all = append(all, m.rule())
	room := max(m.h-1-len(all), 1)
	if len(m.lines) == 0 {
		return append(all, m.add(nil, plain, " Nothing has come since this page was opened."))
	}
	for _, text := range m.lines[max(0, len(m.lines)-room):] {
		all = append(all, m.add(nil, plain, " "+oneLine(text, m.w-1)))
	}
	return all
}

func (m *model) help() []line {
	var all []line
	for _, text := range []string{
		"up, down  choose a device, or scroll a page (also k and j)",
		"enter     the chosen device: its counters, problems and readings",
		"r         bytes from the wire of the chosen device",
		"g         position and satellites",
		"e         open problems and what to do",
		"p         hold the picture; p again goes on",
		"esc       back to the list",
		"Ctrl-L    draw all anew        Ctrl-Z    stop for a while: fg",
		"q         quit",
		"",
		m.shape(green) + " well   " + m.shape(cyan) + " not yet known   " + m.shape(yellow) + " look at it   " + m.shape(red) + " broken",
		"",
		m.trendTitle(m.columns().picture) + ": readings before, a minute a bar, and now, three seconds a bar.",
		"BAD: frames that could not be used. VALUE: the last reading.",
		"The minutes are those that the gateway remembers; the seconds begin when the view does.",
	} {
		all = append(all, m.add(nil, plain, " "+text))
	}
	return all
}

// brief is a reading in short: its values without what every message has.
func brief(text string) string {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return text
	}
	var parts []string
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return text
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return text
		}
		if name := fmt.Sprint(key); !strings.HasPrefix(name, "tsm") {
			parts = append(parts, name+" "+strings.Trim(string(value), `"`))
		}
	}
	return strings.Join(parts, "  ")
}
