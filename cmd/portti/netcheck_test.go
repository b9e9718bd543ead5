package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sys/unix"

	"portti/cmd/portti/config"
	"portti/cmd/portti/doctor"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/netcheck"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
	"portti/uplink"
)

// wayTo is a way to a server on this machine, in the state that a test makes it.
type wayTo struct {
	t        *testing.T
	cfg      *config.Config
	page     netcheck.Answer // what answers plain HTTP at the server's name
	running  *status.Document
	distrust bool // of the clock
}

func newWay(t *testing.T, url string) *wayTo {
	t.Helper()
	cfg := config.Defaults()
	cfg.Uplink.URL, cfg.Uplink.Auth, cfg.Paths.State = url, "header", t.TempDir()
	cfg.Uplink.TokenFile = filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(cfg.Uplink.TokenFile, []byte("canary-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	return &wayTo{t: t, cfg: cfg}
}

func (w *wayTo) check() []netcheck.Stage {
	w.t.Helper()
	prober, err := gateway.NewProber(w.cfg, gateway.Options{Built: time.Now()}, func() bool { return !w.distrust })
	if err != nil {
		w.t.Fatal(err)
	}
	h, err := netcheckBy(prober, fstest.MapFS{}, w.cfg, w.running, 700*time.Millisecond)
	if err != nil {
		w.t.Fatal(err)
	}
	if h.Get != nil {
		h.Get = func(context.Context, string) (netcheck.Answer, error) { return w.page, nil }
	}
	all := netcheck.Run(w.t.Context(), h, func(netcheck.Stage) {})
	text, _ := json.Marshal(all)
	if strings.Contains(string(text), "canary") {
		w.t.Errorf("a secret is shown: %s", text)
	}
	if len(all) != len(netcheck.Stages()) {
		w.t.Errorf("%d stages: %s", len(all), text)
	}
	return all
}

// is checks one stage.
func (w *wayTo) is(all []netcheck.Stage, name string, v netcheck.Verdict, code, says string) {
	w.t.Helper()
	if s := netcheck.Of(all, name); s.Verdict != v || s.Code != code || !strings.Contains(s.Sentence, says) {
		w.t.Errorf("%s: %s %s %q, wanted %s %s with %q", name, s.Verdict, s.Code, s.Sentence, v, code, says)
	}
}

// serveEach serves each connection with f.
func serveEach(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
			go f(c)
		}
	}()
	return l.Addr().String()
}

// answering answers each request with this text.
func answering(t *testing.T, text string) string {
	return serveEach(t, func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = io.WriteString(c, text)
		}
		_ = c.Close()
	})
}

// certified makes a certificate and its authority's file.
func certified(t *testing.T, name string, from, to time.Duration) (pair tls.Certificate, file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Bench"}, NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to),
		IsCA: true, BasicConstraintsValid: true, DNSNames: []string{name}}
	if ip := net.ParseIP(name); ip != nil {
		c.DNSNames, c.IPAddresses = nil, []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func TestNetcheckFindsWhereItEnds(t *testing.T) {
	silent := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	t.Run("refused", func(t *testing.T) {
		w := newWay(t, "ws://127.0.0.1:1/")
		all := w.check()
		w.is(all, netcheck.TCP, netcheck.Fail, "NET-REFUSED", "127.0.0.1:1")
		w.is(all, netcheck.Login, netcheck.Skipped, "", "")
	})
	// The first action depends on whether the address ever worked, as the catalogue has it.
	for name, c := range map[string]struct {
		note    string // the link's own, in the state folder
		running *status.Document
		want    string
	}{
		"an address that never worked":            {want: "Enter the right address: sudo portti setup"},
		"one that worked, by the note":            {note: `{"8139899ec2107efe":0}`, want: "the address worked before"},
		"one that worked, by the gateway":         {running: &status.Document{Link: status.Link{URL: "ws://127.0.0.1:1/", Reached: true}}, want: "the address worked before"},
		"another one worked, by the gateway":      {running: &status.Document{Link: status.Link{URL: "ws://127.0.0.1:2/", Reached: true}}, want: "Enter the right address"},
		"the gateway's, which has never answered": {running: &status.Document{Link: status.Link{URL: "ws://127.0.0.1:1/"}}, want: "Enter the right address"},
	} {
		w := newWay(t, "ws://127.0.0.1:1/")
		if w.running = c.running; c.note != "" {
			if err := os.WriteFile(filepath.Join(w.cfg.Paths.State, "uplink-limits.json"), []byte(c.note), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := netcheck.Of(w.check(), netcheck.TCP).Actions; len(got) == 0 || !strings.Contains(got[0], c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	t.Run("TLS is not answered", func(t *testing.T) {
		w := newWay(t, "wss://"+serveEach(t, silent)+"/")
		w.is(w.check(), netcheck.TLS, netcheck.Fail, "NET-TIMEOUT", "nothing was answered")
	})
	t.Run("upgrade is not answered", func(t *testing.T) {
		w := newWay(t, "ws://"+serveEach(t, silent)+"/")
		w.is(w.check(), netcheck.Upgrade, netcheck.Fail, "NET-TIMEOUT", "never answers the request")
	})
	t.Run("no TLS at this port", func(t *testing.T) {
		w := newWay(t, "wss://"+serveEach(t, func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") })+"/")
		w.is(w.check(), netcheck.TLS, netcheck.Fail, "TLS-FAILED", "does not speak TLS")
	})
	t.Run("no token", func(t *testing.T) {
		w := newWay(t, "ws://"+serveEach(t, silent)+"/")
		w.cfg.Uplink.TokenFile += ".gone"
		all := w.check()
		w.is(all, netcheck.Upgrade, netcheck.Skipped, "", "")
		w.is(all, netcheck.Login, netcheck.Fail, "UP-TOKEN-FILE", "")
	})
	for _, c := range []struct{ answer, stage, code, says string }{
		{"401 Unauthorized\r\n\r\n", netcheck.Login, "UP-AUTH-REJECTED", "401"},
		{"403 Forbidden\r\n\r\n", netcheck.Login, "UP-FORBIDDEN", "403"},
		{"301 Moved Permanently\r\nLocation: https://other.example/x\r\n\r\n", netcheck.Upgrade, "UP-REDIRECT", "other.example"},
		{"404 Not Found\r\n\r\n", netcheck.Upgrade, "UP-NOTFOUND", "no such path"},
		{"407 Proxy Authentication Required\r\n\r\n", netcheck.Upgrade, "NET-PROXY-AUTH", "407"},
		{"426 Upgrade Required\r\n\r\n", netcheck.Upgrade, "UP-PROTOCOL", "another protocol"},
		{"429 Too Many Requests\r\n\r\n", netcheck.Upgrade, "UP-RATE-LIMITED", "slow down"},
		{"502 Bad Gateway\r\n\r\n", netcheck.Upgrade, "UP-ERROR", "502"},
		{"503 Service Unavailable\r\n\r\n", netcheck.Upgrade, "UP-ERROR", "503"},
		{"200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nhey!", netcheck.Upgrade, "NET-PORTAL", "web page"},
	} {
		t.Run(c.answer[:3], func(t *testing.T) {
			w := newWay(t, "ws://"+answering(t, "HTTP/1.1 "+c.answer)+"/")
			w.is(w.check(), c.stage, netcheck.Fail, c.code, c.says)
		})
	}
	t.Run("portal leads elsewhere", func(t *testing.T) {
		w := newWay(t, "ws://"+answering(t, "HTTP/1.1 302 Found\r\nLocation: http://login.hotel.example/\r\n\r\n")+"/")
		w.page = netcheck.Answer{Status: 302, Location: "login.hotel.example"}
		w.is(w.check(), netcheck.Upgrade, netcheck.Fail, "NET-PORTAL", "login.hotel.example")
	})
}

func TestNetcheckJudgesCertificates(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		name, host string
		from, to   time.Duration
		trusted    bool // the authority
		distrust   bool // of the clock
		page       netcheck.Answer
		verdict    netcheck.Verdict
		code, says string
	}{
		{name: "good", host: "127.0.0.1", from: -day, to: 90 * day, trusted: true, verdict: netcheck.OK, says: "Bench"},
		{name: "ends soon", host: "127.0.0.1", from: -day, to: 3*day + time.Hour, trusted: true, verdict: netcheck.Warn, says: "in 3 days"},
		{name: "expired", host: "127.0.0.1", from: -9 * day, to: -day, trusted: true, verdict: netcheck.Fail, code: "TLS-EXPIRED", says: "expired on"},
		{name: "not yet", host: "127.0.0.1", from: day, to: 9 * day, trusted: true, verdict: netcheck.Fail, code: "TLS-NOT-YET", says: "The clock is wrong, not the certificate"},
		{name: "not yet by a clock in doubt", host: "127.0.0.1", from: day, to: 9 * day, trusted: true, distrust: true, verdict: netcheck.Fail, code: "CLK-UNSET", says: "The clock is wrong, not the certificate"},
		{name: "another name", host: "other.example", from: -day, to: day, trusted: true, verdict: netcheck.Fail, code: "TLS-NAME", says: "for other.example and not for 127.0.0.1"},
		{name: "unknown authority", host: "127.0.0.1", from: -day, to: day, verdict: netcheck.Fail, code: "TLS-UNKNOWN-CA", says: "signed by the server itself"},
		{name: "portal", host: "127.0.0.1", from: -day, to: day, page: netcheck.Answer{Status: 200, HTML: true}, verdict: netcheck.Fail, code: "NET-PORTAL", says: "captive portal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			pair, file := certified(t, c.host, c.from, c.to)
			addr := serveEach(t, func(conn net.Conn) {
				_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{pair}}).Handshake()
			})
			w := newWay(t, "wss://"+addr+"/")
			w.page, w.distrust = c.page, c.distrust
			if c.trusted {
				w.cfg.Uplink.CAFile = file
			}
			w.is(w.check(), netcheck.TLS, c.verdict, c.code, c.says)
		})
	}
}

func TestNetcheckThroughAProxy(t *testing.T) {
	w := newWay(t, "ws://h.example.net/ws")
	w.cfg.Uplink.Insecure = true
	w.cfg.Uplink.Proxy = "http://user:canary-secret@" + answering(t, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
	all := w.check()
	w.is(all, netcheck.Proxy, netcheck.Fail, "NET-PROXY-AUTH", "")
	w.is(all, netcheck.TLS, netcheck.Skipped, "", "")
	w.cfg.Uplink.Proxy = "http://user:canary-secret@127.0.0.1:1"
	w.is(w.check(), netcheck.Proxy, netcheck.Fail, "NET-PROXY", "")
}

// socket upgrades and hands the connection to f.
func socket(t *testing.T, f func(*websocket.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		up := websocket.Upgrader{}
		if conn, err := up.Upgrade(rw, r, nil); err == nil {
			defer conn.Close()
			f(conn)
		}
	})}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return l.Addr().String()
}

func readOn(c *websocket.Conn) {
	for {
		if _, _, err := c.ReadMessage(); err != nil {
			return
		}
	}
}

func TestNetcheckEcho(t *testing.T) {
	t.Run("good", func(t *testing.T) {
		w := newWay(t, "ws://"+socket(t, readOn)+"/")
		all := w.check()
		w.is(all, netcheck.Login, netcheck.OK, "", "takes the login")
		w.is(all, netcheck.Echo, netcheck.OK, "", "fill a packet")
	})
	t.Run("refused after the upgrade", func(t *testing.T) {
		w := newWay(t, "ws://"+socket(t, func(c *websocket.Conn) {
			_ = c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4001, "who?"))
			readOn(c)
		})+"/")
		w.is(w.check(), netcheck.Login, netcheck.Fail, "UP-AUTH-REJECTED", "4001")
	})
	t.Run("no pong ever", func(t *testing.T) {
		w := newWay(t, "ws://"+socket(t, func(c *websocket.Conn) {
			c.SetPingHandler(func(string) error { return nil })
			readOn(c)
		})+"/")
		all := w.check()
		w.is(all, netcheck.Login, netcheck.OK, "", "")
		w.is(all, netcheck.Echo, netcheck.Fail, "UP-NO-PONG", "no ping was answered")
	})
	t.Run("many pings are too many", func(t *testing.T) {
		w := newWay(t, "ws://"+socket(t, func(c *websocket.Conn) {
			answer := c.PingHandler()
			c.SetPingHandler(func(text string) error {
				if len(text) > 100 {
					return fmt.Errorf("too long")
				}
				return answer(text)
			})
			readOn(c)
		})+"/")
		w.is(w.check(), netcheck.Echo, netcheck.OK, "", "was not tried")
	})
}

// swallows relays to addr and drops what is longer than a small packet, on connections
// that were not agreed to carry small ones alone.
func swallows(t *testing.T, addr string) string {
	return serveEach(t, func(c net.Conn) {
		out, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		defer out.Close()
		go func() { _, _ = io.Copy(c, out); _ = c.Close() }()
		size := 0
		if raw, err := c.(*net.TCPConn).SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { size, _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG) })
		}
		buf := make([]byte, 4096)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			if n <= 1300 || size < 1000 {
				_, _ = out.Write(buf[:n])
			}
		}
	})
}

func TestNetcheckFindsAHoleForLargePackets(t *testing.T) {
	w := newWay(t, "ws://"+swallows(t, socket(t, readOn))+"/")
	all := w.check()
	w.is(all, netcheck.Login, netcheck.OK, "", "")
	w.is(all, netcheck.Echo, netcheck.Fail, "NET-MTU", "small packets come through")
}

// TestNetcheckLeavesALinkAlone: while the gateway is online nothing is asked of the server
// but the connection.
func TestNetcheckLeavesALinkAlone(t *testing.T) {
	var asked atomic.Int64
	addr := socket(t, func(c *websocket.Conn) { asked.Add(1); readOn(c) })
	w := newWay(t, "ws://"+addr+"/")
	w.running = &status.Document{Clock: status.Clock{Trusted: true}, Link: status.Link{State: status.LinkOnline, URLHost: "ws://" + addr, SinceS: 60, RTTms: 4}}
	all := w.check()
	w.is(all, netcheck.Upgrade, netcheck.OK, "", "the running gateway is online for")
	w.is(all, netcheck.Echo, netcheck.OK, "", "4.0 ms")
	if asked.Load() != 0 {
		t.Error("the server was asked for a second connection")
	}
}

// TestNetcheckTakesTheLinkForNoOtherAddress: what the running gateway has proven holds for
// its own address, and for no other of the same machine.
func TestNetcheckTakesTheLinkForNoOtherAddress(t *testing.T) {
	var asked atomic.Int64
	addr := socket(t, func(c *websocket.Conn) { asked.Add(1); readOn(c) })
	w := newWay(t, "ws://"+addr+"/new")
	w.running = &status.Document{Link: status.Link{State: status.LinkOnline, URLHost: "ws://" + addr, URL: "ws://" + addr + "/old", SinceS: 60, RTTms: 4}}
	w.is(w.check(), netcheck.Login, netcheck.OK, "", "takes the login")
	if asked.Load() != 1 {
		t.Errorf("%d connections", asked.Load())
	}
	w.running.Link.URL, w.running.Link.URLHost = "", "wss://"+addr
	w.is(w.check(), netcheck.Login, netcheck.OK, "", "takes the login")
}

// TestNetcheckIsNoOtherGateway: a receiver that tells of two gateways with one identity
// takes the check for none, and it counts no reading.
func TestNetcheckIsNoOtherGateway(t *testing.T) {
	server, err := testbed.NewReceiver(testbed.Options{Listen: "127.0.0.1:0", Auth: "header", Token: "canary-token"})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Run(t.Context()) }()
	w := newWay(t, server.URL())
	all := w.check()
	w.is(all, netcheck.Login, netcheck.OK, "", "takes the login")
	w.is(all, netcheck.Echo, netcheck.OK, "", "")
	w.cfg.Uplink.Auth, w.cfg.Uplink.TokenFile = "none", ""
	w.is(w.check(), netcheck.Login, netcheck.Fail, "UP-TOKEN-WANTED", "")
}

// TestNetcheckOfAWebServer: where readings are posted, OPTIONS stands in for the WebSocket.
func TestNetcheckOfAWebServer(t *testing.T) {
	var status atomic.Int64
	var methods sync.Map
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		methods.Store(r.Method, r.Header.Get("Authorization"))
		w.WriteHeader(int(status.Load()))
	}))
	defer server.Close()
	w := newWay(t, server.URL+"/readings")
	w.cfg.Uplink.Engine, w.cfg.Uplink.Ack = uplink.EngineHTTP, uplink.AckAnswer
	for _, c := range []struct {
		status         int
		upgrade, login netcheck.Verdict
		code           string
	}{
		{204, netcheck.OK, netcheck.Skipped, ""}, {405, netcheck.OK, netcheck.Skipped, ""},
		{401, netcheck.OK, netcheck.Fail, "UP-AUTH-REJECTED"}, {503, netcheck.Fail, netcheck.Skipped, "UP-ERROR"},
	} {
		status.Store(int64(c.status))
		all := w.check()
		upgrade, login := netcheck.Of(all, netcheck.Upgrade), netcheck.Of(all, netcheck.Login)
		if upgrade.Verdict != c.upgrade || login.Verdict != c.login || upgrade.Code+login.Code != c.code {
			t.Errorf("%d: %+v, %+v", c.status, upgrade, login)
		}
	}
	if token, _ := methods.Load("OPTIONS"); token != "Bearer canary-token" {
		t.Errorf("OPTIONS with %v", token)
	}
	if _, posted := methods.Load("POST"); posted {
		t.Error("something was posted")
	}
}

func TestNetcheckVerb(t *testing.T) {
	file := filepath.Join(t.TempDir(), "portti.toml")
	if err := os.WriteFile(file, []byte("config_version = 1\npaths = {run = \""+t.TempDir()+"\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errs := portti(t, "netcheck", "-c", file)
	if code != exitNotConfigured || !strings.Contains(errs, "portti netcheck wss://HOST/PATH") {
		t.Errorf("without a server: %d %s", code, errs)
	}
	if code, _, errs = portti(t, "netcheck", "-c", file, "ftp://h.example/"); code != exitUsage || !strings.Contains(errs, "wss://host/path") {
		t.Errorf("no address of a server: %d %s", code, errs)
	}
	addr := socket(t, readOn)
	code, out, errs := portti(t, "netcheck", "-c", file, "--json", "ws://"+addr+"/x?token=canary-query")
	var j netcheckJSON
	if err := json.Unmarshal([]byte(out), &j); err != nil || code != 0 || !j.OK || j.Schema != 1 || len(j.Stages) != 9 || strings.Contains(out, "canary") {
		t.Errorf("%d %v %s%s", code, err, out, errs)
	}
	if code, out, _ = portti(t, "netcheck", "-c", file, "--plain", "ws://127.0.0.1:1/"); code != exitFailed || !strings.Contains(out, "TCP\tfail\t") || strings.Count(out, "\n") != 9 {
		t.Errorf("%d %s", code, out)
	}
	if code, out, _ = portti(t, "netcheck", "-c", file, "--quiet", "ws://127.0.0.1:1/"); code != exitFailed || !strings.HasPrefix(out, "TCP: ") || strings.Count(out, "\n") != 1 {
		t.Errorf("%d %s", code, out)
	}
}

func TestProxyOfTheService(t *testing.T) {
	unit := "[Service]\nExecStart=/usr/bin/portti run\nUser=root\nEnvironment=HTTPS_PROXY=http://u:p@proxy.example:3128 NO_PROXY=.local.example,10.0.0.0/8\n"
	machine := fstest.MapFS{"etc/systemd/system/portti.service": {Data: []byte(unit)},
		"etc/passwd": {Data: []byte("root:x:0:0:root:/root:/bin/sh\n")}, "etc/group": {Data: []byte("root:x:0:\n")}}
	for server, want := range map[string]string{
		"wss://h.example/": "proxy.example", "wss://a.local.example/": "", "wss://10.1.2.3/": "", "ws://h.example/": "", "wss://127.0.0.1/": "",
	} {
		cfg := config.Defaults()
		cfg.Uplink.URL = server
		prober, err := gateway.NewProber(cfg, gateway.Options{Built: time.Now()}, nil)
		if err != nil && strings.HasPrefix(server, "ws:") {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		h, err := netcheckBy(prober, machine, cfg, nil, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if h.Proxy != nil {
			got = h.Proxy.Hostname()
		}
		if got != want {
			t.Errorf("%s goes through %q, wanted %q", server, got, want)
		}
	}
}

// TestDoctorChecksOnThisMachine: whatever machine this is, each check comes to an end and
// finds no fault of its own; and all of them share one way to the server.
func TestDoctorChecksOnThisMachine(t *testing.T) {
	var asked atomic.Int64
	addr := socket(t, func(c *websocket.Conn) { asked.Add(1); readOn(c) })
	w := newWay(t, "ws://"+addr+"/")
	h := &doctor.Host{Root: os.DirFS("/"), Path: "/", Config: w.cfg, ConfigPath: "/none/portti.toml", Now: time.Now}
	doctorFacts(t.Context(), h)
	seen := map[string]doctor.Verdict{}
	for _, r := range doctor.Examine(t.Context(), h, doctor.Checks()) {
		seen[r.ID] = r.Verdict
		if strings.Contains(r.Finding, "fault of its own") || strings.Contains(r.Finding, "did not end") {
			t.Errorf("%s: %s", r.ID, r.Finding)
		}
	}
	if seen["C40"] != doctor.Pass || seen["C39"] != doctor.Pass || seen["C27"] == doctor.Skip || asked.Load() != 1 {
		t.Errorf("%v, %d connections", seen, asked.Load())
	}
}

// TestNetcheckSaysWhatItWaitsFor: on a terminal, and nothing more elsewhere.
func TestNetcheckSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	late := serveEach(t, func(c net.Conn) { time.AfterFunc(3*progressAfter, func() { _ = c.Close() }) })
	conf := filepath.Join(t.TempDir(), "portti.toml")
	if err := os.WriteFile(conf, []byte("[gateway]\nid = \"X\"\n[paths]\nstate = \""+t.TempDir()+"\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	verb := `"$0" netcheck -c "$1" ws://` + late + `/`
	for how, shown := range map[string]bool{"": true, " --plain": false, " --json": false, " --quiet": false, " | cat": false} {
		cmd, _, _, _, out := onTerminal(t, verb+how, conf)
		_ = cmd.Wait()
		testkit.Eventually(t, "it tells of the last stage", func() bool { return strings.Contains(out.String(), "the way ends before it") || how == " --quiet" }, out.String)
		text := out.String()
		if strings.Contains(text, eraseLine+"7 upgrade   waiting for the server, 0 s of 10 s at most") != shown || strings.Contains(text, "waiting") != shown {
			t.Errorf("%q: %q", how, text)
		}
		if _, last, _ := strings.Cut(text, "waiting"); shown && !strings.Contains(last, eraseLine+"7 upgrade   \x1b[31mFAIL") {
			t.Errorf("the line stays: %q", text)
		}
	}
}
