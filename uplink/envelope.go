package uplink

import (
	"encoding/json"
	"strconv"
	"time"
)

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

// envelope: the server's application says up to which record it has stored, for
// each name that it was told.
type envelope struct{ timeout time.Duration }

func newEnvelope(o *Options) envelope { return envelope{timeout: 3 * o.PongTimeout} }

func (envelope) marks() bool              { return false }
func (envelope) ponged(uint64) uint64     { return 0 }
func (envelope) window(w int) (int, bool) { return w, true }
func (envelope) applied() bool            { return true }

func (envelope) head(dst []byte, who *name, first uint64) []byte {
	dst = strconv.AppendUint(append(dst, who.open...), first, 10)
	return append(dst, `,"msgs":[`...)
}

func (envelope) tail() string { return "]}" }

func (e envelope) elapsed(f *flight, now time.Time) (uint64, time.Time, error) {
	due, err := overdue(f, e.timeout, now)
	return 0, due, err
}

func (e envelope) message(text []byte) (ackMessage, bool) {
	if len(text) > maxAckMessage {
		return ackMessage{}, false
	}
	var m struct {
		Type    string  `json:"type"`
		Epoch   string  `json:"epoch"`
		Through *uint64 `json:"through"`
		Seq     *uint64 `json:"seq"`
		Retry   *bool   `json:"retry"`
	}
	if json.Unmarshal(text, &m) != nil {
		return ackMessage{}, false
	}
	var w ackMessage
	switch {
	case (m.Type == "ack" || m.Type == "resume") && m.Through != nil:
		w = ackMessage{through: *m.Through, resumed: m.Type == "resume"}
	case m.Type == "nack" && m.Seq != nil && m.Retry != nil:
		w = ackMessage{refused: *m.Seq, again: *m.Retry}
	default:
		return ackMessage{}, false
	}
	w.epoch = m.Epoch
	return w, true
}
