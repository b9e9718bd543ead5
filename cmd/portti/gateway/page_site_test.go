package gateway_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// overSocket asks the gateway as a member of its group does.
func overSocket(t *testing.T, s *rig.Site, method, path string, into any) int {
	t.Helper()
	client := &http.Client{Timeout: testkit.Patience, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(s.Dir, "run", config.SocketName))
	}}}
	r, err := http.NewRequest(method, "http://portti"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode == http.StatusOK {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v: %s", path, err, text)
	}
	return resp.StatusCode
}

// browser keeps cookies, and believes any certificate.
func browser(t *testing.T) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: testkit.Patience, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
}

func body(t *testing.T, resp *http.Response, err error) (int, string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// waitLink makes a link as soon as the page is there.
func waitLink(t *testing.T, s *rig.Site, query string) (l gateway.PageLink) {
	t.Helper()
	testkit.Eventually(t, "a link is made", func() bool {
		return overSocket(t, s, "POST", "/api/v1/web/link"+query, &l) == http.StatusOK
	})
	return l
}

// TestPageOfAGateway: by a link of the socket a browser gets in, sees what status says, may
// what its role says, and stays in when the page moves.
func TestPageOfAGateway(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	s.More = "[web]\nlisten = \"127.0.0.1:0\""
	g := s.Run(reloads(s))
	l := waitLink(t, s, "")
	if !l.Local || !strings.HasPrefix(l.URLs[0], "http://localhost:"+l.Port+"/signin/") || l.Fingerprint != "" {
		t.Errorf("the link is %+v", l)
	}
	b := browser(t)
	resp, err := b.Post(l.URLs[0], "", nil)
	if code, text := body(t, resp, err); code != 200 || !strings.Contains(text, g.Status().Gateway.ID) {
		t.Errorf("signed in: %d %.200s", code, text)
	}
	base := "http://localhost:" + l.Port
	resp, err = b.Get(base + "/api/v1/status")
	var doc status.Document
	if code, text := body(t, resp, err); code != 200 || json.Unmarshal([]byte(text), &doc) != nil || doc.Gateway.Start != g.Status().Gateway.Start {
		t.Errorf("status: %d %.200s", code, text)
	}
	resp, err = b.Post(base+"/api/v1/reload", "", nil)
	if code, _ := body(t, resp, err); code != http.StatusForbidden {
		t.Errorf("who may look reloads: %d", code)
	}
	act := browser(t)
	resp, err = act.Post(waitLink(t, s, "?role=act").URLs[0], "", nil)
	body(t, resp, err)
	resp, err = act.Post(base+"/api/v1/reload", "", nil)
	if code, text := body(t, resp, err); code != 200 || !strings.Contains(text, `"applied"`) {
		t.Errorf("who may act reloads: %d %.200s", code, text)
	}
	resp, err = act.Post(base+"/api/v1/web/link?role=act", "", nil)
	if code, _ := body(t, resp, err); code != http.StatusNotFound {
		t.Errorf("a link is made over the page: %d", code)
	}
	var who gateway.PageSessions
	if overSocket(t, s, "GET", "/api/v1/web/sessions", &who); len(who.Sessions) != 2 {
		t.Errorf("sessions: %+v", who)
	}
	s.More = "[web]\nlisten = \"localhost:0\""
	s.Configure()
	var done gateway.Reloaded
	if overSocket(t, s, "POST", "/api/v1/reload", &done); len(done.Parts) != 1 || done.Parts[0].Text != "web: the page is served on localhost:0 now" {
		t.Errorf("moving the page: %+v", done)
	}
	l = waitLink(t, s, "")
	resp, err = b.Get("http://localhost:" + l.Port + "/api/v1/status")
	if code, _ := body(t, resp, err); code != 200 {
		t.Errorf("after the page moved who was signed in is not: %d", code)
	}
	var ended gateway.PageRevoked
	if overSocket(t, s, "POST", "/api/v1/web/revoke?all=true", &ended); ended.Ended != 2 {
		t.Errorf("revoked: %+v", ended)
	}
	s.More = "[web]\nlisten = \"\""
	s.Configure()
	overSocket(t, s, "POST", "/api/v1/reload", &done)
	if code := overSocket(t, s, "POST", "/api/v1/web/link", nil); code != http.StatusConflict {
		t.Errorf("a link to a page that is off: %d", code)
	}
}

// TestPageOnTheLAN: it is served over TLS alone, and with the same certificate after a
// restart. Row L8.
func TestPageOnTheLAN(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	s.More = "[web]\nlisten = \"0.0.0.0:0\""
	g := s.Run(reloads(s))
	l := waitLink(t, s, "?role=act")
	if l.Local || !strings.HasPrefix(l.URLs[0], "https://") || len(l.Fingerprint) != 95 {
		t.Fatalf("the link is %+v", l)
	}
	path := l.URLs[0][strings.Index(l.URLs[0], "/signin/"):]
	b := browser(t)
	resp, err := b.Post("https://127.0.0.1:"+l.Port+path, "", nil)
	code, text := body(t, resp, err)
	if code != 200 || !strings.Contains(text, s.ID) {
		t.Errorf("signed in: %d %.200s", code, text)
	}
	resp, err = b.Get("http://127.0.0.1:" + l.Port + "/")
	if code, _ := body(t, resp, err); code != http.StatusBadRequest {
		t.Errorf("without TLS: %d", code)
	}
	if info, err := os.Stat(filepath.Join(s.State, "web.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v %v", info, err)
	}
	g.Halt()
	s.Run(reloads(s))
	if again := waitLink(t, s, ""); again.Fingerprint != l.Fingerprint {
		t.Errorf("the certificate was %s and is %s", l.Fingerprint, again.Fingerprint)
	}
}

// TestNothingListensOnTheLAN: row L1, of a configuration that says nothing of the page.
func TestNothingListensOnTheLAN(t *testing.T) {
	for _, addr := range []string{config.Defaults().Web.Listen, config.Defaults().Metrics.Listen} {
		host, _, err := net.SplitHostPort(addr)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			t.Errorf("by default something listens on %s", addr)
		}
	}
}

// TestPageWhosePortIsTaken: the gateway works, says so, and takes the port when it is free
// at the next try; moving the page ends the problem at once.
func TestPageWhosePortIsTaken(t *testing.T) {
	t.Parallel()
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	s := rig.New(t, testbed.Options{})
	s.More = fmt.Sprintf("[web]\nlisten = %q", other.Addr())
	g := s.Run(reloads(s))
	problem := func(doc *status.Document) bool {
		for _, p := range doc.Problems {
			if p.Code == "SYS-PAGE" && strings.Contains(p.Sentence, other.Addr().String()) && strings.Contains(p.Actions[0], "fuser -vk ") {
				return true
			}
		}
		return false
	}
	g.Until("the problem is shown", problem)
	if code := overSocket(t, s, "POST", "/api/v1/web/link", nil); code != http.StatusConflict {
		t.Errorf("a link to nowhere: %d", code)
	}
	s.More = "[web]\nlisten = \"127.0.0.1:0\""
	s.Configure()
	var done gateway.Reloaded
	overSocket(t, s, "POST", "/api/v1/reload", &done)
	waitLink(t, s, "")
	g.Until("the problem is over", func(doc *status.Document) bool { return !problem(doc) })
}

// TestWhatThePageHasOfTheSocket: of every route of the control socket it is said who has it
// over the page. A route that is new there is not there by itself.
func TestWhatThePageHasOfTheSocket(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	s.More = "[web]\nlisten = \"127.0.0.1:0\""
	s.Run(reloads(s))
	look, act := browser(t), browser(t)
	l := waitLink(t, s, "")
	resp, err := look.Post(l.URLs[0], "", nil)
	body(t, resp, err)
	resp, err = act.Post(waitLink(t, s, "?role=act").URLs[0], "", nil)
	body(t, resp, err)
	for _, c := range []struct {
		method, path string
		look, act    int
	}{
		{"GET", "/api/v1/status", 200, 200},
		{"GET", "/api/v1/queue", 200, 200},
		{"GET", "/api/v1/history", 200, 200},
		{"GET", "/api/v1/gps", 200, 200},
		{"GET", "/api/v1/track", 200, 200},
		{"GET", "/api/v1/track.gpx", 200, 200},
		{"GET", "/api/v1/logs", 200, 200},
		{"GET", "/api/v1/logs?level=loud", 400, 400},
		{"POST", "/api/v1/reload", 403, 200},
		{"POST", "/api/v1/uplink/reconnect", 403, 200},
		{"POST", "/api/v1/ping?within=wrong", 403, 400},
		{"GET", "/api/v1/devices/nobody/follow?raw=1", 403, 422},
		{"GET", "/api/v1/queue/export", 404, 404},
		{"HEAD", "/api/v1/queue/export", 404, 404},
		{"GET", "/api/v1/goroutines", 404, 404},
		{"GET", "/api/v1/config/diff", 404, 404},
		{"POST", "/api/v1/mark?id=BUNDLE-00000000", 403, 404},
		{"POST", "/api/v1/debug?for=1h", 403, 404},
		{"POST", "/api/v1/web/link?role=act", 403, 404},
		{"GET", "/api/v1/web/sessions", 404, 404},
		{"POST", "/api/v1/web/revoke?all=true", 403, 404},
		{"GET", "/api/v1/%71ueue/export", 404, 404},
		{"GET", "/assets/..%2fapi/v1/queue/export", 404, 404},
	} {
		for who, want := range map[*http.Client]int{look: c.look, act: c.act} {
			r, err := http.NewRequest(c.method, "http://localhost:"+l.Port+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := who.Do(r)
			if code, text := body(t, resp, err); code != want {
				t.Errorf("%s %s, may act %v: %d, want %d; %.100s", c.method, c.path, who == act, code, want, text)
			}
		}
	}
}
