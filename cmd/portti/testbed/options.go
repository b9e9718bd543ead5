package testbed

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"
)

// Options says what kind of server a Receiver is. The zero value of a field
// takes the default named with it.
type Options struct {
	Listen string // host:port, default "127.0.0.1:8080"; port 0 takes a free one
	// Listener takes the place of Listen, for tests on a network in memory.
	Listener net.Listener
	Dialect  string // thingsee (default), haltless, zyeta or heimdall
	// Auth is where the token stands: none, header (Authorization: Bearer),
	// query (?token=), first-message, or hash: anywhere in the request where a
	// client can put the fragment of its URL. Default: none without a token, else
	// the dialect's own way.
	Auth  string
	Token string // what Auth must find
	// TokenNow takes the place of Token and is asked at each handshake, so that
	// a token can be replaced while the receiver runs. It may be nil.
	TokenNow func() (string, error)
	// Origins are the pages that may connect from a browser, as it names them:
	// https://host:port; "*" = any. Gateways name none, or this server's own address.
	Origins []string
	Ack     string // none, fence (default), count or envelope

	TLS    bool   // listen with a self-signed certificate
	TLSDir string // where certificate and key are kept; empty: in memory only

	Out     io.Writer // every message, one a line; nil: nowhere
	OutFile string    // the same, appended to a file; with count and envelope it is on the disk before it is proven
	Aside   string    // file of messages that can never be handled; default: OutFile + ".aside", or none without

	MaxFrame    int64         // largest frame in bytes, default 1 MiB; a larger one ends the connection with 1009
	MaxAge      time.Duration // max_age of the gateways, default 30 days; with envelope a numbering is forgotten 30 days after that without use
	MaxDistinct int           // keys remembered for counting repeats, default 4,000,000 (about 100 MB when full)

	Heartbeat  time.Duration // dialect haltless, default 5 s
	AuthWait   time.Duration // how long the first message may take, default 10 s
	MaxPending int           // connections of one address that have not shown their token yet, default 8

	Forward Forward // a REST API that has to take every message before it is proven
	Fanout  Fanout  // read-only subscribers

	// OnMessage is called for every message, in the order written, from the
	// goroutine of its connection; repeat says that its key came before. msg is
	// good during the call only. It may be nil.
	OnMessage func(msg []byte, repeat bool)

	// Date gives the time for a Date in the answer to the upgrade; nil: none.
	Date func() time.Time

	Log *slog.Logger // default: discards
}

func (o Options) withDefaults() Options {
	o.Listen = orDefault(o.Listen, "127.0.0.1:8080")
	o.Dialect = orDefault(o.Dialect, "thingsee")
	if o.Auth == "" {
		o.Auth = "none"
		if o.hasToken() {
			o.Auth = ownAuth(o.Dialect)
		}
	}
	o.Ack = orDefault(o.Ack, "fence")
	o.MaxFrame = orDefault(o.MaxFrame, 1<<20)
	o.MaxAge = orDefault(o.MaxAge, 30*24*time.Hour)
	o.MaxDistinct = orDefault(o.MaxDistinct, 4_000_000)
	o.Heartbeat = orDefault(o.Heartbeat, 5*time.Second)
	o.AuthWait = orDefault(o.AuthWait, 10*time.Second)
	o.MaxPending = orDefault(o.MaxPending, 8)
	if o.Aside == "" && o.OutFile != "" {
		o.Aside = o.OutFile + ".aside"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Forward = o.Forward.withDefaults()
	return o
}

// ownAuth is where the documentation of a dialect puts the token.
func ownAuth(dialect string) string {
	switch dialect {
	case "haltless":
		return "first-message"
	case "zyeta":
		return "query"
	}
	return "header"
}

func (o Options) hasToken() bool { return o.Token != "" || o.TokenNow != nil }

// Check says what is wrong with the options. NewReceiver calls it too.
func (o Options) Check() error {
	o = o.withDefaults()
	switch o.Dialect {
	case "thingsee", "haltless", "zyeta", "heimdall":
	default:
		return fmt.Errorf("cannot receive dialect %q: choose thingsee, haltless, zyeta or heimdall", o.Dialect)
	}
	switch o.Auth {
	case "none":
		if o.hasToken() {
			return errors.New("cannot check the token: with auth none nobody presents one; choose header, query, first-message or hash")
		}
	case "header", "query", "first-message", "hash":
		if !o.hasToken() {
			return fmt.Errorf("cannot use auth %s without a token", o.Auth)
		}
	default:
		return fmt.Errorf("cannot use auth %q: choose none, header, query, first-message or hash", o.Auth)
	}
	switch o.Ack {
	case "none", "fence", "count", "envelope":
	default:
		return fmt.Errorf("cannot acknowledge by %q: choose none, fence, count or envelope", o.Ack)
	}
	if o.MaxAge < 0 || o.Heartbeat < 0 || o.AuthWait < 0 || o.MaxPending < 0 {
		return errors.New("the age, the heartbeat, the wait for a token and the pending connections must not be negative")
	}
	return errors.Join(o.Forward.check(o.Aside != "" || o.Ack == "envelope"), o.Fanout.check())
}

// webAddress refuses what is no http:// or https:// URL without quoting it: it
// may hold a password.
func webAddress(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("it must be a URL that begins with http:// or https://")
	}
	if strings.Contains(text, "#") {
		return errors.New("a URL of an API has no fragment (#...)")
	}
	return nil
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
