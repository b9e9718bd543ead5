package gateway

import (
	"errors"
	"log/slog"
	"sync"
	"time"
)

// logLevel is the level of the log, set to another one for a time.
type logLevel struct {
	v   *slog.LevelVar // nil = it cannot be changed
	log *slog.Logger

	mu    sync.Mutex
	base  slog.Level
	timer *time.Timer // runs while another level than base is set
	turn  int         // of the timer, so that one that has fired too late does nothing
}

// set changes the level for d; a second time before that has passed counts
// from then.
func (l *logLevel) set(level slog.Level, d time.Duration) error {
	if l.v == nil {
		return errors.New("the log level of this gateway cannot be changed")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil {
		l.timer.Stop()
	} else {
		l.base = l.v.Level()
	}
	l.turn++
	turn := l.turn
	l.timer = time.AfterFunc(d, func() { l.end(turn) })
	l.v.Set(level)
	l.log.Info("another log level holds for a time", "component", "daemon", "event", "log.level-changed", "level", level.String(), "duration_s", d.Seconds())
	return nil
}

// become changes the level that holds for good: at once, or when another one that holds
// for a time has ended.
func (l *logLevel) become(level slog.Level) {
	if l.v == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil {
		l.base = level
		return
	}
	l.v.Set(level)
}

// restore ends it before its time.
func (l *logLevel) restore() {
	l.mu.Lock()
	turn := l.turn
	l.mu.Unlock()
	l.end(turn)
}

func (l *logLevel) end(turn int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer == nil || turn != l.turn {
		return
	}
	l.timer.Stop()
	l.timer = nil
	l.v.Set(l.base)
	l.log.Info("the log has its own level again", "component", "daemon", "event", "log.level-restored", "level", l.base.String())
}
