package modbus

import "encoding/binary"

// Longest is how many registers the longest value takes.
const Longest = 4

// Order is how a value of several registers lies in them. The zero value is that of
// the specification, the high word and the high byte first.
type Order struct {
	LowWordFirst bool // the register with the low 16 bits is the first one
	LowByteFirst bool // in each register
}

// Arrange puts the registers that src begins with into dst, two bytes each, the
// highest byte of all first. dst says how many there are. false: src is too short.
func (o Order) Arrange(dst, src []byte) bool {
	if len(src) < len(dst) {
		return false
	}
	for to := 0; to+1 < len(dst); to += 2 {
		from := to
		if o.LowWordFirst {
			from = len(dst) - 2 - to
		}
		word := binary.BigEndian.Uint16(src[from:])
		if o.LowByteFirst {
			word = word<<8 | word>>8
		}
		binary.BigEndian.PutUint16(dst[to:], word)
	}
	return true
}

// BitAt is a bit of an answer from a table of bits. false: the answer has no such bit.
func BitAt(data []byte, i int) (bit byte, ok bool) {
	if i < 0 || i/8 >= len(data) {
		return 0, false
	}
	return data[i/8] >> (i % 8) & 1, true
}
