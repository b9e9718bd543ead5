package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// Of what is handed out.
const (
	bundleTime  = 2 * time.Minute  // for all of a support file; each source of it has a limit of its own
	pieceWithin = 10 * time.Second // a browser that does not take a piece of 64 KB for so long is dropped
)

// supportRoutes are the files that a session that may act takes along: a POST, which the
// guard lets nobody else do, and which no other web page can have a browser do.
func (p *Page) supportRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /support/file", p.handBundle)
	mux.HandleFunc("POST /support/readings", p.handReadings)
	mux.HandleFunc("GET /support/{what}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, p.view(r, nil).to("/support", "lang", r.URL.Query().Get("lang")), http.StatusSeeOther)
	})
}

func (p *Page) handBundle(w http.ResponseWriter, r *http.Request) {
	private := r.PostFormValue("private") != ""
	ctx, cancel := context.WithTimeout(r.Context(), bundleTime)
	defer cancel()
	p.handOut(w, r.WithContext(ctx), &p.handing.bundle, func() handout {
		if p.opt.Bundle == nil {
			return handout{}
		}
		name, write := p.opt.Bundle(ctx, p.opt.API, private)
		return handout{"support file", name, "application/gzip", write}
	})
}

func (p *Page) handReadings(w http.ResponseWriter, r *http.Request) {
	p.handOut(w, r, &p.handing.readings, func() handout {
		return handout{"readings", "portti-" + time.Now().UTC().Format("20060102-150405") + ".jsonl", "application/x-ndjson", p.opt.Export}
	})
}

// handout is a file that is made while it is taken.
type handout struct {
	what, name, kind string
	write            func(io.Writer) error // nil = there is none
}

// handOut sends a file, one of its kind at a time, piece by piece and no faster than it is
// taken. One that cannot be sent whole ends in an error for the browser too, which keeps it
// from taking a part for the whole.
func (p *Page) handOut(w http.ResponseWriter, r *http.Request, turn *sync.Mutex, begin func() handout) {
	v := p.view(r, nil)
	back := el("p", el("a", at("href", v.to("/support", "lang", v.ask.Get("lang"))), v.w.SupportBack))
	if !turn.TryLock() {
		w.Header().Set("Retry-After", "30")
		p.send(w, http.StatusServiceUnavailable, v.outside(v.w.SupportBusyTitle, v.w.SupportBusyText, back))
		return
	}
	defer turn.Unlock()
	f := begin()
	if f.write == nil {
		http.NotFound(w, r)
		return
	}
	out := &pieces{page: p, r: r, w: w, c: http.NewResponseController(w)}
	defer context.AfterFunc(r.Context(), func() { _ = out.c.SetWriteDeadline(time.Now()) })() // so that nobody waits for one who takes nothing
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Content-Disposition", `attachment; filename="`+fileName(f.name)+`"`)
	err := f.write(out)
	who := sessionOf(r)
	log := p.opt.Log.With("event", "web.handed-out", "what", f.what, "by", who.id, "from", who.from, "bytes", out.n)
	switch {
	case err == nil:
		log.Info("a file was downloaded from the local page")
	case out.n == 0:
		log.Warn("a file for the local page could not be made", "err", err)
		h.Del("Content-Disposition")
		p.send(w, http.StatusInternalServerError, v.outside(v.w.SupportFailedTitle, v.w.SupportFailedText, back))
	default:
		log.Info("a download from the local page broke off", "err", err)
		panic(http.ErrAbortHandler) // the connection ends without the end of the answer
	}
}

// fileName is a name with nothing in it that a header or a file system takes for something else.
func fileName(name string) string {
	b := []byte(name)
	for i, c := range b {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '/' || c == ':' {
			b[i] = '-'
		}
	}
	return string(b)
}

// pieces is where a file goes, as long as whoever takes it may.
type pieces struct {
	page *Page
	r    *http.Request
	w    io.Writer
	c    *http.ResponseController
	n    int64
}

func (p *pieces) Write(b []byte) (int, error) {
	_ = p.c.SetWriteDeadline(time.Now().Add(pieceWithin)) // the server's own limit holds where this fails
	if err := p.r.Context().Err(); err != nil || len(b) == 0 {
		return 0, err
	}
	if !p.page.guests.holds(sessionOf(p.r)) {
		return 0, errors.New("whoever took it was signed out")
	}
	n, err := p.w.Write(b)
	p.n += int64(n)
	return n, err
}
