package tsmcbor

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/fxamacker/cbor/v2"
)

const (
	// MaxMessages and MaxFields bound what is read of one payload.
	MaxMessages = 64
	MaxFields   = 64
	// longest is how much a compressed payload may become. The longest packet of the
	// mesh has 1,500 bytes.
	longest = 16 << 10
)

// Message is one message of a payload.
type Message struct {
	ID     int // tsmId
	Event  int // tsmEv, 0 where there is none
	Fields []Field
}

// Field is one value.
type Field struct {
	Key      uint64
	Name     string // "" = the key is not a published one
	Decimals int    // of a number: 215 with one is 21.5
	// Value is an int64, float64, bool, string, []byte or []any of such; or nil, where
	// the sender does not know.
	Value any
}

// The header's keys. Those from keyTime to keyLast are of the gateway or the cloud.
const (
	keyID    = 1
	keyEvent = 2
	keyLast  = 9
)

var (
	errForm = errors.New("neither a map nor an array of maps")
	errID   = errors.New("a message without tsmId")
	errSize = errors.New("the compressed data is too long")
)

// Decoder reads payloads. It is for one goroutine.
type Decoder struct {
	mode   cbor.DecMode
	packed bytes.Reader
	zlib   io.ReadCloser // nil until the first compressed payload
	plain  bytes.Buffer
}

// New makes a Decoder.
func New() *Decoder {
	mode, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, MaxNestedLevels: 4, // messages, fields, a table of numbers
		MaxArrayElements: MaxMessages, MaxMapPairs: MaxFields, TagsMd: cbor.TagsForbidden,
		IntDec: cbor.IntDecConvertSignedOrFail, UTF8: cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		panic(err) // the options above are constant
	}
	return &Decoder{mode: mode}
}

// Decode reads all messages of a payload, plain or compressed. Nothing of b is kept. An
// error says why there are none: a payload is read as a whole or not at all.
func (d *Decoder) Decode(b []byte) ([]Message, error) {
	if compressed(b) {
		var err error
		if b, err = d.inflate(b); err != nil {
			return nil, fmt.Errorf("cannot inflate the payload: %w", err)
		}
	}
	maps, err := d.maps(b)
	if err != nil {
		return nil, fmt.Errorf("cannot read the payload: %w", err)
	}
	list := make([]Message, 0, len(maps))
	for _, m := range maps {
		msg, err := message(m)
		if err != nil {
			return nil, fmt.Errorf("cannot read the payload: %w", err)
		}
		list = append(list, msg)
	}
	return list, nil
}

// maps takes an array of maps, or a map alone.
func (d *Decoder) maps(b []byte) ([]map[uint64]any, error) {
	var maps []map[uint64]any
	switch {
	case len(b) > 0 && b[0]>>5 == 4:
		err := d.mode.Unmarshal(b, &maps)
		return maps, err
	case len(b) > 0 && b[0]>>5 == 5:
		maps = make([]map[uint64]any, 1)
		err := d.mode.Unmarshal(b, &maps[0])
		return maps, err
	}
	return nil, errForm
}

func message(m map[uint64]any) (Message, error) {
	id, ok := m[keyID].(int64)
	if !ok || id <= 0 || id > 1<<30 {
		return Message{}, errID
	}
	msg := Message{ID: int(id)}
	if event, ok := m[keyEvent].(int64); ok && event >= 0 && event <= 999 {
		msg.Event = int(event)
	}
	for key, value := range m {
		if key > keyLast {
			name, decimals, _ := Property(key)
			msg.Fields = append(msg.Fields, Field{key, name, decimals, value})
		}
	}
	slices.SortFunc(msg.Fields, func(a, b Field) int {
		if a.Key < b.Key {
			return -1
		}
		return 1
	})
	return msg, nil
}

// compressed says whether b begins as zlib does: the method 8, and two bytes that 31
// divides. As CBOR that would be a number, which is no payload.
func compressed(b []byte) bool {
	return len(b) > 2 && b[0]&0x8F == 8 && (uint(b[0])<<8|uint(b[1]))%31 == 0
}

// inflate gives what b holds; it is good until the next one.
func (d *Decoder) inflate(b []byte) ([]byte, error) {
	d.packed.Reset(b)
	if d.zlib == nil {
		r, err := zlib.NewReader(&d.packed)
		if err != nil {
			return nil, err
		}
		d.zlib = r
	} else if err := d.zlib.(zlib.Resetter).Reset(&d.packed, nil); err != nil {
		return nil, err
	}
	d.plain.Reset()
	n, err := io.Copy(&d.plain, io.LimitReader(d.zlib, longest+1))
	if err == nil && n > longest {
		err = errSize
	}
	return d.plain.Bytes(), err
}
