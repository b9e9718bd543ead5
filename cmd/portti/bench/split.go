package bench

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
}

// keyed says whether the element has the three values that identify it.
func (e element) keyed() bool { return e.tuid != nil && e.id != nil && e.ts != nil }

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
			e.tuid = unquoted(value)
		case `"tsmId"`:
			e.id = value
		case `"tsmTs"`:
			e.ts = value
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
