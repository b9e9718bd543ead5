package testbed

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/websocket"

	"portti/uplink/uplinktest"
)

// closing reads until the connection ends and gives the close code, 0 for none,
// and what was said before.
func closing(t *testing.T, conn *websocket.Conn) (code int, said []string) {
	t.Helper()
	for {
		_, b, err := conn.ReadMessage()
		if closed, ok := err.(*websocket.CloseError); ok {
			return closed.Code, said
		}
		if err != nil {
			return 0, append(said, err.Error())
		}
		said = append(said, string(b))
	}
}

func hears(t *testing.T, conn *websocket.Conn, want string) {
	t.Helper()
	_, b, err := conn.ReadMessage()
	if err != nil || string(b) != want {
		t.Fatalf("heard %s %v, want %s", b, err, want)
	}
}

func TestHaltlessTakesTheTokenFirst(t *testing.T) {
	r := running(t, Options{Dialect: "haltless", Token: "a.b.c", Ack: "count", Heartbeat: time.Hour})
	conn := dial(t, r.URL(), nil)
	send(t, conn, "a.b.c") // no answer, and not counted
	send(t, conn, "["+msg(1)+"]")
	hears(t, conn, `{"ack":1}`)
	for _, wrong := range []string{"Bearer a.b.c", `"a.b.c"`, "", "[" + msg(1) + "]"} {
		conn := dial(t, r.URL(), nil)
		send(t, conn, wrong)
		if code, _ := closing(t, conn); code != 4001 {
			t.Errorf("%q: closed with %d", wrong, code)
		}
	}
	binary := dial(t, r.URL(), nil)
	binary.WriteMessage(websocket.BinaryMessage, []byte("a.b.c"))
	if code, _ := closing(t, binary); code != 4001 {
		t.Errorf("a binary token: closed with %d", code)
	}
	if s := r.Stats(); s.Refused != 5 || s.Messages != 1 {
		t.Fatalf("%+v", s)
	}
}

// bubble runs a receiver in fake time.
func bubble(t *testing.T, o Options, story func(t *testing.T, dial func(query string) *websocket.Conn, r *Receiver)) {
	synctest.Test(t, func(t *testing.T) { inBubble(t, o, story) })
}

// inBubble is bubble for options that hold a channel: that must be made inside.
func inBubble(t *testing.T, o Options, story func(t *testing.T, dial func(query string) *websocket.Conn, r *Receiver)) {
	net := uplinktest.Listen()
	o.Listener = net
	r, err := NewReceiver(o)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- r.Run(t.Context()) }()
	d := websocket.Dialer{NetDialContext: net.Dial}
	story(t, func(query string) *websocket.Conn {
		conn, _, err := d.Dial("ws://receiver.example/socket"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}, r)
	r.fail(context.Canceled)
	<-done
}

func TestHaltlessWaitsTenSecondsForTheToken(t *testing.T) {
	bubble(t, Options{Dialect: "haltless", Token: "x"}, func(t *testing.T, dial func(string) *websocket.Conn, _ *Receiver) {
		began := time.Now()
		code, _ := closing(t, dial(""))
		if took := time.Since(began); code != 4002 || took != 10*time.Second {
			t.Fatalf("closed with %d after %v", code, took)
		}
	})
}

func TestHaltlessRefusesManyThatWait(t *testing.T) {
	bubble(t, Options{Dialect: "haltless", Token: "x", MaxPending: 2}, func(t *testing.T, dial func(string) *websocket.Conn, _ *Receiver) {
		first := dial("")
		dial("")
		synctest.Wait()
		if code, _ := closing(t, dial("")); code != 4003 {
			t.Fatalf("closed with %d", code)
		}
		send(t, first, "x")
		synctest.Wait()
		fourth := dial("") // the first is no longer among those that wait
		send(t, fourth, "x")
		hears(t, fourth, `{"type":"heartbeat","server_time":"`+time.Now().Add(5*time.Second).UTC().Format(time.RFC3339)+`"}`)
	})
}

func TestHaltlessHeartbeats(t *testing.T) {
	bubble(t, Options{Dialect: "haltless", Auth: "none", Heartbeat: 7 * time.Second}, func(t *testing.T, dial func(string) *websocket.Conn, _ *Receiver) {
		conn := dial("")
		for i := range 3 {
			began := time.Now()
			hears(t, conn, fmt.Sprintf(`{"type":"heartbeat","server_time":%q}`, began.Add(7*time.Second).UTC().Format(time.RFC3339)))
			if took := time.Since(began); took != 7*time.Second {
				t.Errorf("beat %d after %v", i, took)
			}
		}
	})
}

func TestZyetaCommands(t *testing.T) {
	at := time.Date(2026, 4, 4, 10, 30, 0, 0, time.UTC)
	wrong := func(code, why string) string {
		return `{"type":"error","data":{"code":"` + code + `","message":"` + why + `"},"timestamp":"2026-04-04T10:30:00Z"}`
	}
	z := newSpeech("zyeta", func() time.Time { return at })
	for _, c := range []struct{ say, reply string }{
		{`{"type":"subscribe","data":{"channel":"conversation:conv-123"}}`, ""},
		{`{"type":"subscribe","data":{"channel":"conversation:conv-123"}}`, ""},
		{`{"type":"ping","data":{}}`, `{"type":"pong","data":{},"timestamp":"2026-04-04T10:30:00Z"}`},
		{`{"type":"ping"}`, `{"type":"pong","data":{},"timestamp":"2026-04-04T10:30:00Z"}`},
		{`{"type":"unsubscribe","data":{"channel":"conversation:conv-123"}}`, ""},
		{`{"type":"unsubscribe","data":{"channel":"conversation:conv-123"}}`, wrong("subscription_failed", "not subscribed to this channel")},
		{`{"type":"subscribe","data":{"channel":"nothing"}}`, wrong("subscription_failed", "no such channel")},
		{`{"type":"subscribe","data":{}}`, wrong("invalid_request", "data.channel is missing")},
		{`{"type":"unsubscribe"}`, wrong("invalid_request", "data.channel is missing")},
		{`{"type":"subscribe","data":{"channel":7}}`, wrong("invalid_request", "data must be an object, its channel a text")},
		{`{"type":"dance","data":{}}`, wrong("invalid_request", "no such command")},
		{`{"type":7}`, wrong("invalid_request", "no such command")},
		{`{}`, wrong("invalid_request", "no such command")},
		{`{"type":"ping","x":"` + strings.Repeat("x", maxCommand) + `"}`, wrong("invalid_request", "the message is too long")},
	} {
		kind, ok := kindOf([]byte(c.say))
		reply, known := z.command(kind, []byte(c.say))
		if !ok || !known || string(reply) != c.reply {
			t.Errorf("%.60s: %v %v %s", c.say, ok, known, reply)
		}
	}
	for i := range maxChannels + 1 {
		reply, _ := z.command("subscribe", fmt.Appendf(nil, `{"data":{"channel":"c:%d"}}`, i))
		if full := i == maxChannels; full != strings.Contains(string(reply), "too many") {
			t.Fatalf("channel %d: %s", i, reply)
		}
	}
}

func TestHeimdallCommandsInEitherSpelling(t *testing.T) {
	h := newSpeech("heimdall", time.Now)
	for _, c := range []struct{ say, reply string }{
		{`{"type":"Subscribe","channel":"gps"}`, ""},
		{`{"type":"subscribe","channel":"user:42"}`, ""},
		{`{"type":"Subscribe","channel":"public:news"}`, ""},
		{`{"type":"Unsubscribe","channel":"gps"}`, ""},
		{`{"type":"unsubscribe","channel":"user:42"}`, ""},
		{`{"type":"Ping"}`, `{"type":"Pong"}`},
		{`{"type":"ping"}`, `{"type":"pong"}`},
		{`{"type":"Subscribe","channel":"nothing"}`, `{"type":"Error","message":"Channel not found"}`},
		{`{"type":"subscribe","channel":"user:"}`, `{"type":"error","message":"Channel not found"}`},
		{`{"type":"subscribe"}`, `{"type":"error","message":"Channel not found"}`},
		{`{"type":"Unsubscribe","channel":"stats"}`, `{"type":"Error","message":"Channel not found"}`},
		{`{"type":"Subscribe","channel":"admin:x"}`, `{"type":"Error","message":"Permission denied"}`},
		{`{"type":"Subscribe","channel":[]}`, `{"type":"Error","message":"Channel must be a text"}`},
		{`{"type":"Dance"}`, `{"type":"Error","message":"Unknown message type"}`},
		{`{}`, `{"type":"error","message":"Unknown message type"}`},
	} {
		kind, ok := kindOf([]byte(c.say))
		reply, known := h.command(kind, []byte(c.say))
		if !ok || !known || string(reply) != c.reply {
			t.Errorf("%s: %v %v %s", c.say, ok, known, reply)
		}
	}
}

// In every dialect arrays are data, acknowledged as told, and commands are not.
func TestArraysAreDataInEveryDialect(t *testing.T) {
	for dialect, command := range map[string]string{
		"thingsee": "", "haltless": "", "zyeta": `{"type":"ping","data":{}}`, "heimdall": `{"type":"Ping"}`,
	} {
		t.Run(dialect, func(t *testing.T) {
			r := running(t, Options{Dialect: dialect, Ack: "count"})
			conn := dial(t, r.URL(), nil)
			for i := 1; i <= 3; i++ {
				if command != "" {
					send(t, conn, command)
					if _, b, err := conn.ReadMessage(); err != nil || !strings.Contains(strings.ToLower(string(b)), `"pong"`) {
						t.Fatal(string(b), err)
					}
				}
				send(t, conn, "["+msg(i)+"]")
				hears(t, conn, fmt.Sprintf(`{"ack":%d}`, i))
			}
			if s := r.Stats(); s.Messages != 3 || s.Frames != 3 || s.Bad != 0 || command != "" && s.Commands != 3 {
				t.Fatalf("%+v", s)
			}
		})
	}
}

func token(t *testing.T, expires time.Time) string {
	t.Helper()
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Subject: "gateway", ExpiresAt: jwt.NewNumericDate(expires),
	}).SignedString([]byte("only for tests"))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestZyetaEndsWithTheToken(t *testing.T) {
	var tok string
	bubble(t, Options{Dialect: "zyeta", TokenNow: func() (string, error) { return tok, nil }}, func(t *testing.T, dial func(string) *websocket.Conn, r *Receiver) {
		tok = token(t, time.Now().Add(90*time.Second))
		began := time.Now()
		conn := dial("?token=" + tok)
		code, said := closing(t, conn)
		if took := time.Since(began); code != 3000 || took != 90*time.Second {
			t.Fatalf("closed with %d after %v", code, took)
		}
		var m struct {
			Type string
			Data struct{ Code string }
		}
		if len(said) != 1 || json.Unmarshal([]byte(said[0]), &m) != nil || m.Data.Code != "unauthorized" {
			t.Fatal(said)
		}
		d := websocket.Dialer{NetDialContext: r.listen.(*uplinktest.Listener).Dial}
		if _, resp, err := d.Dial("ws://receiver.example/socket?token="+tok, nil); err == nil || resp == nil || resp.StatusCode != 401 {
			t.Fatal("an expired token was let in: ", err)
		}
	})
}

// A client that does not answer the close is cut.
func TestZyetaCutsWhoStaysOn(t *testing.T) {
	var tok string
	bubble(t, Options{Dialect: "zyeta", TokenNow: func() (string, error) { return tok, nil }}, func(t *testing.T, dial func(string) *websocket.Conn, r *Receiver) {
		tok = token(t, time.Now().Add(10*time.Second))
		dial("?token=" + tok)
		time.Sleep(10*time.Second + closeWait + time.Millisecond)
		synctest.Wait()
		if s := r.Stats(); s.Open != 0 {
			t.Fatalf("%+v", s)
		}
	})
}

func TestHashIsFoundWhereverItCanStand(t *testing.T) {
	const secret = "s3cret+/"
	r := running(t, Options{Auth: "hash", Token: secret})
	for name, c := range map[string]struct {
		url    string
		header map[string][]string
		open   bool
	}{
		"bearer":       {"", map[string][]string{"Authorization": {"Bearer " + secret}}, true},
		"query":        {"?key=s3cret%2B%2F", nil, true},
		"path":         {"%23s3cret+%2F", nil, true},
		"header":       {"", map[string][]string{"X-Key": {secret}}, true},
		"nothing":      {"", nil, false},
		"wrong":        {"?key=other", nil, false},
		"wrong path":   {"%23other", nil, false},
		"scheme basic": {"", map[string][]string{"Authorization": {secret}}, false},
	} {
		conn, resp, err := websocket.DefaultDialer.Dial(r.URL()+c.url, c.header)
		if conn != nil {
			conn.Close()
		}
		if c.open != (err == nil) || !c.open && resp.StatusCode != 401 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTokenCanBeReplaced(t *testing.T) {
	now := "one"
	r := running(t, Options{Auth: "query", TokenNow: func() (string, error) { return now, nil }})
	dial(t, r.URL()+"?token=one", nil)
	now = "two"
	dial(t, r.URL()+"?token=two", nil)
	if _, _, err := websocket.DefaultDialer.Dial(r.URL()+"?token=one", nil); err == nil {
		t.Fatal("the old token is still good")
	}
	now = ""
	if _, _, err := websocket.DefaultDialer.Dial(r.URL()+"?token=", nil); err == nil {
		t.Fatal("no token at all is good")
	}
}

func TestKindOf(t *testing.T) {
	for message, want := range map[string]string{
		`{"type":"a"}`: "a", ` {"x":1,"type":"b"}`: "b", `{}`: "", `{"type":1}`: "",
		`[]`: "-", `x`: "-", ``: "-", `{`: "-", `{"type":"a"}x`: "-", `"{}"`: "-",
	} {
		kind, ok := kindOf([]byte(message))
		if !ok {
			kind = "-"
		}
		if kind != want {
			t.Errorf("%s: %q", message, kind)
		}
	}
}

func FuzzCommand(f *testing.F) {
	for _, s := range []string{
		`{"type":"subscribe","data":{"channel":"conversation:conv-123"}}`, `{"type":"Ping"}`, `{"type":"ping","data":{}}`,
		`{"type":"Unsubscribe","channel":"gps"}`, `{"type":"Subscribe","channel":"user:1"}`, `[`, `{"type":{}}`, "\xff", `{"type":"é"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		kind, ok := kindOf(message)
		if !ok {
			return
		}
		for _, dialect := range []string{"thingsee", "haltless", "zyeta", "heimdall"} {
			s := newSpeech(dialect, func() time.Time { return time.Unix(0, 0) })
			reply, known := s.command(kind, message)
			if known == (dialect == "thingsee" || dialect == "haltless") {
				t.Fatal(dialect, known)
			}
			if reply != nil && (!json.Valid(reply) || len(reply) > 1000) {
				t.Fatalf("%s answers %s", dialect, reply)
			}
		}
	})
}
