package thingsee

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// maxDepth is how deep a server's message may be nested; published messages
// are nested three deep at most.
const maxDepth = 16

// Why strictJSON refuses.
var (
	errLarge  = fmt.Errorf("it is larger than %d bytes", MaxDownlink)
	errUTF8   = errors.New("it is not valid UTF-8")
	errJSON   = errors.New("it is not valid JSON")
	errDepth  = fmt.Errorf("it is nested deeper than %d", maxDepth)
	errTwice  = errors.New("a key stands twice in one object")
	errNumber = errors.New("a number is too large or too long")
)

// strictJSON refuses what encoding/json would take and two readers could
// understand differently, or that costs more than it is worth. It works in one
// loop, whatever the nesting, and its memory is bounded by the text's size.
func strictJSON(text []byte) error {
	switch {
	case len(text) > MaxDownlink:
		return errLarge
	case !utf8.Valid(text):
		return errUTF8
	case !json.Valid(text):
		return errJSON
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var open []level
	for {
		t, err := d.Token()
		if err != nil {
			return errJSON // there is always one before the outermost ends
		}
		if open, err = next(open, t); err != nil {
			return err
		}
		if len(open) == 0 {
			return nil
		}
	}
}

// level is one object or array that is open.
type level struct {
	object bool
	value  bool // in an object, a key came and its value is due
	keys   map[string]struct{}
}

// next takes a token.
func next(open []level, t json.Token) ([]level, error) {
	if delim, ok := t.(json.Delim); ok && (delim == '}' || delim == ']') {
		return open[:len(open)-1], nil
	}
	if len(open) > 0 {
		if top := &open[len(open)-1]; top.object && !top.value {
			key, _ := t.(string)
			if _, twice := top.keys[key]; twice {
				return nil, errTwice
			}
			if top.keys == nil {
				top.keys = map[string]struct{}{}
			}
			top.keys[key] = struct{}{}
			top.value = true
			return open, nil
		} else {
			top.value = false
		}
	}
	switch v := t.(type) {
	case json.Delim:
		if len(open) == maxDepth {
			return nil, errDepth
		}
		return append(open, level{object: v == '{'}), nil
	case json.Number:
		if !finite(v) {
			return nil, errNumber
		}
	}
	return open, nil
}

func finite(n json.Number) bool {
	_, err := n.Float64()
	return err == nil && len(n) <= MaxNumber
}
