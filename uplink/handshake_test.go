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

// What an operator's server wants of the request in addition goes with it, and its
// values are shown nowhere.
func TestRequestSaysWhatIsConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const secret = "canary-key-of-the-site"
		w := start(t, Options{Origin: "https://app.example", Subprotocol: "mine.v2", Headers: map[string]string{"x-api-key": secret, "X-Site": "7"}}, func(_ int, w *wire) {
			if req, err := w.request(); err == nil {
				for name, want := range map[string]string{"Origin": "https://app.example", "Sec-Websocket-Protocol": "mine.v2", "X-Api-Key": secret, "X-Site": "7"} {
					if got := req.Header.Get(name); got != want {
						t.Errorf("%s: %q, want %q", name, got, want)
					}
				}
				_ = w.say("HTTP/1.1 403 Forbidden\r\nContent-Length: 40\r\n\r\nkey " + secret + " is not known")
			}
		})
		w.run()
		time.Sleep(time.Second)
		synctest.Wait()
		if st := w.link.Status(); !strings.Contains(st.LastError, "is not kn") || strings.Contains(st.LastError+strings.Join(w.logs.lines(), " "), "canary") {
			t.Errorf("%q, %q", st.LastError, w.logs.lines())
		}
		w.end()
	})
	for name, o := range map[string]Options{
		"two in one header":        {Headers: map[string]string{"Authorization": "Bearer x"}, Auth: AuthHeader, Token: staticToken(NewSecret("t"))},
		"a header of the upgrade":  {Headers: map[string]string{"sec-websocket-key": "x"}},
		"a line more":              {Headers: map[string]string{"X": "a\r\nY: b"}},
		"a subprotocol of two":     {Subprotocol: "a, b"},
		"an origin with a newline": {Origin: "https://x\n"},
	} {
		o.URL = "ws://localhost/"
		if o.Auth == "" {
			o.Auth = AuthNone
		}
		if _, err := New(o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// A server may choose one of the subprotocols that were offered, or none (RFC 6455, 4.1).
func TestSubprotocolThatWasNotOffered(t *testing.T) {
	for _, c := range []struct{ offered, chosen, problem string }{
		{"mine.v2", "", ""},
		{"mine.v2", "Sec-WebSocket-Protocol: mine.v2\r\n", ""},
		{"mine.v2", "Sec-WebSocket-Protocol: other\r\n", ProblemProtocol},
		{"mine.v2", "Sec-WebSocket-Protocol: mine.v2, other\r\n", ProblemProtocol},
		{"", "Sec-WebSocket-Protocol: other\r\n", ProblemProtocol},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := start(t, Options{Subprotocol: c.offered}, func(_ int, w *wire) {
				if req, err := w.request(); err == nil {
					_ = w.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + c.chosen + "Sec-WebSocket-Accept: " + acceptKey(req) + "\r\n\r\n")
					w.pump(func([]byte) bool { return true })
				}
			})
			w.run()
			time.Sleep(time.Second)
			synctest.Wait()
			if st := w.link.Status(); st.Problem != c.problem || (st.State == Online) != (c.problem == "") || c.problem != "" && !strings.Contains(st.LastError, "subprotocol") {
				t.Errorf("offered %q, %q: %s, %s: %s", c.offered, c.chosen, st.State, st.Problem, st.LastError)
			}
			w.end()
		})
	}
}

// A server that asks for a certificate where none is configured is named, whatever it then
// does: ends the handshake without a word, or answers 400 as nginx does.
func TestCertificateThatIsAskedForIsNamed(t *testing.T) {
	ca := newAuthority(t, "ours")
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	write(t, caFile, string(ca.pem))
	for name, c := range map[string]struct {
		ask     tls.ClientAuthType
		version uint16
		serve   func(*host, net.Conn)
		problem string
	}{
		"TLS 1.3 and an alert": {tls.RequireAnyClientCert, tls.VersionTLS13, politely, ProblemTLSClient},
		"TLS 1.2 and an alert": {tls.RequireAnyClientCert, tls.VersionTLS12, politely, ProblemTLSClient},
		"hangs up":             {tls.RequestClientCert, tls.VersionTLS13, func(_ *host, c net.Conn) { _, _ = newWire(c).request() }, ProblemTLSClient},
		"400": {tls.RequestClientCert, tls.VersionTLS13,
			answers("HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 60\r\n\r\n<title>400 No required SSL certificate was sent</title>     "), ProblemProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			config := &tls.Config{Certificates: []tls.Certificate{ca.server(t, "house.example", time.Now().AddDate(-1, 0, 0), time.Now().AddDate(1, 0, 0))},
				ClientAuth: c.ask, MaxVersion: c.version}
			h := newHouse(t, map[string]func(*host, net.Conn){"127.0.0.1": overTLS(config, c.serve)})
			l := h.link(t, Options{URL: "wss", CAFile: caFile}, "127.0.0.1")
			testkit.Eventually(t, "the dial has failed", func() bool { return l.Status().Failures > 0 })
			if st := l.Status(); st.Problem != c.problem || !strings.Contains(st.LastError, "client_cert") {
				t.Errorf("%s: %s", st.Problem, st.LastError)
			}
		})
	}
}
