package testbed

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Fanout says where read-only subscribers are served. The zero value: nowhere.
type Fanout struct {
	Listen string // host:port; port 0 takes a free one
	// Token is what a subscriber presents as Authorization: Bearer or ?token=. It
	// may be empty only where nobody but this machine can connect.
	Token string
}

const (
	maxSubscribers = 100
	fanoutBacklog  = 4 << 20   // bytes that a subscriber may be behind
	fanoutSocket   = 256 << 10 // of them, about, in the system's hands
	fanoutPing     = 20 * time.Second
	fanoutSilence  = 60 * time.Second
)

func (f Fanout) check() error {
	if f.Listen == "" || f.Token != "" {
		return nil
	}
	host, _, err := net.SplitHostPort(f.Listen)
	if err != nil {
		return fmt.Errorf("cannot serve subscribers: %w", err)
	}
	if thisMachine(host) {
		return nil
	}
	return errors.New("cannot serve subscribers of other machines without a token of their own")
}

func thisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// fanout serves what the receiver took to subscribers. publish never waits: a
// subscriber that falls behind is dropped. A nil fanout has none.
type fanout struct {
	listen net.Listener
	serve  net.Listener // listen, with TLS if the receiver has it
	server *http.Server
	token  string
	log    *slog.Logger

	backlog int // fanoutBacklog but in tests

	mu      sync.Mutex
	open    map[*subscriber]struct{}
	dropped int64
	ended   bool
	joined  sync.WaitGroup
}

func newFanout(o Options, cert *Certificate) (*fanout, error) {
	if o.Fanout.Listen == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", o.Fanout.Listen)
	if err != nil {
		return nil, fmt.Errorf("cannot listen for subscribers: %w", err)
	}
	f := &fanout{listen: l, serve: cert.over(l), token: o.Fanout.Token, log: o.Log, backlog: fanoutBacklog, open: map[*subscriber]struct{}{}}
	f.server = &http.Server{
		Handler:           http.HandlerFunc(f.welcome),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	return f, nil
}

// run serves until the function that it gives is called; that one returns when
// everything has ended.
func (f *fanout) run() (stop func()) {
	if f == nil {
		return func() {}
	}
	done := make(chan struct{})
	go func() { _ = f.server.Serve(f.serve); close(done) }()
	return func() {
		f.mu.Lock()
		f.ended = true
		for s := range f.open {
			s.leave(websocket.CloseGoingAway, "receiver stops")
			defer time.AfterFunc(closeWait, func() { abort(plain(s.conn.NetConn())) }).Stop()
		}
		f.mu.Unlock()
		f.server.Close()
		<-done
		f.joined.Wait()
	}
}

func (f *fanout) counts() (open, dropped int64) {
	if f == nil {
		return 0, 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return int64(len(f.open)), f.dropped
}

// publish hands messages to every subscriber, as one array.
func (f *fanout) publish(list []element) {
	if f == nil || len(list) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.open) == 0 {
		return
	}
	frame := arrayOf(list)
	for s := range f.open {
		if !s.offer(frame) {
			delete(f.open, s)
			f.dropped++
			s.end()
			abort(plain(s.conn.NetConn())) // a close frame would wait behind what it does not read
			f.log.Warn("a subscriber was too slow", "component", "receive", "event", "subscriber.dropped", "peer", s.conn.RemoteAddr())
		}
	}
}

func (f *fanout) welcome(w http.ResponseWriter, req *http.Request) {
	if f.token != "" {
		open := false
		for _, token := range append(bearer(req), req.URL.Query().Get("token")) {
			open = open || same(token, f.token)
		}
		if !open {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "token missing or wrong", http.StatusUnauthorized)
			return
		}
	}
	if open, _ := f.counts(); open >= maxSubscribers {
		w.Header().Set("Retry-After", "60")
		http.Error(w, "too many subscribers", http.StatusServiceUnavailable)
		return
	}
	up := websocket.Upgrader{CheckOrigin: func(r *http.Request) bool { return mayCome(r, nil) }}
	conn, err := up.Upgrade(w, req, nil)
	if err != nil {
		return
	}
	if tcp, ok := plain(conn.NetConn()).(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(fanoutSocket) // at worst the system keeps more for it
	}
	f.mu.Lock()
	s := newSubscriber(conn, f.backlog)
	if f.ended {
		f.mu.Unlock()
		conn.Close()
		return
	}
	f.open[s] = struct{}{}
	f.joined.Add(1)
	f.mu.Unlock()
	defer f.joined.Done()
	s.run()
	f.mu.Lock()
	delete(f.open, s)
	f.mu.Unlock()
}
