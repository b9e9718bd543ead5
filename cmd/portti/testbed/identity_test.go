package testbed

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"portti/cross/testkit"
)

func startNo(n int) string { return fmt.Sprintf("%016x", n) }

func comes(gateway string, start int) http.Header {
	return http.Header{"Portti-Gateway": {gateway}, "Portti-Start": {startNo(start)}}
}

// Which connections of a gateway tell of two, by the starts they name. Upper
// case is a connection at which two are seen.
func TestStartsTellTwoGatewaysFromARestart(t *testing.T) {
	for _, story := range []string{"", "a", "aaa", "ab", "abb", "abbc", "abbcccd", "abA", "abAa", "abAB", "abABc", "abcB", "abcBC", "abca"} {
		s := starts{rows: map[string]*lastStarts{}}
		for i, c := range strings.ToLower(story) {
			if _, twice, _ := s.met(caller{gateway: "G", start: string(c), peer: "p"}); twice != (story[i] != byte(c)) {
				t.Errorf("%s: at %d twice %v", story, i, twice)
			}
			if _, twice, _ := s.met(caller{}); twice {
				t.Error("nobody is two")
			}
		}
	}
}

func TestAThousandRestartsAreOneGateway(t *testing.T) {
	s := starts{rows: map[string]*lastStarts{}}
	for n := range 1000 {
		for range 1 + n%3 { // connections of each
			for _, gateway := range []string{"G", "H"} {
				if _, twice, _ := s.met(caller{gateway: gateway, start: startNo(n)}); twice {
					t.Fatalf("start %d of %s is taken for a second gateway", n, gateway)
				}
			}
		}
	}
}

func TestStartsAreBounded(t *testing.T) {
	s := starts{rows: map[string]*lastStarts{}}
	for n := range maxStarts + 10 {
		s.met(caller{gateway: "G", start: "a"}) // the one that is always there stays
		s.met(caller{gateway: fmt.Sprint(n), start: "a"})
	}
	if len(s.rows) != maxStarts || s.rows["G"] == nil || s.rows["0"] != nil {
		t.Errorf("%d gateways, G %v", len(s.rows), s.rows["G"])
	}
}

// It is said once of each pair, with both addresses, and told to every
// gateway of that id that is connected.
func TestNoticeGoesToBoth(t *testing.T) {
	for _, mode := range []string{"count", "envelope", "fence", "none"} {
		t.Run(mode, func(t *testing.T) {
			var log bytes.Buffer
			r := running(t, Options{Ack: mode, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))})
			served := 0
			knock := func(gateway string, start int) *websocket.Conn {
				conn := dial(t, r.URL(), comes(gateway, start), envelopeProtocol)
				served++
				testkit.Eventually(t, "it is let in", func() bool { return letIn(r) == served })
				return conn
			}
			other, a := knock("H", 3), knock("G", 1)
			b := knock("G", 2)
			again := knock("G", 1)
			for _, conn := range []*websocket.Conn{a, b, again} {
				if mode == "count" || mode == "envelope" {
					hears(t, conn, noticeInUse)
				}
			}
			knock("G", 2)
			if n := r.Stats().InUse; n != 2 {
				t.Errorf("seen %d times", n)
			}
			fence(t, other, "1") // and nothing before it
			if mode == "fence" || mode == "none" {
				fence(t, a, "1")
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			said := log.String()
			if strings.Count(said, "two gateways have the id G") != 1 || strings.Count(said, "\n") != 1 || !strings.Contains(said, "portti identity new there, or id in [gateway]") ||
				!strings.Contains(said, b.LocalAddr().String()) || !strings.Contains(said, again.LocalAddr().String()) {
				t.Errorf("said %q", said)
			}
		})
	}
}

// letIn counts the connections that were let in.
func letIn(r *Receiver) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.sessions {
		if s.met {
			n++
		}
	}
	return n
}

// What is missing or no start at all says nothing, and a connection that was
// not let in is not counted.
func TestStartsThatSayNothing(t *testing.T) {
	r := running(t, Options{Ack: "count", Dialect: "haltless", Token: "s3cret"})
	for _, h := range []http.Header{
		nil, {"Portti-Start": {startNo(1)}}, {"Portti-Gateway": {"G"}}, {"Portti-Gateway": {"G"}, "Portti-Start": {"1"}},
		{"Portti-Gateway": {strings.Repeat("G", maxGateway+1)}, "Portti-Start": {startNo(1)}},
	} {
		if c := callerOf(&http.Request{Header: h}); c.gateway != "" || c.start != "" {
			t.Errorf("%v: %+v", h, c)
		}
	}
	for _, start := range []int{1, 2, 1, 2} {
		conn := dial(t, r.URL(), comes("G", start))
		send(t, conn, "wrong")
		closing(t, conn)
	}
	if s := r.Stats(); s.InUse != 0 || s.Refused != 4 {
		t.Errorf("%+v", s)
	}
}
