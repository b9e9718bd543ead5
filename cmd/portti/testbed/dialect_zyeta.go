package testbed

import (
	"encoding/json"
	"strings"
	"time"
)

// zyeta speaks {"type":"<command>","data":{…}}. What its documentation leaves
// open is decided here: a subscription that succeeds is not answered, a ping is
// answered by pong, and an error carries its code at data.code.
type zyeta struct {
	now      func() time.Time
	channels map[string]bool
}

// The error codes of the documentation; the fourth, internal_error, has no
// command that could cause it here.
const (
	zyetaInvalid      = "invalid_request"
	zyetaUnauthorized = "unauthorized"
	zyetaSubscription = "subscription_failed"
)

func (z *zyeta) command(kind string, message []byte) ([]byte, bool) {
	if len(message) > maxCommand {
		return z.wrong(zyetaInvalid, "the message is too long"), true
	}
	var m struct {
		Data struct {
			Channel string `json:"channel"`
		} `json:"data"`
	}
	if json.Unmarshal(message, &m) != nil {
		return z.wrong(zyetaInvalid, "data must be an object, its channel a text"), true
	}
	switch channel := m.Data.Channel; kind {
	case "ping":
		return z.event("pong", struct{}{}), true
	case "subscribe":
		name, id, _ := strings.Cut(channel, ":")
		switch {
		case channel == "":
			return z.wrong(zyetaInvalid, "data.channel is missing"), true
		case name == "" || id == "":
			return z.wrong(zyetaSubscription, "no such channel"), true
		case len(z.channels) >= maxChannels && !z.channels[channel]:
			return z.wrong(zyetaSubscription, "too many channels"), true
		}
		z.channels[channel] = true
		return nil, true
	case "unsubscribe":
		if channel == "" {
			return z.wrong(zyetaInvalid, "data.channel is missing"), true
		}
		if !z.channels[channel] {
			return z.wrong(zyetaSubscription, "not subscribed to this channel"), true
		}
		delete(z.channels, channel)
		return nil, true
	}
	return z.wrong(zyetaInvalid, "no such command"), true
}

func (z *zyeta) wrong(code, why string) []byte {
	return z.event("error", struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}{code, why})
}

func (z *zyeta) event(kind string, data any) []byte {
	return mustJSON(struct {
		Type string `json:"type"`
		Data any    `json:"data"`
		Time string `json:"timestamp"`
	}{kind, data, z.now().UTC().Format(time.RFC3339)})
}
