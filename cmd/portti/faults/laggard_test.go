//go:build faults

package faults

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
)

// laggard is a server as many are built: its endpoint answers pings at once,
// while a handler behind it works through a queue, a while later. Killed, it
// loses what was in the queue.
type laggard struct {
	oracle *rig.Oracle
	count  bool // sends {"ack":n} after the handler, as mode count wants
	lag    time.Duration
	http   *httptest.Server

	mu      sync.Mutex
	dead    bool
	waiting int                               // frames in the queue
	conns   map[*websocket.Conn]chan struct{} // closed when it is killed
	dropped map[rig.Mark]bool                 // were in the queue when it was killed
}

func newLaggard(t *testing.T, o *rig.Oracle, count bool, lag time.Duration) *laggard {
	l := &laggard{oracle: o, count: count, lag: lag, conns: map[*websocket.Conn]chan struct{}{}, dropped: map[rig.Mark]bool{}}
	l.http = httptest.NewServer(http.HandlerFunc(l.serve))
	t.Cleanup(func() { l.kill(); l.http.Close() })
	return l
}

func (l *laggard) url() string { return "ws" + strings.TrimPrefix(l.http.URL, "http") + "/socket" }

// queued is a frame that waits for the handler.
type queued struct {
	frame []byte
	due   time.Time
}

func (l *laggard) serve(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	killed := make(chan struct{})
	l.mu.Lock()
	if l.dead {
		l.mu.Unlock()
		return
	}
	l.conns[conn] = killed
	l.mu.Unlock()
	queue := make(chan queued, 100_000)
	done := make(chan struct{})
	go func() { defer close(done); l.handle(conn, queue, killed) }()
	for {
		_, frame, err := conn.ReadMessage()
		if err != nil {
			break
		}
		l.mu.Lock()
		l.waiting++
		l.mu.Unlock()
		queue <- queued{frame, time.Now().Add(l.lag)}
	}
	close(queue)
	<-done
}

func (l *laggard) handle(conn *websocket.Conn, queue <-chan queued, killed <-chan struct{}) {
	n := 0
	for q := range queue {
		select {
		case <-time.After(time.Until(q.due)):
		case <-killed:
		}
		var msgs []json.RawMessage
		if json.Unmarshal(q.frame, &msgs) != nil {
			msgs = []json.RawMessage{q.frame} // the oracle will say what is wrong
		}
		l.mu.Lock()
		l.waiting--
		select {
		case <-killed:
			for _, m := range msgs {
				l.drop(m)
			}
			l.mu.Unlock()
			continue
		default:
		}
		for _, m := range msgs {
			l.oracle.Take(m, false)
		}
		l.mu.Unlock()
		if n++; l.count {
			_ = conn.WriteMessage(websocket.TextMessage, []byte(`{"ack":`+strconv.Itoa(n)+`}`))
		}
	}
}

func (l *laggard) drop(m []byte) {
	var r struct {
		Tuid string `json:"tsmTuid"`
		N    int    `json:"n"`
	}
	if json.Unmarshal(m, &r) == nil {
		l.dropped[rig.Mark{Tuid: r.Tuid, N: r.N}] = true
	}
}

// kill ends it as kill -9 does, and it stays unreachable.
func (l *laggard) kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = true
	for conn, killed := range l.conns {
		close(killed)
		if tcp, ok := conn.NetConn().(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		conn.Close()
		delete(l.conns, conn)
	}
}

func (l *laggard) revive() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = false
}

// idle says whether the handler has worked through its queue.
func (l *laggard) idle(*status.Document) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting == 0
}

func (l *laggard) lostInQueue(tuid string, n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropped[rig.Mark{Tuid: tuid, N: n}]
}
