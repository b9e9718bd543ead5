package uplink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portti/cross/testkit"
	"portti/uplink/uplinktest"
)

// Threat U1 and row 37: what a hostile or broken server can do on an open link. Every one must end
// with the right problem, without a record lost.
func TestHostileServers(t *testing.T) {
	mute := func(w *wire) { // reads and answers nothing
		for {
			if _, err := w.read(); err != nil {
				return
			}
		}
	}
	for name, c := range map[string]struct {
		do      func(w *wire)
		within  time.Duration // until the link has ended
		problem string
	}{
		"huge frame announced":   {func(w *wire) { _ = w.say("\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"); mute(w) }, time.Second, ProblemProtocol},
		"negative length":        {func(w *wire) { _ = w.say("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff"); mute(w) }, time.Second, ProblemProtocol},
		"message over the limit": {func(w *wire) { _ = w.send(fin|opText, make([]byte, maxSkipped+1)); mute(w) }, time.Second, ProblemProtocol},
		"limit reached in fragments": {func(w *wire) {
			_ = w.send(opText, make([]byte, 600<<10))
			_ = w.send(0, make([]byte, 600<<10))
			mute(w)
		}, time.Second, ProblemProtocol},
		"ping flood": {func(w *wire) {
			for range 200 {
				_ = w.send(fin|opPing, []byte("x"))
			}
			mute(w)
		}, time.Second, ProblemProtocol},
		"pong flood": {func(w *wire) {
			for range 200 {
				_ = w.send(fin|opPong, []byte("portti:00000000:1"))
			}
			mute(w)
		}, time.Second, ProblemProtocol},
		"tiny messages": {func(w *wire) {
			for range floodMessages + 1 {
				_ = w.send(fin|opText, []byte("{}"))
			}
			mute(w)
		}, time.Second, ProblemProtocol},
		// A second late, or the limit of a message ends together with the wait
		// for the pong and either may be first.
		"fragments without end": {func(w *wire) {
			time.Sleep(time.Second)
			_ = w.send(opText, []byte("["))
			for w.send(0, []byte("x")) == nil {
				time.Sleep(100 * time.Millisecond)
			}
		}, 11 * time.Second, ProblemSlow},
		"a message that never ends, pings answered": {func(w *wire) {
			_ = w.send(opText, []byte("["))
			w.pump(func([]byte) bool { return true })
		}, 11 * time.Second, ProblemSlow},
		"empty fragments at full speed": {func(w *wire) {
			time.Sleep(time.Second)
			_ = w.send(opText, nil)
			for w.send(0, nil) == nil {
				time.Sleep(time.Millisecond)
			}
		}, 11 * time.Second, ProblemSlow},
		"a byte a second": {func(w *wire) {
			head := []byte("\x81\x7e\x04\x00" + strings.Repeat("x", 1024))
			for i := 0; i < len(head) && w.say(string(head[i:i+1])) == nil; i++ {
				time.Sleep(time.Second)
			}
		}, 11 * time.Second, ProblemSlow},
		"bad UTF-8 in the close reason": {func(w *wire) { w.close(1000, "\xff\xfe"); mute(w) }, time.Second, ProblemProtocol},
		"close frame of one byte":       {func(w *wire) { _ = w.send(fin|opClose, []byte{3}); mute(w) }, time.Second, ProblemClosed},
		"masked frame":                  {func(w *wire) { _ = w.say("\x81\x81\x00\x00\x00\x00x"); mute(w) }, time.Second, ProblemProtocol},
		"reserved bits":                 {func(w *wire) { _ = w.send(fin|0x70|opText, []byte("x")); mute(w) }, time.Second, ProblemProtocol},
		"unknown opcode":                {func(w *wire) { _ = w.send(fin|5, nil); mute(w) }, time.Second, ProblemProtocol},
		"continuation of nothing":       {func(w *wire) { _ = w.send(fin, []byte("x")); mute(w) }, time.Second, ProblemProtocol},
		"fragmented ping":               {func(w *wire) { _ = w.send(opPing, nil); mute(w) }, time.Second, ProblemProtocol},
		"long ping":                     {func(w *wire) { _ = w.send(fin|opPing, make([]byte, 126)); mute(w) }, time.Second, ProblemProtocol},
		"accept then silence":           {mute, 11 * time.Second, ProblemNoPong},
		"reset":                         {func(w *wire) { time.Sleep(time.Millisecond); w.conn.(*uplinktest.Conn).Reset() }, time.Second, ProblemClosed},
		"FIN":                           {func(w *wire) {}, time.Second, ProblemClosed},
		"half a frame, then FIN":        {func(w *wire) { _ = w.say("\x81\x05ab") }, time.Second, ProblemClosed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := start(t, Options{BackoffBase: 4 * time.Minute}, func(n int, w *wire) {
					if w.accept() != nil {
						return
					}
					if n == 1 {
						c.do(w)
						return
					}
					w.pump(func([]byte) bool { return true })
				})
				w.src.add(5)
				w.run()
				time.Sleep(c.within)
				synctest.Wait()
				st := w.link.Status()
				if st.State != Waiting || st.Connects != 1 || st.Problem != c.problem || st.LastError == "" {
					t.Errorf("status %+v", st)
				}
				time.Sleep(5 * time.Minute)
				w.state(Online)
				if n := w.src.count(released); n != 5 {
					t.Errorf("%d records released, want 5", n)
				}
				w.end()
			})
		})
	}
}

// Threat U2, rows 33 and 43: what can answer the upgrade instead of a WebSocket server.
func TestHostileHandshakes(t *testing.T) {
	ok := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	for name, c := range map[string]struct {
		do      func(w *wire)
		within  time.Duration
		problem string
		state   State
	}{
		"silence":          {func(w *wire) { time.Sleep(time.Minute) }, 10 * time.Second, ProblemTimeout, Waiting},
		"drip":             {func(w *wire) { drip(w, "HTTP/1.1 101 "+strings.Repeat("x", 1000)) }, 10 * time.Second, ProblemTimeout, Waiting},
		"endless header":   {func(w *wire) { endless(w, "HTTP/1.1 101 OK\r\n", "X-A: "+strings.Repeat("a", 1000)+"\r\n") }, time.Second, ProblemProtocol, Waiting},
		"endless line":     {func(w *wire) { endless(w, "HTTP/1.1 101 OK\r\nX: ", strings.Repeat("a", 1000)) }, time.Second, ProblemProtocol, Waiting},
		"not HTTP":         {func(w *wire) { _ = w.say("SSH-2.0-OpenSSH_9.2\r\n"); time.Sleep(time.Second) }, time.Second, ProblemProtocol, Waiting},
		"TLS alert":        {func(w *wire) { _ = w.say("\x15\x03\x01\x00\x02\x02\x46\r\n\r\n") }, time.Second, ProblemProtocol, Waiting},
		"wrong accept key": {func(w *wire) { _ = w.say(ok + "Sec-WebSocket-Accept: AAAA\r\n\r\n") }, time.Second, ProblemProtocol, Waiting},
		"compression forced": {func(w *wire) {
			upgradeWith(w, "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n")
		}, time.Second, ProblemProtocol, Parked},
		"closed at once": {func(w *wire) {}, time.Second, ProblemClosed, Waiting},
		"portal":         {func(w *wire) { _ = w.say("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi") }, time.Second, ProblemPortal, Waiting},
		"401":            {func(w *wire) { _ = w.say("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n") }, time.Second, ProblemAuthRejected, Parked},
		"404":            {func(w *wire) { _ = w.say("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n") }, time.Second, ProblemNotFound, Parked},
		"endless body":   {func(w *wire) { endless(w, "HTTP/1.1 500 No\r\n\r\n", strings.Repeat("a", 1000)) }, time.Second, ProblemServer, Waiting},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := start(t, Options{BackoffBase: 4 * time.Minute}, func(_ int, w *wire) {
					if _, err := w.request(); err == nil {
						c.do(w)
					}
				})
				w.run()
				time.Sleep(c.within)
				synctest.Wait()
				if st := w.link.Status(); st.State != c.state || st.Problem != c.problem {
					t.Errorf("status %+v", st)
				}
				w.end()
			})
		})
	}
}

func drip(w *wire, text string) {
	for i := range len(text) {
		if w.say(text[i:i+1]) != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

func endless(w *wire, head, more string) {
	for err := w.say(head); err == nil; err = w.say(more) {
		time.Sleep(time.Microsecond)
	}
}

func upgradeWith(w *wire, extra string) {
	// The request has been read: answer it by hand.
	_ = w.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + extra +
		"Sec-WebSocket-Accept: " + acceptKey(w.req) + "\r\n\r\n")
	time.Sleep(time.Second)
}

// Row 38: every close code from 0 to 5000 ends a session as its row says; none can
// stop the link.
func TestEveryCloseCodeOnTheWire(t *testing.T) {
	for code := 0; code <= 5000; code++ {
		if code > 1020 && code < 2990 || code > 3010 && code < 3990 || code > 4010 && code < 4490 || code > 4510 && code < 4990 {
			continue
		}
		if fewer() && code > 10 && code < 990 && code%50 != 0 { // none of these may stand in a close frame
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			var closed atomic.Bool
			w := start(t, Options{Rand: func() float64 { return 0.5 }}, func(n int, w *wire) {
				if w.accept() != nil {
					return
				}
				if n == 1 {
					closed.Store(true)
					w.close(code, "bye")
					for {
						if _, err := w.read(); err != nil {
							return
						}
					}
				}
				w.pump(func([]byte) bool { return true })
			})
			w.src.add(1)
			w.run()
			synctest.Wait()
			if st := w.link.Status(); !closed.Load() || st.LastError == "" || st.State == Online {
				t.Errorf("code %d: %+v", code, st)
			}
			time.Sleep(5 * time.Minute)
			w.state(Online)
			tooBig := code == 1009 && w.src.quarantined[1] == QuarantineTooBig // alone in flight at the time
			if !tooBig && w.src.count(released) != 1 {
				t.Errorf("code %d: the record did not arrive", code)
			}
			w.end()
		})
	}
}

// Rows 33 and 36 over real sockets, where a reset and a full window are the kernel's.
func TestRealSocketsResetAndZeroWindow(t *testing.T) {
	t.Run("reset", func(t *testing.T) {
		led := newLedger()
		addr := listen(t, func(n int, w *wire) {
			if w.accept() != nil {
				return
			}
			k := 0
			w.pump(func(text []byte) bool {
				if k++; k == 3 && n < 5 {
					_ = w.conn.(*net.TCPConn).SetLinger(0) // Close sends RST
					return false
				}
				led.process(text)
				return true
			})
		})
		l := newLink(t, Options{URL: "ws://" + addr, BackoffBase: time.Millisecond})
		src := newFakeSource(t)
		src.add(2000)
		src.seal()
		ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
		defer cancel()
		if err := l.Run(ctx, src); err != nil {
			t.Fatal(err)
		}
		led.check(t, 2000)
	})
	t.Run("zero window", func(t *testing.T) {
		release := make(chan struct{})
		addr := listen(t, func(n int, w *wire) {
			if w.accept() != nil {
				return
			}
			if n > 1 {
				w.pump(func([]byte) bool { return true })
				return
			}
			// The first ping is answered, so that the window opens, and then
			// nothing is read for good.
			for {
				f, err := w.read()
				if err != nil {
					return
				}
				if f.op == opPing {
					_ = w.send(fin|opPong, f.data)
					<-release
					return
				}
			}
		})
		defer close(release)
		l := newLink(t, Options{URL: "ws://" + addr, WriteTimeout: 300 * time.Millisecond, PongTimeout: 300 * time.Millisecond,
			BackoffBase: time.Millisecond, Window: 64 << 20, MaxBatchMessages: 20_000, MaxBatchBytes: 1 << 20})
		src := newFakeSource(t)
		src.add(100_000)
		src.seal()
		ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
		defer cancel()
		if err := l.Run(ctx, src); err != nil {
			t.Fatal(err)
		}
		if st := l.Status(); st.Connects < 2 || st.Proven < 100_000 {
			t.Errorf("status %+v", st)
		}
	})
}

// Row 40 and threat U3: a redirect is not followed; the other host sees no connection at all, and
// so no byte of the token.
func TestRedirectIsNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			var sniffed atomic.Int64
			other := listen(t, func(_ int, w *wire) {
				buf := make([]byte, 1<<10)
				n, _ := w.conn.Read(buf)
				sniffed.Add(int64(n) + 1)
			})
			addr := listen(t, func(_ int, w *wire) {
				if _, err := w.request(); err == nil {
					_ = w.say(fmt.Sprintf("HTTP/1.1 %d Moved\r\nLocation: ws://%s/socket\r\nContent-Length: 0\r\n\r\n", status, other))
				}
			})
			l := newLink(t, Options{URL: "ws://" + addr, Token: staticToken(NewSecret("canary-token")), BackoffBase: 10 * time.Millisecond})
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- l.Run(ctx, newFakeSource(t)) }()
			testkit.Eventually(t, "three attempts are made", func() bool { return l.Status().Attempts >= 3 })
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			if st := l.Status(); st.Problem != ProblemRedirect || !strings.Contains(st.LastError, other) {
				t.Errorf("status %+v", st)
			}
			if n := sniffed.Load(); n != 0 {
				t.Error("the other host was spoken to")
			}
		})
	}
}

// Row 98: a greeting that is longer than max_message, and more messages than are looked
// at, are passed over and named with their setting; readings get through.
func TestLargeAndManyMessagesAreSkipped(t *testing.T) {
	for name, c := range map[string]struct {
		say     func(w *wire)
		skipped uint64
		names   string
	}{
		"a greeting of 100 kB": {func(w *wire) { _ = w.send(fin|opText, make([]byte, 100_000)) }, 1, "max_message"},
		"in fragments": {func(w *wire) {
			_ = w.send(opText, make([]byte, 40<<10))
			_ = w.send(0, make([]byte, 40<<10))
			_ = w.send(fin, make([]byte, 40<<10))
		}, 1, "max_message"},
		"as large as it may be": {func(w *wire) { _ = w.send(fin|opText, make([]byte, maxSkipped)) }, 1, "max_message"},
		"a dashboard's news": {func(w *wire) {
			for range 200 {
				_ = w.send(fin|opText, []byte(`{"type":"news"}`))
			}
		}, 150, "too many in a second"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := start(t, Options{}, func(_ int, w *wire) {
					if w.accept() == nil {
						c.say(w)
						w.pump(func([]byte) bool { return true })
					}
				})
				w.src.add(2)
				w.run()
				time.Sleep(10 * time.Minute)
				w.state(Online)
				st := w.link.Status()
				if st.Connects != 1 || st.Proven != 2 || st.Skipped != c.skipped {
					t.Errorf("%d connections, %d proven, %d skipped", st.Connects, st.Proven, st.Skipped)
				}
				if log := strings.Join(w.logs.lines(), "\n"); strings.Count(log, "uplink.skipped") != 1 || !strings.Contains(log, c.names) {
					t.Errorf("log: %s", log)
				}
				w.end()
			})
		})
	}
}

// What a server says and should not is counted by its kind, and harms nothing.
func TestProtocolErrorsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{}, func(n int, w *wire) {
			if w.accept() != nil {
				return
			}
			if n == 1 {
				for _, text := range []string{`{"a":`, "hello", "\xff\xfe", "{\"a\":\"\xff\"}", `{"type":"news"}`, `[]`} {
					_ = w.send(fin|opText, []byte(text))
				}
				_ = w.send(fin|opText, make([]byte, 100_000))
				_ = w.send(fin|opPong, []byte("of nothing"))
				_ = w.send(fin|opText, make([]byte, maxSkipped+1)) // which ends the connection
			}
			w.pump(func([]byte) bool { return true })
		})
		w.src.add(2)
		w.run()
		time.Sleep(10 * time.Minute)
		w.state(Online)
		if st := w.link.Status(); st.BadJSON != 2 || st.BadUTF8 != 2 || st.TooLong != 2 || st.ForeignPongs != 1 || st.Skipped != 1 || st.Proven != 2 {
			t.Errorf("%+v", st)
		}
		w.end()
	})
}

// What is not logged since it repeats is counted by its event.
func TestUnloggedIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{}, func(_ int, w *wire) {
			if w.accept() == nil {
				_ = w.send(fin|opText, make([]byte, 100_000))
				_ = w.send(fin|opText, make([]byte, 100_000))
				_ = w.send(fin|opText, make([]byte, 100_000))
				w.pump(func([]byte) bool { return true })
			}
		})
		w.run()
		time.Sleep(10 * time.Second)
		st := w.link.Status()
		if n := st.Unlogged["uplink.skipped"]; n != 2 {
			t.Errorf("%d lines not logged of three: %v", n, st.Unlogged)
		}
		st.Unlogged["uplink.skipped"] = 0
		if w.link.Status().Unlogged["uplink.skipped"] != 2 {
			t.Error("a status is not a copy")
		}
		w.end()
	})
}

// Threat U1: floods must not grow the heap.
func TestFloodDoesNotGrowMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		junk := bytes.Repeat([]byte("x"), 60<<10)
		w := start(t, Options{}, func(_ int, w *wire) {
			if w.accept() != nil {
				return
			}
			for w.send(fin|opText, junk) == nil {
			}
		})
		before := liveHeap()
		w.run()
		time.Sleep(10 * time.Minute)
		w.state(Waiting)
		st := w.link.Status()
		w.end()
		if grown := int64(liveHeap()) - int64(before); grown > 2<<20 {
			t.Errorf("the heap grew by %d bytes", grown)
		}
		if st.Failures < 3 || st.Problem != ProblemProtocol || st.ServerMessages-st.Skipped > st.Connects*maxMessages {
			t.Errorf("status %+v", st)
		}
	})
}
