package uplink

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"portti/cross/testkit"
	"portti/uplink/uplinktest"
)

// Row 33: every phase of a dial ends after 10 s at the latest, and what stands
// in the way is named. Each is tried again later.
func TestPhasesAreLimited(t *testing.T) {
	mute := func(w *wire) { _, _ = io.Copy(io.Discard, w.br) }
	for name, c := range map[string]struct {
		url     string
		dial    func(ctx context.Context, network, addr string) (net.Conn, error)
		serve   func(w *wire)
		after   time.Duration
		problem string
	}{
		"nobody answers": {"ws://localhost/", func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
		}, nil, 10 * time.Second, ProblemTimeout},
		"silence before TLS":     {"wss://localhost/", nil, mute, 10 * time.Second, ProblemTimeout},
		"silence before upgrade": {"ws://localhost/", nil, mute, 10 * time.Second, ProblemTimeout},
		"reset in TLS":           {"wss://localhost/", nil, func(w *wire) { _, _ = w.br.Peek(1); w.conn.(*uplinktest.Conn).Reset() }, 0, ProblemClosed},
		"reset in upgrade":       {"ws://localhost/", nil, func(w *wire) { _, _ = w.br.Peek(1); w.conn.(*uplinktest.Conn).Reset() }, 0, ProblemClosed},
		"closed in TLS":          {"wss://localhost/", nil, func(w *wire) { _, _ = w.br.Peek(1) }, 0, ProblemClosed},
		"accepted, then silence": {"ws://localhost/", nil, func(w *wire) { _ = w.accept(); mute(w) }, 10 * time.Second, ProblemNoPong},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := start(t, Options{URL: c.url, BackoffBase: 4 * time.Minute}, func(_ int, w *wire) { c.serve(w) })
				if c.dial != nil {
					w.link.o.Dial = c.dial
				}
				w.run()
				if c.after > 0 {
					time.Sleep(c.after - time.Millisecond)
					synctest.Wait()
					if st := w.link.Status(); st.Failures != 0 || w.link.Idle() != 0 {
						t.Errorf("a moment before: %+v", st)
					}
				}
				time.Sleep(2 * time.Millisecond)
				synctest.Wait()
				if st := w.link.Status(); st.Failures != 1 || st.Problem != c.problem || st.State != Waiting {
					t.Errorf("status %+v", st)
				}
				if n := w.link.Status().Ends[End{Dialed: c.problem != ProblemNoPong, Problem: c.problem}]; n != 1 {
					t.Errorf("ends %+v", w.link.Status().Ends)
				}
				w.end()
			})
		})
	}
}

// A server that ends its own direction and goes on reading takes what is sent
// and can prove none of it: that link is over.
func TestHalfClosedByTheServer(t *testing.T) {
	led := newLedger()

	addr := listen(t, func(n int, w *wire) {
		if w.accept() != nil {
			return
		}
		if n == 1 {
			_ = w.conn.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, w.br)
			return
		}
		w.pump(func(text []byte) bool { led.process(text); return true })
	})
	l := newLink(t, Options{URL: "ws://" + addr, BackoffBase: time.Millisecond, PingInterval: time.Hour, PongTimeout: time.Hour})
	src := newFakeSource(t)
	src.hold = true
	src.add(100)
	src.seal()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	if err := l.Run(ctx, src); err != nil {
		t.Fatalf("%v; %+v", err, l.Status())
	}
	led.check(t, 100)
	if st := l.Status(); st.Connects != 2 || st.Proven != 100 {
		t.Errorf("status %+v", st)
	}
}
