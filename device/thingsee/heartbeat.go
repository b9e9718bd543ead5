package thingsee

import "strconv"

// Heartbeat says of one thing in which slots it was heard: the lowest bit is
// the newest slot.
type Heartbeat struct {
	Tuid string
	Bits uint64
}

// MaxHeartbeats is how many things one 11200 tells of.
const MaxHeartbeats = 100

// Heartbeats adds the list of a 11200; what is beyond MaxHeartbeats is left
// out.
func (m *Message) Heartbeats(list []Heartbeat) bool {
	head := m.open("heartbeats")
	if head == nil {
		return false
	}
	m.body = append(append(m.body, head...), '[')
	for i, h := range list[:min(len(list), MaxHeartbeats)] {
		if i > 0 {
			m.body = append(m.body, ',')
		}
		m.body = append(m.body, `{"tuid":`...)
		m.body = appendText(m.body, h.Tuid, MaxText)
		m.body = append(m.body, `,"slotBits":`...)
		m.body = append(strconv.AppendUint(m.body, h.Bits, 10), '}')
	}
	m.body = append(m.body, ']')
	return true
}

// Bool adds true or false.
func (m *Message) Bool(name string, v bool) bool {
	head := m.open(name)
	if head == nil {
		return false
	}
	m.body = strconv.AppendBool(append(m.body, head...), v)
	return true
}

// Array adds a JSON array that the caller has written.
func (m *Message) Array(name string, literal []byte) bool { return m.Digits(name, literal) }
