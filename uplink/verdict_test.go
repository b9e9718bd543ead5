package uplink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
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

// Row 38: each row of the table of close codes, as action, ladder, what is
// blamed and what is shown.
func TestEveryCloseCodeHasItsRow(t *testing.T) {
	for _, c := range []struct {
		code    int
		do      course
		ladder  ladder
		blame   blame
		problem string
	}{
		{1000, courseSpread, ladderNetwork, blameNone, ""},
		{1001, courseSpread, ladderNetwork, blameNone, ""},
		{1002, courseRetry, ladderNetwork, blameNone, ProblemProtocol},
		{1003, coursePark, ladderRefused, blameNone, ProblemClosed},
		{1005, courseSpread, ladderNetwork, blameNone, ""},
		{1006, courseRetry, ladderNetwork, blameNone, ProblemClosed},
		{1007, courseRetry, ladderNetwork, blamePayload, ProblemClosed},
		{1008, courseAuthPark, ladderRefused, blameNone, ProblemAuthRejected},
		{1009, courseRetry, ladderNetwork, blameSize, ProblemTooBig},
		{1010, coursePark, ladderRefused, blameNone, ProblemProtocol},
		{1011, courseRetry, ladderNetwork, blameServer, ProblemServer},
		{1012, courseSpread, ladderNetwork, blameNone, ""},
		{1013, courseRetry, ladderBusy, blameNone, ProblemRateLimited},
		{3000, courseAuth, ladderRefused, blameNone, ProblemAuthRejected},
		{3001, courseRetry, ladderNetwork, blameNone, ProblemClosed},
		{3003, coursePark, ladderRefused, blameNone, ProblemForbidden},
		{3008, courseRetry, ladderNetwork, blameNone, ProblemClosed},
		{3499, courseRetry, ladderNetwork, blameNone, ProblemClosed},
		{3500, coursePark, ladderRefused, blameNone, ProblemClosed},
		{3999, coursePark, ladderRefused, blameNone, ProblemClosed},
		{4000, courseRetry, ladderNetwork, blameNone, ProblemClosed},
		{4001, courseAuth, ladderRefused, blameNone, ProblemAuthRejected},
		{4002, courseRetry, ladderNetwork, blameNone, ProblemClosed},
		{4003, courseRetry, ladderBusy, blameNone, ProblemTooMany},
		{4499, courseRetry, ladderNetwork, blameNone, ProblemClosed},
		{4500, coursePark, ladderRefused, blameNone, ProblemClosed},
		{4999, coursePark, ladderRefused, blameNone, ProblemClosed},
		{2999, courseRetry, ladderNetwork, blameNone, ProblemClosed},
	} {
		f := classifyEnd(nil, &websocket.CloseError{Code: c.code})
		if f.do != c.do || f.ladder != c.ladder || f.blame != c.blame || f.problem != c.problem || f.code != c.code {
			t.Errorf("close %d: %+v", c.code, f)
		}
		parks := f.do == coursePark || f.do == courseAuth || f.do == courseAuthPark
		if state := stateAfter(f); (state == Parked) != parks {
			t.Errorf("close %d: the link is %s", c.code, state)
		}
	}
	for code := range 1 << 16 {
		if v := judge(onClose, code); v.on != onClose || v.sentence == "" {
			t.Fatalf("close %d has no row", code)
		}
	}
	for code, floor := range map[int]time.Duration{1012: 5 * time.Second, 4002: 5 * time.Second, 1000: 0, 4001: 0} {
		if f := judge(onClose, code).floor; f != floor {
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
		do      course
		ladder  ladder
		problem string
		after   time.Duration
	}{
		{200, "text/html; charset=utf-8", "", courseRetry, ladderNetwork, ProblemPortal, 0},
		{200, "Text/HTML", "", courseRetry, ladderNetwork, ProblemPortal, 0},
		{200, "text/html\f", "", courseRetry, ladderNetwork, ProblemProtocol, 0},
		{200, "text/html5", "", courseRetry, ladderNetwork, ProblemProtocol, 0},
		{200, "application/json", "", courseRetry, ladderNetwork, ProblemProtocol, 0},
		{101, "", "", courseRetry, ladderNetwork, ProblemProtocol, 0},
		{302, "text/html", "", courseRetry, ladderNetwork, ProblemRedirect, 0},
		{307, "", "", courseRetry, ladderNetwork, ProblemRedirect, 0},
		{400, "", "", courseRetry, ladderNetwork, ProblemProtocol, 0},
		{401, "", "", courseAuth, ladderRefused, ProblemAuthRejected, 0},
		{401, "", "60", courseAuth, ladderRefused, ProblemAuthRejected, 0},
		{403, "", "", coursePark, ladderRefused, ProblemForbidden, 0},
		{404, "", "", coursePark, ladderRefused, ProblemNotFound, 0},
		{407, "", "", coursePark, ladderRefused, ProblemProxyAuth, 0},
		{408, "", "", courseRetry, ladderNetwork, ProblemServer, 0},
		{410, "", "", coursePark, ladderRefused, ProblemNotFound, 0},
		{418, "", "", courseRetry, ladderNetwork, ProblemProtocol, 0},
		{425, "", "7", courseRetry, ladderNetwork, ProblemServer, 7 * time.Second},
		{426, "", "", coursePark, ladderRefused, ProblemProtocol, 0},
		{429, "", "90", courseRetry, ladderBusy, ProblemRateLimited, 90 * time.Second},
		{500, "", "", courseRetry, ladderNetwork, ProblemServer, 0},
		{502, "", "", courseRetry, ladderNetwork, ProblemServer, 0},
		{503, "", "100000", courseRetry, ladderNetwork, ProblemServer, time.Hour},
		{503, "text/html", "", courseRetry, ladderNetwork, ProblemServer, 0},
		{504, "", "soon", courseRetry, ladderNetwork, ProblemServer, 0},
		{999, "", "", courseRetry, ladderNetwork, ProblemProtocol, 0},
	} {
		o := Options{}
		o.setDefaults()
		f := classifyDial(&dialError{phase: phaseUpgrade, err: websocket.ErrBadHandshake, status: c.status, contentType: c.ctype, retryAfter: c.retry}, &o)
		parks := f.do == coursePark || f.do == courseAuth
		if f.do != c.do || f.ladder != c.ladder || f.problem != c.problem || f.retryAfter != c.after || f.sentence == "" || (stateAfter(f) == Parked) != parks {
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
		do      course
		problem string
	}{
		{"name not found", phaseConnect, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}, now, false, courseRetry, ProblemDNS},
		{"resolver timeout", phaseConnect, &net.DNSError{Err: "i/o timeout", IsTimeout: true}, now, false, courseRetry, ProblemDNS},
		{"refused", phaseConnect, op(syscall.ECONNREFUSED), now, false, courseRetry, ProblemRefused},
		{"no network", phaseConnect, op(syscall.ENETUNREACH), now, false, courseRetry, ProblemNoRoute},
		{"no host", phaseConnect, op(syscall.EHOSTUNREACH), now, false, courseRetry, ProblemNoRoute},
		{"SYN unanswered", phaseConnect, &net.OpError{Op: "dial", Err: context.DeadlineExceeded}, now, false, courseRetry, ProblemTimeout},
		{"TLS silence", phaseTLS, &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, now, false, courseRetry, ProblemTimeout},
		{"reset in TLS", phaseTLS, op(syscall.ECONNRESET), now, false, courseRetry, ProblemClosed},
		{"end in upgrade", phaseUpgrade, io.ErrUnexpectedEOF, now, false, courseRetry, ProblemClosed},
		{"clock behind", phaseTLS, expired, now.AddDate(-50, 0, 0), true, courseClock, ProblemClockUnset},
		{"clock ahead", phaseTLS, expired, now.AddDate(50, 0, 0), true, courseClock, ProblemClockUnset},
		{"not valid yet", phaseTLS, expired, now.AddDate(-3, 0, 0), false, courseClock, ProblemTLSNotYet},
		{"expired", phaseTLS, expired, now.AddDate(3, 0, 0), false, coursePark, ProblemTLSExpired},
		{"unknown CA", phaseTLS, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{Cert: cert}}, now, false, coursePark, ProblemTLSUnknownCA},
		{"wrong name", phaseTLS, &tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: cert, Host: "a"}}, now, false, coursePark, ProblemTLSName},
		{"no CA but a server", phaseTLS, x509.CertificateInvalidError{Cert: cert, Reason: x509.NotAuthorizedToSign}, now, false, coursePark, ProblemTLSUnknownCA},
		{"TLS to a plain port", phaseTLS, tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, now, false, coursePark, ProblemTLSFailed},
		{"TLS alert", phaseTLS, errors.New("remote error: tls: protocol version not supported"), now, false, courseRetry, ProblemTLSFailed},
		{"CA file", phaseTLS, fmt.Errorf("%w x: it holds nothing", errCAFile), now, false, coursePark, ProblemTLSFailed},
		{"token file", phaseToken, fmt.Errorf("%w: it is empty", errToken), now, false, coursePark, ProblemTokenFile},
		{"proxy wants a login", phaseProxy, &proxyError{err: errors.New("407"), login: true}, now, false, coursePark, ProblemProxyAuth},
		{"proxy refuses", phaseProxy, &proxyError{err: errors.New("403")}, now, false, courseRetry, ProblemProxy},
		{"proxy's name not found", phaseConnect, &proxyError{err: &net.DNSError{Err: "no such host", IsNotFound: true}}, now, false, courseRetry, ProblemProxy},
		{"nobody at the proxy's port", phaseConnect, &proxyError{err: op(syscall.ECONNREFUSED)}, now, false, courseRetry, ProblemProxy},
		{"no network to the proxy", phaseConnect, &proxyError{err: op(syscall.ENETUNREACH)}, now, false, courseRetry, ProblemNoRoute},
		{"proxy's certificate, clock not set", phaseProxy, &proxyError{err: expired}, now.AddDate(-50, 0, 0), true, courseClock, ProblemClockUnset},
		{"proxy's certificate expired", phaseProxy, &proxyError{err: expired}, now.AddDate(3, 0, 0), false, courseRetry, ProblemProxy},
		{"proxy setting", phaseConnect, errProxyConf, now, false, courseRetry, ProblemProxy},
		{"not HTTP", phaseUpgrade, errors.New(`malformed HTTP response "\x15\x03\x01"`), now, false, courseRetry, ProblemProtocol},
		{"endless header", phaseUpgrade, errHandshakeSize, now, false, courseRetry, ProblemProtocol},
		{"compression forced", phaseUpgrade, errExtension, now, false, coursePark, ProblemProtocol},
		{"something new", phaseConnect, errors.New("who knows"), now, false, courseRetry, ProblemClosed},
	} {
		o := Options{Now: func() time.Time { return c.now }, ClockTrusted: func() bool { return !c.blind }}
		o.setDefaults()
		f := classifyDial(&dialError{phase: c.phase, err: c.err}, &o)
		ladder, state := ladderNetwork, Waiting
		if c.do == coursePark {
			ladder, state = ladderRefused, Parked
		}
		if f.do != c.do || f.ladder != ladder || f.problem != c.problem || f.sentence == "" || stateAfter(f) != state {
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
		do        course
		ladder    ladder
		problem   string
		says      string
	}{
		{"close frame wins over our write", syscall.EPIPE, &websocket.CloseError{Code: 1013, Text: "busy"}, courseRetry, ladderBusy, ProblemRateLimited, "close code 1013: busy"},
		{"no pong", errNoPong, closed, courseRetry, ladderNetwork, ProblemNoPong, ""},
		{"never a pong", errNeverPong, closed, courseRetry, ladderNetwork, ProblemNoPong, ""},
		{"write stuck", errWriteStuck, closed, courseRetry, ladderNetwork, ProblemNotReading, ""},
		{"no count", errNotReading, closed, courseRetry, ladderNetwork, ProblemNotReading, ""},
		{"count too high", errBadAck, closed, courseRetry, ladderNetwork, ProblemProtocol, ""},
		{"flood", nil, errFlood, courseRetry, ladderBusy, ProblemProtocol, ""},
		{"too many bytes", nil, errInboundRate, courseRetry, ladderBusy, ProblemProtocol, ""},
		{"drip", nil, errSlow, courseRetry, ladderNetwork, ProblemSlow, ""},
		{"no pong, for a message that never ended", errNoPong, midMessage{closed}, courseRetry, ladderNetwork, ProblemSlow, ""},
		{"never a pong, for a message that never ended", errNeverPong, midMessage{closed}, courseRetry, ladderNetwork, ProblemSlow, ""},
		{"cut in the middle of a message", nil, midMessage{&websocket.CloseError{Code: 1006, Text: "unexpected EOF"}}, courseRetry, ladderNetwork, ProblemClosed, ""},
		{"write stuck, and half a message", errWriteStuck, midMessage{closed}, courseRetry, ladderNetwork, ProblemNotReading, ""},
		{"FIN", nil, &websocket.CloseError{Code: 1006, Text: "unexpected EOF"}, courseRetry, ladderNetwork, ProblemClosed, ""},
		{"FIN at a write", syscall.EPIPE, &websocket.CloseError{Code: 1006, Text: "unexpected EOF"}, courseRetry, ladderNetwork, ProblemClosed, ""},
		{"RST", nil, &net.OpError{Op: "read", Err: syscall.ECONNRESET}, courseRetry, ladderNetwork, ProblemClosed, ""},
		{"read deadline", nil, timeout, courseRetry, ladderNetwork, ProblemClosed, ""},
		{"kernel gave up", nil, &net.OpError{Op: "read", Err: syscall.ETIMEDOUT}, courseRetry, ladderNetwork, ProblemClosed, ""},
		{"1014", nil, errors.New("websocket: bad close code 1014"), courseRetry, ladderNetwork, ProblemServer, ""},
		{"1015", nil, errors.New("websocket: bad close code 1015"), courseRetry, ladderNetwork, ProblemProtocol, "1015"},
		{"5000", nil, errors.New("websocket: bad close code 5000"), courseRetry, ladderNetwork, ProblemProtocol, "5000"},
		{"bad UTF-8", nil, errors.New("websocket: invalid utf8 payload in close frame"), courseRetry, ladderNetwork, ProblemProtocol, ""},
		{"flood, and a write met our end of it", closed, errFlood, courseRetry, ladderBusy, ProblemProtocol, ""},
		{"huge, and a write met our end of it", syscall.EPIPE, websocket.ErrReadLimit, courseRetry, ladderNetwork, ProblemProtocol, ""},
		{"5000, and a write came after our answer", websocket.ErrCloseSent, errors.New("websocket: bad close code 5000"), courseRetry, ladderNetwork, ProblemProtocol, "5000"},
		{"no pong, and then junk", errNoPong, websocket.ErrReadLimit, courseRetry, ladderNetwork, ProblemNoPong, ""},
		{"huge", nil, websocket.ErrReadLimit, courseRetry, ladderNetwork, ProblemProtocol, ""},
	} {
		f := classifyEnd(c.own, c.read)
		if f.do != c.do || f.ladder != c.ladder || f.problem != c.problem || !strings.Contains(f.detail, c.says) {
			t.Errorf("%s: %+v", c.name, f)
		}
	}
}

func TestNoRowHidesAnother(t *testing.T) {
	for i, a := range verdicts {
		for _, b := range verdicts[:i] {
			if a.on == b.on && b.lo <= a.lo && a.hi <= b.hi {
				t.Errorf("row %+v is never reached, %+v takes it", a, b)
			}
		}
	}
	for f := failUnknown + 1; f < failures; f++ {
		if v := judge(onFailure, int(f)); v.lo != int(f) {
			t.Errorf("failure %d has no row of its own", f)
		}
	}
}
