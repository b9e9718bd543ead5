package gateway

import (
	"errors"
	"testing"
	"time"

	"portti/cmd/portti/config"
	"portti/uplink"
)

// closingToken is a source of tokens that knows that it was closed.
type closingToken struct {
	*uplink.FileToken
	closed int
}

func (c *closingToken) Close(time.Duration) { c.closed++ }

// A way that is not running yet ends in order: the queue may break its promise between
// the link that was left and the next one.
func TestWayEndsBeforeItRuns(t *testing.T) {
	onTrialSite(t, func(s *trialSite) {
		for name, end := range map[string]func(*way) error{
			"at a stop":   (*way).drain,
			"at a reload": func(w *way) error { return w.leave(s.t.Context(), s.gateway) },
		} {
			w, err := s.gateway.newWay(s.gateway.cfg.Load(), nil)
			if err != nil {
				t.Fatal(err)
			}
			broken := errors.New("broken")
			w.ended <- broken
			if err := end(w); !errors.Is(err, broken) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A source of tokens goes on with the next link where that would make the same one again:
// what it holds may be nowhere else. Any other is closed with its link.
func TestWayKeepsItsTokens(t *testing.T) {
	onTrialSite(t, func(s *trialSite) {
		was := *s.gateway.cfg.Load()
		was.Uplink.Auth, was.Uplink.TokenFile = "header", "/nowhere/token"
		s.gateway.cfg.Store(&was)
		token := &closingToken{FileToken: uplink.NewFileToken("/nowhere/token")}
		old := &way{token: token}
		for name, c := range map[string]struct {
			edit func(*config.Uplink)
			kept bool
		}{
			"pings":                 {func(u *config.Uplink) { u.PingInterval++ }, true},
			"another file":          {func(u *config.Uplink) { u.TokenFile = "/nowhere/else" }, false},
			"another way to get it": {func(u *config.Uplink) { u.TokenFile, u.TokenSource = "", config.TokenFromJWT }, false},
			"another server":        {func(u *config.Uplink) { u.URL = "ws://127.0.0.1:2/" }, false}, // a token may be made for it
			"no server":             {func(u *config.Uplink) { u.URL = "" }, false},
		} {
			next := was
			c.edit(&next.Uplink)
			w, err := s.gateway.newWay(&next, old)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			token.closed = 0
			if old.close(w); (w.token == uplink.TokenSource(token)) != c.kept || (token.closed == 0) != c.kept {
				t.Errorf("%s: kept %v, closed %d times", name, w.token == uplink.TokenSource(token), token.closed)
			}
		}
	})
}
