package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
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
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, b, err := conn.ReadMessage(); err != nil || string(b) != `{"ack":1}` {
		t.Fatal(string(b), err)
	}
	s.cancel()
	s.ends(t, exitOK)
	if s.out.String() != msg+"\n" {
		t.Fatalf("printed %q", s.out.String())
	}
	if b, _ := os.ReadFile(file); string(b) != msg+"\n" {
		t.Fatalf("wrote %q", b)
	}
	s.says(t, "1 messages in 1 frames over 1 connections; 1 distinct, 0 came again; 1 handshakes refused")
	if strings.Contains(s.err.String(), "s3cret") {
		t.Fatal("the token was printed")
	}
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

func TestReceiveRefuses(t *testing.T) {
	for says, args := range map[string][]string{
		"choose thingsee":  {"--dialect", "mqtt"},
		"without a token":  {"--auth", "query"},
		"choose none":      {"--ack", "never"},
		"token token-file": {"--token", "a", "--token-file", "b"},
	} {
		s := startVerb(t, "", append([]string{"receive"}, args...)...)
		s.ends(t, exitUsage)
		if !strings.Contains(s.err.String(), says) {
			t.Errorf("%v: %s", args, s.err.String())
		}
	}
}
