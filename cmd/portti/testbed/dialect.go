package testbed

import (
	"encoding/json"
	"time"
)

// speech is what a server of one family says and understands besides arrays,
// on one connection. It is called from the connection's goroutine alone.
type speech interface {
	// command takes a message that is an object with the given type. known is
	// false when the dialect has no such thing: then the message is data. A nil
	// reply says nothing.
	command(kind string, message []byte) (reply []byte, known bool)
}

func newSpeech(dialect string, now func() time.Time) speech {
	switch dialect {
	case "zyeta":
		return &zyeta{now: now, channels: map[string]bool{}}
	case "heimdall":
		return &heimdall{channels: map[string]bool{}}
	}
	return mute{}
}

// mute is the speech of thingsee and haltless, whose clients send nothing but
// data (and the token).
type mute struct{}

func (mute) command(string, []byte) ([]byte, bool) { return nil, false }

// maxChannels bounds the subscriptions of a connection.
const maxChannels = 100

// maxCommand is the longest control message that is looked at, in bytes.
const maxCommand = 4 << 10

// kindOf gives the type of a message that is an object; ok is false for
// everything else. Its bytes are foreign.
func kindOf(message []byte) (kind string, ok bool) {
	if i := space(message, 0); i == len(message) || message[i] != '{' {
		return "", false
	}
	var m struct {
		Type json.RawMessage `json:"type"`
	}
	if json.Unmarshal(message, &m) != nil {
		return "", false
	}
	if m.Type != nil && json.Unmarshal(m.Type, &kind) != nil {
		kind = "" // a type that is no string is none
	}
	return kind, true
}

// mustJSON encodes what is known to be encodable: structs of strings, numbers
// and lists of them.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
