package uplink

import (
	"crypto/tls"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/cross/testkit"
)

// Any number of interim answers may come before the answer itself (RFC 9110,
// section 15.2), cut anywhere.
func TestInterimAnswers(t *testing.T) {
	for _, piece := range []int{1, 7, 100_000} {
		for name, before := range map[string]string{
			"none":  "",
			"one":   "HTTP/1.1 100 Continue\r\n\r\n",
			"three": "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n",
		} {
			synctest.Test(t, func(t *testing.T) {
				w := start(t, Options{}, func(_ int, w *wire) {
					req, err := w.request()
					if err != nil {
						return
					}
					text := before + "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + acceptKey(req) + "\r\n\r\n"
					for ; text != ""; text = text[min(piece, len(text)):] {
						_ = w.say(text[:min(piece, len(text))])
					}
					w.pump(func([]byte) bool { return true })
				})
				w.src.add(3)
				w.run()
				w.state(Online)
				time.Sleep(time.Second)
				if st := w.link.Status(); st.Proven != 3 {
					t.Errorf("%s in pieces of %d: %+v", name, piece, st)
				}
				w.end()
			})
		}
	}
}

// An answer to a refused request, an end, and interim answers without end after interim ones.
func TestWhatFollowsInterimAnswers(t *testing.T) {
	const hint = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
	for name, c := range map[string]struct {
		then    func(w *wire)
		problem string
	}{
		"401":     {func(w *wire) { _ = w.say("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n") }, ProblemAuthRejected},
		"the end": {func(*wire) {}, ProblemClosed},
		"for ever": {func(w *wire) {
			for w.say(hint) == nil {
				continue
			}
		}, ProblemProtocol},
		"silence": {func(*wire) { time.Sleep(time.Minute) }, ProblemTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := start(t, Options{BackoffBase: 4 * time.Minute}, func(_ int, w *wire) {
					if _, err := w.request(); err == nil && w.say(hint) == nil {
						c.then(w)
					}
				})
				w.run()
				time.Sleep(11 * time.Second)
				synctest.Wait()
				if st := w.link.Status(); st.Problem != c.problem {
					t.Errorf("%s: %s", st.Problem, st.LastError)
				}
				w.end()
			})
		})
	}
}

// The server is told that HTTP/1.1 is spoken (RFC 7301): one that would else begin
// with HTTP/2 has no WebSocket there.
func TestALPN(t *testing.T) {
	ca := newAuthority(t, "ours")
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	write(t, caFile, string(ca.pem))
	offered := make(chan []string, 1)
	config := &tls.Config{
		Certificates: []tls.Certificate{ca.server(t, "house.example", time.Now().AddDate(-1, 0, 0), time.Now().AddDate(1, 0, 0))},
		NextProtos:   []string{"h2", "http/1.1"},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			select {
			case offered <- hello.SupportedProtos:
			default:
			}
			return nil, nil
		},
	}
	h := newHouse(t, map[string]func(*host, net.Conn){"127.0.0.1": overTLS(config, politely)})
	l := h.link(t, Options{URL: "wss", CAFile: caFile}, "127.0.0.1")
	testkit.Eventually(t, "the link is up", func() bool { return l.Status().State == Online })
	if got := strings.Join(<-offered, " "); got != "http/1.1" {
		t.Errorf("offered %q", got)
	}
}
