package uplink

import "encoding/json"

// maxCountMessage is longer than any {"ack":n}, white space included. A longer
// message is not read.
const maxCountMessage = 128

// countWords reads {"ack":n}, n a whole number: how many messages the server's
// application has handled. Other members are allowed and ignored; anything else is
// not an acknowledgement.
func countWords(text []byte) (ackMessage, bool) {
	if len(text) > maxCountMessage {
		return ackMessage{}, false
	}
	var m struct {
		Ack *uint64 `json:"ack"`
	}
	if json.Unmarshal(text, &m) != nil || m.Ack == nil {
		return ackMessage{}, false
	}
	return ackMessage{frames: *m.Ack}, true
}
