package uplink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// What a token server can do wrong, row by row: problem, whether a person is
// called, and when it is asked again at the earliest.
func TestAnswersOfATokenServer(t *testing.T) {
	oauthError := func(status int, code string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			sayJSON(w, status, map[string]any{"error": code, "error_description": "d"})
		}
	}
	status := func(status int, header ...string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
		}
	}
	text := func(kind, text string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write([]byte(text))
		}
	}
	for name, c := range map[string]struct {
		say     func(http.ResponseWriter)
		problem string
		person  bool
		wait    time.Duration
		says    string
	}{
		"invalid_grant":      {oauthError(400, "invalid_grant"), ProblemTokenRefused, true, refusedMin, "has ended or was withdrawn"},
		"invalid_client":     {oauthError(401, "invalid_client"), ProblemTokenRefused, true, refusedMin, "HTTP 401, invalid_client"},
		"invalid_scope":      {oauthError(400, "invalid_scope"), ProblemTokenRefused, true, refusedMin, "invalid_scope"},
		"error with 200":     {oauthError(200, "unauthorized_client"), ProblemTokenRefused, true, refusedMin, "unauthorized_client"},
		"403":                {status(403), ProblemTokenRefused, true, refusedMin, "HTTP 403"},
		"404":                {status(404), ProblemTokenServer, true, refusedMin, "no such address"},
		"407":                {status(407), ProblemProxyAuth, true, refusedMin, "proxy"},
		"500":                {status(500), ProblemTokenServer, false, fetchGap, "HTTP 500"},
		"503, Retry-After":   {status(503, "Retry-After", "600"), ProblemTokenServer, false, 10 * time.Minute, "HTTP 503"},
		"429":                {status(429, "Retry-After", "90"), ProblemTokenServer, false, 90 * time.Second, "slow down"},
		"429, a year":        {status(429, "Retry-After", "31536000"), ProblemTokenServer, false, time.Hour, "slow down"},
		"temporarily":        {oauthError(400, "temporarily_unavailable"), ProblemTokenServer, false, fetchGap, "temporarily"},
		"redirect":           {status(307, "Location", "http://thief.example/token"), ProblemTokenServer, true, refusedMin, "redirect to thief.example, which is not followed"},
		"portal":             {text("text/html; charset=utf-8", "<html>log in</html>"), ProblemPortal, false, fetchGap, "web page"},
		"not JSON":           {text("application/json", "{"), ProblemTokenServer, false, fetchGap, "makes no sense"},
		"no token":           {text("application/json", "{}"), ProblemTokenServer, false, fetchGap, "makes no sense"},
		"token of two lines": {text("application/json", `{"access_token":"a\nb"}`), ProblemTokenServer, false, fetchGap, "more than one line"},
		"token with bytes":   {text("application/json", `{"access_token":"a\u0001b"}`), ProblemTokenServer, false, fetchGap, "cannot be sent"},
		"huge": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			for range 5 << 10 {
				if _, err := w.Write([]byte(strings.Repeat(" ", 1<<10))); err != nil {
					return
				}
			}
		}, ProblemTokenServer, false, fetchGap, "longer than 64 KB"},
		"huge head": {func(w http.ResponseWriter) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }, ProblemTokenServer, false, fetchGap, "token"},
		"drips": {func(w http.ResponseWriter) {
			for range 100 {
				if _, err := w.Write([]byte(" ")); err != nil || http.NewResponseController(w).Flush() != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}, ProblemTokenServer, false, fetchGap - 10*time.Second, "broke off"},
		"silence": {func(http.ResponseWriter) { time.Sleep(time.Minute) }, ProblemTokenServer, false, fetchGap - 10*time.Second, "did not answer in time"},
		"breaks": {func(w http.ResponseWriter) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			_ = conn.Close()
		}, ProblemTokenServer, false, fetchGap, "link broke"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := startTokens(func(_ int, w http.ResponseWriter, r *http.Request) {
					_ = r.ParseForm()
					c.say(w)
				})
				o := s.options()
				o.Rand = func() float64 { return 0 }
				f, _ := NewOAuthToken(OAuth{Grant: GrantClient, TokenURL: "http://localhost/token", ClientID: "gw", Secret: staticToken(NewSecret("s"))}, o)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, err := f.Token(ctx)
				var tokenErr *TokenError
				if !errors.As(err, &tokenErr) {
					t.Fatalf("error %v", err)
				}
				if tokenErr.Problem != c.problem || tokenErr.Person != c.person || tokenErr.Wait.Round(time.Second) != c.wait || !strings.Contains(tokenErr.Sentence, c.says) {
					t.Errorf("%+v", tokenErr)
				}
				if st := f.State(); st.Problem != c.problem || st.LastError != tokenErr.Sentence {
					t.Errorf("state %+v", st)
				}
				found := tokenErr.finding()
				if found.problem != c.problem || (found.do == actionPark) != c.person || !found.hasRetry || !found.tokenless {
					t.Errorf("finding %+v", found)
				}
				s.stop()
			})
		})
	}
}

// Where no server was reached a second try comes soon: the network may be
// coming up.
func TestTokenServerCannotBeReached(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		says string
	}{
		"DNS":      {&net.DNSError{Err: "no such host", Name: "login.example", IsNotFound: true}, "the token server's name cannot be found"},
		"refused":  {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, "nobody listens at the token server's address and port"},
		"no route": {&net.OpError{Op: "dial", Err: syscall.ENETUNREACH}, "the token server cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, dials := time.Now(), 0
				f, _ := NewOAuthToken(OAuth{Grant: GrantClient, TokenURL: "https://login.example/token", ClientID: "gw"}, Options{
					Proxy: "none", Rand: func() float64 { return 0.999 },
					Dial: func(context.Context, string, string) (net.Conn, error) { dials++; return nil, c.err }})
				_, err := f.Token(t.Context())
				var tokenErr *TokenError
				if !errors.As(err, &tokenErr) || tokenErr.Problem != ProblemTokenServer || !strings.Contains(tokenErr.Sentence, c.says) || tokenErr.Wait > time.Second {
					t.Errorf("%+v", err)
				}
				for time.Since(began) < time.Hour {
					_, _ = f.Token(t.Context())
					time.Sleep(time.Second)
				}
				if dials < 15 || dials > 30 { // 1, 2, 4 … 256, 300 s
					t.Errorf("%d dials in an hour", dials)
				}
			})
		})
	}
}

// No request ever follows a redirect, and none but the token server's own
// address sees a secret.
func TestRedirectSeesNoSecret(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		synctest.Test(t, func(t *testing.T) {
			s := startTokens(func(_ int, w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/token" {
					t.Errorf("followed to %s", r.URL)
				}
				http.Redirect(w, r, "/elsewhere", status)
			})
			defer s.stop()
			f, _ := NewOAuthToken(OAuth{Grant: GrantClient, TokenURL: "http://localhost/token", ClientID: "gw", Secret: staticToken(NewSecret("s"))}, s.options())
			if _, err := f.Token(t.Context()); err == nil || s.count() != 1 {
				t.Errorf("%d: %v, %d requests", status, err, s.count())
			}
		})
	}
}

// No secret reaches a log, an error or a state, whatever a token server echoes.
func TestTokenSecretsAreNeverShown(t *testing.T) {
	const secret, refresh, password = "canary-sec+ret/1", "canary-refresh", "canary-påss"
	echo := func(r *http.Request) string {
		raw, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(raw))
		return r.Header.Get("Authorization") + " " + string(raw) + " " + form.Get("refresh_token") + form.Get("client_secret")
	}
	serves := map[string]func(w http.ResponseWriter, r *http.Request){
		"error": func(w http.ResponseWriter, r *http.Request) {
			sayJSON(w, 400, map[string]any{"error": echo(r), "error_description": echo(r)})
		},
		"status": func(w http.ResponseWriter, r *http.Request) { http.Error(w, echo(r), 500) },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://elsewhere.example/"+refresh+"?x="+refresh)
			w.WriteHeader(302)
		},
		"nonsense": func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(echo(r))) },
		"token": func(w http.ResponseWriter, r *http.Request) {
			sayJSON(w, 200, map[string]any{"access_token": "canary-access\n"})
		},
		"accepted": func(w http.ResponseWriter, r *http.Request) {
			sayJSON(w, 200, map[string]any{"access_token": "canary-access", "refresh_token": "canary-next"})
		},
		"bad HTTP": func(w http.ResponseWriter, r *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 %s\r\n\r\n", echo(r))
			_ = conn.Close()
		},
	}
	sources := map[string]func(t *testing.T, o Options) TokenSource{
		"client": func(_ *testing.T, o Options) TokenSource {
			f, _ := NewOAuthToken(OAuth{Grant: GrantClient, TokenURL: "http://localhost/?canary-query", ClientID: "gw", Secret: staticToken(NewSecret(secret))}, o)
			return f
		},
		"refresh": func(t *testing.T, o Options) TokenSource {
			c := begun(t, t.TempDir())
			_ = (keeper{c.Keep, c.Home}).save(login{issuer: c.TokenURL, client: c.ClientID, refresh: NewSecret(refresh)})
			c.Secret, c.InBody = staticToken(NewSecret(secret)), true
			f, _ := NewOAuthToken(c, o)
			return f
		},
		"login": func(t *testing.T, o Options) TokenSource {
			path := t.TempDir() + "/password"
			write(t, path, password)
			f, _ := NewLoginToken(Login{URL: "http://localhost/auth", Email: "gw@example.net", Password: NewFileToken(path)}, o)
			return f
		},
	}
	for kind, make := range sources {
		for sn, serve := range serves {
			synctest.Test(t, func(t *testing.T) {
				s := startTokens(func(_ int, w http.ResponseWriter, r *http.Request) { serve(w, r) })
				defer s.stop()
				var out syncBuffer
				o := s.options()
				o.Log = jsonLog(&out)
				source := make(t, o)
				for range 100 {
					_, err := source.Token(t.Context())
					fmt.Fprintf(&out, "%v %+v %#v\n", err, err, err)
					fmt.Fprintf(&out, "%+v %#v\n", source.(TokenReporter).State(), source.(TokenReporter).State())
					source.(watchable).Changed()
					time.Sleep(10 * time.Second)
					synctest.Wait()
				}
				if s := out.String(); strings.Contains(s, "canary") || strings.Contains(s, "Y2FuYXJ5") || strings.Contains(s, "Z3c6Y2Fu") {
					t.Errorf("%s, %s: %s", kind, sn, around(s, "canary"))
				}
			})
		}
	}
}

// The way to the token server is the uplink's, its proxy included.
func TestTokenServerThroughAProxy(t *testing.T) {
	for _, target := range []string{"http://login.example/token", "https://login.example/token"} {
		synctest.Test(t, func(t *testing.T) {
			s := startTokens(func(_ int, w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Proxy-Authorization") == "" {
					t.Errorf("%s %v without a login", r.Method, r.URL)
				}
				w.WriteHeader(http.StatusProxyAuthRequired)
			})
			defer s.stop()
			o := s.options()
			o.Proxy = "http://user:canary@proxy.example:3128"
			f, _ := NewOAuthToken(OAuth{Grant: GrantClient, TokenURL: target, ClientID: "gw"}, o)
			_, err := f.Token(t.Context())
			var tokenErr *TokenError
			if !errors.As(err, &tokenErr) || tokenErr.Problem != ProblemProxyAuth || !tokenErr.Person || strings.Contains(fmt.Sprint(err), "canary") || s.count() != 1 {
				t.Errorf("%s: %v after %d requests", target, err, s.count())
			}
		})
	}
}

// A token server that was reached and cannot be trusted is not asked more often
// than any other: a handshake costs it more than an answer.
func TestTokenServerThatBreaksTheHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dials []time.Time
		s := startTokens(func(int, http.ResponseWriter, *http.Request) { t.Error("a request in the clear") })
		defer s.stop()
		o := s.options()
		o.Rand = func() float64 { return 0 }
		o.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials = append(dials, time.Now())
			return s.ln.Dial(ctx, network, addr) // speaks HTTP, not TLS
		}
		f, _ := NewOAuthToken(OAuth{Grant: GrantClient, TokenURL: "https://login.example/token", ClientID: "gw"}, o)
		for range 720 {
			_, _ = f.Token(t.Context())
			time.Sleep(5 * time.Second)
		}
		if n := busiestHour(dials); n > 121 || f.State().Problem != ProblemTokenServer {
			t.Errorf("%d handshakes in an hour, %+v", n, f.State())
		}
	})
}
