package uplink

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const (
	gpsSaid     = `{"type":"gpsUpdate","data":{"id":"1","latitude":60.17,"longitude":24.94,"speed_kmh":3.5,"timestamp":"2026-04-04T10:30:05Z"}}`
	vesselsSaid = `{"type":"vesselsUpdate","data":{"vessels":[{"mmsi":230000000,"name":"FORCELOGOUT","lat":60.1,"lng":24.9}],"bbox":{"center":[60,25],"radius_km":5}}}`
	fenceSaid   = `{"type":"geofenceEvent","data":{"type":"forceLogout","device_id":"d"}}`
	emailSaid   = `{"type":"emailLinkVerified","userId":"u","email":"a@example.org","platformAccountId":"p","timestamp":"2026-04-04T10:30:05Z"}`
	mailSaid    = `{"type":"emailChangeVerified","userId":"u","oldEmail":"a","newEmail":"b","timestamp":"2026-04-04T10:30:05Z"}`
	rolesSaid   = `{"type":"rolesUpdated","userId":"u","roles":["Admin"],"roleIds":["role_admin"],"timestamp":"2026-04-04T10:30:05Z"}`
	rightsSaid  = `{"type":"permissionsUpdated","userId":"u","permissions":["a"],"timestamp":"2026-04-04T10:30:05Z"}`
	roleSaid    = `{"type":"rolePermissionsChanged","roleId":"r","roleName":"R","timestamp":"2026-04-04T10:30:05Z"}`
)

// endings are the messages that end a session for good, with what is shown.
func endings() map[string]string {
	return map[string]string{
		`{"type":"forceLogout","userId":"u","reason":"maintenance","timestamp":"2026-04-04T10:30:05Z"}`:                         "forceLogout: maintenance",
		`{"type":"sessionRevoked","userId":"u","sessionId":"s","timestamp":"2026-04-04T10:30:05Z"}`:                             "sessionRevoked",
		`{"type":"accountDeleted","userId":"u","reason":"gone","timestamp":"2026-04-04T10:30:05Z"}`:                             "accountDeleted: gone",
		`{"type":"accountBanned","userId":"u","reason":"spam","isPermanent":true,"timestamp":"2026-04-04T10:30:05Z"}`:           "accountBanned for ever: spam",
		`{"type":"accountBanned","userId":"u","expiresAt":"2026-05-01T00:00:00Z","isPermanent":false,"timestamp":"2026-04-04"}`: "accountBanned until 2026-05-01T00:00:00Z",
		`{"type":"oAuthConsentRevoked","userId":"u","clientId":"c","clientName":"portti","timestamp":"2026-04-04T10:30:05Z"}`:   "oAuthConsentRevoked",
		`{"type":"Message","channel":"user:u","data":"{\"type\":\"forceLogout\",\"userId\":\"u\",\"reason\":\"wrapped\"}"}`:     "forceLogout: wrapped",
		`{"type":"message","channel":"user:u","data":{"type":"SessionRevoked","userId":"u"}}`:                                   "sessionRevoked",
	}
}

func TestHeimdallURL(t *testing.T) {
	for raw, want := range map[string]string{
		"https://api.elcto.com":          "wss://api.elcto.com/v1/ws",
		"https://api.elcto.com/":         "wss://api.elcto.com/v1/ws",
		"HTTPS://api.elcto.com":          "wss://api.elcto.com/v1/ws",
		"http://localhost:8080":          "ws://localhost:8080/v1/ws",
		"https://host/api":               "wss://host/api/v1/ws",
		"https://host/v1/ws":             "wss://host/v1/ws",
		"https://host/v1/ws/":            "wss://host/v1/ws",
		"https://u:p@host?k=/v#t?x":      "wss://u:p@host/v1/ws?k=/v#t?x",
		"https://host#t":                 "wss://host/v1/ws#t",
		"wss://api.elcto.com/v1/ws":      "wss://api.elcto.com/v1/ws",
		"ws://localhost/elsewhere?a=b#c": "ws://localhost/elsewhere?a=b#c",
		"ftp://host":                     "ftp://host",
		"host":                           "host",
		"":                               "",
	} {
		if got := heimdallURL(raw); got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
	for raw, want := range map[string]string{"http://example.net": "in the clear", "https://": "no host", "ftp://h": "must begin with"} {
		if _, err := New(Options{Dialect: DialectHeimdall, URL: raw, Auth: AuthNone}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

func TestHeimdallSubscribesAndKeepsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &company{
			script: func(_ int, w *wire) {
				says(w, gpsSaid, vesselsSaid, fenceSaid, emailSaid, mailSaid, gpsSaid, `{"type":"Message","channel":"gps","data":"{\"type\":\"gpsUpdate\"}"}`,
					`{"type":"Message","channel":"stats","data":"{\"n\":1}"}`, `{"type":"Message","channel":"stats","data":"not JSON"}`,
					`{"type":"Message","channel":"x","data":"{\"type\":\"Message\",\"data\":\"{\\\"type\\\":\\\"forceLogout\\\"}\"}"}`, // no deeper
					`{"type":"Message","channel":"x"}`, `{"type":"Error","message":"Channel not found"}`, `{"type":"vessels","data":[]}`)
			},
			answer: func(_ int, w *wire, m string) {
				if m == `{"type":"Ping"}` {
					says(w, `{"type":"Pong"}`)
				}
			},
		}
		w := c.start(t, Options{
			Dialect: DialectHeimdall, URL: "http://localhost", Token: staticToken(NewSecret("access")), Channels: []string{"gps", "user:u"},
		})
		w.src.add(20)
		w.run()
		time.Sleep(70 * time.Second)
		w.state(Online)
		want := []string{
			`{"type":"Subscribe","channel":"gps"}`, `{"type":"Subscribe","channel":"user:u"}`, `{"type":"Ping"}`, `{"type":"Ping"}`, `{"type":"Ping"}`,
		}
		if said := c.received(1); !slices.Equal(said, want) {
			t.Errorf("said %q", said)
		}
		if c.uris[0] != "/v1/ws" || c.auth[0] != "Bearer access" {
			t.Errorf("asked for %q with %q", c.uris, c.auth)
		}
		w.kinds(map[string]uint64{
			"gpsUpdate": 3, "vesselsUpdate": 1, "geofenceEvent": 1, "emailLinkVerified": 1, "emailChangeVerified": 1, "message": 4, "error": 1, "pong": 3,
		}, 1)
		if n, often := c.total(); n != 20 || often != 20 {
			t.Errorf("%d readings, %d times", n, often)
		}
		if !slices.ContainsFunc(w.logs.lines(), func(l string) bool { return strings.Contains(l, "Channel not found") }) {
			t.Errorf("not shown: %q", w.logs.lines())
		}
		w.end()
	})
}

// A server that writes its control messages without capitals is spoken to in
// the same way from then on, also on the next connection, and asked again for
// what it may not have understood.
func TestHeimdallSpeaksAsTheServerDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &company{answer: func(n int, w *wire, m string) {
			switch {
			case strings.Contains(m, `"Subscribe"`):
				says(w, `{"type":"error","message":"unknown type"}`)
			case n == 1 && m == `{"type":"subscribe","channel":"gps"}`:
				says(w, `{"type":"pong"}`)
				w.close(1001, "")
			}
		}}
		w := c.start(t, Options{Dialect: DialectHeimdall, Auth: AuthNone, Channels: []string{"gps"}})
		w.run()
		time.Sleep(2 * time.Minute)
		w.state(Online)
		// The first ping goes at once, before or after the server's first word.
		said := c.received(1)
		if n := len(said); n < 2 || said[0] != `{"type":"Subscribe","channel":"gps"}` || said[n-1] != `{"type":"subscribe","channel":"gps"}` {
			t.Errorf("said %q", said)
		}
		if said := c.received(2); len(said) < 2 || said[0] != `{"type":"subscribe","channel":"gps"}` || said[1] != `{"type":"ping"}` {
			t.Errorf("then %q", said)
		}
		w.end()
	})
}

// The server ends the session for good: everything cached is forgotten, the
// connection closed in order, a new token tried once.
func TestHeimdallSessionEnded(t *testing.T) {
	for text, shown := range endings() {
		synctest.Test(t, func(t *testing.T) {
			c := &company{script: func(n int, w *wire) {
				if n == 1 {
					time.Sleep(5 * time.Second)
					says(w, text)
				}
			}}
			tokens := &wallet{tokens: []string{"old", "new"}}
			w := c.start(t, Options{Dialect: DialectHeimdall, Token: tokens})
			w.src.hold = true
			w.src.add(10)
			w.run()
			time.Sleep(5100 * time.Millisecond)
			synctest.Wait()
			if st := w.link.Status(); st.Problem != ProblemLoggedOut || !strings.HasSuffix(st.LastError, "for good: "+shown) {
				t.Errorf("%s: %+v", text, st)
			}
			w.src.add(10)
			time.Sleep(5 * time.Second)
			w.state(Online)
			refused, revoked := tokens.reported()
			if !slices.Equal(refused, []string{"old"}) || revoked != 1 || !slices.Equal(c.auth, []string{"Bearer old", "Bearer new"}) || !slices.Equal(c.closed, []int{1000}) {
				t.Errorf("%s: refused %q, revoked %d, auth %q, closed %v", text, refused, revoked, c.auth, c.closed)
			}
			// The proven ones went once more: nobody asked for this end.
			if n, often := c.total(); n != 20 || often != 30 || w.src.rewinds != 1 || w.link.Status().Problem != "" {
				t.Errorf("%s: %d readings, %d times, rewinds %d, %+v", text, n, often, w.src.rewinds, w.link.Status())
			}
			w.end()
		})
	}
}

// Where no new token helps, the link is parked: some tries an hour, whatever
// is proven in between, and the data waits.
func TestHeimdallLoggedOutForGood(t *testing.T) {
	for name, before := range map[string]time.Duration{"at once": 0, "after a proof": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &company{script: func(_ int, w *wire) {
					time.Sleep(before)
					says(w, `{"type":"accountBanned","isPermanent":true,"reason":"no more"}`)
				}}
				tokens := &wallet{tokens: []string{"only"}}
				w := c.start(t, Options{Dialect: DialectHeimdall, Token: tokens, Rand: func() float64 { return 0.5 }})
				w.src.add(1)
				w.run()
				time.Sleep(10 * time.Second)
				w.state(Parked)
				time.Sleep(time.Hour)
				synctest.Wait()
				if n := w.net.count(); n > 2*3600/150+5 || n < 5 {
					t.Errorf("%d dials in an hour", n)
				}
				_, revoked := tokens.reported()
				if st := w.link.Status(); st.Problem != ProblemLoggedOut || revoked != w.net.count() {
					t.Errorf("revoked %d of %d, %+v", revoked, w.net.count(), st)
				}
				if n := w.logs.len(); n > 40 {
					t.Errorf("%d lines of log: %v", n, w.logs.events())
				}
				w.end()
			})
		})
	}
}

// The server says why and closes in the same breath, so that the reader has
// ended before the writer looks: the message counts, not the close.
func TestHeimdallLoggedOutAndClosedAtOnce(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			c := &company{script: func(n int, w *wire) {
				if n == 1 {
					time.Sleep(5 * time.Second)
					says(w, `{"type":"sessionRevoked"}`)
					w.close(1000, "")
					_ = w.conn.Close()
				}
			}}
			tokens := &wallet{tokens: []string{"old", "new"}}
			w := c.start(t, Options{Dialect: DialectHeimdall, Token: tokens})
			w.run()
			time.Sleep(5100 * time.Millisecond)
			synctest.Wait()
			if _, revoked := tokens.reported(); revoked != 1 || w.link.Status().Problem != ProblemLoggedOut {
				t.Errorf("revoked %d, %+v", revoked, w.link.Status())
			}
			w.end()
		})
	}
}

// Changed roles and rights mean other channels: they are asked for again, once
// for a handful of changes.
func TestHeimdallRolesChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &company{script: func(_ int, w *wire) {
			time.Sleep(10 * time.Second)
			says(w, rolesSaid, rightsSaid, roleSaid)
			time.Sleep(30 * time.Second)
			says(w, rightsSaid)
		}}
		o := Options{Dialect: DialectHeimdall, Auth: AuthNone, PingInterval: time.Hour, PongTimeout: time.Minute}
		for i := range 30 {
			o.Channels = append(o.Channels, fmt.Sprint("public:", i))
		}
		w := c.start(t, o)
		w.src.add(1)
		w.run()
		for _, want := range []struct {
			after time.Duration
			said  int
		}{{11 * time.Second, 30}, {2 * time.Second, 60}, {20 * time.Second, 60}, {20 * time.Second, 90}} {
			time.Sleep(want.after)
			w.state(Online)
			said := 0
			for _, m := range c.received(1) {
				if strings.Contains(m, "Subscribe") {
					said++
				}
			}
			if said != want.said {
				t.Errorf("%d subscriptions, want %d", said, want.said)
			}
		}
		if n, often := c.total(); n != 1 || often != 1 {
			t.Errorf("%d readings, %d times", n, often)
		}
		w.end()
	})
}
