package testbed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Receiver is a WebSocket server that takes Thingsee messages.
// All methods may be called from any goroutine.
type Receiver struct {
	opts   Options
	listen net.Listener
	server *http.Server
	cert   *Certificate
	token  gate
	store  *store
	faults faults

	pending pending
	forward *forwarder // nil: none
	fanout  *fanout    // nil: none

	mu       sync.Mutex
	stats    Stats
	starts   starts
	sessions map[*session]struct{}
	ended    bool
	joined   sync.WaitGroup // one for each session

	fail context.CancelCauseFunc
	down context.Context
}

// NewReceiver checks the options, makes the certificate if one is asked for
// and listens, so that Addr is known before Run.
func NewReceiver(opts Options) (_ *Receiver, err error) {
	if err := opts.Check(); err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	r := &Receiver{opts: opts, sessions: make(map[*session]struct{}), token: newGate(opts), forward: newForwarder(opts)}
	r.starts.rows = map[string]*lastStarts{}
	r.pending = pending{limit: opts.MaxPending, open: map[string]int{}}
	r.down, r.fail = context.WithCancelCause(context.Background())
	if opts.TLS {
		if r.cert, err = LoadOrMakeCertificate(opts.TLSDir, opts.Listen, time.Now()); err != nil {
			return nil, err
		}
	}
	if r.store, err = newStore(opts); err != nil {
		return nil, err
	}
	if r.listen = opts.Listener; r.listen == nil {
		if r.listen, err = net.Listen("tcp", opts.Listen); err != nil {
			return nil, errors.Join(fmt.Errorf("cannot listen: %w", err), r.store.close())
		}
	}
	if r.fanout, err = newFanout(opts, r.cert); err != nil {
		return nil, errors.Join(err, r.listen.Close(), r.store.close())
	}
	r.store.fan = r.fanout
	r.server = &http.Server{
		Handler:           http.HandlerFunc(r.serve),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(opts.Log.Handler(), slog.LevelDebug),
	}
	return r, nil
}

// Addr is where it listens, as host:port.
func (r *Receiver) Addr() string { return r.listen.Addr().String() }

// URL is what a gateway on this machine dials, without the token.
func (r *Receiver) URL() string { return localURL(r.Addr(), r.cert) }

// FanoutURL is what a subscriber on this machine dials, without the token;
// empty without a fan-out.
func (r *Receiver) FanoutURL() string {
	if r.fanout == nil {
		return ""
	}
	return localURL(r.fanout.listen.Addr().String(), r.cert)
}

func localURL(addr string, cert *Certificate) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "ws"
	if cert != nil {
		scheme = "wss"
	}
	return scheme + "://" + net.JoinHostPort(host, port) + "/socket"
}

// Certificate is the server's own, or nil without TLS.
func (r *Receiver) Certificate() *Certificate { return r.cert }

// Stats is a snapshot.
func (r *Receiver) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	s.Open = int64(len(r.sessions))
	s.Repeats = s.Messages - s.Distinct
	s.Forgotten = r.store.keys.forgot.Load()
	s.Subscribers, s.Dropped = r.fanout.counts()
	return s
}

// Run serves until ctx ends or an output can no longer be written. At the end
// each connection is closed with 1001, every handler has returned, and what
// was proven is written. It may be called once.
func (r *Receiver) Run(ctx context.Context) error {
	defer r.store.close()
	defer r.forward.close()
	defer r.fanout.run()()
	stop := context.AfterFunc(ctx, func() { r.fail(context.Canceled) })
	defer stop()
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(r.listener()) }()

	var err error
	select {
	case <-r.down.Done():
		if cause := context.Cause(r.down); !errors.Is(cause, context.Canceled) {
			err = cause
		}
		r.endSessions()
		r.server.Close()
		if end := <-served; !errors.Is(end, http.ErrServerClosed) {
			err = errors.Join(err, end)
		}
	case err = <-served:
		r.fail(context.Canceled)
		r.endSessions()
	}
	r.joined.Wait()
	return err
}

// Close ends a receiver that is not run.
func (r *Receiver) Close() error {
	r.fail(context.Canceled)
	r.listen.Close()
	r.fanout.run()()
	return r.store.close()
}

func (r *Receiver) listener() net.Listener {
	return r.cert.over(&faultyListener{Listener: r.listen, faults: &r.faults})
}

// endSessions asks each connection to close and cuts those that do not.
func (r *Receiver) endSessions() {
	r.mu.Lock()
	r.ended = true
	sessions := r.open()
	r.mu.Unlock()
	for _, s := range sessions {
		s.goAway()
	}
	r.faults.release()
	time.AfterFunc(closeWait, func() {
		for _, s := range sessions {
			s.conn.Close()
		}
	})
}

// closeWait is how long a connection may take to answer a close frame.
const closeWait = time.Second

// open lists the connections. r.mu is held.
func (r *Receiver) open() []*session {
	all := make([]*session, 0, len(r.sessions))
	for s := range r.sessions {
		all = append(all, s)
	}
	return all
}

func (r *Receiver) add(s *session) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || r.faults.refuse.Load() { // it was in its handshake when that was said
		return false
	}
	r.sessions[s] = struct{}{}
	r.stats.Connections++
	r.joined.Add(1)
	return true
}

func (r *Receiver) remove(s *session) {
	r.mu.Lock()
	delete(r.sessions, s)
	r.mu.Unlock()
	r.joined.Done()
}

func (r *Receiver) note(change func(*Stats)) {
	r.mu.Lock()
	change(&r.stats)
	r.mu.Unlock()
}
