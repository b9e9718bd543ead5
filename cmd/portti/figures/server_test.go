//go:build figures

package figures

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// server takes Thingsee arrays and counts the readings in them by their field
// "seq". It does as little else as it can, since it shares the machine with
// what is measured.
type server struct {
	url    string
	refuse atomic.Bool // answers 503
	deaf   atomic.Bool // takes connections and does not read from them

	mu       sync.Mutex
	seen     []uint64 // one bit a number
	messages int
	distinct int
	first    time.Time   // of the first array
	arrived  func(n int) // called for each reading, may be nil
	enough   int         // distinct readings that close done
	done     chan struct{}
	ended    chan struct{}
}

func serve(t *testing.T) *server {
	s := &server{ended: make(chan struct{})}
	h := httptest.NewServer(http.HandlerFunc(s.connect))
	s.url = "ws" + strings.TrimPrefix(h.URL, "http") + "/socket"
	t.Cleanup(func() { close(s.ended); h.CloseClientConnections(); h.Close() })
	return s
}

// expect begins a new count of n readings; the channel closes when each of
// them has come.
func (s *server) expect(n int) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen, s.messages, s.distinct = make([]uint64, n/64+1), 0, 0
	s.first, s.enough, s.done = time.Time{}, n, make(chan struct{})
	return s.done
}

// count is what came: missing of what was expected, and repeats.
func (s *server) count() (missing, repeats int, first time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.enough - s.distinct, s.messages - s.distinct, s.first
}

func (s *server) connect(w http.ResponseWriter, r *http.Request) {
	if s.refuse.Load() {
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	}
	if r.Method == http.MethodPost {
		at := time.Now()
		var buf bytes.Buffer
		if _, err := buf.ReadFrom(r.Body); err == nil {
			s.take(buf.Bytes(), at)
		}
		return
	}
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close()
	if s.deaf.Load() {
		<-s.ended
		return
	}
	var buf bytes.Buffer
	for {
		kind, in, err := c.NextReader()
		if err != nil {
			return
		}
		at := time.Now()
		buf.Reset()
		if _, err := buf.ReadFrom(in); err != nil || kind != websocket.TextMessage {
			return
		}
		s.take(buf.Bytes(), at)
	}
}

func (s *server) take(array []byte, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := []byte(`"seq":`)
	for {
		i := bytes.Index(array, key)
		if i < 0 {
			return
		}
		array = array[i+len(key):]
		n := 0
		for len(array) > 0 && array[0] >= '0' && array[0] <= '9' {
			n, array = n*10+int(array[0]-'0'), array[1:]
		}
		s.see(n, at)
	}
}

func (s *server) see(n int, at time.Time) {
	if s.first.IsZero() {
		s.first = at
	}
	if s.arrived != nil {
		s.arrived(n)
	}
	s.messages++
	if n >= s.enough || s.seen[n/64]&(1<<(n%64)) != 0 {
		return
	}
	s.seen[n/64] |= 1 << (n % 64)
	s.distinct++
	if s.distinct == s.enough {
		close(s.done)
	}
}
