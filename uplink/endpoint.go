package uplink

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// The ways to present a token, Options.Auth.
const (
	AuthNone   = "none"
	AuthHeader = "header" // Authorization: Bearer <token>
	AuthQuery  = "query"  // ?token=<token>, the name is Options.QueryName
	AuthHash   = "hash"   // the URL's fragment, presented as Options.HashAs says

	AuthFirstMessage = "first-message" // the bare token as the first text message
)

const hashChoices = `a fragment ("#...") in a WebSocket URL never reaches any server, so say with hash_as what the receiver expects: ` +
	`bearer (Authorization: Bearer), query:<name>, path (sent as %23...), first-message or header:<Name>`

// endpoint is the configured URL taken apart. What is secret in it is kept
// apart from what may be shown.
type endpoint struct {
	url      url.URL // no userinfo, no fragment
	basic    Secret  // value of an Authorization header made from userinfo
	fragment Secret
	scrub    scrubber
}

// parseEndpoint checks raw, an address for the engine. Its errors never quote the URL.
func parseEndpoint(raw, engine string, insecure bool) (endpoint, error) {
	plain := "ws"
	if engine == EngineHTTP {
		plain = "http"
	}
	head, fragment, _ := strings.Cut(raw, "#")
	u, err := url.Parse(head)
	if err != nil {
		return endpoint{}, errors.New("cannot use the uplink URL: it is malformed")
	}
	if u.Scheme != plain && u.Scheme != plain+"s" {
		return endpoint{}, fmt.Errorf("cannot use the uplink URL: it must begin with %ss:// (or %s:// on this machine)", plain, plain)
	}
	if u.Hostname() == "" {
		return endpoint{}, errors.New("cannot use the uplink URL: it names no host")
	}
	if u.Scheme == plain && !insecure && !IsLoopback(u.Hostname()) {
		return endpoint{}, fmt.Errorf("cannot use the uplink URL: %s:// would send readings and token in the clear; use %ss://, or set insecure = true", plain, plain)
	}
	ep := endpoint{url: *u, fragment: NewSecret(unescaped(fragment))}
	hide := []string{fragment, ep.fragment.Reveal(), u.RawQuery}
	for _, values := range u.Query() {
		hide = append(hide, values...)
	}
	if u.User != nil {
		password, _ := u.User.Password()
		pair := basic(u.User)
		ep.basic = NewSecret("Basic " + pair)
		ep.url.User = nil
		hide = append(hide, password, pair)
	}
	ep.scrub = scrubber{}.with(hide...)
	return ep, nil
}

func unescaped(s string) string {
	if t, err := url.PathUnescape(s); err == nil {
		return t
	}
	return s
}

// IsLoopback says whether a host means this machine for itself.
func IsLoopback(host string) bool {
	ip := net.ParseIP(host)
	// Not EqualFold, to which U+017F is an s as well.
	return strings.ToLower(strings.TrimSuffix(host, ".")) == "localhost" || ip != nil && ip.IsLoopback()
}

// name is the URL as people may see it: scheme and host.
func (ep *endpoint) name() string { return ep.url.Scheme + "://" + ep.url.Host }

// credential says how a secret travels in the upgrade request.
type credential struct {
	how  string // "none", "bearer", "query", "path", "header" or "first-message"
	name string // of the query parameter or header
}

// parseHashAs reads Options.HashAs.
func parseHashAs(value string) (credential, error) {
	how, name, _ := strings.Cut(value, ":")
	switch {
	case value == "" || value == "reject":
		return credential{}, errors.New(hashChoices)
	case value == "bearer" || value == "path" || value == AuthFirstMessage:
		return credential{how: value}, nil
	case how == "query" && name != "":
		return credential{how: "query", name: name}, nil
	case how == "header" && validHeaderName(name):
		return credential{how: "header", name: name}, nil
	}
	return credential{}, fmt.Errorf("hash_as %q is not known; %s", value, hashChoices)
}

// validHeaderName also refuses the headers of the handshake itself, which
// must not be set twice, and those that say who comes.
func validHeaderName(name string) bool {
	canon := http.CanonicalHeaderKey(name)
	switch canon {
	case "Host", "Upgrade", "Connection", "Content-Length", "Transfer-Encoding":
		return false
	}
	if strings.HasPrefix(canon, "Sec-Websocket-") || strings.HasPrefix(canon, headerPrefix) {
		return false
	}
	return token(name)
}

// token says whether text is made of what names in HTTP are, but for rare signs (RFC 9110, 5.6.2).
func token(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return r != '-' && r != '_' && r != '.' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
	})
}

// CheckHeader says what is wrong with one of Options.Headers. It does not quote the value.
func CheckHeader(name, value string) error {
	if !validHeaderName(name) {
		return fmt.Errorf("%.60q cannot be a header of one's own: it is no name, or the request has it already", name)
	}
	if err := CheckToken(value); err != nil {
		return fmt.Errorf("the value of the header %s cannot be sent: %w", name, err)
	}
	return nil
}

// apply puts secret where c says, into copies of what the request begins with.
func (c credential) apply(target url.URL, header http.Header, secret Secret) url.URL {
	switch c.how {
	case "bearer":
		header.Set("Authorization", "Bearer "+secret.Reveal())
	case "header":
		header.Set(c.name, secret.Reveal())
	case "query":
		param := url.QueryEscape(c.name) + "=" + url.QueryEscape(secret.Reveal())
		if target.RawQuery != "" {
			param = target.RawQuery + "&" + param
		}
		target.RawQuery = param
	case "path":
		target.RawPath = target.EscapedPath() + "%23" + url.PathEscape(secret.Reveal())
		target.Path += "#" + secret.Reveal()
	}
	return target
}
