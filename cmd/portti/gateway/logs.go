package gateway

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

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
	g.scrub.lines(doc.Lines)
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
// last of three layers. The files with secrets are read when somebody looks; what is made
// of them, up to a megabyte, is kept for scrubFresh.
type scrub struct {
	secrets func() []string // nil = there are none to know

	mu   sync.Mutex
	kept *scrubbing // nil = nobody looked lately
}

// scrubbing is what is known of the secrets of a moment.
type scrubbing struct {
	*redact.Scrubber
	lines map[uint64]status.LogLine // of the log, without them: a page of it asks each second, and one line is 60 µs of work, thirty times that on a Pi Zero
}

func (s *scrubbing) clean(text string) string {
	if text == "" {
		return ""
	}
	out, _ := s.Scrub([]byte(text))
	return string(out)
}

// nowLocked is what is known now.
func (s *scrub) nowLocked() *scrubbing {
	if s.kept == nil {
		var known []string
		if s.secrets != nil {
			known = s.secrets()
		}
		s.kept = &scrubbing{redact.New(redact.Options{Secrets: known}), map[uint64]status.LogLine{}}
		time.AfterFunc(scrubFresh, s.forget)
	}
	return s.kept
}

func (s *scrub) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = nil
}

// cleaner gives text without secrets.
func (s *scrub) cleaner() func(string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nowLocked().clean
}

// lines takes them out of lines of the log.
func (s *scrub) lines(list []status.LogLine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.nowLocked()
	for i := range list {
		l := &list[i]
		done, ok := now.lines[l.Number]
		if !ok {
			if len(now.lines) >= keptLines+keptDebug { // most of them are of lines that are gone
				clear(now.lines)
			}
			done = *l
			done.Message, done.Rest, done.Device = now.clean(l.Message), now.clean(l.Rest), now.clean(l.Device)
			now.lines[l.Number] = done
		}
		*l = done
	}
}
