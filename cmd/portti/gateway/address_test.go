package gateway

import (
	"strings"
	"testing"

	"portti/cmd/portti/config"
	"portti/cmd/portti/console"
	"portti/uplink"
)

// TestWrongPathIsShown: what may be wrong in an address is on the screen, its
// secrets are not.
func TestWrongPathIsShown(t *testing.T) {
	for name, c := range map[string]struct{ url, server, shown string }{
		"a path":        {"wss://h.example/api/v1/scoket", "wss://h.example", "wss://h.example/api/v1/scoket"},
		"a secret":      {"wss://me:K4n4ry@h.example/in?token=K4n4ry#K4n4ry", "wss://h.example", "wss://***@h.example/in?token=***#***"},
		"a port":        {"wss://h.example:8443/in", "wss://h.example:8443", "wss://h.example:8443/in"},
		"an API's":      {"https://h.example/v1", "wss://h.example", "https://h.example/v1"},
		"a long one":    {"wss://h.example/" + strings.Repeat("long/", 20), "wss://h.example", strings.Repeat("long/", 20)},
		"several":       {"", "wss://b.example", "wss://b.example/two"},
		"not looked up": {"wss://h.example/in", "", ""},
	} {
		s := healthy()
		s.cfg.Uplink.Auth = "none"
		if s.cfg.Uplink.URL = c.url; c.url == "" {
			s.cfg.Uplink.URLs = []string{"wss://a.example/one", "wss://b.example/two"}
		}
		s.link = uplink.Status{State: uplink.Waiting, Server: c.server, Problem: uplink.ProblemNotFound, LastError: "the server knows no such path (404)"}
		doc := statusOf(s)
		doc.Problems = problemsOf(t, s)
		var b strings.Builder
		if err := console.Render(&b, &doc, console.Options{}); err != nil {
			t.Fatal(err)
		}
		text := b.String() + doc.Problems[0].Sentence
		if strings.Count(text, c.shown) < 2 || strings.Contains(text, "K4n4ry") || !strings.Contains(text, "Enter the right address") {
			t.Errorf("%s: %s\n%s", name, doc.Link.URL, text)
		}
	}
	if got := addressOf(&snapshot{cfg: config.Defaults(), link: uplink.Status{Server: "wss://x"}}); got != "wss://x" {
		t.Error(got)
	}
}

// TestWrongAddressAfterAReload: connections of the link before say nothing of an address
// that was set since.
func TestWrongAddressAfterAReload(t *testing.T) {
	for online, want := range map[bool]string{false: "sudo portti setup", true: "worked before"} {
		s := healthy()
		s.link = uplink.Status{State: uplink.Waiting, Server: "wss://h.example", Problem: uplink.ProblemRefused, Connects: 3, Reached: online}
		if got := problemsOf(t, s)[0].Actions[0]; !strings.Contains(got, want) {
			t.Errorf("online with it %v: %s", online, got)
		}
	}
}
