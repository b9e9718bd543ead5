package web

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"

	"portti/cmd/portti/status"
)

// Options is what a Page shows and by which names it is known.
type Options struct {
	ID     string                 // of the gateway
	API    http.Handler           // what the control socket answers members, of which the page has the routes in shared
	Status func() status.Document //
	// History is the last day, of which the page draws plots; nil = there is none.
	History func() status.History
	GPS     func() status.GPSDocument // what receivers of positions see; nil = there are none
	Track   func() status.Track       // where they were; nil as GPS
	Stuck   func() string             // the part that does not move; "" = all do
	Names   func() []string           // other host names and addresses of this machine; nil = none
	Log     *slog.Logger

	Settings func() Settings
	Logs     func(LogFilter) status.LogDocument // without secrets
	Acts     Acts
	// Bundle makes the support file: its name, and what writes it; nil = there is none.
	Bundle func(ctx context.Context, api http.Handler, private bool) (name string, write func(io.Writer) error)
	Export func(io.Writer) error // writes all readings that wait
}

func (o *Options) names() []string {
	if o.Names == nil {
		return nil
	}
	return o.Names()
}

// Page is the local page. Make it with New; all methods may be called from any goroutine.
type Page struct {
	opt     Options
	guests  guests
	feed    *feed
	deeds   deeds
	counts  counts
	handing struct{ bundle, readings sync.Mutex } // one of each is taken at a time
	assets  func() map[string]asset
	finnish func() map[string]translation
}

// New makes a page that nobody is signed in to.
func New(opt Options) *Page {
	return &Page{opt: opt, feed: &feed{status: opt.Status, history: opt.History, gps: opt.GPS, track: opt.Track}, assets: sync.OnceValue(loadAssets), finnish: sync.OnceValue(loadFinnish)}
}

// Invite makes the path of a link by which one browser signs in, within LinkLife.
func (p *Page) Invite(role Role) (path string) { return "/signin/" + p.guests.invite(role) }

// Sessions is who is signed in.
func (p *Page) Sessions() []Session { return p.guests.list() }

// Revoke ends the session of that ID and says how many it ended; "" ends all of them,
// and the links that were not used.
func (p *Page) Revoke(id string) int { return p.guests.leave(id) }

// Handler answers browsers; secure = over TLS.
func (p *Page) Handler(secure bool) http.Handler {
	mux := http.NewServeMux()
	for _, t := range tabs() {
		mux.HandleFunc(t.route(), p.showTab(t))
	}
	mux.HandleFunc("GET /assets/{name}", p.serveAsset)
	mux.HandleFunc("GET /signin/{token}", p.askSignIn)
	mux.HandleFunc("POST /signin/{token}", func(w http.ResponseWriter, r *http.Request) { p.signIn(w, r, secure) })
	mux.HandleFunc("POST /signout", func(w http.ResponseWriter, r *http.Request) { p.signOut(w, r, secure) })
	p.supportRoutes(mux)
	mux.HandleFunc("GET /healthz/{what}", p.health)
	mux.HandleFunc("GET /api/v1/events", p.events)
	for _, a := range acts() {
		mux.HandleFunc("POST /act/"+a.name, p.serveAct(a))
	}
	for _, route := range shared() {
		if h := p.opt.API; strings.HasPrefix(route, "GET ") {
			mux.Handle(route, h)
		} else {
			mux.Handle(route, p.told(h))
		}
	}
	mux.Handle("GET /api/v1/devices/{name}/follow", acting(p.opt.API))
	return &guard{page: p, secure: secure, cross: http.NewCrossOriginProtection(), next: mux}
}

// shared are the routes of the control socket that the page has too: GET for every
// session, POST for one that may act. Any other stays the socket's alone until it is
// named here: who may come in, the files of the configuration, and what is there for
// support. All that waits for the server is for supportRoutes.
func shared() []string {
	return []string{
		"GET /api/v1/status", "GET /api/v1/queue", "GET /api/v1/history", "GET /api/v1/gps", "GET /api/v1/logs",
		"GET /api/v1/track", "GET /api/v1/track.gpx",
		"POST /api/v1/ping", "POST /api/v1/reload", "POST /api/v1/uplink/reconnect",
	}
}

// acting keeps from sessions that may only look what is more than to look, though it is a
// GET: every byte of a device.
func acting(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s := sessionOf(r); s == nil || s.role != Act {
			http.Error(w, onlyLooks, http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// send writes a whole document.
func (p *Page) send(w http.ResponseWriter, code int, root *node) {
	var b strings.Builder
	b.WriteString("<!doctype html>\n")
	root.html(&b)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	if _, err := w.Write([]byte(b.String())); err != nil {
		p.opt.Log.Debug("page not delivered", "event", "web.answer-failed", "err", err)
	}
}

// stranger tells somebody who is not signed in how to be.
func (p *Page) stranger(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/api/") || r.Method != http.MethodGet {
		http.Error(w, "not signed in; on the gateway a link is made by: portti web link", http.StatusUnauthorized)
		return
	}
	v := p.view(r, nil)
	p.send(w, http.StatusUnauthorized, v.outside(v.w.NotSignedIn, v.w.HowToSignIn, el("p", el("code", "portti web link"))))
}

// askSignIn changes nothing, as no GET does: programs that look at links before a person
// does would use this one up.
func (p *Page) askSignIn(w http.ResponseWriter, r *http.Request) {
	v := p.view(r, nil)
	form := el("form", at("method", "post"), el("button", at("type", "submit"), class("main"), v.w.SignIn))
	p.send(w, http.StatusOK, v.outside(v.w.SignInTitle, v.w.SignInText, form))
}

func (p *Page) signIn(w http.ResponseWriter, r *http.Request, secure bool) {
	from, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		from = r.RemoteAddr
	}
	v := p.view(r, nil)
	cookie, role, tooMany := p.guests.enter(r.PathValue("token"), from, status.Clean(r.UserAgent(), 120), secure)
	switch {
	case tooMany:
		p.counts.rejected[rejectedRate].Add(1)
		if p.guests.tell() {
			p.opt.Log.Warn("too many failed sign-ins at the local page; only good links are taken", "event", "web.sign-in-limited", "from", from)
		}
		w.Header().Set("Retry-After", "60")
		p.send(w, http.StatusTooManyRequests, v.outside(v.w.TooManyTitle, v.w.TooManyText, nil))
	case cookie == "":
		p.counts.rejected[rejectedSession].Add(1)
		p.opt.Log.Info("a link to the local page was refused", "event", "web.sign-in-refused", "from", from)
		p.send(w, http.StatusForbidden, v.outside(v.w.LinkOverTitle, v.w.LinkOverText, el("p", el("code", "portti web link"))))
	default:
		p.opt.Log.Info("somebody has signed in to the local page", "event", "web.signed-in", "from", from, "role", string(role))
		http.SetCookie(w, &http.Cookie{Name: p.cookieName(secure), Value: cookie, Path: "/", MaxAge: int(SessionLife.Seconds()),
			HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode})
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}
}

func (p *Page) signOut(w http.ResponseWriter, r *http.Request, secure bool) {
	p.guests.leave(sessionOf(r).id)
	http.SetCookie(w, &http.Cookie{Name: p.cookieName(secure), Path: "/", MaxAge: -1, HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode})
	v := p.view(r, nil)
	p.send(w, http.StatusOK, v.outside(v.w.SignedOut, v.w.HowToSignIn, el("p", el("code", "portti web link"))))
}

// health is for programs that watch programs. A server that cannot be reached is no
// reason not to be ready: that is what the buffer is for.
func (p *Page) health(w http.ResponseWriter, r *http.Request) {
	var wrong []string
	switch r.PathValue("what") {
	case "live":
		if part := p.opt.Stuck(); part != "" {
			wrong = append(wrong, "stuck")
		}
	case "ready":
		if doc := p.opt.Status(); doc.Buffer.State == status.BufferDegraded || len(doc.Devices) == 0 {
			wrong = append(wrong, "not ready")
		}
	case "status":
		doc := p.opt.Status()
		for _, problem := range doc.Problems {
			if problem.Severity == status.Error {
				wrong = append(wrong, problem.Code)
			}
		}
	default:
		http.NotFound(w, r)
		return
	}
	if len(wrong) == 0 {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusServiceUnavailable)
	_ = json.NewEncoder(w).Encode(wrong)
}
