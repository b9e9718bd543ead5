package config

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"portti/uplink"
)

// The encodings of the bodies that are posted.
const (
	EncodingThingsee = "thingsee" // an array of the messages
	EncodingHaltless = "haltless"
	EncodingHeimdall = "heimdall"
)

const (
	maxChannels     = 30  // subscribed to
	maxChannelBytes = 200 // of one name
)

// infer settles what follows from other settings where nobody says it: the token is
// presented as engine and dialect document, and an engine that has one acknowledgement has that.
func (l *loader) infer() {
	u := &l.cfg.Uplink
	if _, said := l.set["uplink.auth"]; !said {
		u.Auth = uplink.EngineAuth(u.Engine, u.Dialect)
	}
	if _, said := l.set["uplink.ack"]; !said && u.Engine != uplink.EngineWebSocket {
		u.Ack = uplink.AckAnswer
	}
}

// checkEngine finds settings that the engine has no use for.
func (l *loader) checkEngine(path string) {
	u, bare := l.cfg.Uplink, l.cfg.Uplink.Engine == uplink.EngineWebSocket
	with := fmt.Sprintf("engine = %q", u.Engine)
	switch {
	case l.bad["uplink.engine"] || l.bad["uplink.ack"]:
		return
	case bare && u.Ack == uplink.AckAnswer:
		l.fault(path, "uplink.ack", `"ack" cannot be "answer" with `+with, `it is what acknowledges with the other engines; remove the line`)
	case !bare && u.Ack != uplink.AckAnswer:
		l.fault(path, "uplink.ack", fmt.Sprintf("\"ack\" cannot be %q with %s", u.Ack, with), "the server's answer to each message acknowledges what was in it; remove the line")
	}
	l.checkPublish(path)
	if u.Engine != uplink.EngineHTTP {
		l.checkUseless(path, "uplink.encoding", u.Encoding == EncodingThingsee, with, `it is of engine = "http"; remove the line`)
	}
	if bare {
		return
	}
	l.checkUseless(path, "uplink.dialect", u.Dialect == uplink.DialectThingsee, with, "the other dialects are of the WebSocket; remove the line")
	l.checkUseless(path, "uplink.auth", u.Auth != uplink.AuthFirstMessage || u.Engine != uplink.EngineHTTP, with, `say auth = "header", "query" or "none"`)
	l.checkUseless(path, "uplink.compression", !u.Compression, with, "remove the line")
	l.checkUseless(path, "uplink.subprotocol", u.Subprotocol == "", with, "remove the line")
}

// checkDialect finds settings that the dialect has no use for.
func (l *loader) checkDialect(path string) {
	u, usual := l.cfg.Uplink, Defaults().Uplink
	if l.bad["uplink.dialect"] {
		return
	}
	first := u.Auth == uplink.AuthFirstMessage || u.Auth == uplink.AuthHash && u.HashAs == uplink.AuthFirstMessage
	if !first && !l.bad["uplink.auth"] {
		l.checkUseless(path, "uplink.auth_settle", u.AuthSettle == usual.AuthSettle, fmt.Sprintf("auth = %q", u.Auth), "it is for a token that travels as the first message; remove the line")
	}
	if u.Dialect != uplink.DialectHaltless {
		l.checkUseless(path, "uplink.heartbeat", u.Heartbeat == usual.Heartbeat, fmt.Sprintf("dialect = %q", u.Dialect), "only haltless servers have a heartbeat; remove the line")
	}
	if every := u.Heartbeat.D(); every != 0 && (every < time.Second || every > time.Hour) && !l.bad["uplink.heartbeat"] {
		l.fault(path, "uplink.heartbeat", fmt.Sprintf(`"heartbeat" must be from 1s to 1h, found %s`, u.Heartbeat), `write "0s" where the server has none`)
	}
	l.checkChannels(path, u)
}

// checkUseless is about a setting that somebody changed and that does nothing
// where with holds. The default may stand there: config show writes it.
func (l *loader) checkUseless(path, key string, usual bool, with, hint string) {
	if !usual && !l.bad[key] {
		l.fault(path, key, fmt.Sprintf("%q has no meaning with %s", lastOf(key), with), hint)
	}
}

func (l *loader) checkChannels(path string, u Uplink) {
	const key = "uplink.channels"
	if len(u.Channels) == 0 || l.bad[key] {
		return
	}
	if u.Dialect != uplink.DialectZyeta && u.Dialect != uplink.DialectHeimdall {
		l.fault(path, key, fmt.Sprintf(`"channels" has no meaning with dialect = %q`, u.Dialect), "only zyeta and heimdall servers have channels; remove the line")
		return
	}
	if len(u.Channels) > maxChannels {
		l.fault(path, key, fmt.Sprintf(`"channels" names %d, and %d are allowed`, len(u.Channels), maxChannels), "")
	}
	seen := map[string]bool{}
	for _, c := range u.Channels {
		switch {
		case c == "" || len(c) > maxChannelBytes || !utf8.ValidString(c) || notPrintable(c, maxChannelBytes) != "":
			l.fault(path, key, fmt.Sprintf(`"channels" cannot hold %s: a name has 1 to %d characters that can be printed`, quoteShort(c), maxChannelBytes), "")
		case seen[c]:
			l.fault(path, key, fmt.Sprintf(`"channels" names %s twice`, quoteShort(c)), "")
		}
		seen[c] = true
	}
}

// LinkHeartbeat is the interval in the link's own terms.
func LinkHeartbeat(u Uplink) time.Duration {
	if u.Heartbeat == 0 {
		return -1
	}
	return u.Heartbeat.D()
}

// checkRequest is about what the upgrade request says in addition.
func (l *loader) checkRequest(path string) {
	u := l.cfg.Uplink
	for _, name := range sortedKeys(u.Headers) {
		key := join("uplink.headers", name)
		if err := uplink.CheckHeader(name, u.Headers[name]); err != nil && !l.bad[key] {
			l.fault(path, key, err.Error(), "Host, Upgrade, Sec-WebSocket-… and Portti-… belong to the request itself")
		} else if strings.EqualFold(name, "authorization") && u.Auth == uplink.AuthHeader {
			l.fault(path, key, `"headers" sets Authorization, and auth = "header" does too`, `say auth = "none" where the header is all that the server wants`)
		}
	}
	for _, s := range []struct{ key, value string }{{"uplink.subprotocol", u.Subprotocol}, {"uplink.origin", u.Origin}} {
		if strings.ContainsFunc(s.value, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ',' }) && !l.bad[s.key] {
			l.fault(path, s.key, fmt.Sprintf("%q cannot be %s", lastOf(s.key), quoteShort(s.value)), "it is one word without spaces and commas")
		}
	}
}
