package uplink

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
)

const maxTokenAnswer = 64 << 10 // bytes of a token server's answer, head and body each

var (
	errTokenAnswer = errors.New("the answer is longer than 64 KB")
	errNoAccess    = errors.New("the answer holds no access token")
)

// request is one request for a token: its limits, and what came of it. It is
// used by one goroutine.
type request struct {
	o         *Options
	base      *http.Transport
	scrub     scrubber
	saveFault *TokenError // the refresh token could not be written

	phase   atomic.Int32 // set by goroutines of net/http
	reached atomic.Bool  // a server, or a proxy, has seen us
	status  int          // of the last answer; 0 = none
	header  http.Header
	html    bool
	words   string // what the server says about a refusal
}

func newRequest(o *Options) *request {
	r := &request{o: o}
	r.enter(phaseConnect)
	return r
}

func (r *request) enter(p phase) { r.phase.Store(int32(p)) }

// hide keeps a secret out of everything that is said about this request.
func (r *request) hide(s Secret) { r.scrub = r.scrub.with(s.Reveal()) }

// client makes the HTTP client for it: certificates, proxy and network as for
// the uplink, each phase limited, no redirect followed, nothing kept open.
func (r *request) client() (*http.Client, error) {
	config, err := tlsConfig(r.o)
	if err != nil {
		return nil, err
	}
	dial := r.o.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	r.base = &http.Transport{
		TLSClientConfig: config,
		Proxy:           r.proxy,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			limited, cancel := context.WithTimeout(ctx, r.o.PhaseTimeout)
			defer cancel()
			conn, err := dial(limited, network, addr)
			if err == nil {
				r.reached.Store(true)
			}
			return conn, err
		},
		DialTLSContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			return r.secure(ctx, addr, config)
		},
		TLSHandshakeTimeout:    r.o.PhaseTimeout, // behind a proxy
		ResponseHeaderTimeout:  r.o.PhaseTimeout,
		MaxResponseHeaderBytes: maxTokenAnswer,
		DisableKeepAlives:      true,
		DisableCompression:     true,
	}
	return &http.Client{
		Transport:     r,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// secure connects to a server where no proxy stands before it, to whichever of its
// addresses answers, as for the uplink.
func (r *request) secure(ctx context.Context, addr string, config *tls.Config) (net.Conn, error) {
	d := dialer{o: r.o, beat: func(time.Duration) {}}
	w := d.startWay(ctx, url.URL{Scheme: "https", Host: addr}, nil, config)
	defer w.end()
	a, derr := w.next()
	if derr != nil {
		r.reached.Store(derr.phase >= phaseTLS)
		r.enter(derr.phase)
		return nil, derr.err
	}
	a.stop()
	a.guard.up.Store(true)
	r.reached.Store(true)
	return a.conn, a.guard.SetDeadline(time.Time{})
}

// RoundTrip sends one HTTP request and takes the whole answer in.
func (r *request) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(httptrace.WithClientTrace(req.Context(), r.trace()), fetchLimit)
	defer cancel()
	req = req.Clone(ctx)
	if r.o.UserAgent != "" {
		req.Header.Set("User-Agent", r.o.UserAgent)
	}
	began := time.Now()
	resp, err := r.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	took := time.Since(began)
	body := resp.Body
	defer body.Close()
	defer time.AfterFunc(r.o.PhaseTimeout, cancel).Stop()
	text, err := io.ReadAll(io.LimitReader(body, maxTokenAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("the answer broke off: %w", err)
	}
	if len(text) > maxTokenAnswer {
		return nil, errTokenAnswer
	}
	resp.Body = io.NopCloser(bytes.NewReader(text))
	r.status, r.header, r.html = resp.StatusCode, resp.Header, isHTML(resp.Header)
	if resp.StatusCode/100 != 2 {
		r.words = serverWords(resp.Header, text)
	}
	if bytes.HasPrefix(bytes.TrimLeft(text, jsonSpace), []byte("{")) {
		// Some servers call JSON plain text, which the library takes for a form.
		resp.Header.Set("Content-Type", "application/json")
	}
	if now, slack, ok := serverDate(resp.Header, took); ok && resp.TLS != nil {
		r.o.reportServerTime(now, slack)
	}
	return resp, nil
}

func (r *request) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		TLSHandshakeStart: func() { r.enter(phaseTLS) },
		GotConn:           func(httptrace.GotConnInfo) { r.enter(phaseUpgrade) },
	}
}

// proxy asks as for the uplink.
func (r *request) proxy(req *http.Request) (*url.URL, error) {
	target := *req.URL
	target.Scheme = "ws" + strings.TrimPrefix(target.Scheme, "http")
	d := dialer{o: r.o, hide: func(secret string) { r.hide(NewSecret(secret)) }}
	return d.proxy(target)
}

// fault turns what went wrong into words, without secrets.
func (r *request) fault(err error) *TokenError {
	var tokenErr *TokenError
	if errors.As(err, &tokenErr) {
		return tokenErr
	}
	var answer *oauth2.RetrieveError
	code := ""
	if errors.As(err, &answer) {
		code = answer.ErrorCode
	}
	if r.status != 0 && (answer != nil || r.status/100 != 2) {
		return r.refusal(code)
	}
	if r.html && r.status/100 == 2 {
		return tokenFault(ProblemPortal, false, "a web page answers instead of the token server (login page of the network?)")
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // without the address
	}
	return r.failure(err)
}

// refusal reads an HTTP status and an OAuth error code.
func (r *request) refusal(code string) *TokenError {
	says := fmt.Sprintf("HTTP %d", r.status)
	if code != "" {
		says += ", " + r.scrub.clean(code)
	}
	if r.words != "" && r.words != code {
		says += ": " + r.scrub.clean(r.words)
	}
	switch {
	case code == "invalid_grant":
		return tokenFault(ProblemTokenRefused, true, "the token server says that the login of this gateway has ended or was withdrawn (%s)", says)
	case r.status/100 == 3:
		where := ""
		if where = redirectTarget(r.header); where != "" {
			where = " to " + r.scrub.clean(where)
		}
		return tokenFault(ProblemTokenServer, true, "the token server answered with a redirect%s, which is not followed", where)
	case r.status == http.StatusProxyAuthRequired:
		return tokenFault(ProblemProxyAuth, true, "the proxy wants a user name and password")
	case r.status == http.StatusNotFound || r.status == http.StatusGone || r.status == http.StatusMethodNotAllowed:
		return tokenFault(ProblemTokenServer, true, "the token server knows no such address (%s)", says)
	case asksForPatience(r.status) || code == "temporarily_unavailable" || code == "server_error" || code == "slow_down":
		e := tokenFault(ProblemTokenServer, false, "the token server has a fault or asks to slow down (%s)", says)
		e.Wait, _ = retryAfter(r.header.Get("Retry-After"), answerTime(r.header.Get("Date"), r.o.Now()))
		return e
	}
	return tokenFault(ProblemTokenRefused, true, "the token server refuses this gateway (%s)", says)
}

// failure reads an error of the network, of TLS or of what was answered.
func (r *request) failure(err error) *TokenError {
	f := classifyFailure(&dialError{phase: phase(r.phase.Load()), err: err}, r.o)
	v := policyFor(endFailure, int(f))
	switch {
	case f == failClock || f == failNotYet:
		return tokenFault(ProblemClockUnset, false, "the token server's certificate cannot be judged because the clock of this gateway is not set")
	case f == failClientCert || f == failClientRefused || f == failClientWanted:
		return tokenFault(ProblemTLSClient, true, "%s (at the token server): %s", v.sentence, r.scrub.clean(err.Error()))
	case f == failProxyAuth || err.Error() == http.StatusText(http.StatusProxyAuthRequired):
		return tokenFault(ProblemProxyAuth, true, "the proxy wants a user name and password")
	case r.status != 0 || errors.Is(err, errTokenAnswer):
		return tokenFault(ProblemTokenServer, false, "the token server's answer makes no sense: %s", r.scrub.clean(err.Error()))
	}
	sentence := "cannot get a token: " + strings.ReplaceAll(v.sentence, "the server", "the token server")
	if detail := r.scrub.clean(failureDetail(f, err)); detail != "" {
		sentence += ": " + detail
	}
	return tokenFault(ProblemTokenServer, v.do == actionPark, "%s", sentence)
}
