package uplink

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// dialect is what one family of servers wants: how the request is made and
// the token presented, and what the server's messages mean.
type dialect interface {
	name() string
	// request gives the URL and headers of the upgrade request.
	request(token Secret) (url.URL, http.Header)
	// hear takes one message of the server. Its bytes are hostile. ok says that
	// it told the server's time.
	hear(message []byte) (now time.Time, ok bool)
	// wantsToken reports whether request needs one.
	wantsToken() bool
}

// thingsee is the plain dialect: Thingsee arrays out, nothing expected back.
// What the server says is counted by the session and never acted upon.
type thingsee struct {
	endpoint   endpoint
	credential credential
	userAgent  string
}

func newThingsee(o *Options, ep endpoint) (*thingsee, error) {
	t := &thingsee{endpoint: ep, userAgent: o.UserAgent}
	hashed := !ep.fragment.Empty()
	if hashed || o.Auth == AuthHash {
		var err error
		if t.credential, err = hashCredential(o, ep); err != nil {
			return nil, err
		}
		return t, nil
	}
	switch o.Auth {
	case AuthNone:
		t.credential = credential{how: "none"}
		return t, nil
	case AuthHeader, "":
		t.credential = credential{how: "bearer"}
	case AuthQuery:
		t.credential = credential{how: "query", name: o.QueryName}
	default:
		return nil, fmt.Errorf("auth %q is not available with dialect thingsee; it can be none, header, query or hash", o.Auth)
	}
	if o.Token == nil {
		return nil, fmt.Errorf("auth %q needs a token (token_file or credential)", o.Auth)
	}
	if t.credential.how == "bearer" && !ep.basic.Empty() {
		return nil, errors.New("cannot use both a user name in the URL and a bearer token: both are the Authorization header")
	}
	return t, nil
}

func hashCredential(o *Options, ep endpoint) (credential, error) {
	if ep.fragment.Empty() {
		return credential{}, errors.New(`auth "hash" needs a fragment ("#...") at the end of the URL`)
	}
	c, err := parseHashAs(o.HashAs)
	if err != nil {
		return credential{}, fmt.Errorf("cannot use the uplink URL: %w", err)
	}
	if o.Token != nil {
		return credential{}, errors.New("cannot use both a fragment in the URL and a token: choose one")
	}
	if c.how == "bearer" && !ep.basic.Empty() {
		return credential{}, errors.New("cannot use both a user name in the URL and a bearer token: both are the Authorization header")
	}
	if err := checkToken(ep.fragment.Reveal()); err != nil {
		return credential{}, fmt.Errorf("cannot use the fragment of the uplink URL: %w", err)
	}
	return c, nil
}

func (t *thingsee) name() string { return "thingsee" }

func (t *thingsee) wantsToken() bool {
	return t.endpoint.fragment.Empty() && t.credential.how != "none"
}

func (t *thingsee) request(token Secret) (url.URL, http.Header) {
	header := http.Header{}
	if t.userAgent != "" {
		header.Set("User-Agent", t.userAgent)
	}
	if !t.endpoint.basic.Empty() {
		header.Set("Authorization", t.endpoint.basic.Reveal())
	}
	if !t.endpoint.fragment.Empty() {
		token = t.endpoint.fragment
	}
	return t.credential.apply(t.endpoint.url, header, token), header
}

func (t *thingsee) hear([]byte) (now time.Time, ok bool) { return time.Time{}, false }
