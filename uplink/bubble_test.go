package uplink

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// world is a Link with its queue and a network in memory, inside a bubble.
type world struct {
	t    *testing.T
	net  *memNet
	src  *fakeSource
	link *Link
	logs *logBook

	stop context.CancelFunc
	done chan error
}

// start runs a Link against serve. Fields of o that are set win.
func start(t *testing.T, o Options, serve func(n int, w *wire)) *world {
	t.Helper()
	w := &world{t: t, net: &memNet{serve: serve}, src: newFakeSource(t), logs: &logBook{}, done: make(chan error, 1)}
	w.with(o)
	return w
}

func (w *world) with(o Options) {
	if o.URL == "" && len(o.URLs) == 0 {
		o.URL = "ws://localhost/socket"
	}
	o.Dial = w.net.dial
	if o.Rand == nil {
		o.Rand = func() float64 { return 0.999999 } // delays at their ceiling
	}
	if o.Log == nil {
		o.Log = slog.New(w.logs)
	}
	w.link = newLink(w.t, o)
}

func (w *world) run() {
	ctx, stop := context.WithCancel(w.t.Context())
	w.stop = stop
	go func() { w.done <- w.link.Run(ctx, w.src) }()
}

// end cancels and joins everything.
func (w *world) end() {
	w.stop()
	<-w.done
	w.net.wg.Wait()
}

func (w *world) state(want State) {
	w.t.Helper()
	synctest.Wait()
	if got := w.link.Status().State; got != want {
		w.t.Fatalf("state %s, want %s (last error %q)", got, want, w.link.Status().LastError)
	}
}

// logBook keeps records of slog.
type logBook struct {
	mu   sync.Mutex
	recs []slog.Record
}

func (b *logBook) Enabled(context.Context, slog.Level) bool { return true }
func (b *logBook) WithAttrs([]slog.Attr) slog.Handler       { return b }
func (b *logBook) WithGroup(string) slog.Handler            { return b }
func (b *logBook) Handle(_ context.Context, r slog.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.recs = append(b.recs, r)
	return nil
}

func (b *logBook) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.recs)
}

// lines is everything that was logged.
func (b *logBook) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, r := range b.recs {
		line := r.Message
		r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
		out = append(out, line)
	}
	return out
}

func (b *logBook) events() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, r := range b.recs {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "event" {
				out = append(out, a.Value.String())
			}
			return true
		})
	}
	return out
}

// polite is a server that takes and pongs everything.
func polite(_ int, w *wire) {
	if w.accept() == nil {
		w.pump(func([]byte) bool { return true })
	}
}

func TestServerAbsentForTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		w := start(t, Options{}, polite)
		w.net.fail = func(int) error {
			if time.Since(began) < 10*time.Minute {
				return syscall.ECONNREFUSED
			}
			return nil
		}
		w.src.add(3)
		w.run()
		time.Sleep(9 * time.Minute)
		synctest.Wait()
		st := w.link.Status()
		if st.State != Waiting || st.Problem != ProblemRefused || st.NextTry.Before(time.Now()) || w.link.Idle() != 0 {
			t.Errorf("status %+v, idle %v", st, w.link.Idle())
		}
		time.Sleep(7 * time.Minute)
		w.state(Online)
		st = w.link.Status()
		if st.Proven != 3 || st.Problem != "" || st.Attempts != 0 || st.LastError == "" {
			t.Errorf("status %+v", st)
		}
		// Jitter at its top: 1, 2, 4 ... 256, 300, 300 s.
		want := []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300}
		for i, gap := range w.net.gaps() {
			if d := gap.Round(10 * time.Millisecond); i < len(want) && d != want[i]*time.Second {
				t.Errorf("gap %d is %v, want %v", i, d, want[i]*time.Second)
			}
		}
		if n := w.logs.len(); n > 8 {
			t.Errorf("%d lines of log for one outage: %v", n, w.logs.events())
		}
		w.end()
	})
}

// Row 34: the cable is out and nobody says so.
func TestHalfOpenLinkIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		frozen := make(chan struct{})
		var mu sync.Mutex
		got := map[uint64]int{}
		w := start(t, Options{PingInterval: 20 * time.Second, PongTimeout: 10 * time.Second}, func(n int, w *wire) {
			if w.accept() != nil {
				return
			}
			w.pump(func(text []byte) bool {
				if n == 1 {
					select {
					case <-frozen: // the cable is out: nothing answers any more
						for {
							if _, err := w.read(); err != nil {
								return false
							}
						}
					default:
					}
				}
				mu.Lock()
				defer mu.Unlock()
				for _, k := range numbers(text) {
					got[k]++
				}
				return true
			})
		})
		w.src.hold = true
		w.src.add(1)
		w.run()
		w.state(Online)
		time.Sleep(5 * time.Second)
		close(frozen)
		cut := time.Now()
		w.src.add(1) // written into the void
		time.Sleep(31*time.Second - time.Since(cut))
		synctest.Wait()
		if n := w.net.count(); n != 2 {
			t.Fatalf("%d dials 31 s after the cut, want 2", n)
		}
		mu.Lock()
		if got[2] != 1 || got[1] != 2 {
			t.Errorf("arrived %v: the lost record once, the held one again", got)
		}
		mu.Unlock()
		if w.src.rewinds != 1 || w.link.Status().Resent != 2 {
			t.Errorf("rewinds %d, resent %d", w.src.rewinds, w.link.Status().Resent)
		}
		w.end()
	})
}

func TestQuietHalfOpenLinkIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The first ping is answered, later ones are not.
		w := start(t, Options{}, func(n int, w *wire) {
			if w.accept() != nil {
				return
			}
			f, err := w.read()
			for err == nil && (f.op == opPing && n > 1 || string(f.data[len(f.data)-2:]) == ":1") {
				_ = w.send(fin|opPong, f.data)
				f, err = w.read()
			}
			for err == nil {
				_, err = w.read()
			}
		})
		w.run()
		time.Sleep(29 * time.Second)
		w.state(Online)
		time.Sleep(1100 * time.Millisecond) // 20 s and 10 s after the first pong
		synctest.Wait()
		if st := w.link.Status(); st.Problem != ProblemNoPong || st.State != Waiting {
			t.Errorf("status %+v", st)
		}
		w.end()
	})
}

func TestServerThatNeverPongsIsNamedAndNotHammered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{}, func(_ int, w *wire) {
			if w.accept() != nil {
				return
			}
			for {
				if _, err := w.read(); err != nil {
					return
				}
			}
		})
		w.src.add(10)
		w.run()
		time.Sleep(time.Hour)
		synctest.Wait()
		st := w.link.Status()
		if st.Problem != ProblemNoPong || st.Proven != 0 || w.src.count(waiting) != 10 {
			t.Errorf("status %+v", st)
		}
		if n := w.net.count(); n > 25 {
			t.Errorf("%d dials in an hour", n)
		}
		if n := w.logs.len(); n > 30 {
			t.Errorf("%d lines of log in an hour", n)
		}
		w.end()
	})
}

// Row 36: the server never reads; what waits is bounded by the window.
func TestDataNotReadEndsAtTheWriteDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// It answers the first ping, so that the window opens, and never reads
		// again: the socket fills.
		w := start(t, Options{}, func(_ int, w *wire) {
			if w.accept() != nil {
				return
			}
			for {
				f, err := w.read()
				if err != nil {
					return
				}
				if f.op == opPing {
					_ = w.send(fin|opPong, f.data)
					time.Sleep(time.Hour)
					return
				}
			}
		})
		w.net.room = 8 << 10
		w.src.add(5000)
		w.run()
		time.Sleep(14 * time.Second)
		w.state(Online)
		if in := w.link.Status().InFlight; in > 256<<10 {
			t.Errorf("%d bytes in flight", in)
		}
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		if st := w.link.Status(); st.Problem != ProblemNotReading {
			t.Errorf("status %+v", st)
		}
		if w.link.Idle() != 0 {
			t.Errorf("idle %v", w.link.Idle())
		}
		w.end()
	})
}

func TestSlowStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var bursts []int // bytes of text between pings answered
		const rtt = 100 * time.Millisecond
		w := start(t, Options{}, func(_ int, w *wire) {
			if w.accept() != nil {
				return
			}
			burst := 0
			for {
				f, err := w.read()
				if err != nil {
					return
				}
				switch f.op {
				case opText:
					burst += len(f.data)
				case opPing:
					time.Sleep(rtt)
					mu.Lock()
					bursts = append(bursts, burst)
					mu.Unlock()
					burst = 0
					_ = w.send(fin|opPong, f.data)
				}
			}
		})
		w.net.room = 4 << 20
		w.src.add(40_000)
		w.run()
		time.Sleep(1500 * time.Millisecond)
		w.end()
		// One frame alone; its pong opens 60 KB, each later one doubles. A
		// ping goes behind the first frame after a pong, so a burst and the
		// frames before it share a window.
		if len(bursts) < 6 || bursts[0] > 30_000 {
			t.Fatalf("bursts %v", bursts)
		}
		total, limit := 0, 60_000
		for i := 1; i < len(bursts); i++ {
			if bursts[i] > limit {
				t.Errorf("burst %d of %d bytes, the window was %d", i, bursts[i], limit)
			}
			limit = min(2*limit, 256<<10)
			total = max(total, bursts[i])
		}
		if total < 150_000 {
			t.Errorf("the window never opened: %v", bursts)
		}
	})
}

func TestBackoffIsResetOnProofOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{}, func(_ int, w *wire) {
			if w.accept() == nil {
				w.close(1011, "")
			}
		})
		w.run()
		time.Sleep(10 * time.Minute)
		gaps := w.net.gaps()
		if len(gaps) > 10 || gaps[len(gaps)-1] < 2*time.Minute {
			t.Errorf("a server that accepts and closes was dialled at %v", gaps)
		}
		w.end()
	})
}

func TestSixtySecondsAndAPongCountAsProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{Ack: AckCount}, func(n int, w *wire) {
			if n < 6 {
				return
			}
			if w.accept() == nil {
				w.pump(func([]byte) bool { return true })
			}
		})
		w.run()
		time.Sleep(62*time.Second + time.Minute)
		w.state(Online)
		if w.link.Status().Attempts != 0 {
			t.Errorf("attempts %d after a minute up", w.link.Status().Attempts)
		}
		w.end()
	})
}

func TestOrderlyCloseSpreads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{Rand: func() float64 { return 0.5 }}, func(n int, w *wire) {
			if w.accept() != nil {
				return
			}
			if n == 1 {
				defer time.AfterFunc(2*time.Minute, func() { w.close(1001, "going away") }).Stop()
			}
			w.pump(func([]byte) bool { return true })
		})
		w.run()
		time.Sleep(2*time.Minute + time.Second)
		w.state(Waiting)
		if st := w.link.Status(); st.Problem != ProblemClosed || st.Failures != 0 {
			t.Errorf("an orderly close is no failure, and there is no moment offline without a problem: %+v", st)
		}
		time.Sleep(15 * time.Second)
		w.state(Online)
		if gap := w.net.gaps()[0].Round(time.Second); gap != 2*time.Minute+15*time.Second {
			t.Errorf("came back after %v, want half of the spread", gap)
		}
		w.end()
	})
}

// Row 41: Retry-After in both of its forms, up to an hour.
func TestRetryAfterIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		date := time.Now().UTC().Add(30 * time.Minute).Format("Mon, 02 Jan 2006 15:04:05 GMT")
		answers := []string{
			"HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n",
			"HTTP/1.1 429 Slow\r\nRetry-After: 999999999999999999999\r\nContent-Length: 0\r\n\r\n",
			"HTTP/1.1 503 Busy\r\nRetry-After: " + date + "\r\nContent-Length: 0\r\n\r\n",
		}
		w := start(t, Options{Rand: func() float64 { return 0 }}, func(n int, w *wire) {
			if _, err := w.request(); err == nil {
				_ = w.say(answers[min(n, len(answers))-1])
			}
		})
		w.run()
		time.Sleep(2 * time.Minute)
		time.Sleep(time.Hour)
		synctest.Wait()
		want := []time.Duration{2 * time.Minute, time.Hour}
		if gaps := w.net.gaps(); !slices.Equal(gaps[:2], want) {
			t.Errorf("gaps %v, want %v", gaps, want)
		}
		w.end()
	})
}

func TestWakeTriesAtOnceButNotTooOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{BackoffBase: 5 * time.Minute}, polite)
		w.net.fail = func(int) error { return syscall.ENETUNREACH }
		w.run()
		synctest.Wait()
		began := w.net.count()
		for range 100 {
			w.link.Wake()
			time.Sleep(100 * time.Millisecond)
		}
		if n := w.net.count() - began; n < 2 || n > 3 {
			t.Errorf("%d early attempts in 10 s, want one per 5 s", n)
		}
		w.end()
	})
}

func TestStopsAtOnceWithADeadServer(t *testing.T) {
	for name, serve := range map[string]func(int, *wire){
		"accepts and is silent": func(_ int, w *wire) { <-time.After(time.Hour) },
		"never reads again": func(_ int, w *wire) {
			if w.accept() == nil {
				<-time.After(time.Hour)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := start(t, Options{}, serve)
				w.net.room = 1 << 10
				w.src.add(1000)
				w.run()
				time.Sleep(3 * time.Second)
				at := time.Now()
				w.stop()
				if err := <-w.done; !errors.Is(err, context.Canceled) {
					t.Errorf("Run: %v", err)
				}
				if d := time.Since(at); d > 500*time.Millisecond {
					t.Errorf("stopping took %v", d)
				}
				if st := w.link.Status(); st.State != Stopped || w.link.Idle() != 0 {
					t.Errorf("status %+v", st)
				}
				w.net.wg.Wait()
			})
		})
	}
}

func TestSealedAndEmptyNeedsNoServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{}, polite)
		w.net.fail = func(int) error { return syscall.ECONNREFUSED }
		w.run()
		time.Sleep(time.Minute)
		w.state(Waiting)
		w.src.seal()
		if err := <-w.done; err != nil {
			t.Errorf("Run: %v", err)
		}
		w.stop()
	})
}

func TestSourceErrorsEndRun(t *testing.T) {
	broken := errors.New("disk on fire")
	for name, spoil := range map[string]func(*fakeSource){
		"read": func(f *fakeSource) { f.failRead = broken },
		"ack":  func(f *fakeSource) { f.failAck = broken },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := start(t, Options{}, polite)
				spoil(w.src)
				w.src.add(1)
				w.run()
				if err := <-w.done; !errors.Is(err, broken) {
					t.Errorf("Run: %v", err)
				}
				w.stop()
				w.net.wg.Wait()
			})
		})
	}
}
