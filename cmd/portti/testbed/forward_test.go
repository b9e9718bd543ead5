package testbed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"portti/cross/testkit"
	"portti/uplink/uplinktest"
)

// api is a REST API that answers as told.
type api struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	seen   http.Header
	answer func(body string) (status int, header map[string]string)
}

func newAPI(t *testing.T, answer func(body string) (int, map[string]string)) *api {
	t.Helper()
	a := &api{answer: answer}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.bodies, a.seen = append(a.bodies, string(body)), r.Header.Clone()
		status, header := a.answer(string(body))
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *api) got() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.bodies...)
}

func forwarding(t *testing.T, a *api, o Options) (r *Receiver, aside string) {
	t.Helper()
	o.Forward.URL = a.URL + "/data?key=s3cret-in-the-url"
	o.Aside = filepath.Join(t.TempDir(), "aside")
	return running(t, o), o.Aside
}

func TestForwardBeforeTheAcknowledgement(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "token")
	os.WriteFile(secret, []byte("Bearer s3cret\n"), 0o600)
	a := newAPI(t, func(string) (int, map[string]string) { return 201, nil })
	var out bytes.Buffer
	r, _ := forwarding(t, a, Options{Ack: "count", Out: &out, Forward: Forward{Headers: []string{"Authorization=" + secret}}})
	conn := dial(t, r.URL(), nil)
	frame := "[" + msg(1) + "," + msg(2) + "]"
	send(t, conn, frame)
	hears(t, conn, `{"ack":1}`)
	if got := a.got(); len(got) != 1 || got[0] != frame || out.String() != printed(1, 2) {
		t.Fatal(got, out.String())
	}
	a.mu.Lock()
	if a.seen.Get("Authorization") != "Bearer s3cret" || a.seen.Get("Content-Type") != "application/json" {
		t.Error(a.seen)
	}
	a.mu.Unlock()
	os.WriteFile(secret, []byte("Bearer other"), 0o600)
	send(t, conn, frame)
	hears(t, conn, `{"ack":2}`)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seen.Get("Authorization") != "Bearer other" {
		t.Error("the file was not read again: ", a.seen)
	}
}

// forwardingInBubble is forwarding in fake time, to an API that answers with these
// codes in turn and then with the last.
func forwardingInBubble(t *testing.T, o Options, codes []int, story func(t *testing.T, dial func(string) *websocket.Conn, asked *int)) {
	asked := 0
	net, served := uplinktest.Listen(), make(chan struct{})
	api := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(codes[min(asked, len(codes)-1)])
		asked++
	})}
	go func() { defer close(served); _ = api.Serve(net) }()
	defer func() { api.Close(); <-served }()
	o.Forward.URL, o.Aside = "http://api.example/data?key=s3cret-in-the-url", filepath.Join(t.TempDir(), "aside")
	inBubble(t, o, func(t *testing.T, dial func(string) *websocket.Conn, r *Receiver) {
		r.forward.client.Transport = &http.Transport{DialContext: net.Dial}
		story(t, dial, &asked)
	})
}

func TestForwardTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		forwardingInBubble(t, Options{Ack: "count"}, []int{503, 500, 408, 200}, func(t *testing.T, dial func(string) *websocket.Conn, asked *int) {
			conn := dial("")
			send(t, conn, "["+msg(1)+"]")
			hears(t, conn, `{"ack":1}`)
			if *asked != 4 {
				t.Fatal(*asked)
			}
		})
	})
}

func TestForwardGivesUpWithItsPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out, log bytes.Buffer
		began, patience := time.Now(), 20*time.Second
		forwardingInBubble(t, Options{
			Ack: "count", Out: &out, Forward: Forward{Patience: patience},
			Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})),
		}, []int{503}, func(t *testing.T, dial func(string) *websocket.Conn, asked *int) {
			conn := dial("")
			send(t, conn, "["+msg(1)+"]")
			code, said := closing(t, conn)
			if took := time.Since(began); code != websocket.CloseTryAgainLater || len(said) > 0 || took > patience || *asked < 5 {
				t.Errorf("closed with %d after %v, %d tries and %v", code, took, *asked, said)
			}
			dial("") // the API has not asked for a pause
		})
		if out.Len() > 0 || !strings.Contains(log.String(), "503") || strings.Contains(log.String(), "s3cret") {
			t.Errorf("printed %s, logged %s", out.String(), log.String())
		}
	})
}

// One bad message does not keep back the others, and is not lost.
func TestForwardRefusedForEver(t *testing.T) {
	refuses := func(body string) (int, map[string]string) {
		if strings.Contains(body, msg(3)) {
			return 422, nil
		}
		return 200, nil
	}
	frame := []string{msg(1), msg(2), msg(3), msg(4), msg(5)}
	t.Run("set aside", func(t *testing.T) {
		a := newAPI(t, refuses)
		var out bytes.Buffer
		r, aside := forwarding(t, a, Options{Ack: "count", Out: &out})
		conn := dial(t, r.URL(), nil)
		send(t, conn, "["+strings.Join(frame, ",")+"]")
		hears(t, conn, `{"ack":1}`)
		if out.String() != printed(1, 2, 4, 5) {
			t.Errorf("printed %s", out.String())
		}
		var kept struct {
			Reason  string
			Message json.RawMessage
		}
		if err := json.Unmarshal([]byte(content(t, aside)), &kept); err != nil || kept.Reason != "HTTP 422" || string(kept.Message) != msg(3) {
			t.Errorf("kept %s %v", content(t, aside), err)
		}
		if s := r.Stats(); s.SetAside != 1 || s.Forwarded != 4 || s.Messages != 4 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("nack", func(t *testing.T) {
		a := newAPI(t, refuses)
		r, aside := forwarding(t, a, Options{Ack: "envelope"})
		conn := dial(t, r.URL(), nil, envelopeProtocol)
		send(t, conn, packet(1, append(frame, "7")...))
		for _, want := range []string{
			ack(2), `{"type":"nack","epoch":"` + epoch + `","seq":3,"code":"refused","retry":false,"reason":"HTTP 422"}`,
			ack(5), nack(6, "it is no object"), ack(6),
		} {
			hears(t, conn, want)
		}
		before := len(a.got())
		send(t, conn, packet(1, frame...))
		for _, want := range []string{ack(2), `{"type":"nack","epoch":"` + epoch + `","seq":3,"code":"refused","retry":false,"reason":"HTTP 422"}`, ack(5)} {
			hears(t, conn, want)
		}
		if len(a.got()) != before {
			t.Error("what was stored or refused went to the API again")
		}
		if _, err := os.Stat(aside); err == nil {
			t.Error("set aside what the gateway keeps")
		}
	})
}

func TestBadFramesAreSetAside(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out")
	r := running(t, Options{Ack: "count", OutFile: file})
	conn := dial(t, r.URL(), nil)
	for i, frame := range []string{`["x"]`, "\xff", "[" + msg(1) + "]"} {
		send(t, conn, frame)
		hears(t, conn, fmt.Sprintf(`{"ack":%d}`, i+1))
	}
	kept := content(t, file+".aside")
	if !strings.Contains(kept, `"message":"[\"x\"]"`) || strings.Count(kept, "no array of messages") != 2 {
		t.Errorf("kept %s", kept)
	}
	if s := r.Stats(); s.SetAside != 2 || s.Bad != 2 || s.Messages != 1 {
		t.Errorf("%+v", s)
	}
}

func TestForwardThatIsNotToBeHadProvesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		after  string
		wait   int // at most so many seconds in the Retry-After of handshakes then
	}{
		"wants a pause":   {429, "120", 121},
		"wrong token":     {401, "", 31},
		"wrong path":      {404, "", 31},
		"redirects":       {302, "", 31},
		"a pause by date": {503, time.Now().Add(4 * time.Minute).UTC().Format(http.TimeFormat), 241},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t, func(string) (int, map[string]string) {
				return c.status, map[string]string{"Retry-After": c.after, "Location": "http://127.0.0.1:1/"}
			})
			var out, log bytes.Buffer
			r, aside := forwarding(t, a, Options{
				Ack: "count", Out: &out, Forward: Forward{Patience: testkit.Patience},
				Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})),
			})
			conn := dial(t, r.URL(), nil)
			send(t, conn, "["+msg(1)+"]")
			if code, said := closing(t, conn); code != websocket.CloseTryAgainLater || len(said) > 0 {
				t.Errorf("closed with %d after %v", code, said)
			}
			conn, resp, err := websocket.DefaultDialer.Dial(r.URL(), nil)
			if conn != nil {
				conn.Close()
			}
			if err == nil || resp == nil || resp.StatusCode != 503 {
				t.Fatalf("then: %v %v", resp, err)
			}
			if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err != nil || n < 1 || n > c.wait {
				t.Errorf("Retry-After %d %v", n, err)
			}
			if _, err := os.Stat(aside); err == nil || out.Len() > 0 {
				t.Error("something was taken")
			}
			if !strings.Contains(log.String(), fmt.Sprint(c.status)) || strings.Contains(log.String(), "s3cret") {
				t.Errorf("logged %s", log.String())
			}
		})
	}
}

func TestForwardToNobodyLogsNoSecret(t *testing.T) {
	a := newAPI(t, func(string) (int, map[string]string) { return 200, nil })
	a.Server.Close()
	var log bytes.Buffer
	r, _ := forwarding(t, a, Options{Forward: Forward{Patience: time.Millisecond}, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	conn := dial(t, r.URL(), nil)
	send(t, conn, "["+msg(1)+"]")
	if code, _ := closing(t, conn); code != websocket.CloseTryAgainLater {
		t.Error(code)
	}
	if !strings.Contains(log.String(), "forward.failed") || strings.Contains(log.String(), "s3cret") {
		t.Errorf("logged %s", log.String())
	}
}

func TestForwardVerdicts(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		status            int
		after             string
		taken, forEver, r bool
		wait              time.Duration
	}{
		{status: 200, taken: true}, {status: 202, taken: true}, {status: 207, taken: true}, {status: 204, taken: true},
		{status: 400, forEver: true}, {status: 409, forEver: true}, {status: 413, forEver: true}, {status: 422, forEver: true},
		{status: 408}, {status: 425}, {status: 429, after: "7", wait: 7 * time.Second}, {status: 500},
		{status: 503, after: "Fri, 02 Jan 2026 03:05:05 GMT", wait: time.Minute},
		{status: 503, after: "Fri, 02 Jan 2026 03:03:05 GMT"}, {status: 503, after: "soon"}, {status: 503, after: "-1"},
		{status: 503, after: "99999999999999999999"}, {status: 503, after: "2000000000", wait: time.Hour},
		{status: 301, wait: 30 * time.Second}, {status: 401, wait: 30 * time.Second}, {status: 403, wait: 30 * time.Second},
		{status: 404, wait: 30 * time.Second}, {status: 405, wait: 30 * time.Second}, {status: 415, wait: 30 * time.Second}, {status: 101, wait: 30 * time.Second},
	} {
		v, err := judge(c.status, http.Header{"Retry-After": {c.after}}, now)
		if taken := err == nil && v.reason == ""; taken != c.taken || (v.reason != "") != c.forEver || v.after != c.wait {
			t.Errorf("%d %q: %+v %v", c.status, c.after, v, err)
		}
	}
}
