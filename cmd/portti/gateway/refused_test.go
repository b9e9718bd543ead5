package gateway

import (
	"strings"
	"testing"

	"portti/cmd/portti/config"
	"portti/uplink"
)

// TestRefusedWhereNoTokenIsSent: what helps against a refusal is what this gateway is
// let in by.
func TestRefusedWhereNoTokenIsSent(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*config.Uplink)
		code   string
		says   string
	}{
		"no token is sent":      {func(u *config.Uplink) { u.Auth = "none" }, "UP-TOKEN-WANTED", `auth = "none"`},
		"a password in the url": {func(u *config.Uplink) { u.Auth, u.URL = "none", "wss://a:b@h.example/in" }, "UP-AUTH-REJECTED", "Correct what url"},
		"a token in the url":    {func(u *config.Uplink) { u.Auth, u.URL = "none", "wss://h.example/in?token=x" }, "UP-AUTH-REJECTED", "Correct what url"},
		"behind the #":          {func(u *config.Uplink) { u.Auth = "hash" }, "UP-AUTH-REJECTED", "behind the #"},
		"a file":                {func(u *config.Uplink) { u.TokenFile = "/t" }, "UP-AUTH-REJECTED", "Get a new token and run: sudo portti login"},
		"its own key":           {func(u *config.Uplink) { u.TokenSource = config.TokenFromJWT }, "UP-AUTH-REJECTED", "enter this gateway's key"},
		"a phone":               {func(u *config.Uplink) { u.TokenSource = config.TokenFromOAuth }, "UP-AUTH-REJECTED", "Log in again"},
		"the unit":              {func(u *config.Uplink) { u.Credential = "c" }, "UP-AUTH-REJECTED", "LoadCredential="},
	} {
		s := healthy()
		s.cfg.Uplink.URL = "wss://h.example/in"
		c.change(&s.cfg.Uplink)
		s.link.State, s.link.Problem = uplink.Parked, uplink.ProblemAuthRejected
		p := problemsOf(t, s)
		if len(p) != 1 || p[0].Code != c.code || !strings.Contains(p[0].Sentence+strings.Join(p[0].Actions, "\n"), c.says) {
			t.Errorf("%s: %+v", name, p)
		}
		if c.code == "UP-TOKEN-WANTED" && strings.Contains(p[0].Sentence+p[0].Action, "login") {
			t.Errorf("%s: %s", name, p[0].Action)
		}
	}
}
