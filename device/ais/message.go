package ais

import (
	"bytes"
	"math"
)

// Fault says what was wrong with a sentence or a message.
type Fault uint8

// The faults; OutOfRange may come with a message of which the rest is good.
const (
	Malformed  Fault = 1 << iota // not of the form of a sentence, or too short for its type
	TooLong                      // more bits than any message has
	Orphan                       // a sentence whose predecessor is missing
	OutOfRange                   // a field that cannot be so; it is absent
)

// longestText is the name of an aid to navigation with its extension.
const longestText = 34

type text struct {
	b [longestText]byte
	n uint8
}

// Message is one report. What it does not say is absent.
type Message struct {
	Type   uint8  // 1..27
	Repeat uint8  // how often it was repeated on its way
	MMSI   uint32 // whose it is, 30 bits
	Own    bool   // sent by the vessel's own transponder

	have   uint64
	values [numbers]int32
	texts  [int(Fields) - numbers]text
}

// Value is a number in the field's unit.
func (m *Message) Value(f Field) (v int32, ok bool) {
	if int(f) >= numbers || m.have&(1<<f) == 0 {
		return 0, false
	}
	return m.values[f], true
}

// Text is a text, empty when absent. It is good until the Message is decoded anew.
func (m *Message) Text(f Field) []byte {
	if int(f) < numbers || f >= Fields {
		return nil
	}
	t := &m.texts[int(f)-numbers]
	return t.b[:t.n]
}

// Known says whether the type is one that is taken apart.
func (m *Message) Known() bool { return layoutOf(m.Type, m.MMSI, 0) != nil }

// Position says whether the message has both coordinates.
func (m *Message) Position() bool { return m.have>>Lon&1 == 1 && m.have>>Lat&1 == 1 }

// RateOfTurn is in 0.1 degrees a minute, positive to the right. What is sent is the
// root of the rate times 4.733. 127 either way means "more than 5 degrees in 30 s" of
// a vessel without an indicator, which is no rate: absent.
func (m *Message) RateOfTurn() (tenths int32, ok bool) {
	v, ok := m.Value(Turn)
	if !ok || v == 127 || v == -127 {
		return 0, false
	}
	r := float64(v) / 4.733
	r *= 10 * r
	if v < 0 {
		return -int32(r + 0.5), true
	}
	return int32(r + 0.5), true
}

// Begin makes an empty message, to be filled with Set and SetText.
func (m *Message) Begin(kind uint8, mmsi uint32) {
	m.Type, m.Repeat, m.MMSI, m.Own, m.have = kind, 0, mmsi, false, 0
	for i := range m.texts {
		m.texts[i].n = 0
	}
}

// decode takes a payload apart.
func (m *Message) decode(p *payload) Fault {
	if p.n < 38 {
		return Malformed
	}
	m.Begin(uint8(p.unsigned(0, 6)), p.unsigned(8, 30))
	m.Repeat = uint8(p.unsigned(6, 2))
	if TypeName(m.Type) == "" {
		return Malformed
	}
	part := uint32(0)
	if m.Type == 24 && p.n >= 40 {
		part = p.unsigned(38, 2)
	}
	l := layoutOf(m.Type, m.MMSI, part)
	switch {
	case l == nil:
		return 0
	case p.n < l.least:
		return Malformed
	}
	var fault Fault
	for i := range l.rows {
		r := &l.rows[i]
		switch {
		case int(r.field) >= numbers:
			t := &m.texts[int(r.field)-numbers]
			t.n = uint8(len(p.text(t.b[:0], r.at, r.bits)))
		case p.n < r.at+r.bits:
		case r.signed:
			fault |= m.set(r, p.signed(r.at, r.bits))
		default:
			fault |= m.set(r, int32(p.unsigned(r.at, r.bits)))
		}
	}
	m.extend(p)
	for i := range m.texts {
		t := &m.texts[i]
		t.n = uint8(len(bytes.TrimRight(t.b[:t.n], " "))) // that is padding too
	}
	return fault
}

// extend takes the rest of an aid's name, of which there may be 14 characters behind
// all other fields.
func (m *Message) extend(p *payload) {
	const end = 272
	if t := &m.texts[int(Name)-numbers]; m.Type == 21 && t.n == 20 && p.n >= end+6 {
		t.n = uint8(len(p.text(t.b[:20], end, 6*(longestText-20))))
	}
}

// set takes a value as sent.
func (m *Message) set(r *row, v int32) Fault {
	if v == r.none {
		return 0
	}
	v *= r.scale
	if l := limits[r.field]; v < l.min || v > l.max {
		return OutOfRange
	}
	m.values[r.field], m.have = v, m.have|1<<r.field
	return 0
}

// find looks a name up among the rows of the message's type.
func (m *Message) find(name []byte) *row {
	if m.Type == 24 { // gpsd joins the halves
		for _, l := range [...]*layout{&staticA, &staticB, &staticAuxiliary} {
			if r := l.find(name); r != nil {
				return r
			}
		}
		return nil
	}
	l := layoutOf(m.Type, m.MMSI, 0)
	if l == nil {
		return nil
	}
	return l.find(name)
}

func (l *layout) find(name []byte) *row {
	for i := range l.rows {
		if l.rows[i].name == string(name) && len(name) > 0 {
			return &l.rows[i]
		}
	}
	return nil
}

// Set takes a number as the type's bit field has it, under the name that gpsd gives
// it in reports that are not scaled. Names that the type does not have are passed over.
func (m *Message) Set(name []byte, v int64) Fault {
	r := m.find(name)
	if r == nil || int(r.field) >= numbers {
		return 0
	}
	if v > 1<<30 || v < -1<<30 {
		return OutOfRange
	}
	return m.set(r, int32(v))
}

// SetScaled takes a number as gpsd has it in scaled reports: degrees, knots, metres.
func (m *Message) SetScaled(name []byte, v float64) Fault {
	r := m.find(name)
	if r == nil || int(r.field) >= numbers {
		return 0
	}
	unit := float64(r.scale)
	switch r.field {
	case Lon, Lat:
		unit = degree
	case Course, Speed, Draught:
		unit = 10
	}
	if r.field == Turn { // degrees a minute there
		v = math.Copysign(4.733*math.Sqrt(math.Abs(v)), v)
	}
	v = v * unit / float64(r.scale)
	if !(v < 1<<30 && v > -1<<30) {
		return OutOfRange
	}
	if v < 0 {
		return m.set(r, int32(v-0.5))
	}
	return m.set(r, int32(v+0.5))
}

// SetText takes a text, or a time in gpsd's form: eta is "05-15T14:00Z", timestamp
// "2018-08-10T08:01:20Z".
func (m *Message) SetText(name, v []byte) {
	r := m.find(name)
	switch {
	case string(name) == "eta" && m.Type == 5:
		m.setTime(v, Month)
	case string(name) == "timestamp" && (m.Type == 4 || m.Type == 11):
		m.setTime(v, Year)
		m.setSecond(v)
	}
	if r == nil || int(r.field) < numbers {
		return
	}
	if m.Type != 21 { // whose name may go on; of a vendor gpsd 3.22 reads seven characters
		v = v[:min(len(v), r.bits/6)]
	}
	t := &m.texts[int(r.field)-numbers]
	t.n = uint8(copy(t.b[:], bytes.TrimRight(v, " ")))
}

// setTime takes the numbers of a time, of which the first is that of field first.
func (m *Message) setTime(v []byte, first Field) {
	for f := first; f <= Minute && len(v) > 0; f++ {
		n := int32(0)
		digits := 0
		for digits < len(v) && digits < 4 && '0' <= v[digits] && v[digits] <= '9' {
			n = n*10 + int32(v[digits]-'0')
			digits++
		}
		if digits == 0 {
			return
		}
		m.set(&row{field: f, scale: 1, none: never}, n) // what is not available is out of the limits
		v = v[min(digits+1, len(v)):]
	}
}

func (m *Message) setSecond(v []byte) {
	if at := len("2018-08-10T08:01:"); len(v) == at+3 {
		if n := two(v[at:]); n < 60 {
			m.set(&row{field: Second, scale: 1, none: never}, n)
		}
	}
}

func two(b []byte) int32 {
	n := int32(0)
	for _, c := range b[:2] {
		if c < '0' || c > '9' {
			return 99
		}
		n = n*10 + int32(c-'0')
	}
	return n
}
