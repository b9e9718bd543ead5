package uplink

// Problem codes, as the catalogue knows them. Status.Problem and the log key
// code hold one of these or nothing.
const (
	ProblemAuthRejected = "UP-AUTH-REJECTED"
	ProblemAuthTimeout  = "UP-AUTH-TIMEOUT"
	ProblemTokenFile    = "UP-TOKEN-FILE"
	ProblemForbidden    = "UP-FORBIDDEN"
	ProblemTooMany      = "UP-TOO-MANY"
	ProblemNoPong       = "UP-NO-PONG"
	ProblemNotReading   = "UP-NOT-READING"
	ProblemSlow         = "UP-SLOW"
	ProblemRedirect     = "UP-REDIRECT"
	ProblemRateLimited  = "UP-RATE-LIMITED"
	ProblemNotFound     = "UP-NOT-FOUND"
	ProblemNoWebSocket  = "UP-NO-WEBSOCKET"
	ProblemServer       = "UP-SERVER-ERROR"
	ProblemRejected     = "UP-REJECTED"
	ProblemTooBig       = "UP-TOO-BIG"
	ProblemProtocol     = "UP-PROTOCOL"
	ProblemFlood        = "UP-FLOOD"
	ProblemClosed       = "UP-CLOSED"

	ProblemNoRoute   = "NET-NO-ROUTE"
	ProblemDNS       = "NET-DNS"
	ProblemRefused   = "NET-REFUSED"
	ProblemTimeout   = "NET-TIMEOUT"
	ProblemLost      = "NET-LOST"
	ProblemCaptive   = "NET-CAPTIVE"
	ProblemProxyAuth = "NET-PROXY-AUTH"
	ProblemProxy     = "NET-PROXY"

	ProblemTLSExpired   = "TLS-EXPIRED"
	ProblemTLSNotYet    = "TLS-NOT-YET"
	ProblemTLSUnknownCA = "TLS-UNKNOWN-CA"
	ProblemTLSName      = "TLS-NAME"
	ProblemTLSPlain     = "TLS-PLAIN"
	ProblemTLSHandshake = "TLS-HANDSHAKE"
	ProblemTLSCAFile    = "TLS-CA-FILE"

	ProblemClockUnset = "CLK-UNSET"
)
