package web

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"portti/cmd/portti/status"
)

// Acts is what a session that may act asks of the gateway. All of it may be asked from any
// goroutine and as often as anybody likes; an error is a sentence for people, in English.
type Acts interface {
	Ping(context.Context) (status.RoundTrip, error)
	// Reconnect makes the connection anew, and says what the link's state was.
	Reconnect() (was string, err error)
	// Reload reads the configuration again, and says what was done, part by part.
	Reload(context.Context) (did []string, err error)
	// Test gives the messages that are sent of a device now, which it follows for a while.
	Test(ctx context.Context, device string) (messages []string, err error)
}

// Of what is asked for.
const (
	actWithin = time.Minute
	actAgain  = time.Second // the same asked for within this is not done again: a button was pressed twice
)

// act is one of the buttons: POST /act/NAME.
type act struct {
	name string
	path string // of the tab that has it, and shows what came of it
	do   func(p *Page, ctx context.Context, device string) outcome
}

func acts() []act {
	return []act{
		{"ping", "/", func(p *Page, ctx context.Context, _ string) (o outcome) {
			trip, err := p.opt.Acts.Ping(ctx)
			return outcome{ms: trip.RTTms, err: err}
		}},
		{"reconnect", "/", func(p *Page, _ context.Context, _ string) outcome {
			was, err := p.opt.Acts.Reconnect()
			return outcome{was: was, err: err}
		}},
		{"test", "/", func(p *Page, ctx context.Context, device string) outcome {
			lines, err := p.opt.Acts.Test(ctx, device)
			return outcome{device: device, lines: lines, err: err}
		}},
		{"reload", "/settings", func(p *Page, ctx context.Context, _ string) outcome {
			lines, err := p.opt.Acts.Reload(ctx)
			return outcome{lines: lines, err: err}
		}},
	}
}

// outcome is what came of an act.
type outcome struct {
	act    string
	device string
	was    string // a link's state
	ms     float64
	lines  []string
	err    error
}

// deeds are the acts under way and those of a moment ago, by what was asked for. The zero
// value has none.
type deeds struct {
	mu  sync.Mutex
	all map[string]*deed
}

type deed struct {
	done chan struct{} // closed when out and at are there
	out  outcome
	at   time.Time
}

// once does something, or waits for what came of it where somebody else does it now or did
// a moment ago.
func (d *deeds) once(what string, do func() outcome) outcome {
	d.mu.Lock()
	old := d.all[what]
	if old != nil && !old.over() {
		d.mu.Unlock()
		<-old.done
		return old.out
	}
	mine := &deed{done: make(chan struct{})}
	if d.all == nil {
		d.all = map[string]*deed{}
	}
	d.all[what] = mine
	d.mu.Unlock()
	defer close(mine.done)
	mine.out = do()
	mine.at = time.Now()
	return mine.out
}

func (d *deed) over() bool {
	select {
	case <-d.done:
		return time.Since(d.at) >= actAgain
	default:
		return false
	}
}

// serveAct does what a button is for, whoever goes away meanwhile, and leads back to where
// it was pressed.
func (p *Page) serveAct(a act) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		device := ""
		if a.name == "test" {
			device = r.FormValue("device")
			if !slices.ContainsFunc(p.opt.Status().Devices, func(d status.Device) bool { return d.Name == device }) {
				http.Error(w, "there is no such device", http.StatusUnprocessableEntity)
				return
			}
		}
		p.tell(r, a.name, device)
		ctx, stop := context.WithTimeout(context.WithoutCancel(r.Context()), actWithin)
		defer stop()
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(2 * actWithin)) // the server's own limit holds where this fails
		out := p.deeds.once(a.name+" "+device, func() outcome { return a.do(p, ctx, device) })
		out.act = a.name
		n := p.guests.leaveOutcome(sessionOf(r), out)
		v := p.view(r, nil)
		http.Redirect(w, r, v.to(a.path, "lang", v.ask.Get("lang"), "done", strconv.FormatUint(n, 10))+"#done", http.StatusSeeOther)
	}
}

// tell has the log say who acts.
func (p *Page) tell(r *http.Request, what, device string) {
	who := sessionOf(r)
	p.opt.Log.Info("somebody acts by the local page", "event", "web.acted", "action", what, "device", device, "session", who.id, "from", who.from)
}

// told is what the control socket answers to somebody who acts.
func (p *Page) told(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.tell(r, r.URL.Path, "")
		h.ServeHTTP(w, r)
	})
}

// leaveOutcome keeps what came of an act until the session sees it; n names it.
func (g *guests) leaveOutcome(s *session, o outcome) (n uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s.outcomes++
	s.outcome = &o
	return s.outcomes
}

// takeOutcome gives it, once.
func (g *guests) takeOutcome(s *session, n string) *outcome {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s == nil || n == "" || n != strconv.FormatUint(s.outcomes, 10) {
		return nil
	}
	o := s.outcome
	s.outcome = nil
	return o
}
