package uplink

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
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
	open atomic.Pointer[guard] // the last connection that came to be

	deflate bool // offer compression
}

// dial connects, greets and upgrades. Redirects are never followed: the token
// goes to the configured host only. ctx ends it at any point.
func (d *dialer) dial(ctx context.Context, target url.URL, header http.Header, writeBuffer int) (*websocket.Conn, *guard, *dialError) {
	// gorilla would turn a deadline of ctx into one of the connection, in
	// place of the limits set here; only its end is passed on.
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	a := &attempt{o: d.o, phase: phaseConnect}
	config, err := tlsConfig(d.o)
	if err == nil {
		err = pinTo(config, d.o.Pins)
	}
	if err != nil {
		return nil, nil, &dialError{phase: phaseTLS, err: err}
	}
	if a.proxy, err = d.proxy(target); err != nil {
		return nil, nil, &dialError{phase: phaseConnect, err: err}
	}
	ws := websocket.Dialer{
		NetDialContext:  a.connect,
		TLSClientConfig: config,
		ReadBufferSize:  4096,
		WriteBufferSize: writeBuffer,

		EnableCompression: d.deflate,
	}
	if d.o.Ack == AckEnvelope {
		ws.Subprotocols = []string{envelopeProtocol}
	}
	conn, resp, err := a.run(httptrace.WithClientTrace(inner, a.trace()), &ws, target.String(), header)
	a.date(resp, err)
	extended := resp != nil && resp.StatusCode == http.StatusSwitchingProtocols && resp.Header.Get("Sec-WebSocket-Extensions") != ""
	if extended && !(d.deflate && agreed(resp.Header)) {
		// gorilla would switch compression on although it was not offered, and
		// look away from other extensions.
		if err == nil {
			_ = conn.Close()
		}
		err = errExtension
	}
	if err == nil && d.o.Ack == AckEnvelope && d.o.AckFallback == "" && conn.Subprotocol() != envelopeProtocol {
		_ = conn.Close()
		err = errNoProtocol
	}
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, nil, a.failed(err, resp)
	}
	a.guard.deflate = extended
	a.guard.up.Store(true)
	d.open.Store(a.guard)
	return conn, a.guard, nil
}

// attempt follows one dial through its phases. gorilla calls everything here
// from the goroutine that dials.
type attempt struct {
	o     *Options
	proxy *url.URL // nil: none
	phase phase
	since time.Time // of phase
	guard *guard
	tls   bool // the server has shown who it is
	stop  func() bool
}

// run dials and makes sure that nothing is left open. A stranger's answer
// must not end the daemon, whatever a library makes of it.
func (a *attempt) run(ctx context.Context, ws *websocket.Dialer, target string, header http.Header) (conn *websocket.Conn, resp *http.Response, err error) {
	defer func() {
		if recover() != nil {
			conn, resp, err = nil, nil, errDialPanic
		}
		if a.stop != nil {
			a.stop()
		}
		if err != nil && a.guard != nil {
			_ = a.guard.Close()
		}
	}()
	return ws.DialContext(ctx, target, header)
}

// connect opens the way to addr, through the proxy if there is one.
func (a *attempt) connect(ctx context.Context, network, addr string) (net.Conn, error) {
	if a.proxy != nil {
		return a.through(ctx, addr)
	}
	return a.open(ctx, network, addr)
}

// netDialer looks a name up at every dial and keeps nothing of it. Where it has
// addresses of both kinds, IPv4 is tried as well after 300 ms.
func (o *Options) netDialer() *net.Dialer {
	return &net.Dialer{Control: userTimeout(o.PingInterval + o.PongTimeout)}
}

// open opens the TCP connection within the limit and arms the next one.
func (a *attempt) open(ctx context.Context, network, addr string) (net.Conn, error) {
	dial := a.o.Dial
	if dial == nil {
		dial = a.o.netDialer().DialContext
	}
	limited, cancel := context.WithTimeout(ctx, a.o.PhaseTimeout)
	defer cancel()
	conn, err := dial(limited, network, addr)
	if err != nil {
		return nil, err
	}
	a.guard = &guard{Conn: conn}
	a.enter(phaseUpgrade)
	// From here on gorilla reads and writes without looking at ctx.
	a.stop = context.AfterFunc(ctx, func() { _ = a.guard.Close() })
	return a.guard, nil
}

func (a *attempt) enter(p phase) {
	a.phase, a.since = p, time.Now()
	_ = a.guard.SetDeadline(a.since.Add(a.o.PhaseTimeout))
}

func (a *attempt) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		TLSHandshakeStart: func() { a.enter(phaseTLS) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err == nil {
				a.tls = true
				a.enter(phaseUpgrade)
			}
		},
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
	return &dialError{a.phase, err, resp}
}
