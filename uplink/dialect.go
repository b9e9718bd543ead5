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

// dialect is what one family of servers wants: how the request is made and
// the token presented, and what the server's messages mean. It is made once
// for an address and used for every connection to it.
type dialect interface {
	name() string
	// wantsToken reports whether a connection needs one.
	wantsToken() bool
	// request gives the URL and headers of the upgrade request.
	request(token Secret) (url.URL, http.Header)
	// greet gives the text message that presents the token before anything
	// else is sent; nil where the token travels in the request.
	greet(token Secret) []byte
	// startSession begins the dialect's part of one connection.
	startSession() dialectSession
}

// dialectSession holds what a dialect sends and understands on one connection in
// addition to the data. It lives as long as the connection.
type dialectSession interface {
	// open gives the messages that are sent first, after the greeting.
	open() [][]byte
	// keepalive gives the message that goes with a ping on a quiet link; nil:
	// none. It is called by the session while the reader may be in onMessage.
	keepalive() []byte
	// patience is how long the server may be silent at first until the link
	// counts as dead; 0: for ever.
	patience() time.Duration
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

// presenter is the part that dialects share: the request, and the token in it
// or in front of the data.
type presenter struct {
	endpoint   endpoint
	credential credential
	userAgent  string

	gateway, start string // of the headers; start "": there are none
}

func newDialect(o *Options, ep endpoint) (dialect, error) {
	p, err := newPresenter(o, ep)
	if err != nil {
		return nil, err
	}
	switch o.Dialect {
	case DialectThingsee:
		return thingsee{p}, nil
	case DialectHaltless:
		return newHaltless(o, p), nil
	case DialectZyeta:
		return newZyeta(o, p), nil
	case DialectHeimdall:
		return newHeimdall(o, p), nil
	}
	return nil, fmt.Errorf("dialect %q is not known; it can be thingsee, haltless, zyeta or heimdall", o.Dialect)
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

func (p presenter) wantsToken() bool {
	return p.endpoint.fragment.Empty() && p.credential.how != "none"
}

func (p presenter) request(token Secret) (url.URL, http.Header) {
	header := http.Header{}
	if p.userAgent != "" {
		header.Set("User-Agent", p.userAgent)
	}
	p.introduce(header)
	if !p.endpoint.basic.Empty() {
		header.Set("Authorization", p.endpoint.basic.Reveal())
	}
	return p.credential.apply(p.endpoint.url, header, p.secret(token)), header
}

func (p presenter) greet(token Secret) []byte {
	if p.credential.how != AuthFirstMessage {
		return nil
	}
	return []byte(p.secret(token).Reveal())
}

// secret is what is presented: the URL's fragment stands in for the token.
func (p presenter) secret(token Secret) Secret {
	if !p.endpoint.fragment.Empty() {
		return p.endpoint.fragment
	}
	return token
}
