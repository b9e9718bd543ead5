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
	return [slotCount]int{
		thingsee.WeatherInfo, thingsee.BatteryInfo, thingsee.CarbonDioxide, thingsee.VolatileOrganics,
		thingsee.DistanceInfo, thingsee.MagnetoSwitch, thingsee.MovementCount, thingsee.Generic,
	}
}

// field is one field of the line being read.
type field struct {
	*key
	raw     []byte // as it stands in the line, without quotes
	text    bool   // it stood in quotes, or is no number
	strict  bool   // what is not text is a number by the grammar of JSON
	decimal jsonline.Decimal
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
// true and false are 1 and 0; null and nothing are no value. A text is not sent,
// and said so in the status, unless the message defines one or extra = keep; in
// quotes it may be a number. Objects and arrays inside are skipped and count as
// unknown. Refused and counted, without harm to the other fields: what should be a
// number and is not (nan, 0x1F, and 12E4 where it may be hexadecimal), what is out
// of the catalogue's range, a name that comes twice or is Thingsee's own. What is
// hexadecimal is read where hex names it.
//
// A line of JSON may hold several objects one after the other; each is one reading.
// Lines that hold pairs and are not data (see chatter.go) make none.
type reader struct {
	out     Out
	extra   string
	fixed   bool // message is set
	hasID   bool // the device itself has a tsmTuid
	keys    *keys
	ids     *names
	scratch []byte
	scan    jsonline.Scanner
	age     int64 // milliseconds that the line waited before it was read
	notice  notice

	// The line being read. Fields that choose their message go there at once,
	// the others when it is known which messages the line makes. Nothing leaves
	// before the whole line has proved to be one.
	places  [maxFields + 1]*key // of the line before; those of the first fields are of this one
	fields  int
	headers []field // identity and time
	extras  []field
	refused [Results]int // fields, which count when the line does
	some    bool         // there are refused ones
	msgs    [slotCount]thingsee.Message
	used    [slotCount]bool

	other mark // the sign between key and value, as pairs has it

	names     [][]byte // of the columns, where there are some
	separator byte     // between them
	comma     bool     // a decimal one
	cell      field
	pointed   []byte // numbers of this line in which a point was put for it
}

// read makes the messages of one line that is not empty.
func (r *reader) read(line []byte) {
	if line[0] == '#' {
		return
	}
	for len(line) > 0 {
		line = r.one(line)
	}
}

// one makes the messages of the first object of a line, or of a line of pairs, and
// gives the rest of the line.
func (r *reader) one(line []byte) (rest []byte) {
	r.begin()
	var result Result
	switch {
	case line[0] == '{':
		rest, result = r.object(line)
	case len(r.names) > 0:
		r.pointed = r.pointed[:0]
		result = r.columns(line)
	default:
		result = r.pairs(line)
	}
	if result == OK {
		if r.keys.fresh {
			r.keys.keep(r.places[:r.fields])
		}
		result = r.send()
		if r.notice.unsent != nil || r.notice.shown > 0 {
			result = r.notice.line(result, r.out)
		}
	}
	r.out.Frame(result)
	return rest
}

// begin makes ready for another line.
func (r *reader) begin() {
	r.fields, r.headers, r.extras = 0, r.headers[:0], r.extras[:0]
	if r.some {
		r.refused, r.some = [Results]int{}, false
	}
	r.used = [slotCount]bool{}
}

// wholeObject says whether a line is an object, or several.
func wholeObject(line []byte) bool {
	for len(line) > 0 && line[0] == '{' {
		end := jsonline.End(line)
		if end < 0 {
			return false
		}
		if line = trim(line[end:]); len(line) == 0 {
			return true
		}
	}
	return false
}

// object takes the fields of a JSON object. Unless the result is OK the rest of the
// line is not to be used either.
func (r *reader) object(line []byte) (rest []byte, result Result) {
	var f field
	nested := 0
	for r.scan.Reset(line); r.scan.Next(); {
		f.raw, f.text, f.strict, f.decimal = r.scan.Raw(), false, true, r.scan.Decimal()
		switch r.scan.Kind() {
		case jsonline.True:
			f.raw = yes
		case jsonline.False:
			f.raw = no
		case jsonline.String:
			f.text = true
			if !r.scan.Plain() {
				f.raw = jsonline.Unescape(nil, f.raw) // rare, so it may allocate
			}
		case jsonline.Object, jsonline.Array:
			nested++
			continue
		case jsonline.Null:
			continue
		case jsonline.Bare:
			f.strict = false
		}
		name := r.scan.Key()
		k := r.known(name)
		if k == nil || !k.plain {
			if !jsonline.Plain(name) {
				r.scratch = jsonline.Unescape(r.scratch[:0], name)
				name = r.scratch
			}
			k = r.keys.find(name)
		}
		r.take(k, &f)
	}
	if r.scan.Err() != nil {
		return nil, Malformed
	}
	if rest = r.scan.Rest(); len(rest) > 0 {
		if rest = strip(rest); len(rest) > 0 && rest[0] != '{' {
			return nil, Malformed
		}
	}
	for range nested {
		r.out.Frame(Unknown)
	}
	return rest, OK
}

// pairs takes the fields of key=value pairs.
func (r *reader) pairs(line []byte) Result {
	p, found, other, bad := pairs{line: line, other: r.other}, false, false, 0
	f := &p.value
	for p.next() {
		if !found {
			found, other = true, chatter(line, line[:p.label], p.key)
		}
		if other {
			continue // to the end, to see whether it is text
		}
		k := r.known(p.key)
		if p.spoiled || (k == nil || !k.bare) && !plainKey(p.key) {
			if r.other != 0 && clockTime(p.key, f.raw) {
				continue
			}
			if !p.spoiled || !plainKey(p.key) || !p.unit(r.keys.unit(p.key)) {
				bad++
				continue
			}
		}
		switch {
		case len(f.raw) == 0:
			continue
		case f.text, f.decimal.Plain:
		case string(f.raw) == "true":
			f.raw = yes
		case string(f.raw) == "false":
			f.raw = no
		default:
			f.text = !numberLike(f.raw)
		}
		if k == nil {
			k = r.keys.find(p.key)
		}
		r.take(k, f)
	}
	switch {
	case !found, !p.text():
		return Malformed
	case other:
		return Unknown
	}
	for range bad {
		r.out.Frame(Malformed)
	}
	return OK
}

// known gives the key that stood in this place of the line before, if it has
// this name: lines of one sensor have the same keys in the same order.
func (r *reader) known(name []byte) *key {
	if k := r.places[r.fields]; k != nil && k.sent == string(name) {
		return k
	}
	return nil
}

// take notes a field, or writes it into its message.
func (r *reader) take(k *key, f *field) {
	if r.fields == maxFields {
		r.refuse(Malformed)
		return
	}
	r.places[r.fields] = k
	r.fields++
	f.key = k
	switch {
	case k.role != roleValue:
		r.headers = append(r.headers, *f)
	case k.slot >= 0:
		r.put(k.slot, f)
	default:
		r.extras = append(r.extras, *f)
	}
}

// refuse notes a field, which counts when the line has proved to be one.
func (r *reader) refuse(result Result) {
	r.refused[result]++
	r.some = true
}

// numberLike says whether a bare word was meant as a number, so that "21.5C"
// is a bad number and not a text.
func numberLike(b []byte) bool {
	if b[0] == '+' || b[0] == '-' || b[0] == '.' {
		b = b[1:]
	}
	return len(b) > 0 && ('0' <= b[0] && b[0] <= '9' || b[0] == '.')
}
