package uplink

import (
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// Row 44: a path that swallows packets over 1,400 bytes, as a tunnel with a
// broken MTU does. Small frames still bring everything home, and the cause is
// named while they are needed.
func TestMTUHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		led := newLedger()
		w := start(t, Options{Rand: func() float64 { return 0.5 }}, func(_ int, w *wire) {
			if w.accept() == nil {
				w.pump(func(text []byte) bool { led.process(text); return true })
			}
		})
		w.net.mtu = 1400
		w.src.hold = true
		w.src.add(2000)
		w.run()
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		led.check(t, 2000)
		st := w.link.Status()
		if st.State != Online || st.BatchBytes > 1400 || st.Connects > 10 || st.Problem != ProblemMTU {
			t.Errorf("status %+v", st)
		}
		w.net.mtu = 0 // somebody mends it
		for range 6 * proofsToWiden {
			w.src.add(1)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if st := w.link.Status(); st.Problem != "" || st.BatchBytes != 30_000 {
			t.Errorf("mended: %+v", st)
		}
		w.end()
	})
}

// A line of 600 bytes a second: the first frame of 200 records takes twice
// the pong timeout.
func TestVerySlowLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		led := newLedger()
		w := start(t, Options{}, func(_ int, w *wire) {
			if w.accept() == nil {
				w.pump(func(text []byte) bool { led.process(text); return true })
			}
		})
		w.net.rate = 600
		w.net.room = 1 << 20
		w.src.hold = true
		w.src.add(3000) // 200 KB: 335 s at full rate
		w.run()
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		led.check(t, 3000)
		st := w.link.Status()
		if st.State != Online || st.Connects > 15 {
			t.Errorf("status %+v", st)
		}
		t.Logf("%d connections, %d records sent for 3000", st.Connects, st.SentRecords)
		w.end()
	})
}

// A write that blocks for long on a slow line does not eat the time its pong
// has.
func TestSlowWriteLeavesThePongItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{}, func(_ int, w *wire) {
			if w.accept() == nil {
				w.pump(func([]byte) bool { return true })
			}
		})
		w.net.rate = 2500 // 30,000 bytes in 12 s, of which 8 s inside Write
		w.net.room = 10_000
		w.src.add(400)
		w.run()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if st := w.link.Status(); st.Proven != 400 || st.Connects != 1 {
			t.Errorf("status %+v", st)
		}
		w.end()
	})
}

// A server that never says the same twice costs no memory.
func TestEndsAreBounded(t *testing.T) {
	var s Status
	for code := range 1000 {
		s.ended(End{Problem: ProblemClosed, Code: 4000 + code})
	}
	sum := uint64(0)
	for _, n := range s.Ends {
		sum += n
	}
	if len(s.Ends) > maxEnds+1 || sum != 1000 || s.Ends[End{Problem: ProblemClosed}] < 900 {
		t.Errorf("%d ends, %d ways", sum, len(s.Ends))
	}
}

// Orderly closes in a row are no order any more: each counts as a failure.
func TestRepeatedOrderlyClosesAreFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{Rand: func() float64 { return 0.1 }}, func(_ int, w *wire) {
			if w.accept() == nil {
				w.close(1000, "")
			}
		})
		w.run()
		synctest.Wait()
		if st := w.link.Status(); st.Problem != ProblemClosed || st.Failures != 0 {
			t.Errorf("after one: %+v", st)
		} else if st.Ends[End{Code: 1000}] != 1 {
			t.Errorf("ends %v", st.Ends)
		}
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if st := w.link.Status(); st.Problem != ProblemClosed || st.Failures == 0 {
			t.Errorf("after several: %+v", st)
		}
		w.end()
	})
}

// A token that nobody uses must not wake the link.
func TestUnusedTokenFileIsNotPolled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := t.TempDir() + "/token"
		write(t, path, "unused")
		w := start(t, Options{Auth: AuthNone, Token: NewFileToken(path), BackoffBase: 5 * time.Minute}, polite)
		w.net.fail = func(int) error { return net.ErrClosed }
		w.run()
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		if n := w.net.count(); n != 1 {
			t.Errorf("%d dials", n)
		}
		w.end()
	})
}

// What the server sees of a fragment, on the request line.
func TestFragmentOnTheWire(t *testing.T) {
	for hashAs, want := range map[string]string{
		"path":      "/socket%23fr%2Fag",
		"query:key": "/socket?key=fr%2Fag",
		"bearer":    "/socket",
	} {
		synctest.Test(t, func(t *testing.T) {
			seen := make(chan string, 1)
			w := start(t, Options{}, func(_ int, w *wire) {
				if w.accept() == nil {
					seen <- w.req.RequestURI
					w.pump(func([]byte) bool { return true })
				}
			})
			w.link = newLink(t, Options{URL: "ws://localhost/socket#fr/ag", Auth: AuthHash, HashAs: hashAs, Dial: w.net.dial})
			w.run()
			if got := <-seen; got != want {
				t.Errorf("%s: request line %s, want %s", hashAs, got, want)
			}
			w.end()
		})
	}
}
