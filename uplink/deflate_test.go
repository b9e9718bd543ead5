package uplink

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portti/cross/testkit"
)

const agreement = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

// acceptWith upgrades and answers with extensions.
func (w *wire) acceptWith(extensions string) error {
	req, err := w.request()
	if err != nil {
		return err
	}
	if extensions != "" {
		extensions = "Sec-WebSocket-Extensions: " + extensions + "\r\n"
	}
	return w.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + extensions +
		"Sec-WebSocket-Accept: " + acceptKey(req) + "\r\n\r\n")
}

// readRaw reads one frame whose reserved bit 1 may be set.
func (w *wire) readRaw() (f frame, compressed bool, err error) {
	head, err := w.br.Peek(1)
	if err != nil {
		return f, false, err
	}
	compressed = head[0]&0x40 != 0
	head[0] &^= 0x40 // in the reader's own buffer: read refuses reserved bits
	f, err = w.read()
	return f, compressed, err
}

func inflate(data []byte) ([]byte, error) {
	return io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(data), bytes.NewReader([]byte{0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff}))))
}

func deflated(data []byte) []byte {
	var b bytes.Buffer
	z, _ := flate.NewWriter(&b, 9)
	_, _ = z.Write(data)
	_ = z.Flush()
	return bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})
}

// pumpDeflated is pump for a connection with compression.
func (w *wire) pumpDeflated(take func(text []byte, size int, compressed bool) bool) {
	for {
		f, compressed, err := w.readRaw()
		if err != nil {
			return
		}
		switch f.op {
		case opText:
			text := f.data
			if compressed {
				if text, err = inflate(f.data); err != nil {
					return
				}
			}
			if !f.fin || !take(text, len(f.data), compressed) {
				return
			}
		case opPing:
			_ = w.send(fin|opPong, f.data)
		case opClose:
			_ = w.send(fin|opClose, f.data)
			return
		}
	}
}

// Large frames are compressed in one WebSocket frame each, small ones and the
// token are not, and what arrives is what was sent.
func TestCompression(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		led := newLedger()
		var mu sync.Mutex
		small, large := 0, 0
		o := Options{Compression: true, Auth: AuthFirstMessage, AuthSettle: time.Second, Token: staticToken(NewSecret("tok-" + string(bytes.Repeat([]byte("a"), 2000))))}
		w := start(t, o, func(_ int, w *wire) {
			if w.acceptWith(agreement) != nil {
				return
			}
			if offer := w.req.Header.Get("Sec-WebSocket-Extensions"); offer != agreement {
				t.Errorf("offered %q", offer)
			}
			first := true
			w.pumpDeflated(func(text []byte, size int, compressed bool) bool {
				if first {
					if first = false; compressed || len(text) < 2000 {
						t.Error("the token was compressed")
					}
					return true
				}
				mu.Lock()
				defer mu.Unlock()
				if compressed != (len(text) >= minDeflate) || compressed && size > len(text)/2 {
					t.Errorf("a frame of %d bytes came as %d, compressed %v", len(text), size, compressed)
				}
				if compressed {
					large++
				} else {
					small++
				}
				led.process(text)
				return true
			})
		})
		w.src.add(2_000)
		w.run()
		time.Sleep(10 * time.Second)
		for range 20 {
			w.src.add(1)
			time.Sleep(time.Second)
		}
		st := w.link.Status()
		if !st.Compressed || st.WireBytes == 0 || st.WireBytes > st.SentBytes/2 {
			t.Errorf("status %+v", st)
		}
		w.src.seal()
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
		w.net.wg.Wait()
		led.check(t, 2_020)
		if small < 20 || large < 10 {
			t.Errorf("%d frames as they are, %d compressed", small, large)
		}
		w.stop()
	})
}

func TestCompressionIsNotOfferedUnasked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{}, func(_ int, w *wire) {
			if w.accept() != nil {
				return
			}
			if offer := w.req.Header.Get("Sec-WebSocket-Extensions"); offer != "" {
				t.Errorf("offered %q", offer)
			}
			w.pump(func([]byte) bool { return true })
		})
		w.src.add(300)
		w.run()
		time.Sleep(time.Second)
		if st := w.link.Status(); st.Proven != 300 || st.Compressed {
			t.Errorf("status %+v", st)
		}
		w.end()
	})
}

// A server that breaks while compression is on is tried again without at once,
// and stays without; one that wants an extension all the same gets the link
// parked.
func TestServersThatObjectToCompression(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(w *wire, n int, offered bool) error
		want   State
	}{
		"1002 at the first data": {func(w *wire, _ int, offered bool) error {
			if !offered {
				return w.acceptPlain()
			}
			if err := w.acceptWith2(agreement); err != nil {
				return err
			}
			w.close(1002, "bad bits")
			return io.EOF
		}, Online},
		"1010 once": {func(w *wire, n int, _ bool) error {
			if err := w.acceptPlain(); err != nil || n > 1 {
				return err
			}
			w.close(1010, "")
			return io.EOF
		}, Online},
		"1010 always": {func(w *wire, _ int, _ bool) error {
			_ = w.acceptPlain()
			w.close(1010, "")
			return io.EOF
		}, Parked},
		"another extension": {func(w *wire, _ int, offered bool) error {
			if offered {
				_ = w.acceptWith2("x-shiny")
				return io.EOF
			}
			return w.acceptPlain()
		}, Online},
		"dictionary kept": {func(w *wire, _ int, offered bool) error {
			if offered {
				_ = w.acceptWith2("permessage-deflate; server_no_context_takeover")
				return io.EOF
			}
			return w.acceptPlain()
		}, Online},
		"a window of its own for us": {func(w *wire, _ int, offered bool) error {
			if offered {
				_ = w.acceptWith2(agreement + "; client_max_window_bits=9")
				return io.EOF
			}
			return w.acceptPlain()
		}, Online},
		"does not know it": {func(w *wire, _ int, _ bool) error { return w.acceptPlain() }, Online},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := start(t, Options{Compression: true}, func(n int, w *wire) {
					if _, err := w.request(); err != nil {
						return
					}
					if c.answer(w, n, w.req.Header.Get("Sec-WebSocket-Extensions") != "") == nil {
						w.pump(func([]byte) bool { return true })
					}
				})
				w.src.add(100)
				w.run()
				time.Sleep(20 * time.Second)
				w.state(c.want)
				st := w.link.Status()
				if c.want == Online && (st.Proven != 100 || w.net.count() > 2 || st.Compressed) {
					t.Errorf("%d dials, status %+v", w.net.count(), st)
				}
				w.end()
			})
		})
	}
}

// acceptPlain and acceptWith2 answer a request that was read already.
func (w *wire) acceptPlain() error { return w.acceptWith2("") }

func (w *wire) acceptWith2(extensions string) error {
	if extensions != "" {
		extensions = "Sec-WebSocket-Extensions: " + extensions + "\r\n"
	}
	return w.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + extensions +
		"Sec-WebSocket-Accept: " + acceptKey(w.req) + "\r\n\r\n")
}

// 8 MB of zeros in 8 KB: the limit counts what comes out.
func TestCompressionBomb(t *testing.T) {
	bomb := deflated(make([]byte, 8<<20))
	if len(bomb) > 64<<10 {
		t.Fatalf("a bomb of %d bytes", len(bomb))
	}
	head := binary.BigEndian.AppendUint16([]byte{fin | 0x40 | opText, 126}, uint16(len(bomb)))
	addr := listen(t, func(n int, w *wire) {
		if w.acceptWith(agreement) != nil {
			return
		}
		if n == 1 {
			_, _ = w.conn.Write(append(head, bomb...))
		}
		w.pumpDeflated(func([]byte, int, bool) bool { return true })
	})
	l := newLink(t, Options{URL: "ws://" + addr + "/", Compression: true, BackoffBase: time.Millisecond})
	src := newFakeSource(t)
	src.add(3) // too few to be compressed, which would count too
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	done := make(chan error, 1)
	go func() { done <- l.Run(t.Context(), src) }()
	// The bomb goes ahead of any pong, so this is the next connection. Looking
	// must not allocate itself.
	testkit.Eventually(t, "it is online again", func() bool { return src.count(released) == 3 })
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 2<<20 {
		t.Errorf("%d bytes were allocated for the bomb", grown)
	} else {
		t.Logf("%d bytes were allocated in all", grown)
	}
	if st := l.Status(); st.Connects != 2 || st.LastError == "" || st.ServerMessages != 0 {
		t.Errorf("status %+v", st)
	}
	src.seal()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAgreed(t *testing.T) {
	for answer, want := range map[string]bool{
		agreement: true,
		"permessage-deflate;client_no_context_takeover; \tserver_no_context_takeover": true,
		"Permessage-Deflate; client_no_context_takeover; server_no_context_takeover":  false, // gorilla would not switch it on
		"\f" + agreement: false,
		agreement + ";\u00a0server_max_window_bits=12":   false,
		agreement + "; server_max_window_bits=12":        true,
		agreement + "; client_max_window_bits=12":        false,
		agreement + "; mystery":                          false,
		agreement + ", " + agreement:                     false,
		"permessage-deflate":                             false,
		"permessage-deflate; client_no_context_takeover": false,
		"x-webkit-deflate-frame":                         false,
		"":                                               false,
		";;;":                                            false,
	} {
		if got := agreed(http.Header{"Sec-Websocket-Extensions": {answer}}); got != want {
			t.Errorf("%q: %v", answer, got)
		}
	}
}

// What compression saves on a batch of typical messages, and what it costs.
func BenchmarkDeflate(b *testing.B) {
	for _, n := range []int{3, 20, 150} {
		var batch []byte
		for i := range n {
			batch = fmt.Appendf(batch, `,{"tsmId":12100,"tsmEv":10,"tsmTs":1520416%03d.%03d,"tsmTuid":"XXXX%02dPNL00000001","tsmGw":"XXXX00EFS80560445","temp":%d.%d,"humd":%d.%d,"airp":101%d.2,"lght":%d}`,
				i, i*7%1000, i%8, 20+i%5, i%10, 40+i%9, i%10, 300+i%50, 200+i*13%400)
		}
		for _, level := range []int{1, 6} {
			b.Run(fmt.Sprintf("bytes=%d/level=%d", len(batch), level), func(b *testing.B) {
				var out bytes.Buffer
				z, _ := flate.NewWriter(&out, level)
				b.SetBytes(int64(len(batch)))
				b.ReportAllocs()
				for b.Loop() {
					out.Reset()
					z.Reset(&out)
					_, _ = z.Write(batch)
					_ = z.Flush()
				}
				b.ReportMetric(100*float64(out.Len())/float64(len(batch)), "%left")
			})
		}
		b.Run(fmt.Sprintf("bytes=%d/new writer", len(batch)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				z, _ := flate.NewWriter(io.Discard, 1)
				_, _ = z.Write(batch)
				_ = z.Flush()
			}
		})
	}
}
