package uplink

import "time"

// course is what to do after an end.
type course uint8

const (
	courseRetry  course = iota // back off on the verdict's ladder
	courseSpread               // the server left in order: come back spread out
	courseAuth                 // fetch the token, one immediate try, then back off as refused
	courseAuthPark
	coursePark  // a person must act: keep trying, rarely
	courseClock // our own clock is wrong: wait for it
)

// blame says what part of the data an end casts doubt on.
type blame uint8

const (
	blameNone    blame = iota
	blameSize          // a frame was too big
	blamePayload       // something in a frame is refused
	blameServer        // the server stumbled, perhaps over a frame
)

// verdict is one row of the table: what an end means and what to do.
type verdict struct {
	on       event
	lo, hi   int // range of close codes, HTTP statuses or failures
	do       course
	ladder   ladder
	floor    time.Duration
	blame    blame
	problem  string
	sentence string
}

// event is the kind of an end.
type event uint8

const (
	onClose   event = iota // a close frame with this code, 1005 and 1006 as gorilla reports them
	onHTTP                 // this status in answer to the upgrade
	onFailure              // a failure of the network, of TLS or of the session
)

// failure names an end that has no number of its own.
type failure int

const (
	failUnknown failure = iota
	failDNS
	failRefused
	failNoRoute
	failTimeout
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
	failClientCert
	failClientRefused
	failPin
	failures // how many
)

// verdicts is the whole table; the first row that fits counts. Close codes
// are those of RFC 6455 and IANA, then Centrifugo's terminal ranges.
var verdicts = [...]verdict{
	{onClose, 1000, 1001, courseSpread, ladderNetwork, 0, blameNone, "", "the server closed the link in order"},
	{onClose, 1002, 1002, courseRetry, ladderNetwork, 0, blameNone, ProblemProtocol, "the server says we broke the WebSocket protocol"},
	{onClose, 1003, 1003, coursePark, ladderRefused, 0, blameNone, ProblemClosed, "the server does not take this kind of data"},
	{onClose, 1005, 1005, courseSpread, ladderNetwork, 0, blameNone, "", "the server closed the link without giving a reason"},
	{onClose, 1006, 1006, courseRetry, ladderNetwork, 0, blameNone, ProblemClosed, "the link broke"},
	{onClose, 1007, 1007, courseRetry, ladderNetwork, 0, blamePayload, ProblemClosed, "the server refuses the content of a message"},
	{onClose, 1008, 1008, courseAuthPark, ladderRefused, 0, blameNone, ProblemAuthRejected, "the server says that its policy forbids this link"},
	{onClose, 1009, 1009, courseRetry, ladderNetwork, 0, blameSize, ProblemTooBig, "the server says that a message was too big"},
	{onClose, 1010, 1010, coursePark, ladderRefused, 0, blameNone, ProblemProtocol, "the server wants an extension that portti does not offer"},
	{onClose, 1011, 1011, courseRetry, ladderNetwork, 0, blameServer, ProblemServer, "the server had an error of its own"},
	{onClose, 1012, 1012, courseSpread, ladderNetwork, 5 * time.Second, blameNone, "", "the server is restarting"},
	{onClose, 1013, 1013, courseRetry, ladderBusy, 0, blameNone, ProblemRateLimited, "the server is overloaded"},
	{onClose, 3000, 3000, courseAuth, ladderRefused, 0, blameNone, ProblemAuthRejected, "the server says the access token is wrong or expired"},
	{onClose, 3003, 3003, coursePark, ladderRefused, 0, blameNone, ProblemForbidden, "the server forbids this gateway to send"},
	{onClose, 3008, 3008, courseRetry, ladderNetwork, 0, blameNone, ProblemClosed, "the server closed the link for a timeout of its own"},
	{onClose, 4001, 4001, courseAuth, ladderRefused, 0, blameNone, ProblemAuthRejected, "the server says the access token is wrong or expired"},
	{onClose, 4002, 4002, courseRetry, ladderNetwork, 5 * time.Second, blameNone, ProblemClosed, "the server closed the link before the login arrived"},
	{onClose, 4003, 4003, courseRetry, ladderBusy, 0, blameNone, ProblemTooMany, "the server sees too many connections from this address"},
	{onClose, 3500, 3999, coursePark, ladderRefused, 0, blameNone, ProblemClosed, "the server closed the link for good"},
	{onClose, 4500, 4999, coursePark, ladderRefused, 0, blameNone, ProblemClosed, "the server closed the link for good"},
	{onClose, 0, 65535, courseRetry, ladderNetwork, 0, blameNone, ProblemClosed, "the server closed the link"},

	{onHTTP, 100, 199, courseRetry, ladderNetwork, 0, blameNone, ProblemProtocol, "the server's upgrade is not a valid one"},
	{onHTTP, 200, 299, courseRetry, ladderNetwork, 0, blameNone, ProblemProtocol, "an ordinary web page answers there, no WebSocket (wrong path?)"},
	{onHTTP, 300, 399, courseRetry, ladderNetwork, 0, blameNone, ProblemRedirect, "the server answered with a redirect, which is not followed"},
	{onHTTP, 400, 400, courseRetry, ladderNetwork, 0, blameNone, ProblemProtocol, "the server calls the request malformed (ws:// to a TLS port?)"},
	{onHTTP, 401, 401, courseAuth, ladderRefused, 0, blameNone, ProblemAuthRejected, "the server says the access token is wrong or expired"},
	{onHTTP, 403, 403, coursePark, ladderRefused, 0, blameNone, ProblemForbidden, "the server forbids this gateway to connect"},
	{onHTTP, 404, 404, coursePark, ladderRefused, 0, blameNone, ProblemNotFound, "the server knows no such path"},
	{onHTTP, 407, 407, coursePark, ladderRefused, 0, blameNone, ProblemProxyAuth, "the proxy wants a user name and password"},
	{onHTTP, 408, 408, courseRetry, ladderNetwork, 0, blameNone, ProblemServer, "the server gave up waiting for the request"},
	{onHTTP, 410, 410, coursePark, ladderRefused, 0, blameNone, ProblemNotFound, "the server says this path is gone"},
	{onHTTP, 425, 425, courseRetry, ladderNetwork, 0, blameNone, ProblemServer, "the server says it is too early"},
	{onHTTP, 426, 426, coursePark, ladderRefused, 0, blameNone, ProblemProtocol, "the server wants another protocol than WebSocket 13"},
	{onHTTP, 429, 429, courseRetry, ladderBusy, 0, blameNone, ProblemRateLimited, "the server asked to slow down"},
	{onHTTP, 402, 499, courseRetry, ladderNetwork, 0, blameNone, ProblemProtocol, "the server refuses the request"},
	{onHTTP, 500, 599, courseRetry, ladderNetwork, 0, blameNone, ProblemServer, "the server has an error of its own"},
	{onHTTP, 0, 999, courseRetry, ladderNetwork, 0, blameNone, ProblemProtocol, "the server's answer makes no sense"},

	row(failDNS, courseRetry, ProblemDNS, "the server's name cannot be found"),
	row(failRefused, courseRetry, ProblemRefused, "nobody listens at the server's address and port"),
	row(failNoRoute, courseRetry, ProblemNoRoute, "there is no way to the server"),
	row(failTimeout, courseRetry, ProblemTimeout, "the server did not answer in time"),
	row(failLost, courseRetry, ProblemClosed, "the link broke"),
	row(failNotHTTP, courseRetry, ProblemProtocol, "what answers there is not a WebSocket server"),
	row(failCaptive, courseRetry, ProblemPortal, "a web page answers instead of the server (login page of the network?)"),
	row(failProxyAuth, coursePark, ProblemProxyAuth, "the proxy wants a user name and password"),
	row(failProxy, courseRetry, ProblemProxy, "the proxy did not open the way"),
	row(failClock, courseClock, ProblemClockUnset, "the server's certificate cannot be judged because the clock of this gateway is not set"),
	row(failExpired, coursePark, ProblemTLSExpired, "the server's certificate has expired"),
	row(failNotYet, courseClock, ProblemTLSNotYet, "the server's certificate is not valid yet"),
	row(failUnknownCA, coursePark, ProblemTLSUnknownCA, "the server's certificate is not signed by an authority that is trusted here"),
	row(failName, coursePark, ProblemTLSName, "the server's certificate is for another name"),
	row(failPlainPort, coursePark, ProblemTLSFailed, "the server does not speak TLS at this port"),
	row(failTLS, courseRetry, ProblemTLSFailed, "the server and portti could not agree on TLS"),
	row(failCAFile, coursePark, ProblemTLSFailed, "the file of trusted authorities cannot be used"),
	row(failClientCert, coursePark, ProblemTLSClient, "the certificate of this gateway cannot be used"),
	row(failClientRefused, coursePark, ProblemTLSClient, "the server does not accept the certificate of this gateway"),
	row(failPin, coursePark, ProblemTLSPin, "the server's key is none of those that are pinned here"),
	row(failToken, coursePark, ProblemTokenFile, "there is no usable access token"),
	row(failExtension, coursePark, ProblemProtocol, "the server switched on an extension nobody asked for"),
	row(failNoPong, courseRetry, ProblemNoPong, "the link looked open but the server stopped answering"),
	row(failNeverPong, courseRetry, ProblemNoPong, "the server never answers pings, so nothing it takes can be proven"),
	row(failNotReading, courseRetry, ProblemNotReading, "the server accepts the link but does not take data"),
	row(failSlow, courseRetry, ProblemSlow, "the server sends a message too slowly"),
	row(failBadGateway, courseRetry, ProblemServer, "the way to the server broke behind its front"),
	row(failReadLimit, courseRetry, ProblemProtocol, "the server sent a message that is too big"),
	row(failProtocol, courseRetry, ProblemProtocol, "the server broke the WebSocket protocol"),
	row(failSilent, courseRetry, ProblemSilent, "the server's heartbeat has stopped"),
	{onFailure, int(failLoggedOut), int(failLoggedOut), courseAuthPark, ladderRefused, 0, blameNone, ProblemLoggedOut, "the server has ended this gateway's session for good"},
	{onFailure, int(failUnauthorized), int(failUnauthorized), courseAuth, ladderRefused, 0, blameNone, ProblemAuthRejected, "the server says the access token is wrong or expired"},
	row(failLater, courseRetry, ProblemServer, "the server asks for a message again later"),
	{onFailure, int(failRefusesAll), int(failRefusesAll), courseRetry, ladderBusy, 0, blameNone, ProblemProtocol, "the server refuses every message"},
	row(failRollback, courseRetry, ProblemRollback, "the server knows messages that this gateway never sent (a restored card?): numbering has begun anew"),
	row(failProtocolName, coursePark, ProblemProtocol, "the server does not know "+envelopeProtocol+", which ack = \"envelope\" needs"),
	row(failBadAck, courseRetry, ProblemProtocol, "the server acknowledges more than was sent"),
	{onFailure, int(failFlood), int(failFlood), courseRetry, ladderBusy, 0, blameNone, ProblemProtocol, "the server sends more than a link may"},
	{onFailure, 0, int(failures), courseRetry, ladderNetwork, 0, blameNone, ProblemClosed, "the link failed"},
}

// row shortens the rows of failures; parking goes with the refused ladder.
func row(f failure, do course, problem, sentence string) verdict {
	v := verdict{on: onFailure, lo: int(f), hi: int(f), do: do, problem: problem, sentence: sentence}
	if do == coursePark {
		v.ladder = ladderRefused
	}
	return v
}

// judge finds the row for n. The last row of each kind takes everything, so
// there always is one.
func judge(on event, n int) verdict {
	for i := range verdicts {
		if v := &verdicts[i]; v.on == on && v.lo <= n && n <= v.hi {
			return *v
		}
	}
	return verdict{on: onFailure, problem: ProblemClosed, sentence: "the link failed"}
}
