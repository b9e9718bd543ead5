package conform_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"portti/cmd/portti/conform"
	"portti/cmd/portti/testbed"
)

// try gives the rules that were not kept and those that were not tried.
func try(t *testing.T, o conform.Options) (failed, skipped []string) {
	t.Helper()
	n, err := conform.Run(t.Context(), o, func(r conform.Result) {
		switch r.Verdict {
		case conform.Fail:
			failed = append(failed, r.Rule+": "+r.Says)
		case conform.Skipped:
			skipped = append(skipped, r.Rule)
		}
	})
	if err != nil || n != len(failed) {
		t.Fatalf("%d of %q: %v", n, failed, err)
	}
	return failed, skipped
}

// Our own receiver keeps every rule in every mode, and crashes meanwhile.
func TestOwnReceiver(t *testing.T) {
	for _, ack := range []string{conform.Fence, conform.Count, conform.Envelope} {
		t.Run(ack, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			address := "127.0.0.1:0"
			var stop func()
			start := func() {
				r, err := testbed.NewReceiver(testbed.Options{Listen: address, Ack: ack, OutFile: out})
				if err != nil {
					t.Fatal(err)
				}
				address = r.Addr()
				ctx, cancel := context.WithCancel(context.Background())
				done := make(chan error, 1)
				go func() { done <- r.Run(ctx) }()
				stop = func() {
					cancel()
					if err := <-done; err != nil {
						t.Error(err)
					}
				}
			}
			start()
			defer func() { stop() }()
			failed, skipped := try(t, conform.Options{URL: "ws://" + address + "/socket", Ack: ack,
				Kill:   func(context.Context) error { stop(); start(); return nil },
				Stored: func() ([]byte, error) { return os.ReadFile(out) }})
			if len(failed)+len(skipped) > 0 {
				t.Errorf("failed %q, skipped %q", failed, skipped)
			}
		})
	}
}

// server is one that keeps every rule of mode envelope, but for its fault.
type server struct {
	fault string

	mu     sync.Mutex
	marks  map[string]uint64
	stored []json.RawMessage
	seen   int
}

type batch struct {
	GW    string            `json:"gw"`
	Epoch string            `json:"epoch"`
	First uint64            `json:"first"`
	Msgs  []json.RawMessage `json:"msgs"`
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.fault == "401" {
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	up := websocket.Upgrader{Subprotocols: []string{"thingsee-batch.v1"}}
	if s.fault == "no subprotocol" {
		up.Subprotocols = nil
	}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	if s.fault == "no pong" {
		conn.SetPingHandler(func(string) error { return nil })
	}
	for {
		var b batch
		if conn.ReadJSON(&b) != nil {
			return
		}
		if reply := s.take(b); reply == nil || conn.WriteJSON(reply) != nil {
			return
		}
	}
}

// take stores what is new. nil ends the connection.
func (s *server) take(b batch) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	through := b.First + uint64(len(b.Msgs)) - 1
	key := b.GW + b.Epoch
	if s.fault == "one numbering for all" {
		key = b.GW
	}
	repeat := through <= s.marks[key]
	fresh := b.Msgs[min(uint64(len(b.Msgs)), max(0, s.marks[key]+1-min(b.First, s.marks[key]+1))):]
	s.marks[key] = max(s.marks[key], through)
	reply := map[string]any{"type": "ack", "epoch": b.Epoch, "through": through}
	switch s.seen++; {
	case s.fault == "closes on a repeat" && repeat:
		return nil
	case s.fault == "acks too much":
		reply["through"] = through + 1
	case s.fault == "acks another epoch":
		reply["epoch"] = "0000000000000000"
	case s.fault == "stores repeats":
		fresh = b.Msgs
	case s.fault == "forgets" && s.seen == 5:
		fresh = nil
	case s.fault == "asks for it again" && strings.Contains(string(b.Msgs[min(1, len(b.Msgs)-1)]), `tsmTs`) == false:
		return map[string]any{"type": "nack", "epoch": b.Epoch, "seq": b.First + 1, "retry": true, "reason": "later"}
	case s.fault == "says nothing":
		reply = map[string]any{"type": "hello"}
	case s.fault == "small messages" && len(b.Msgs) > 100:
		return nil
	case s.fault == "answers repeats with the first number" && repeat:
		reply["through"] = b.First
	}
	s.stored = append(s.stored, fresh...)
	return reply
}

// Each fault is found, and by the rule that it breaks.
func TestFaultyServers(t *testing.T) {
	for fault, want := range map[string]string{
		"":                                      "",
		"401":                                   `subprotocol and ack: the server answered the upgrade with 401 Unauthorized: "who are you?\n"`,
		"no subprotocol":                        "subprotocol and ack: the server did not choose the subprotocol thingsee-batch.v1, and a gateway would go away",
		"no pong":                               "ping: no pong came",
		"closes on a repeat":                    "repeat: the server ended the connection",
		"acks too much":                         "subprotocol and ack: ack through 4, and 3 is the last record that was sent",
		"acks another epoch":                    "subprotocol and ack: an ack names the epoch",
		"stores repeats":                        "stored once: ",
		"forgets":                               "stored once: ",
		"one numbering for all":                 "stored once: ",
		"asks for it again":                     "nack: a message without tsmTs and tsmTuid between two good ones: record 2 is to be sent again later",
		"says nothing":                          "subprotocol and ack: no answer came",
		"small messages":                        "large: the server ended the connection",
		"answers repeats with the first number": "repeat: no answer came",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			s := &server{fault: fault, marks: map[string]uint64{}}
			h := httptest.NewServer(s)
			defer h.Close()
			failed, skipped := try(t, conform.Options{URL: "ws" + strings.TrimPrefix(h.URL, "http"), Ack: conform.Envelope, Patience: 300 * time.Millisecond,
				Stored: func() ([]byte, error) {
					s.mu.Lock()
					defer s.mu.Unlock()
					return json.Marshal(s.stored)
				}})
			if want == "" {
				if len(failed) > 0 || !slices.Equal(skipped, []string{"kill"}) {
					t.Errorf("failed %q, skipped %q", failed, skipped)
				}
				return
			}
			if !slices.ContainsFunc(failed, func(f string) bool { return strings.HasPrefix(f, want) }) {
				t.Errorf("failed %q, want %q", failed, want)
			}
		})
	}
}

func TestModeNobodyKnows(t *testing.T) {
	if _, err := conform.Run(t.Context(), conform.Options{Ack: "none"}, nil); err == nil {
		t.Error("tried")
	}
}

// A server that cannot say what it stored is not passed.
func TestStoredCannotBeRead(t *testing.T) {
	h := httptest.NewServer(&server{marks: map[string]uint64{}})
	defer h.Close()
	failed, _ := try(t, conform.Options{URL: "ws" + strings.TrimPrefix(h.URL, "http"), Ack: conform.Envelope, Stored: func() ([]byte, error) { return nil, errors.New("no database") }})
	if want := []string{"stored once: what the server stored cannot be read: no database"}; !slices.Equal(failed, want) {
		t.Errorf("%q", failed)
	}
}
