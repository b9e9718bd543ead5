package uplink

import (
	"errors"
	"fmt"
)

// newCredential decides how the token of one address is presented.
func newCredential(o *Options, ep endpoint) (c credential, err error) {
	switch {
	case !ep.fragment.Empty() || o.Auth == AuthHash:
		if c, err = hashCredential(o, ep); err != nil {
			return c, err
		}
	case o.Auth == AuthNone:
		return credential{how: "none"}, nil
	case o.Auth == AuthHeader:
		c.how = "bearer"
	case o.Auth == AuthQuery:
		c = credential{how: "query", name: o.QueryName}
	case o.Auth == AuthFirstMessage:
		c.how = AuthFirstMessage
	default:
		return c, fmt.Errorf("auth %q is not known; it can be none, header, query, first-message or hash", o.Auth)
	}
	if ep.fragment.Empty() && o.Token == nil {
		return c, fmt.Errorf("auth %q needs a token (token_file or credential)", o.Auth)
	}
	if c.how == "bearer" && !ep.basic.Empty() {
		return c, errors.New("cannot use both a user name in the URL and a bearer token: both are the Authorization header")
	}
	return c, nil
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
	if err = CheckAccessToken(ep.fragment.Reveal(), c.how); err != nil {
		return credential{}, fmt.Errorf("cannot use the fragment of the uplink URL: %w", err)
	}
	return c, nil
}
