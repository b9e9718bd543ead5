package uplink

import (
	"errors"
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

// A link that is left closes in order; the next one goes on where it was, repeats
// nothing, and counts on.
func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		serve := func(_ int, w *wire) {
			if w.accept() == nil {
				w.pump(func([]byte) bool { return true })
			}
		}
		w := start(t, Options{Auth: AuthNone}, serve)
		w.src.hold = true
		w.src.add(500)
		w.run()
		time.Sleep(15 * time.Second)
		w.src.add(5)
		w.link.Leave()
		if err := <-w.done; !errors.Is(err, ErrLeft) {
			t.Fatalf("it ended with %v", err)
		}
		before := w.link.Status()
		if before.Proven != 505 || before.LastProof.IsZero() || w.src.forgets != 1 {
			t.Errorf("status %+v, forgets %d", before, w.src.forgets)
		}
		w.with(Options{Auth: AuthNone, Ack: AckCount})
		w.link.Inherit(before)
		if st := w.link.Status(); !st.LastProof.IsZero() || st.Connects != 1 || st.Ends[End{}] != 1 || !before.Reached || st.Reached {
			t.Errorf("the next one begins with %+v", st)
		}
		w.src.add(7)
		w.run()
		time.Sleep(15 * time.Second)
		w.state(Online)
		if st := w.link.Status(); st.SentRecords != 512 || st.Resent != 0 || st.Connects != 2 {
			t.Errorf("status %+v", st)
		}
		w.end()
	})
}

// A link that has no connection is left without another attempt.
func TestLeaveWithoutAConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{Auth: AuthNone}, func(_ int, w *wire) { w.conn.Close() })
		w.src.add(1)
		w.run()
		time.Sleep(time.Minute)
		w.link.Leave()
		if err := <-w.done; !errors.Is(err, ErrLeft) {
			t.Fatalf("it ended with %v", err)
		}
		w.net.wg.Wait()
	})
}

// A link that is left while it connects sends nothing on the connection that comes of it:
// nobody would wait for the proof.
func TestLeaveWhileConnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := 0
		w := start(t, Options{Auth: AuthNone}, func(_ int, w *wire) {
			time.Sleep(3 * time.Second)
			if w.accept() == nil {
				w.pump(func([]byte) bool { got++; return true })
			}
		})
		w.src.add(10)
		w.run()
		time.Sleep(time.Second)
		w.link.Leave()
		if err := <-w.done; !errors.Is(err, ErrLeft) {
			t.Fatalf("it ended with %v", err)
		}
		w.net.wg.Wait()
		if st := w.link.Status(); st.SentRecords != 0 || got != 0 || st.Connects != 1 {
			t.Errorf("%d frames came; %+v", got, st)
		}
	})
}
