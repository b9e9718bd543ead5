package uplink

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portti/uplink/uplinktest"
)

// Every way a dial or a session can end, with servers that echo what they
// were sent; no secret may reach log, status or error.
func TestNoSecretIsEverShown(t *testing.T) {
	const (
		token    = "canary-tok+en/1"
		password = "canary-pass"
		fragment = "canary-frag"
		inQuery  = "canary-query"
	)
	echo := func(format string) func(*wire) {
		return func(w *wire) {
			if _, err := w.request(); err == nil {
				_ = w.say(fmt.Sprintf(format, w.req.RequestURI+" "+w.req.Header.Get("Authorization")))
			}
		}
	}
	serves := map[string]func(*wire){
		"status line": echo("HTTP/1.1 403 %s\r\nContent-Length: 0\r\n\r\n"),
		"bad status":  echo("HTTP/1.1 %s\r\n\r\n"),
		"bad header":  echo("HTTP/1.1 200 OK\r\n%s\r\n\r\n"),
		"not HTTP":    echo("%s\r\n\r\n"),
		"redirect":    echo("HTTP/1.1 302 OK\r\nLocation: ws://%[1]s/x\r\nContent-Length: 0\r\n\r\n"),
		"retry-after": echo("HTTP/1.1 429 Slow\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n"),
		"silence":     func(*wire) { time.Sleep(time.Minute) },
		"end":         func(*wire) {},
		"reset":       func(w *wire) { w.conn.(*uplinktest.Conn).Reset() },
		"close reason": func(w *wire) {
			if w.accept() == nil {
				w.close(4001, cut(w.req.RequestURI+w.req.Header.Get("Authorization"), 120))
			}
		},
		"policy": func(w *wire) {
			if w.accept() == nil {
				w.close(1008, cut(w.req.Header.Get("Authorization"), 120))
			}
		},
		"bad frame": func(w *wire) {
			if w.accept() == nil {
				_ = w.say(w.req.RequestURI)
			}
		},
		"TLS": func(w *wire) { _ = tls.Server(w.conn, &tls.Config{}).Handshake() },
		"message": func(w *wire) {
			if w.accept() == nil {
				_ = w.send(fin|opText, []byte(w.req.Header.Get("Authorization")))
				w.pump(func([]byte) bool { return true })
			}
		},
	}
	options := map[string]Options{
		"header":   {URL: "ws://localhost/s?key=" + inQuery, Token: staticToken(NewSecret(token))},
		"query":    {URL: "ws://localhost/s", Auth: AuthQuery, Token: staticToken(NewSecret(token))},
		"userinfo": {URL: "ws://user:" + password + "@localhost/s", Auth: AuthNone},
		"fragment": {URL: "ws://localhost/s#" + fragment, Auth: AuthHash, HashAs: "path"},
		"bearer":   {URL: "ws://localhost/s#" + fragment, Auth: AuthHash, HashAs: "bearer"},
		"post":     {Engine: EngineHTTP, URL: "http://localhost/s?key=" + inQuery, Token: staticToken(NewSecret(token))},
		"https":    {Engine: EngineHTTP, URL: "https://user:" + password + "@localhost/s", Auth: AuthNone},
		"wss":      {URL: "wss://localhost/s", Auth: AuthQuery, Token: staticToken(NewSecret(token))},
	}
	for on, o := range options {
		for sn, serve := range serves {
			synctest.Test(t, func(t *testing.T) {
				var out syncBuffer
				net := &memNet{serve: func(_ int, w *wire) { serve(w) }}
				o := o
				o.Dial, o.Log = net.dial, slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug - 10}))
				w := &world{t: t, net: net, src: newFakeSource(t), done: make(chan error, 1), link: newLink(t, o)}
				w.src.add(3)
				w.run()
				for range 20 {
					time.Sleep(30 * time.Second)
					synctest.Wait()
					st := w.link.Status()
					text, err := json.Marshal(st)
					if err != nil {
						t.Error(err)
					}
					fmt.Fprintf(&out, "%s %+v %#v\n", text, st, st)
				}
				w.end()
				if s := out.String(); strings.Contains(s, "canary") || strings.Contains(s, "Y2FuYXJ5") || strings.Contains(s, "dXNlcjpj") {
					t.Errorf("%s, %s: %s", on, sn, around(s, "canary"))
				}
			})
		}
	}
}

func cut(s string, n int) string { return s[:min(len(s), n)] }

func around(s, what string) string {
	i := max(strings.Index(s, what), 0)
	return s[max(i-150, 0):min(i+80, len(s))]
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
