package testbed

import (
	"encoding/json"
	"errors"
	"math"
)

// envelopeProtocol is the WebSocket subprotocol of acknowledgement mode
// envelope.
const envelopeProtocol = "thingsee-batch.v1"

// maxBatch bounds the messages of one batch.
const maxBatch = 10_000

// maxGateway is the longest id of a gateway, in bytes.
const maxGateway = 128

// row names one numbering of records: a gateway and an epoch of its buffer.
type row struct{ gw, epoch string }

// batch is a message of subprotocol thingsee-batch.v1, such as
//
//	{"type":"batch","gw":"TSGW…","epoch":"9f2c41d07ab3e655","first":1042,"msgs":[{…},{…}]}
//
// Message i is record first + i of the gateway's buffer.
type batch struct {
	row
	first uint64
	msgs  []record
}

// record is one message of a batch.
type record struct {
	n uint64
	element
	fault
}

// fault is why a record can never be taken; the zero value: it can.
type fault struct {
	Code   string `json:"code"` // invalid: no Thingsee message; refused: by the API behind
	Reason string `json:"reason"`
}

// readBatch takes a batch apart; the parts point into frame. Its bytes are
// foreign. An error means that nothing of it can be answered; a message that is
// no Thingsee message is only marked.
func readBatch(frame []byte) (batch, error) {
	var m struct {
		Type  string          `json:"type"`
		GW    string          `json:"gw"`
		Epoch string          `json:"epoch"`
		First uint64          `json:"first"`
		Msgs  json.RawMessage `json:"msgs"`
	}
	if err := json.Unmarshal(frame, &m); err != nil || m.Type != "batch" {
		return batch{}, errors.New("not a batch")
	}
	switch {
	case m.GW == "" || len(m.GW) > maxGateway:
		return batch{}, errors.New("gw must have 1 to 128 bytes")
	case !isEpoch(m.Epoch):
		return batch{}, errors.New("epoch must be 16 hex digits")
	case m.First == 0:
		return batch{}, errors.New("first must be 1 or more")
	}
	list, ok := values(m.Msgs)
	if !ok {
		return batch{}, errors.New("msgs must be an array")
	}
	if len(list) > maxBatch || m.First > math.MaxUint64-maxBatch {
		return batch{}, errors.New("too many messages, or too great a number")
	}
	b := batch{row: row{m.GW, m.Epoch}, first: m.First, msgs: make([]record, len(list))}
	for i, raw := range list {
		r := record{n: m.First + uint64(i), element: element{raw: raw}}
		if raw[0] == '{' {
			r.element = object(raw)
		}
		if lack := r.lack(); lack != "" {
			r.fault = fault{"invalid", lack}
		}
		b.msgs[i] = r
	}
	return b, nil
}

// through is the number of the last message; the batch is not empty.
func (b batch) through() uint64 { return b.first + uint64(len(b.msgs)) - 1 }

func isEpoch(s string) bool {
	if len(s) != 16 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

// The answers of the subprotocol.
type (
	batchAck struct { // every record up to Through is stored, or was refused before
		Type    string `json:"type"` // ack; resume says the same as the first message of a connection
		Epoch   string `json:"epoch"`
		Through uint64 `json:"through"`
	}
	batchNack struct { // this record can never be taken
		Type   string `json:"type"`
		Epoch  string `json:"epoch"`
		Seq    uint64 `json:"seq"`
		Code   string `json:"code"`
		Retry  bool   `json:"retry"`
		Reason string `json:"reason"`
	}
)
