package uplink

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// refusesAfter is a server whose library answers pings while its application
// closes each connection a while later.
func refusesAfter(d time.Duration, code int, text string) func(int, *wire) {
	return func(_ int, w *wire) {
		if w.accept() != nil {
			return
		}
		defer time.AfterFunc(d, func() {
			if code == 1005 { // which says that the frame has none
				_ = w.send(fin|opClose, nil)
			} else {
				w.close(code, text)
			}
			w.conn.Close()
		}).Stop()
		w.pump(func([]byte) bool { return true })
	}
}

// Row 91: a server that answers pings and closes a second later, again and again,
// is asked ever more rarely, and what it refused is not delivered.
func TestRefusalAfterThePong(t *testing.T) {
	for _, code := range []int{1000, 1005, 1008, 3000, 3003, 4401, 4403, 4429, 4900} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := start(t, Options{Hold: 30 * time.Second}, refusesAfter(time.Second, code, "not you"))
				w.src.hold = true
				w.src.add(2)
				w.run()
				dark := 0
				for range 1200 {
					time.Sleep(100 * time.Millisecond)
					if st := w.link.Status(); st.State != Online && st.Connects > 0 && st.Problem == "" {
						dark++
					}
				}
				if n := w.net.count(); n > 10 {
					t.Errorf("%d connections in two minutes", n)
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				if n := w.net.count(); n > 35 {
					t.Errorf("%d connections in an hour", n)
				}
				if w.src.count(waiting) != 2 {
					t.Errorf("%d of 2 wait: %v", w.src.count(waiting), w.src.state)
				}
				if dark > 0 {
					t.Errorf("offline without a problem at %d of 1200 moments", dark)
				}
				w.end()
			})
		})
	}
}

// Row 91: a server, or a proxy before it, that ends each connection after some time, in
// order or with a code of its own, takes what came by it.
func TestOrderlyEndIsNoRefusal(t *testing.T) {
	for _, code := range []int{1000, 1005, 4000, 4429} {
		synctest.Test(t, func(t *testing.T) {
			w := start(t, Options{Hold: 30 * time.Second}, refusesAfter(20*time.Second, code, ""))
			w.src.hold = true
			w.run()
			for range 60 {
				time.Sleep(time.Minute)
				w.src.add(1)
			}
			time.Sleep(30 * time.Minute) // a reading may need two connections, five minutes apart
			synctest.Wait()
			if n := w.src.count(waiting); n > 0 {
				t.Errorf("%d: %d of 60 wait", code, n)
			}
			w.end()
		})
	}
}

// Row 91: a server that was mended gets what it refused, once it has kept a
// connection for longer than the hold.
func TestRefusalThatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuse := refusesAfter(time.Second, 4401, "")
		w := start(t, Options{Hold: 30 * time.Second}, func(n int, w *wire) {
			if n < 4 {
				refuse(n, w)
				return
			}
			polite(n, w)
		})
		w.src.hold = true
		w.src.add(500)
		w.run()
		time.Sleep(5 * time.Minute)
		w.state(Online)
		if st := w.link.Status(); w.src.count(waiting) != 0 || st.Problem != "" || st.InFlight != 0 {
			t.Errorf("%d wait; %+v", w.src.count(waiting), st)
		}
		w.end()
	})
}

// Row 91: the delays begin anew only when a connection was proven and lasted a
// minute, two where the one before ended in the same way.
func TestWhatTheLaddersBeginAnewFor(t *testing.T) {
	const lost, other = "the link broke", "the server is restarting"
	for _, c := range []struct {
		name, before, now string
		lasted            time.Duration
		anew              bool
	}{
		{"proven at once", other, lost, 59 * time.Second, false},
		{"a minute, another reason", other, lost, time.Minute, true},
		{"a minute, the same reason", lost, lost, time.Minute, false},
		{"two minutes, the same reason", lost, lost, 2 * time.Minute, true},
		{"nothing proven", other, lost, 0, false},
	} {
		b := newBackoff(func() float64 { return top })
		b.ended(c.before, 0)
		for class := range backoffClasses {
			b.retry(class, 0)
			b.retry(class, 0)
		}
		b.orderly(0)
		b.ended(c.now, c.lasted)
		for class := range backoffClasses {
			if anew := b.attempt[class] == 0; anew != c.anew {
				t.Errorf("%s: class %d begins anew: %v", c.name, class, anew)
			}
		}
		if _, ok := b.orderly(0); ok != c.anew {
			t.Errorf("%s: an orderly close counts as one: %v", c.name, ok)
		}
	}
}
