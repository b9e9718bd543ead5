package config

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portti/uplink"
)

func dialectFile(lines ...string) map[string]string {
	return map[string]string{"portti.toml": "[uplink]\n" + strings.Join(lines, "\n") + "\n" + goodDevice}
}

// Where nobody says how the token travels, the dialect does, and config show
// tells; what is said wins.
func TestAuthFollowsTheDialect(t *testing.T) {
	const url, token = `url = "wss://example.net/in"`, `token_file = "/t"`
	for dialect, want := range map[string]string{"thingsee": "header", "haltless": "first-message", "zyeta": "query", "heimdall": "header"} {
		cfg, err := load(t, dialectFile(url, token, `dialect = "`+dialect+`"`))
		if err != nil {
			t.Fatal(err)
		}
		var shown bytes.Buffer
		if err := cfg.Show(&shown, false); err != nil {
			t.Fatal(err)
		}
		if cfg.Uplink.Auth != want || !strings.Contains(shown.String(), `auth = "`+want+`"`) {
			t.Errorf("%s: auth %q, shown %s", dialect, cfg.Uplink.Auth, shown.String())
		}
		if again, err := load(t, map[string]string{"portti.toml": shown.String()}); err != nil || again.Uplink.Auth != want {
			t.Errorf("%s: what is shown cannot be loaded: %v", dialect, err)
		}
		for _, auth := range []string{"header", "query", "first-message"} {
			cfg, err := load(t, dialectFile(url, token, `dialect = "`+dialect+`"`, `auth = "`+auth+`"`))
			if err != nil || cfg.Uplink.Auth != auth {
				t.Errorf("%s: %v", dialect, err)
			}
		}
		cfg, err = load(t, dialectFile(url, token), "PORTTI_UPLINK__DIALECT="+dialect)
		if err != nil || cfg.Uplink.Auth != want {
			t.Errorf("%s from the environment: %v", dialect, err)
		}
	}
}

// Everything a dialect has settings for, as it reaches the link.
func TestDialectReachesTheLink(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  uplink.Options
	}{
		"heimdall": {
			[]string{`url = "https://api.example.net"`, `dialect = "heimdall"`, `token_file = "/t"`, `channels = ["gps", "user:1"]`},
			uplink.Options{Dialect: "heimdall", Auth: "header", Channels: []string{"gps", "user:1"}, AuthSettle: 10 * time.Second, Heartbeat: time.Minute},
		},
		"this machine's": {
			[]string{`url = "http://localhost:8080"`, `dialect = "heimdall"`, `auth = "none"`},
			uplink.Options{Dialect: "heimdall", Auth: "none", AuthSettle: 10 * time.Second, Heartbeat: time.Minute},
		},
		"haltless": {
			[]string{`url = "wss://example.net/in"`, `dialect = "haltless"`, `token_file = "/t"`, `auth_settle = "4s"`, `heartbeat = "20s"`},
			uplink.Options{Dialect: "haltless", Auth: "first-message", AuthSettle: 4 * time.Second, Heartbeat: 20 * time.Second},
		},
		"no heartbeat": {
			[]string{`url = "wss://example.net/in"`, `dialect = "haltless"`, `token_file = "/t"`, `heartbeat = "0s"`},
			uplink.Options{Dialect: "haltless", Auth: "first-message", AuthSettle: 10 * time.Second, Heartbeat: -1},
		},
		"hash as the first message": {
			[]string{`url = "wss://example.net/in#t"`, `auth = "hash"`, `hash_as = "first-message"`, `auth_settle = "4s"`},
			uplink.Options{Dialect: "thingsee", Auth: "hash", AuthSettle: 4 * time.Second, Heartbeat: time.Minute},
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := load(t, dialectFile(c.lines...))
			if err != nil {
				t.Fatal(err)
			}
			u := cfg.Uplink
			got := uplink.Options{Dialect: u.Dialect, Auth: u.Auth, Channels: u.Channels, AuthSettle: u.AuthSettle.D(), Heartbeat: LinkHeartbeat(u)}
			if got.Dialect != c.want.Dialect || got.Auth != c.want.Auth || strings.Join(got.Channels, " ") != strings.Join(c.want.Channels, " ") ||
				got.AuthSettle != c.want.AuthSettle || got.Heartbeat != c.want.Heartbeat {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			got.URL, got.HashAs, got.Token = u.URL, u.HashAs, nil
			if got.Auth != "none" && got.Auth != "hash" {
				got.Token = uplink.NewFileToken(filepath.Join(t.TempDir(), "token")) // not read before the link runs
			}
			if _, err := uplink.New(got); err != nil {
				t.Errorf("the link does not take what config check took: %v", err)
			}
		})
	}
}

// As many channels as are allowed are no flood of our own.
func TestChannelsHaveALimit(t *testing.T) {
	list := func(n int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = `"public:` + strings.Repeat("x", i+1) + `"`
		}
		return "channels = [" + strings.Join(all, ", ") + "]"
	}
	base := []string{`url = "wss://example.net/in"`, `dialect = "heimdall"`, `auth = "none"`}
	if _, err := load(t, dialectFile(append(base, list(maxChannels))...)); err != nil {
		t.Error(err)
	}
	if _, err := load(t, dialectFile(append(base, list(maxChannels+1))...)); err == nil || !strings.Contains(err.Error(), `"channels" names 31, and 30 are allowed`) {
		t.Error(err)
	}
}
