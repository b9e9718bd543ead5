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
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

// The ends a session makes itself that have words of their own.
var (
	errWriteStuck      = fault{failNotReading, "a frame could not be written in time"}
	errSlow            = fault{failSlow, "a message did not come to its end in time"}
	errFlood           = fault{failFlood, "too many messages in a second"}
	errToken           = fault{failToken, "no token"}
	errRefusesAll      = fault{failRefusesAll, "too many messages are refused"}
	errForeignProtocol = fault{failForeignProtocol, "the server's choice of a subprotocol"}
	errNoProtocol      = fault{failProtocolName, "the subprotocol was not selected"}
)

// finding is the policy for one end with what is special about this end.
type finding struct {
	endPolicy
	detail     string        // foreign text, to be cleaned before anybody sees it
	code       int           // of a close frame, else 0
	retryAfter time.Duration // with hasRetry
	hasRetry   bool
	orderly    bool // the server left, and that is no failure
	tokenless  bool // no address is the cause: there was no token
	dialed     bool // there was no connection yet
}

// classifyDial finds the policy for a dial that failed.
func classifyDial(e *dialError, o *Options) finding {
	if e.resp != nil && errors.Is(e.err, websocket.ErrBadHandshake) {
		f := classifyHTTP(e.resp, o.Now())
		if e.asked && e.resp.StatusCode/100 == 4 {
			f.detail += " (it asks for a certificate of this gateway, and client_cert in [uplink] names none)"
		}
		return f
	}
	if f := (found{}); errors.As(e.err, &f) {
		return f.finding
	}
	if tokenErr := (*TokenError)(nil); errors.As(e.err, &tokenErr) {
		return tokenErr.finding()
	}
	f := classifyFailure(e, o)
	if e.asked && (f == failTLS || f == failLost || f == failNotHTTP) { // not every server says what it misses
		f = failClientWanted
	}
	detail := failureDetail(f, e.err)
	if f == failNotHTTP && strings.Contains(detail, "server_id") { // how nats-server greets
		detail = "it is NATS without a WebSocket: write the port of websocket { } in the server's configuration into the address"
	}
	return finding{endPolicy: policyFor(endFailure, int(f)), detail: detail, tokenless: f == failToken}
}

func classifyHTTP(resp *http.Response, now time.Time) finding {
	status := resp.StatusCode
	f := finding{endPolicy: policyFor(endHTTP, status), detail: strconv.Itoa(status) + " " + http.StatusText(status)}
	switch where := redirectTarget(resp.Header); {
	case status/100 == 2 && isHTML(resp.Header):
		f.endPolicy = policyFor(endFailure, int(failCaptive))
	case status/100 == 3 && where != "":
		f.detail += " to " + where
	case resp.Body != nil:
		body, _ := io.ReadAll(resp.Body) // of which the library keeps 1,024 bytes
		if words := serverWords(resp.Header, body); words != "" && !strings.Contains(f.detail, words) {
			f.detail += ": " + words
		}
	}
	if asksForPatience(status) {
		f.retryAfter, f.hasRetry = retryAfter(resp.Header.Get("Retry-After"), answerTime(resp.Header.Get("Date"), now))
	}
	return f
}

// asksForPatience is of the statuses whose Retry-After is honoured.
func asksForPatience(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status == http.StatusTooEarly || status/100 == 5
}

// redirectTarget is where a redirect leads, "" where it does not say. A path or a
// query may hold a secret.
func redirectTarget(h http.Header) string {
	u, err := url.Parse(h.Get("Location"))
	switch {
	case err != nil || *u == url.URL{}:
		return ""
	case u.Host == "":
		return "another path of the same host"
	}
	return u.Host
}

// What the standards call white space, which is less than strings.TrimSpace
// takes for it.
const (
	headerSpace = " \t"     // RFC 9110, OWS
	jsonSpace   = " \t\r\n" // RFC 8259
)

// isHTML reads the Content-Type: what answers with a page for people is no server
// of ours.
func isHTML(h http.Header) bool {
	media, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.EqualFold(strings.Trim(media, headerSpace), "text/html")
}

// IsLocalName says whether a host's name is one that no name server knows (RFC 6762).
func IsLocalName(host string) bool {
	return strings.HasSuffix(strings.ToLower(strings.TrimSuffix(host, ".")), ".local")
}

func classifyFailure(e *dialError, o *Options) failure {
	var (
		dns    *net.DNSError
		record tls.RecordHeaderError
		proxy  proxyError
	)
	switch err := e.err; {
	case errors.As(err, &proxy):
		return classifyProxy(proxy, o)
	case failureIn(err) != failUnknown:
		return failureIn(err)
	case refusesOurCertificate(err) && o.ClientCert == "":
		return failClientWanted
	case refusesOurCertificate(err):
		return failClientRefused
	case errors.As(err, &dns) && IsLocalName(dns.Name):
		return failLocalName
	case errors.As(err, &dns) && notAsked(dns.Err):
		return failNoRoute
	case errors.As(err, &dns):
		return failDNS
	case errors.As(err, &record):
		return failPlainPort
	}
	if f := classifyCertificate(e.err, o); f != failUnknown {
		return f
	}
	if e.phase == phaseTLS && errors.Is(e.err, syscall.ETIMEDOUT) { // of the kernel: it got no acknowledgement
		return failSwallowed
	}
	if f := classifyNetwork(e.err); f != failUnknown {
		return f
	}
	switch e.phase {
	case phaseTLS:
		return failTLS
	case phaseUpgrade:
		return failNotHTTP
	}
	return failUnknown
}

// notAsked says whether the kernel of this machine did not let the name server be
// asked; the text is all that net keeps of it. Where a packet got out and nobody took it,
// it is the name server that fails.
func notAsked(text string) bool {
	return strings.HasSuffix(text, syscall.ENETUNREACH.Error()) ||
		slices.ContainsFunc(noWay(), func(e error) bool { return strings.HasSuffix(text, "connect: "+e.Error()) })
}

// noWay is what the kernel says at once where nothing leads there: of routes of the kinds
// unreachable, blackhole and prohibit, and of filters on this machine.
func noWay() []error {
	return []error{syscall.EHOSTUNREACH, syscall.EINVAL, syscall.EACCES, syscall.EPERM}
}

// classifyCertificate tells a bad certificate from a bad clock: a certificate
// outside its time says nothing while our own time is a guess.
func classifyCertificate(err error, o *Options) failure {
	var (
		invalid x509.CertificateInvalidError
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
	)
	expired := errors.As(err, &invalid) && invalid.Reason == x509.Expired
	switch {
	case expired && !o.ClockTrusted():
		return failClock
	case expired && invalid.Cert != nil && o.Now().Before(invalid.Cert.NotBefore):
		return failNotYet
	case expired:
		return failExpired
	case errors.As(err, &invalid), errors.As(err, &unknown):
		return failUnknownCA
	case errors.As(err, &name):
		return failName
	}
	return failUnknown
}

func classifyNetwork(err error) failure {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return failRefused
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETDOWN),
		errors.Is(err, syscall.EADDRNOTAVAIL), notDialed(err):
		return failNoRoute
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT), isTimeout(err):
		return failTimeout
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), isEOF(err):
		return failLost
	}
	return failUnknown
}

// notDialed says whether the kernel of this machine refused to connect.
func notDialed(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" && slices.ContainsFunc(noWay(), func(e error) bool { return errors.Is(op, e) })
}

// isTimeout reports whether a limit has passed: ours or the kernel's.
func isTimeout(err error) bool {
	if err == nil {
		return false
	}
	var nerr net.Error // below the usual return: it escapes
	return errors.As(err, &nerr) && nerr.Timeout()
}

func isEOF(err error) bool {
	s := err.Error()
	return s == "EOF" || strings.HasSuffix(s, "unexpected EOF")
}

// failureDetail keeps the library's words where they add something. Most say
// the same as the sentence, with addresses.
func failureDetail(f failure, err error) string {
	switch f {
	case failProxyAuth, failClock, failPlainPort, failCaptive:
		return ""
	}
	return err.Error()
}

// classifyEnd finds the policy for the end of a session: a close frame first, whatever else
// happened, then our own reason, then the broken connection.
func classifyEnd(own, read error) finding {
	if e := (ended{}); errors.As(own, &e) {
		return finding{endPolicy: policyFor(endFailure, int(e.why)), detail: e.detail}
	}
	if e := (found{}); errors.As(read, &e) {
		return e.finding
	}
	var ce *websocket.CloseError
	if errors.As(read, &ce) && ce.Code != websocket.CloseAbnormalClosure {
		return finding{endPolicy: policyFor(endClose, ce.Code), code: ce.Code, detail: closeDetail(ce)}
	}
	if errors.As(read, &midMessage{}) && (errors.Is(own, failNoPong) || errors.Is(own, failNeverPong)) {
		own = errSlow // the pong could not come: a message was in the way and never ended
	}
	if own != nil && !(isConsequence(own) && knowsWhy(read)) {
		return finding{endPolicy: policyFor(endFailure, int(readFailure(own))), detail: ownDetail(own)}
	}
	if errors.As(read, &ce) {
		return finding{endPolicy: policyFor(endClose, ce.Code), code: ce.Code}
	}
	f := readFailure(read)
	return finding{endPolicy: policyFor(endFailure, int(f)), detail: read.Error()}
}

// isConsequence says whether a write may have failed only because the reader
// had closed the connection before.
func isConsequence(own error) bool {
	return readFailure(own) == failLost || errors.Is(own, websocket.ErrCloseSent)
}

// knowsWhy says whether the reader met more than a broken connection.
func knowsWhy(read error) bool {
	var ce *websocket.CloseError
	return read != nil && !errors.As(read, &ce) && readFailure(read) != failLost
}

func closeDetail(ce *websocket.CloseError) string {
	if ce.Code == websocket.CloseNoStatusReceived {
		return ""
	}
	if ce.Text == "" {
		return "close code " + strconv.Itoa(ce.Code)
	}
	return fmt.Sprintf("close code %d: %s", ce.Code, ce.Text)
}

func ownDetail(err error) string {
	if f := readFailure(err); f == failLost || f == failUnknown {
		return err.Error()
	}
	return ""
}

// readFailure sorts what the loop and the reader end with that is no close frame.
// gorilla rejects close codes it does not know with a plain error; 1014 is among
// them.
func readFailure(err error) failure {
	if err == nil {
		return failUnknown
	}
	text := err.Error()
	switch {
	case failureIn(err) != failUnknown:
		return failureIn(err)
	case errors.Is(err, websocket.ErrReadLimit):
		return failReadLimit
	case strings.Contains(text, "bad close code 1014"):
		return failBadGateway
	}
	if strings.HasPrefix(text, "websocket: ") && classifyNetwork(err) == failUnknown {
		return failProtocol
	}
	return failLost
}
