package uplink

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"

	"portti/cross/testkit"
)

// collector is a receiver of the documented shape, on gorilla's server side.
type collector struct {
	mu     sync.Mutex
	seen   map[int]int // n -> times
	frames []string
	order  []int
	auth   []string
	count  bool // answer {"ack":n}
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.auth = append(c.auth, r.Header.Get("Authorization"))
	c.mu.Unlock()
	up := websocket.Upgrader{}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	for n := 1; ; n++ {
		_, text, err := conn.ReadMessage()
		if err != nil {
			return
		}
		c.take(text)
		if c.count {
			if conn.WriteJSON(map[string]int{"ack": n}) != nil {
				return
			}
		}
	}
}

func (c *collector) take(text []byte) {
	var msgs []struct{ N int }
	if json.Unmarshal(text, &msgs) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frames = append(c.frames, string(text))
	for _, m := range msgs {
		if c.seen == nil {
			c.seen = map[int]int{}
		}
		c.seen[m.N]++
		c.order = append(c.order, m.N)
	}
}

func (c *collector) distinct() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.seen)
}

func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http") + "/socket"
}

func newLink(t testing.TB, o Options) *Link {
	t.Helper()
	if o.Auth == "" && o.Token == nil {
		o.Auth = AuthNone
	}
	if o.Proxy == "" {
		o.Proxy = "none"
	}
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestDeliversAndEndsWithTheStream(t *testing.T) {
	for _, ack := range []string{AckFence, AckCount, AckNone} {
		t.Run(ack, func(t *testing.T) {
			c := &collector{count: ack == AckCount}
			l := newLink(t, Options{URL: serve(t, c), Ack: ack, Token: staticToken(NewSecret("tok-1"))})
			src := newFakeSource(t)
			src.hold = true
			src.add(1000)
			src.skip(5)
			src.add(1000)
			ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
			defer cancel()
			src.seal()
			if err := l.Run(ctx, src); err != nil {
				t.Fatalf("Run: %v", err)
			}
			if got := c.distinct(); got != 2000 {
				t.Errorf("%d records arrived, want 2000", got)
			}
			if n := src.count(released); n != 2000 {
				t.Errorf("%d records released, want 2000", n)
			}
			if src.forgets != 1 || src.rewinds != 0 {
				t.Errorf("forgets %d, rewinds %d, want 1 and 0", src.forgets, src.rewinds)
			}
			st := l.Status()
			if st.State != Stopped || st.SentRecords != 2000 || st.Proven != 2000 || st.Resent != 0 || st.Connects != 1 {
				t.Errorf("status %+v", st)
			}
			if c.auth[0] != "Bearer tok-1" {
				t.Errorf("Authorization %q", c.auth[0])
			}
		})
	}
}

// Links share buffers of one size: one that needs a larger buffer has its own, or a frame of
// it would be split to fit into another link's.
func TestLinksShareWriteBuffers(t *testing.T) {
	for bytes, shares := range map[int]bool{30_000: true, 40_000: false} {
		var asked atomic.Int64
		pool := &sync.Pool{New: func() any { asked.Add(1); return nil }}
		c := &collector{}
		src := newFakeSource(t)
		src.add(1000)
		src.seal()
		l := newLink(t, Options{URL: serve(t, c), MaxBatchBytes: bytes, WriteBuffers: pool})
		ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
		defer cancel()
		if err := l.Run(ctx, src); err != nil || c.distinct() != 1000 {
			t.Fatalf("%d records arrived: %v", c.distinct(), err)
		}
		if (asked.Load() > 0) != shares {
			t.Errorf("batches of %d bytes: a shared buffer was asked for %d times", bytes, asked.Load())
		}
	}
}
