package uplink

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

func FuzzTokenLifespan(f *testing.F) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	f.Add(signedFor(f, 1, now, now.Add(time.Hour)))
	for _, claims := range []string{`{"exp":1e300}`, `{"exp":-1}`, `{"exp":"x","iat":1}`, `{"exp":9007199254740993,"iat":1e-9}`, `{"exp":null}`, `[]`, `{`} {
		f.Add("e30." + encodeSegment(claims) + ".AA")
	}
	f.Add("opaque")
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		s := readLifespan(token)
		for _, at := range []time.Time{s.made, s.ends} {
			if !at.IsZero() && (at.Year() < 1970 || at.Year() > 9999) {
				t.Errorf("%q: a time in the year %d", token, at.Year())
			}
		}
		for _, trusted := range []bool{false, true} {
			life := lifeOf(0, s, now, trusted)
			if life < 0 || life > maxTokenLife {
				t.Errorf("%q lives %v", token, life)
			}
			if after := renewAfter(life, 0.5); after < fetchGap {
				t.Errorf("%q is renewed after %v", token, after)
			}
		}
	})
}

// FuzzTokenAnswer feeds a token server's answer to all who read one.
func FuzzTokenAnswer(f *testing.F) {
	for _, s := range []string{`{"access_token":"a","expires_in":3600,"refresh_token":"r"}`, `{"access_token":"a","expires_in":-1}`, `{"access_token":"a","expires_in":1e999}`,
		`{"access_token":"a","expires_in":"99999999999999999999"}`, `{"error":"invalid_grant"}`, `{"access_token":"a\n"}`, `null`, `[]`, "",
		`{"device_code":"d","user_code":"u","verification_uri":"https://h/","interval":-9,"expires_in":-9223372036854775808}`} {
		f.Add(200, "application/json", []byte(s))
	}
	f.Add(200, "application/x-www-form-urlencoded", []byte("access_token=a&expires_in=9223372036854775807"))
	f.Add(302, "text/html", []byte("%zz"))
	var o Options
	o.setDefaults()
	c := OAuth{TokenURL: "http://localhost/", DeviceURL: "http://localhost/", ClientID: "gw"}
	f.Fuzz(func(t *testing.T, status int, kind string, body []byte) {
		if status < 100 || status > 999 || len(kind)+len(body) > 500 { // the fuzzer takes seconds to minimise longer ones
			return
		}
		r := newRequest(&o)
		client := &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			r.status, r.header = status, http.Header{"Content-Type": {kind}}
			return &http.Response{StatusCode: status, Header: r.header, Body: io.NopCloser(bytes.NewReader(body))}, nil
		}), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		at := time.Now()
		token, err := c.config("").TokenSource(within(t.Context(), client), &oauth2.Token{RefreshToken: "r"}).Token()
		if err == nil {
			var got issued
			if got, err = took(token, at); err == nil && (CheckToken(got.access.Reveal()) != nil || got.expiresIn < 0) {
				t.Errorf("%d %q %q: token %q for %v", status, kind, body, got.access.Reveal(), got.expiresIn)
			}
		}
		if got, lerr := parseLoginAnswer(body, at); lerr == nil && (CheckToken(got.access.Reveal()) != nil || got.expiresIn < 0) {
			t.Errorf("%q: token %q for %v", body, got.access.Reveal(), got.expiresIn)
		}
		if err != nil {
			if e := r.fault(err); e.Sentence == "" || e.Problem == "" || len(e.Sentence) > 600 || strings.ContainsAny(e.Sentence, "\n\x1b") {
				t.Errorf("%d %q %q: %+v", status, kind, body, e)
			}
		}
	})
}

func FuzzLoginFile(f *testing.F) {
	for _, s := range []string{`{"version":1,"token_url":"u","client_id":"c","refresh_token":"r","access_token":"a","obtained":-1,"lifetime_s":9223372036854775807}`,
		`{"version":2,"refresh_token":"r"}`, `{"version":1}`, "", "null"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := parseLogin(text)
		if err == nil && (l.refresh.Empty() || l.life < 0 || l.life > maxTokenLife || !l.access.Empty() && CheckToken(l.access.Reveal()) != nil) {
			t.Errorf("%q read as %+v", text, l)
		}
	})
}

// roundTripper answers a request without any network.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
