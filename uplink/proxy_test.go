package uplink

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

const (
	proxyUser = "gate"
	proxyPass = "canary-proxy+pw"
)

// asked is what a proxy was asked for, at the level of bytes.
type asked struct {
	target, user, password string
	raw                    string // everything but the tunnel
}

// takeConnect is the proxy's side of an HTTP CONNECT up to its answer.
func takeConnect(w *wire) (asked, error) {
	var raw strings.Builder
	w.br = bufio.NewReader(io.TeeReader(w.conn, &raw))
	req, err := http.ReadRequest(w.br)
	w.br = bufio.NewReader(w.conn)
	if err != nil || req.Method != http.MethodConnect {
		return asked{raw: raw.String()}, fmt.Errorf("no CONNECT: %w", err)
	}
	a := asked{target: req.Host, raw: raw.String()}
	_, pair, _ := strings.Cut(req.Header.Get("Proxy-Authorization"), "Basic ")
	login, _ := base64.StdEncoding.DecodeString(pair)
	a.user, a.password, _ = strings.Cut(string(login), ":")
	return a, nil
}

// takeSOCKS is the proxy's side of SOCKS5 with a login up to its last answer.
func takeSOCKS(w *wire) (a asked, err error) {
	read := func(n int) []byte {
		b := make([]byte, n)
		if err == nil {
			_, err = io.ReadFull(w.br, b)
		}
		return b
	}
	read(int(read(2)[1]))
	_ = w.say("\x05\x02")
	a.user = string(read(int(read(2)[1])))
	a.password = string(read(int(read(1)[0])))
	_ = w.say("\x01\x00")
	if kind := read(4); err == nil && kind[3] != 3 {
		return a, fmt.Errorf("the name was not passed on: address type %d", kind[3])
	}
	host := string(read(int(read(1)[0])))
	port := read(2)
	a.target = fmt.Sprintf("%s:%d", host, int(port[0])<<8|int(port[1]))
	return a, err
}

// secured is a TLS server on the wire.
func secured(w *wire, cert tls.Certificate) *wire {
	return newWire(tls.Server(&rest{w.conn, w.br}, &tls.Config{Certificates: []tls.Certificate{cert}}))
}

// rest is a connection of which some bytes are in a reader already.
type rest struct {
	net.Conn
	br *bufio.Reader
}

func (r *rest) Read(p []byte) (int, error) { return r.br.Read(p) }

// proxied is a link to wss://ingest.example through a proxy.
func proxied(t *testing.T, o Options, serve func(n int, w *wire)) *world {
	t.Helper()
	w := start(t, Options{}, serve)
	setDefault(&o.URL, "wss://ingest.example/socket")
	setDefault(&o.BackoffBase, 4*time.Minute)
	if o.Token == nil {
		o.Token = staticToken(NewSecret("canary-token"))
	}
	w.with(o)
	return w
}

// authorityFile is an authority in a file.
func authorityFile(t *testing.T) (*authority, string) {
	t.Helper()
	a := newAuthority(t, "ours")
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, a.pem, 0o600); err != nil {
		t.Fatal(err)
	}
	return a, path
}

// Row 42: every kind of proxy opens the way to a wss server, is told the login
// and the name of the server, and sees nothing of the token.
func TestProxyOpensTheWay(t *testing.T) {
	for scheme, port := range map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"} {
		t.Run(scheme, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ca, caFile := authorityFile(t)
				from, to := time.Now().AddDate(-1, 0, 0), time.Now().AddDate(1, 0, 0)
				proxyCert, serverCert := ca.server(t, "proxy.example", from, to), ca.server(t, "ingest.example", from, to)
				var mu sync.Mutex
				var got asked
				var token string
				w := proxied(t, Options{Proxy: scheme + "://" + proxyUser + ":" + strings.ReplaceAll(proxyPass, "+", "%2B") + "@proxy.example", CAFile: caFile}, func(_ int, w *wire) {
					take, yes := takeConnect, "HTTP/1.1 200 Connection established\r\n\r\n"
					if scheme == "https" {
						w = secured(w, proxyCert)
					}
					if strings.HasPrefix(scheme, "socks") {
						take, yes = takeSOCKS, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
					}
					a, err := take(w)
					if err != nil {
						t.Error(err)
						return
					}
					_ = w.say(yes)
					server := secured(w, serverCert)
					if server.accept() != nil {
						return
					}
					mu.Lock()
					got, token = a, server.req.Header.Get("Authorization")
					mu.Unlock()
					server.pump(func([]byte) bool { return true })
				})
				var dialled string
				dial := w.link.o.Dial
				w.link.o.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
					dialled = addr
					return dial(ctx, network, addr)
				}
				w.src.add(5)
				w.run()
				time.Sleep(time.Minute)
				w.state(Online)
				if n := w.src.count(released); n != 5 || dialled != "proxy.example:"+port {
					t.Errorf("%d records released, dialled %s", n, dialled)
				}
				mu.Lock()
				if got.target != "ingest.example:443" || got.user != proxyUser || got.password != proxyPass || token != "Bearer canary-token" {
					t.Errorf("the proxy was asked %+v, the server saw %q", got, token)
				}
				if strings.Contains(got.raw, "canary-token") {
					t.Error("the proxy saw the token")
				}
				mu.Unlock()
				w.end()
			})
		})
	}
}

// Row 42: what a proxy does wrong has a name of its own, is no fault of the
// server's, and ends in time.
func TestProxyFails(t *testing.T) {
	say := func(text string) func(*wire) {
		return func(w *wire) {
			if _, err := w.request(); err == nil {
				_ = w.say(text)
			}
			_, _ = io.Copy(io.Discard, w.br)
		}
	}
	for name, c := range map[string]struct {
		scheme  string
		serve   func(w *wire)
		problem string
		state   State
		says    string
	}{
		"wants a login":         {"http", say("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), ProblemProxyAuth, Parked, "proxy"},
		"no reason phrase":      {"http", say("HTTP/1.1 407\r\n\r\n"), ProblemProxyAuth, Parked, "proxy"},
		"bad gateway":           {"http", say("HTTP/1.1 502 Bad Gateway\r\n\r\n"), ProblemProxy, Waiting, "502"},
		"not HTTP":              {"http", say("SSH-2.0-OpenSSH_9.2\r\n"), ProblemProxy, Waiting, "answer"},
		"closes":                {"http", func(w *wire) { _, _ = w.request() }, ProblemProxy, Waiting, "EOF"},
		"silence":               {"http", func(w *wire) { _, _ = io.Copy(io.Discard, w.br) }, ProblemProxy, Waiting, "timeout"},
		"endless header":        {"http", func(w *wire) { endless(w, "HTTP/1.1 200 OK\r\n", "X-A: "+strings.Repeat("a", 1000)+"\r\n") }, ProblemProxy, Waiting, "too long"},
		"speaks for the server": {"http", say("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 OK\r\n\r\n"), ProblemProxy, Waiting, "speaks"},
		"plain behind https":    {"https", say("HTTP/1.1 200 OK\r\n\r\n"), ProblemProxy, Waiting, "secure"},
		"unknown authority": {"https", func(w *wire) {
			_ = secured(w, newAuthority(t, "theirs").server(t, "proxy.example", time.Unix(0, 0), time.Now().AddDate(1, 0, 0))).say("")
		}, ProblemProxy, Waiting, "unknown authority"},
		"SOCKS, refuses a login": {"socks5", func(w *wire) { _, _ = io.ReadFull(w.br, make([]byte, 4)); _ = w.say("\x05\xff") }, ProblemProxyAuth, Parked, "proxy"},
		"SOCKS, wrong password": {"socks5h", func(w *wire) {
			_, _ = io.ReadFull(w.br, make([]byte, 4))
			_ = w.say("\x05\x02")
			_, _ = w.br.ReadByte()
			_ = w.say("\x01\x01")
		}, ProblemProxyAuth, Parked, "proxy"},
		"SOCKS, host unreachable": {"socks5", func(w *wire) { _, _ = takeSOCKS(w); _ = w.say("\x05\x04\x00\x01\x00\x00\x00\x00\x00\x00") }, ProblemProxy, Waiting, "unreachable"},
		"SOCKS, no SOCKS":         {"socks5", func(w *wire) { _ = w.say("HTTP/1.1 400 Bad Request\r\n\r\n") }, ProblemProxy, Waiting, "version"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := proxied(t, Options{Proxy: c.scheme + "://" + proxyUser + ":" + proxyPass + "@proxy.example:3128"}, func(_ int, w *wire) { c.serve(w) })
				w.run()
				time.Sleep(11 * time.Second)
				synctest.Wait()
				st := w.link.Status()
				if st.Problem != c.problem || st.State != c.state && st.Failures < 2 || !strings.Contains(st.LastError, c.says) {
					t.Errorf("status %+v", st)
				}
				if text := fmt.Sprintf("%+v", st); strings.Contains(text, "canary") {
					t.Errorf("a secret is shown: %s", text)
				}
				w.end()
			})
		})
	}
}

// A proxy or a server that answers before it was asked, and closes, is named by
// its answer, whether our question was written before the close or failed after
// it.
func TestAnswersBeforeTheQuestion(t *testing.T) {
	const plain, secure = "ws://localhost/socket", "wss://ingest.example/socket"
	alert := "\x15\x03\x03\x00\x02\x02\x28" // handshake failure
	for name, c := range map[string]struct {
		url, proxy, answer string
		problem            string
		says               string
	}{
		"SOCKS, no SOCKS":        {secure, "socks5://proxy.example", "HTTP/1.1 400 Bad Request\r\n\r\n", ProblemProxy, "version"},
		"SOCKS, refuses a login": {secure, "socks5h://proxy.example", "\x05\xff", ProblemProxyAuth, "proxy"},
		"proxy wants a login":    {secure, "http://proxy.example", "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", ProblemProxyAuth, "password"},
		"proxy forbids":          {secure, "http://proxy.example", "HTTP/1.1 403 Forbidden\r\n\r\n", ProblemProxy, "403"},
		"proxy is no proxy":      {secure, "http://proxy.example", "SSH-2.0-OpenSSH_9.2\r\n", ProblemProxy, "answer"},
		"proxy without TLS":      {secure, "https://proxy.example", "HTTP/1.1 400 Bad Request\r\n\r\n", ProblemProxy, "secure"},
		"proxy says nothing":     {secure, "http://proxy.example", "", ProblemProxy, "proxy"},
		"server is busy":         {plain, "none", "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", ProblemServer, "503"},
		"server forbids":         {plain, "none", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", ProblemForbidden, "403"},
		"TLS alert":              {secure, "none", alert, ProblemTLSFailed, "handshake failure"},
		"server says nothing":    {plain, "none", "", ProblemClosed, ""},
	} {
		for _, asked := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, asked %v", name, asked), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := proxied(t, Options{URL: c.url, Insecure: true, Proxy: c.proxy}, func(_ int, w *wire) {
						if asked {
							time.Sleep(time.Millisecond) // a bubble's clock moves when all wait: the question is out
						}
						_ = w.say(c.answer)
					})
					dial := w.link.o.Dial
					w.link.o.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
						conn, err := dial(ctx, network, addr)
						if !asked {
							time.Sleep(time.Millisecond) // the answer is here, and the end
						}
						return conn, err
					}
					w.run()
					time.Sleep(time.Second)
					synctest.Wait()
					if st := w.link.Status(); st.Failures != 1 || st.Problem != c.problem || !strings.Contains(st.LastError, c.says) {
						t.Errorf("status %+v", st)
					}
					w.end()
				})
			})
		}
	}
}

// Row 42: nobody at the proxy's address is not nobody at the server's.
func TestProxyUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := proxied(t, Options{Proxy: "http://proxy.example:3128"}, polite)
		w.net.fail = func(int) error {
			return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
		}
		w.run()
		synctest.Wait()
		if st := w.link.Status(); st.Problem != ProblemProxy || !strings.Contains(st.LastError, "cannot reach the proxy") {
			t.Errorf("status %+v", st)
		}
		w.end()
	})
}

// Row 42: a proxy that cuts tunnels after 60 s without a byte never sees one
// so quiet, unless somebody sets the pings further apart.
func TestProxyThatCutsIdleTunnels(t *testing.T) {
	for _, c := range []struct {
		interval time.Duration
		connects uint64
	}{{20 * time.Second, 1}, {90 * time.Second, 10}} {
		synctest.Test(t, func(t *testing.T) {
			w := proxied(t, Options{Proxy: "http://proxy.example:3128", URL: "ws://ingest.example/socket", Insecure: true, PingInterval: c.interval, BackoffBase: time.Second}, func(_ int, w *wire) {
				if _, err := takeConnect(w); err != nil {
					return
				}
				idle := time.AfterFunc(time.Minute, func() { w.conn.Close() })
				defer idle.Stop()
				_ = w.say("HTTP/1.1 200 OK\r\n\r\n")
				if w.accept() != nil {
					return
				}
				for {
					f, err := w.read()
					if err != nil {
						return
					}
					idle.Reset(time.Minute)
					if f.op == opPing {
						_ = w.send(fin|opPong, f.data)
					}
				}
			})
			w.run()
			time.Sleep(time.Hour)
			synctest.Wait()
			if n := w.link.Status().Connects; n < c.connects || c.connects == 1 && n > 1 {
				t.Errorf("pings each %v: %d connections in an hour", c.interval, n)
			}
			w.end()
		})
	}
}

// The password of a proxy, and a user that is the key itself, in every form a
// proxy could say it back.
func TestProxyLoginIsNotShown(t *testing.T) {
	for _, login := range []string{"u:canary-proxy", "canary-user:"} {
		for _, format := range []string{"HTTP/1.1 500 %[1]s\r\n\r\n", "HTTP/1.1 %[1]s\r\n\r\n", "%[1]s\r\n\r\n", "HTTP/1.1 200 OK\r\n%[1]s\r\n\r\n"} {
			synctest.Test(t, func(t *testing.T) {
				w := proxied(t, Options{Proxy: "http://" + strings.TrimSuffix(login, ":") + "@proxy.example:3128"}, func(_ int, w *wire) {
					if a, err := takeConnect(w); err == nil {
						_ = w.say(fmt.Sprintf(format, base64.StdEncoding.EncodeToString([]byte(login))+" canary-proxy canary-user "+a.password))
					}
				})
				w.run()
				time.Sleep(time.Minute)
				synctest.Wait()
				st := w.link.Status()
				text, err := json.Marshal(st)
				if err != nil {
					t.Error(err)
				}
				shown := fmt.Sprintf("%s %+v %v", text, st, w.logs.lines())
				_, secret, _ := strings.Cut(login, "canary-")
				if strings.Contains(shown, "canary-"+strings.TrimSuffix(secret, ":")) || strings.Contains(shown, base64.StdEncoding.EncodeToString([]byte(login))) || st.LastError == "" {
					t.Errorf("%s", shown)
				}
				w.end()
			})
		}
	}
}

func TestProxyIsChosen(t *testing.T) {
	for _, c := range []struct {
		proxy, url string
		want       string // the proxy's address; "": none
	}{
		{"none", "wss://ingest.example/s", ""},
		{"http://p.example", "wss://ingest.example/s", "p.example:80"},
		{"https://p.example", "wss://ingest.example/s", "p.example:443"},
		{"socks5h://p.example", "wss://ingest.example/s", "p.example:1080"},
		{"socks5://[fd00::1]:9050", "wss://ingest.example/s", "[fd00::1]:9050"},
		{"http://p.example:3128", "ws://localhost/s", ""},
		{"http://p.example:3128", "ws://127.0.0.1:8080/s", ""},
	} {
		d := dialer{o: &Options{Proxy: c.proxy}, hide: func(string) {}}
		ep, err := parseEndpoint(c.url, EngineWebSocket, true)
		if err != nil {
			t.Fatal(err)
		}
		u, err := d.proxy(ep.url)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if u != nil {
			got = proxyAddress(u)
		}
		if got != c.want {
			t.Errorf("%s through %s: %q, want %q", c.url, c.proxy, got, c.want)
		}
	}
	for _, bad := range []string{"", "ftp://p.example", "http://", "socks4://p", "p.example:3128", "http://user:canary-pw@", "http://u:canary-pw@h:x"} {
		if err := checkProxy(bad); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
