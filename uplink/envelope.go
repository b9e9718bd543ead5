package uplink

import "encoding/json"

// envelopeProtocol is the WebSocket subprotocol in which batches carry the
// numbers of their records.
const envelopeProtocol = "thingsee-batch.v1"

// maxAckMessage is longer than any acknowledgement; a longer message is not
// read.
const maxAckMessage = 4 << 10

// maxRefused is how many records a server may refuse between two
// acknowledgements: one batch. A server that refuses everything must not empty
// the queue into quarantine.
const maxRefused = 256

// envelopeWords reads up to which record the server's application has stored, for
// one of the names that it was told, or which one it refuses.
func envelopeWords(text []byte) (ackMessage, bool) {
	if len(text) > maxAckMessage {
		return ackMessage{}, false
	}
	var m struct {
		Type    string  `json:"type"`
		Epoch   string  `json:"epoch"`
		Through *uint64 `json:"through"`
		Seq     *uint64 `json:"seq"`
		Retry   *bool   `json:"retry"`
		Code    string  `json:"code"`
		Reason  string  `json:"reason"`
	}
	if json.Unmarshal(text, &m) != nil {
		return ackMessage{}, false
	}
	switch {
	case (m.Type == "ack" || m.Type == "resume") && m.Through != nil:
		return ackMessage{epoch: m.Epoch, through: *m.Through, resumed: m.Type == "resume"}, true
	case m.Type == "nack" && m.Seq != nil && m.Retry != nil:
		return ackMessage{epoch: m.Epoch, refused: *m.Seq, again: *m.Retry, why: joinReason(m.Code, m.Reason)}, true
	}
	return ackMessage{}, false
}
