package uplink

import (
	"errors"
	"fmt"
)

// newPresenter decides how the token of one address is presented.
func newPresenter(o *Options, ep endpoint) (presenter, error) {
	p := presenter{endpoint: ep, userAgent: o.UserAgent, gateway: o.Gateway, start: o.Start}
	var err error
	if !ep.fragment.Empty() || o.Auth == AuthHash {
		p.credential, err = hashCredential(o, ep)
		return p, err
	}
	switch o.Auth {
	case AuthNone:
		p.credential = credential{how: "none"}
		return p, nil
	case AuthHeader:
		p.credential = credential{how: "bearer"}
	case AuthQuery:
		p.credential = credential{how: "query", name: o.QueryName}
	case AuthFirstMessage:
		p.credential = credential{how: AuthFirstMessage}
	default:
		return p, fmt.Errorf("auth %q is not known; it can be none, header, query, first-message or hash", o.Auth)
	}
	if o.Token == nil {
		return p, fmt.Errorf("auth %q needs a token (token_file or credential)", o.Auth)
	}
	return p, p.onlyOneLogin()
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
	if err := checkToken(ep.fragment.Reveal()); err != nil {
		return credential{}, fmt.Errorf("cannot use the fragment of the uplink URL: %w", err)
	}
	return c, presenter{endpoint: ep, credential: c}.onlyOneLogin()
}

func (p presenter) onlyOneLogin() error {
	if p.credential.how == "bearer" && !p.endpoint.basic.Empty() {
		return errors.New("cannot use both a user name in the URL and a bearer token: both are the Authorization header")
	}
	return nil
}
