package bench

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options says what kind of server a Receiver is. The zero value of a field
// takes the default named with it.
type Options struct {
	Listen string // host:port, default "127.0.0.1:8080"; port 0 takes a free one
	// Listener takes the place of Listen, for tests on a network in memory.
	Listener net.Listener
	Dialect  string // default "thingsee", the only one of this version
	Auth     string // none (default), header (Authorization: Bearer) or query (?token=)
	Token    string // what Auth must find
	Ack      string // none, fence (default), count or envelope

	TLS    bool   // listen with a self-signed certificate
	TLSDir string // where certificate and key are kept; empty: in memory only

	Out     io.Writer // every message, one a line; nil: nowhere
	OutFile string    // the same, appended to a file

	MaxFrame    int64 // largest frame in bytes, default 1 MiB; a larger one ends the connection with 1009
	MaxDistinct int   // keys remembered for counting repeats, default 4,000,000 (about 100 MB when full)

	// OnMessage is called for every message, in the order written, from the
	// goroutine of its connection; repeat says that its key came before. msg is
	// good during the call only. It may be nil.
	OnMessage func(msg []byte, repeat bool)

	// Date gives the time for a Date in the answer to the upgrade; nil: none.
	Date func() time.Time

	Log *slog.Logger // default: discards
}

// Stats is what a Receiver has seen since it was made.
type Stats struct {
	Connections int64 // that completed the handshake
	Open        int64 // of those, now
	Refused     int64 // handshakes refused for a missing or wrong token
	Frames      int64 // data frames handled
	Bytes       int64 // in those frames
	Messages    int64 // Thingsee messages in those frames
	Distinct    int64 // messages whose tsmTuid, tsmId and tsmTs came for the first time
	Repeats     int64 // Messages - Distinct
	Changed     int64 // of the repeats, those whose bytes differ from the first: a sender's fault
	Bare        int64 // frames that were one object where an array is due; taken all the same
	Bad         int64 // frames that are no JSON array of objects, and messages without a key (those count as distinct)
	Forgotten   bool  // the table of keys was full once, so Distinct may count a late repeat
}

// Summary is the numbers as a sentence for people.
func (s Stats) Summary() string {
	text := fmt.Sprintf("%d messages in %d frames over %d connections; %d distinct, %d came again",
		s.Messages, s.Frames, s.Connections, s.Distinct, s.Repeats)
	for _, n := range []struct {
		count int64
		what  string
	}{
		{s.Changed, "came again with other bytes"},
		{s.Bare, "objects without an array"},
		{s.Bad, "bad frames or messages"},
		{s.Refused, "handshakes refused for the token"},
	} {
		if n.count > 0 {
			text += fmt.Sprintf("; %d %s", n.count, n.what)
		}
	}
	return text
}

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

	mu       sync.Mutex
	stats    Stats
	sessions map[*session]struct{}
	ended    bool
	joined   sync.WaitGroup // one for each session

	fail context.CancelCauseFunc
	down context.Context
}

// NewReceiver checks the options, makes the certificate if one is asked for
// and listens, so that Addr is known before Run.
func NewReceiver(opts Options) (*Receiver, error) {
	if err := opts.Check(); err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	r := &Receiver{opts: opts, sessions: make(map[*session]struct{})}
	r.token = gate{mode: opts.Auth, want: opts.Token}
	r.down, r.fail = context.WithCancelCause(context.Background())
	if opts.TLS {
		cert, err := LoadOrMakeCertificate(opts.TLSDir, opts.Listen, time.Now())
		if err != nil {
			return nil, err
		}
		r.cert = cert
	}
	var err error
	if r.store, err = newStore(opts); err != nil {
		return nil, err
	}
	if r.listen = opts.Listener; r.listen != nil {
		return r.serveWith(), nil
	}
	if r.listen, err = net.Listen("tcp", opts.Listen); err != nil {
		r.store.close()
		return nil, fmt.Errorf("cannot listen: %w", err)
	}
	return r.serveWith(), nil
}

func (r *Receiver) serveWith() *Receiver {
	r.server = &http.Server{
		Handler:           http.HandlerFunc(r.serve),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(r.opts.Log.Handler(), slog.LevelDebug),
	}
	return r
}

// Addr is where it listens, as host:port.
func (r *Receiver) Addr() string { return r.listen.Addr().String() }

// URL is what a gateway on this machine dials, without the token.
func (r *Receiver) URL() string {
	host, port, err := net.SplitHostPort(r.Addr())
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "ws"
	if r.cert != nil {
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
	return s
}

// Run serves until ctx ends or an output can no longer be written. At the end
// each connection is closed with 1001, every handler has returned, and what
// was proven is written. It may be called once.
func (r *Receiver) Run(ctx context.Context) error {
	defer r.store.close()
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
	return r.store.close()
}

func (r *Receiver) listener() net.Listener {
	var l net.Listener = &faultyListener{Listener: r.listen, faults: &r.faults}
	if r.cert != nil {
		l = tls.NewListener(l, &tls.Config{
			Certificates: []tls.Certificate{r.cert.pair},
			MinVersion:   tls.VersionTLS12,
		})
	}
	return l
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
	if r.ended {
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

func (o Options) withDefaults() Options {
	o.Listen = orDefault(o.Listen, "127.0.0.1:8080")
	o.Dialect = orDefault(o.Dialect, "thingsee")
	o.Auth = orDefault(o.Auth, "none")
	o.Ack = orDefault(o.Ack, "fence")
	if o.MaxFrame == 0 {
		o.MaxFrame = 1 << 20
	}
	if o.MaxDistinct == 0 {
		o.MaxDistinct = 4_000_000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Check says what is wrong with the options. NewReceiver calls it too.
func (o Options) Check() error {
	o = o.withDefaults()
	switch o.Dialect {
	case "thingsee":
	case "haltless", "zyeta", "heimdall":
		return fmt.Errorf("cannot receive dialect %q: it comes with a later version; this one speaks thingsee", o.Dialect)
	default:
		return fmt.Errorf("cannot receive dialect %q: there is no such dialect; this version speaks thingsee", o.Dialect)
	}
	switch o.Auth {
	case "none":
		if o.Token != "" {
			return errors.New("cannot check the token: with auth none nobody presents one; choose header or query")
		}
	case "header", "query":
		if o.Token == "" {
			return fmt.Errorf("cannot use auth %s without a token", o.Auth)
		}
	case "first-message", "hash":
		return fmt.Errorf("cannot use auth %s: it comes with a later version; choose none, header or query", o.Auth)
	default:
		return fmt.Errorf("cannot use auth %q: choose none, header or query", o.Auth)
	}
	switch o.Ack {
	case "none", "fence", "count", "envelope":
	default:
		return fmt.Errorf("cannot acknowledge by %q: choose none, fence, count or envelope", o.Ack)
	}
	return nil
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
