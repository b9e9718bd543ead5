package gateway

import (
	"log/slog"
	"net/http"
	"regexp"
	"runtime"
	"time"
)

// maxDebug bounds how long portti bundle --record has the log at debug: where the verb
// dies the level comes back by itself.
const maxDebug = time.Hour

// maxStacks bounds the text of all goroutines; each has about 1 KB.
const maxStacks = 1 << 20

// supportRoutes are what portti bundle asks for besides what there is for all.
func (g *Gateway) supportRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/goroutines", func(w http.ResponseWriter, _ *http.Request) {
		text := make([]byte, maxStacks)
		text = text[:runtime.Stack(text, true)]
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write(text) // who asked may be gone
	})
	mux.HandleFunc("POST /api/v1/mark", func(w http.ResponseWriter, r *http.Request) {
		id := r.FormValue("id")
		if !markID.MatchString(id) {
			http.Error(w, "a mark is BUNDLE- and eight digits", http.StatusBadRequest)
			return
		}
		g.opt.Log.Info("a support bundle is made: "+id, "component", "daemon", "event", "bundle.made", "bundle", id)
		answer(w, struct{}{}, g.opt.Log)
	})
	mux.HandleFunc("POST /api/v1/debug", func(w http.ResponseWriter, r *http.Request) {
		span, err := time.ParseDuration(r.FormValue("for"))
		switch {
		case err != nil || span < 0 || span > maxDebug:
			http.Error(w, "for= must be a duration up to "+maxDebug.String()+"; 0s ends it", http.StatusBadRequest)
			return
		case span == 0:
			g.level.restore()
		default:
			err = g.level.set(slog.LevelDebug, span)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		answer(w, struct{}{}, g.opt.Log)
	})
}

// markID is what the log can be searched for.
var markID = regexp.MustCompile(`^BUNDLE-[0-9A-F]{8}$`)
