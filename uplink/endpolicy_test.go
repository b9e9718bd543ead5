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
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// stateAfter is what the link shows after f came again and again: the one try
// with a new token is spent.
func stateAfter(f finding) State {
	l := &Link{backoff: *newBackoff(func() float64 { return 0.5 }), authTried: true}
	_, state := l.delay(&f)
	return state
}

// Row 38: each row of the table of close codes, as action, class, cause and
// what is shown.
func TestEveryCloseCodeHasItsRow(t *testing.T) {
	for _, c := range []struct {
		code    int
		do      action
		class   backoffClass
		cause   cause
		problem string
	}{
		{1000, actionSpread, classNetwork, causeNone, ProblemClosed},
		{1001, actionSpread, classNetwork, causeNone, ProblemClosed},
		{1002, actionRetry, classNetwork, causeNone, ProblemProtocol},
		{1003, actionPark, classRefused, causeNone, ProblemClosed},
		{1005, actionSpread, classNetwork, causeNone, ProblemClosed},
		{1006, actionRetry, classNetwork, causeNone, ProblemClosed},
		{1007, actionRetry, classNetwork, causePayload, ProblemClosed},
		{1008, actionAuthRetry, classRefused, causeNone, ProblemRefusedLink},
		{1009, actionRetry, classNetwork, causeSize, ProblemTooBig},
		{1010, actionPark, classRefused, causeNone, ProblemProtocol},
		{1011, actionRetry, classNetwork, causeServer, ProblemServer},
		{1012, actionSpread, classNetwork, causeNone, ProblemClosed},
		{1013, actionRetry, classBusy, causeNone, ProblemRateLimited},
		{3000, actionAuth, classRefused, causeNone, ProblemAuthRejected},
		{3001, actionRetry, classNetwork, causeNone, ProblemClosed},
		{3003, actionPark, classRefused, causeNone, ProblemForbidden},
		{3008, actionRetry, classNetwork, causeNone, ProblemClosed},
		{3499, actionRetry, classNetwork, causeNone, ProblemClosed},
		{3500, actionPark, classRefused, causeNone, ProblemClosed},
		{3999, actionPark, classRefused, causeNone, ProblemClosed},
		{4000, actionRetry, classNetwork, causeNone, ProblemClosed},
		{4001, actionAuth, classRefused, causeNone, ProblemAuthRejected},
		{4002, actionRetry, classNetwork, causeNone, ProblemClosed},
		{4003, actionRetry, classBusy, causeNone, ProblemTooMany},
		{4401, actionAuth, classRefused, causeNone, ProblemAuthRejected},
		{4403, actionPark, classRefused, causeNone, ProblemForbidden},
		{4429, actionRetry, classBusy, causeNone, ProblemRateLimited},
		{4499, actionRetry, classNetwork, causeNone, ProblemClosed},
		{4500, actionPark, classRefused, causeNone, ProblemClosed},
		{4999, actionPark, classRefused, causeNone, ProblemClosed},
		{2999, actionRetry, classNetwork, causeNone, ProblemClosed},
	} {
		f := classifyEnd(nil, &websocket.CloseError{Code: c.code})
		if f.do != c.do || f.class != c.class || f.cause != c.cause || f.problem != c.problem || f.code != c.code {
			t.Errorf("close %d: %+v", c.code, f)
		}
		parks := f.do == actionPark || f.do == actionAuth || f.do == actionAuthPark
		if state := stateAfter(f); (state == Parked) != parks {
			t.Errorf("close %d: the link is %s", c.code, state)
		}
	}
	for code := range 1 << 16 {
		if v := policyFor(endClose, code); v.kind != endClose || v.sentence == "" {
			t.Fatalf("close %d has no row", code)
		}
	}
	for code, floor := range map[int]time.Duration{1012: 5 * time.Second, 4002: 5 * time.Second, 1000: 0, 4001: 0} {
		if f := policyFor(endClose, code).floor; f != floor {
			t.Errorf("floor of %d is %v, want %v", code, f, floor)
		}
	}
}

// Row 41: each row of the table of answers to the upgrade.
func TestHTTPAnswersHaveTheirRow(t *testing.T) {
	for _, c := range []struct {
		status  int
		ctype   string
		retry   string
		do      action
		class   backoffClass
		problem string
		after   time.Duration
	}{
		{200, "text/html; charset=utf-8", "", actionRetry, classNetwork, ProblemPortal, 0},
		{200, "Text/HTML", "", actionRetry, classNetwork, ProblemPortal, 0},
		{200, "text/html\f", "", actionRetry, classNetwork, ProblemProtocol, 0},
		{200, "text/html5", "", actionRetry, classNetwork, ProblemProtocol, 0},
		{200, "application/json", "", actionRetry, classNetwork, ProblemProtocol, 0},
		{101, "", "", actionRetry, classNetwork, ProblemProtocol, 0},
		{302, "text/html", "", actionRetry, classNetwork, ProblemRedirect, 0},
		{307, "", "", actionRetry, classNetwork, ProblemRedirect, 0},
		{400, "", "", actionRetry, classNetwork, ProblemProtocol, 0},
		{401, "", "", actionAuth, classRefused, ProblemAuthRejected, 0},
		{401, "", "60", actionAuth, classRefused, ProblemAuthRejected, 0},
		{403, "", "", actionPark, classRefused, ProblemForbidden, 0},
		{404, "", "", actionPark, classRefused, ProblemNotFound, 0},
		{407, "", "", actionPark, classRefused, ProblemProxyAuth, 0},
		{408, "", "", actionRetry, classNetwork, ProblemServer, 0},
		{405, "", "", actionPark, classRefused, ProblemNotFound, 0},
		{409, "", "", actionRetry, classNetwork, ProblemRefusedLink, 0},
		{410, "", "", actionPark, classRefused, ProblemNotFound, 0},
		{418, "", "", actionRetry, classNetwork, ProblemRefusedLink, 0},
		{425, "", "7", actionRetry, classNetwork, ProblemServer, 7 * time.Second},
		{426, "", "", actionPark, classRefused, ProblemProtocol, 0},
		{429, "", "90", actionRetry, classBusy, ProblemRateLimited, 90 * time.Second},
		{500, "", "", actionRetry, classNetwork, ProblemServer, 0},
		{502, "", "", actionRetry, classNetwork, ProblemServer, 0},
		{503, "", "100000", actionRetry, classNetwork, ProblemServer, time.Hour},
		{503, "text/html", "", actionRetry, classNetwork, ProblemServer, 0},
		{504, "", "soon", actionRetry, classNetwork, ProblemServer, 0},
		{999, "", "", actionRetry, classNetwork, ProblemProtocol, 0},
	} {
		o := Options{}
		o.setDefaults()
		resp := &http.Response{StatusCode: c.status, Header: http.Header{"Content-Type": {c.ctype}, "Retry-After": {c.retry}}}
		f := classifyDial(&dialError{phase: phaseUpgrade, err: websocket.ErrBadHandshake, resp: resp}, &o)
		parks := f.do == actionPark || f.do == actionAuth
		if f.do != c.do || f.class != c.class || f.problem != c.problem || f.retryAfter != c.after || f.sentence == "" || (stateAfter(f) == Parked) != parks {
			t.Errorf("status %d %s: %+v", c.status, c.ctype, f)
		}
	}
}

func TestFailuresBelowHTTPHaveTheirRow(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	cert := &x509.Certificate{NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0)}
	expired := &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Cert: cert, Reason: x509.Expired}}
	op := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}
	}
	for _, c := range []struct {
		name    string
		phase   phase
		err     error
		now     time.Time
		blind   bool // the clock is not trusted
		do      action
		problem string
	}{
		{"name not found", phaseConnect, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}, now, false, actionRetry, ProblemDNS},
		{"resolver timeout", phaseConnect, &net.DNSError{Err: "i/o timeout", IsTimeout: true}, now, false, actionRetry, ProblemDNS},
		{"name of the local network", phaseConnect, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "Hub.LOCAL."}}, now, false, actionRetry, ProblemDNS},
		{"refused", phaseConnect, op(syscall.ECONNREFUSED), now, false, actionRetry, ProblemRefused},
		{"no network", phaseConnect, op(syscall.ENETUNREACH), now, false, actionRetry, ProblemNoRoute},
		{"no host", phaseConnect, op(syscall.EHOSTUNREACH), now, false, actionRetry, ProblemNoRoute},
		{"route that leads nowhere", phaseConnect, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EINVAL)}, now, false, actionRetry, ProblemNoRoute},
		{"firewall of this machine", phaseConnect, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EPERM)}, now, false, actionRetry, ProblemNoRoute},
		{"name server that nothing leads to", phaseConnect, &net.DNSError{Err: "dial udp 10.98.0.2:53: connect: no route to host"}, now, false, actionRetry, ProblemNoRoute},
		{"name server that is off", phaseConnect, &net.DNSError{Err: "read udp 10.0.0.1:4000->10.0.0.2:53: read: no route to host"}, now, false, actionRetry, ProblemDNS},
		{"large packets vanish", phaseTLS, op(syscall.ETIMEDOUT), now, false, actionRetry, ProblemMTU},
		{"SYN unanswered", phaseConnect, &net.OpError{Op: "dial", Err: context.DeadlineExceeded}, now, false, actionRetry, ProblemTimeout},
		{"TLS silence", phaseTLS, &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, now, false, actionRetry, ProblemTimeout},
		{"reset in TLS", phaseTLS, op(syscall.ECONNRESET), now, false, actionRetry, ProblemClosed},
		{"end in upgrade", phaseUpgrade, io.ErrUnexpectedEOF, now, false, actionRetry, ProblemClosed},
		{"clock behind", phaseTLS, expired, now.AddDate(-50, 0, 0), true, actionClock, ProblemClockUnset},
		{"clock ahead", phaseTLS, expired, now.AddDate(50, 0, 0), true, actionClock, ProblemClockUnset},
		{"not valid yet", phaseTLS, expired, now.AddDate(-3, 0, 0), false, actionClock, ProblemTLSNotYet},
		{"expired", phaseTLS, expired, now.AddDate(3, 0, 0), false, actionPark, ProblemTLSExpired},
		{"unknown CA", phaseTLS, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{Cert: cert}}, now, false, actionPark, ProblemTLSUnknownCA},
		{"wrong name", phaseTLS, &tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: cert, Host: "a"}}, now, false, actionPark, ProblemTLSName},
		{"no CA but a server", phaseTLS, x509.CertificateInvalidError{Cert: cert, Reason: x509.NotAuthorizedToSign}, now, false, actionPark, ProblemTLSUnknownCA},
		{"TLS to a plain port", phaseTLS, tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, now, false, actionPark, ProblemTLSFailed},
		{"TLS alert", phaseTLS, errors.New("remote error: tls: protocol version not supported"), now, false, actionRetry, ProblemTLSFailed},
		{"CA file", phaseTLS, fmt.Errorf("%w x: it holds nothing", errCAFile), now, false, actionPark, ProblemTLSFailed},
		{"token file", phaseToken, fmt.Errorf("%w: it is empty", errToken), now, false, actionPark, ProblemTokenFile},
		{"proxy wants a login", phaseProxy, proxyError{fault{failProxyAuth, "407"}}, now, false, actionPark, ProblemProxyAuth},
		{"proxy refuses", phaseProxy, proxyError{errors.New("403")}, now, false, actionRetry, ProblemProxy},
		{"proxy's name not found", phaseConnect, proxyError{&net.DNSError{Err: "no such host", IsNotFound: true}}, now, false, actionRetry, ProblemProxy},
		{"nobody at the proxy's port", phaseConnect, proxyError{op(syscall.ECONNREFUSED)}, now, false, actionRetry, ProblemProxy},
		{"no network to the proxy", phaseConnect, proxyError{op(syscall.ENETUNREACH)}, now, false, actionRetry, ProblemNoRoute},
		{"proxy's certificate, clock not set", phaseProxy, proxyError{expired}, now.AddDate(-50, 0, 0), true, actionClock, ProblemClockUnset},
		{"proxy's certificate expired", phaseProxy, proxyError{expired}, now.AddDate(3, 0, 0), false, actionRetry, ProblemProxy},
		{"proxy setting", phaseConnect, errProxyConf, now, false, actionRetry, ProblemProxy},
		{"not HTTP", phaseUpgrade, errors.New(`malformed HTTP response "\x15\x03\x01"`), now, false, actionRetry, ProblemProtocol},
		{"endless header", phaseUpgrade, errHandshakeSize, now, false, actionRetry, ProblemProtocol},
		{"compression forced", phaseUpgrade, errExtension, now, false, actionPark, ProblemProtocol},
		{"something new", phaseConnect, errors.New("who knows"), now, false, actionRetry, ProblemClosed},
	} {
		o := Options{Now: func() time.Time { return c.now }, ClockTrusted: func() bool { return !c.blind }}
		o.setDefaults()
		f := classifyDial(&dialError{phase: c.phase, err: c.err}, &o)
		class, state := classNetwork, Waiting
		if c.do == actionPark {
			class, state = classRefused, Parked
		}
		if f.do != c.do || f.class != class || f.problem != c.problem || f.sentence == "" || stateAfter(f) != state {
			t.Errorf("%s: %+v, state %s", c.name, f, stateAfter(f))
		}
	}
}

func TestEndsOfASessionHaveTheirRow(t *testing.T) {
	timeout := &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}
	closed := &net.OpError{Op: "read", Err: net.ErrClosed}
	for _, c := range []struct {
		name      string
		own, read error
		do        action
		class     backoffClass
		problem   string
		says      string
	}{
		{"close frame wins over our write", syscall.EPIPE, &websocket.CloseError{Code: 1013, Text: "busy"}, actionRetry, classBusy, ProblemRateLimited, "close code 1013: busy"},
		{"no pong", failNoPong, closed, actionRetry, classNetwork, ProblemNoPong, ""},
		{"never a pong", failNeverPong, closed, actionRetry, classNetwork, ProblemNoPong, ""},
		{"write stuck", errWriteStuck, closed, actionRetry, classNetwork, ProblemNotReading, ""},
		{"no count", failNotReading, closed, actionRetry, classNetwork, ProblemNotReading, ""},
		{"count too high", failBadAck, closed, actionRetry, classNetwork, ProblemProtocol, ""},
		{"flood", nil, errFlood, actionRetry, classBusy, ProblemProtocol, ""},
		{"too many bytes", nil, errInboundRate, actionRetry, classBusy, ProblemProtocol, ""},
		{"drip", nil, errSlow, actionRetry, classNetwork, ProblemSlow, ""},
		{"no pong, for a message that never ended", failNoPong, midMessage{closed}, actionRetry, classNetwork, ProblemSlow, ""},
		{"never a pong, for a message that never ended", failNeverPong, midMessage{closed}, actionRetry, classNetwork, ProblemSlow, ""},
		{"cut in the middle of a message", nil, midMessage{&websocket.CloseError{Code: 1006, Text: "unexpected EOF"}}, actionRetry, classNetwork, ProblemClosed, ""},
		{"write stuck, and half a message", errWriteStuck, midMessage{closed}, actionRetry, classNetwork, ProblemNotReading, ""},
		{"FIN", nil, &websocket.CloseError{Code: 1006, Text: "unexpected EOF"}, actionRetry, classNetwork, ProblemClosed, ""},
		{"FIN at a write", syscall.EPIPE, &websocket.CloseError{Code: 1006, Text: "unexpected EOF"}, actionRetry, classNetwork, ProblemClosed, ""},
		{"RST", nil, &net.OpError{Op: "read", Err: syscall.ECONNRESET}, actionRetry, classNetwork, ProblemClosed, ""},
		{"read deadline", nil, timeout, actionRetry, classNetwork, ProblemClosed, ""},
		{"kernel gave up", nil, &net.OpError{Op: "read", Err: syscall.ETIMEDOUT}, actionRetry, classNetwork, ProblemClosed, ""},
		{"1014", nil, errors.New("websocket: bad close code 1014"), actionRetry, classNetwork, ProblemServer, ""},
		{"1015", nil, errors.New("websocket: bad close code 1015"), actionRetry, classNetwork, ProblemProtocol, "1015"},
		{"5000", nil, errors.New("websocket: bad close code 5000"), actionRetry, classNetwork, ProblemProtocol, "5000"},
		{"bad UTF-8", nil, errors.New("websocket: invalid utf8 payload in close frame"), actionRetry, classNetwork, ProblemProtocol, ""},
		{"flood, and a write met our end of it", closed, errFlood, actionRetry, classBusy, ProblemProtocol, ""},
		{"huge, and a write met our end of it", syscall.EPIPE, websocket.ErrReadLimit, actionRetry, classNetwork, ProblemProtocol, ""},
		{"5000, and a write came after our answer", websocket.ErrCloseSent, errors.New("websocket: bad close code 5000"), actionRetry, classNetwork, ProblemProtocol, "5000"},
		{"no pong, and then junk", failNoPong, websocket.ErrReadLimit, actionRetry, classNetwork, ProblemNoPong, ""},
		{"huge", nil, websocket.ErrReadLimit, actionRetry, classNetwork, ProblemProtocol, ""},
	} {
		f := classifyEnd(c.own, c.read)
		if f.do != c.do || f.class != c.class || f.problem != c.problem || !strings.Contains(f.detail, c.says) {
			t.Errorf("%s: %+v", c.name, f)
		}
	}
}

func TestNoRowHidesAnother(t *testing.T) {
	for i, a := range endPolicies {
		for _, b := range endPolicies[:i] {
			if a.kind == b.kind && b.lo <= a.lo && a.hi <= b.hi {
				t.Errorf("row %+v is never reached, %+v takes it", a, b)
			}
		}
	}
	for f := failUnknown + 1; f < failures; f++ {
		if v := policyFor(endFailure, int(f)); v.lo != int(f) {
			t.Errorf("failure %d has no row of its own", f)
		}
	}
}
