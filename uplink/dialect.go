package uplink

import (
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// The dialects, Options.Dialect.
const (
	DialectThingsee = "thingsee"
	DialectHaltless = "haltless"
	DialectZyeta    = "zyeta"
	DialectHeimdall = "heimdall"
)

// dialect is what the servers of one address want: how the request is made and the
// token presented, and what their messages mean. It is made once for an address and
// used for every connection to it.
type dialect struct {
	o          *Options
	endpoint   endpoint
	credential credential
	// patience is how long the server may be silent at first until the link
	// counts as dead; 0: for ever.
	patience time.Duration
	// startSession begins the dialect's part of one connection.
	startSession func() dialectSession
}

// dialectSession holds what a dialect sends and understands on one connection in
// addition to the data. It lives as long as the connection, or longer where it
// remembers nothing of one.
type dialectSession interface {
	// open gives the messages that are sent first, after the greeting.
	open() [][]byte
	// keepalive gives the message that goes with a ping on a quiet link; nil:
	// none. It is called by the session while the reader may be in onMessage.
	keepalive() []byte
	// onMessage takes one text message of the server that is no acknowledgement. It
	// is called by the reader alone. The bytes are hostile and good only during
	// the call.
	onMessage(message []byte) serverMessage
}

// serverMessage is what a message of the server means to the link.
type serverMessage struct {
	// kind names the message in the counters. It is one of a few fixed names of
	// the dialect, never the server's own text; "" means that the dialect does
	// not know it.
	kind string
	// time is the server's clock; zero: it did not say.
	time time.Time
	// patience is how long the server may be silent from now on until the link
	// counts as dead; 0: as before.
	patience time.Duration
	// reply is to be sent, in this order.
	reply [][]byte
	// after, where it is not 0, makes reply wait: one time runs, and a
	// newer reply takes the place of what waits.
	after time.Duration
	// inUse: the server sees another gateway with this one's identity.
	inUse bool
	// complaint is the server's own text about something that went wrong and
	// does not end the session.
	complaint string
	// end is not failUnknown when the server ended the session by this message.
	end failure
	// detail is the server's own text about end, cleaned before they are shown.
	detail string
}

func newDialect(o *Options, ep endpoint) (d dialect, err error) {
	d = dialect{o: o, endpoint: ep}
	if d.credential, err = newCredential(o, ep); err != nil {
		return d, err
	}
	for name := range o.Headers {
		if canon := http.CanonicalHeaderKey(name); canon == "Authorization" && (d.credential.how == "bearer" || !ep.basic.Empty()) || canon == http.CanonicalHeaderKey(d.credential.name) {
			return d, fmt.Errorf("the header %s is set in headers, and the token travels in it", name)
		}
	}
	switch o.Dialect {
	case DialectThingsee:
		d.startSession = func() dialectSession { return thingseeSession{} }
	case DialectHaltless:
		d.patience = missedBeats * max(o.Heartbeat, 0) // until the heartbeat is learnt
		d.startSession = func() dialectSession { return new(haltlessSession) }
	case DialectZyeta:
		d.startSession = func() dialectSession { return &zyetaSession{channels: o.Channels} }
	case DialectHeimdall:
		h := &heimdallSession{channels: o.Channels}
		d.startSession = func() dialectSession { return h }
	default:
		err = fmt.Errorf("dialect %q is not known; it can be thingsee, haltless, zyeta or heimdall", o.Dialect)
	}
	return d, err
}

// DialectAuth is how a dialect presents its token where nothing else is said.
func DialectAuth(name string) string {
	switch name {
	case DialectHaltless:
		return AuthFirstMessage
	case DialectZyeta:
		return AuthQuery
	}
	return AuthHeader
}

// wantsToken reports whether a connection needs one.
func (d *dialect) wantsToken() bool {
	return d.endpoint.fragment.Empty() && d.credential.how != "none"
}

// EngineAuth is how an engine presents its token where nothing else is said.
func EngineAuth(engine, dialect string) string {
	if engine == EngineMQTT || engine == EngineNATS {
		return AuthFirstMessage
	}
	return DialectAuth(dialect)
}

// request gives the URL and headers of the upgrade request.
func (d *dialect) request(token Secret) (url.URL, http.Header) {
	header := http.Header{}
	if d.o.UserAgent != "" {
		header.Set("User-Agent", d.o.UserAgent)
	}
	d.introduce(header)
	if d.o.Origin != "" {
		header.Set("Origin", d.o.Origin)
	}
	for name, value := range d.o.Headers {
		header.Set(name, value)
	}
	if !d.endpoint.basic.Empty() {
		header.Set("Authorization", d.endpoint.basic.Reveal())
	}
	return d.credential.apply(d.endpoint.url, header, d.secret(token)), header
}

// greet gives the text message that presents the token before anything else is
// sent; nil where the token travels in the request, or the engine has a place for it.
func (d *dialect) greet(token Secret) []byte {
	if d.credential.how != AuthFirstMessage || d.o.Engine != EngineWebSocket {
		return nil
	}
	return []byte(d.secret(token).Reveal())
}

// secret is what is presented: the URL's fragment stands in for the token.
func (d *dialect) secret(token Secret) Secret {
	if !d.endpoint.fragment.Empty() {
		return d.endpoint.fragment
	}
	return token
}
