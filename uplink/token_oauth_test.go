package uplink

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestClientCredentials(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*OAuth)
		check  func(r *http.Request) bool
	}{
		"in the header": {func(*OAuth) {}, func(r *http.Request) bool {
			user, password, ok := r.BasicAuth()
			return ok && user == "gw%3A1" && password == "s%2Becret" && !r.Form.Has("client_secret")
		}},
		"in the body": {func(o *OAuth) { o.InBody = true }, func(r *http.Request) bool {
			return r.FormValue("client_id") == "gw:1" && r.FormValue("client_secret") == "s+ecret" && r.Header.Get("Authorization") == ""
		}},
		"no secret": {func(o *OAuth) { o.Secret = nil }, func(r *http.Request) bool {
			return r.FormValue("client_id") == "gw:1" && !r.Form.Has("client_secret") && r.Header.Get("Authorization") == ""
		}},
		"scopes and audience": {func(o *OAuth) { o.Scopes, o.Audience = []string{"a", "b"}, "aud" }, func(r *http.Request) bool {
			return r.FormValue("scope") == "a b" && r.FormValue("audience") == "aud"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := startTokens(func(_ int, w http.ResponseWriter, r *http.Request) {
					_ = r.ParseForm()
					if r.Method != http.MethodPost || r.FormValue("grant_type") != "client_credentials" || r.UserAgent() != "portti/test" || !c.check(r) {
						t.Errorf("%s %v %v", r.Method, r.Form, r.Header)
					}
					sayJSON(w, 200, map[string]any{"access_token": "the-token", "token_type": "Bearer", "expires_in": "3600"})
				})
				defer s.stop()
				o := s.options()
				o.UserAgent = "portti/test"
				oauth := OAuth{Grant: GrantClient, TokenURL: "http://localhost/token", ClientID: "gw:1", Secret: staticToken(NewSecret("s+ecret"))}
				c.change(&oauth)
				f, err := NewOAuthToken(oauth, o)
				if err != nil {
					t.Fatal(err)
				}
				got, err := f.Token(t.Context())
				if err != nil || got.Reveal() != "the-token" || f.endsAt.Sub(f.have.at) != time.Hour {
					t.Errorf("%q %v, %v", got.Reveal(), err, f.endsAt.Sub(f.have.at))
				}
				if st := f.State(); st.Source != GrantClient || st.Expires.IsZero() || st.Fingerprint != got.Fingerprint() {
					t.Errorf("%+v", st)
				}
			})
		})
	}
}

// A token that comes as a form, as some servers send it.
func TestAnswerAsForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startTokens(func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-www-form-urlencoded")
			_, _ = w.Write([]byte("access_token=formed&expires_in=600"))
		})
		defer s.stop()
		f, _ := NewOAuthToken(OAuth{Grant: GrantClient, TokenURL: "http://localhost/", ClientID: "gw"}, s.options())
		if got, err := f.Token(t.Context()); err != nil || got.Reveal() != "formed" || f.have.expiresIn != 10*time.Minute {
			t.Errorf("%q %v %v", got.Reveal(), err, f.have.expiresIn)
		}
	})
}

// A client secret in a file is read at each request, and a new one ends the
// wait after a refusal.
func TestClientSecretFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "secret")
		s := startTokens(func(_ int, w http.ResponseWriter, r *http.Request) {
			if _, password, _ := r.BasicAuth(); password != "right" {
				sayJSON(w, 401, map[string]any{"error": "invalid_client"})
				return
			}
			sayJSON(w, 200, map[string]any{"access_token": "in"})
		})
		defer s.stop()
		f, _ := NewOAuthToken(OAuth{Grant: GrantClient, TokenURL: "http://localhost/", ClientID: "gw", Secret: NewFileToken(path)}, s.options())
		problem := func() string {
			_, err := f.Token(t.Context())
			var tokenErr *TokenError
			if !errors.As(err, &tokenErr) {
				return ""
			}
			return tokenErr.Problem
		}
		if got := problem(); got != ProblemTokenFile || s.count() != 0 {
			t.Errorf("no file: %q", got)
		}
		write(t, path, "wrong")
		if got := problem(); got != ProblemTokenRefused {
			t.Errorf("a wrong secret: %q", got)
		}
		time.Sleep(4 * time.Minute)
		if problem(); s.count() != 1 {
			t.Errorf("%d requests with a secret that was refused", s.count())
		}
		write(t, path, "right")
		if got := problem(); got != "" {
			t.Errorf("the right secret: %q", got)
		}
	})
}

// The refresh token that came is on disk before the access token that came
// with it is given to anybody, each time; a login made by hand wins; another
// token server or client never gets what was kept.
func TestRefreshTokenIsKeptFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := begun(t, t.TempDir())
		fam := &family{life: 600}
		s := startTokens(func(_ int, w http.ResponseWriter, r *http.Request) { fam.serve(w, r) })
		defer s.stop()
		f, err := NewOAuthToken(c, s.options())
		if err != nil {
			t.Fatal(err)
		}
		for n := 1; n <= 5; n++ {
			got, err := f.Token(t.Context())
			kept, _, lerr := keeper{c.Keep, c.Home}.load()
			if err != nil || lerr != nil || got.Reveal() != "access-"+string(rune('0'+n)) || kept.refresh.Reveal() != "refresh-"+string(rune('0'+n)) || kept.access != got {
				t.Fatalf("round %d: %q %v; kept %q %v", n, got.Reveal(), err, kept.refresh.Reveal(), lerr)
			}
			for !f.Changed() {
				time.Sleep(credentialPoll)
				synctest.Wait()
			}
		}
		if info, err := os.Stat(c.Keep); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v %v", info.Mode(), err)
		}
		if info, err := os.Stat(filepath.Dir(c.Keep)); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%v %v", info.Mode(), err)
		}
		// A new run begins with the access token that is still good.
		before := s.count()
		again, _ := NewOAuthToken(c, s.options())
		if got, err := again.Token(t.Context()); err != nil || got.Reveal() != "access-6" || s.count() != before {
			t.Errorf("a restart: %q %v, %d requests", got.Reveal(), err, s.count()-before)
		}
		other := c
		other.ClientID = "someone"
		f, _ = NewOAuthToken(other, s.options())
		_, err = f.Token(t.Context())
		var tokenErr *TokenError
		if !errors.As(err, &tokenErr) || tokenErr.Problem != ProblemTokenLogin || s.count() != before || fam.replayed() != 0 {
			t.Errorf("another client: %v; %d replays", err, fam.replayed())
		}
	})
}

// A login made by hand while the gateway runs is noticed within a poll, and is
// not overwritten by a request that was under way.
func TestLoginByHandWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := begun(t, t.TempDir())
		k := keeper{c.Keep, c.Home}
		byHand := func(refresh string) {
			if err := k.save(login{issuer: c.TokenURL, client: c.ClientID, refresh: NewSecret(refresh)}); err != nil {
				t.Error(err)
			}
		}
		s := startTokens(func(n int, w http.ResponseWriter, r *http.Request) {
			if n == 2 { // the technician is faster than this answer
				byHand("by-hand-2")
			}
			got := r.FormValue("refresh_token")
			sayJSON(w, 200, map[string]any{"access_token": "for-" + got, "refresh_token": got + "+", "expires_in": 3600})
		})
		defer s.stop()
		f, _ := NewOAuthToken(c, s.options())
		if got, err := f.Token(t.Context()); err != nil || got.Reveal() != "for-refresh-0" {
			t.Fatalf("%q %v", got.Reveal(), err)
		}
		byHand("by-hand-1")
		for range 3 {
			time.Sleep(credentialPoll)
			f.Changed()
			synctest.Wait()
		}
		if got, err := f.Token(t.Context()); err != nil || got.Reveal() != "for-by-hand-2" || s.count() != 3 {
			t.Errorf("%q %v after %d requests", got.Reveal(), err, s.count())
		}
		if kept, _, _ := k.load(); kept.refresh.Reveal() != "by-hand-2+" {
			t.Errorf("kept %q", kept.refresh.Reveal())
		}
	})
}

// The disk refuses the new refresh token: the old one is spent, so the gateway
// goes on with the new one, says so, and writes it as soon as it can.
func TestRefreshTokenCannotBeKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := begun(t, t.TempDir())
		fam := &family{life: 600}
		s := startTokens(func(_ int, w http.ResponseWriter, r *http.Request) { fam.serve(w, r) })
		defer s.stop()
		f, _ := NewOAuthToken(c, s.options())
		block := c.Keep + ".new/x" // a folder in the way of the temporary file
		if err := os.MkdirAll(block, 0o700); err != nil {
			t.Fatal(err)
		}
		got, err := f.Token(t.Context())
		if st := f.State(); err != nil || got.Reveal() != "access-1" || st.Problem != ProblemTokenNotSaved || st.LastError == "" {
			t.Fatalf("%q %v %+v", got.Reveal(), err, st)
		}
		for range 60 {
			time.Sleep(credentialPoll)
			f.Changed()
			synctest.Wait()
		}
		if got, err := f.Token(t.Context()); err != nil || got.Reveal() != "access-2" || f.State().Problem != ProblemTokenNotSaved {
			t.Errorf("renewed from memory: %q %v %+v", got.Reveal(), err, f.State())
		}
		if err := os.RemoveAll(c.Keep + ".new"); err != nil {
			t.Fatal(err)
		}
		f.Changed()
		if kept, _, _ := (keeper{c.Keep, c.Home}).load(); kept.refresh.Reveal() != "refresh-2" || f.State().Problem != "" || fam.replayed() != 0 {
			t.Errorf("kept %q, %+v, %d replays", kept.refresh.Reveal(), f.State(), fam.replayed())
		}
	})
}

// A refresh token handed over in a file is used once; what comes of it is kept
// in a file of its own. Another one in the file begins anew.
func TestRefreshTokenFromAFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		seed := filepath.Join(dir, "seed")
		c := OAuth{Grant: GrantRefresh, TokenURL: "http://localhost/token", ClientID: "gw", Keep: dir + "/credentials/uplink-login", Home: dir, Seed: NewFileToken(seed)}
		var used []string
		s := startTokens(func(_ int, w http.ResponseWriter, r *http.Request) {
			got := r.FormValue("refresh_token")
			used = append(used, got)
			sayJSON(w, 200, map[string]any{"access_token": "for-" + got, "refresh_token": got + "+"})
		})
		defer s.stop()
		f, _ := NewOAuthToken(c, s.options())
		if _, err := f.Token(t.Context()); err == nil {
			t.Error("no file: a token")
		}
		write(t, seed, "one\n")
		if got, err := f.Token(t.Context()); err != nil || got.Reveal() != "for-one" {
			t.Fatalf("%q %v", got.Reveal(), err)
		}
		c.Seed = NewFileToken(seed)
		f, _ = NewOAuthToken(c, s.options())
		if _, err := f.Token(t.Context()); err != nil {
			t.Fatal(err)
		}
		write(t, seed, "another\n")
		f.Changed()
		synctest.Wait()
		if got, err := f.Token(t.Context()); err != nil || got.Reveal() != "for-another" || strings.Join(used, " ") != "one one+ another" {
			t.Errorf("%q %v; used %v", got.Reveal(), err, used)
		}
	})
}

// The disk does not deliver what is kept: the first refresh token, which is spent, is
// not used in its place. When the disk does, the gateway goes on with what is kept.
func TestSpentRefreshTokenIsNotUsedForOneThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		seed, sound := filepath.Join(dir, "seed"), filepath.Join(dir, "sound")
		write(t, seed, "refresh-0\n")
		c := OAuth{Grant: GrantRefresh, TokenURL: "http://localhost/token", ClientID: "gw", Keep: dir + "/credentials/uplink-login", Home: dir, Seed: NewFileToken(seed)}
		fam := &family{life: 60}
		s := startTokens(func(_ int, w http.ResponseWriter, r *http.Request) { fam.serve(w, r) })
		defer s.stop()
		f, _ := NewOAuthToken(c, s.options())
		if got, err := f.Token(t.Context()); err != nil || got.Reveal() != "access-1" {
			t.Fatalf("%q %v", got.Reveal(), err)
		}
		// A regular file whose first byte gives EIO, also to root.
		if err := errors.Join(os.Rename(c.Keep, sound), os.Symlink("/proc/self/mem", c.Keep)); err != nil {
			t.Fatal(err)
		}
		f, _ = NewOAuthToken(c, s.options())
		for range 5 {
			var fault *TokenError
			if _, err := f.Token(t.Context()); !errors.As(err, &fault) || fault.Problem != ProblemTokenLogin || fam.replayed() != 0 || s.count() != 1 {
				t.Fatalf("%v, %d replays, %d requests", err, fam.replayed(), s.count())
			}
			time.Sleep(credentialPoll)
		}
		if err := os.Rename(sound, c.Keep); err != nil {
			t.Fatal(err)
		}
		time.Sleep(credentialPoll)
		if got, err := f.Token(t.Context()); err != nil || got.Reveal() != "access-2" || fam.replayed() != 0 {
			t.Errorf("%q %v, %d replays", got.Reveal(), err, fam.replayed())
		}
	})
}

// What is kept cannot be read: a person is told, and nothing spins.
func TestLoginThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := begun(t, t.TempDir())
		for name, spoil := range map[string]func() error{
			"damaged": func() error { return os.WriteFile(c.Keep, []byte("{"), 0o600) },
			"folder":  func() error { return os.Mkdir(c.Keep, 0o700) },
			"gone":    func() error { return nil },
		} {
			if err := errors.Join(os.RemoveAll(c.Keep), spoil()); err != nil {
				t.Fatal(err)
			}
			f, _ := NewOAuthToken(c, Options{})
			for range 20 {
				_, err := f.Token(t.Context())
				var tokenErr *TokenError
				if !errors.As(err, &tokenErr) || tokenErr.Problem != ProblemTokenLogin || !tokenErr.Person {
					t.Fatalf("%s: %v", name, err)
				}
				time.Sleep(time.Second)
			}
		}
	})
}
