package uplink

import (
	"net"
	"os"
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
		// The backoff begins anew after each proof: a minute sees many attempts.
		if named != minutes || st.Proven < uint64(minutes-1) || st.Connects < uint64(3*minutes) {
			t.Errorf("named %d times of %d; %+v", named, minutes, st)
		}
		t.Logf("%d connections, %d lines of log", st.Connects, w.logs.len())
		calm.Store(true)
		time.Sleep(flapWindow + 5*time.Minute)
		w.state(Online)
		if st := w.link.Status(); st.Problem != "" {
			t.Errorf("after a calm while: %+v", st)
		}
		led.check(t, minutes)
		w.end()
	})
}

func TestFlaps(t *testing.T) {
	began := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	var f flaps
	now := began
	end := func(up, gap time.Duration) {
		since := now.Add(gap)
		now = since.Add(up)
		f.ended(since, now)
	}
	shown := func(state State, since time.Time, problem string) string {
		return f.problem(&Status{State: state, Since: since, Problem: problem}, now)
	}
	for range flapEnds - 1 {
		end(2*time.Second, time.Second)
	}
	if p := shown(Waiting, now, ProblemClosed); p != ProblemClosed {
		t.Errorf("one end too early: %s", p)
	}
	end(time.Millisecond, time.Second) // was not up
	if p := shown(Waiting, now, ProblemClosed); p != ProblemClosed {
		t.Errorf("an end of nothing counts: %s", p)
	}
	end(2*time.Second, time.Second)
	for problem, want := range map[string]string{
		"": ProblemFlapping, ProblemClosed: ProblemFlapping, ProblemNoRoute: ProblemFlapping, ProblemNoPong: ProblemFlapping,
		ProblemAuthRejected: ProblemAuthRejected, ProblemTLSExpired: ProblemTLSExpired, ProblemRateLimited: ProblemRateLimited,
	} {
		if p := shown(Waiting, now, problem); p != want {
			t.Errorf("%q is shown as %q, want %q", problem, p, want)
		}
	}
	if p := shown(Online, now.Add(-flapWindow+time.Second), ""); p != ProblemFlapping {
		t.Errorf("not calm yet: %q", p)
	}
	now = now.Add(flapDown)
	if p := shown(Waiting, now, ProblemRefused); p != ProblemRefused {
		t.Errorf("an outage is shown as %s", p)
	}
	if p := shown(Waiting, now, ProblemClosed); p != ProblemClosed {
		t.Errorf("it came back by itself: %s", p)
	}
	for range flapEnds + 5 { // one end a minute is no flapping
		end(50*time.Second, 10*time.Second)
	}
	if p := shown(Online, now, ""); p != "" {
		t.Errorf("an end a minute: %s", p)
	}
}
