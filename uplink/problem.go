package uplink

// Problem codes, as the catalogue knows them. Status.Problem and the log key
// code hold one of these or nothing.
const (
	ProblemAuthRejected = "UP-AUTH-REJECTED"
	ProblemTokenFile    = "UP-TOKEN-FILE"
	ProblemForbidden    = "UP-FORBIDDEN"
	ProblemRefusedLink  = "UP-REFUSED"
	ProblemTooMany      = "UP-TOO-MANY"
	ProblemNoPong       = "UP-NO-PONG"
	ProblemNotReading   = "UP-NOT-READING"
	ProblemSlow         = "UP-SLOW"
	ProblemFlapping     = "UP-FLAPPING"
	ProblemIdleCut      = "UP-IDLE-CUT"
	ProblemRedirect     = "UP-REDIRECT"
	ProblemRateLimited  = "UP-RATE-LIMITED"
	ProblemNotFound     = "UP-NOTFOUND"
	ProblemNoConsumer   = "UP-NO-CONSUMER"
	ProblemServer       = "UP-ERROR"
	ProblemTooBig       = "UP-TOO-BIG"
	ProblemProtocol     = "UP-PROTOCOL"
	ProblemClosed       = "UP-CLOSED"
	ProblemQuarantine   = "UP-QUARANTINE"
	ProblemSilent       = "UP-SILENT"
	ProblemLoggedOut    = "UP-LOGGED-OUT"
	ProblemTakeover     = "UP-TAKEOVER"
	ProblemSetback      = "UP-SETBACK"
	ProblemRollback     = "BUF-ROLLBACK"

	ProblemNoRoute   = "NET-NO-ROUTE"
	ProblemDNS       = "NET-DNS"
	ProblemRefused   = "NET-REFUSED"
	ProblemTimeout   = "NET-TIMEOUT"
	ProblemPortal    = "NET-PORTAL"
	ProblemMTU       = "NET-MTU"
	ProblemProxy     = "NET-PROXY"
	ProblemProxyAuth = "NET-PROXY-AUTH"

	ProblemTLSExpired   = "TLS-EXPIRED"
	ProblemTLSNotYet    = "TLS-NOT-YET"
	ProblemTLSUnknownCA = "TLS-UNKNOWN-CA"
	ProblemTLSName      = "TLS-NAME"
	ProblemTLSFailed    = "TLS-FAILED"
	ProblemTLSClient    = "TLS-CLIENT"
	ProblemTLSPin       = "TLS-PIN"

	ProblemClockUnset = "CLK-UNSET"

	ProblemNoServer = "CFG-NO-SERVER" // for as long as the link has no address
)
