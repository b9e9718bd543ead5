// Package thingseetest reads Thingsee messages, as tests do that look at what was
// sent: tolerantly, and against the catalogue. Only tests import it. What acts on
// a message goes by thingsee.ParseCommands, which is strict.
package thingseetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"portti/device/thingsee"
)

// Received is a message that somebody sent.
type Received struct {
	ID       int
	Event    int   // -1 when there was none
	Time     int64 // Unix milliseconds; only with Dated
	Dated    bool  // there was a usable tsmTs
	Tuid     string
	Target   string           // tsmDstTuid
	Gateway  string           // tsmGw
	TimeErr  float64          // tsErr, seconds
	Fields   []thingsee.Value // in the order they came
	Envelope []thingsee.Value // header members beyond those above, and those of a wrong type
}

var (
	errObject = errors.New("cannot read message: not a JSON object")
	errAfter  = errors.New("cannot read message: more follows behind it")
)

// Parse reads one message. It is tolerant: members may come in any order and
// be missing, tsmTs may be a string, a repeated member counts once, the last
// one. Only text that is not one JSON object is an error. Check says what is wrong
// with the rest. Nothing of rec is kept.
func Parse(rec []byte) (Received, error) {
	r := Received{Event: -1}
	d := json.NewDecoder(bytes.NewReader(rec))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return r, errObject
	}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return r, errObject
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return r, fmt.Errorf("cannot read message: value of %q: %w", name, err)
		}
		r.member(name, v)
	}
	if _, err := d.Token(); err != nil {
		return r, errObject
	}
	if _, err := d.Token(); err != io.EOF {
		return r, errAfter
	}
	return r, nil
}

// ParseAll reads an array of messages, or one bare message as some of
// Haltian's streams send it. Elements that are no objects are left out and
// named in the error by their place; the others are given all the same.
func ParseAll(frame []byte) ([]Received, error) {
	// All white space of JSON; bytes.TrimSpace takes more.
	frame = bytes.Trim(frame, " \t\r\n")
	if len(frame) > 0 && frame[0] == '{' {
		r, err := Parse(frame)
		if err != nil {
			return nil, err
		}
		return []Received{r}, nil
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(frame, &elements); err != nil {
		return nil, fmt.Errorf("cannot read messages: %w", err)
	}
	all := make([]Received, 0, len(elements))
	var bad []error
	for i, e := range elements {
		r, err := Parse(e)
		if err != nil {
			bad = append(bad, fmt.Errorf("message %d: %w", i, err))
			continue
		}
		all = append(all, r)
	}
	return all, errors.Join(bad...)
}

func (r *Received) member(name string, v json.RawMessage) {
	ok := false
	switch name {
	case "tsmId":
		r.ID, ok = integer(v)
	case "tsmEv":
		r.Event, ok = integer(v)
		if !ok {
			r.Event = -1
		}
	case "tsmTs":
		r.Time, r.Dated = millis(v)
		ok = r.Dated
	case "tsmTuid":
		r.Tuid, ok = text(v)
	case "tsmDstTuid":
		r.Target, ok = text(v)
	case "tsmGw":
		r.Gateway, ok = text(v)
	case "tsErr":
		ok = json.Unmarshal(v, &r.TimeErr) == nil
	}
	if ok {
		return
	}
	if thingsee.Reserved(name) {
		r.Envelope = put(r.Envelope, name, v)
		return
	}
	r.Fields = put(r.Fields, name, v)
}

func put(values []thingsee.Value, name string, v json.RawMessage) []thingsee.Value {
	for i := range values {
		if values[i].Name == name {
			values[i].JSON = v
			return values
		}
	}
	return append(values, thingsee.Value{Name: name, JSON: v})
}

// integer takes 12100 and also 12100.0, within the range of an ID.
func integer(v json.RawMessage) (int, bool) {
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > math.MaxInt32 {
		return 0, false
	}
	return int(f), true
}

// millis reads seconds with decimals, bare or in a string. There too it takes
// only a number as JSON has it: strconv alone would take "0x1p5" and "1_0".
func millis(v json.RawMessage) (int64, bool) {
	if s, ok := text(v); ok {
		if v = json.RawMessage(s); !thingsee.ValidNumber(v) {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) > 1e12 {
		return 0, false
	}
	return int64(math.Round(f * 1000)), true
}

func text(v json.RawMessage) (string, bool) {
	var s string
	if len(v) == 0 || v[0] != '"' || json.Unmarshal(v, &s) != nil {
		return "", false
	}
	return s, true
}
