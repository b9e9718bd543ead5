package uplink

import (
	"errors"
	"time"
)

// action is what to do after an end.
type action uint8

const (
	actionRetry     action = iota // back off by the policy's class
	actionSpread                  // the server left in order: come back spread out
	actionAuth                    // fetch the token, one immediate try, then back off as refused
	actionAuthPark                // the same, and then as actionPark
	actionAuthRetry               // the same, and then nobody has to act yet
	actionPark                    // a person must act: keep trying, rarely
	actionClock                   // our own clock is wrong: wait for it
)

// cause says what part of the data may have caused an end.
type cause uint8

const (
	causeNone    cause = iota
	causeSize          // a frame was too big
	causePayload       // something in a frame is refused
	causeServer        // the server failed, perhaps because of a frame
)

// endPolicy is one row of the table: what an end means and what to do.
type endPolicy struct {
	kind     endKind
	lo, hi   int // range of close codes, HTTP statuses or failures
	do       action
	class    backoffClass
	floor    time.Duration
	cause    cause
	problem  string
	sentence string
}

// endKind is the kind of an end.
type endKind uint8

const (
	endClose   endKind = iota // a close frame with this code, 1005 and 1006 as gorilla reports them
	endHTTP                   // this status in answer to the upgrade
	endFailure                // a failure of the network, of TLS or of the session
)

// failure names an end that has no number of its own.
type failure int

const (
	failUnknown failure = iota
	failDNS
	failLocalName
	failRefused
	failNoRoute
	failTimeout
	failSwallowed
	failLost
	failNotHTTP
	failCaptive
	failProxyAuth
	failProxy
	failClock
	failExpired
	failNotYet
	failUnknownCA
	failName
	failPlainPort
	failTLS
	failCAFile
	failToken
	failExtension
	failNoPong
	failNeverPong
	failNotReading
	failSlow
	failFlood
	failReadLimit
	failProtocol
	failBadAck
	failBadGateway
	failSilent
	failLoggedOut
	failUnauthorized
	failLater
	failRefusesAll
	failRollback
	failProtocolName
	failForeignProtocol
	failClientCert
	failClientRefused
	failClientWanted
	failPin
	failPartly
	failNoHTTP
	failNoMQTT
	failMQTTVersion
	failNoSubscriber
	failTakenOver
	failNoNATS
	failNoStream
	failStream
	failures // how many
)

// Error makes a failure an error: what ends a connection says which one it is.
func (f failure) Error() string { return policyFor(endFailure, int(f)).sentence }

// fault is a failure in words of its own.
type fault struct {
	failure
	text string
}

func (e fault) Error() string { return e.text }
func (e fault) Unwrap() error { return e.failure }

// failureIn finds the failure that an error says it is; failUnknown: none.
func failureIn(err error) (f failure) {
	errors.As(err, &f)
	return f
}

// endPolicies is the whole table; the first row that fits counts. Close codes
// are those of RFC 6455 and IANA, then Centrifugo's terminal ranges.
var endPolicies = [...]endPolicy{
	{endClose, 1000, 1001, actionSpread, classNetwork, 0, causeNone, ProblemClosed, "the server closed the link in order"},
	{endClose, 1002, 1002, actionRetry, classNetwork, 0, causeNone, ProblemProtocol, "the server says we broke the WebSocket protocol"},
	{endClose, 1003, 1003, actionPark, classRefused, 0, causeNone, ProblemClosed, "the server does not take this kind of data"},
	{endClose, 1005, 1005, actionSpread, classNetwork, 0, causeNone, ProblemClosed, "the server closed the link without giving a reason"},
	{endClose, 1006, 1006, actionRetry, classNetwork, 0, causeNone, ProblemClosed, "the link broke"},
	{endClose, 1007, 1007, actionRetry, classNetwork, 0, causePayload, ProblemClosed, "the server refuses the content of a message"},
	{endClose, 1008, 1008, actionAuthRetry, classRefused, 0, causeNone, ProblemRefusedLink, "the server refuses this link by its policy"},
	{endClose, 1009, 1009, actionRetry, classNetwork, 0, causeSize, ProblemTooBig, "the server says that a message was too big"},
	{endClose, 1010, 1010, actionPark, classRefused, 0, causeNone, ProblemProtocol, "the server wants an extension that portti does not offer"},
	{endClose, 1011, 1011, actionRetry, classNetwork, 0, causeServer, ProblemServer, "the server had an error of its own"},
	{endClose, 1012, 1012, actionSpread, classNetwork, 5 * time.Second, causeNone, ProblemClosed, "the server is restarting"},
	{endClose, 1013, 1013, actionRetry, classBusy, 0, causeNone, ProblemRateLimited, "the server is overloaded"},
	{endClose, 3000, 3000, actionAuth, classRefused, 0, causeNone, ProblemAuthRejected, "the server says the access token is wrong or expired"},
	{endClose, 3003, 3003, actionPark, classRefused, 0, causeNone, ProblemForbidden, "the server forbids this gateway to send"},
	{endClose, 3008, 3008, actionRetry, classNetwork, 0, causeNone, ProblemClosed, "the server closed the link for a timeout of its own"},
	{endClose, 4001, 4001, actionAuth, classRefused, 0, causeNone, ProblemAuthRejected, "the server says the access token is wrong or expired"},
	{endClose, 4002, 4002, actionRetry, classNetwork, 5 * time.Second, causeNone, ProblemClosed, "the server closed the link before the login arrived"},
	{endClose, 4003, 4003, actionRetry, classBusy, 0, causeNone, ProblemTooMany, "the server sees too many connections from this address"},
	{endClose, 4401, 4401, actionAuth, classRefused, 0, causeNone, ProblemAuthRejected, "the server says the access token is wrong or expired"},
	{endClose, 4403, 4403, actionPark, classRefused, 0, causeNone, ProblemForbidden, "the server forbids this gateway to send"},
	{endClose, 4429, 4429, actionRetry, classBusy, 0, causeNone, ProblemRateLimited, "the server asked to slow down"},
	{endClose, 3500, 3999, actionPark, classRefused, 0, causeNone, ProblemClosed, "the server closed the link for good"},
	{endClose, 4500, 4999, actionPark, classRefused, 0, causeNone, ProblemClosed, "the server closed the link for good"},
	{endClose, 0, 65535, actionRetry, classNetwork, 0, causeNone, ProblemClosed, "the server closed the link"},

	{endHTTP, 100, 199, actionRetry, classNetwork, 0, causeNone, ProblemProtocol, "the server's WebSocket handshake is not valid"},
	{endHTTP, 200, 299, actionRetry, classNetwork, 0, causeNone, ProblemProtocol, "an ordinary web page answers there, not a WebSocket (wrong path?)"},
	{endHTTP, 300, 399, actionRetry, classNetwork, 0, causeNone, ProblemRedirect, "the server answered with a redirect, which is not followed"},
	{endHTTP, 400, 400, actionRetry, classNetwork, 0, causeNone, ProblemProtocol, "the server calls the request malformed"},
	{endHTTP, 401, 401, actionAuth, classRefused, 0, causeNone, ProblemAuthRejected, "the server says the access token is wrong or expired"},
	{endHTTP, 403, 403, actionPark, classRefused, 0, causeNone, ProblemForbidden, "the server forbids this gateway to connect"},
	{endHTTP, 404, 404, actionPark, classRefused, 0, causeNone, ProblemNotFound, "the server knows no such path"},
	{endHTTP, 405, 405, actionPark, classRefused, 0, causeNone, ProblemNotFound, "the server takes no WebSocket at this path"},
	{endHTTP, 407, 407, actionPark, classRefused, 0, causeNone, ProblemProxyAuth, "the proxy wants a user name and password"},
	{endHTTP, 408, 408, actionRetry, classNetwork, 0, causeNone, ProblemServer, "the server gave up waiting for the request"},
	{endHTTP, 409, 409, actionRetry, classNetwork, 0, causeNone, ProblemRefusedLink, "the server says that this link conflicts with something, such as an older one that it still has"},
	{endHTTP, 410, 410, actionPark, classRefused, 0, causeNone, ProblemNotFound, "the server says this path is gone"},
	{endHTTP, 425, 425, actionRetry, classNetwork, 0, causeNone, ProblemServer, "the server says it is too early"},
	{endHTTP, 426, 426, actionPark, classRefused, 0, causeNone, ProblemProtocol, "the server wants another protocol than WebSocket 13"},
	{endHTTP, 429, 429, actionRetry, classBusy, 0, causeNone, ProblemRateLimited, "the server asked to slow down"},
	{endHTTP, 402, 499, actionRetry, classNetwork, 0, causeNone, ProblemRefusedLink, "the server refuses the request"},
	{endHTTP, 500, 599, actionRetry, classNetwork, 0, causeNone, ProblemServer, "the server has an error of its own"},
	{endHTTP, 0, 999, actionRetry, classNetwork, 0, causeNone, ProblemProtocol, "the server's answer makes no sense"},

	row(failDNS, actionRetry, ProblemDNS, "the server's name cannot be found"),
	row(failLocalName, actionRetry, ProblemDNS, "its name ends in .local: such names are announced on the local network (mDNS), and portti asks only name servers"),
	row(failRefused, actionRetry, ProblemRefused, "nobody listens at the server's address and port"),
	row(failNoRoute, actionRetry, ProblemNoRoute, "the server cannot be reached"),
	row(failTimeout, actionRetry, ProblemTimeout, "the server did not answer in time"),
	row(failSwallowed, actionRetry, ProblemMTU, "the connection was made, and the first large packet did not arrive"),
	row(failLost, actionRetry, ProblemClosed, "the link broke"),
	row(failNotHTTP, actionRetry, ProblemProtocol, "what answers there is not a WebSocket server"),
	row(failCaptive, actionRetry, ProblemPortal, "a web page answers instead of the server (login page of the network?)"),
	row(failProxyAuth, actionPark, ProblemProxyAuth, "the proxy wants a user name and password"),
	row(failProxy, actionRetry, ProblemProxy, "the proxy did not open the way"),
	row(failClock, actionClock, ProblemClockUnset, "the server's certificate cannot be judged because the clock of this gateway is not set"),
	row(failExpired, actionPark, ProblemTLSExpired, "the server's certificate has expired"),
	row(failNotYet, actionClock, ProblemTLSNotYet, "the server's certificate is not valid yet"),
	row(failUnknownCA, actionPark, ProblemTLSUnknownCA, "the server's certificate is not signed by an authority that is trusted here"),
	row(failName, actionPark, ProblemTLSName, "the server's certificate is for another name"),
	row(failPlainPort, actionPark, ProblemTLSFailed, "the server does not speak TLS at this port"),
	row(failTLS, actionRetry, ProblemTLSFailed, "the server and portti could not agree on TLS"),
	row(failCAFile, actionPark, ProblemTLSFailed, "the file of trusted authorities cannot be used"),
	row(failClientCert, actionPark, ProblemTLSClient, "the certificate of this gateway cannot be used"),
	row(failClientRefused, actionPark, ProblemTLSClient, "the server does not accept the certificate of this gateway"),
	row(failClientWanted, actionPark, ProblemTLSClient, "the server asks for a certificate of this gateway, and client_cert in [uplink] names none"),
	row(failPin, actionPark, ProblemTLSPin, "the server's key is none of those that are pinned here"),
	row(failPartly, actionRetry, ProblemProtocol, "the server took a part of a message (207) and does not say which"),
	row(failNoHTTP, actionRetry, ProblemProtocol, "what answers there does not speak HTTP"),
	row(failNoMQTT, actionRetry, ProblemProtocol, "what answers there does not speak MQTT as it should"),
	row(failMQTTVersion, actionPark, ProblemProtocol, "the server does not speak MQTT 5"),
	row(failNoSubscriber, actionRetry, ProblemNoConsumer, "nobody subscribes to the topic, and the server would throw the readings away (require_subscriber)"),
	{endFailure, int(failTakenOver), int(failTakenOver), actionRetry, classRefused, 0, causeNone, ProblemRefusedLink, "another client with this gateway's id took its place"},
	row(failNoNATS, actionRetry, ProblemProtocol, "what answers there does not speak NATS as it should"),
	row(failNoStream, actionRetry, ProblemNoConsumer, "no stream of the server takes this subject, or it has no leader now"),
	{endFailure, int(failStream), int(failStream), actionRetry, classBusy, 0, causeNone, ProblemServer, "the stream does not take messages"},
	row(failToken, actionPark, ProblemTokenFile, "there is no usable access token"),
	row(failExtension, actionPark, ProblemProtocol, "the server switched on an extension nobody asked for"),
	row(failNoPong, actionRetry, ProblemNoPong, "the link looked open but the server stopped answering"),
	row(failNeverPong, actionRetry, ProblemNoPong, "the server never answers pings, so nothing it takes can be proven"),
	row(failNotReading, actionRetry, ProblemNotReading, "the server accepts the link but does not take data"),
	row(failSlow, actionRetry, ProblemSlow, "the server sends a message too slowly"),
	row(failBadGateway, actionRetry, ProblemServer, "the way to the server broke behind its front"),
	row(failReadLimit, actionRetry, ProblemProtocol, "the server sent a message that is too big: longer than 1 MB, and than max_message"),
	row(failProtocol, actionRetry, ProblemProtocol, "the server broke the WebSocket protocol"),
	row(failSilent, actionRetry, ProblemSilent, "the server's heartbeat has stopped"),
	{endFailure, int(failLoggedOut), int(failLoggedOut), actionAuthPark, classRefused, 0, causeNone, ProblemLoggedOut, "the server has ended this gateway's session for good"},
	{endFailure, int(failUnauthorized), int(failUnauthorized), actionAuth, classRefused, 0, causeNone, ProblemAuthRejected, "the server says the access token is wrong or expired"},
	row(failLater, actionRetry, ProblemServer, "the server asks for a message again later"),
	{endFailure, int(failRefusesAll), int(failRefusesAll), actionRetry, classBusy, 0, causeNone, ProblemProtocol, "the server refuses every message"},
	row(failRollback, actionRetry, ProblemRollback, "the server knows messages that this gateway never sent (a restored card?): numbering has begun anew"),
	row(failProtocolName, actionPark, ProblemProtocol, "the server does not know "+envelopeProtocol+", which ack = \"envelope\" needs"),
	row(failForeignProtocol, actionPark, ProblemProtocol, "the server chose a subprotocol that was not offered; subprotocol in [uplink] offers one"),
	row(failBadAck, actionRetry, ProblemProtocol, "the server acknowledges more than was sent"),
	{endFailure, int(failFlood), int(failFlood), actionRetry, classBusy, 0, causeNone, ProblemProtocol, "the server sends more than a link may: 1,000 messages or 4 MB a second"},
	{endFailure, 0, int(failures), actionRetry, classNetwork, 0, causeNone, ProblemClosed, "the link failed"},
}

// row shortens the rows of failures; parking goes with classRefused.
func row(f failure, do action, problem, sentence string) endPolicy {
	p := endPolicy{kind: endFailure, lo: int(f), hi: int(f), do: do, problem: problem, sentence: sentence}
	if do == actionPark {
		p.class = classRefused
	}
	return p
}

// policyFor finds the row for n. The last row of each kind takes everything, so
// there always is one.
func policyFor(kind endKind, n int) endPolicy {
	for i := range endPolicies {
		if p := &endPolicies[i]; p.kind == kind && p.lo <= n && n <= p.hi {
			return *p
		}
	}
	return endPolicy{kind: endFailure, problem: ProblemClosed, sentence: "the link failed"}
}

// Meaning is what an end of a connection by the server says, in words, the code of the
// problem that it is, and what a Link does about it.
type Meaning struct{ Sentence, Problem, Does string }

// MeaningOfClose tells of a WebSocket close code.
func MeaningOfClose(code int) Meaning { return policyFor(endClose, code).meaning() }

// MeaningOfStatus tells of an HTTP status in answer to the upgrade.
func MeaningOfStatus(status int) Meaning { return policyFor(endHTTP, status).meaning() }

func (p endPolicy) meaning() Meaning {
	does := "portti tries again by itself, at first within seconds, then ever more rarely."
	switch p.do {
	case actionSpread:
		does = "portti comes back by itself within seconds."
	case actionAuth, actionAuthPark, actionAuthRetry:
		does = "portti reads the token again, tries once at once, and then rarely."
	case actionPark:
		does = "portti tries again only rarely, since a person has to act."
	case actionClock:
		does = "portti waits until the clock is right."
	case actionRetry:
	}
	return Meaning{Sentence: p.sentence, Problem: p.problem, Does: does}
}
