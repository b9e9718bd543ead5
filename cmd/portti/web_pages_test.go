package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
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

// TestNoCanaryOnAPage: with a secret in every place where one may be, none is on a page of
// somebody who is signed in, nor in an answer of its routes: while all is well, while the
// files say something else, and while they have mistakes in the very lines.
func TestNoCanaryOnAPage(t *testing.T) {
	c := newCanaries()
	s := rig.New(t, testbed.Options{Auth: "header", Token: c["token"]})
	s.More = "[web]\nlisten = \"127.0.0.1:0\"\n"
	c.put(t, s)
	file, level := s.ConfigFile(), new(slog.LevelVar)
	level.Set(slog.LevelDebug)
	g := s.Run(gateway.Options{Log: slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: level})), Level: level,
		Load: func() (*config.Config, error) { return config.Load(file, config.LoadOptions{}) }, Secrets: func() []string { return config.Secrets(file, config.LoadOptions{}) }})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	socket := &http.Client{Timeout: testkit.Patience, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(s.Dir, "run", config.SocketName))
	}}}
	var link gateway.PageLink
	testkit.Eventually(t, "a link is made", func() bool {
		resp, err := socket.Post("http://portti/api/v1/web/link?role=act", "", nil)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == 200 && json.NewDecoder(resp.Body).Decode(&link) == nil
	})
	b := &http.Client{Jar: jar, Timeout: testkit.Patience, Transport: &http.Transport{DisableKeepAlives: true}}
	base := "http://localhost:" + link.Port
	ask := func(do func(string) (*http.Response, error), address string) string {
		t.Helper()
		resp, err := do(address)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		c.none(t, address, text)
		return string(text)
	}
	post := func(address string) (*http.Response, error) {
		return b.PostForm(address, url.Values{"device": {g.Instance.Status().Devices[0].Name}})
	}
	look := func() (settings, logs string) {
		for _, path := range []string{"/", "/?lang=fi", "/logs?level=debug", "/logs?outage=1", "/api/v1/logs", "/api/v1/status", "/api/v1/queue", "/api/v1/history?seconds=1"} {
			ask(b.Get, base+path)
		}
		return ask(b.Get, base+"/settings?lang=en&all=1"), ask(b.Get, base+"/logs?lang=en")
	}
	ask(post, link.URLs[0])
	s.Line().Feed(20)
	g.Until("the readings are delivered", s.Delivered)
	settings, logs := look()
	if !strings.Contains(settings, "The gateway runs by its files.") || !strings.Contains(settings, "[uplink.headers]") || !strings.Contains(settings, "portti.toml:") || !strings.Contains(logs, "portti runs") {
		t.Errorf("the pages do not show what they are for: %.3000s", settings)
	}
	for _, act := range []string{"ping", "reconnect", "reload", "test"} {
		if text := ask(post, base+"/act/"+act+"?lang=en"); !strings.Contains(text, `id="done"`) {
			t.Errorf("%s: nothing is said of it: %.500s", act, text)
		}
	}

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	other := strings.NewReplacer(c["header"], c["header"]+"x", c["query"], c["query"]+"x", c["key"], strings.Repeat("a", 32)).Replace(string(text))
	if err := os.WriteFile(file, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	if settings, _ = look(); !strings.Contains(settings, "what is hidden is different") {
		t.Errorf("what the files say otherwise is not shown: %.3000s", settings)
	}
	s.Down()
	g.Until("the link is down", func(st *status.Document) bool { return st.Link.State != status.LinkOnline })
	ask(post, base+"/act/ping")
	ask(post, base+"/act/reconnect")
	c.breakConfig(t, file)
	if settings, _ = look(); !strings.Contains(settings, "The files have mistakes.") {
		t.Errorf("the mistakes are not shown: %.3000s", settings)
	}
	testkit.Eventually(t, "a reload says that nothing was changed", func() bool { // a moment ago there was another, whose outcome is shown to who asks twice
		return strings.Contains(ask(post, base+"/act/reload?lang=en"), "Nothing was changed.")
	})
	look()
}
