package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"portti/cmd/portti/status"
)

// Of the event streams.
const (
	maxStreams  = 8
	eventEvery  = time.Second
	aliveEvery  = 15 * time.Second
	writeWithin = 5 * time.Second  // a browser that takes nothing for so long is dropped
	skyEvery    = 5 * time.Second  // a sky of 30 satellites is 9 kB,
	trackEvery  = 30 * time.Second // and a track 10 kB at the most
)

// frame is the status document of a moment, also cut into its top-level keys.
type frame struct {
	number uint64
	doc    status.Document
	minute int64
	day    *status.History // the same one until it may look otherwise; nil = there is none
	where  whereabouts
	keys   map[string]json.RawMessage
}

// feed makes a frame a second for all streams while there is one, and nothing while
// there is none.
type feed struct {
	status  func() status.Document
	history func() status.History // nil = there is none
	gps     func() status.GPSDocument
	track   func() status.Track

	mu      sync.Mutex
	where   whereabouts
	gpsAt   time.Time // when it was looked at
	trackAt time.Time
	streams map[chan *frame]struct{}
	stop    chan struct{} // of the goroutine that ticks; nil = there is none
	number  uint64
	past    *status.History // fetched last, while there is a stream
	at      occasion        // when that was
}

// occasion is why to fetch the history anew: another minute, or the link does otherwise.
type occasion struct {
	minute         int64
	state, problem string
	connects       uint64
	delivered      bool
}

func occasionOf(doc *status.Document) occasion {
	const late = 5 // seconds until a minute that is over is noted at the latest
	o := doc.Link.LastOutage
	return occasion{int64(doc.UptimeS-late) / 60, doc.Link.State, doc.Link.Problem, doc.Link.Connects, o != nil && o.Done != nil}
}

// day fetches the history.
func (f *feed) day() *status.History {
	if f.history == nil {
		return nil
	}
	h := f.history()
	return &h
}

// join opens a stream; nil = there are enough. Its first frame is there already.
func (f *feed) join() chan *frame {
	first := f.frame()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.streams) >= maxStreams {
		return nil
	}
	c := make(chan *frame, 1)
	c <- first
	if f.streams == nil {
		f.streams = map[chan *frame]struct{}{}
	}
	f.streams[c] = struct{}{}
	if f.stop == nil {
		f.stop = make(chan struct{})
		go f.tick(f.stop)
	}
	return c
}

func (f *feed) leave(c chan *frame) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.streams, c)
	if len(f.streams) == 0 && f.stop != nil {
		close(f.stop)
		f.stop, f.past, f.where, f.gpsAt, f.trackAt = nil, nil, whereabouts{}, time.Time{}, time.Time{}
	}
}

func (f *feed) tick(stop <-chan struct{}) {
	t := time.NewTicker(eventEvery)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
		}
		now := f.frame()
		f.mu.Lock()
		for c := range f.streams {
			select {
			case c <- now:
			default: // it is slow, and nobody waits for it: the next one will do
			}
		}
		f.mu.Unlock()
	}
}

func (f *feed) frame() *frame {
	doc := f.status()
	now := &frame{doc: doc, minute: int64(doc.UptimeS) / 60, where: f.look(time.Now())}
	if text, err := json.Marshal(&doc); err == nil { // else it holds what is no number, and the page says so
		_ = json.Unmarshal(text, &now.keys) // it was just made
	}
	f.mu.Lock()
	past, at := f.past, f.at
	f.mu.Unlock()
	if o := occasionOf(&doc); past == nil || o != at {
		past, at = f.day(), o
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.past, f.at, now.day = past, at, past
	f.number++
	now.number = f.number
	return now
}

// look gives what receivers see, and where they were, not older than the page shows it.
func (f *feed) look(now time.Time) whereabouts {
	f.mu.Lock()
	defer f.mu.Unlock()
	due := f.trackAt.IsZero() || now.Sub(f.trackAt) >= trackEvery
	if f.track != nil && due {
		doc := f.track()
		f.where.track, f.trackAt = &doc, now
	}
	if f.gps != nil && (f.track != nil && due || f.gpsAt.IsZero() || now.Sub(f.gpsAt) >= skyEvery) { // not older than the track, whose end it is
		doc := f.gps()
		f.where.gps, f.gpsAt = &doc, now
	}
	return f.where
}

// events streams the status: whole at first, then a second's changes by top-level key, in
// events of the type "status"; and of the type "view" the sections of the page it is for
// that look otherwise than before, for the script. A stream that broke begins with all of it
// again. A key that is asked for rarely comes once a minute: that of many devices is most of it.
func (p *Page) events(w http.ResponseWriter, r *http.Request) {
	who, shown := sessionOf(r), tabOf(r.URL.Query().Get("page"))
	if !shown.fresh { // to draw it may read files
		http.NotFound(w, r)
		return
	}
	frames := p.feed.join()
	if frames == nil {
		w.Header().Set("Retry-After", "30")
		http.Error(w, "as many pages are open as may be; close one", http.StatusServiceUnavailable)
		return
	}
	defer p.feed.leave(frames)
	s := stream{w: w, control: http.NewResponseController(w), rarely: r.URL.Query().Get("rarely")}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	silence := time.NewTimer(aliveEvery)
	defer silence.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case now := <-frames:
			if !p.guests.holds(who) {
				return
			}
			v := p.view(r, &now.doc)
			if shown.path == "/" {
				v = s.view(v, now)
			}
			s.compose(now, shown.sections(v))
		case <-silence.C:
			s.b.WriteString(": still here\n\n")
		}
		if s.b.Len() == 0 {
			continue
		}
		if err := s.flush(); err != nil {
			p.opt.Log.Debug("an event stream ended", "event", "web.stream-ended", "err", err)
			return
		}
		silence.Reset(aliveEvery)
	}
}

// stream is what one browser has been told.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	b       bytes.Buffer
	rarely  string // a key that it wants once a minute
	minute  int64  // when it had that one
	keys    map[string]json.RawMessage
	looks   map[string]*node // the sections
	day     *status.History
	plots   plots       // of day
	where   whereabouts // as it was drawn last
}

// view gives what the overview draws to a view: the plots anew where there is another day,
// and where the receivers are where that has changed.
func (s *stream) view(v *view, now *frame) *view {
	if s.day != now.day {
		s.day, s.plots = now.day, v.draw(now.day)
	}
	v.plots = s.plots
	v.where, v.seen, s.where = now.where, s.where, now.where
	return v
}

// compose writes what changed since the last frame.
func (s *stream) compose(now *frame, sections []*node) {
	changed := map[string]json.RawMessage{}
	if s.keys == nil {
		s.keys = map[string]json.RawMessage{}
	}
	for key, value := range now.keys {
		if bytes.Equal(value, s.keys[key]) || key == s.rarely && s.keys[key] != nil && s.minute == now.minute {
			continue
		}
		s.keys[key], changed[key] = value, value
	}
	s.minute = now.minute
	s.event(now.number, "status", changed, len(changed))
	if s.looks == nil {
		s.looks = map[string]*node{}
	}
	var views []*change
	for _, n := range sections {
		name := n.attribute("id")
		if c := (&change{n, s.looks[name]}); !c.none() {
			views = append(views, c)
		}
		s.looks[name] = n
	}
	s.event(now.number, "view", views, len(views))
}

func (s *stream) event(number uint64, kind string, value any, n int) {
	if n == 0 {
		return
	}
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // it is JSON already
	}
	fmt.Fprintf(&s.b, "id: %d\nevent: %s\ndata: %s\n\n", number, kind, text)
}

// flush sends what was written, within a time of its own.
func (s *stream) flush() error {
	defer s.b.Reset()
	_ = s.control.SetWriteDeadline(time.Now().Add(writeWithin)) // the server's own limit holds where this fails
	if _, err := s.w.Write(s.b.Bytes()); err != nil {
		return err
	}
	return s.control.Flush()
}
