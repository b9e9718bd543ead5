package uplink

import (
	"testing"
	"testing/synctest"
	"time"
)

// A connection that is made anew on request loses nothing and repeats nothing.
func TestReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{Auth: AuthNone}, func(_ int, w *wire) {
			if w.accept() == nil {
				w.pump(func([]byte) bool { return true })
			}
		})
		w.src.hold = true
		w.src.add(500)
		w.link.Reconnect() // before there is a connection: the first one stays
		w.run()
		time.Sleep(15 * time.Second)
		w.state(Online)
		if n := w.net.count(); n != 1 {
			t.Fatalf("%d dials", n)
		}
		w.src.add(5)
		w.link.Reconnect()
		time.Sleep(15 * time.Second)
		w.state(Online)
		w.src.add(5)
		time.Sleep(15 * time.Second)
		if n := w.net.count(); n != 2 {
			t.Errorf("%d dials", n)
		}
		if st := w.link.Status(); st.Resent != 0 || st.Failures != 0 || st.Proven != 510 || w.src.forgets != 1 {
			t.Errorf("status %+v, forgets %d", st, w.src.forgets)
		}
		w.end()
	})
}
