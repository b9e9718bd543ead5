package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"portti/cross/testkit"
)

// receiverURL is what the verb tells the gateway to dial.
func receiverURL(t *testing.T, s *runningVerb) string {
	t.Helper()
	s.says(t, "Ctrl-C ends it")
	m := regexp.MustCompile(`url = "(.*)"`).FindStringSubmatch(s.err.String())
	if m == nil {
		t.Fatal(s.err.String())
	}
	return m[1]
}

func TestReceivePrintsMessagesAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	token, file := filepath.Join(dir, "token"), filepath.Join(dir, "out")
	os.WriteFile(token, []byte("s3cret\n"), 0o600)
	s := startVerb(t, "", "receive", "--listen", "127.0.0.1:0", "--token-file", token, "--ack", "count", "--out", file)
	if _, _, err := websocket.DefaultDialer.Dial(receiverURL(t, s), nil); err == nil {
		t.Fatal("no token was needed")
	}
	conn, _, err := websocket.DefaultDialer.Dial(receiverURL(t, s), http.Header{"Authorization": {"Bearer s3cret"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const msg = `{"tsmId":1110,"tsmEv":10,"tsmTs":1520416221,"tsmTuid":"X","batl":97}`
	conn.WriteMessage(websocket.TextMessage, []byte("["+msg+"]"))
	conn.SetReadDeadline(time.Now().Add(testkit.Patience))
	if _, b, err := conn.ReadMessage(); err != nil || string(b) != `{"ack":1}` {
		t.Fatal(string(b), err)
	}
	conn.Close() // a client that stays is waited for
	s.cancel()
	s.ends(t, exitOK)
	if s.out.String() != msg+"\n" {
		t.Fatalf("printed %q", s.out.String())
	}
	if b, _ := os.ReadFile(file); string(b) != msg+"\n" {
		t.Fatalf("wrote %q", b)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("readings that others can read: %v %v", info.Mode(), err)
	}
	s.says(t, "1 message in 1 frame over 1 connection; 1 distinct, 0 came again; 1 handshake refused")
	if strings.Contains(s.err.String(), "s3cret") {
		t.Fatal("the token was printed")
	}
}

func TestReceiveForwardsAndServesSubscribers(t *testing.T) {
	dir := t.TempDir()
	header, token := filepath.Join(dir, "header"), filepath.Join(dir, "readers")
	os.WriteFile(header, []byte("Bearer f0rward\n"), 0o600)
	os.WriteFile(token, []byte("re4ders\n"), 0o600)
	bodies := make(chan string, 10)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if r.Header.Get("Authorization") != "Bearer f0rward" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		bodies <- string(b)
	}))
	defer api.Close()
	s := startVerb(t, "", "receive", "--listen", "127.0.0.1:0", "--ack", "count", "--out", filepath.Join(dir, "out"),
		"--forward", api.URL+"/data?key=k3y", "--forward-header", "Authorization="+header,
		"--fanout", "127.0.0.1:0", "--fanout-token-file", token)
	url := receiverURL(t, s)
	m := regexp.MustCompile(`subscribers  (\S+)`).FindStringSubmatch(s.err.String())
	if m == nil {
		t.Fatal(s.err.String())
	}
	reader, _, err := websocket.DefaultDialer.Dial(m[1]+"?token=re4ders", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	conn, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const frame = `[{"tsmId":1110,"tsmEv":10,"tsmTs":1520416221,"tsmTuid":"X","batl":97}]`
	conn.WriteMessage(websocket.TextMessage, []byte(frame))
	for _, c := range []struct {
		conn *websocket.Conn
		want string
	}{{conn, `{"ack":1}`}, {reader, frame}} {
		c.conn.SetReadDeadline(time.Now().Add(testkit.Patience))
		if _, b, err := c.conn.ReadMessage(); err != nil || string(b) != c.want {
			t.Fatal(string(b), err)
		}
	}
	if got := <-bodies; got != frame {
		t.Fatal(got)
	}
	conn.Close()
	reader.Close()
	s.cancel()
	s.ends(t, exitOK)
	s.says(t, "1 taken by the API")
	for _, secret := range []string{"f0rward", "re4ders", "k3y"} {
		if strings.Contains(s.err.String(), secret) {
			t.Error("a secret was printed: ", secret)
		}
	}
}

// Another token in the file is the good one from the next connection on.
func TestReceiveReadsItsTokenAnew(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	os.WriteFile(token, []byte("one"), 0o600)
	s := startVerb(t, "", "receive", "--listen", "127.0.0.1:0", "--dialect", "zyeta", "--token-file", token)
	url := receiverURL(t, s)
	for _, now := range []string{"one", "two"} {
		os.WriteFile(token, []byte(now), 0o600)
		for _, try := range []string{"one", "two"} {
			conn, _, err := websocket.DefaultDialer.Dial(url+"?token="+try, nil)
			if (err == nil) != (try == now) {
				t.Errorf("with %s in the file %s gives %v", now, try, err)
			}
			if conn != nil {
				conn.Close()
			}
		}
	}
	s.cancel()
	s.ends(t, exitOK)
}

func TestReceiveWithTLSSaysWhatToTrust(t *testing.T) {
	dir := t.TempDir()
	s := startVerb(t, "", "receive", "--listen", "127.0.0.1:0", "--tls", "--tls-dir", dir)
	if u := receiverURL(t, s); !strings.HasPrefix(u, "wss://127.0.0.1:") {
		t.Fatal(u)
	}
	m := regexp.MustCompile(`ca_file = "(.*)"`).FindStringSubmatch(s.err.String())
	if m == nil || !regexp.MustCompile(`SHA-256 +[0-9a-f]{64}\n`).MatchString(s.err.String()) {
		t.Fatal(s.err.String())
	}
	if b, err := os.ReadFile(m[1]); err != nil || !strings.Contains(string(b), "BEGIN CERTIFICATE") {
		t.Fatal(err)
	}
	s.cancel()
	s.ends(t, exitOK)
}

// TestReceiveWarnsWhereEverybodyCanSend: beyond loopback without a token.
func TestReceiveWarnsWhereEverybodyCanSend(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, warns := range map[string]bool{
		"--listen 127.0.0.1:0":                     false,
		"--listen 0.0.0.0:0":                       true,
		"--listen :0 --quiet":                      true,
		"--listen :0 --auth none":                  true,
		"--listen 0.0.0.0:0 --token-file " + token: false,
	} {
		s := startVerb(t, "", append([]string{"receive"}, strings.Fields(args)...)...)
		if warns {
			s.says(t, "warning: every machine that reaches")
		} else {
			s.says(t, "Ctrl-C ends it")
		}
		s.cancel()
		s.ends(t, exitOK)
		if strings.Contains(s.err.String(), "every machine") != warns {
			t.Errorf("%s: %s", args, s.err.String())
		}
	}
}

func TestReceiveRefuses(t *testing.T) {
	for says, args := range map[string][]string{
		"choose thingsee":  {"--dialect", "mqtt"},
		"without a token":  {"--auth", "query"},
		"choose none":      {"--ack", "never"},
		"NAME=FILE":        {"--out", "x", "--forward", "https://a.example", "--forward-header", "Authorization"},
		"token of their":   {"--fanout", ":0"},
		"token token-file": {"--token", "a", "--token-file", "b"},
	} {
		s := startVerb(t, "", append([]string{"receive"}, args...)...)
		s.ends(t, exitUsage)
		if !strings.Contains(s.err.String(), says) {
			t.Errorf("%v: %s", args, s.err.String())
		}
	}
}
