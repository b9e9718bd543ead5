package live

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"portti/cmd/portti/console"
	"portti/cmd/portti/status"
)

// Rows of the list that are no device: two at the top, a rule, the head of the table, a
// rule, and the keys; at least eventRows of events.
const (
	fixedRows = 6
	eventRows = 3
)

// deviceRows is how many devices there is room for.
func (m *model) deviceRows() int { return max(1, m.h-fixedRows-eventRows) }

// draw makes the screen.
func (m *model) draw() []line {
	if m.paused != nil {
		shown := append([]line(nil), m.paused...)
		shown[len(shown)-1] = m.add(nil, yellow, " paused: p goes on, q quits")
		return shown
	}
	var all []line
	switch {
	case m.page == pageHelp:
		all = m.help()
	case m.doc == nil:
		all = m.waits()
	case m.page == pageDevice, m.page == pageRaw:
		all = m.devicePage()
	case m.page == pageGPS:
		all = m.text(m.gpsText())
	case m.page == pageProblems:
		all = m.text(m.problemText())
	default:
		all = m.list()
	}
	for len(all) < m.h-1 {
		all = append(all, nil)
	}
	if m.fail != "" && m.doc != nil && m.page != pageList {
		all[m.h-2] = m.add(nil, red, " "+m.noAnswer())
	}
	return append(all[:m.h-1], m.keys())
}

func (m *model) add(l line, s style, text string) line {
	if !m.o.Colour {
		s = plain
	}
	if m.o.ASCII {
		text = console.ASCII(text)
	}
	return l.add(s, text)
}

func (m *model) rule() line {
	dash := "─"
	if m.o.ASCII {
		dash = "-"
	}
	return m.add(nil, plain, strings.Repeat(dash, m.w))
}

// parts puts texts into one row, as many as fit whole.
func (m *model) parts(l line, all ...string) line {
	for _, p := range all {
		if p == "" {
			continue
		}
		next := m.add(m.add(l[:len(l):len(l)], plain, "   "), plain, p)
		if len(next) > m.w {
			continue
		}
		l = next
	}
	return l
}

func (m *model) waits() []line {
	l := m.add(nil, bold, " portti")
	if m.fail == "" {
		return []line{m.add(l, plain, "   asking the gateway")}
	}
	all := []line{m.add(m.add(l, plain, "   "), red, m.shape(red)+" no answer"), nil}
	for _, text := range status.Fold(oneLine(m.fail, 600), m.w-2) {
		all = append(all, m.add(nil, plain, " "+text))
	}
	return append(all, nil, m.add(nil, plain, " It is asked again and again."))
}

// head are the two rows at the top.
func (m *model) head() []line {
	s := m.doc
	name := oneLine(cmp.Or(s.Gateway.Name, s.Gateway.ID), 24)
	first := m.add(m.add(nil, bold, " portti"), plain, "  "+name+"   ")
	if m.fail != "" {
		first = m.add(first, red, m.noAnswer())
		return []line{first, m.add(nil, plain, " "+oneLine(m.fail, m.w-2))}
	}
	mark, word := m.link()
	first = m.add(first, mark, m.shape(mark)+" "+word)
	rtt := ""
	if s.Link.State == status.LinkOnline && s.Link.RTTms > 0 {
		rtt = "rtt " + twoDigits(s.Link.RTTms) + " ms " + bars(m.rtt.values(m.age(), 10, false), m.o.ASCII)
	}
	clock := "clock ok"
	if !s.Clock.Trusted {
		clock = "clock not set"
	}
	at := s.Time
	if m.o.Zone != nil {
		at = at.In(m.o.Zone)
	}
	first = m.parts(first, rtt, clock, at.Format("15:04"))

	b := s.Buffer
	rate := 0.0
	for _, d := range s.Devices {
		rate += d.RateHz
	}
	waiting := fmt.Sprintf("waiting %d %s", b.Waiting, m.trend(m.hist.Minutes.Waiting, 1, &m.waiting, 11, false))
	oldest := ""
	if b.Waiting > 0 {
		oldest = "oldest " + ageWords(b.OldestAgeS)
	}
	second := m.add(nil, plain, " buffer")
	if state := cmp.Or(b.State, status.BufferOK); state != status.BufferOK {
		second = m.add(m.add(second, plain, " "), red, m.shape(red)+" "+oneLine(state, 10))
	}
	room := ""
	switch {
	case b.NoRoom():
		room = "no room for more"
	case b.HeadroomS > 0 && s.Link.State != status.LinkOnline:
		room = "room for about " + status.InSeconds(b.HeadroomS)
	}
	lost := fmt.Sprintf("lost %d", s.Totals.Lost.Sum())
	second = m.parts(second, waiting, lost, oldest, "in "+twoDigits(rate)+"/s", share(b), room)
	return []line{first, second}
}

func share(b status.Buffer) string {
	if b.CapacityBytes <= 0 {
		return ""
	}
	used := 100 * float64(b.Bytes) / float64(b.CapacityBytes)
	text := fmt.Sprintf("%.1f", used)
	if used > 0 && used < 0.1 {
		text = "<0.1"
	}
	return fmt.Sprintf("%s %% of %d MB", text, b.CapacityBytes/1e6)
}

// link is the state of the link as the status document has it.
func (m *model) link() (style, string) {
	l := m.doc.Link
	since := " " + ageWords(l.SinceS)
	switch {
	case l.State == status.LinkOnline:
		return green, "online" + since
	case l.State == status.LinkWaiting && l.OpensS > 0:
		return cyan, "resting, opens in " + ageWords(l.OpensS)
	case l.State == status.LinkWaiting || l.State == status.LinkParked:
		return red, "offline" + since
	}
	return cyan, oneLine(l.State, 12)
}

// twoDigits is a number that changes seldom.
func twoDigits(v float64) string {
	switch {
	case v <= 0 || math.IsNaN(v) || math.IsInf(v, 0):
		return "0"
	case v < 1:
		return fmt.Sprintf("%.1f", v)
	}
	text := strconv.FormatFloat(v, 'e', 1, 64) // rounded
	v, _ = strconv.ParseFloat(text, 64)
	return strconv.FormatFloat(v, 'f', -1, 64)
}

func (m *model) list() []line {
	all := append(m.head(), m.rule())
	c := m.columns()
	all = append(all, m.add(nil, bold, c.row("  DEVICE", "LAST", "RATE", m.trendTitle(c.picture), "BAD", "VALUE")))
	if len(m.doc.Devices) == 0 {
		all = append(all, m.add(nil, plain, " No device is configured."))
	}
	from, to := m.window(len(m.doc.Devices), m.deviceRows())
	for i := from; i < to; i++ {
		all = append(all, m.row(&m.doc.Devices[i], c))
	}
	rule := m.rule()
	if more := len(m.doc.Devices) - to + from; more > 0 {
		rule = m.add(rule[:2], plain, fmt.Sprintf(" %d of %d devices ", to-from, len(m.doc.Devices)))
		rule = append(rule, m.rule()[len(rule):]...)
	}
	all = append(all, rule)
	return append(all, m.eventLines(m.h-1-len(all))...)
}

// eventLines are the last n, the newest last.
func (m *model) eventLines(n int) []line {
	var all []line
	for _, e := range m.events[max(0, len(m.events)-n):] {
		at := e.at
		if m.o.Zone != nil {
			at = at.In(m.o.Zone)
		}
		l := m.add(nil, plain, " "+at.Format("15:04:05")+" ")
		mark, rest, _ := strings.Cut(e.text, " ")
		l = m.add(m.add(l, e.s, mark), plain, " "+oneLine(rest, max(m.w-len(l)-2, 1)))
		all = append(all, l)
	}
	return all
}

// columns are the widths of the list.
type columns struct{ name, last, rate, picture, bad, value int }

func (m *model) columns() columns {
	c := columns{name: 14, last: 6, rate: 8, picture: 19, bad: 5}
	if m.w < 72 {
		c.name, c.picture = 12, 11
	}
	if m.w >= 100 {
		c.name = 24
	}
	c.value = max(m.w-2-c.name-c.last-c.rate-2-c.picture-c.bad-2, 1)
	return c
}

func (c columns) row(name, last, rate, picture, bad, value string) string {
	return fmt.Sprintf("%-*s%*s%*s  %-*s%*s  %s", c.name+2, name, c.last, last, c.rate, rate, c.picture, picture, c.bad, bad, value)
}

// trend draws the minutes before, as the gateway remembers them, then the last seconds, as
// they were seen here: in n places, and to one scale. share is that of a cell in a minute.
func (m *model) trend(minutes []uint64, share float64, s *series, n int, partial bool) string {
	n /= 2
	values := slices.Repeat([]float64{unknown}, n)
	minutes = minutes[max(0, len(minutes)-n):]
	for i, v := range minutes {
		values[n-len(minutes)+i] = float64(v) * share
	}
	if s == nil {
		s = new(series)
	}
	drawn := []rune(bars(append(values, s.values(m.age(), n, partial)...), m.o.ASCII))
	return string(drawn[:n]) + m.divider() + string(drawn[n:])
}

func (m *model) trendTitle(n int) string {
	return fmt.Sprintf("%d min%s%.0f s", n/2, m.divider(), seriesCell.Seconds()*float64(n/2))
}

func (m *model) divider() string {
	if m.o.ASCII {
		return "|"
	}
	return "│"
}

func (m *model) row(d *status.Device, c columns) line {
	mark, word := m.state(d)
	if m.fail != "" {
		mark = cyan // nobody knows
	}
	chosen := " "
	if d.Name == m.selected {
		chosen = ">"
	}
	var minutes []uint64
	for _, h := range m.hist.Devices {
		if h.Name == d.Name {
			minutes = h.In
		}
	}
	picture := m.trend(minutes, seriesCell.Minutes(), m.rates[d.Name], c.picture, true)
	bad := fmt.Sprint(d.Bad)
	if d.Bad >= 10_000 {
		bad = fmt.Sprintf("%dk", d.Bad/1000)
	}
	l := m.add(m.add(nil, plain, chosen), mark, m.shape(mark))
	rest := c.row("", ageWords(d.LastAgeS), twoDigits(d.RateHz)+"/s", picture, bad, oneLine(word, c.value))
	name := oneLine(d.Name, c.name-2)
	l = m.add(l, plain, " "+name)
	l = l.to(c.name + 2)
	return m.add(l, plain, string([]rune(rest)[c.name+2:]))
}

// state is the mark and the words of a device: the state as the document has it, or while
// that is fine what the driver says, or the last reading.
func (m *model) state(d *status.Device) (style, string) {
	mark, word := console.DeviceState(*d)
	s := map[string]style{console.MarkGood: green, console.MarkWarn: yellow, console.MarkBad: red}[mark]
	if s == plain {
		s = cyan
	}
	if d.State != status.DeviceOK || d.Detail != "" {
		return s, word
	}
	if value := m.values[d.Name]; value != "" {
		return s, brief(value)
	}
	return s, m.notes[d.Name]
}

// keys is the last row.
func (m *model) keys() line {
	arrows := "↑↓"
	if m.o.ASCII {
		arrows = "up/down"
	}
	text := " q quit  " + arrows + " choose  enter device  r raw  g gps  e errors  p pause  ? help"
	if m.page != pageList {
		text = " q quit  " + arrows + " scroll  esc back  r raw  g gps  e errors  p pause  ? help"
	}
	if m.w < 72 {
		text = " q quit " + arrows + " enter/esc r raw g gps e errors p ?"
	}
	return m.add(nil, plain, text)
}
