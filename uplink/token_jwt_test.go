package uplink

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func TestSignedToken(t *testing.T) {
	for _, alg := range []string{AlgES256, AlgEdDSA} {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			s := Signing{Alg: alg, Gateway: "XXXX00ABCDEFGHIJK", Audience: []string{"wss://ingest.example.net/socket"}, KeyFile: dir + "/credentials/device-key.pem", Home: dir}
			src, err := NewSignedToken(s, Options{})
			if err != nil {
				t.Fatal(err)
			}
			text, err := src.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			key, err := LoadDeviceKey(s.KeyFile, dir, alg)
			if err != nil {
				t.Fatal(err)
			}
			block, _ := pem.Decode([]byte(key.Public))
			public, err := x509.ParsePKIXPublicKey(block.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			claims := jwt.MapClaims{}
			token, err := jwt.ParseWithClaims(text.Reveal(), claims, func(*jwt.Token) (any, error) { return public, nil },
				jwt.WithValidMethods([]string{alg}), jwt.WithAudience(s.Audience[0]), jwt.WithIssuer(s.Gateway), jwt.WithSubject(s.Gateway),
				jwt.WithTimeFunc(func() time.Time { return time.Now().Add(-59 * time.Second) })) // a server whose clock is behind
			if err != nil || token.Header["kid"] != key.ID || token.Header["alg"] != alg {
				t.Fatalf("%v, header %v", err, token.Header)
			}
			span := readLifespan(text.Reveal())
			if got := span.ends.Sub(span.made); got != 5*time.Minute || len(claims["jti"].(string)) != 22 {
				t.Errorf("life %v, jti %v", got, claims["jti"])
			}
			t.Logf("%s: %d bytes", alg, len(text.Reveal()))
			var jwk map[string]string
			if err := json.Unmarshal([]byte(key.JWK), &jwk); err != nil || jwk["kid"] != key.ID || jwk["alg"] != alg {
				t.Errorf("%s: %v", key.JWK, err)
			}
			if info, err := os.Stat(s.KeyFile); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v %v", info.Mode(), err)
			}
			for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
				if out := fmt.Sprintf(verb, key); strings.Contains(out, "private") || len(out) > 80 {
					t.Errorf("%s prints %s", verb, out)
				}
			}
		})
	}
}

// RFC 7638 section 3.1 has an example for RSA only; RFC 8037 appendix A.3 has
// one for Ed25519.
func TestKeyIDIsTheThumbprint(t *testing.T) {
	const seed = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g"
	path := filepath.Join(t.TempDir(), "key.pem")
	write(t, path, "-----BEGIN PRIVATE KEY-----\n"+seed+"\n-----END PRIVATE KEY-----\n")
	key, err := LoadDeviceKey(path, t.TempDir(), AlgEdDSA)
	if err != nil || key.ID != "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" || !strings.Contains(key.JWK, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo") {
		t.Errorf("%v %v", key, err)
	}
}

// When a token is made anew: after a minute, when the clock was set, after a
// refusal; and never twice in 30 s for a server that refuses them all.
func TestSignedTokenIsMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, off := t.TempDir(), time.Duration(0)
		src, _ := NewSignedToken(Signing{Alg: AlgEdDSA, Gateway: "g", Audience: []string{"a", "b"}, KeyFile: dir + "/k", Home: dir},
			Options{Now: func() time.Time { return time.Now().Add(off) }})
		get := func() Secret {
			t.Helper()
			s, err := src.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		first := get()
		time.Sleep(59 * time.Second)
		if get() != first {
			t.Error("made anew within a minute")
		}
		time.Sleep(2 * time.Second)
		second := get()
		if second == first || src.Changed() {
			t.Error("not made anew")
		}
		src.Refused(first) // an old one
		time.Sleep(31 * time.Second)
		if get() != second {
			t.Error("made anew for nothing")
		}
		src.Refused(second)
		third := get()
		src.Refused(third)
		if third == second || get() != third {
			t.Error("refused twice: not the same one")
		}
		off = 56 * 365 * 24 * time.Hour // the clock was set, as by the Date of the refusal
		if get() == third {
			t.Error("a token of 1970 is used on")
		}
		time.Sleep(time.Hour)
		if src.Changed() {
			t.Error("changed, though the server does not look at it any more")
		}
	})
}

// For servers that end the connection with the token.
func TestSignedTokenRenews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		src, _ := NewSignedToken(Signing{Alg: AlgEdDSA, Gateway: "g", Audience: []string{"a"}, KeyFile: dir + "/k", Home: dir, Renew: true},
			Options{Rand: func() float64 { return 0.5 }})
		_, _ = src.Token(t.Context())
		time.Sleep(225*time.Second - time.Millisecond)
		if src.Changed() {
			t.Error("too early")
		}
		time.Sleep(time.Millisecond)
		if !src.Changed() {
			t.Error("too late")
		}
		if _, _ = src.Token(t.Context()); src.Changed() {
			t.Error("changed after a new one")
		}
	})
}

func TestDeviceKeysThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	good := dir + "/good"
	if _, err := LoadDeviceKey(good, dir, AlgES256); err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/empty", "")
	write(t, dir+"/text", "canary text")
	write(t, dir+"/damaged", "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----\n")
	if err := os.Mkdir(dir+"/folder", 0o700); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		good: "not one for EdDSA", dir + "/empty": "not a PEM file", dir + "/text": "not a PEM file", dir + "/damaged": "damaged",
		dir + "/folder": "cannot read", dir + "/text/key": "cannot", // no folder there
	} {
		src, _ := NewSignedToken(Signing{Alg: AlgEdDSA, Gateway: "g", Audience: []string{"a"}, KeyFile: path, Home: dir}, Options{})
		_, err := src.Token(t.Context())
		var tokenErr *TokenError
		if !errors.As(err, &tokenErr) || tokenErr.Problem != ProblemTokenKey || !tokenErr.Person || !strings.Contains(tokenErr.Sentence, says) || strings.Contains(tokenErr.Sentence, "canary") {
			t.Errorf("%s: %v", path, err)
		}
		if st := src.State(); st.Problem != ProblemTokenKey {
			t.Errorf("%+v", st)
		}
	}
}

func TestAudience(t *testing.T) {
	for address, want := range map[string]string{
		"wss://h.example/s?key=x#frag":  "wss://h.example/s",
		"wss://u:p@h.example:8443/s/?":  "wss://h.example:8443/s/",
		"ws://localhost":                "ws://localhost",
		"wss://h.example/a%2Fb#%23frag": "wss://h.example/a%2Fb",
		"://":                           "",
	} {
		if got := Audience(address); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}
