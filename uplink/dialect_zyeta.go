package uplink

import (
	"cmp"
	"slices"
	"time"
)

const (
	subscribeRetry = 30 * time.Second // the first time, then twice as long each time
	subscribeTries = 5                // on one connection
)

// The error codes of the documentation.
const (
	zyetaInvalid      = "invalid_request"
	zyetaUnauthorized = "unauthorized"
	zyetaSubscription = "subscription_failed"
	zyetaInternal     = "internal_error"
)

// zyetaSession is the dialect of Zyeta: the token in the address, commands of type
// and data, channels. The connection ends with the token; the token source renews
// it before that.
// https://docs.zyeta.io/pages/api-reference/ws-service
type zyetaSession struct {
	channels []string

	// of the reader
	failed  []string  // channels that the server did not give us
	tries   int       // how often they were or will be asked for again
	retryAt time.Time // the last of these
}

func (t *zyetaSession) open() [][]byte  { return zyetaSubscribe(t.channels) }
func (*zyetaSession) keepalive() []byte { return []byte(`{"type":"ping","data":{}}`) } // whose answer is not documented

func zyetaSubscribe(channels []string) [][]byte {
	return subscriptions(channels, `{"type":"subscribe","data":{"channel":`, "}}")
}

// zyetaFault is an error as the server may write it: what stands around the
// code is not documented for the socket.
type zyetaFault struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Channel string `json:"channel"`
}

func (t *zyetaSession) onMessage(message []byte) serverMessage {
	var m struct {
		Type   string     `json:"type"`
		Status string     `json:"status"` // "error" where the API answers without a socket
		Data   zyetaFault `json:"data"`
		Error  zyetaFault `json:"error"`
		zyetaFault
	}
	if !parse(message, &m) {
		return serverMessage{kind: kindMalformed}
	}
	switch m.Type {
	case "notification", "chat_message", "status_update", "pong":
		return serverMessage{kind: m.Type}
	}
	for _, f := range []zyetaFault{m.Data, m.Error, m.zyetaFault} {
		switch f.Code {
		case zyetaUnauthorized:
			return serverMessage{kind: f.Code, end: failUnauthorized, detail: joinReason(f.Code, f.Message)}
		case zyetaSubscription:
			return t.subscriptionFailed(f)
		case zyetaInvalid, zyetaInternal:
			return serverMessage{kind: f.Code, complaint: joinReason(f.Code, f.Message)}
		}
	}
	if m.Type == "error" || m.Type == "" && m.Status == "error" {
		return serverMessage{kind: "error", complaint: joinReason("error", cmp.Or(m.Data.Message, m.Error.Message, m.Message))}
	}
	return serverMessage{}
}

// subscriptionFailed asks for the channel again, patiently and not for ever.
// Where the server does not say which one it was, all are asked for.
func (t *zyetaSession) subscriptionFailed(f zyetaFault) serverMessage {
	h := serverMessage{kind: f.Code, complaint: joinReason(f.Code, f.Message)}
	switch {
	case !slices.Contains(t.channels, f.Channel):
		t.failed = t.channels
	case !slices.Contains(t.failed, f.Channel):
		t.failed = append(slices.Clip(t.failed), f.Channel)
	}
	now := time.Now()
	if !now.Before(t.retryAt) {
		if t.tries == subscribeTries {
			return h
		}
		t.retryAt = now.Add(subscribeRetry << t.tries)
		t.tries++
	}
	h.reply, h.after = zyetaSubscribe(t.failed), t.retryAt.Sub(now)
	return h
}
