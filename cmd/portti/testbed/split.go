package testbed

import "encoding/json"

// shape is what a frame turned out to be.
type shape uint8

const (
	array shape = iota
	bare        // one object without the array
	bad         // anything else
)

// element is one message of a frame. All slices point into the frame.
type element struct {
	raw          []byte
	tuid, id, ts []byte // JSON values as written, without the quotes of a string; nil: absent
	ev           []byte
	named        bool // tsmTuid is a string
}

// keyed says whether the element has the three values that identify it.
func (e element) keyed() bool { return e.tuid != nil && e.id != nil && e.ts != nil }

// arrayOf makes an array of messages.
func arrayOf(list []element) []byte {
	size := 2
	for _, e := range list {
		size += len(e.raw) + 1
	}
	b := append(make([]byte, 0, size), '[')
	for i, e := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e.raw...)
	}
	return append(b, ']')
}

// lack says what is missing to make the element a Thingsee message; empty:
// nothing.
func (e element) lack() string {
	switch {
	case len(e.raw) == 0 || e.raw[0] != '{':
		return "it is no object"
	case !e.named || len(e.tuid) == 0:
		return "tsmTuid must be a text"
	case !isNumber(e.id):
		return "tsmId must be a number"
	case !isNumber(e.ev):
		return "tsmEv must be a number"
	case !isNumber(e.ts):
		return "tsmTs must be a number"
	}
	return ""
}

// isNumber tells a JSON number from the other values.
func isNumber(value []byte) bool {
	return len(value) > 0 && (value[0] == '-' || value[0] >= '0' && value[0] <= '9')
}

// splitter cuts a frame into messages. What elements returns is good until the
// next call.
type splitter struct{ list []element }

func (s *splitter) elements(frame []byte) ([]element, shape) {
	s.list = s.list[:0]
	if !json.Valid(frame) {
		return nil, bad
	}
	i := space(frame, 0)
	switch frame[i] {
	case '{':
		s.list = append(s.list, object(frame[i:]))
		return s.list, bare
	case '[':
	default:
		return nil, bad
	}
	for i = space(frame, i+1); frame[i] != ']'; i = space(frame, i) {
		if frame[i] == ',' {
			i++
			continue
		}
		if frame[i] != '{' {
			return nil, bad
		}
		e := object(frame[i:])
		s.list = append(s.list, e)
		i += len(e.raw)
	}
	return s.list, array
}

// values lists the values of an array of any values; ok is false when b is no
// JSON array.
func values(b []byte) (list [][]byte, ok bool) {
	i := space(b, 0)
	if i == len(b) || b[i] != '[' || !json.Valid(b) {
		return nil, false
	}
	for i = space(b, i+1); b[i] != ']'; i = space(b, i) {
		if b[i] == ',' {
			i++
			continue
		}
		end := skip(b, i)
		list = append(list, b[i:end])
		i = end
	}
	return list, true
}

// object reads the object at the start of b, which is known to be valid JSON.
// Of a name that stands twice the last value counts, as JSON parsers have it.
func object(b []byte) element {
	var e element
	i := space(b, 1)
	for b[i] != '}' {
		if b[i] == ',' {
			i = space(b, i+1)
		}
		name := b[i:skip(b, i)]
		i = space(b, i+len(name))
		i = space(b, i+1) // the colon
		value := b[i:skip(b, i)]
		i = space(b, i+len(value))
		switch string(name) {
		case `"tsmTuid"`:
			e.tuid, e.named = unquoted(value), value[0] == '"'
		case `"tsmId"`:
			e.id = value
		case `"tsmTs"`:
			e.ts = value
		case `"tsmEv"`:
			e.ev = value
		}
	}
	e.raw = b[:i+1]
	return e
}

// skip returns the index behind the value that starts at b[i].
func skip(b []byte, i int) int {
	switch b[i] {
	case '"':
		return quoted(b, i)
	case '{', '[':
		return nested(b, i)
	}
	for i < len(b) {
		switch b[i] {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
			return i
		}
		i++
	}
	return i
}

func quoted(b []byte, i int) int {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func nested(b []byte, i int) int {
	for depth := 0; ; {
		switch b[i] {
		case '"':
			i = quoted(b, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		i++
		if depth == 0 {
			return i
		}
	}
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

func unquoted(value []byte) []byte {
	if len(value) >= 2 && value[0] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}
