package uplink

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestURLsAreRefusedWithAReason(t *testing.T) {
	token := staticToken(NewSecret("tok"))
	for _, c := range []struct {
		o    Options
		says string // part of the error; "" = accepted
	}{
		{Options{URL: "wss://h/s", Token: token}, ""},
		{Options{URL: "ws://127.0.0.1:80/s", Token: token}, ""},
		{Options{URL: "ws://[::1]:80/s", Token: token}, ""},
		{Options{URL: "ws://LOCALHOST/s", Token: token}, ""},
		{Options{URL: "ws://10.0.0.1/s", Token: token}, "in the clear"},
		{Options{URL: "ws://localho\u017ft/s", Token: token}, "in the clear"},
		{Options{URL: "ws://localhost.evil.example/s", Token: token}, "in the clear"},
		{Options{URL: "ws://10.0.0.1/s", Token: token, Insecure: true}, ""},
		{Options{}, ""}, // there is no server yet
		{Options{URLs: []string{""}, Token: token}, "must begin with wss://"},
		{Options{URL: "https://h/s", Token: token}, "must begin with wss://"},
		{Options{URL: "wss:///s", Token: token}, "names no host"},
		{Options{URL: "wss://h:port/s?token=SECRET", Token: token}, "malformed"},
		{Options{URL: "wss://h/s"}, "needs a token"},
		{Options{URL: "wss://h/s", Auth: AuthQuery}, "needs a token"},
		{Options{URL: "wss://h/s", Auth: AuthNone}, ""},
		{Options{URL: "wss://h/s", Auth: AuthFirstMessage, Token: token}, ""},
		{Options{URL: "wss://h/s#SECRET", Auth: AuthNone}, "never reaches any server"},
		{Options{URL: "wss://h/s#SECRET", Auth: AuthNone}, "query:<name>"},
		{Options{URL: "wss://h/s#SECRET", Auth: AuthHash, HashAs: "reject"}, "never reaches any server"},
		{Options{URL: "wss://h/s#SECRET", Auth: AuthHash, HashAs: "bearer"}, ""},
		{Options{URL: "wss://h/s#SECRET", Auth: AuthHash, HashAs: "path"}, ""},
		{Options{URL: "wss://h/s#SECRET", Auth: AuthHash, HashAs: "query:key"}, ""},
		{Options{URL: "wss://h/s#SECRET", Auth: AuthHash, HashAs: "header:X-Key"}, ""},
		{Options{URL: "wss://h/s#SECRET", Auth: AuthHash, HashAs: "header:Host"}, "not known"},
		{Options{URL: "wss://h/s#SECRET", Auth: AuthHash, HashAs: "header:Sec-WebSocket-Key"}, "not known"},
		{Options{URL: "wss://h/s#SECRET", Auth: AuthHash, HashAs: "header:a b"}, "not known"},
		{Options{URL: "wss://h/s#SECRET", Auth: AuthHash, HashAs: "query:"}, "not known"},
		{Options{URL: "wss://h/s#SECRET", Auth: AuthHash, HashAs: "first-message"}, ""},
		{Options{URL: "wss://h/s#SECRET", Auth: AuthHash, HashAs: "bearer", Token: token}, "choose one"},
		{Options{URL: "wss://h/s#SEC%0d%0aRET", Auth: AuthHash, HashAs: "bearer"}, "more than one line"},
		{Options{URL: "wss://h/s", Auth: AuthHash, HashAs: "bearer"}, "needs a fragment"},
		{Options{URL: "wss://u:SECRET@h/s", Token: token}, "both are the Authorization header"},
		{Options{URL: "wss://u:SECRET@h/s", Auth: AuthNone}, ""},
		{Options{URL: "wss://h/s", Auth: AuthNone, Dialect: "haltless"}, ""},
		{Options{URL: "wss://h/s", Dialect: "haltless", Token: token}, ""},
		{Options{URL: "wss://h/s", Dialect: "mqtt", Token: token}, "not known"},
		{Options{URL: "wss://h/s", URLs: []string{"wss://g/s"}, Token: token}, "both url and urls"},
		{Options{URLs: []string{"wss://g/s", "http://h/SECRET"}, Token: token}, "address 2 of urls"},
		{Options{URL: "wss://h/s", Auth: AuthNone, Ack: "envelope"}, "needs the gateway's id"},
		{Options{URL: "wss://h/s", Auth: AuthNone, Ack: "fence", AckFallback: "count"}, "no other ack has one"},
		{Options{URL: "wss://h/s", Auth: AuthNone, Ack: "maybe"}, "not known"},
		{Options{URL: "wss://h/s", Auth: AuthNone, Proxy: "socks4://u:SECRET@p"}, "proxy must be"},
		{Options{URL: "wss://h/s", Auth: AuthNone, Proxy: "socks5://u:SECRET@p"}, ""},
		{Options{URL: "wss://h/s", Auth: AuthNone, BackoffBase: time.Hour}, "must not be below"},
		{Options{URL: "wss://h/s", Auth: AuthNone, MaxBatchBytes: 10}, "at least 1 message"},
		{Options{URL: "wss://h/s", Auth: AuthNone, PingInterval: -1}, "ping_interval"},
	} {
		_, err := New(c.o)
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%+v: %v", c.o, err)
		case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%+v: %v, want something about %q", c.o, err, c.says)
		case err != nil && strings.Contains(err.Error(), "SECRET"):
			t.Errorf("the error shows a secret: %v", err)
		}
	}
}

func TestHowATokenTravels(t *testing.T) {
	const awkward = "a+b/c=&d%20#é"
	token := "t0k+en/=&"
	for _, c := range []struct {
		o      Options
		target string
		header string // "Name: value"
	}{
		{Options{URL: "wss://h/s"}, "wss://h/s", "Authorization: Bearer " + token},
		{Options{URL: "wss://h/s?a=1", Auth: AuthQuery}, "wss://h/s?a=1&token=t0k%2Ben%2F%3D%26", ""},
		{Options{URL: "wss://h/s", Auth: AuthQuery, QueryName: "access key"}, "wss://h/s?access+key=t0k%2Ben%2F%3D%26", ""},
		{Options{URL: "wss://h/s?x=%2F", Auth: AuthNone}, "wss://h/s?x=%2F", ""},
		{Options{URL: "wss://u:p%40w@h/s", Auth: AuthNone}, "wss://h/s", "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("u:p@w"))},
		{Options{URL: "wss://u:pw@h/s", Auth: AuthQuery}, "wss://h/s?token=t0k%2Ben%2F%3D%26", "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("u:pw"))},
		{Options{URL: "wss://h/s#frag%2F1", Auth: AuthHash, HashAs: "bearer"}, "wss://h/s", "Authorization: Bearer frag/1"},
		{Options{URL: "wss://h/s#frag", Auth: AuthHash, HashAs: "header:X-Api-Key"}, "wss://h/s", "X-Api-Key: frag"},
		{Options{URL: "wss://h/s#frag", Auth: AuthHash, HashAs: "query:key"}, "wss://h/s?key=frag", ""},
		{Options{URL: "wss://h/a%2Fb#frag/1", Auth: AuthHash, HashAs: "path"}, "wss://h/a%2Fb%23frag%2F1", ""},
	} {
		o := c.o
		if o.Auth != AuthHash && o.Auth != AuthNone {
			o.Token = staticToken(NewSecret(token))
		}
		l, err := New(o)
		if err != nil {
			t.Errorf("%s: %v", c.o.URL, err)
			continue
		}
		u, h := l.route.dialect.request(NewSecret(token))
		if u.String() != c.target {
			t.Errorf("%s %s: target %s, want %s", o.URL, o.HashAs, u.String(), c.target)
		}
		name, value, _ := strings.Cut(c.header, ": ")
		if got := h.Get(name); c.header != "" && got != value {
			t.Errorf("%s: %s is %q, want %q", o.URL, name, got, value)
		}
		if c.header == "" && len(h) > 0 {
			t.Errorf("%s: headers %v", o.URL, h)
		}
	}
	if v, err := url.ParseQuery("token=" + url.QueryEscape(awkward)); err != nil || v.Get("token") != awkward {
		t.Errorf("query escaping does not come back: %v %v", v, err)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	s := NewSecret("canary")
	for _, text := range []string{
		fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q %x %d", s, s, s, s, s, s, s),
		fmt.Sprintf("%+v %#v", struct{ S Secret }{s}, &struct{ S *Secret }{&s}), s.String(), s.LogValue().String(),
	} {
		if strings.Contains(text, "canary") || strings.Contains(text, "63616e617279") {
			t.Errorf("it prints: %s", text)
		}
	}
	if b, _ := s.MarshalText(); strings.Contains(string(b), "canary") {
		t.Error("it marshals")
	}
	if f := s.Fingerprint(); len(f) != len("sha256:12345678") || f == NewSecret("canarz").Fingerprint() {
		t.Errorf("fingerprint %q", f)
	}
}

func TestForeignTextIsCleaned(t *testing.T) {
	s := scrubber{}.with("canary", "can", "c+n&ry", "ab")
	for in, want := range map[string]string{
		"":                                  "",
		"plain words":                       "plain words",
		"the canary sings":                  "the [secret] sings",
		"canned":                            "[secret]ned",
		"token=c%2Bn%26ry":                  "token=[secret]",
		"about":                             "about", // two letters are no secret worth hiding
		"a\x1b[31m\r\nb\x00":                "a\uFFFD[31m\uFFFD\uFFFDb\uFFFD",
		"\xff\xfe":                          "\uFFFD",
		"rtl \u202e x":                      "rtl \uFFFD x",
		strings.Repeat("é", 150):            strings.Repeat("é", 100) + "...",
		strings.Repeat("x", 198) + "canary": strings.Repeat("x", 198) + "[s...",
	} {
		if got := s.clean(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
