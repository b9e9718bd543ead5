package uplink

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// phase is how far a dial came.
type phase uint8

const (
	phaseToken phase = iota
	phaseConnect
	phaseProxy
	phaseTLS
	phaseUpgrade
	phaseOpen
)

// dialError is a dial that failed, with the facts that classifyDial needs.
type dialError struct {
	phase phase
	err   error
	resp  *http.Response // nil: none came
	asked bool           // the server asked for a certificate of ours, and there is none
}

var (
	errExtension = fault{failExtension, "the server switched on an extension that was not asked for"}
	errProxyConf = fault{failProxy, "the proxy setting is malformed"}
	errDialPanic = fault{failNotHTTP, "the answer could not be understood"}
)

// dialer makes one connection at a time, with a limit for every phase.
type dialer struct {
	o    *Options
	hide func(secret string)   // called with the proxy's login
	beat func(d time.Duration) // called with how long the next step may take
	open atomic.Pointer[guard] // the last connection that came to be

	deflate bool   // offer compression
	peer    string // the address of the last connection that came to be
	prefer  string // tried first: a connection to it has lasted
	avoid   string // tried last: the last one to it did not last
}

// dial connects, greets and upgrades. The upgrade, in which the token travels, goes to one
// address at a time, the first to which a connection stands; where it comes to nothing
// the next address has its turn. Redirects are never followed: the token
// goes to the configured host only. ctx ends it at any point.
func (d *dialer) dial(ctx context.Context, target url.URL, header http.Header, writeBuffer int) (*websocket.Conn, *guard, *dialError) {
	// gorilla would turn a deadline of ctx into one of the connection, in
	// place of the limits set here; only its end is passed on.
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	w, derr := d.search(inner, target)
	if derr != nil {
		return nil, nil, derr
	}
	defer w.end()
	ws := websocket.Dialer{ReadBufferSize: 4096, WriteBufferSize: writeBuffer, EnableCompression: d.deflate, Subprotocols: d.offers()}
	if d.o.WriteBuffers != nil && writeBuffer == minWriteBuffer { // a larger one is not to be mixed up with others
		ws.WriteBufferPool = d.o.WriteBuffers
	}
	for {
		a, derr := w.next()
		if derr == nil {
			var conn *websocket.Conn
			if conn, derr = d.upgrade(inner, a, ws, target, header); derr == nil {
				return conn, a.guard, nil
			}
		}
		derr.asked = w.asked.Load()
		if ctx.Err() != nil {
			return nil, nil, &dialError{phase: derr.phase, err: ctx.Err()}
		}
		if a == nil || !derr.elsewhere() {
			return nil, nil, derr
		}
		w.note(derr)
	}
}

// offers are the subprotocols that a server may choose from.
func (d *dialer) offers() (all []string) {
	if d.o.Ack == AckEnvelope {
		all = append(all, envelopeProtocol)
	}
	if d.o.Engine == EngineMQTT {
		all = append(all, mqttProtocol)
	}
	if d.o.Subprotocol != "" {
		all = append(all, d.o.Subprotocol)
	}
	return all
}

// search begins to look for a connection to target. end has to be called after it.
func (d *dialer) search(ctx context.Context, target url.URL) (*way, *dialError) {
	config, err := tlsConfig(d.o)
	if err == nil {
		err = pinTo(config, d.o.Pins)
	}
	if err != nil {
		return nil, &dialError{phase: phaseTLS, err: err}
	}
	proxy, err := d.proxy(target)
	if err != nil {
		return nil, &dialError{phase: phaseConnect, err: err}
	}
	return d.startWay(ctx, target, proxy, config), nil
}

// stand makes a connection to target, as far as TLS.
func (d *dialer) stand(ctx context.Context, target url.URL) (*attempt, *dialError) {
	w, derr := d.search(ctx, target)
	if derr != nil {
		return nil, derr
	}
	defer w.end()
	a, derr := w.next()
	if derr != nil {
		derr.asked = w.asked.Load()
		return nil, derr
	}
	a.stop()
	a.guard.up.Store(true)
	_ = a.guard.SetDeadline(time.Time{})
	d.open.Store(a.guard)
	d.peer = a.addr
	return a, nil
}

// upgrade asks the server that a stands to for a WebSocket.
func (d *dialer) upgrade(ctx context.Context, a *attempt, ws websocket.Dialer, target url.URL, header http.Header) (*websocket.Conn, *dialError) {
	ready := func(context.Context, string, string) (net.Conn, error) { return &interim{Conn: a.conn}, nil }
	ws.NetDialContext, ws.NetDialTLSContext = ready, ready
	conn, resp, err := a.run(ctx, &ws, target.String(), header)
	a.date(resp, err)
	switched := resp != nil && resp.StatusCode == http.StatusSwitchingProtocols
	extended := switched && resp.Header.Get("Sec-WebSocket-Extensions") != ""
	switch {
	case extended && !(d.deflate && agreed(resp.Header)):
		// gorilla would switch compression on although it was not offered, and
		// look away from other extensions.
		err = errExtension
	case err != nil:
	case !chosen(resp.Header, ws.Subprotocols):
		err = errForeignProtocol
	case d.o.Ack == AckEnvelope && d.o.AckFallback == "" && conn.Subprotocol() != envelopeProtocol:
		err = errNoProtocol
	case d.o.Engine == EngineMQTT && conn.Subprotocol() != mqttProtocol:
		err = fault{failNoMQTT, "it did not choose the subprotocol mqtt"}
	}
	if err != nil {
		_ = a.guard.Close()
		return nil, a.failed(err, resp)
	}
	a.guard.deflate = extended
	a.guard.up.Store(true)
	d.open.Store(a.guard)
	d.peer = a.addr
	return conn, nil
}

// chosen says whether the server's choice of a subprotocol is one that was offered, or none
// (RFC 6455, 4.1): anything else ends the handshake, which the library leaves to us.
func chosen(answer http.Header, offered []string) bool {
	choice := answer.Values("Sec-WebSocket-Protocol")
	return len(choice) == 0 || len(choice) == 1 && slices.Contains(offered, strings.Trim(choice[0], headerSpace))
}

// elsewhere says whether another address of the same server may do better: nothing, or
// nothing that makes sense, answered at this one, or an error without a word of when it will be over.
func (e *dialError) elsewhere() bool {
	return e.resp == nil || e.resp.StatusCode/100 == 5 && e.resp.Header.Get("Retry-After") == ""
}

// attempt follows one connection through its phases. Its methods are called by one goroutine
// at a time.
type attempt struct {
	o     *Options
	addr  string
	proxy *url.URL // nil: none
	phase phase
	since time.Time // of phase
	guard *guard
	conn  net.Conn // what stands: guard, or TLS over it
	tls   bool     // the server has shown who it is
	err   error    // why it does not stand
	stop  func() bool
	leave context.CancelFunc
}

// stand opens a connection that is ready for the upgrade: config is that of wss, nil of ws.
func (a *attempt) stand(ctx context.Context, config *tls.Config) error {
	conn, err := a.connect(ctx)
	if err != nil || config == nil {
		a.conn = conn
		return err
	}
	a.enter(phaseTLS)
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return err
	}
	a.conn, a.tls = secure, true
	a.enter(phaseUpgrade)
	return nil
}

// run upgrades and makes sure that nothing is left open. A stranger's answer
// must not end the daemon, whatever a library makes of it.
func (a *attempt) run(ctx context.Context, ws *websocket.Dialer, target string, header http.Header) (conn *websocket.Conn, resp *http.Response, err error) {
	defer func() {
		if recover() != nil {
			conn, resp, err = nil, nil, errDialPanic
		}
		a.stop()
		if err != nil {
			_ = a.guard.Close()
		}
	}()
	return ws.DialContext(ctx, target, header)
}

// connect opens the way to the address, through the proxy if there is one.
func (a *attempt) connect(ctx context.Context) (net.Conn, error) {
	if a.proxy != nil {
		return a.through(ctx, a.addr)
	}
	return a.open(ctx, "tcp", a.addr)
}

// open opens the TCP connection within the limit and arms the next one.
func (a *attempt) open(ctx context.Context, network, addr string) (net.Conn, error) {
	dial := a.o.Dial
	if dial == nil {
		dial = (&net.Dialer{Control: userTimeout(a.o.PingInterval + a.o.PongTimeout)}).DialContext
	}
	limited, cancel := context.WithTimeout(ctx, a.o.PhaseTimeout)
	defer cancel()
	conn, err := dial(limited, network, addr)
	if err != nil {
		return nil, err
	}
	a.guard = &guard{Conn: conn}
	a.enter(phaseUpgrade)
	// From here on not everything that reads and writes looks at ctx.
	a.stop = context.AfterFunc(ctx, func() { _ = a.guard.Close() })
	return a.guard, nil
}

func (a *attempt) enter(p phase) {
	a.phase, a.since = p, time.Now()
	_ = a.guard.SetDeadline(a.since.Add(a.o.PhaseTimeout))
}

// close lets go of a connection that is not wanted, or of what came of it.
func (a *attempt) close() {
	a.leave()
	if a.guard != nil {
		a.stop()
		_ = a.guard.Close()
	}
}

// date passes on when the server answered. Something in between that answers in
// the server's place is kept out where that can be told.
func (a *attempt) date(resp *http.Response, err error) {
	if resp == nil || err != nil && !a.tls {
		return
	}
	if now, slack, ok := serverDate(resp.Header, time.Since(a.since)); ok {
		a.o.reportServerTime(now, slack)
	}
}

func (a *attempt) failed(err error, resp *http.Response) *dialError {
	if resp == nil && a.guard != nil && time.Since(a.since) >= a.o.PhaseTimeout {
		// net/http calls half a line malformed and hides the deadline.
		err = fmt.Errorf("%w: %w", os.ErrDeadlineExceeded, err)
	}
	return &dialError{phase: a.phase, err: err, resp: resp}
}
