package uplink

import (
	"crypto/sha256"
	"encoding/hex"
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

// envelope: the server's application says up to which record it has stored,
// under the epoch of the numbering. Each lane has an epoch of its own, since a
// receiver keeps one highest number for each.
type envelope struct {
	timeout time.Duration
	open    [lanes]string // up to the number of the first record
	epoch   [lanes]string
}

func newEnvelope(o *Options, epoch string) envelope {
	e := envelope{timeout: 3 * o.PongTimeout, epoch: [lanes]string{epoch, derivedEpoch(epoch, freshPurpose)}}
	gateway, _ := json.Marshal(o.Gateway)
	for in := range e.epoch {
		e.open[in] = `{"type":"batch","gw":` + string(gateway) + `,"epoch":"` + e.epoch[in] + `","first":`
	}
	return e
}

// freshPurpose is what the numbering of the fresh lane is for.
const freshPurpose = "fresh"

// derivedEpoch names a numbering of its own that belongs to epoch.
func derivedEpoch(epoch, purpose string) string {
	sum := sha256.Sum256([]byte(epoch + "\x00" + purpose))
	return hex.EncodeToString(sum[:8])
}

func (envelope) marks() bool              { return false }
func (envelope) ponged(uint64) uint64     { return 0 }
func (envelope) window(w int) (int, bool) { return w, true }
func (envelope) applied() bool            { return true }

func (e envelope) head(dst []byte, in lane, first uint64) []byte {
	dst = strconv.AppendUint(append(dst, e.open[in]...), first, 10)
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
	switch m.Epoch {
	case e.epoch[laneMain]:
	case e.epoch[laneFresh]:
		w.in = laneFresh
	default:
		w = ackMessage{foreign: true}
	}
	return w, true
}
