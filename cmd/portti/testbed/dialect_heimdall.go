package testbed

import (
	"encoding/json"
	"strings"
)

// heimdall speaks {"type":"Subscribe","channel":"gps"} and its kin. The
// server's documentation writes types with a capital, the client library's
// without: it is answered in the spelling it was asked in.
type heimdall struct {
	channels map[string]bool
}

func (h *heimdall) command(kind string, message []byte) ([]byte, bool) {
	capital := kind != "" && kind[0] >= 'A' && kind[0] <= 'Z'
	if len(message) > maxCommand {
		return said(capital, "Error", "Message too long"), true
	}
	var m struct {
		Channel string `json:"channel"`
	}
	if json.Unmarshal(message, &m) != nil {
		return said(capital, "Error", "Channel must be a text"), true
	}
	switch strings.ToLower(kind) {
	case "ping":
		return said(capital, "Pong", ""), true
	case "subscribe":
		switch {
		case strings.HasPrefix(m.Channel, "admin:"):
			return said(capital, "Error", "Permission denied"), true // a bench has no administrators
		case !heimdallChannel(m.Channel):
			return said(capital, "Error", "Channel not found"), true
		case len(h.channels) >= maxChannels && !h.channels[m.Channel]:
			return said(capital, "Error", "Too many channels"), true
		}
		h.channels[m.Channel] = true
		return nil, true
	case "unsubscribe":
		if !h.channels[m.Channel] {
			return said(capital, "Error", "Channel not found"), true
		}
		delete(h.channels, m.Channel)
		return nil, true
	}
	return said(capital, "Error", "Unknown message type"), true
}

// heimdallChannel says whether the documentation has such a channel that
// everybody may read.
func heimdallChannel(name string) bool {
	switch name {
	case "public", "gps", "notifications", "stats", "discord:events", "vessels":
		return true
	}
	kind, id, _ := strings.Cut(name, ":")
	return (kind == "user" || kind == "public") && id != ""
}

func said(capital bool, kind, message string) []byte {
	if !capital {
		kind = strings.ToLower(kind)
	}
	return mustJSON(struct {
		Type    string `json:"type"`
		Message string `json:"message,omitempty"`
	}{kind, message})
}
