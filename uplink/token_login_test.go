package uplink

import (
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The documented login: a password once, then the refresh token from the
// cookie, and the password again when that has ended.
func TestLoginWithPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "password")
		write(t, path, "pä ss\n")
		ended := false
		var log []string
		s := startTokens(func(n int, w http.ResponseWriter, r *http.Request) {
			log = append(log, strings.TrimPrefix(r.URL.Path, "/api/v1/auth"))
			access := signedFor(t, n, time.Now(), time.Now().Add(time.Hour))
			switch r.URL.Path {
			case "/api/v1/auth/login":
				var in struct{ Email, Password string }
				if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Email != "gw@example.net" || in.Password != "pä ss" {
					sayJSON(w, 401, map[string]any{"detail": "no"})
					return
				}
				http.SetCookie(w, &http.Cookie{Name: "refresh_token", Value: "first", Path: "/api/v1/auth", HttpOnly: true})
			case "/api/v1/auth/refresh":
				c, err := r.Cookie("refresh_token")
				if err != nil || ended || c.Value != "first" && c.Value != "next" {
					sayJSON(w, 401, map[string]any{"detail": "no"})
					return
				}
				http.SetCookie(w, &http.Cookie{Name: "refresh_token", Value: "next", Path: "/api/v1/auth", HttpOnly: true})
			}
			sayJSON(w, 200, map[string]any{"access_token": access, "token_type": "bearer", "mfa_required": false})
		})
		defer s.stop()
		f, err := NewLoginToken(Login{URL: "http://localhost/api/v1/auth/", Email: "gw@example.net", Password: NewFileToken(path)}, s.options())
		if err != nil {
			t.Fatal(err)
		}
		last := Secret{}
		renew := func() {
			t.Helper()
			got, err := f.Token(t.Context())
			if err != nil || got == last || f.endsAt.IsZero() {
				t.Fatalf("%v, new %v", err, got != last)
			}
			last = got
			for range 400 {
				if f.Changed() {
					return
				}
				time.Sleep(credentialPoll)
				synctest.Wait()
			}
			t.Fatal("not renewed")
		}
		renew()
		renew()
		ended = true
		renew()
		ended = false
		renew()
		if got := strings.Join(log, " "); got != "/login /refresh /refresh /refresh /login /refresh" && got != "/login /refresh /refresh /login /refresh" {
			t.Errorf("requests %s", got)
		}
		// Another password may be another account: its cookie is not used.
		write(t, path, "wrong")
		log = nil
		f.Changed()
		synctest.Wait()
		if got := strings.Join(log, " "); got != "/login" || f.State().Problem != ProblemTokenRefused {
			t.Errorf("requests %s, %+v", got, f.State())
		}
	})
}

func TestLoginAnswers(t *testing.T) {
	for text, problem := range map[string]string{
		`{"access_token":"x","mfa_required":true}`: ProblemTokenRefused,
		`{"mfa_required":true}`:                    ProblemTokenRefused,
		`{"access_token":""}`:                      ProblemTokenServer,
		`{"access_token":"a b\u0000"}`:             ProblemTokenServer,
		`[]`:                                       ProblemTokenServer,
		`{"access_token":7}`:                       ProblemTokenServer,
	} {
		synctest.Test(t, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "password")
			write(t, path, "secret")
			s := startTokens(func(_ int, w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) })
			defer s.stop()
			f, _ := NewLoginToken(Login{URL: "http://localhost", Email: "e", Password: NewFileToken(path)}, s.options())
			_, err := f.Token(t.Context())
			var tokenErr *TokenError
			if !errors.As(err, &tokenErr) || tokenErr.Problem != problem {
				t.Errorf("%s: %v", text, err)
			}
		})
	}
}
