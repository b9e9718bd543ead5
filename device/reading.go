package device

import (
	"portti/device/jsonline"
	"portti/device/thingsee"
)

// maxFields is how many fields of one line are looked at.
const maxFields = thingsee.MaxFields

// The values of extra.
const (
	extraSeparate = "separate"
	extraKeep     = "keep"
	extraDrop     = "drop"
)

// What true and false are sent as.
var yes, no = []byte("1"), []byte("0")

// slots are the messages one line can make, in the order they are sent. With
// message set, that is slot 0. The last one is the generic message.
const (
	slotCount   = 8
	slotGeneric = slotCount - 1
)

// slotIDs are the messages chosen by the keys of a line.
func slotIDs() [slotCount]int {
	return [slotCount]int{12100, 1110, 24100, 24101, 17100, 12101, 13100, thingsee.Generic}
}

// field is one field of the line being read.
type field struct {
	*key
	raw  []byte // as it stands in the line, without quotes
	text bool   // it stood in quotes, or is no number
}

// reader makes messages of lines.
//
// A key is renamed by map, then converted by scale and offset (value x scale +
// offset, in decimal arithmetic: 213 x 0.1 is 21.3). Without them a value keeps
// the digits the sensor sent. Which message it goes to is chosen by its name,
// so a line can make several; with message set, all fields which that message
// defines go there, all of them if the catalogue does not know it. What no
// message defines is an extra: it goes to the generic message 90200
// (separate), to the one message of the line (keep; to 90200 where there are
// several), or nowhere (drop).
//
// true and false are 1 and 0; null and nothing are no value. A text is quietly
// dropped, unless the message defines one or extra = keep; in quotes it may be
// a number. Objects and arrays inside are skipped and count as unknown.
// Refused and counted, without harm to the other fields: what should be a
// number and is not, what is out of the catalogue's range, a name that comes
// twice or is Thingsee's own.
type reader struct {
	out     Out
	extra   string
	fixed   bool // message is set
	hasID   bool // the device itself has a tsmTuid
	keys    *keys
	ids     *names
	fields  []field
	scratch []byte
	scan    jsonline.Scanner
	age     int64 // milliseconds that the line waited before it was read

	msgs [slotCount]thingsee.Message
	used [slotCount]bool
}

// read makes the messages of one line that is not empty.
func (r *reader) read(line []byte) {
	if line[0] == '#' {
		return
	}
	r.fields = r.fields[:0]
	ok := false
	if line[0] == '{' {
		ok = r.object(line)
	} else {
		ok = r.pairs(line)
	}
	result := Malformed
	if ok {
		result = r.send()
	}
	r.out.Frame(result)
}

func wholeObject(line []byte) bool { return line[0] == '{' && jsonline.Valid(line) }

// object gathers the fields of a JSON object. false: the line is not to be
// used.
func (r *reader) object(line []byte) bool {
	nested := 0
	for r.scan.Reset(line); r.scan.Next(); {
		raw, text := r.scan.Raw(), false
		switch r.scan.Kind() {
		case jsonline.True:
			raw = yes
		case jsonline.False:
			raw = no
		case jsonline.String:
			text = true
			if !jsonline.Plain(raw) {
				raw = jsonline.Unescape(nil, raw) // rare, so it may allocate
			}
		case jsonline.Object, jsonline.Array:
			nested++
			continue
		case jsonline.Null:
			continue
		}
		r.add(r.scan.Key(), true, raw, text)
	}
	if r.scan.Err() != nil {
		return false
	}
	for range nested {
		r.out.Frame(Unknown)
	}
	return true
}

// pairs gathers the fields of key=value pairs.
func (r *reader) pairs(line []byte) bool {
	if !plainText(line) {
		return false
	}
	found, bad := false, 0
	for p := (pairs{line: line}); p.next(); found = true {
		value, text := p.value, p.quoted
		switch {
		case p.spoiled || !plainKey(p.key):
			bad++
			continue
		case len(value) == 0:
			continue
		case text:
		case string(value) == "true":
			value = yes
		case string(value) == "false":
			value = no
		default:
			text = !numberLike(value)
		}
		r.add(p.key, false, value, text)
	}
	for range bad {
		r.out.Frame(Malformed)
	}
	return found
}

// add notes a field. Lines of one sensor have the same keys in the same order,
// so the key that stood here in the line before is tried first.
func (r *reader) add(name []byte, escapes bool, raw []byte, text bool) {
	i := len(r.fields)
	if i == maxFields {
		r.out.Frame(Malformed)
		return
	}
	k := r.fields[:i+1][i].key
	if k == nil || !k.plain || k.sent != string(name) {
		if escapes && !jsonline.Plain(name) {
			r.scratch = jsonline.Unescape(r.scratch[:0], name)
			name = r.scratch
		}
		k = r.keys.find(name)
	}
	r.fields = append(r.fields, field{k, raw, text})
}

// numberLike says whether a bare word was meant as a number, so that "21.5C"
// is a bad number and not a text.
func numberLike(b []byte) bool {
	if b[0] == '+' || b[0] == '-' || b[0] == '.' {
		b = b[1:]
	}
	return len(b) > 0 && ('0' <= b[0] && b[0] <= '9' || b[0] == '.')
}
