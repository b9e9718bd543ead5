package uplink

import (
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"portti/uplink/uplinktest"
)

// Row 45: a link that is up for 2 s and away for 1 s, for a day. The log stays
// short, the readings get through, the problem is named all the time and no
// longer than that.
func TestFlappingForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calm, down atomic.Bool
		led := newLedger()
		minutes := 24 * 60
		if fewer() {
			minutes /= 12
		}
		w := start(t, Options{}, func(_ int, w *wire) {
			if w.accept() != nil {
				return
			}
			if !calm.Load() {
				defer time.AfterFunc(2*time.Second, func() {
					down.Store(true)
					w.conn.(*uplinktest.Conn).Reset()
					time.AfterFunc(time.Second, func() { down.Store(false) })
				}).Stop()
			}
			w.pump(func(text []byte) bool { led.process(text); return true })
		})
		w.net.fail = func(int) error {
			if down.Load() {
				return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}
			}
			return nil
		}
		w.src.hold = true
		w.run()
		for range 3 {
			time.Sleep(time.Second)
			if p := w.link.Status().Problem; p == ProblemFlapping {
				t.Error("named after its first seconds")
			}
		}
		time.Sleep(2 * time.Minute)
		named := 0
		for range minutes {
			w.src.add(1)
			time.Sleep(time.Minute)
			if w.link.Status().Problem == ProblemFlapping {
				named++
			}
		}
		st := w.link.Status()
		if n := w.logs.len(); n > 200 {
			t.Errorf("%d lines of log in %d minutes", n, minutes)
		}
		// No connection lasts, so they become rare: five minutes see two on average.
		if named != minutes || st.Proven < uint64(minutes-20) || st.Connects < uint64(minutes/5) || st.Connects > uint64(minutes) {
			t.Errorf("named %d times of %d; %+v", named, minutes, st)
		}
		t.Logf("%d connections, %d lines of log", st.Connects, w.logs.len())
		calm.Store(true)
		time.Sleep(7 * time.Minute)
		w.state(Online)
		if st := w.link.Status(); st.Problem != "" {
			t.Errorf("after a calm while: %+v", st)
		}
		led.check(t, minutes)
		w.end()
	})
}

// Row 95: why a link comes and goes is shown at every moment offline, and between
// while no connection has lasted; each cause under its own name.
func TestWhyALinkComesAndGoes(t *testing.T) {
	after := func(d time.Duration, end func(w *wire)) func(int, *wire) {
		return func(_ int, w *wire) {
			if w.accept() != nil {
				return
			}
			defer time.AfterFunc(d, func() { end(w) }).Stop()
			w.pump(func([]byte) bool { return true })
		}
	}
	reset := func(w *wire) { w.conn.(*uplinktest.Conn).Reset() }
	for name, c := range map[string]struct {
		serve func(int, *wire)
		every time.Duration // a reading
		want  string
		says  string
	}{
		"never answers a ping": {func(_ int, w *wire) {
			for err := w.accept(); err == nil; _, err = w.read() {
				continue
			}
		}, 7 * time.Second, ProblemNoPong, "never answers pings"},
		"cut after five quiet seconds": {func(_ int, w *wire) {
			if w.accept() != nil {
				return
			}
			for {
				_ = w.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
				f, err := w.read()
				switch {
				case err != nil:
					return
				case f.op == opPing:
					_ = w.send(fin|opPong, f.data)
				}
			}
		}, time.Hour, ProblemIdleCut, "nothing had been sent for 5 s"},
		"closes in order each second":         {after(time.Second, func(w *wire) { w.close(1000, "bye now") }), 7 * time.Second, ProblemClosed, "bye now"},
		"breaks every ten seconds, in use":    {after(10*time.Second, reset), 400 * time.Millisecond, ProblemFlapping, "the link broke"},
		"the application fails after a while": {after(3*time.Second, func(w *wire) { w.close(1011, "database is away") }), time.Second, ProblemServer, "database is away"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := start(t, Options{}, c.serve)
				w.src.hold = true
				w.run()
				for w.net.count() < manyEnds+1 {
					time.Sleep(c.every)
					w.src.add(1)
					if st := w.link.Status(); st.Connects > 1 && st.State != Online && st.Problem == "" {
						t.Fatalf("offline without a problem: %+v", st)
					}
				}
				for range 600 {
					time.Sleep(min(c.every, time.Second))
					if c.every < time.Second {
						w.src.add(1)
					}
					if st := w.link.Status(); st.Problem != c.want || !strings.Contains(st.LastError, c.says) {
						t.Fatalf("shown as %q: %q", st.Problem, st.LastError)
					}
				}
				w.end()
			})
		})
	}
}
