package uplink

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

const (
	heartbeatSaid = `{"type":"heartbeat","server_time":"2026-04-04T10:30:00Z"}`
	sensorSaid    = `{"type":"sensor_update","machine_id":"uuid","metric_name":"temperature","value":73.2,"unit":"celsius","timestamp":"2026-04-04T10:30:05Z"}`
	alertSaid     = `{"type":"alert","alert_id":"uuid","machine_id":"uuid","severity":"critical","message":"Temperature exceeded threshold","metric_value":87.3,"threshold_value":85.0,"created_at":"2026-04-04T10:30:05Z"}`
	machineSaid   = `{"type":"machine_status","machine_id":"uuid","old_status":"healthy","new_status":"warning","timestamp":"2026-04-04T10:30:05Z"}`
)

// beating sends heartbeats after the given gaps.
func beating(w *wire, gaps ...time.Duration) {
	for _, gap := range gaps {
		time.Sleep(gap)
		says(w, heartbeatSaid)
	}
}

func every(gap time.Duration, n int) []time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = gap
	}
	return all
}

// The token is the first message, bare, and nothing follows before the server
// has said something: its endpoint answers pings while the token is still
// being looked at.
func TestHaltlessSendsNothingBeforeTheServersFirstWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h serverTimes
		began := time.Now()
		c := &company{script: func(_ int, w *wire) {
			time.Sleep(3 * time.Second)
			says(w, heartbeatSaid, sensorSaid, alertSaid, machineSaid, sensorSaid, `{"type":"later versions"}`)
		}}
		token := staticToken(NewSecret("eyJhbGciOiJFUzI1NiJ9.e30.c2ln"))
		w := c.start(t, Options{Dialect: DialectHaltless, Token: token, ServerTime: h.add, URL: "ws://localhost/api/v1/ws/dashboard"})
		w.src.add(300)
		w.run()
		time.Sleep(2900 * time.Millisecond)
		w.state(Online)
		if n, _ := c.total(); n != 0 {
			t.Errorf("%d readings before the first word", n)
		}
		time.Sleep(200 * time.Millisecond)
		w.state(Online)
		if n, often := c.total(); n != 300 || often != 300 || c.first.Sub(began).Round(time.Millisecond) != 3*time.Second {
			t.Errorf("%d readings, %d times, after %v", n, often, c.first.Sub(began))
		}
		if said := c.received(1); len(said) != 1 || said[0] != "eyJhbGciOiJFUzI1NiJ9.e30.c2ln" || c.uris[0] != "/api/v1/ws/dashboard" || c.auth[0] != "" {
			t.Errorf("said %q at %q with %q", said, c.uris, c.auth)
		}
		if now, slack := h.all(); len(now) != 1 || !now[0].Equal(time.Date(2026, 4, 4, 10, 30, 0, 0, time.UTC)) || slack[0] != messageSlack {
			t.Errorf("got %v ± %v", now, slack)
		}
		synctest.Wait()
		w.kinds(map[string]uint64{"heartbeat": 1, "sensor_update": 2, "alert": 1, "machine_status": 1}, 1)
		if w.src.count(released) != 300 {
			t.Errorf("%d released", w.src.count(released))
		}
		w.end()
	})
}

// A server that says nothing gets the data when auth_settle is over. Where the
// application itself acknowledges, there is nothing to wait for.
func TestHaltlessWaitsForAuthSettle(t *testing.T) {
	for _, m := range []struct {
		ack    string
		settle time.Duration
	}{{AckFence, 0}, {AckFence, 4 * time.Second}, {AckNone, 0}, {AckCount, 0}} {
		t.Run(m.ack, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				c := &company{}
				w := c.start(t, Options{Dialect: DialectHaltless, Token: staticToken(NewSecret("jwt")), Ack: m.ack, AuthSettle: m.settle})
				w.src.add(1)
				w.run()
				time.Sleep(15 * time.Second)
				w.state(Online)
				want := m.settle
				if want == 0 {
					want = 10 * time.Second
				}
				if m.ack == AckCount {
					want = 0
				}
				if got := c.first.Sub(began).Round(time.Millisecond); got != want {
					t.Errorf("the first reading went after %v, want %v", got, want)
				}
				w.end()
			})
		})
	}
}

// Row 33: the token is refused after the upgrade. The next one is tried at
// once, and nothing is lost or sent twice: nothing had been sent.
func TestHaltlessTokenRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &company{answer: func(_ int, w *wire, token string) {
			time.Sleep(2 * time.Second) // it looks at the token
			if token != "good" {
				w.close(4001, "Invalid or expired token")
				return
			}
			says(w, heartbeatSaid)
		}}
		tokens := &wallet{tokens: []string{"stale", "good"}}
		w := c.start(t, Options{Dialect: DialectHaltless, Token: tokens})
		w.src.add(50)
		w.run()
		time.Sleep(2100 * time.Millisecond)
		w.state(Waiting)
		if st := w.link.Status(); st.Problem != ProblemAuthRejected || st.SentRecords != 0 {
			t.Errorf("%+v", st)
		}
		time.Sleep(3 * time.Second)
		w.state(Online)
		refused, revoked := tokens.reported()
		if n, often := c.total(); n != 50 || often != 50 || len(refused) != 1 || refused[0] != "stale" || revoked != 0 {
			t.Errorf("%d readings, %d times; refused %q, revoked %d", n, often, refused, revoked)
		}
		if gap := w.net.gaps()[0].Round(time.Millisecond); gap != 2*time.Second+backoffFloor {
			t.Errorf("tried again after %v", gap)
		}
		if st := w.link.Status(); st.Problem != "" || st.Resent != 0 {
			t.Errorf("%+v", st)
		}
		w.end()
	})
}

// A pong says nothing about the token: the problem stands until data is proven.
func TestHaltlessPongDoesNotClearARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &company{answer: func(_ int, w *wire, _ string) {
			time.Sleep(2 * time.Second)
			w.close(4001, "")
		}}
		w := c.start(t, Options{Dialect: DialectHaltless, Token: staticToken(NewSecret("jwt"))})
		w.run()
		time.Sleep(2500 * time.Millisecond)
		for range 3 * 60 {
			time.Sleep(time.Second)
			synctest.Wait()
			if st := w.link.Status(); st.Problem != ProblemAuthRejected {
				t.Fatalf("%+v", st)
			}
		}
		w.end()
	})
}

// Close codes of a token that came late and of too many open doors.
func TestHaltlessLateAndCrowded(t *testing.T) {
	for code, c := range map[int]struct {
		least   time.Duration
		problem string
	}{4002: {5 * time.Second, ProblemClosed}, 4003: {31 * time.Second, ProblemTooMany}} {
		synctest.Test(t, func(t *testing.T) {
			server := &company{script: func(n int, w *wire) {
				if n == 1 {
					w.close(code, "")
				} else {
					says(w, heartbeatSaid)
				}
			}}
			w := server.start(t, Options{Dialect: DialectHaltless, Token: staticToken(NewSecret("jwt"))})
			w.src.add(3)
			w.run()
			time.Sleep(c.least - time.Second)
			w.state(Waiting)
			if st := w.link.Status(); st.Problem != c.problem {
				t.Errorf("%d: %+v", code, st)
			}
			time.Sleep(35 * time.Second)
			w.state(Online)
			if gap := w.net.gaps()[0]; gap < c.least {
				t.Errorf("%d: tried again after %v", code, gap)
			}
			if n, _ := server.total(); n != 3 {
				t.Errorf("%d readings", n)
			}
			w.end()
		})
	}
}

// A heartbeat comes every 7 s and stops: the link is dead 21 s after the last
// beat, although the endpoint still answers pings.
func TestHaltlessHeartbeatStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &company{script: func(n int, w *wire) {
			if n == 1 {
				beating(w, every(7*time.Second, 6)...)
				return
			}
			beating(w, every(7*time.Second, 100)...)
		}}
		w := c.start(t, Options{Dialect: DialectHaltless, Token: staticToken(NewSecret("jwt")), Rand: func() float64 { return 0.9 }})
		w.src.hold = true
		w.src.add(5)
		w.run()
		time.Sleep(42*time.Second + 20900*time.Millisecond)
		w.state(Online)
		time.Sleep(600 * time.Millisecond)
		w.state(Waiting)
		if st := w.link.Status(); st.Problem != ProblemSilent || st.LastError == "" {
			t.Errorf("%+v", st)
		}
		time.Sleep(10 * time.Minute)
		w.state(Online)
		// Proven readings of the dead link are sent once more: its server may
		// have stopped before it handled them.
		if n, often := c.total(); n != 5 || often != 10 || w.src.rewinds != 1 || w.link.Status().Connects != 2 {
			t.Errorf("%d readings, %d times, rewinds %d, %+v", n, often, w.src.rewinds, w.link.Status())
		}
		w.end()
	})
}

// Until the heartbeat is learnt the configured one counts; a server without one
// can be named as such.
func TestHaltlessHeartbeatAsConfigured(t *testing.T) {
	for _, c := range []struct {
		configured time.Duration
		dead       time.Duration // after the start, 0: never
	}{{0, 3 * time.Minute}, {20 * time.Second, time.Minute}, {-1, 0}} {
		synctest.Test(t, func(t *testing.T) {
			w := (&company{}).start(t, Options{Dialect: DialectHaltless, Token: staticToken(NewSecret("jwt")), Heartbeat: c.configured})
			w.run()
			if c.dead == 0 {
				time.Sleep(24*time.Hour + 7*time.Second)
				w.state(Online)
			} else {
				time.Sleep(c.dead - 100*time.Millisecond)
				w.state(Online)
				time.Sleep(600 * time.Millisecond)
				w.state(Waiting)
				if st := w.link.Status(); st.Problem != ProblemSilent {
					t.Errorf("%+v", st)
				}
			}
			w.end()
		})
	}
}

// A heart that beats unevenly, or whose beats come in bursts after the line was
// held up, is alive.
func TestHaltlessJitterIsNotDeath(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 2))
	uneven := make([]time.Duration, 300)
	for i := range uneven {
		uneven[i] = 20*time.Second + time.Duration(rnd.Int64N(int64(20*time.Second)))
	}
	var bursts []time.Duration
	for range 60 {
		bursts = append(bursts, 30*time.Second, 30*time.Second, 75*time.Second, 0, 15*time.Second)
	}
	for name, gaps := range map[string][]time.Duration{
		"uneven": uneven, "bursts": bursts, "fast": every(200*time.Millisecond, 600), "one a second": every(time.Second, 600),
		"slower and slower": {10e9, 10e9, 10e9, 15e9, 20e9, 25e9, 30e9, 40e9, 50e9, 60e9, 60e9, 60e9},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var all time.Duration
				for _, g := range gaps {
					all += g
				}
				c := &company{script: func(_ int, w *wire) { beating(w, gaps...) }}
				w := c.start(t, Options{Dialect: DialectHaltless, Token: staticToken(NewSecret("jwt")), Heartbeat: time.Minute})
				w.run()
				time.Sleep(all + minPatience - 100*time.Millisecond)
				w.state(Online)
				if st := w.link.Status(); st.Connects != 1 {
					t.Errorf("%+v", st)
				}
				w.end()
			})
		})
	}
}

func TestPulse(t *testing.T) {
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		gaps []time.Duration
		want time.Duration
	}{
		"nothing yet":           {nil, 0},
		"two gaps":              {every(30*time.Second, 2), 0},
		"three":                 {every(30*time.Second, 3), 90 * time.Second},
		"many":                  {every(30*time.Second, 100), 90 * time.Second},
		"one long":              {[]time.Duration{30e9, 30e9, 100e9, 30e9, 30e9}, 200 * time.Second},
		"long ago":              {append([]time.Duration{100e9}, every(30*time.Second, 5)...), 90 * time.Second},
		"the median of five":    {[]time.Duration{90e9, 10e9, 10e9, 10e9, 20e9, 30e9, 40e9}, 80 * time.Second},
		"fast":                  {every(time.Second, 10), minPatience},
		"a burst is no rhythm":  {append(every(30*time.Second, 3), every(time.Millisecond, 50)...), 90 * time.Second},
		"only a burst":          {every(time.Millisecond, 50), 0},
		"a clock that was back": {[]time.Duration{30e9, -30e9, 30e9, 30e9}, 90 * time.Second},
	} {
		p, now := pulse{}, at
		got := p.beat(now)
		for _, g := range c.gaps {
			now = now.Add(g)
			got = p.beat(now)
		}
		if got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
