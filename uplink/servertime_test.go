package uplink

import (
	"bytes"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// serverTimes collects what Options.ServerTime was called with.
type serverTimes struct {
	mu    sync.Mutex
	now   []time.Time
	slack []time.Duration
}

func (h *serverTimes) add(now time.Time, slack time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now, h.slack = append(h.now, now.UTC()), append(h.slack, slack)
}

func (h *serverTimes) all() ([]time.Time, []time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.now), slices.Clone(h.slack)
}

// Row 25: the Date of the upgrade's answer is passed on, in the middle of what
// it can mean: a second, and the time the answer took.
func TestDateOfTheUpgradeIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h serverTimes
		w := start(t, Options{ServerTime: h.add}, func(_ int, w *wire) {
			req, err := w.request()
			if err != nil {
				return
			}
			time.Sleep(400 * time.Millisecond)
			_ = w.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\n" +
				"Sec-WebSocket-Accept: " + acceptKey(req) + "\r\n\r\n")
			w.pump(func([]byte) bool { return true })
		})
		w.run()
		time.Sleep(time.Second)
		w.state(Online)
		now, slack := h.all()
		want := time.Date(2026, 11, 22, 12, 0, 0, 700_000_000, time.UTC)
		if len(now) != 1 || !now[0].Equal(want) || slack[0] != 700*time.Millisecond {
			t.Errorf("got %v ± %v, want %v ± 700ms", now, slack, want)
		}
		w.end()
	})
}

// What refuses the upgrade without TLS may be anybody: a login page of the
// network, for one.
func TestDateOfAStrangerIsNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h serverTimes
		answers := []string{
			"HTTP/1.1 503 Busy\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\nContent-Length: 0\r\n\r\n",
			"HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\nContent-Length: 0\r\n\r\n",
		}
		w := start(t, Options{ServerTime: h.add}, func(n int, w *wire) {
			if _, err := w.request(); err == nil {
				_ = w.say(answers[n%2])
			}
		})
		w.run()
		time.Sleep(10 * time.Minute)
		if now, _ := h.all(); len(now) != 0 || len(w.net.gaps()) < 2 {
			t.Errorf("got %v after %v", now, w.net.gaps())
		}
		w.end()
	})
}

func TestServerDate(t *testing.T) {
	for _, text := range []string{"", "yesterday", "2026-11-22T12:00:00Z", "Sun, 99 Nov 2026 12:00:00 GMT"} {
		if now, _, ok := serverDate(http.Header{"Date": {text}}, 0); ok {
			t.Errorf("%q is %v", text, now)
		}
	}
	if _, _, ok := serverDate(http.Header{"Date": {"Sun, 22 Nov 2026 12:00:00 GMT"}}, -1); ok {
		t.Error("an answer before its request")
	}
}

// timely is a dialect whose every message is a time.
type timely struct{ thingseeSession }

func (timely) onMessage(message []byte) serverMessage {
	var h serverMessage
	if h.time.UnmarshalText(bytes.Trim(message, `"`)) == nil {
		h.kind = "time"
	}
	return h
}

// A time in a message of the dialect goes the same way.
func TestTimeInAMessageIsTaken(t *testing.T) {
	var h serverTimes
	r := reader{dialect: timely{}, inbox: newInbox(&statusBoard{s: Status{ServerKinds: map[string]uint64{}}}), o: &Options{ServerTime: h.add}}
	for _, m := range []string{`"2026-04-04T10:30:00Z"`, `"no time"`, `{}`} {
		if err := r.message([]byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	now, slack := h.all()
	if len(now) != 1 || !now[0].Equal(time.Date(2026, 4, 4, 10, 30, 0, 0, time.UTC)) || slack[0] != messageSlack {
		t.Errorf("got %v ± %v", now, slack)
	}
	if h := (thingseeSession{}).onMessage([]byte(`{"server_time":"2026-04-04T10:30:00Z"}`)); !h.time.IsZero() {
		t.Errorf("the thingsee dialect knows of no time, and gave %v", h.time)
	}
}

// Row 27: a date in Retry-After is compared with the server's own, so that a
// clock of ours that is years off does not make it an hour or nothing.
func TestRetryAfterGoesByTheServersClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, off := range []time.Duration{0, -56 * 365 * 24 * time.Hour, 10 * 365 * 24 * time.Hour} {
			now := time.Now()
			w := start(t, Options{Rand: func() float64 { return 0 }, Now: func() time.Time { return time.Now().Add(off) }}, func(_ int, w *wire) {
				if _, err := w.request(); err == nil {
					at := func(d time.Duration) string { return now.Add(d).UTC().Format(http.TimeFormat) }
					_ = w.say("HTTP/1.1 503 Busy\r\nDate: " + at(0) + "\r\nRetry-After: " + at(7*time.Minute) + "\r\nContent-Length: 0\r\n\r\n")
				}
			})
			w.run()
			time.Sleep(10 * time.Minute)
			if gaps := w.net.gaps(); len(gaps) == 0 || gaps[0] != 7*time.Minute {
				t.Errorf("off by %v: gaps %v, want 7m", off, gaps)
			}
			w.end()
		}
	})
}
