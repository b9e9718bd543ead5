package uplink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/websocket"
)

// The steps of a Probe, in their order.
const (
	StepConnect = "connect" // TCP, to the proxy where there is one
	StepProxy   = "proxy"   // what is said to the proxy
	StepTLS     = "tls"
	StepToken   = "token" // only where there is none
	StepUpgrade = "upgrade"
	StepLogin   = "login" // the server has not refused the token, and has answered a ping
	StepLarge   = "large" // pings that fill a packet are answered too
)

// Step is how one step of a Probe ended.
type Step struct {
	Name    string
	Took    time.Duration
	Problem string // "" = it went well
	Says    string // why it did not, for people

	Status int // of the HTTP answer to the upgrade; 0 = none came
	RTT    time.Duration
	TLS    *tls.ConnectionState // nil = no secure connection
	Shown  []*x509.Certificate  // what the server showed, believed or not
}

// How a Probe looks at a connection that stands.
const (
	probeLook  = 20 * time.Millisecond
	probePings = 11 // of 131 bytes each: more than a packet of 1,448
	probeLarge = 3 * time.Second
)

// Probe goes the way to the first server of o once, as a Link does and with its verdicts,
// and tells of each step as it ends; after one that failed there is none. addr is where to
// connect to: host and port, the name for a proxy to find. It sends no record, and src has
// none. soon is how long a login has to last. An error is one of o, or of ctx.
//
// The connection says who comes as o has it: with Start empty a server does not take it
// for another start of the gateway, as in the connection of a Link.
func Probe(ctx context.Context, o Options, addr string, src Source, soon time.Duration, tell func(Step)) error {
	l, err := New(o)
	switch {
	case err != nil:
		return fmt.Errorf("cannot set up the link: %w", err)
	case l.route == nil:
		return errors.New("no server is set")
	}
	inner, leave := context.WithCancel(ctx)
	defer leave()
	p := &probe{l: l, tell: tell}
	if conn, g := p.open(inner, addr); conn != nil {
		p.serve(inner, conn, g, src, soon)
	}
	return ctx.Err()
}

// ConnectProblem is what a Link calls a name that was not found, or a connection that did
// not come to be, and a sentence on it.
func ConnectProblem(err error) (problem, says string) {
	o := Options{ClockTrusted: func() bool { return true }, Now: time.Now}
	f := finding{endPolicy: policyFor(endFailure, int(classifyFailure(&dialError{phase: phaseConnect, err: err}, &o)))}
	return f.problem, f.sentence
}

// probe is a Probe on its way.
type probe struct {
	l     *Link
	tell  func(Step)
	began time.Time // of the step under way
}

// done tells of a step; the next one begins.
func (p *probe) done(s Step) {
	s.Took = time.Since(p.began)
	p.tell(s)
	p.began = time.Now()
}

// failed tells of a step that failed, in the words of the Link.
func (p *probe) failed(s Step, f finding) {
	s.Problem, s.Says = f.problem, f.sentence
	if detail := p.l.board.scrub.clean(f.detail); detail != "" {
		s.Says += ": " + detail
	}
	p.done(s)
}

// open makes a connection that is upgraded; nil where that failed, which is told.
func (p *probe) open(ctx context.Context, addr string) (*websocket.Conn, *guard) {
	l := p.l
	p.began = time.Now()
	asked := false
	config, err := tlsConfig(&l.o)
	if err == nil {
		err = pinTo(config, l.o.Pins)
	}
	target := l.route.dialect.endpoint.url
	proxy, proxyErr := l.dialer.proxy(target)
	a := &attempt{o: &l.o, addr: addr, proxy: proxy, since: time.Now(), stop: func() bool { return true }, leave: func() {}}
	fail := func(name string, s Step, err error) (*websocket.Conn, *guard) {
		s.Name = name
		e := a.failed(err, nil)
		e.asked = asked
		p.failed(s, classifyDial(e, &l.o))
		a.close()
		return nil, nil
	}
	if proxyErr != nil {
		return fail(StepProxy, Step{}, proxyError{proxyErr})
	}
	dial := l.o.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	l.o.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err == nil {
			p.done(Step{Name: StepConnect})
		}
		return conn, err
	}
	conn, connErr := a.connect(ctx)
	switch {
	case connErr != nil && a.guard == nil:
		return fail(StepConnect, Step{}, connErr)
	case connErr != nil:
		return fail(StepProxy, Step{}, connErr)
	case proxy != nil:
		p.done(Step{Name: StepProxy})
	}
	a.conn = conn
	if target.Scheme == "wss" || target.Scheme == "https" {
		a.enter(phaseTLS)
		shown := Step{}
		if err == nil {
			shown, err = p.secure(ctx, a, config, &asked)
		}
		if err != nil {
			return fail(StepTLS, shown, err)
		}
	}
	return p.upgrade(ctx, a, &asked)
}

// secure speaks TLS over what stands, and tells of it where that went well. Where not, the
// step has what the server showed.
func (p *probe) secure(ctx context.Context, a *attempt, config *tls.Config, asked *bool) (Step, error) {
	config.ServerName = p.l.route.dialect.endpoint.url.Hostname()
	if config.GetClientCertificate == nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			*asked = true
			return &tls.Certificate{}, nil
		}
	}
	secure := tls.Client(a.conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		var bad *tls.CertificateVerificationError
		s := Step{Shown: secure.ConnectionState().PeerCertificates}
		if errors.As(err, &bad) {
			s.Shown = bad.UnverifiedCertificates
		}
		return s, err
	}
	state := secure.ConnectionState()
	a.conn, a.tls = secure, true
	p.done(Step{Name: StepTLS, TLS: &state, Shown: state.PeerCertificates})
	return Step{}, nil
}

// upgrade asks for the WebSocket.
func (p *probe) upgrade(ctx context.Context, a *attempt, asked *bool) (*websocket.Conn, *guard) {
	l := p.l
	if ctx.Err() != nil { // whoever looks on has seen enough: no server is asked for nothing
		a.close()
		return nil, nil
	}
	if err := l.fetchToken(ctx); err != nil {
		p.failed(Step{Name: StepToken}, classifyDial(&dialError{phase: phaseToken, err: fmt.Errorf("%w: %w", errToken, err)}, &l.o))
		a.close()
		return nil, nil
	}
	p.began = time.Now()
	a.enter(phaseUpgrade)
	target, header := l.route.dialect.request(l.token)
	if l.o.Engine == EngineHTTP {
		p.options(ctx, a, target, header)
		return nil, nil
	}
	ws := websocket.Dialer{ReadBufferSize: 4096, WriteBufferSize: minWriteBuffer, Subprotocols: l.dialer.offers()}
	conn, e := l.dialer.upgrade(ctx, a, ws, target, header)
	if e != nil {
		e.asked = *asked
		s := Step{Name: StepUpgrade}
		if e.resp != nil {
			s.Status = e.resp.StatusCode
		}
		p.failed(s, classifyDial(e, &l.o))
		return nil, nil
	}
	p.done(Step{Name: StepUpgrade, Status: 101})
	return conn, a.guard
}

// options asks for what every server answers and none takes for data. One that has no such
// method says so, and is there.
func (p *probe) options(ctx context.Context, a *attempt, target url.URL, header http.Header) {
	a.guard.up.Store(true)
	w := newPoster(ctx, &p.l.dialer, target, header, a)
	defer w.end()
	defer context.AfterFunc(ctx, w.stop)()
	resp, err := w.client.RoundTrip(w.request(job{ping: "?"}))
	if err != nil {
		e := a.failed(w.broke(err), nil)
		if f := (found{}); errors.As(e.err, &f) {
			p.failed(Step{Name: StepUpgrade}, f.finding)
		} else {
			p.failed(Step{Name: StepUpgrade}, classifyDial(e, &p.l.o))
		}
		return
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxWords))
	_ = resp.Body.Close()
	s := Step{Name: StepUpgrade, Status: resp.StatusCode}
	if n := resp.StatusCode; n/100 == 2 && !isHTML(resp.Header) || n == http.StatusNotFound || n == http.StatusMethodNotAllowed || n == http.StatusNotImplemented {
		p.done(s)
		return
	}
	p.failed(s, classifyPost(resp, text, p.l.o.Now()))
}

// serve runs the session of a Link that has nothing to send, until the server has refused
// it or has answered for soon.
func (p *probe) serve(ctx context.Context, conn *websocket.Conn, g *guard, src Source, soon time.Duration) {
	l := p.l
	wire, err := l.speak(ctx, newSocket(conn, g, minWriteBuffer))
	if err != nil {
		p.failed(Step{Name: StepLogin}, classifyDial(&dialError{phase: phaseUpgrade, err: err}, &l.o))
		return
	}
	l.board.enter(Online)
	s := newSession(l, wire, conn.Subprotocol(), src)
	inner, leave := context.WithCancel(ctx)
	ended := make(chan ending, 1)
	go func() { ended <- s.run(inner) }()
	defer func() { leave(); <-ended }()
	wait := func(name string, limit time.Duration, good func(Status) bool) bool {
		look := time.NewTicker(probeLook)
		defer look.Stop()
		for {
			select {
			case end := <-ended:
				ended <- end
				f := classifyEnd(end.own, end.read)
				if ctx.Err() == nil {
					p.failed(Step{Name: name}, f)
				}
				return false
			case <-look.C:
			}
			switch now := l.Status(); {
			case good(now):
				p.done(Step{Name: name, RTT: now.RTT})
				return true
			case limit > 0 && time.Since(p.began) >= limit:
				p.failed(Step{Name: name}, finding{endPolicy: endPolicy{problem: ProblemMTU,
					sentence: fmt.Sprintf("small pings were answered, and in %v not one of those that fill a packet", limit)}})
				return false
			}
		}
	}
	if !wait(StepLogin, 0, func(now Status) bool { return now.RTT > 0 && time.Since(p.began) >= soon }) {
		return
	}
	before := l.Status().ForeignPongs
	if _, err := conn.NetConn().Write(largePings()); err != nil {
		return // the session says why
	}
	wait(StepLarge, min(probeLarge, l.o.PhaseTimeout), func(now Status) bool { return now.ForeignPongs > before })
}

// largePings is so many pings in one piece that it fills a packet: a ping is the one
// message that every server answers and none takes for data, and it is short (RFC 6455, 5.5).
func largePings() []byte {
	const most = 125
	var all []byte
	for range probePings {
		all = append(all, 0x80|websocket.PingMessage, 0x80|most, 0, 0, 0, 0) // a mask of zeros changes nothing
		for i := range most {
			all = append(all, "portti "[i%7])
		}
	}
	return all
}
