package thingsee

import (
	"math"
	"strconv"
)

// Limits of what a Message takes.
const (
	MaxFields = 64  // per message; one more is refused
	MaxName   = 64  // bytes of a field's name
	MaxText   = 200 // bytes of a text before escaping; the rest is cut off
	MaxNumber = 64  // bytes of a number taken over literally
)

// Message is one Thingsee message being built. The zero value is ready to use
// after Reset. It is not safe for concurrent use. A Message that is reused
// allocates nothing once its storage has grown to the usual size.
type Message struct {
	ID    int   // tsmId
	Event int   // tsmEv
	Time  int64 // tsmTs in Unix milliseconds; 0 = not dated yet
	Err   int64 // tsErr: by how many seconds Time may be wrong at worst; 0 = left out
	Age   int64 // milliseconds by which the measurement is older than now; used when Time is 0

	Tuid    string // tsmTuid, left out when empty
	Gateway string // tsmGw, left out when empty

	body []byte // ,"name":value for each field

	// heads holds ,"name": of each field, and behind those of this message what
	// is left of the one before. Messages of one kind mostly have the same names
	// in the same order, so a name is checked when it is new in its place.
	heads  []byte
	ends   []int // where each head ends
	fields int   // heads of this message

	// who is the written form of Tuid and Gateway, kept because a driver's
	// readings mostly share them: a quarter of an encode's instructions. Next
	// to it are copies, so that it stays right whatever the strings' memory does.
	who, whoTuid, whoGateway []byte

	// what is the written form of ID and Event, kept for the same reason.
	what              []byte
	whatID, whatEvent int
}

// Reset begins a new message. Tuid and Gateway stay, and so does the storage;
// Time, Err, Age and the fields are cleared.
func (m *Message) Reset(id, event int) {
	m.ID, m.Event = id, event
	m.Time, m.Err, m.Age = 0, 0, 0
	m.body, m.fields = m.body[:0], 0
}

// Len is the number of fields added since Reset.
func (m *Message) Len() int { return m.fields }

// Int adds a whole number. Like all adders it says false and adds nothing when
// the name is empty, reserved, used already, over MaxName bytes or would need
// escaping, when the value cannot be sent, or when the message is full.
func (m *Message) Int(name string, v int64) bool {
	head := m.open(name)
	if head == nil {
		return false
	}
	m.body = strconv.AppendInt(append(m.body, head...), v, 10)
	return true
}

// Decimal adds mantissa / 10^decimals: (213, 1) is 21.3. Zeros at the end are
// cut off. decimals is 0..18.
func (m *Message) Decimal(name string, mantissa int64, decimals int) bool {
	if decimals < 0 || decimals > 18 {
		return false
	}
	head := m.open(name)
	if head == nil {
		return false
	}
	m.body = appendDecimal(append(m.body, head...), mantissa, decimals)
	return true
}

// Float adds v rounded to at most decimals digits (0..18) after the point.
// NaN and the infinities are refused. From 1e15 on the exponent form is used.
func (m *Message) Float(name string, v float64, decimals int) bool {
	if math.IsNaN(v) || math.IsInf(v, 0) || decimals < 0 || decimals > 18 {
		return false
	}
	head := m.open(name)
	if head == nil {
		return false
	}
	m.body = append(m.body, head...)
	if math.Abs(v) >= 1e15 {
		m.body = strconv.AppendFloat(m.body, v, 'g', -1, 64)
		return true
	}
	start := len(m.body)
	m.body = trimZeros(strconv.AppendFloat(m.body, v, 'f', decimals, 64), start)
	if string(m.body[start:]) == "-0" {
		m.body = append(m.body[:start], '0')
	}
	return true
}

// Number adds the digits of literal as they are. They must be a number by the
// grammar of JSON, of at most MaxNumber bytes, and finite as a float64.
func (m *Message) Number(name string, literal []byte) bool {
	return ValidNumber(literal) && m.Digits(name, literal)
}

// Digits is Number for a caller that knows literal to be such a number, which saves
// looking at each digit once more.
func (m *Message) Digits(name string, literal []byte) bool {
	head := m.open(name)
	if head == nil {
		return false
	}
	m.body = append(append(m.body, head...), literal...)
	return true
}

// Text adds a string: escaped, broken UTF-8 replaced by U+FFFD, and cut at a
// whole character within MaxText bytes.
func (m *Message) Text(name string, v []byte) bool {
	head := m.open(name)
	if head == nil {
		return false
	}
	m.body = appendText(append(m.body, head...), v, MaxText)
	return true
}

// Append appends the finished message to dst. A message whose Time is 0 goes
// without tsmTs.
func (m *Message) Append(dst []byte) []byte {
	dst = m.appendID(dst)
	if m.Time != 0 {
		dst = append(dst, `,"tsmTs":`...)
		dst = appendDecimal(dst, m.Time, 3)
		if m.Err > 0 {
			dst = appendErr(dst, m.Err)
		}
	}
	return m.appendRest(dst)
}

func appendErr(dst []byte, seconds int64) []byte {
	return strconv.AppendInt(append(dst, `,"tsErr":`...), seconds, 10)
}

func (m *Message) appendID(dst []byte) []byte {
	if len(m.what) == 0 || m.whatID != m.ID || m.whatEvent != m.Event {
		m.what = strconv.AppendInt(append(m.what[:0], `{"tsmId":`...), int64(m.ID), 10)
		m.what = strconv.AppendInt(append(m.what, `,"tsmEv":`...), int64(m.Event), 10)
		m.whatID, m.whatEvent = m.ID, m.Event
	}
	return append(dst, m.what...)
}

func (m *Message) appendRest(dst []byte) []byte {
	if string(m.whoTuid) != m.Tuid || string(m.whoGateway) != m.Gateway {
		m.writeWho()
	}
	dst = append(dst, m.who...)
	dst = append(dst, m.body...)
	return append(dst, '}')
}

func (m *Message) writeWho() {
	m.who = m.who[:0]
	if m.Tuid != "" {
		m.who = append(m.who, `,"tsmTuid":`...)
		m.who = appendText(m.who, m.Tuid, len(m.Tuid))
	}
	if m.Gateway != "" {
		m.who = append(m.who, `,"tsmGw":`...)
		m.who = appendText(m.who, m.Gateway, len(m.Gateway))
	}
	m.whoTuid = append(m.whoTuid[:0], m.Tuid...)
	m.whoGateway = append(m.whoGateway[:0], m.Gateway...)
}

// The quotes, comma and colon around a name.
const (
	headBefore = len(`,"`)
	headAfter  = len(`":`)
)

// open begins a field and gives its head, or nil where it may not begin.
func (m *Message) open(name string) []byte {
	if m.fields < len(m.ends) {
		if head := m.head(m.fields); string(head[headBefore:len(head)-headAfter]) == name {
			m.fields++
			return head
		}
	}
	return m.openNew(name)
}

// head is ,"name": of the field i.
func (m *Message) head(i int) []byte {
	from := 0
	if i > 0 {
		from = m.ends[i-1]
	}
	return m.heads[from:m.ends[i]]
}

// openNew checks a name that did not stand in this place the last time, and
// forgets what came behind it then.
func (m *Message) openNew(name string) []byte {
	if m.fields >= MaxFields || !ValidName(name) || Reserved(name) {
		return nil
	}
	for i := range m.fields {
		if head := m.head(i); string(head[headBefore:len(head)-headAfter]) == name {
			return nil
		}
	}
	end := 0
	if m.fields > 0 {
		end = m.ends[m.fields-1]
	}
	m.heads = append(append(append(m.heads[:end], `,"`...), name...), `":`...)
	m.ends = append(m.ends[:m.fields], len(m.heads))
	m.fields++
	return m.heads[end:]
}
