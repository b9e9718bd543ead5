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
	notificationSaid = `{"type":"notification","data":{"message":"New comment on your post","level":"info"},"timestamp":"2023-08-15T10:30:00Z"}`
	chatSaid         = `{"type":"chat_message","data":{"conversation_id":"conv-123","sender_id":"user-456","content":"unauthorized"},"timestamp":"2023-08-15T10:30:00Z"}`
	statusSaid       = `{"type":"status_update","data":{"entity_type":"task","entity_id":"task-789","status":"completed","code":"unauthorized"},"timestamp":"2023-08-15T10:30:00Z"}`
)

// zyetaErrors writes an error code in every place where it may stand.
func zyetaErrors(code string) []string {
	return []string{
		`{"type":"error","data":{"code":"` + code + `","message":"why"},"timestamp":"2023-08-15T10:30:00Z"}`,
		`{"type":"error","error":{"code":"` + code + `","message":"why","details":{}}}`,
		`{"status":"error","error":{"code":"` + code + `","message":"why"}}`,
		`{"type":"error","code":"` + code + `","message":"why"}`,
		`{"code":"` + code + `","message":"why"}`,
		`{"type":"something new","data":{"code":"` + code + `","message":"why","more":[1,2,{"deep":null}]}}`,
		`{"type":"error","data":"text","error":5,"code":"` + code + `","message":"why"}`,
	}
}

func TestZyetaSubscribesAndKeepsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &company{
			script: func(_ int, w *wire) { says(w, notificationSaid, chatSaid, statusSaid, statusSaid, `{"type":"news"}`) },
			answer: func(_ int, w *wire, m string) {
				if strings.Contains(m, `"ping"`) {
					says(w, `{"type":"pong","data":{},"timestamp":"2023-08-15T10:30:00Z"}`)
				}
			},
		}
		w := c.start(t, Options{
			Dialect: DialectZyeta, URL: "ws://localhost/api/ws", Token: staticToken(NewSecret("a+b/c=")),
			Channels: []string{"conversation:conv-123", `odd"name`},
		})
		w.src.add(20)
		w.run()
		time.Sleep(70 * time.Second)
		w.state(Online)
		want := []string{
			`{"type":"subscribe","data":{"channel":"conversation:conv-123"}}`, `{"type":"subscribe","data":{"channel":"odd\"name"}}`,
			`{"type":"ping","data":{}}`, `{"type":"ping","data":{}}`, `{"type":"ping","data":{}}`,
		}
		if said := c.received(1); !slices.Equal(said, want) {
			t.Errorf("said %q", said)
		}
		if c.uris[0] != "/api/ws?token=a%2Bb%2Fc%3D" || c.auth[0] != "" {
			t.Errorf("asked for %q with %q", c.uris, c.auth)
		}
		w.kinds(map[string]uint64{"notification": 1, "chat_message": 1, "status_update": 2, "pong": 3}, 1)
		if n, often := c.total(); n != 20 || often != 20 {
			t.Errorf("%d readings, %d times", n, often)
		}
		w.end()
	})
}

func TestZyetaErrorsWhereverTheyStand(t *testing.T) {
	for code, want := range map[string]serverMessage{
		"invalid_request": {kind: "invalid_request", complaint: "invalid_request: why"},
		"internal_error":  {kind: "internal_error", complaint: "internal_error: why"},
		"unauthorized":    {kind: "unauthorized", end: failUnauthorized, detail: "unauthorized: why"},
		"subscription_failed": {
			kind: "subscription_failed", complaint: "subscription_failed: why", after: subscribeRetry,
			reply: [][]byte{[]byte(`{"type":"subscribe","data":{"channel":"a:1"}}`)},
		},
		"brand_new": {kind: "error", complaint: "error: why"},
	} {
		for i, text := range zyetaErrors(code) {
			h := (&zyetaSession{channels: []string{"a:1"}}).onMessage([]byte(text))
			expect := want
			if code == "brand_new" && (i == 4 || i == 5) {
				expect = serverMessage{}
			}
			if h.after = h.after.Round(time.Second); fmt.Sprintf("%+v", h) != fmt.Sprintf("%+v", expect) {
				t.Errorf("%s: %+v, want %+v", text, h, expect)
			}
		}
	}
}

// Row 33: the server ends the session because of the token. The next one is
// fetched and tried at once; what was proven before is not lost.
func TestZyetaUnauthorizedAsksForAnotherToken(t *testing.T) {
	for i, text := range zyetaErrors("unauthorized") {
		synctest.Test(t, func(t *testing.T) {
			c := &company{script: func(n int, w *wire) {
				if n == 1 {
					time.Sleep(5 * time.Second)
					says(w, text)
				}
			}}
			tokens := &wallet{tokens: []string{"old", "new"}}
			w := c.start(t, Options{Dialect: DialectZyeta, Token: tokens, Channels: []string{"a:1"}})
			w.src.add(10)
			w.run()
			time.Sleep(5100 * time.Millisecond)
			synctest.Wait()
			if st := w.link.Status(); st.Problem != ProblemAuthRejected || !strings.Contains(st.LastError, "unauthorized: why") {
				t.Errorf("%d: %+v", i, st)
			}
			w.src.add(10)
			time.Sleep(5 * time.Second)
			w.state(Online)
			refused, revoked := tokens.reported()
			if !slices.Equal(refused, []string{"old"}) || revoked != 0 || !slices.Equal(c.uris, []string{"/socket?token=old", "/socket?token=new"}) {
				t.Errorf("%d: refused %q, revoked %d, asked for %q", i, refused, revoked, c.uris)
			}
			if n, often := c.total(); n != 20 || often != 20 || !slices.Equal(c.closed, []int{1000}) {
				t.Errorf("%d: %d readings, %d times, closed %v", i, n, often, c.closed)
			}
			w.end()
		})
	}
}

// A server that takes data and then says unauthorized, whatever the token: the
// proofs do not make it a storm, also where there is always another token.
func TestZyetaUnauthorizedForEverIsNoStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &company{script: func(_ int, w *wire) {
			time.Sleep(time.Second)
			says(w, `{"type":"error","data":{"code":"unauthorized"}}`)
		}}
		tokens := &wallet{}
		for i := range 10_000 {
			tokens.tokens = append(tokens.tokens, fmt.Sprint("token-", i))
		}
		w := c.start(t, Options{Dialect: DialectZyeta, Token: tokens, Rand: func() float64 { return 0.5 }})
		w.src.add(1)
		w.run()
		for range 60 {
			time.Sleep(time.Minute)
			w.src.add(1)
		}
		synctest.Wait()
		if n := w.net.count(); n > 60 {
			t.Errorf("%d dials in an hour", n)
		}
		if st := w.link.Status(); st.Problem != ProblemAuthRejected && st.State != Online || st.Proven < 50 {
			t.Errorf("%+v", st)
		}
		w.end()
	})
}

// A channel that the server does not give is asked for again with patience,
// and alone where the server names it.
func TestZyetaSubscriptionIsRetriedAFewTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		began := time.Now()
		c := &company{answer: func(_ int, w *wire, m string) {
			if strings.Contains(m, "a:2") {
				at = append(at, time.Since(began).Round(time.Second))
				says(w, `{"type":"error","data":{"code":"subscription_failed","message":"no such channel","channel":"a:2"}}`)
			}
		}}
		w := c.start(t, Options{Dialect: DialectZyeta, Auth: AuthNone, Channels: []string{"a:1", "a:2"}, PingInterval: time.Hour, PongTimeout: time.Minute})
		w.run()
		time.Sleep(3 * time.Hour)
		w.state(Online)
		want := []time.Duration{0, 30e9, 90e9, 210e9, 450e9, 930e9}
		if !slices.Equal(at, want) {
			t.Errorf("asked for at %v, want %v", at, want)
		}
		n := 0
		for _, m := range c.received(1) {
			if strings.Contains(m, "a:1") {
				n++
			}
		}
		if n != 1 || w.link.Status().ServerKinds["subscription_failed"] != 6 || w.link.Status().Connects != 1 {
			t.Errorf("a:1 asked for %d times, %+v", n, w.link.Status())
		}
		if !slices.ContainsFunc(w.logs.lines(), func(l string) bool { return strings.Contains(l, "no such channel") }) {
			t.Errorf("not shown: %q", w.logs.lines())
		}
		w.end()
	})
}

// The token source has another token before the present one runs out: what is
// on its way is proven first, then the link is made anew. Nothing is sent twice.
func TestZyetaTokenReplacedBeforeItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &company{lag: 200 * time.Millisecond}
		tokens := &wallet{tokens: []string{"one", "two"}}
		w := c.start(t, Options{Dialect: DialectZyeta, Token: tokens, Channels: []string{"a:1"}})
		w.src.hold = true
		w.src.add(5)
		w.run()
		time.Sleep(30 * time.Second)
		tokens.renew()
		for range 300 { // data all the while
			w.src.add(2)
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		w.state(Online)
		st := w.link.Status()
		if n, often := c.total(); n != 605 || often != 605 || st.Resent != 0 || st.Failures != 0 || st.Connects != 2 || w.src.rewinds != 0 || w.src.forgets != 1 {
			t.Errorf("%d readings, %d times; rewinds %d, forgets %d; %+v", n, often, w.src.rewinds, w.src.forgets, st)
		}
		if !slices.Equal(c.uris, []string{"/socket?token=one", "/socket?token=two"}) || !slices.Equal(c.closed, []int{1000}) || len(c.received(2)) == 0 {
			t.Errorf("asked for %q, closed %v, said %q", c.uris, c.closed, c.received(2))
		}
		w.end()
	})
}
