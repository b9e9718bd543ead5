package live

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"portti/cmd/portti/console"
	"portti/cmd/portti/status"
)

// page is what the screen shows.
type page int

const (
	pageList page = iota
	pageDevice
	pageRaw
	pageGPS
	pageProblems
	pageHelp
)

// event is something that came or went, as a line.
type event struct {
	at   time.Time
	s    style
	text string
}

const (
	maxEvents = 50
	maxLines  = 200 // of a device's readings or bytes
)

// model is what is known and what the user has chosen. It knows no terminal.
type model struct {
	o    console.Options
	w, h int

	begun  time.Time
	now    time.Time
	doc    *status.Document // nil = none yet
	gps    *status.GPSDocument
	hist   status.History
	fail   string    // why there is no newer one
	failed time.Time // since when

	page     page
	selected string // name of a device
	top      int    // the first device or line that is shown
	paused   []line // what is shown while the picture stands still; nil = it does not

	rates   map[string]*series // by device
	rtt     series
	waiting series
	values  map[string]string // the last reading, by device
	notes   map[string]string // why there is none
	lines   []string          // of the page
	events  []event
	open    map[string]status.Problem
}

func newModel(o console.Options, now time.Time) *model {
	return &model{o: o, w: 80, h: 24, begun: now, now: now, rates: map[string]*series{}, values: map[string]string{}, notes: map[string]string{}, open: map[string]status.Problem{}}
}

// age is how long ago the view began.
func (m *model) age() time.Duration { return m.now.Sub(m.begun) }

// take takes a status document, or why there is none.
func (m *model) take(doc *status.Document, err error, now time.Time) {
	m.now = now
	if err != nil {
		if m.fail == "" {
			m.failed = now
			m.note(event{now, red, m.shape(red) + " the gateway does not answer"})
		}
		m.fail = err.Error()
		return
	}
	if m.fail != "" {
		m.fail = ""
		m.note(event{now, green, m.shape(green) + " the gateway answers again"})
	}
	m.count(doc)
	m.problems(doc)
	m.doc = doc
	if !slices.ContainsFunc(doc.Devices, func(d status.Device) bool { return d.Name == m.selected }) {
		if m.selected = ""; len(doc.Devices) > 0 {
			m.selected = doc.Devices[0].Name
		}
	}
}

// count keeps what has changed since the document before. A gateway that was started anew
// counts from nought.
func (m *model) count(doc *status.Document) {
	at := m.age()
	if doc.Link.State == status.LinkOnline && doc.Link.RTTms > 0 {
		m.rtt.high(at, doc.Link.RTTms)
	}
	m.waiting.high(at, float64(doc.Buffer.Waiting))
	if m.doc == nil {
		return
	}
	before := map[string]uint64{}
	for _, d := range m.doc.Devices {
		before[d.Name] = d.Read
	}
	for _, d := range doc.Devices {
		if m.rates[d.Name] == nil {
			m.rates[d.Name] = new(series)
		}
		if was, known := before[d.Name]; known && d.Read >= was {
			m.rates[d.Name].add(at, float64(d.Read-was))
		}
	}
}

// problems notes which came and which went.
func (m *model) problems(doc *status.Document) {
	now := map[string]status.Problem{}
	for _, p := range doc.Problems {
		key := p.Code + "\x00" + p.Subject
		now[key] = p
		if _, was := m.open[key]; !was {
			s := styleOf(p.Severity)
			m.note(event{doc.Time.Add(-time.Duration(p.SinceS * float64(time.Second))), s, m.shape(s) + " " + p.Code + " " + p.Sentence})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(m.open)) {
		if _, is := now[key]; !is {
			p := m.open[key]
			m.note(event{doc.Time, green, m.shape(green) + " " + p.Code + " is over" + about(p)})
		}
	}
	m.open = now
}

// remember takes what the gateway remembers. Outages that were over when the view began
// are told of once.
func (m *model) remember(h *status.History) {
	first := m.hist.Schema == 0
	m.hist = *h
	for _, o := range h.Outages {
		if first && o.Ended != nil && !o.Short() && !o.Planned {
			m.note(event{*o.Ended, green, m.shape(green) + " " + strings.TrimSpace(o.Code+" the link was back after "+status.InSeconds(o.Seconds()))})
		}
	}
}

func about(p status.Problem) string {
	if p.Subject == "" {
		return ""
	}
	return ": " + p.Subject
}

func (m *model) note(e event) {
	m.events = append(m.events, e)
	sort.SliceStable(m.events, func(i, j int) bool { return m.events[i].at.Before(m.events[j].at) })
	m.events = m.events[max(0, len(m.events)-maxEvents):]
}

func styleOf(s status.Severity) style {
	switch s {
	case status.Error:
		return red
	case status.Warning:
		return yellow
	}
	return cyan
}

// shape is the mark of a style, which tells it without colour.
func (m *model) shape(s style) string {
	shapes := map[style][2]string{green: {"●", "*"}, cyan: {"○", "o"}, yellow: {"▲", "!"}, red: {"✗", "X"}}
	pair := shapes[s]
	if m.o.ASCII {
		return pair[1]
	}
	return pair[0]
}

// view says which device is looked at more closely, and how.
type view struct {
	device string
	raw    bool
}

// wants lists what is to be followed for what the screen shows: no more than is seen.
func (m *model) wants() []view {
	var all []view
	switch {
	case m.doc == nil || m.fail != "" || m.paused != nil:
	case m.page == pageDevice || m.page == pageRaw:
		if m.selected != "" {
			all = append(all, view{m.selected, m.page == pageRaw})
		}
	case m.page == pageList:
		from, to := m.window(len(m.doc.Devices), m.deviceRows())
		for _, d := range m.doc.Devices[from:to] {
			if d.State == status.DeviceOK && d.Detail == "" {
				all = append(all, view{device: d.Name})
			}
		}
	}
	return all
}

// heard takes a line of what is followed.
func (m *model) heard(v view, text string) {
	if m.page == pageDevice || m.page == pageRaw {
		line := text
		if !v.raw {
			line = brief(text)
		}
		m.lines = append(m.lines, line)
		m.lines = m.lines[max(0, len(m.lines)-maxLines):]
	}
	if !v.raw {
		m.values[v.device] = text
		delete(m.notes, v.device)
	}
}

// unheard takes why nothing more of a device is followed.
func (m *model) unheard(v view, err error) {
	if err == nil {
		return
	}
	m.notes[v.device] = err.Error()
	if m.page == pageDevice || m.page == pageRaw {
		m.lines = append(m.lines, err.Error())
	}
}

// press acts on a key and says whether it ends the view.
func (m *model) press(key string) (over bool) {
	if key == "p" {
		if m.paused != nil {
			m.paused = nil
		} else {
			m.paused = m.draw()
		}
		return false
	}
	if key == "q" || key == keyEnd {
		return true
	}
	m.paused = nil
	switch key {
	case keyUp, "k":
		m.move(-1)
	case keyDown, "j":
		m.move(1)
	case keyEscape:
		m.show(pageList)
	case keyEnter:
		if m.page == pageList && m.selected != "" {
			m.show(pageDevice)
		} else {
			m.show(pageList)
		}
	default:
		pages := map[string]page{"r": pageRaw, "g": pageGPS, "e": pageProblems, "?": pageHelp, "h": pageHelp}
		if p, known := pages[key]; known && m.page == p {
			m.show(pageList)
		} else if known {
			m.show(p)
		}
	}
	return false
}

func (m *model) show(p page) { m.page, m.lines, m.top = p, nil, 0 }

// move goes up or down in the list, or in the text of a page.
func (m *model) move(by int) {
	if m.page != pageList {
		m.top = max(0, m.top+by)
		return
	}
	if m.doc == nil || len(m.doc.Devices) == 0 {
		return
	}
	i := slices.IndexFunc(m.doc.Devices, func(d status.Device) bool { return d.Name == m.selected })
	m.selected = m.doc.Devices[min(max(i+by, 0), len(m.doc.Devices)-1)].Name
}

// window is the part of n rows that is shown in room of them, with the selected one.
func (m *model) window(n, room int) (from, to int) {
	i := slices.IndexFunc(m.doc.Devices, func(d status.Device) bool { return d.Name == m.selected })
	if i < m.top {
		m.top = max(i, 0)
	}
	if i >= m.top+room {
		m.top = i - room + 1
	}
	m.top = min(m.top, max(0, n-room))
	return m.top, min(n, m.top+room)
}

// device is the selected one, nil where there is none.
func (m *model) device() *status.Device {
	if m.doc == nil {
		return nil
	}
	for i := range m.doc.Devices {
		if m.doc.Devices[i].Name == m.selected {
			return &m.doc.Devices[i]
		}
	}
	return nil
}

// noAnswer says for how long the gateway has not answered.
func (m *model) noAnswer() string {
	return m.shape(red) + " no answer for " + status.InWords(m.now.Sub(m.failed))
}

// ageWords is an age in few letters: nothing that changes each second where it need not.
func ageWords(s float64) string {
	switch {
	case s < 0:
		return "never"
	case s < 3:
		return "now"
	case s < 10:
		return fmt.Sprintf("%.0fs", s)
	case s < 60:
		return fmt.Sprintf("%ds", int(s)/5*5)
	case s < 3600:
		return fmt.Sprintf("%dm", int(s)/60)
	case s < 48*3600:
		return fmt.Sprintf("%dh", int(s)/3600)
	}
	return fmt.Sprintf("%dd", int(s)/86400)
}

// oneLine makes a text fit to be shown in a row.
func oneLine(s string, limit int) string {
	return status.Clean(strings.Join(strings.Fields(s), " "), limit)
}
