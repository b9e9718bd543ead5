package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"portti/uplink"
)

func (l *loader) checkURL(path string) {
	u := l.cfg.Uplink
	if l.bad["uplink.url"] || l.bad["uplink.urls"] {
		return
	}
	switch {
	case len(u.URLs) == 0 && u.URL == "":
		if !l.broken {
			l.say(false, "uplink.url", "no server is set: readings wait in the buffer until one is", "sudo portti setup URL, or write url = \"wss://…\" in [uplink]")
		}
	case len(u.URLs) == 0:
		l.checkAddress(path, "uplink.url", u.URL)
	case u.URL != "":
		l.fault(path, "uplink.urls", `both "url" and "urls" are set`, `put every address into "urls", the preferred one first`)
	default:
		for i, raw := range u.URLs {
			l.checkAddress(path, "uplink.urls", raw)
			if slices.Contains(u.URLs[:i], raw) {
				l.fault(path, "uplink.urls", `"urls" names one address twice`, "")
			}
		}
	}
}

func (l *loader) checkFallback(path string) {
	u := l.cfg.Uplink
	if u.AckFallback != "" && u.Ack != "envelope" && !l.bad["uplink.ack"] && !l.bad["uplink.ack_fallback"] {
		l.fault(path, "uplink.ack_fallback", fmt.Sprintf(`"ack_fallback" has no meaning with ack = %q`, u.Ack), `it is for ack = "envelope"; remove the line`)
	}
}

func (l *loader) checkAddress(path, key, raw string) {
	name := lastOf(key)
	head, fragment, hasFragment := strings.Cut(raw, "#")
	u, err := url.Parse(head)
	if err != nil {
		l.fault(path, key, strconv.Quote(name)+" is not an address", `it looks like "wss://host/path"`)
		return
	}
	text, hint := urlFault(u, l.cfg.Uplink)
	if text == "" && (hasFragment || l.cfg.Uplink.Auth == "hash") {
		text, hint = fragmentFault(hasFragment, fragment, l.cfg.Uplink)
	}
	if text == "" && u.Hostname() == sampleHost {
		l.say(false, key, fmt.Sprintf("%q still names the example server %s", name, u.Hostname()), "write the address that the server's operator gave you")
	}
	if text != "" {
		l.fault(path, key, strings.ReplaceAll(text, `"url"`, strconv.Quote(name)), hint)
	} else if uplink.IsLocalName(u.Hostname()) {
		l.warnings = append(l.warnings, l.faultAt(path, key, fmt.Sprintf(`%q has a name that ends in .local: it is announced in the local network (mDNS), and portti asks name servers only`, name),
			"write the server's address instead, or its name and address in /etc/hosts"))
	}
}

// sampleHost is the server of the sample that create makes.
const sampleHost = "ingest.example.net"

// IsExample says whether a host is one that never exists, as the one of the sample.
func IsExample(host string) bool {
	host = "." + strings.ToLower(host)
	return slices.ContainsFunc([]string{".example.net", ".example.com", ".example.org"}, func(s string) bool { return strings.HasSuffix(host, s) })
}

// urlFault says what is wrong with the server's address, the fragment aside.
func urlFault(u *url.URL, up Uplink) (text, hint string) {
	scheme := u.Scheme
	if up.Engine == uplink.EngineHTTP {
		return httpFault(u, up)
	}
	if up.Dialect == uplink.DialectHeimdall { // the address of the API will do: it is ws for http, and /v1/ws
		scheme = strings.Replace(scheme, "http", "ws", 1)
	}
	switch {
	case scheme == "http" || scheme == "https":
		return fmt.Sprintf(`"url" begins with %s://, and the uplink is a WebSocket`, u.Scheme), fmt.Sprintf(`write ws%s://, or engine = "http" for a server that takes POST requests`, u.Scheme[len("http"):])
	case scheme == "mqtt" || scheme == "mqtts":
		return `"url" begins with ` + scheme + `://, and portti speaks MQTT inside a WebSocket`, fmt.Sprintf("write engine = \"mqtt\" and wss://%s:PORT/mqtt with the port and path of the broker's WebSocket", u.Hostname())
	case scheme == "nats" || up.Engine == uplink.EngineNATS && scheme == "tls":
		return `"url" begins with ` + scheme + `://, and portti speaks NATS inside a WebSocket`, fmt.Sprintf("write engine = \"nats\" and wss://%s:PORT, PORT being that of websocket { } in the server's configuration", u.Hostname())
	case scheme != "ws" && scheme != "wss":
		hint := ""
		if near := Nearest(u.Scheme, []string{"wss", "ws"}); near != "" && u.Host != "" {
			hint = fmt.Sprintf("did you mean %s://?", near)
		}
		return `"url" must begin with wss:// or ws://`, hint
	}
	return addressFault(u, up, scheme == "ws")
}

// httpFault is urlFault where readings are posted.
func httpFault(u *url.URL, up Uplink) (text, hint string) {
	if u.Scheme != "http" && u.Scheme != "https" {
		return `"url" must begin with https:// or http:// with engine = "http"`, ""
	}
	return addressFault(u, up, u.Scheme == "http")
}

// addressFault is about what stands behind the scheme; plain, it is one without TLS.
func addressFault(u *url.URL, up Uplink, plain bool) (text, hint string) {
	switch {
	case u.Hostname() == "":
		return `"url" names no host`, `it looks like "wss://host/path"`
	case badPort(u):
		return `"url" has a port that does not exist`, "ports are 1 to 65535"
	case u.User != nil && up.Auth != "none":
		return fmt.Sprintf(`"url" holds a user or password besides auth = %q: one login is enough`, up.Auth), `take it out of the address, or say auth = "none"`
	case plain && !uplink.IsLoopback(u.Hostname()) && !up.Insecure:
		return fmt.Sprintf(`"url" begins with %s://: readings and token would travel unencrypted`, u.Scheme), fmt.Sprintf("write %ss://, or say insecure = true if that is meant", u.Scheme)
	}
	return "", ""
}

// fragmentFault explains why a token behind # cannot simply work: a fragment
// never leaves the client (RFC 3986, 3.5), so a server that says it wants "the
// token in the hash" means one of several other things.
func fragmentFault(has bool, fragment string, up Uplink) (text, hint string) {
	switch {
	case !has || (fragment == "" && up.Auth == "hash"):
		return `auth = "hash" needs the token behind a # in "url"`, ""
	case up.Auth == "hash":
		return "", ""
	case fragment == "":
		return `"url" ends with a #, which is never sent to a server`, "remove it"
	}
	return `"url" has a # in it: what follows is never sent to a server`,
		`if it belongs to the path write %23; if it is a token use token_file with auth = "header", or auth = "hash" and hash_as for what the receiver expects`
}

func badPort(u *url.URL) bool {
	if u.Port() == "" {
		return false
	}
	n, err := strconv.Atoi(u.Port())
	return err != nil || n < 1 || n > 65535
}

// ThisMachine says whether a host, with or without a port, means this machine for itself.
func ThisMachine(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return uplink.IsLoopback(strings.Trim(host, "[]"))
}

func (l *loader) checkToken(path string) {
	u := l.cfg.Uplink
	l.checkTokenSource(path)
	elsewhere := u.TokenSource != "" && u.TokenSource != TokenFromFile
	if needs := u.Auth == "header" || u.Auth == "query" || u.Auth == "first-message"; needs && len(u.Addresses()) > 0 && u.TokenFile == "" && u.Credential == "" && !elsewhere &&
		!l.broken && !l.bad["uplink.token_file"] && !l.bad["uplink.auth"] {
		l.fault(path, "uplink.auth", fmt.Sprintf(`auth = %q needs a token, and neither "token_file" nor "credential" is set`, u.Auth),
			`add token_file = "/etc/portti/credentials/uplink-token", or say auth = "none"`)
	}
	if u.TokenFile != "" && u.Credential != "" {
		l.fault(path, "uplink.credential", `both "token_file" and "credential" are set`, "keep one of the two")
	}
	if strings.ContainsAny(u.Credential, "/\x00") || u.Credential == "." || u.Credential == ".." {
		l.fault(path, "uplink.credential", `"credential" is the name of a systemd credential, not a path`, "for a path use token_file")
	}
	if u.Auth == "query" && u.QueryName == "" {
		l.fault(path, "uplink.query_name", `"query_name" is empty`, `most servers call it "token"`)
	}
	if !l.bad["uplink.hash_as"] {
		l.checkHashAs(path, u)
	}
}

func (l *loader) checkHashAs(path string, u Uplink) {
	const key, forms = "uplink.hash_as", `it is "bearer", "query:NAME", "path", "first-message" or "header:NAME"`
	how, name, _ := strings.Cut(u.HashAs, ":")
	named := how == "query" || how == "header"
	switch {
	case u.HashAs == "reject" || u.HashAs == "":
		if u.Auth == "hash" {
			l.fault(path, "uplink.auth", `auth = "hash" needs "hash_as": what the receiver expects, since no server ever sees a fragment`, forms)
		}
	case u.HashAs != "bearer" && u.HashAs != "path" && u.HashAs != "first-message" && (!named || name == ""):
		l.fault(path, key, fmt.Sprintf(`"hash_as" cannot be %s`, quoteShort(u.HashAs)), forms)
	}
}

func (l *loader) checkProxy(path string) {
	const key = "uplink.proxy"
	p := l.cfg.Uplink.Proxy
	if p == "environment" || p == "none" || l.bad[key] {
		return
	}
	u, err := url.Parse(p)
	if err == nil && slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) && u.Hostname() != "" && !badPort(u) {
		return
	}
	l.fault(path, key, `"proxy" must be "environment", "none", or an address: http://host:port, https://, socks5:// or socks5h://`, "")
}
