package thingsee

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Limits of what a server may send downlink; see also strictJSON.
const (
	MaxDownlink    = 64 << 10 // bytes of a frame
	MaxCommands    = 32       // messages in a frame
	MaxTransaction = 1<<31 - 1
)

// Value is one member as it was sent.
type Value struct {
	Name string
	JSON json.RawMessage
}

// Command is one downlink message: what a server wants of a thing.
type Command struct {
	ID, Event   int
	Target      string // tsmDstTuid; "" = to nobody
	Transaction int    // transactionId, 0..MaxTransaction; only when Tracked
	Tracked     bool
	Fields      []Value // without the header and transactionId, in the order they came
}

// whiteSpace is all that JSON allows around a value: RFC 8259, section 2.
// bytes.TrimSpace would take form feeds and the spaces of Unicode as well.
const whiteSpace = " \t\r\n"

// ParseCommands reads a frame of a server: an array of messages, or one bare
// message. It is strict, since what it reads is acted upon: the frame has at most MaxDownlink bytes of valid UTF-8, white space
// around it not counted, is nested at most 16 deep, has no key twice in any
// object, and no number that a float64 cannot hold; tsmId, tsmEv and
// transactionId are whole numbers in range, the last two written without point
// or exponent. An error refuses the whole frame. bad counts elements that are
// no messages; the others are given. Nothing of frame is kept.
func ParseCommands(frame []byte) (all []Command, bad int, err error) {
	frame = bytes.Trim(frame, whiteSpace)
	if err := strictJSON(frame); err != nil {
		return nil, 0, fmt.Errorf("cannot read the server's message: %w", err)
	}
	var elements []json.RawMessage // made anew: an element there is would be written into
	if frame[0] != '[' {
		elements = append(elements, frame)
	} else if err := json.Unmarshal(frame, &elements); err != nil {
		return nil, 0, fmt.Errorf("cannot read the server's message: %w", err)
	}
	if len(elements) > MaxCommands {
		return nil, 0, fmt.Errorf("cannot read the server's message: it has %d messages, and %d are the most", len(elements), MaxCommands)
	}
	for _, e := range elements {
		if c, ok := parseCommand(e); ok {
			all = append(all, c)
		} else {
			bad++
		}
	}
	return all, bad, nil
}

// parseCommand reads one message, of which strictJSON has no complaint.
func parseCommand(rec []byte) (Command, bool) {
	c := Command{ID: -1, Event: -1}
	if rec[0] != '{' {
		return c, false
	}
	d := json.NewDecoder(bytes.NewReader(rec))
	if _, err := d.Token(); err != nil {
		return c, false
	}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		var v json.RawMessage
		if err != nil || !ok || d.Decode(&v) != nil || !c.member(name, v) {
			return c, false
		}
	}
	return c, c.ID > 0 && c.Event >= 0
}

// member takes one member; false = it makes the message unusable.
func (c *Command) member(name string, v json.RawMessage) (ok bool) {
	ok = true
	switch {
	case name == "tsmId":
		c.ID, ok = whole(v, 1, MaxTransaction)
	case name == "tsmEv":
		c.Event, ok = whole(v, 0, MaxEvent)
	case name == "tsmDstTuid":
		c.Target, ok = text(v)
	case name == "transactionId":
		c.Transaction, ok = whole(v, 0, MaxTransaction)
		c.Tracked = ok
	case !Reserved(name):
		c.Fields = append(c.Fields, Value{name, v})
	}
	return ok
}

// whole reads an integer that is written as one.
func whole(v json.RawMessage, low, high int64) (int, bool) {
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil || n < low || n > high {
		return 0, false
	}
	return int(n), true
}

// Wrong says which field breaks what the catalogue says of this message, ""
// where none does. Fields that it does not define are no fault.
func (c *Command) Wrong() string {
	d, ok := Lookup(c.ID)
	if !ok {
		return ""
	}
	for _, v := range c.Fields {
		if f, ok := d.Field([]byte(v.Name)); ok {
			if text := f.Wrong(v.JSON); text != "" {
				return v.Name + ": " + text
			}
		}
	}
	return ""
}

// Has says whether there is a field of this name, be it null.
func (c *Command) Has(name string) bool { return c.raw(name) != nil }

func (c *Command) raw(name string) json.RawMessage {
	for _, v := range c.Fields {
		if v.Name == name {
			return v.JSON
		}
	}
	return nil
}

// ErrNoField is for a field that is not there.
var ErrNoField = errors.New("missing")

// Text gives a field of at most most bytes.
func (c *Command) Text(name string, most int) (string, error) {
	v := c.raw(name)
	if v == nil {
		return "", fmt.Errorf("%s: %w", name, ErrNoField)
	}
	s, ok := text(v)
	if !ok {
		return "", errors.New(name + ": no string")
	}
	if len(s) > most {
		return "", fmt.Errorf("%s: longer than %d bytes", name, most)
	}
	return s, nil
}

// Number gives a field within low..high.
func (c *Command) Number(name string, low, high float64) (float64, error) {
	v := c.raw(name)
	if v == nil {
		return 0, fmt.Errorf("%s: %w", name, ErrNoField)
	}
	if !ValidNumber(v) {
		return 0, errors.New(name + ": no number")
	}
	n, err := strconv.ParseFloat(string(v), 64)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%s: not within %v..%v", name, low, high)
	}
	return n, nil
}

func text(v json.RawMessage) (string, bool) {
	var s string
	if len(v) == 0 || v[0] != '"' || json.Unmarshal(v, &s) != nil {
		return "", false
	}
	return s, true
}
