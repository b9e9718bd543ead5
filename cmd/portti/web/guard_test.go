package web

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portti/cmd/portti/status"
	"portti/cross/testkit"
)

// sample is a gateway with a bit of everything.
func sample() status.Document {
	room := int64(1 << 30)
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	return status.Document{Schema: 1, Running: true, Version: "1.2.3", Time: now, UptimeS: 93_784,
		Gateway: status.Gateway{ID: "XXXX00EFS80560445", Name: "gw-kuopio-07", Start: "e1"},
		Link:    status.Link{State: status.LinkOnline, Since: now.Add(-time.Hour), SinceS: 3600, URL: "wss://ingest.example.net/socket", RTTms: 41.2, Ack: "fence", Connects: 2, LastError: "the network is unreachable", SentBytes: 123_456},
		Buffer:  status.Buffer{State: status.BufferOK, Waiting: 12, WaitingMemory: 12, OldestAgeS: 3, Bytes: 1_500_000, CapacityBytes: 200_000_000, HeadroomS: 90_000, RoomBytes: &room},
		Totals:  status.Totals{Ledger: status.Ledger{Read: 1_234_567, Acked: 1_234_553, Waiting: 12, Lost: status.Losses{status.LossRate: 2}}},
		Clock:   status.Clock{Trusted: true, Source: "kernel"},
		Devices: []status.Device{
			{Name: "gps", Type: "gps", Port: "/dev/ttyACM0", State: status.DeviceOK, LastAgeS: 0.4, RateHz: 1, Read: 1_200_000, Detail: "3D fix, 11 satellites"},
			{Name: "panel", Type: "lines", Port: "/dev/ttyUSB1", Baud: 115200, State: status.DeviceMissing, Problem: "DEV-GONE", LastAgeS: -1, LastError: "no such device"},
		},
		Problems: []status.Problem{{Code: "DEV-GONE", Severity: status.Error, Title: "Port is missing", Subject: "panel", Sentence: "panel: /dev/ttyUSB1 is not there. Waiting for it to come back.",
			Action: "Plug it in", Actions: []string{"Plug the adapter in, or switch the device server on", "See what the system found, and compare with port of this [[device]]: ls -l /dev/serial/by-id/"},
			Commands: []string{"", "ls -l /dev/serial/by-id/"}, Args: map[string]string{"port": "/dev/ttyUSB1"}, ImpactsData: true, Since: now.Add(-time.Minute), SinceS: 60}},
	}
}

// site is a page with a server of its own.
type site struct {
	*httptest.Server
	t    *testing.T
	page *Page
	did  []string // what reached the API
	mu   sync.Mutex

	acts  fakeActs
	log   lockedText
	asked LogFilter // last
}

func newSite(t *testing.T, secure bool) *site {
	t.Helper()
	s := &site{t: t}
	api := http.NewServeMux()
	api.HandleFunc("/api/v1/", func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		s.mu.Lock()
		s.did = append(s.did, fmt.Sprintf("%s %s %d", r.Method, r.URL.Path, len(text)))
		s.mu.Unlock()
	})
	s.page = New(s.withPages(Options{API: api, Status: sample, Stuck: func() string { return "" }, Names: func() []string { return []string{"gw.example.net", "192.0.2.7"} }}))
	if secure {
		s.Server = httptest.NewTLSServer(s.page.Handler(true))
	} else {
		s.Server = httptest.NewServer(s.page.Handler(false))
	}
	t.Cleanup(s.Close)
	return s
}

// do asks without following.
func (s *site) do(method, path string, headers ...string) (*http.Response, string) {
	s.t.Helper()
	return s.send(method, path, "", headers...)
}

func (s *site) send(method, path, body string, headers ...string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	c := *s.Client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := c.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, string(text)
}

// signIn gives the cookie of a session.
func (s *site) signIn(role Role) string {
	s.t.Helper()
	resp, text := s.do("POST", s.page.Invite(role))
	if resp.StatusCode != http.StatusSeeOther || len(resp.Cookies()) != 1 {
		s.t.Fatalf("signing in: %s %s", resp.Status, text)
	}
	c := resp.Cookies()[0]
	return c.Name + "=" + c.Value
}

// TestGuards: row L1 to L3, a request meets the guards in their order, and a page of
// another site, a name that leads here and a session that may only look change nothing.
func TestGuards(t *testing.T) {
	s := newSite(t, false)
	look, act := s.signIn(View), s.signIn(Act)
	u, _ := url.Parse(s.URL)
	own := s.URL
	for _, c := range []struct {
		what, method, path string
		want               int
		headers            []string
	}{
		{"nobody", "GET", "/", 401, nil},
		{"nobody, status", "GET", "/api/v1/status", 401, nil},
		{"nobody, events", "GET", "/api/v1/events", 401, nil},
		{"nobody, health of the gateway", "GET", "/healthz/status", 401, nil},
		{"nobody, alive", "GET", "/healthz/live", 200, nil},
		{"nobody, reload", "POST", "/api/v1/reload", 401, nil},
		{"who looks", "GET", "/", 200, []string{"Cookie", look}},
		{"who looks, status", "GET", "/api/v1/status", 200, []string{"Cookie", look}},
		{"who looks, reload", "POST", "/api/v1/reload", 403, []string{"Cookie", look}},
		{"who acts, reload", "POST", "/api/v1/reload", 200, []string{"Cookie", act}},
		{"who acts, by the page itself", "POST", "/api/v1/reload", 200, []string{"Cookie", act, "Origin", own, "Sec-Fetch-Site", "same-origin"}},
		{"who acts, other method", "DELETE", "/api/v1/reload", 405, []string{"Cookie", act}},
		{"who acts, a link by the page", "POST", "/api/v1/web/link", 404, []string{"Cookie", act}},
		{"who acts, sessions by the page", "GET", "/api/v1/web/sessions", 404, []string{"Cookie", act}},
		{"another site", "POST", "/api/v1/reload", 403, []string{"Cookie", act, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}},
		{"another site, no Origin", "POST", "/api/v1/reload", 403, []string{"Cookie", act, "Sec-Fetch-Site", "cross-site"}},
		{"another site, old browser", "POST", "/api/v1/reload", 403, []string{"Cookie", act, "Origin", "https://evil.example"}},
		{"another port here", "POST", "/api/v1/reload", 403, []string{"Cookie", act, "Sec-Fetch-Site", "same-site", "Origin", "http://127.0.0.1:1"}},
		{"another port here looks", "GET", "/api/v1/status", 403, []string{"Cookie", act, "Sec-Fetch-Site", "same-site", "Origin", "http://localhost:1"}},
		{"another port here, events", "GET", "/api/v1/events", 403, []string{"Cookie", act, "Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors"}},
		{"another port here, picture", "GET", "/?done=1", 403, []string{"Cookie", act, "Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "no-cors"}},
		{"a link of another port here", "GET", "/logs", 200, []string{"Cookie", act, "Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "navigate"}},
		{"a link of a mail", "GET", "/signin/x", 200, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}},
		{"nobody's page", "POST", "/api/v1/reload", 403, []string{"Cookie", act, "Origin", "null"}},
		{"another site without cookie or headers", "POST", "/api/v1/reload", 401, nil},
		{"another site signs in", "POST", "/signin/x", 403, []string{"Sec-Fetch-Site", "cross-site"}},
		{"evil name", "GET", "/", 421, []string{"Host", "evil.example", "Cookie", look}},
		{"evil name, port", "GET", "/", 421, []string{"Host", "evil.example:" + u.Port(), "Cookie", look}},
		{"evil name, events", "GET", "/api/v1/events", 421, []string{"Host", "evil.example", "Cookie", look}},
		{"evil name, health", "GET", "/healthz/live", 421, []string{"Host", "evil.example"}},
		{"evil name, style", "GET", s.page.url("style.css"), 421, []string{"Host", "evil.example"}},
		{"name that ends well", "GET", "/", 421, []string{"Host", "localhost.evil.example", "Cookie", look}},
		{"foreign address", "GET", "/", 421, []string{"Host", "203.0.113.9", "Cookie", look}},
		{"localhost", "GET", "/", 200, []string{"Host", "LocalHost.:80", "Cookie", look}},
		{"loopback of six", "GET", "/", 200, []string{"Host", "[::1]:8470", "Cookie", look}},
		{"configured name", "GET", "/", 200, []string{"Host", "gw.example.net", "Cookie", look}},
		{"configured address", "GET", "/", 200, []string{"Host", "192.0.2.7:8470", "Cookie", look}},
		{"cookie twice", "GET", "/", 401, []string{"Cookie", look + "; " + act}},
		{"cookie by the other name", "GET", "/", 401, []string{"Cookie", "__Host-" + look}},
		{"cookie cut", "GET", "/", 401, []string{"Cookie", look[:len(look)-1]}},
		{"cookie empty", "GET", "/", 401, []string{"Cookie", s.page.cookieName(false) + "="}},
		{"ID for a cookie", "GET", "/", 401, []string{"Cookie", s.page.cookieName(false) + "=" + s.page.Sessions()[0].ID}},
		{"unknown page", "GET", "/x", 404, []string{"Cookie", look}},
	} {
		if resp, text := s.do(c.method, c.path, c.headers...); resp.StatusCode != c.want {
			t.Errorf("%s: %s %s: got %s, want %d; %.100s", c.what, c.method, c.path, resp.Status, c.want, text)
		}
	}
	if got, want := s.page.Rejected(), [...]uint64{rejectedHost: 7, rejectedOrigin: 9, rejectedSession: 11, rejectedRate: 0}; got != want {
		t.Errorf("turned away %v, want %v", got, want)
	}
	if got, want := s.page.Answers(), [...][4]uint64{{9, 0, 21, 0}, {2, 2, 10, 0}, {0, 0, 1, 0}}; got != want {
		t.Errorf("answered %v, want %v", got, want)
	}
	if want := []string{"GET /api/v1/status 0", "POST /api/v1/reload 0", "POST /api/v1/reload 0"}; !slices.Equal(s.did, want) {
		t.Errorf("reached the API: %q, want %q", s.did, want)
	}
}

func TestOwnNamesAreKnown(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Skip(err)
	}
	p := New(Options{})
	for name, want := range map[string]bool{host: true, strings.ToUpper(host) + ":8470": true, host + ".local": !strings.Contains(host, "."), host + ".example": false, "10.1.2.3": true, "10.1.2.4": false, "": false} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = name
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.ParseIP("10.1.2.3"), Port: 8470}))
		if got := Known(r, p.opt.names()); got != want {
			t.Errorf("%q: known is %v", name, got)
		}
	}
}

// TestHeaders: row L5, on what every kind of answer carries.
func TestHeaders(t *testing.T) {
	s := newSite(t, true)
	look := s.signIn(View)
	var b strings.Builder
	for _, c := range [][]string{{"GET", "/"}, {"GET", "/", "Cookie", look}, {"GET", "/api/v1/status", "Cookie", look}, {"GET", s.page.url("style.css"), "Accept-Encoding", "gzip"},
		{"GET", "/", "Host", "evil.example"}, {"POST", "/api/v1/reload", "Cookie", look}, {"GET", "/signin/x"}} {
		resp, _ := s.do(c[0], c[1], c[2:]...)
		fmt.Fprintf(&b, "%s %s %d\n", c[0], strings.Replace(c[1], s.page.url("style.css"), "/assets/style.css", 1), resp.StatusCode)
		for _, name := range []string{"Cache-Control", "Content-Security-Policy", "Content-Type", "Referrer-Policy", "X-Content-Type-Options", "Access-Control-Allow-Origin", "Server", "Set-Cookie"} {
			for _, value := range resp.Header.Values(name) {
				fmt.Fprintf(&b, "  %s: %s\n", name, value)
			}
		}
	}
	resp, _ := s.do("POST", s.page.Invite(View))
	cookie, rest, _ := strings.Cut(resp.Header.Get("Set-Cookie"), ";")
	name, _, _ := strings.Cut(cookie, "=")
	fmt.Fprintf(&b, "cookie %s;%s\n", name, rest)
	plain := newSite(t, false)
	resp, _ = plain.do("POST", plain.page.Invite(View))
	cookie, rest, _ = strings.Cut(resp.Header.Get("Set-Cookie"), ";")
	name, _, _ = strings.Cut(cookie, "=")
	fmt.Fprintf(&b, "cookie %s;%s\n", name, rest)
	testkit.Golden(t, "testdata/headers.txt", b.String())
}

// TestSessionOfTheOtherDoor: what came over plain HTTP is worth nothing over TLS.
func TestSessionOfTheOtherDoor(t *testing.T) {
	s := newSite(t, false)
	other := httptest.NewTLSServer(s.page.Handler(true))
	defer other.Close()
	_, value, _ := strings.Cut(s.signIn(Act), "=")
	for _, name := range []string{s.page.cookieName(false), s.page.cookieName(true)} {
		r, _ := http.NewRequest("GET", other.URL+"/api/v1/status", nil)
		r.Header.Set("Cookie", name+"="+value)
		resp, err := other.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %s", name, resp.Status)
		}
	}
}

func TestBodyIsLimited(t *testing.T) {
	s := newSite(t, false)
	act := s.signIn(Act)
	for size, want := range map[int]int{maxBody: 200, maxBody + 1: 413} {
		if resp, _ := s.send("POST", "/api/v1/reload", strings.Repeat("x", size), "Cookie", act); resp.StatusCode != want {
			t.Errorf("%d bytes: %s, want %d", size, resp.Status, want)
		}
	}
}

// TestNobodyWaitsForABody: who does not send what he announced is dropped, whatever he asks
// for and whether he may, and nothing is begun for him.
func TestNobodyWaitsForABody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := New(Options{API: http.NotFoundHandler(), Log: slog.New(slog.DiscardHandler), Status: sample,
			Export: func(io.Writer) error { t.Error("readings are handed out"); return nil }})
		cookie, _, _ := page.guests.enter(page.guests.invite(Act), "", "", false)
		l := pipes{make(chan net.Conn), make(chan struct{})}
		server, served := &http.Server{Handler: page.Handler(false)}, make(chan error)
		go func() { served <- server.Serve(l) }()
		asks := []string{"GET / HTTP/1.1\r\n", "GET /healthz/live HTTP/1.1\r\n"}
		for _, of := range []string{"GET /", "GET /api/v1/events", "POST /support/readings", "POST /act/ping"} {
			asks = append(asks, of+" HTTP/1.1\r\nCookie: "+page.cookieName(false)+"="+cookie+"\r\n")
		}
		for _, ask := range asks {
			mine, theirs := net.Pipe()
			l.conns <- theirs
			if _, err := io.WriteString(mine, ask+"Host: localhost\r\nContent-Length: 10\r\n\r\nhalf"); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() { defer close(ended); _, _ = io.Copy(io.Discard, mine) }()
			time.Sleep(bodyTime + time.Second)
			synctest.Wait()
			select {
			case <-ended:
			default:
				t.Errorf("%q: the connection is still there", ask)
			}
			_ = mine.Close()
		}
		close(l.done)
		_ = server.Close()
		<-served
		time.Sleep(2 * time.Second) // until the last stream has seen that it is over
	})
}

// TestLinkIsGoodOnce, whoever is quick; and asking for it first does not use it up.
func TestLinkIsGoodOnce(t *testing.T) {
	s := newSite(t, false)
	path := s.page.Invite(Act)
	for range 3 {
		if resp, text := s.do("GET", path); resp.StatusCode != 200 || len(resp.Cookies()) > 0 || strings.Contains(text, "kuopio") {
			t.Fatalf("looking at a link: %s", resp.Status)
		}
	}
	var in, out int
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			cookie, role, _ := s.page.guests.enter(strings.TrimPrefix(path, "/signin/"), fmt.Sprint(i), "", false)
			mu.Lock()
			defer mu.Unlock()
			if cookie != "" && role == Act {
				in++
			} else {
				out++
			}
		})
	}
	all.Wait()
	if in != 1 || out != 39 || len(s.page.Sessions()) != 1 {
		t.Errorf("%d came in by one link, %d did not", in, out)
	}
}

// TestFailedSignInsDoNotFillTheLog: who fails on purpose, as fast as he can, makes a few
// lines a minute.
func TestFailedSignInsDoNotFillTheLog(t *testing.T) {
	var b strings.Builder
	p := New(Options{API: http.NotFoundHandler(), Log: slog.New(slog.NewTextHandler(&b, nil))})
	h := p.Handler(false)
	for range 1000 {
		r := httptest.NewRequest("POST", "/signin/wrong", nil)
		r.Host = "localhost"
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	if got, want := p.Rejected(), [...]uint64{rejectedSession: triesEach, rejectedRate: 1000 - triesEach}; got != want {
		t.Errorf("turned away %v, want %v", got, want)
	}
	if n := strings.Count(b.String(), "\n"); n != triesEach+1 {
		t.Errorf("%d lines:\n%.500s", n, b.String())
	}
}

// TestSignInIsLimited: row L6, five failed tries of an address and ten of all a minute. A
// good link is taken all the same: nobody is kept out by somebody else's failures.
func TestSignInIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g guests
		good := g.invite(View)
		try := func(from string) (tooMany bool) { _, _, tooMany = g.enter("wrong", from, "", false); return tooMany }
		for i := range 5 {
			if try("a") {
				t.Fatalf("try %d is refused", i+1)
			}
		}
		if !try("a") {
			t.Error("a sixth try of one address is taken")
		}
		for i := range 5 {
			if try(fmt.Sprint(i)) {
				t.Fatalf("try %d of others is refused", i+1)
			}
		}
		if !try("z") {
			t.Error("an eleventh try is taken")
		}
		if cookie, _, _ := g.enter(good, "a", "", false); cookie == "" {
			t.Error("a good link is refused for what others tried")
		}
		time.Sleep(tryWindow)
		if try("a") {
			t.Error("after a minute a try is refused")
		}
	})
}

func TestTimesAndBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g guests
		late := g.invite(View)
		time.Sleep(LinkLife)
		if cookie, _, _ := g.enter(late, "", "", false); cookie != "" {
			t.Error("a link is good after its time")
		}
		time.Sleep(tryWindow)
		first := g.invite(View)
		for range maxLinks {
			g.invite(View)
		}
		if cookie, _, _ := g.enter(first, "", "", false); cookie != "" || len(g.links) != maxLinks {
			t.Errorf("%d links are kept", len(g.links))
		}
		var cookies []string
		for range maxSessions + 3 {
			cookie, _, _ := g.enter(g.invite(View), "", "", false)
			cookies = append(cookies, cookie)
			time.Sleep(time.Second)
			g.of(cookies[0], false) // who is there stays
		}
		if len(g.list()) != maxSessions || g.of(cookies[0], false) == nil || g.of(cookies[1], false) != nil {
			t.Errorf("%d sessions; the one that looks is there: %v, one that left: %v", len(g.list()), g.of(cookies[0], false) != nil, g.of(cookies[1], false) != nil)
		}
		s := g.of(cookies[0], false)
		if g.leave("nobody") != 0 || g.leave(s.id) != 1 || g.holds(s) || g.of(cookies[0], false) != nil {
			t.Error("a session that was revoked is good")
		}
		time.Sleep(SessionLife)
		if n := len(g.list()); n != 0 {
			t.Errorf("%d sessions after their time", n)
		}
	})
}

func TestSignOut(t *testing.T) {
	s := newSite(t, false)
	look := s.signIn(View)
	if resp, _ := s.do("POST", "/signout", "Cookie", look); resp.StatusCode != 200 || resp.Cookies()[0].MaxAge != -1 {
		t.Errorf("signing out: %s", resp.Status)
	}
	if resp, _ := s.do("GET", "/", "Cookie", look); resp.StatusCode != 401 {
		t.Errorf("after signing out: %s", resp.Status)
	}
	if resp, _ := s.do("POST", "/signout"); resp.StatusCode != 401 {
		t.Errorf("nobody signs out: %s", resp.Status)
	}
}

// TestTwoGatewaysOnOneHost: through SSH both are localhost, and who signs in to one stays
// signed in to the other.
func TestTwoGatewaysOnOneHost(t *testing.T) {
	a, b := New(Options{ID: "XXXX00EFS80560445"}), New(Options{ID: "XXXX00EFS80560446"})
	if a.cookieName(false) == b.cookieName(false) || a.cookieName(false) != New(Options{ID: "XXXX00EFS80560445"}).cookieName(false) {
		t.Errorf("cookies are called %s and %s", a.cookieName(false), b.cookieName(false))
	}
}
