package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/testbed"
	"portti/cmd/portti/web"
	"portti/cross/testkit"
)

// echo is a server, and a proxy, that says what it was told wherever it can: in the
// status line, a header, the body, and a redirect.
func echo(t *testing.T) (addr string, asked *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	asked = new(atomic.Int64)
	codes := []string{"401", "403", "404", "407", "302", "429", "500", "503", "200"}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(testkit.Patience))
				r, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					return
				}
				all, _ := httputil.DumpRequest(r, false)
				said := strings.Join(strings.Fields(string(all)), " ")
				code := codes[asked.Add(1)%int64(len(codes))]
				login, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Proxy-Authorization"), "Basic "))
				said += " " + string(login)
				fmt.Fprintf(c, "HTTP/1.1 %s %s\r\nLocation: http://other.example/?%s\r\nX-Said: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", code, said, url.QueryEscape(said), said, len(said), said)
			}()
		}
	}()
	return l.Addr().String(), asked
}

// TestNoCanaryInTheLog: the log at debug of a gateway whose server and proxy
// repeat every secret that they are told, whose configuration is read again with all of
// them elsewhere and with mistakes in their lines, whose devices talk nonsense, and whose
// page and sockets are asked with secrets in every place. In 1,000 lines each
// configuration is read with and without mistakes some eight times; with PORTTI_LONG set it
// goes on to 10,000.
func TestNoCanaryInTheLog(t *testing.T) {
	c := newCanaries()
	server, served := echo(t)
	proxy, asked := echo(t)
	s := rig.New(t, testbed.Options{})
	credentials := filepath.Join(s.Dir, "given")
	if err := os.Mkdir(credentials, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(credentials, "uplink-token"), []byte(c["credential"]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", credentials)
	token := filepath.Join(s.Dir, "token")
	if err := os.WriteFile(token, []byte(c["token"]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	base := "ws://" + server + "/x?site=" + url.QueryEscape(c["query"])
	far := "ws://far.example/x?site=" + url.QueryEscape(c["query"]) // what is near is asked without the proxy
	through := fmt.Sprintf("insecure = true\nproxy = \"http://gw:%s@%s\"\n", c["proxy"], proxy)
	header := fmt.Sprintf("[uplink.headers]\nX-Site = %q\n", c["header"])
	tags := fmt.Sprintf("[[device]]\nname = \"tags\"\nenabled = false\ntype = \"ble-bridge\"\nport = \"/dev/ttyUSB97\"\nid = \"XXXX03TAG00000001\"\nkeys = {\"A4:C1:38:8D:18:B2\" = %q}\n", c["key"])
	ways := []struct{ url, uplink, more string }{
		{far, through + fmt.Sprintf("auth = \"header\"\ntoken_file = %q\n", token), header},
		{base, "insecure = true\nauth = \"query\"\ncredential = \"uplink-token\"\n", header + tags},
		{base + "#" + url.PathEscape(c["fragment"]), "insecure = true\nauth = \"hash\"\nhash_as = \"query:t\"\n", ""},
		{"ws://user:" + c["password"] + "@" + server + "/x", "insecure = true\n", tags},
		{far, through + "auth = \"header\"\ncredential = \"uplink-token\"\n", header},
	}
	web := "[web]\nlisten = \"127.0.0.1:0\"\n"
	set := func(i int) {
		w := ways[i%len(ways)]
		s.URL, s.Uplink, s.More = w.url, w.uplink, web+w.more
	}
	set(0)
	log, level := &lockedLog{}, new(slog.LevelVar)
	level.Set(slog.LevelDebug)
	file := s.ConfigFile()
	g := s.Run(gateway.Options{Log: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: level})), Level: level,
		Load: func() (*config.Config, error) { return config.Load(file, config.LoadOptions{}) }})
	ask := func(method, path string) {
		req, err := http.NewRequest(method, "http://portti"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("User-Agent", c["access"])
		req.Header.Set("Authorization", "Bearer "+c["access"])
		resp, err := clientOf(filepath.Join(s.Dir, "run", config.SocketName)).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	lines := func() int { return bytes.Count(log.text(), []byte("\n")) }
	begun, accepted, enough := time.Now(), 0, 1_000
	if os.Getenv("PORTTI_LONG") != "" {
		enough = 10_000
	}
	said, last := 0, begun
	for i := 0; lines() < enough; i++ {
		if now := lines(); now > said {
			said, last = now, time.Now()
		} else if time.Since(last) > testkit.Patience {
			t.Fatalf("after %d lines nothing is said for %v", said, time.Since(last))
		}
		set(i)
		s.Configure()
		if i%7 == 6 {
			c.breakConfig(t, file)
		} else if _, err := config.Load(file, config.LoadOptions{}); err != nil {
			t.Fatalf("way %d: %v", i%len(ways), err)
		} else {
			accepted++
		}
		ask("POST", "/api/v1/reload")
		ask("POST", "/api/v1/ping?within="+c["note"])
		ask("POST", "/api/v1/debug?for="+c["note"])
		ask("POST", "/api/v1/mark?id="+c["note"])
		ask("POST", "/api/v1/mark?id=BUNDLE-00000000")
		if i%10 == 0 {
			s.Line().Feed(20)
		}
	}
	if asked.Load() == 0 || served.Load() == 0 {
		t.Errorf("the proxy was asked %d times, the server %d times", asked.Load(), served.Load())
	}
	text := log.text()
	t.Logf("%d lines in %v, %d configurations taken; the server was asked %d times, the proxy %d times", lines(), time.Since(begun), accepted, served.Load(), asked.Load())
	c.none(t, "the log", text)
	for _, component := range []string{"uplink", "device", "buffer", "web", "daemon"} {
		if !bytes.Contains(text, []byte(`"component":"`+component+`"`)) {
			t.Errorf("%s said nothing", component)
		}
	}
	out, err := laidOut(g.Instance.Status())
	if err != nil {
		t.Fatal(err)
	}
	c.none(t, "the status", out)
	hist, err := laidOut(g.Instance.History(true))
	if err != nil {
		t.Fatal(err)
	}
	c.none(t, "the history", hist)
}

// TestBundleHasMetricsOfAnyAddress: one that stands for all is no name that they may be asked by.
func TestBundleHasMetricsOfAnyAddress(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !web.Known(r, nil) {
			http.Error(w, "not by that name", http.StatusMisdirectedRequest)
		}
	}))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	for _, host := range []string{"127.0.0.1", "localhost", "0.0.0.0", ""} {
		b := &bundle{cfg: config.Defaults()}
		b.cfg.Metrics.Listen = host + ":" + port
		if _, err := b.metrics(t.Context()); err != nil {
			t.Errorf("%s: %v", b.cfg.Metrics.Listen, err)
		}
	}
}

// TestBundleIsLedNowhere: who has the address of the metrics while the gateway does not run
// decides nothing of what is asked for.
func TestBundleIsLedNowhere(t *testing.T) {
	asked := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer other.Close()
	led := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer led.Close()
	b := &bundle{cfg: config.Defaults()}
	b.cfg.Metrics.Listen = led.Listener.Addr().String()
	if text, err := b.metrics(t.Context()); err == nil || asked {
		t.Errorf("%q, %v; it was led elsewhere: %v", text, err, asked)
	}
}
