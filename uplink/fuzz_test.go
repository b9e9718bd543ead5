package uplink

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// Only the payload of the ping that is out, to the letter, is its answer.
func FuzzPong(f *testing.F) {
	const prefix = "portti:0a1b2c3d:"
	for _, s := range []string{"", prefix, prefix + "1", prefix + "01", prefix + "18446744073709551615", prefix + "18446744073709551616", "portti:00000000:1", prefix + "1 "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		p := pinger{prefix: prefix}
		ping := p.next(time.Now(), 1, 1)
		for _, out := range []*string{nil, &ping} {
			r := reader{inbox: newInbox(new(statusBoard))}
			r.inbox.outstanding.Store(out)
			if err := r.ponged(payload); err != nil {
				t.Fatal(err)
			}
			answered := !r.inbox.take().pongAt.IsZero()
			if want := out != nil && payload == prefix+"1"; answered != want || answered && r.inbox.outstanding.Load() != nil {
				t.Errorf("%q is the answer to the ping: %v", payload, answered)
			}
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "0", "120", "99999999999999999999", "-1", "Fri, 01 May 2026 12:10:00 GMT", "Friday, 01-May-26 12:10:00 GMT", "x"} {
		f.Add(s)
	}
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		if d, ok := retryAfter(value, now); d < 0 || d > maxRetryAfter || !ok && d != 0 {
			t.Errorf("%q: %v %v", value, d, ok)
		}
	})
}

func FuzzParseCount(f *testing.F) {
	for _, s := range []string{"", `{"ack":1}`, `{"ack":-1}`, `{"ACK":3}`, `{"ack":1e3}`, `[[[[`, `{"ack":18446744073709551615}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if w, ok := countWords(text); ok && !strings.Contains(string(text), fmt.Sprint(w.frames)) {
			t.Errorf("%q read as %d", text, w.frames)
		}
	})
}

// FuzzClean repeats what it is given: the fuzzer takes seconds to minimise a
// text that is long enough to be cut.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "canary", "cancanaryary", "%63anary", "\xff\x00canary\r\n"} {
		f.Add(s, byte(1))
	}
	f.Add("é", byte(maxForeignText/2+1))
	s := scrubber{}.with("canary")
	f.Fuzz(func(t *testing.T, text string, times byte) {
		if len(text) > 50 {
			return
		}
		text = strings.Repeat(text, int(times))
		out := s.clean(text)
		if len(out) > maxForeignText+3 || !utf8.ValidString(out) || strings.ContainsFunc(out, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q became %q", text, out)
		}
		if strings.Contains(out, "canary") {
			t.Errorf("%q still shows it: %q", text, out)
		}
	})
}

func FuzzEndpoint(f *testing.F) {
	for _, s := range []string{"", "wss://h/s", "wss://u:canary@h/s?k=canary#canary", "ws://[::1]:1/", "wss://h:99999/", "wss://h/%zz", "wss://\x00/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		ep, err := parseEndpoint(raw, EngineWebSocket, false)
		if err != nil {
			return
		}
		if ep.url.User != nil || ep.url.Fragment != "" {
			t.Errorf("%q: userinfo or fragment stays in %s", raw, ep.url.String())
		}
		if ep.url.Scheme == "ws" && !IsLoopback(ep.url.Hostname()) {
			t.Errorf("%q goes out in the clear", raw)
		}
	})
}
