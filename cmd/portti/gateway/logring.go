package gateway

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"time"

	"portti/cmd/portti/status"
)

// What is kept in memory of the log.
const (
	keptLines = 1000
	keptBytes = 192 << 10
	// keptDebug and keptDebugBytes are for lines of the level debug, which push out none
	// of more weight.
	keptDebug      = 300
	keptDebugBytes = 64 << 10
	longestText    = 2000 // of a line's message, and of the rest of it
)

// logRing keeps the last of what was logged.
type logRing struct {
	mu     sync.Mutex
	number uint64
	levels map[string]uint64 // lines of each level
	all    keptLog           // of the level info and above
	debug  keptLog
	text   bytes.Buffer // of the line in hand
}

// keptLog are lines in their order, as many as may be.
type keptLog struct {
	lines []status.LogLine
	bytes int
}

func (k *keptLog) add(l status.LogLine, lines, bytes int) {
	k.lines = append(k.lines, l)
	k.bytes += sizeOf(&l)
	for len(k.lines) > lines || k.bytes > bytes {
		k.bytes -= sizeOf(&k.lines[0])
		k.lines[0] = status.LogLine{} // its texts are not held by what lies before the slice
		k.lines = k.lines[1:]
	}
}

// sizeOf is about what a line takes: its texts, and what holds them.
func sizeOf(l *status.LogLine) int {
	return 160 + len(l.Message) + len(l.Rest) + len(l.Event) + len(l.Component) + len(l.Code) + len(l.Device)
}

// last gives the lines that fit, the newest first, at most so many, and whether there
// are more; oldest is the time of the oldest that is kept of the level info and above.
func (r *logRing) last(fits func(*status.LogLine) bool, most int) (list []status.LogLine, oldest *time.Time, more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all, debug := r.all.lines, r.debug.lines
	if len(all) > 0 {
		first := all[0].At
		oldest = &first
	}
	list = []status.LogLine{}
	for len(all)+len(debug) > 0 {
		from := &all
		if len(all) == 0 || len(debug) > 0 && debug[len(debug)-1].Number > all[len(all)-1].Number {
			from = &debug
		}
		l := &(*from)[len(*from)-1]
		*from = (*from)[:len(*from)-1]
		switch {
		case !fits(l):
		case len(list) == most:
			return list, oldest, true
		default:
			list = append(list, *l)
		}
	}
	return list, oldest, false
}

// counts is how many lines there were of each level.
func (r *logRing) counts() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.levels)
}

// ringHandler keeps in a ring what it hands on to the log.
type ringHandler struct {
	next  slog.Handler
	ring  *logRing
	rest  slog.Handler   // writes what has no place of its own in a line to ring.text
	line  status.LogLine // what is the same of all lines
	inner bool           // in a group, where no name has a meaning
}

func newRingHandler(next slog.Handler, ring *logRing) *ringHandler {
	rest := slog.NewTextHandler(&ring.text, &slog.HandlerOptions{Level: slog.Level(-100), ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey || placeOf(new(status.LogLine), a.Key) != nil) {
			return slog.Attr{}
		}
		return a
	}})
	return &ringHandler{next: next, ring: ring, rest: rest}
}

// placeOf is where a line has the value of that name; nil = with the rest.
func placeOf(l *status.LogLine, name string) *string {
	switch name {
	case "event":
		return &l.Event
	case "component":
		return &l.Component
	case "code":
		return &l.Code
	case "device", "subject":
		return &l.Device
	}
	return nil
}

// Enabled implements slog.Handler.
func (h *ringHandler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// Handle implements slog.Handler.
func (h *ringHandler) Handle(ctx context.Context, r slog.Record) error {
	line := h.line
	line.At, line.Message, line.Level = r.Time.UTC().Round(0), cut(r.Message), levelOf(r.Level)
	if !h.inner {
		r.Attrs(func(a slog.Attr) bool {
			if at := placeOf(&line, a.Key); at != nil {
				*at = status.Clean(a.Value.Resolve().String(), 200)
			}
			return true
		})
	}
	h.ring.keep(ctx, h.rest, line, r)
	return h.next.Handle(ctx, r)
}

func (r *logRing) keep(ctx context.Context, rest slog.Handler, line status.LogLine, rec slog.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text.Reset()
	_ = rest.Handle(ctx, rec) // to memory
	line.Rest = cut(strings.TrimSpace(r.text.String()))
	if r.text.Cap() > 4*longestText { // an error of many lines
		r.text = bytes.Buffer{}
	}
	r.number++
	line.Number = r.number
	if r.levels == nil {
		r.levels = map[string]uint64{}
	}
	r.levels[line.Level]++
	if rec.Level < slog.LevelInfo {
		r.debug.add(line, keptDebug, keptDebugBytes)
		return
	}
	r.all.add(line, keptLines, keptBytes)
}

// cut shortens a text at the end of a word, so that no part of a secret stays that cannot
// be told from other text.
func cut(s string) string {
	if len(s) <= longestText {
		return strings.Clone(s) // of no more than it needs
	}
	s = s[:longestText]
	return strings.Clone(s[:strings.LastIndexAny(s, " \n")+1]) + "…"
}

func levelOf(l slog.Level) string {
	switch priority(l) {
	case 3:
		return "error"
	case 4:
		return "warn"
	case 6:
		return "info"
	}
	return "debug"
}

// WithAttrs implements slog.Handler.
func (h *ringHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	n := *h
	n.next, n.rest = h.next.WithAttrs(attrs), h.rest.WithAttrs(attrs)
	for _, a := range attrs {
		if at := placeOf(&n.line, a.Key); at != nil && !h.inner {
			*at = status.Clean(a.Value.Resolve().String(), 200)
		}
	}
	return &n
}

// WithGroup implements slog.Handler.
func (h *ringHandler) WithGroup(name string) slog.Handler {
	n := *h
	n.next, n.rest, n.inner = h.next.WithGroup(name), h.rest.WithGroup(name), true
	return &n
}
