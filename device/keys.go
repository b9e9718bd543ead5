package device

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"portti/device/jsonline"
	"portti/device/thingsee"
)

// Bounds of what is remembered between lines. More keys or identities than
// that still work; each line then allocates for those that are new.
const (
	maxKeys = 256
	maxIDs  = 1024
)

type role uint8

const (
	roleValue role = iota
	roleID
	roleTime
)

// key is what is known of one key of the lines: looked up once, used for ever.
type key struct {
	role  role
	sent  string // as the sensor sends it, escapes resolved
	plain bool   // sent without any
	bare  bool   // it can be the key of a pair
	hex   bool   // its values are hexadecimal
	told  bool   // people were told that it cannot be sent
	name  string // as it is sent upstream

	slot    int  // the message it chooses, -1 = none
	joins   int  // the message that it goes to where another field chose that one, -1 = none
	defined bool // by that message
	bounded bool // def says what it can be, though another message's
	def     thingsee.Field
	sure    [sureKnown]sure // by places

	converts                bool
	exact                   bool // scale and offset are exact
	scale, offset           decimal
	scaleFloat, offsetFloat float64

	unit string // stands behind its values
}

// keys is the table of keys.
type keys struct {
	c     linesSettings
	ids   [slotCount]int // tsmIds of the slots
	known map[string]*key
	fresh bool // a key was made since the last keep
}

func newKeys(c linesSettings) *keys {
	k := &keys{c: c, ids: slotIDs(), known: map[string]*key{}}
	if c.Message != 0 {
		k.ids[0] = c.Message
	}
	return k
}

// find looks a key up as it stands in the line, or makes it.
func (ks *keys) find(name []byte) *key {
	if k, ok := ks.known[string(name)]; ok {
		return k
	}
	k := ks.make(string(name))
	if k.bounded = k.defined; !k.defined {
		k.def, k.bounded = thingsee.Physical(k.name)
	}
	k.sure = k.sureOf()
	ks.fresh = true
	return k
}

// keep remembers the keys of a line that proved to be one, so that noise fills
// no table.
func (ks *keys) keep(line []*key) {
	for _, k := range line {
		if len(ks.known) < maxKeys && len(k.sent) <= thingsee.MaxName {
			ks.known[k.sent] = k
		}
	}
	ks.fresh = false
}

func (ks *keys) make(sent string) *key {
	k := &key{sent: sent, plain: !strings.Contains(sent, `\`) && utf8.ValidString(sent), bare: plainKey([]byte(sent)), name: sent, slot: -1, joins: -1}
	switch {
	case sent == "":
	case sent == ks.c.IDField:
		k.role = roleID
	case sent == ks.c.TimeField:
		k.role = roleTime
	}
	if to, ok := ks.c.Map[sent]; ok {
		k.name = to
	}
	k.hex = slices.Contains(ks.c.Hex, sent) || slices.Contains(ks.c.Hex, k.name)
	k.unit = ks.unit([]byte(sent))
	ks.convert(k, sent)
	if ks.c.Message != 0 {
		ks.choose(k, 0)
		d, known := thingsee.Lookup(ks.c.Message)
		if !k.defined && known && len(d.Fields) > 0 {
			k.slot = -1
		}
		return k
	}
	if id := thingsee.MessageFor([]byte(k.name)); id != thingsee.Generic {
		ks.choose(k, slices.Index(ks.ids[:], id))
		return k
	}
	for slot := range slotGeneric {
		if ks.choose(k, slot); k.defined {
			k.joins = slot
			break
		}
	}
	k.slot = -1
	return k
}

// choose puts a key into a slot and notes how that message defines it.
func (ks *keys) choose(k *key, slot int) {
	k.slot = slot
	if d, ok := thingsee.Lookup(ks.ids[slot]); ok {
		k.def, k.defined = d.Field([]byte(k.name))
	}
}

// sure are the mantissas of numbers that can be sent as they stand, because
// they are within the field's range whatever is rounded. So the usual value
// costs two comparisons; the others are looked at more closely, which takes an
// ARMv6 ten times as long.
type sure struct{ min, max int64 }

// sureKnown is how many places are that usual.
const sureKnown = 4

func (k *key) sureOf() (list [sureKnown]sure) {
	const most = 1 << 53 // what a float64 holds exactly
	unit := 1.0
	for places := range list {
		s := sure{1, 0} // none
		switch {
		case k.converts, k.hex:
		case !k.bounded:
			s = sure{math.MinInt64, math.MaxInt64}
		case k.def.Type == thingsee.Number:
			s.min = int64(max(math.Ceil(k.def.Min*unit)+1, -most))
			s.max = int64(min(math.Floor(k.def.Max*unit)-1, most))
		}
		list[places] = s
		unit *= 10
	}
	return list
}

// surely says whether d is within the range at the first look.
func (k *key) surely(d *jsonline.Decimal) bool {
	return d.Places < sureKnown && k.sure[d.Places].min <= d.Mantissa && d.Mantissa <= k.sure[d.Places].max
}

// convert notes scale and offset, which may be under the name sent or the name
// it was given.
func (ks *keys) convert(k *key, sent string) {
	scale, scaled := lookup(ks.c.Scale, sent, k.name)
	offset, moved := lookup(ks.c.Offset, sent, k.name)
	if !scaled {
		scale = 1
	}
	k.converts = scaled || moved
	k.scaleFloat, k.offsetFloat = scale, offset
	var ok bool
	if k.scale, ok = configured(scale); ok {
		k.offset, ok = configured(offset)
	}
	k.exact = ok
}

// unit is what stands behind the values of a key, under the name sent or the name it
// was given.
func (ks *keys) unit(sent []byte) string {
	unit, ok := ks.c.Units[string(sent)]
	if !ok && len(ks.c.Units) > 0 {
		unit = ks.c.Units[ks.c.Map[string(sent)]]
	}
	return unit
}

func lookup(table map[string]float64, names ...string) (float64, bool) {
	for _, n := range names {
		if v, ok := table[n]; ok {
			return v, true
		}
	}
	return 0, false
}

func parseFloat(b []byte) float64 {
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

// names keeps one string of each identity seen, so that one that comes again
// costs nothing.
type names struct {
	known map[string]string
	last  string
}

// get gives b as a string. false: it is no identity.
func (n *names) get(b []byte) (string, bool) {
	if n.last != "" && n.last == string(b) {
		return n.last, true
	}
	s, ok := n.known[string(b)]
	if !ok {
		if !thingsee.ValidTuid(b) {
			return "", false
		}
		if s = string(b); len(n.known) < maxIDs {
			n.known[s] = s
		}
	}
	n.last = s
	return s, true
}

// newReader checks the keys of type "lines".
func newReader(c linesSettings) (*reader, error) {
	if err := checkLines(c); err != nil {
		return nil, err
	}
	extra := c.Extra
	if extra == "" {
		extra = extraSeparate
	}
	var columns [][]byte
	for _, name := range c.Columns {
		columns = append(columns, []byte(name))
	}
	r := &reader{
		extra: extra, fixed: c.Message != 0, hasID: c.ID != "",
		names: columns, separator: (c.Separator + ",")[0], comma: c.DecimalComma,
		keys: newKeys(c), ids: &names{known: map[string]string{}},
		scratch: make([]byte, 0, 128),
	}
	if c.Assign == ":" {
		r.other = otherColon
	}
	return r, nil
}
