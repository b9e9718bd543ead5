package main

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/systemd"
)

// The formats of the log, as logFormats keeps them.
const (
	logText = iota
	logJSON
	logJournal
	logKinds
)

// logFormats is the daemon's log in every format: text for people and for the journal,
// which reads the priority before each line, JSON for everything else. It writes the one
// that was taken last, in every logger made of it.
type logFormats struct {
	kinds [logKinds]slog.Handler
	auto  int
	now   *atomic.Int32
}

func newLogFormats(w io.Writer, level slog.Leveler) *logFormats {
	o := &slog.HandlerOptions{Level: level}
	f := &logFormats{now: new(atomic.Int32), auto: logJSON}
	f.kinds = [...]slog.Handler{logText: slog.NewTextHandler(w, o), logJSON: slog.NewJSONHandler(w, o), logJournal: gateway.NewJournalHandler(w, level, systemd.JournalEntry)}
	switch {
	case isJournal(w):
		f.auto = logJournal
	case isTerminal(w):
		f.auto = logText
	}
	return f
}

// take makes a format of [log] the one that is written.
func (f *logFormats) take(format string) {
	kind := f.auto
	switch format {
	case "journal":
		kind = logJournal
	case "text":
		kind = logText
	case "json":
		kind = logJSON
	}
	f.now.Store(int32(kind))
}

func (f *logFormats) handler() slog.Handler { return f.kinds[f.now.Load()] }

// Enabled is part of slog.Handler.
func (f *logFormats) Enabled(ctx context.Context, level slog.Level) bool {
	return f.handler().Enabled(ctx, level)
}

// Handle is part of slog.Handler.
func (f *logFormats) Handle(ctx context.Context, r slog.Record) error {
	return f.handler().Handle(ctx, r)
}

// WithAttrs is part of slog.Handler.
func (f *logFormats) WithAttrs(attrs []slog.Attr) slog.Handler {
	return f.each(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

// WithGroup is part of slog.Handler.
func (f *logFormats) WithGroup(name string) slog.Handler {
	return f.each(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (f *logFormats) each(with func(slog.Handler) slog.Handler) slog.Handler {
	g := *f
	for i, h := range f.kinds {
		g.kinds[i] = with(h)
	}
	return &g
}

// newLog is a log in one format.
func newLog(w io.Writer, c config.Log, level slog.Leveler) *slog.Logger {
	f := newLogFormats(w, level)
	f.take(c.Format)
	return slog.New(f)
}
