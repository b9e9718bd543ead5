package uplink

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// fixedToken is a TokenSource with one credential that never changes.
type fixedToken struct{ secret Secret }

func staticToken(s Secret) TokenSource { return fixedToken{s} }

func (t fixedToken) Token(context.Context) (Secret, error) {
	return t.secret, CheckToken(t.secret.Reveal())
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFileToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	tok := NewFileToken(path)
	if _, err := tok.Token(t.Context()); err == nil || tok.Changed() {
		t.Errorf("a missing file: %v, changed %v", err, tok.Changed())
	}
	write(t, path, "  first\r\n")
	if !tok.Changed() {
		t.Error("a file that appears has changed")
	}
	if s, err := tok.Token(t.Context()); err != nil || s.Reveal() != "first" || tok.Changed() {
		t.Errorf("%q %v, changed %v", s.Reveal(), err, tok.Changed())
	}
	// Written in place with another time, and replaced by rename with the
	// same time and size.
	write(t, path, "secnd")
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	if !tok.Changed() {
		t.Error("written in place: not noticed")
	}
	if s, _ := tok.Token(t.Context()); s.Reveal() != "secnd" {
		t.Errorf("got %q", s.Reveal())
	}
	write(t, path+".new", "third")
	if err := os.Chtimes(path+".new", old, old); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if !tok.Changed() {
		t.Error("replaced by rename: not noticed")
	}
	for text, says := range map[string]string{
		"":                          "empty",
		" \n\n ":                    "empty",
		"two\nlines":                "more than one line",
		"bell\x07":                  "cannot be sent",
		"ümlaut":                    "cannot be sent",
		strings.Repeat("x", 70_000): "larger than",
	} {
		write(t, path, text)
		_, err := tok.Token(t.Context())
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.20q: %v", text, err)
		}
		if tok.Changed() {
			t.Errorf("%.20q: a bad file is reported again and again", text)
		}
	}
}

func TestCredentialToken(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, err := NewCredentialToken("uplink-token"); err == nil {
		t.Error("no directory: accepted")
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	for _, name := range []string{"", ".", "..", "../token", "/etc/shadow", "a/b"} {
		if _, err := NewCredentialToken(name); err == nil {
			t.Errorf("name %q: accepted", name)
		}
	}
	write(t, filepath.Join(dir, "uplink-token"), "cred\n")
	tok, err := NewCredentialToken("uplink-token")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := tok.Token(t.Context()); err != nil || s.Reveal() != "cred" {
		t.Errorf("%q %v", s.Reveal(), err)
	}
}

// A refused token: one immediate try, then rarely; a new file brings the link
// up within seconds, without anybody asking.
func TestNewTokenEndsARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "token")
		write(t, path, "stale")
		w := start(t, Options{Token: NewFileToken(path)}, func(_ int, w *wire) {
			req, err := w.request()
			if err != nil {
				return
			}
			if req.Header.Get("Authorization") != "Bearer fresh" {
				_ = w.say("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
				return
			}
			upgradeNow(w)
			w.pump(func([]byte) bool { return true })
		})
		w.src.add(1)
		w.run()
		time.Sleep(200 * time.Millisecond)
		w.state(Waiting) // for the immediate try
		time.Sleep(20 * time.Minute)
		w.state(Parked)
		st := w.link.Status()
		if st.Problem != ProblemAuthRejected || st.Attempts > 20 {
			t.Errorf("status %+v", st)
		}
		if gap := w.net.gaps()[0]; gap != backoffFloor {
			t.Errorf("the immediate try came after %v", gap)
		}
		write(t, path, "fresh")
		time.Sleep(11 * time.Second)
		w.state(Online)
		if w.link.Status().Proven != 1 {
			t.Errorf("status %+v", w.link.Status())
		}
		w.end()
	})
}

func upgradeNow(w *wire) {
	_ = w.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + acceptKey(w.req) + "\r\n\r\n")
}

// A token replaced while the link is up: everything is proven first, then the
// link is made again with the new one; nothing is sent twice.
func TestTokenReplacedWhileOnline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "token")
		write(t, path, "one")
		seen := make(chan string, 10)
		w := start(t, Options{Token: NewFileToken(path)}, func(_ int, w *wire) {
			if w.accept() == nil {
				seen <- w.req.Header.Get("Authorization")
				w.pump(func([]byte) bool { return true })
			}
		})
		w.src.hold = true
		w.src.add(500)
		w.run()
		time.Sleep(15 * time.Second)
		w.state(Online)
		w.link.Wake() // nothing has changed: the link stays
		time.Sleep(15 * time.Second)
		if n := w.net.count(); n != 1 {
			t.Fatalf("%d dials", n)
		}
		write(t, path, "twice")
		time.Sleep(11 * time.Second)
		w.state(Online)
		w.src.add(5)
		synctest.Wait()
		if a, b := <-seen, <-seen; a != "Bearer one" || b != "Bearer twice" {
			t.Errorf("%q, then %q", a, b)
		}
		if st := w.link.Status(); st.Resent != 0 || st.Failures != 0 || st.Proven != 505 || w.src.forgets != 1 {
			t.Errorf("status %+v, forgets %d", st, w.src.forgets)
		}
		w.end()
	})
}

// Row 94: what people paste instead of a token, and what is one.
func TestWhatCannotBeAnAccessToken(t *testing.T) {
	for _, c := range []struct{ text, auth, says string }{
		{"abc.DEF-_~+/==", AuthHeader, ""},
		{"12|laravelSanctum", AuthHeader, ""},
		{"user:password", AuthQuery, ""},
		{"Bearerabc", AuthHeader, ""},
		{`{"type":"auth","token":"x y"}`, AuthFirstMessage, ""},
		{"", AuthHeader, "empty"},
		{"Bearer x", AuthHeader, `"Bearer"`},
		{"bearer x", AuthQuery, `"bearer"`},
		{"Bearer x", AuthFirstMessage, `"Bearer"`},
		{"Basic dXNlcjpwdw==", AuthHeader, `"Basic"`},
		{`"x"`, AuthHeader, "quotes"},
		{`'x'`, AuthFirstMessage, "quotes"},
		{`"`, AuthHeader, "quote"},
		{"Authorization: Bearer x", AuthHeader, "whole header"},
		{"authorization:Bearer x", AuthQuery, "whole header"},
		{`{"access_token":"x"}`, AuthHeader, "access_token"},
		{`{"access_token":"x"}`, AuthFirstMessage, "access_token"},
		{`{"token":"x"}`, AuthHeader, "bracket"},
		{"two words", AuthHeader, "space"},
		{"<your token>", AuthHeader, "space"},
		{"x\ny", AuthHeader, "more than one line"},
		{"x\u00e4", AuthHeader, "ASCII"},
	} {
		err := CheckAccessToken(c.text, c.auth)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%q by %s: %v, want %q", c.text, c.auth, err, c.says)
		}
	}
}

// Row 94: such a file is named in the status and never sent.
func TestTokenFileThatHoldsNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := t.TempDir() + "/token"
		write(t, path, "Authorization: Bearer canary-x\n")
		w := start(t, Options{Auth: AuthHeader, Token: NewFileToken(path)}, polite)
		w.run()
		w.state(Parked)
		if st := w.link.Status(); w.net.count() != 0 || st.Problem != ProblemTokenFile || !strings.Contains(st.LastError, "whole header") || strings.Contains(st.LastError, "canary") {
			t.Errorf("%d dials, %s: %s", w.net.count(), st.Problem, st.LastError)
		}
		write(t, path, "canary-y\n")
		time.Sleep(credentialPoll + time.Second)
		w.state(Online)
		w.end()
	})
}
