package uplink

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestPing measures each time it is asked, and does not wait for the next ping that is due.
func TestPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{PingInterval: time.Hour}, polite)
		if _, err := w.link.Ping(t.Context()); !errors.Is(err, ErrOffline) {
			t.Errorf("before there is a connection: %v", err)
		}
		w.run()
		w.state(Online)
		began := time.Now()
		for range 5 {
			if d, err := w.link.Ping(t.Context()); err != nil || d <= 0 {
				t.Fatal(d, err)
			}
		}
		if passed := time.Since(began); passed > time.Second {
			t.Errorf("five round trips took %v", passed)
		}
		w.end()
	})
}

// TestPingWithoutAnAnswer ends with its ctx, and with the connection.
func TestPingWithoutAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{PongTimeout: 30 * time.Second}, func(_ int, w *wire) {
			if w.accept() != nil {
				return
			}
			for {
				if _, err := w.read(); err != nil {
					return
				}
			}
		})
		w.run()
		w.state(Online)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := w.link.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if n := len(w.link.board.pongs); n != 0 {
			t.Errorf("%d still wait", n)
		}
		began := time.Now()
		if _, err := w.link.Ping(t.Context()); !errors.Is(err, ErrOffline) || time.Since(began) > time.Minute {
			t.Error(err, time.Since(began))
		}
		w.end()
	})
}
