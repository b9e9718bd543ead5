package gateway

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
	"weak"

	"portti/cmd/portti/redact"
	"portti/cmd/portti/status"
	"portti/cmd/portti/web"
)

// Logs is what was logged lately: of what is kept in memory that which fits, with the
// secrets of now taken out.
func (g *Gateway) Logs(f web.LogFilter) status.LogDocument {
	fits := func(l *status.LogLine) bool {
		return weightOf(l.Level) >= weightOf(f.Level) && (f.Device == "" || l.Device == f.Device) && !l.At.Before(f.Since) && (f.Until.IsZero() || !l.At.After(f.Until))
	}
	doc := status.LogDocument{Schema: status.Schema}
	doc.Lines, doc.Oldest, doc.More = g.ring.last(fits, cmp.Or(f.Most, keptLines+keptDebug))
	clean := g.scrub.cleaner()
	for i := range doc.Lines {
		l := &doc.Lines[i]
		l.Message, l.Rest, l.Device = clean(l.Message), clean(l.Rest), clean(l.Device)
	}
	return doc
}

// levels are those of the log, the least first.
func levels() []string { return []string{"debug", "info", "warn", "error"} }

func weightOf(level string) int { return slices.Index(levels(), level) } // "" weighs less than all

// serveLogs answers GET /api/v1/logs?since=TIME&level=LEVEL&device=NAME.
func (g *Gateway) serveLogs(w http.ResponseWriter, r *http.Request) {
	f, err := logsAsked(r.URL.Query(), time.Now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer(w, g.Logs(f), g.opt.Log)
}

func logsAsked(q url.Values, now time.Time) (f web.LogFilter, err error) {
	f.Device = q.Get("device")
	if f.Level = q.Get("level"); !slices.Contains(levels(), f.Level) && f.Level != "" {
		return f, fmt.Errorf("there is no level %q: debug, info, warn or error", status.Clean(f.Level, 40))
	}
	since := q.Get("since")
	if since == "" {
		return f, nil
	}
	if ago, err := time.ParseDuration(since); err == nil && ago >= 0 {
		f.Since = now.Add(-ago)
	} else if f.Since, err = time.Parse(time.RFC3339, since); err != nil {
		return f, fmt.Errorf("since cannot be %q: a time such as 20m or 6h ago, or 2026-11-22T02:00:00Z", status.Clean(since, 40))
	}
	return f, nil
}

// scrubFresh is for how long the secrets are known that were looked for.
const scrubFresh = time.Minute

// scrub takes secrets out of what people see over the network, as portti bundle does: the
// last of three layers. The files with secrets are read when somebody looks, and what is
// made of them, up to a megabyte, is kept for as long as memory is not needed otherwise.
type scrub struct {
	secrets func() []string // nil = there are none to know

	mu   sync.Mutex
	kept weak.Pointer[redact.Scrubber]
	made time.Time
}

// cleaner gives text without secrets.
func (s *scrub) cleaner() func(string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.kept.Value()
	if r == nil || time.Since(s.made) >= scrubFresh {
		var known []string
		if s.secrets != nil {
			known = s.secrets()
		}
		r = redact.New(redact.Options{Secrets: known})
		s.kept, s.made = weak.Make(r), time.Now()
	}
	return func(text string) string {
		if text == "" {
			return ""
		}
		out, _ := r.Scrub([]byte(text))
		return string(out)
	}
}
