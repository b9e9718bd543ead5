package uplink

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// deviceServer answers the first request with an offer and the others with
// what answers hold, the last one again and again.
func deviceServer(offer map[string]any, answers ...map[string]any) func(n int, w http.ResponseWriter, r *http.Request) {
	return func(n int, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/device" {
			sayJSON(w, 200, offer)
			return
		}
		a := answers[min(n-2, len(answers)-1)]
		status := 400
		if a["access_token"] != nil || a["odd"] != nil {
			status = 200
		}
		sayJSON(w, status, a)
	}
}

func TestDeviceLogin(t *testing.T) {
	pending, slow := map[string]any{"error": "authorization_pending"}, map[string]any{"error": "slow_down"}
	granted := map[string]any{"access_token": "acc", "refresh_token": "ref", "expires_in": 3600}
	offer := func(more ...any) map[string]any {
		o := map[string]any{"device_code": "dev", "user_code": "WDJB-MJHT", "verification_uri": "https://login.example/device", "expires_in": 600, "interval": 5}
		for i := 0; i+1 < len(more); i += 2 {
			o[more[i].(string)] = more[i+1]
		}
		return o
	}
	for name, c := range map[string]struct {
		offer   map[string]any
		answers []map[string]any
		err     error
		problem string
		gaps    []time.Duration // between requests
	}{
		"confirmed":         {offer(), []map[string]any{pending, pending, granted}, nil, "", []time.Duration{5, 5, 5}},
		"slow down":         {offer(), []map[string]any{pending, slow, slow, granted}, nil, "", []time.Duration{5, 5, 10, 15}},
		"no interval":       {offer("interval", 0), []map[string]any{granted}, nil, "", []time.Duration{5}},
		"interval -5":       {offer("interval", -5), []map[string]any{granted}, nil, "", []time.Duration{5}},
		"interval of years": {offer("interval", int64(1)<<40), []map[string]any{granted}, nil, "", []time.Duration{60}},
		"denied":            {offer(), []map[string]any{pending, {"error": "access_denied"}}, ErrLoginDenied, "", []time.Duration{5, 5}},
		"expired":           {offer(), []map[string]any{{"error": "expired_token"}}, ErrLoginExpired, "", []time.Duration{5}},
		"nobody comes":      {offer("expires_in", 18), []map[string]any{pending}, ErrLoginExpired, "", []time.Duration{5, 5, 5}},
		"expired offer":     {offer("expires_in", -9), []map[string]any{granted}, nil, "", []time.Duration{5}},
		"ill for a while":   {offer(), []map[string]any{{"error": "server_error"}, {"error": "temporarily_unavailable"}, granted}, nil, "", []time.Duration{5, 10, 15}},
		"wrong client":      {offer(), []map[string]any{{"error": "invalid_client"}}, nil, ProblemTokenRefused, []time.Duration{5}},
		"no refresh token":  {offer(), []map[string]any{{"access_token": "acc"}}, nil, ProblemTokenRefused, []time.Duration{5}},
		"nonsense":          {offer(), []map[string]any{{"odd": 1}}, nil, ProblemTokenServer, []time.Duration{5}},
		"no code":           {offer("user_code", ""), nil, nil, ProblemTokenServer, nil},
		"code paints":       {offer("user_code", "\x1b[2J"), nil, nil, ProblemTokenServer, nil},
		"bad address":       {offer("verification_uri", "javascript:alert(1)"), nil, nil, ProblemTokenServer, nil},
		"refused at once":   {map[string]any{"error": "x"}, nil, nil, ProblemTokenServer, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := startTokens(deviceServer(c.offer, c.answers...))
				dir := t.TempDir()
				oauth := OAuth{Grant: GrantDevice, TokenURL: "http://localhost/token", DeviceURL: "http://localhost/device", ClientID: "gw",
					Scopes: []string{"offline_access"}, Keep: dir + "/credentials/uplink-login", Home: dir}
				var shown []DevicePrompt
				err := DeviceLogin(t.Context(), oauth, s.options(), func(p DevicePrompt) { shown = append(shown, p) })
				s.stop()
				var tokenErr *TokenError
				switch {
				case c.problem != "":
					if !errors.As(err, &tokenErr) || tokenErr.Problem != c.problem {
						t.Errorf("error %v", err)
					}
				case !errors.Is(err, c.err):
					t.Errorf("error %v, want %v", err, c.err)
				}
				for i, want := range c.gaps {
					if got := s.times[i+1].Sub(s.times[i]); got != want*time.Second {
						t.Errorf("gap %d is %v, want %d s", i, got, want)
					}
				}
				if len(s.times) != len(c.gaps)+1 {
					t.Errorf("%d requests", len(s.times))
				}
				kept, _, kerr := keeper{oauth.Keep, dir}.load()
				if done := err == nil; done != (kerr == nil) || done && (kept.refresh.Reveal() != "ref" || kept.access.Reveal() != "acc" || len(shown) != 1 || shown[0].Code != "WDJB-MJHT") {
					t.Errorf("kept %+v %v, shown %v", kept, kerr, shown)
				}
			})
		})
	}
}

// A network that comes and goes does not end a login; Ctrl-C does, at once.
func TestDeviceLoginWithBadNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startTokens(deviceServer(map[string]any{"device_code": "dev", "user_code": "C", "verification_uri": "https://l.example/d", "expires_in": 600},
			map[string]any{"access_token": "a", "refresh_token": "r"}))
		defer s.stop()
		dir, dials := t.TempDir(), 0
		oauth := OAuth{Grant: GrantDevice, TokenURL: "http://localhost/token", DeviceURL: "http://localhost/device", ClientID: "gw", Keep: dir + "/c/l", Home: dir}
		o := s.options()
		o.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if dials++; dials > 1 && dials < 4 {
				return nil, &net.OpError{Op: "dial", Err: syscall.ENETUNREACH}
			}
			return s.ln.Dial(ctx, network, addr)
		}
		if err := DeviceLogin(t.Context(), oauth, o, func(DevicePrompt) {}); err != nil || dials != 4 {
			t.Errorf("%v after %d dials", err, dials)
		}
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		err := DeviceLogin(ctx, oauth, o, func(DevicePrompt) { time.AfterFunc(3*time.Second, cancel) })
		if !errors.Is(err, context.Canceled) || time.Since(began) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		o.Dial = func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "l.example"}
		}
		if err := DeviceLogin(t.Context(), oauth, o, func(DevicePrompt) {}); err == nil || !strings.Contains(err.Error(), "name cannot be found") {
			t.Errorf("no network: %v", err)
		}
	})
}
