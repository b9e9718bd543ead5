package uplink

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// posts serves HTTP: answer gives what to say to each request, "" to end the connection.
func posts(answer func(n int, req *http.Request, body []byte) string) func(int, *wire) {
	return func(n int, w *wire) {
		for {
			req, err := w.request()
			if err != nil {
				return
			}
			body, err := io.ReadAll(req.Body)
			if err != nil {
				return
			}
			text := answer(n, req, body)
			if text == "" || w.say(text) != nil {
				return
			}
		}
	}
}

func answer(status int, header, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d %s\r\n%sContent-Length: %d\r\n\r\n%s", status, http.StatusText(status), header, len(body), body)
}

func poststart(t *testing.T, o Options, f func(n int, req *http.Request, body []byte) string) *world {
	t.Helper()
	o.Engine = EngineHTTP
	if o.URL == "" {
		o.URL = "http://localhost/ingest"
	}
	return start(t, o, posts(f))
}

func TestPostCarriesTokenAndName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heads []http.Header
		w := poststart(t, Options{Auth: AuthHeader, Token: staticToken(NewSecret("s3cret")), UserAgent: "portti/1", Gateway: "XXXX00TEST0000001"}, func(_ int, req *http.Request, _ []byte) string {
			heads = append(heads, req.Header)
			return answer(200, "", "")
		})
		w.src.add(10)
		w.src.seal()
		w.run()
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
		w.stop()
		w.net.wg.Wait()
		if len(heads) == 0 || heads[0].Get("Authorization") != "Bearer s3cret" || heads[0].Get("Content-Type") != "application/json" || heads[0].Get("User-Agent") != "portti/1" {
			t.Errorf("%v", heads)
		}
	})
}

// A server that closes idle connections costs nothing: no end, no resend, no wait.
func TestPostOutlivesTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		led := newLedger()
		w := start(t, Options{Engine: EngineHTTP, URL: "http://localhost/ingest"}, func(_ int, peer *wire) {
			req, err := peer.request()
			if err != nil {
				return
			}
			body, _ := io.ReadAll(req.Body)
			led.process(body)
			_ = peer.say(answer(200, "", ""))
			time.Sleep(5 * time.Second) // and the connection ends
		})
		w.run()
		for range 20 {
			w.src.add(1)
			time.Sleep(20 * time.Second)
		}
		w.state(Online)
		if st := w.link.Status(); st.Connects != 1 || st.Failures != 0 || st.Resent != 0 || w.net.count() < 20 {
			t.Errorf("%d dials, %+v", w.net.count(), st)
		}
		w.end()
		led.check(t, 20)
	})
}

// 207: what is refused by its place in the body is set aside alone, the rest is delivered.
func TestPostPartlyRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		led := newLedger()
		w := poststart(t, Options{}, func(_ int, _ *http.Request, body []byte) string {
			led.process(body)
			for i, n := range numbers(body) {
				if n == 150 {
					return answer(207, "", fmt.Sprintf(`{"accepted_count":%d,"rejected_count":1,"errors":[{"index":%d,"error":"no such machine"}]}`, len(numbers(body))-1, i))
				}
			}
			return answer(200, "", "")
		})
		w.src.add(1000)
		w.src.seal()
		w.run()
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
		w.stop()
		w.net.wg.Wait()
		led.check(t, 1000)
		if q := w.src.quarantined; len(q) != 1 || q[150] != QuarantineRejected || w.link.Status().Refusal != "no such machine" {
			t.Errorf("set aside %v, %q", q, w.link.Status().Refusal)
		}
	})
}

// A 207 that refuses everything, or does not say what, must not empty the queue.
func TestPostRefusedWhole(t *testing.T) {
	for name, say := range map[string]func(n int) string{
		"all": func(n int) string {
			var list []string
			for i := range n {
				list = append(list, fmt.Sprintf(`{"index":%d,"error":"no"}`, i))
			}
			return `{"errors":[` + strings.Join(list, ",") + `]}`
		},
		"some":    func(int) string { return `{"accepted_count":1,"rejected_count":2,"errors":[{"index":0,"error":"no"}]}` },
		"no list": func(int) string { return "partly" },
		"beyond":  func(n int) string { return fmt.Sprintf(`{"errors":[{"index":%d,"error":"no"}]}`, n) },
		"nowhere": func(int) string { return `{"errors":[{"error":"no"}]}` },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := poststart(t, Options{}, func(_ int, _ *http.Request, body []byte) string { return answer(207, "", say(len(numbers(body)))) })
				w.src.add(20_000)
				w.run()
				time.Sleep(time.Hour)
				synctest.Wait()
				st, most := w.link.Status(), 0
				if name == "all" {
					most = 30 * maxRefused
				}
				if n := len(w.src.quarantined); n > most || st.Problem != ProblemProtocol || st.Proven > 0 {
					t.Errorf("%d set aside, %d proven, problem %s: %s", n, st.Proven, st.Problem, st.LastError)
				}
				w.end()
			})
		})
	}
}

func TestPostAnswers(t *testing.T) {
	for _, c := range []struct {
		say, problem, words string
	}{
		{answer(200, "Content-Type: text/html; charset=utf-8\r\n", "<html>log in</html>"), ProblemPortal, "a web page answers"},
		{answer(302, "Location: https://elsewhere.example/x?token=1\r\n", ""), ProblemRedirect, "elsewhere.example"},
		{answer(405, "", ""), ProblemNotFound, "takes no POST"},
		{answer(415, "", ""), ProblemClosed, "this kind of data"},
		{answer(403, "", `{"message":"this gateway is blocked"}`), ProblemForbidden, "this gateway is blocked"},
		{answer(426, "Upgrade: websocket\r\n", ""), ProblemProtocol, `engine = "websocket"`},
		{"SSH-2.0-OpenSSH_9.2\r\n", ProblemProtocol, "does not speak HTTP"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := poststart(t, Options{}, func(int, *http.Request, []byte) string { return c.say })
			w.src.add(10)
			w.run()
			time.Sleep(5 * time.Minute)
			synctest.Wait()
			if st := w.link.Status(); st.Reached || st.Problem != c.problem || !strings.Contains(st.LastError, c.words) || strings.Contains(st.LastError, "token") || st.Proven != 0 {
				t.Errorf("%.40q: %s, %s", c.say, st.Problem, st.LastError)
			}
			w.end()
		})
	}
}

// Retry-After holds, and a later answer is taken.
func TestPostRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		led, first := newLedger(), true
		w := poststart(t, Options{}, func(_ int, _ *http.Request, body []byte) string {
			if first {
				first = false
				return answer(503, "Retry-After: 120\r\n", "")
			}
			led.process(body)
			return answer(200, "", "")
		})
		w.src.add(10)
		w.run()
		time.Sleep(119 * time.Second)
		synctest.Wait()
		if w.net.count() != 1 {
			t.Errorf("it came back before its time")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		led.check(t, 10)
		w.end()
	})
}

// What comes with an answer may be a command; the first array is handed on.
func TestPostDownlinkAndPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got [][]byte
		methods := ""
		w := poststart(t, Options{Downlink: func(m []byte) { got = append(got, bytes.Clone(m)) }}, func(_ int, req *http.Request, _ []byte) string {
			methods += req.Method + " "
			return answer(200, "", ` [{"tsmId":1500}]`)
		})
		w.run()
		w.src.add(1)
		time.Sleep(time.Second)
		took, err := w.link.Ping(t.Context())
		if err != nil || took <= 0 || methods != "POST OPTIONS " {
			t.Errorf("%v, %v, %s", took, err, methods)
		}
		if len(got) != 1 || string(got[0]) != `[{"tsmId":1500}]` {
			t.Errorf("%q", got)
		}
		w.end()
	})
}

func TestPostRefusesWhatItHasNot(t *testing.T) {
	for _, o := range []Options{
		{Engine: EngineHTTP, URL: "wss://localhost/"}, {Engine: EngineHTTP, URL: "http://example.net/"}, {Engine: "mqtt", URL: "wss://localhost/"},
		{Engine: EngineHTTP, URL: "http://localhost/", Ack: AckFence}, {Ack: AckAnswer, URL: "ws://localhost/"},
		{Engine: EngineHTTP, URL: "http://localhost/", Compression: true}, {Engine: EngineHTTP, URL: "http://localhost/", Dialect: DialectZyeta, Auth: AuthNone},
	} {
		o.Auth = AuthNone
		if _, err := New(o); err == nil {
			t.Errorf("taken: %+v", o)
		}
	}
}
