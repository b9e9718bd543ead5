package systemd

import (
	"context"
	"log/slog"
	"time"
)

// Feeder is what Watch needs of a Notifier.
type Feeder interface {
	Watchdog() error
	Status(text string) error
}

// Watch feeds the watchdog until ctx ends, and only while every part moves.
//
// alive returns the name of the part that is stuck, or "" when all of them
// passed their loop recently. It is called every quarter of interval, from the
// caller's goroutine, and must not block: reading a few atomics is meant. While
// it names a part nothing is fed, so that systemd ends the process with SIGABRT
// (the Go runtime then prints every goroutine) and starts it again. The change
// is logged and shown as status once, and so is the recovery.
//
// An interval of 0 means that nobody watches: Watch returns at once.
func Watch(ctx context.Context, f Feeder, interval time.Duration, alive func() (stuck string), log *slog.Logger) {
	if interval <= 0 {
		return
	}
	w := watcher{feeder: f, log: log.With("component", "watchdog")}
	tick := time.NewTicker(max(interval/4, time.Millisecond))
	defer tick.Stop()
	for {
		w.check(alive())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

type watcher struct {
	feeder  Feeder
	log     *slog.Logger
	stuck   string
	failing bool
}

func (w *watcher) check(stuck string) {
	if stuck != w.stuck {
		w.changed(stuck)
	}
	if stuck != "" {
		return
	}
	err := w.feeder.Watchdog()
	if err != nil && !w.failing {
		w.log.Error("the watchdog cannot be fed", "event", "watchdog.feed-failed", "err", err)
	}
	w.failing = err != nil
}

func (w *watcher) changed(stuck string) {
	if stuck == "" {
		w.log.Info("every part moves again", "event", "watchdog.recovered", "part", w.stuck)
	} else {
		w.log.Error("a part of the daemon does not move; the watchdog is not fed", "event", "watchdog.late", "part", stuck)
		_ = w.feeder.Status("stuck: " + stuck) // the log has said it already
	}
	w.stuck = stuck
}
