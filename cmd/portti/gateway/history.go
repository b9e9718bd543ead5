package gateway

import (
	"cmp"
	"math"
	"sync"
	"time"

	"portti/buffer"
	"portti/cmd/portti/status"
	"portti/device"
	"portti/uplink"
)

// How much is remembered, at the most 190 kB: 1,440 points of 32 bytes, 256 states and
// 64 outages with a sentence each, and an hour of 64 devices; 115 kB more while somebody
// asks for single seconds.
const (
	historyMinutes = 24 * 60
	historySeconds = 60 * 60
	historyLinks   = 256
	historyOutages = 64
	historySpan    = 24 * time.Hour
	// secondsKept is how long after the last question single seconds are still taken.
	secondsKept = 2 * time.Minute
	whyLength   = 160 // characters of a sentence that is kept
)

// history is the last day, from the looks at the parts that are made anyway. It is in
// memory alone: nothing of it is worth a write to the card. Every moment in it has a
// monotonic reading. All methods may be called from any goroutine.
type history struct {
	mu      sync.Mutex
	began   time.Time
	last    glimpse // zero before the first
	most    uint64  // acked at the most: what is sent again was counted before
	minutes series
	seconds series
	asked   time.Time // when somebody last asked for single seconds; zero = not lately
	links   []linkSpan
	outages []*outageRecord
	devices []deviceHour
}

// glimpse is what a look at the parts tells the history.
type glimpse struct {
	at      time.Time
	link    uplink.Status
	away    time.Time // since when there is no connection; zero = there is one
	started time.Time
	counts  buffer.Counts
	bytes   int64
	loss    *buffer.Loss // the latest, nil = none
	devices []device.Status
}

// online and without tell the two states in which nothing is amiss: a connection, and no
// server to have one with. Every other one is an outage.
func (l *glimpse) online() bool  { return l.link.State == uplink.Online }
func (l *glimpse) without() bool { return l.link.Problem == uplink.ProblemNoServer }

// between brings a moment that the link tells into the time since the last look.
func (h *history) between(t time.Time, l *glimpse) time.Time {
	if t.After(l.at) || t.IsZero() {
		return l.at
	}
	if !h.last.at.IsZero() && t.Before(h.last.at) {
		return h.last.at
	}
	return t
}

// note takes a look.
func (h *history) note(l glimpse) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.noteDevices(l.devices)
	if h.last.at.IsZero() {
		h.began, h.most = l.at, l.counts.Acked
		h.minutes, h.seconds = series{every: time.Minute, limit: historyMinutes}, series{every: time.Second, limit: historySeconds}
	} else {
		h.plot(&l)
	}
	h.noteLink(&l)
	h.noteOutage(&l)
	h.most = max(h.most, l.counts.Acked)
	h.last = l
}

// plot adds what has changed since the last look.
func (h *history) plot(l *glimpse) {
	since := func(now, before uint64) uint64 { return now - min(now, before) }
	d := point{
		waiting: narrow(l.counts.Waiting), bytes: l.bytes,
		in:   narrow(since(l.counts.Read, h.last.counts.Read)),
		out:  narrow(since(l.counts.Acked, h.most)),
		lost: narrow(since(l.counts.LostAll(), h.last.counts.LostAll())),
	}
	step := l.at.Sub(h.last.at)
	online := time.Duration(0)
	if l.online() {
		online = min(step, max(l.at.Sub(l.link.Since), 0))
	}
	at := l.at.Sub(h.began)
	if h.minutes.add(at, step, online, d) {
		h.endMinute()
	}
	switch {
	case h.asked.IsZero():
	case l.at.Sub(h.asked) > secondsKept:
		h.asked, h.seconds = time.Time{}, series{every: time.Second, limit: historySeconds}
	default:
		h.seconds.add(at, step, online, d)
	}
}

func narrow(n uint64) uint32 { return uint32(min(n, math.MaxUint32)) }

// point is one of a plot, 32 bytes.
type point struct {
	bytes                  int64
	at                     uint32 // seconds since the history began
	waiting, in, out, lost uint32
	online                 uint8 // percent of the time
}

// series is a plot of a fixed length with at most one point every so often.
type series struct {
	every  time.Duration
	limit  int
	points []point
	next   int // where the next one goes once there are limit

	open         point // of the time that goes on
	span, online time.Duration
	slot         time.Duration
}

// add takes what has happened in the step that ends at that time, and says whether that
// made a point.
func (s *series) add(at, step, online time.Duration, d point) bool {
	s.open.waiting, s.open.bytes = d.waiting, d.bytes
	s.open.in, s.open.out, s.open.lost = s.open.in+d.in, s.open.out+d.out, s.open.lost+d.lost
	s.span, s.online = s.span+step, s.online+online
	slot := at / s.every
	if slot == s.slot {
		return false
	}
	s.open.at = uint32(at / time.Second)
	if s.span > 0 {
		s.open.online = uint8(100 * s.online / s.span)
	}
	if len(s.points) < s.limit {
		s.points = append(s.points, s.open)
	} else {
		s.points[s.next] = s.open
		s.next = (s.next + 1) % s.limit
	}
	s.slot, s.open, s.span, s.online = slot, point{}, 0, 0
	return true
}

// columns gives the points, oldest first. zero is when the history began, in Unix seconds.
func (s *series) columns(zero int64) status.Series {
	n := len(s.points)
	c := status.Series{At: make([]int64, n), Waiting: make([]uint64, n), Bytes: make([]int64, n),
		In: make([]uint64, n), Out: make([]uint64, n), Lost: make([]uint64, n), Online: make([]int, n)}
	for i := range n {
		p := s.points[(s.next+i)%n]
		c.At[i], c.Waiting[i], c.Bytes[i] = zero+int64(p.at), uint64(p.waiting), p.bytes
		c.In[i], c.Out[i], c.Lost[i], c.Online[i] = uint64(p.in), uint64(p.out), uint64(p.lost), int(p.online)
	}
	return c
}

// linkSpan is a time in which the link was in one state for one reason.
type linkSpan struct {
	state     string
	from, to  time.Time
	code, why string
	planned   bool // outside the uplink hours
}

// noteLink makes the spans go on. An attempt belongs to the time without a connection
// that it is made in, before and after it.
func (h *history) noteLink(l *glimpse) {
	now := linkSpan{state: string(l.link.State), from: h.between(l.link.Since, l), to: l.at}
	if l.link.State == uplink.Stopped && !l.without() { // for a moment, at the start or while another link takes over
		now.state = status.LinkConnecting
	}
	switch {
	case l.online() || l.without():
	case !l.link.Opens.IsZero():
		now.why, now.planned = "outside the uplink hours", true
	default:
		now.code, now.why = l.link.Problem, status.Clean(l.link.LastError, whyLength)
	}
	if n := len(h.links); n > 0 {
		last := &h.links[n-1]
		trying := l.link.State == uplink.Connecting && (last.state == status.LinkWaiting || last.state == status.LinkParked)
		switch {
		case trying, last.state == now.state && last.code == now.code && last.why == now.why:
			last.to = l.at
			return
		case last.state == now.state && last.code == now.code && last.code != "": // said in other words
			last.to, last.why = l.at, now.why
			return
		case last.state == status.LinkConnecting && !l.online() && !l.without():
			last.state, last.code, last.why, last.planned, last.to = now.state, now.code, now.why, now.planned, l.at
			return
		}
		last.to = now.from
	}
	h.links = append(h.links, now)
	if len(h.links) > historyLinks {
		h.links = append(h.links[:0], h.links[1:]...)
	}
}

// History is the last day. seconds also takes single seconds from now on, until nobody
// has asked for them for some minutes.
func (g *Gateway) History(seconds bool) status.History {
	now := time.Now()
	h := g.history.of(now, g.wallTime(), seconds)
	h.Clock = g.clock.Now().Trusted
	for i := range h.Outages {
		h.Outages[i].Trusted = h.Clock
	}
	return h
}

func (h *history) of(now, wall time.Time, seconds bool) status.History {
	h.mu.Lock()
	defer h.mu.Unlock()
	began := cmp.Or(h.began, now)
	unix := func(t time.Time) int64 { return wall.Add(t.Sub(now)).Unix() }
	doc := status.History{Schema: status.Schema, Time: wall.UTC(), Began: unix(now.Add(-min(now.Sub(began), historySpan))),
		Minutes: h.minutes.columns(unix(began)), Seconds: new(series).columns(0), Links: []status.LinkSpan{}, Outages: []status.Outage{}, Devices: h.hoursOfDevices()}
	if seconds {
		h.asked = now
		doc.Seconds = h.seconds.columns(unix(began))
	}
	for _, l := range h.links {
		if now.Sub(l.to) > historySpan {
			continue
		}
		doc.Links = append(doc.Links, status.LinkSpan{State: l.state, From: unix(l.from), To: unix(l.to), Code: l.code, Why: l.why, Planned: l.planned})
	}
	for _, o := range h.outages {
		doc.Outages = append(doc.Outages, o.document(now, wall))
	}
	return doc
}
