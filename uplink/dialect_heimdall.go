package uplink

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"time"
)

// heimdallURL makes the socket's address of the API's: ws for http, and the
// path /v1/ws after its own. An address of a socket stays as it is.
func heimdallURL(raw string) string {
	scheme, rest, _ := strings.Cut(raw, "://")
	switch strings.ToLower(scheme) {
	case "http":
		scheme = "ws"
	case "https":
		scheme = "wss"
	default:
		return raw
	}
	end := strings.IndexAny(rest, "?#")
	if end < 0 {
		end = len(rest)
	}
	base := strings.TrimRight(rest[:end], "/")
	if !strings.HasSuffix(base, heimdallPath) {
		base += heimdallPath
	}
	return scheme + "://" + base + rest[end:]
}

const heimdallPath = "/v1/ws"

// resubscribeWait lets several changes of rights come together.
const resubscribeWait = 2 * time.Second

// heimdallSession is the dialect of Heimdall: channels, and a server that says when
// an account or a session has come to its end. One serves all connections to an
// address.
// https://elcto-docs.pages.dev/docs/api-lib/websocket
type heimdallSession struct {
	channels []string
	lower    atomic.Bool // the server writes its control messages without capitals
}

func (t *heimdallSession) open() [][]byte {
	return subscriptions(t.channels, `{"type":"`+t.spell("Subscribe")+`","channel":`, "}")
}

func (t *heimdallSession) keepalive() []byte { return []byte(`{"type":"` + t.spell("Ping") + `"}`) }

// spell gives the name of a control message as the server writes them.
func (t *heimdallSession) spell(kind string) string {
	if t.lower.Load() {
		return strings.ToLower(kind)
	}
	return kind
}

// heimdallMessage is what matters of the server's messages.
type heimdallMessage struct {
	Type      string          `json:"type"`
	Message   string          `json:"message"`
	Data      json.RawMessage `json:"data"`
	Reason    string          `json:"reason"`
	Permanent bool            `json:"isPermanent"`
	Expires   string          `json:"expiresAt"`
}

func (t *heimdallSession) onMessage(message []byte) serverMessage {
	var m heimdallMessage
	if !parse(message, &m) {
		return serverMessage{kind: kindMalformed}
	}
	switch kind := canonical(m.Type); kind {
	case "pong":
		return t.spelt(m.Type, serverMessage{kind: kind})
	case "error":
		return t.spelt(m.Type, serverMessage{kind: kind, complaint: joinReason(kind, m.Message)})
	case "message":
		h := t.unwrap(m.Data)
		if h.kind == "" {
			h.kind = kind
		}
		return t.spelt(m.Type, h)
	default:
		return t.classify(kind, &m)
	}
}

// canonical gives the documented name of a type in whatever spelling; "": there
// is none.
func canonical(kind string) string {
	for _, k := range heimdallKinds {
		if strings.EqualFold(k, kind) {
			return k
		}
	}
	return ""
}

var heimdallKinds = []string{
	"pong", "message", "error",
	"forceLogout", "sessionRevoked", "accountDeleted", "accountBanned", "oAuthConsentRevoked",
	"rolesUpdated", "permissionsUpdated", "rolePermissionsChanged",
	"emailLinkVerified", "emailChangeVerified", "gpsUpdate", "vesselsUpdate", "geofenceEvent",
}

// classify gives the meaning of the messages that are no control messages.
func (t *heimdallSession) classify(kind string, m *heimdallMessage) serverMessage {
	h := serverMessage{kind: kind}
	switch kind {
	case "accountBanned":
		what := kind
		if m.Permanent {
			what += " for ever"
		} else if m.Expires != "" {
			what += " until " + m.Expires
		}
		h.end, h.detail = failLoggedOut, joinReason(what, m.Reason)
	case "forceLogout", "sessionRevoked", "accountDeleted", "oAuthConsentRevoked":
		h.end, h.detail = failLoggedOut, joinReason(kind, m.Reason)
	case "rolesUpdated", "permissionsUpdated", "rolePermissionsChanged":
		h.reply, h.after = t.open(), resubscribeWait
	}
	return h
}

// unwrap looks into the data of Message, which older servers send as a text
// that holds the typed message. It looks no deeper than that.
func (t *heimdallSession) unwrap(data json.RawMessage) serverMessage {
	var text string
	if json.Unmarshal(data, &text) == nil {
		data = []byte(text)
	}
	var m heimdallMessage
	if !parse(data, &m) {
		return serverMessage{}
	}
	switch kind := canonical(m.Type); kind {
	case "pong", "message", "error":
		return serverMessage{}
	default:
		return t.classify(kind, &m)
	}
}

// spelt learns how the server writes its control messages. When that is not
// how it was spoken to, it may have understood nothing: what was asked for at
// the beginning is asked for again.
func (t *heimdallSession) spelt(kind string, h serverMessage) serverMessage {
	if lower := kind[0] >= 'a'; t.lower.Swap(lower) != lower && h.end == failUnknown {
		h.reply, h.after = t.open(), resubscribeWait
	}
	return h
}
