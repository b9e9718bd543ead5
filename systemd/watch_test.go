package systemd

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// feeder counts what systemd would see. Only the bubble's goroutines use it,
// and the test reads it when they are all blocked.
type feeder struct {
	fed      int
	statuses []string
	err      error
}

func (f *feeder) Watchdog() error {
	if f.err == nil {
		f.fed++
	}
	return f.err
}

func (f *feeder) Status(text string) error {
	f.statuses = append(f.statuses, text)
	return nil
}

// watched is a Watch that runs in a bubble.
type watched struct {
	feeder feeder
	stuck  atomic.Pointer[string]
	log    bytes.Buffer
}

func (w *watched) start(t *testing.T, interval time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		log := slog.New(slog.NewTextHandler(&w.log, nil))
		Watch(ctx, &w.feeder, interval, w.alive, log)
	}()
	return func() { cancel(); <-done }
}

func (w *watched) hang(part string) { w.stuck.Store(&part) }

func (w *watched) alive() string {
	if part := w.stuck.Load(); part != nil {
		return *part
	}
	return ""
}

func pass(d time.Duration) { time.Sleep(d); synctest.Wait() }

func TestWatchFeedsWhileEveryPartMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w watched
		stop := w.start(t, time.Minute)
		pass(10*time.Minute + time.Second)
		stop()
		if w.feeder.fed != 41 { // at once, then four times a minute
			t.Errorf("fed %d times in ten minutes, want 41", w.feeder.fed)
		}
		if w.log.Len() > 0 {
			t.Errorf("a healthy watchdog logged: %s", w.log.String())
		}
	})
}

func TestWatchStopsFeedingAndNamesTheStuckPartOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w watched
		stop := w.start(t, time.Minute)
		pass(time.Second)
		w.hang("buffer")
		fed := w.feeder.fed
		pass(5 * time.Minute)
		if w.feeder.fed != fed {
			t.Errorf("fed %d times while a part was stuck", w.feeder.fed-fed)
		}
		if got := strings.Count(w.log.String(), "event=watchdog.late"); got != 1 {
			t.Errorf("said %d times that a part is stuck:\n%s", got, w.log.String())
		}
		if !strings.Contains(w.log.String(), "part=buffer") || len(w.feeder.statuses) != 1 || w.feeder.statuses[0] != "stuck: buffer" {
			t.Errorf("the part is not named: %v\n%s", w.feeder.statuses, w.log.String())
		}
		w.hang("")
		pass(time.Minute)
		stop()
		if w.feeder.fed != fed+4 || strings.Count(w.log.String(), "event=watchdog.recovered") != 1 {
			t.Errorf("fed %d times after the recovery\n%s", w.feeder.fed-fed, w.log.String())
		}
	})
}

func TestWatchNamesTheNextStuckPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w watched
		w.hang("buffer")
		stop := w.start(t, time.Minute)
		pass(time.Second)
		w.hang("devices")
		pass(time.Minute)
		stop()
		if w.feeder.fed != 0 || strings.Count(w.log.String(), "event=watchdog.late") != 2 {
			t.Errorf("fed %d times\n%s", w.feeder.fed, w.log.String())
		}
	})
}

func TestWatchSaysOnceThatItCannotFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watched{feeder: feeder{err: errors.New("no socket")}}
		stop := w.start(t, time.Minute)
		pass(5 * time.Minute)
		stop()
		if got := strings.Count(w.log.String(), "event=watchdog.feed-failed"); got != 1 {
			t.Errorf("said it %d times:\n%s", got, w.log.String())
		}
	})
}

func TestWatchWithoutWatchdogReturns(t *testing.T) {
	Watch(t.Context(), nil, 0, nil, slog.New(slog.DiscardHandler))
}
