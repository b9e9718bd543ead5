package uplink

import (
	"bytes"
	"compress/flate"
	"crypto/tls"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// heapWatch is the most live memory seen beyond where it began.
type heapWatch struct {
	mu         sync.Mutex
	base, most uint64
	looks      int
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// sample measures now. The first sample is the base.
func (h *heapWatch) sample() {
	h.mu.Lock()
	defer h.mu.Unlock()
	live := liveHeap()
	if h.looks++; h.base == 0 {
		h.base = live
	}
	h.most = max(h.most, live)
}

// attack is one hostile deed on the first connections, with samples of the memory
// in the middle of it.
type attack struct {
	name    string
	o       Options
	do      func(w *wire, look func())
	instead bool // of the upgrade
}

// flood writes b again and again until the link is ended, and samples now and then.
func flood(w *wire, b []byte, pause time.Duration, sample func()) {
	for i := 1; ; i++ {
		if _, err := w.conn.Write(b); err != nil {
			sample()
			return
		}
		if i&(i-1) == 0 && i >= 64 {
			sample()
		}
		time.Sleep(pause)
	}
}

// written is a connection of which only what is written matters.
type written struct {
	net.Conn
	b *bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) { return w.b.Write(p) }

func frameBytes(first byte, data []byte) []byte {
	var b bytes.Buffer
	_ = newWire(&written{b: &b}).send(first, data)
	return b.Bytes()
}

// bomb is 16 MB of nothing, compressed.
func bomb() []byte {
	var b bytes.Buffer
	z, _ := flate.NewWriter(&b, flate.BestSpeed)
	zeros := make([]byte, 1<<20)
	for range 16 {
		_, _ = z.Write(zeros)
	}
	_ = z.Flush()
	return bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})
}

const (
	compressed  = 0x40
	agreedTerms = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"
)

// attacks are threats U1, U2 and U7 on an open link and in its making.
func attacks() []attack {
	huge := append([]byte("\x81\x7f\x00\x00\x00\x00\x00\x4c\x4b\x40"), bytes.Repeat([]byte("x"), 4096)...)
	nested := frameBytes(fin|opText, []byte(strings.Repeat(`{"type":`, 3000)))
	deep := frameBytes(fin|opText, bytes.Repeat([]byte("["), 30_000))
	packed := frameBytes(fin|compressed|opText, bomb())
	types := func(w *wire, sample func()) {
		for i := 0; ; i++ {
			if w.send(fin|opText, fmt.Appendf(nil, `{"type":"%s%d","data":{"type":"%d"}}`, strings.Repeat("t", 10_000), i, i)) != nil {
				return
			}
			time.Sleep(200 * time.Millisecond)
			if i%25 == 0 {
				sample()
			}
		}
	}
	open := []attack{
		{name: "huge frame", do: func(w *wire, sample func()) { flood(w, huge, 0, sample) }},
		{name: "endless fragments", do: func(w *wire, sample func()) {
			_ = w.send(opText, []byte("["))
			flood(w, frameBytes(0, []byte("x")), 5*time.Millisecond, sample)
		}},
		{name: "endless fragments, 1 KB each", do: func(w *wire, sample func()) {
			_ = w.send(opText, []byte("["))
			flood(w, frameBytes(0, make([]byte, 1000)), 2*time.Millisecond, sample)
		}},
		{name: "compressed though nothing was agreed", do: func(w *wire, sample func()) { flood(w, packed, time.Millisecond, sample) }},
		{name: "ping flood", do: func(w *wire, sample func()) { flood(w, frameBytes(fin|opPing, make([]byte, 125)), 0, sample) }},
		{name: "pong flood", do: func(w *wire, sample func()) { flood(w, frameBytes(fin|opPong, make([]byte, 125)), 0, sample) }},
		{name: "tiny frames", do: func(w *wire, sample func()) { flood(w, frameBytes(fin|opText, nil), 0, sample) }},
		{name: "tiny frames, one ms apart", do: func(w *wire, sample func()) { flood(w, frameBytes(fin|opText, nil), time.Millisecond, sample) }},
		{name: "nothing but junk", do: func(w *wire, sample func()) { flood(w, bytes.Repeat([]byte{0xff}, 4096), 0, sample) }},
		{name: "a frame that drips", do: func(w *wire, sample func()) {
			_ = w.say("\x81\x7e\x40\x00")
			flood(w, []byte("x"), time.Second, sample)
		}},
		{name: "never reads", do: func(_ *wire, sample func()) { time.Sleep(40 * time.Second); sample() }},
	}
	for _, dialect := range []string{DialectThingsee, DialectHaltless, DialectZyeta, DialectHeimdall} {
		o := Options{Dialect: dialect, Token: staticToken(NewSecret("canary-token")), Downlink: func([]byte) {}}
		open = append(open,
			attack{name: "nested JSON, " + dialect, o: o, do: func(w *wire, sample func()) { flood(w, nested, 500*time.Millisecond, sample) }},
			attack{name: "deep JSON, " + dialect, o: o, do: func(w *wire, sample func()) { flood(w, deep, 500*time.Millisecond, sample) }},
			attack{name: "a new type each time, " + dialect, o: o, do: types})
	}
	for _, ack := range []string{AckCount, AckNone} {
		open = append(open, attack{name: "deep JSON, " + ack, o: Options{Ack: ack}, do: func(w *wire, sample func()) { flood(w, deep, 500*time.Millisecond, sample) }})
	}
	dripped := func(head string) func(w *wire, sample func()) {
		return func(w *wire, sample func()) { _ = w.say(head); flood(w, []byte("x"), time.Second, sample) }
	}
	return append(open,
		attack{name: "bomb, compression agreed", o: Options{Compression: true}, instead: true, do: func(w *wire, sample func()) {
			if _, err := w.request(); err == nil {
				_ = w.say("HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + agreedTerms + "Sec-WebSocket-Accept: " + acceptKey(w.req) + "\r\n\r\n")
				flood(w, packed, time.Millisecond, sample)
			}
		}},
		attack{name: "drip in TLS", o: Options{URL: "wss://localhost/"}, instead: true, do: dripped("\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb")},
		attack{name: "endless TLS records", o: Options{URL: "wss://localhost/"}, instead: true, do: func(w *wire, sample func()) {
			flood(w, append([]byte("\x16\x03\x03\x40\x00\x0b\xff\xff\xff"), make([]byte, 16380)...), 0, sample)
		}},
		attack{name: "drip in HTTP", instead: true, do: dripped("HTTP/1.1 101 OK\r\nX: ")},
		attack{name: "endless HTTP header", instead: true, do: func(w *wire, sample func()) {
			_ = w.say("HTTP/1.1 101 OK\r\n")
			flood(w, []byte("X-A: "+strings.Repeat("a", 1000)+"\r\n"), 0, sample)
		}},
		attack{name: "5 MB of error", instead: true, do: func(w *wire, sample func()) {
			if _, err := w.request(); err == nil {
				_ = w.say("HTTP/1.1 500 No\r\nContent-Length: 5000000\r\n\r\n")
				flood(w, bytes.Repeat([]byte("e"), 1000), 0, sample)
			}
		}},
		attack{name: "redirect for ever", instead: true, do: func(w *wire, sample func()) {
			if _, err := w.request(); err == nil {
				_ = w.say("HTTP/1.1 307 Go\r\nLocation: /" + strings.Repeat("x", 100_000) + "\r\nContent-Length: 0\r\n\r\n")
				sample()
			}
		}},
		attack{name: "plain text to TLS", o: Options{URL: "wss://localhost/"}, instead: true, do: func(w *wire, sample func()) {
			flood(w, bytes.Repeat([]byte("HTTP/1.1 400 Bad Request\r\n"), 100), 0, sample)
		}},
	)
}

// Threats U1, U2 and U7: whatever a server does on its first three
// connections, live memory grows by less than 2 MB, nothing is lost, and the
// link is online again as soon as the server behaves.
func TestHostileServersCostNoMemory(t *testing.T) {
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var (
					heap heapWatch
					cert tls.Certificate
					o    = a.o
				)
				o.Rand = func() float64 { return 0.5 }
				if strings.HasPrefix(o.URL, "wss") {
					var ca *authority
					ca, o.CAFile = authorityFile(t)
					cert = ca.server(t, "localhost", time.Unix(0, 0), time.Now().AddDate(30, 0, 0))
				}
				w := start(t, o, func(n int, w *wire) {
					if strings.HasPrefix(a.o.URL, "wss") && n > 3 {
						w = secured(w, cert)
					}
					if !a.instead || n > 3 {
						if w.accept() != nil {
							return
						}
					}
					if n <= 3 {
						heap.sample()
						a.do(w, heap.sample)
						return
					}
					k := 0
					w.pump(func(text []byte) bool {
						if k++; a.o.Ack == AckCount {
							_ = w.send(fin|opText, fmt.Appendf(nil, `{"ack":%d}`, k))
						}
						return true
					})
				})
				w.src.add(50)
				w.run()
				for i := 0; i < 20 && (w.net.count() < 4 || w.src.count(released) < 50); i++ {
					time.Sleep(time.Minute)
				}
				w.state(Online)
				heap.sample()
				w.end() // and all that the server still does
				if n := w.src.count(released); n != 50 || w.net.count() < 4 {
					t.Errorf("%d of 50 records arrived, %d dials; %+v", n, w.net.count(), w.link.Status())
				}
				if grown := heap.most - heap.base; grown > 2<<20 || heap.looks < 4 {
					t.Errorf("memory grew by %d bytes in %d looks", grown, heap.looks)
				}
				if kinds := w.link.Status().ServerKinds; len(kinds) > 40 {
					t.Errorf("%d kinds of messages are remembered", len(kinds))
				}
			})
		})
	}
}

// A server that accepts and closes thousands of times leaves nothing behind.
func TestReconnectingCostsNoMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heap heapWatch
		w := start(t, Options{Rand: func() float64 { return 0 }}, func(n int, w *wire) {
			if w.accept() != nil {
				return
			}
			w.close(4000+n%100, fmt.Sprintf("the %d. time", n))
			if n%300 == 299 {
				heap.sample()
			}
		})
		w.net.dials = make([]time.Time, 0, 10_000)
		w.src.add(5)
		w.run()
		time.Sleep(1500 * backoffFloor)
		w.end()
		heap.sample()
		if grown := heap.most - heap.base; grown > 1<<20 || w.net.count() < 1200 || heap.looks < 5 {
			t.Errorf("memory grew by %d bytes over %d connections, %d looks", grown, w.net.count(), heap.looks)
		}
	})
}
