package uplink

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const (
	testStart  = "0123456789abcdef"
	inUseSaid  = `{"type":"notice","code":"identity-in-use"}`
	inUseEvent = "uplink.takeover"
)

// requests keeps what upgrades said.
type requests struct {
	mu   sync.Mutex
	all  []http.Header
	uris []string
}

func (r *requests) serve(_ int, w *wire) {
	if w.accept() != nil {
		return
	}
	r.mu.Lock()
	r.all, r.uris = append(r.all, w.req.Header), append(r.uris, w.req.RequestURI)
	r.mu.Unlock()
	time.Sleep(time.Second)
	w.close(1012, "")
}

// Every upgrade says who comes, by header or not at all, and with it no token.
func TestUpgradeSaysWhichStart(t *testing.T) {
	for _, c := range []struct {
		o     Options
		hash  string
		bears bool
	}{
		{Options{Auth: AuthNone}, "", true}, {Options{Auth: AuthHeader}, "", true}, {Options{Auth: AuthQuery}, "", false},
		{Options{Auth: AuthHash, HashAs: "header:X-Key"}, "#canary", true}, {Options{Auth: AuthHash, HashAs: "query:k"}, "#canary", false},
		{Options{Dialect: DialectHaltless}, "", true}, {Options{Dialect: DialectZyeta}, "", false}, {Options{Dialect: DialectHeimdall}, "", true},
	} {
		synctest.Test(t, func(t *testing.T) {
			c.o.Gateway, c.o.Start, c.o.URL = "TSGW1", testStart, "ws://localhost/socket"+c.hash
			if c.o.Auth != AuthNone && c.hash == "" {
				c.o.Token = staticToken(NewSecret("canary"))
			}
			var r requests
			w := start(t, c.o, r.serve)
			w.run()
			time.Sleep(5 * time.Minute)
			w.end()
			if len(r.all) < 2 {
				t.Fatalf("%+v: %d connections", c.o, len(r.all))
			}
			for i, h := range r.all {
				said := h.Get(headerStart) == testStart && h.Get(headerGateway) == "TSGW1"
				if said != c.bears || !c.bears && (h.Get(headerStart) != "" || h.Get(headerGateway) != "") {
					t.Errorf("%s %s: %q, %q", c.o.Dialect, c.o.Auth, h.Get(headerStart), h.Get(headerGateway))
				}
				if strings.Contains(r.uris[i], testStart) || strings.Contains(h.Get(headerStart)+h.Get(headerGateway), "canary") {
					t.Errorf("%s %s: %s with %v", c.o.Dialect, c.o.Auth, r.uris[i], h)
				}
			}
		})
	}
}

func TestStartIsCheckedAndItsHeaderIsReserved(t *testing.T) {
	for name, o := range map[string]Options{
		"too short":  {Auth: AuthNone, Start: "0123"},
		"not hex":    {Auth: AuthNone, Start: "0123456789abcdeg"},
		"its header": {Auth: AuthHash, HashAs: "header:portti-start", URL: "ws://localhost/#canary"},
		"the other":  {Auth: AuthHash, HashAs: "header:PORTTI-GATEWAY", URL: "ws://localhost/#canary"},
	} {
		if o.URL == "" {
			o.URL = "ws://localhost/"
		}
		if _, err := New(o); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// shows holds Status.Takeover against want.
func (w *world) shows(want bool, when string) {
	w.t.Helper()
	synctest.Wait()
	if st := w.link.Status(); st.Takeover != want {
		w.t.Errorf("%s: shown %v, want %v", when, st.Takeover, want)
	}
}

func (w *world) logged(event string) (n int) {
	for _, e := range w.logs.events() {
		if e == event {
			n++
		}
	}
	return n
}

// The problem lasts until a connection has lasted ten minutes without another
// notice. Each connection logs it once.
func TestNoticeOfAnIdentityInUse(t *testing.T) {
	for _, o := range []Options{{Ack: AckCount, Auth: AuthNone}, {Ack: AckFence, Auth: AuthNone, Dialect: DialectHaltless, Heartbeat: -1}, {Auth: AuthNone, Dialect: DialectZyeta}} {
		synctest.Test(t, func(t *testing.T) {
			o.Rand = func() float64 { return 0 }
			c := &company{script: func(n int, w *wire) {
				switch n {
				case 1:
					time.Sleep(5 * time.Minute)
					says(w, inUseSaid, inUseSaid)
					time.Sleep(time.Minute)
					says(w, inUseSaid)
					time.Sleep(9 * time.Minute)
					w.close(1012, "")
				case 2:
					time.Sleep(11 * time.Minute)
					w.close(1012, "")
				}
			}}
			w := c.start(t, o)
			w.run()
			time.Sleep(5*time.Minute - time.Second)
			w.shows(false, "before")
			time.Sleep(2 * time.Second)
			w.shows(true, "after the notice")
			time.Sleep(10*time.Minute + 10*time.Second) // at 15:11, and connected anew since 15:00
			w.shows(true, "on the next connection")
			if n := w.logged(inUseEvent); n != 1 || w.net.count() != 2 {
				t.Errorf("%s: logged %d times, %d connections, %+v", o.Dialect, n, w.net.count(), w.link.Status())
			}
			time.Sleep(10*time.Minute - 13*time.Second)
			w.shows(true, "a moment before that has lasted ten minutes")
			time.Sleep(90 * time.Second) // that one ended a minute ago, and nobody had looked
			w.shows(false, "on the third connection")
			if w.net.count() != 3 {
				t.Errorf("%d connections", w.net.count())
			}
			w.end()
		})
	}
}

func TestTakeoverEndsOnTheSameConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &company{script: func(_ int, w *wire) { says(w, inUseSaid) }}
		w := c.start(t, Options{Ack: AckCount, Auth: AuthNone})
		w.run()
		time.Sleep(10*time.Minute - time.Second)
		w.shows(true, "just before")
		time.Sleep(2 * time.Second)
		w.shows(false, "after ten minutes")
		if w.net.count() != 1 {
			t.Errorf("%d connections", w.net.count())
		}
		w.end()
	})
}

// Another notice is counted and passed over; what is none may be a command.
func TestUnknownNoticesArePassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		commands := []string{`{"type":"notices","code":"identity-in-use"}`, `{"code":"identity-in-use"}`, `{"type":["notice"],"code":"identity-in-use"}`}
		var heard []string
		c := &company{script: func(_ int, w *wire) {
			says(w, `{"type":"notice","code":"moon-is-full"}`, `{"type":"notice"}`, `{"type":"notice","code":7}`)
			says(w, commands...)
		}}
		w := c.start(t, Options{Ack: AckCount, Auth: AuthNone, Downlink: func(m []byte) { heard = append(heard, string(m)) }})
		w.run()
		time.Sleep(time.Second)
		w.shows(false, "after other notices")
		w.kinds(map[string]uint64{kindNotice: 3}, 3)
		if strings.Join(heard, "") != strings.Join(commands, "") {
			t.Errorf("handed on %q", heard)
		}
		w.end()
	})
}

func FuzzNotice(f *testing.F) {
	for _, s := range []string{inUseSaid, `{"type":"notice"}`, `{"type":"notice","code":["identity-in-use"]}`, `[]`, ``} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, ok := notice(text)
		if ok != (m.kind == kindNotice) || m.inUse && !strings.Contains(string(text), "in") {
			t.Errorf("%q: %+v %v", text, m, ok)
		}
	})
}
