package uplink

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// company is a server of some dialect that takes notes and answers pings. What
// it says of its own accord is in script.
type company struct {
	script func(n int, w *wire)                 // runs concurrently with the pump, once for each connection; may be nil
	answer func(n int, w *wire, control string) // to a message that is no data; may be nil
	lag    time.Duration                        // before a pong

	mu     sync.Mutex
	uris   []string
	auth   []string
	said   [][]string // text messages that are no data, by connection
	got    map[uint64]int
	first  time.Time // when data first came
	closed []int     // codes of the client's close frames
}

func (c *company) serve(n int, w *wire) {
	if w.accept() != nil {
		return
	}
	c.mu.Lock()
	c.uris = append(c.uris, w.req.RequestURI)
	c.auth = append(c.auth, w.req.Header.Get("Authorization"))
	c.said = append(c.said, nil)
	here := len(c.said) - 1
	c.mu.Unlock()
	if c.script != nil {
		var scripts sync.WaitGroup
		defer scripts.Wait()
		scripts.Go(func() { c.script(n, w) })
	}
	for {
		f, err := w.read()
		if err != nil {
			return
		}
		switch f.op {
		case opText:
			if c.note(here, f.data) && c.answer != nil {
				c.answer(n, w, string(f.data))
			}
		case opPing:
			time.Sleep(c.lag)
			_ = w.send(fin|opPong, f.data)
		case opClose:
			c.mu.Lock()
			c.closed = append(c.closed, int(f.data[0])<<8|int(f.data[1]))
			c.mu.Unlock()
			_ = w.send(fin|opClose, f.data)
			return
		}
	}
}

// note keeps a message; it returns true when it is no data.
func (c *company) note(here int, text []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if text[0] != '[' {
		c.said[here] = append(c.said[here], string(text))
		return true
	}
	if c.got == nil {
		c.got, c.first = map[uint64]int{}, time.Now()
	}
	for _, k := range numbers(text) {
		c.got[k]++
	}
	return false
}

// received is what the client sent on connection n, from 1.
func (c *company) received(n int) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n > len(c.said) {
		return nil
	}
	return slices.Clone(c.said[n-1])
}

func (c *company) total() (distinct int, often int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.got {
		often += n
	}
	return len(c.got), often
}

// says sends messages.
func says(w *wire, messages ...string) {
	for _, m := range messages {
		if w.send(fin|opText, []byte(m)) != nil {
			return
		}
	}
}

// wallet is a token source that records what it is asked.
type wallet struct {
	mu      sync.Mutex
	tokens  []string // one after another; the last stays
	at      int
	pending bool // another one since the last Token
	refused []string
	revoked int
}

func (w *wallet) Token(context.Context) (Secret, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = false
	return NewSecret(w.tokens[w.at]), nil
}

func (w *wallet) Changed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pending
}

func (w *wallet) Refused(Secret) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refused = append(w.refused, w.tokens[w.at])
	w.at = min(w.at+1, len(w.tokens)-1)
}

func (w *wallet) Revoke() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.revoked++
}

// renew has the next token ready.
func (w *wallet) renew() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at, w.pending = min(w.at+1, len(w.tokens)-1), true
}

func (w *wallet) reported() (refused []string, revoked int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.refused), w.revoked
}

// serves starts a link of a dialect against c.
func (c *company) start(t *testing.T, o Options) *world {
	t.Helper()
	return start(t, o, c.serve)
}

// kinds holds the counters of messages against want.
func (w *world) kinds(want map[string]uint64, others uint64) {
	w.t.Helper()
	st := w.link.Status()
	total := others
	for _, n := range want {
		total += n
	}
	if !maps.Equal(st.ServerKinds, want) || st.ServerMessages != total {
		w.t.Errorf("messages %d, by kind %v; want %d, %v", st.ServerMessages, st.ServerKinds, total, want)
	}
}

// spoilt are messages that no dialect may stumble over.
func spoilt() []string {
	deep := strings.Repeat(`{"type":`, 9000) + `1` + strings.Repeat(`}`, 9000)
	deeper := strings.Repeat(`[`, 40_000)
	return []string{
		``, ` `, `{`, `}`, `"`, `null`, `true`, `7`, `"heartbeat"`, `[]`, `[{"type":"heartbeat"}]`, `{"type":`, `{"type":null}`, `{"type":5}`,
		`{"type":{"type":"heartbeat"}}`, `{"type":["forceLogout"]}`, `{"tipe":"forceLogout"}`, `{"type":"\u0000"}`, "{\"type\":\"\xff\xfe\"}",
		`{"type":1e999999999}`, `{"a":` + strings.Repeat("9", 60_000) + `}`, `{"type":"nobody knows this"}`,
		`{"type":"` + strings.Repeat("x", 60_000) + `"}`, deep, deeper, `{"type":"forceLogout"`, `{"type":"forceLogout"}x`, "\xef\xbb\xbf{}",
		`{"data":{"code":5},"error":[],"code":{}}`, `{"error":"unauthorized of a sort"}`, `{"data":"{\"type\":"}`,
	}
}

// Whatever a server says that makes no sense is counted, in every dialect, and
// neither ends the link nor keeps data from going on.
func TestNonsenseIsCounted(t *testing.T) {
	for _, dialect := range []string{DialectThingsee, DialectHaltless, DialectZyeta, DialectHeimdall} {
		t.Run(dialect, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &company{script: func(_ int, w *wire) {
					for _, m := range spoilt() {
						says(w, m)
						time.Sleep(50 * time.Millisecond)
					}
				}}
				var downlink, bytes int
				w := c.start(t, Options{
					Dialect: dialect, Auth: AuthNone, MaxMessage: 1 << 20,
					Downlink: func(m []byte) { downlink++; bytes += len(m) },
				})
				w.src.add(10)
				w.run()
				time.Sleep(25 * time.Second)
				w.state(Online)
				st := w.link.Status()
				if n, _ := c.total(); n != 10 || st.Proven != 10 || st.Connects != 1 {
					t.Errorf("%d arrived, %+v", n, st)
				}
				if want := len(spoilt()); st.ServerMessages != uint64(want) || downlink+int(st.ServerKinds[kindMalformed]) != want {
					t.Errorf("%d messages, %d handed on, %v; want %d", st.ServerMessages, downlink, st.ServerKinds, want)
				}
				if dialect == DialectThingsee != (len(st.ServerKinds) == 0) || len(st.ServerKinds) > 1 {
					t.Errorf("kinds %v", st.ServerKinds)
				}
				w.end()
			})
		})
	}
}

// A flood of one kind of message ends the link like any other flood, and what
// it leaves behind does not grow.
func TestAFloodOfControlMessagesEndsTheLink(t *testing.T) {
	for dialect, message := range map[string]string{
		DialectHaltless: `{"type":"heartbeat","server_time":"2026-04-04T10:30:00Z"}`,
		DialectZyeta:    `{"type":"error","data":{"code":"subscription_failed","channel":"a:b"}}`,
		DialectHeimdall: `{"type":"rolesUpdated"}`,
	} {
		t.Run(dialect, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &company{script: func(_ int, w *wire) {
					for range floodMessages + maxMessages {
						says(w, message)
					}
				}}
				o := Options{Dialect: dialect, Auth: AuthNone}
				if dialect != DialectHaltless {
					for i := range 30 {
						o.Channels = append(o.Channels, fmt.Sprint("a:", i))
					}
				}
				w := c.start(t, o)
				w.run()
				time.Sleep(time.Second)
				w.state(Waiting)
				if st := w.link.Status(); st.Problem != ProblemProtocol || len(st.ServerKinds) != 1 || len(c.received(1)) > 31 { // the channels, and a ping
					t.Errorf("%+v, said %d", st, len(c.received(1)))
				}
				w.end()
			})
		})
	}
}

// Below the limit of the flood, a server that never stops complaining gets a
// few answers and the log a few lines.
func TestAServerThatComplainsWithoutEndGetsNoStorm(t *testing.T) {
	rate := 40
	if fewer() {
		rate = 10
	}
	for dialect, message := range map[string]string{
		DialectZyeta:    `{"type":"error","data":{"code":"subscription_failed","message":"no"}}`,
		DialectHeimdall: `{"type":"rolePermissionsChanged","roleId":"r"}`,
	} {
		t.Run(dialect, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &company{script: func(_ int, w *wire) {
					for range rate * 600 {
						says(w, message)
						time.Sleep(time.Second / time.Duration(rate))
					}
				}}
				w := c.start(t, Options{Dialect: dialect, Auth: AuthNone, Channels: []string{"a:1", "a:2"}, PingInterval: time.Hour})
				w.run()
				time.Sleep(601 * time.Second)
				w.state(Online)
				said := 0
				for _, m := range c.received(1) {
					if strings.Contains(strings.ToLower(m), "subscribe") {
						said++
					}
				}
				if limit := 2 + 2*300; said > limit || said < 4 {
					t.Errorf("%d subscriptions in 10 minutes, want at most %d", said, limit)
				}
				if dialect == DialectZyeta && said != 2+2*subscribeTries-2 && said != 2+2*subscribeTries {
					t.Errorf("%d subscriptions after %d tries", said, subscribeTries)
				}
				if n := w.logs.len(); n > 20 {
					t.Errorf("%d lines of log: %v", n, w.logs.events())
				}
				w.end()
			})
		})
	}
}

// Two servers that refuse the token in turn are no reason to hurry, whatever
// tokens there are.
func TestTwoServersThatRefuseAreNotHammered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &company{script: func(_ int, w *wire) { w.close(4001, "") }}
		tokens := &wallet{}
		for i := range 10_000 {
			tokens.tokens = append(tokens.tokens, fmt.Sprint("token-", i))
		}
		w := c.start(t, Options{
			Dialect: DialectHaltless, Token: tokens, URLs: []string{"ws://localhost/a", "ws://localhost/b"}, Rand: func() float64 { return 0.5 },
		})
		w.run()
		time.Sleep(time.Hour)
		w.state(Parked)
		if n := w.net.count(); n > 120 || n < 20 {
			t.Errorf("%d dials in an hour", n)
		}
		w.end()
	})
}

// A server that repeats the token in what it says gets it shown to nobody: in
// its complaints, in its reasons for the end, in its close frame.
func TestNoSecretInWhatAServerSays(t *testing.T) {
	const token = "canary-tok+en/1"
	for dialect, messages := range map[string][]string{
		DialectHaltless: {token, `{"type":"` + token + `"}`},
		DialectZyeta:    {`{"type":"error","data":{"code":"invalid_request","message":"` + token + `"}}`, `{"code":"unauthorized","message":"` + token + `"}`},
		DialectHeimdall: {`{"type":"Error","message":"` + token + `"}`, `{"type":"forceLogout","reason":"` + token + `"}`},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := &company{script: func(_ int, w *wire) {
				time.Sleep(time.Second)
				says(w, messages...)
				time.Sleep(time.Second)
				w.close(4001, token)
			}}
			w := c.start(t, Options{Dialect: dialect, Token: staticToken(NewSecret(token))})
			w.run()
			for range 60 {
				time.Sleep(time.Second)
				synctest.Wait()
				if st := fmt.Sprintf("%+v", w.link.Status()); strings.Contains(st, "canary") {
					t.Fatalf("%s: %s", dialect, st)
				}
			}
			if lines := strings.Join(w.logs.lines(), "\n"); strings.Contains(lines, "canary") || !strings.Contains(lines, "UP-") {
				t.Errorf("%s: %s", dialect, lines)
			}
			w.end()
		})
	}
}
