package gateway

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/device/clock"
	"portti/uplink"
)

// Every source that a configuration can name is made, and says what it is.
func TestTokenSources(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", t.TempDir())
	for name, c := range map[string]struct{ uplink, source string }{
		"none":       {"auth = \"none\"\n", ""},
		"file":       {"token_file = \"/t\"\n", "file"},
		"credential": {"credential = \"c\"\n", "file"},
		"client":     {"token_source = \"oauth\"\n[uplink.oauth]\ntoken_url = \"https://l.example/t\"\nclient_id = \"gw\"\nclient_secret_credential = \"secret\"\n", "client-credentials"},
		"certificate": {"token_source = \"oauth\"\nclient_cert = \"c\"\nclient_key = \"k\"\n[uplink.oauth]\ntoken_url = \"https://l.example/t\"\nclient_id = \"gw\"\n",
			"client-credentials"},
		"refresh": {"token_source = \"oauth\"\n[uplink.oauth]\ngrant = \"refresh-token\"\ntoken_url = \"https://l.example/t\"\nclient_id = \"gw\"\nrefresh_token_file = \"/r\"\nclient_secret_file = \"/s\"\n", "refresh-token"},
		"device":  {"token_source = \"oauth\"\n[uplink.oauth]\ngrant = \"device-code\"\ntoken_url = \"https://l.example/t\"\ndevice_url = \"https://l.example/d\"\nclient_id = \"gw\"\n", "device-code"},
		"jwt":     {"token_source = \"jwt\"\n[uplink.jwt]\nalg = \"EdDSA\"\n", "jwt"},
		"login":   {"token_source = \"login\"\n[uplink.login]\nurl = \"https://l.example/auth\"\nemail = \"e@example.net\"\npassword_file = \"/p\"\n", "login"},
	} {
		cfg, err := loadText(t, "[uplink]\nurl = \"wss://example.net/in?key=x\"\n"+c.uplink)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		source, err := tokenSource(cfg, "XXXX00TEST0000001", Trust(cfg))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r, ok := source.(uplink.TokenReporter)
		if ok != (c.source != "") || ok && r.State().Source != c.source {
			t.Errorf("%s: %+v", name, source)
		}
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	cfg := config.Defaults()
	cfg.Uplink.Credential = "c"
	// A credential that the unit does not hand over ends no gateway: it is told as a token that is not there.
	if source, err := tokenSource(cfg, "g", uplink.Options{}); err != nil {
		t.Error(err)
	} else if _, err := source.Token(t.Context()); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "/run/credentials/portti.service/c") {
		t.Error(err)
	}
	cfg.Uplink.URLs = []string{"wss://a.example/in?x#y", "wss://b.example/in"}
	if got := fmt.Sprint(audience(cfg)); got != "[wss://a.example/in wss://b.example/in]" {
		t.Errorf("audience %s", got)
	}
	cfg.Uplink.JWT.Audience = "urn:hub"
	if got := fmt.Sprint(audience(cfg)); got != "[urn:hub]" {
		t.Errorf("audience %s", got)
	}
}

// What is shown of addresses of token servers holds no secret, and paths are
// no secrets.
func TestTokenSettingsAreShownWithoutSecrets(t *testing.T) {
	cfg, err := loadText(t, `[uplink]
url = "wss://example.net/in"
token_source = "oauth"
[uplink.oauth]
token_url = "https://l.example/t?policy=canary-query"
client_id = "gw"
client_secret_file = "/etc/portti/credentials/secret"
`)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := cfg.Show(&out, false); err != nil {
		t.Fatal(err)
	}
	all := out.String() + fmt.Sprint(cfg.Tree())
	if strings.Contains(all, "canary") || !strings.Contains(all, "/etc/portti/credentials/secret") || !strings.Contains(all, "https://l.example/t?policy=") {
		t.Error(all)
	}
}

// Problems of the token are shown while the link still works, once, and go
// with their cause.
func TestTokenProblems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
		p := status.NewProblems()
		look := func(token uplink.TokenState, link string) string {
			s := &snapshot{cfg: config.Defaults(), clock: clock.Now{Trusted: true}, fixed: true, wall: start, token: &token}
			s.link.Problem = link
			var f found
			f.token(s)
			p.Sync(f)
			time.Sleep(time.Minute) // every quiet period
			return activeCodes(p)
		}
		day := 24 * time.Hour
		for name, c := range map[string]struct {
			state uplink.TokenState
			link  string
			want  string
		}{
			"good":                 {uplink.TokenState{Source: "refresh-token"}, "", ""},
			"server away":          {uplink.TokenState{Problem: "UP-TOKEN-SERVER", LastError: "x"}, "", "UP-TOKEN-SERVER/token"},
			"the link says it too": {uplink.TokenState{Problem: "UP-TOKEN-SERVER"}, "UP-TOKEN-SERVER", ""},
			"not kept":             {uplink.TokenState{Problem: "UP-TOKEN-NOT-SAVED", LastError: "x"}, "NET-DNS", "UP-TOKEN-NOT-SAVED/token"},
			"ends in 6 days":       {uplink.TokenState{Source: "file", Made: start.Add(-300 * day), Expires: start.Add(6 * day)}, "", "UP-TOKEN-EXPIRING/token"},
			"ends in 8 days":       {uplink.TokenState{Source: "file", Made: start.Add(-300 * day), Expires: start.Add(8 * day)}, "", ""},
			"lives an hour":        {uplink.TokenState{Source: "file", Made: start.Add(-10 * time.Minute), Expires: start.Add(50 * time.Minute)}, "", ""},
			"renewed by itself":    {uplink.TokenState{Source: "device-code", Expires: start.Add(time.Minute)}, "", ""},
			"ended":                {uplink.TokenState{Source: "file", Expires: start.Add(-day)}, "", "UP-TOKEN-EXPIRING/token"},
		} {
			if got := look(c.state, c.link); got != c.want {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
		}
		if left := look(uplink.TokenState{}, ""); left != "" {
			t.Errorf("left: %v", left)
		}
	})
}

// What an image builder or a technician finds where.
func TestCredentialPaths(t *testing.T) {
	p := config.Paths{State: "/var/lib/portti"}
	for _, path := range []string{p.LoginFile(), p.KeyFile()} {
		if filepath.Dir(path) != "/var/lib/portti/credentials" {
			t.Error(path)
		}
	}
}

// loadText loads a configuration of one file.
func loadText(t *testing.T, text string) (*config.Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "portti.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(path, config.LoadOptions{})
}

func activeCodes(p *status.Problems) string {
	var all []string
	for _, a := range p.Active() {
		all = append(all, a.Code+"/"+a.Subject)
	}
	return strings.Join(all, " ")
}
