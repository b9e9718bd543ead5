package modbus

import (
	"encoding/binary"
	"fmt"
)

// Table is one of the four tables of a unit. Its value is the function that reads it.
type Table uint8

// The tables: single bits, and registers of 16 bits.
const (
	Coil     Table = 1
	Discrete Table = 2
	Holding  Table = 3
	Input    Table = 4
)

// ParseTable finds a table by its name: coil, discrete, holding or input.
func ParseTable(name string) (Table, bool) {
	for t := Coil; t <= Input; t++ {
		if t.String() == name {
			return t, true
		}
	}
	return 0, false
}

// String is the table's name.
func (t Table) String() string {
	names := [...]string{"coil", "discrete", "holding", "input"}
	if t < Coil || t > Input {
		return fmt.Sprintf("table %d", uint8(t))
	}
	return names[t-1]
}

// Bits says whether the table holds single bits.
func (t Table) Bits() bool { return t == Coil || t == Discrete }

// Most is how much of the table one request may ask for.
func (t Table) Most() int {
	if t.Bits() {
		return 2000
	}
	return 125
}

// Sizes of frames, in bytes.
const (
	RequestSize   = 8
	exceptionSize = 5
	overhead      = 5 // of an answer: unit, function, length, checksum
	LongestAnswer = 255
)

// Request asks one unit for neighbouring registers or bits.
type Request struct {
	Unit    byte // 1 to 247
	Table   Table
	Address uint16 // counted from 0, as on the wire
	Count   uint16 // 1 to Table.Most
}

// Append writes the request's frame behind dst.
func (r Request) Append(dst []byte) []byte {
	from := len(dst)
	dst = append(dst, r.Unit, byte(r.Table))
	dst = binary.BigEndian.AppendUint16(dst, r.Address)
	dst = binary.BigEndian.AppendUint16(dst, r.Count)
	return binary.LittleEndian.AppendUint16(dst, CRC(dst[from:]))
}

// size is how many bytes of data the answer has.
func (r Request) size() int {
	if r.Table.Bits() {
		return (int(r.Count) + 7) / 8
	}
	return 2 * int(r.Count)
}

// AnswerSize is how long the frame of the answer is.
func (r Request) AnswerSize() int { return overhead + r.size() }

// Result says what Find found.
type Result uint8

// The results of Find.
const (
	More    Result = iota // no answer so far
	Good                  // the answer
	Refused               // the unit answered with an exception
	Bad                   // the answer's length has come, and its checksum is wrong
)

// Find looks for the answer to r in b, everything that came since r was sent. data
// points into b.
func (r Request) Find(b []byte) (data []byte, ex Exception, res Result) {
	spoiled, half := false, false
	for ; len(b) > 0; b = b[1:] {
		if b[0] != r.Unit {
			continue
		}
		size := 0
		switch {
		case len(b) < 3:
			half = true
			continue
		case b[1] == byte(r.Table) && int(b[2]) == r.size():
			size = r.AnswerSize()
		case b[1] == byte(r.Table)|0x80:
			size = exceptionSize
		default:
			continue
		}
		switch {
		case len(b) < size:
			half = true
		case !Sound(b[:size]):
			spoiled = true
		case b[1] == byte(r.Table):
			return b[3 : size-2], 0, Good
		default:
			return nil, Exception(b[2]), Refused
		}
	}
	if spoiled && !half {
		return nil, 0, Bad
	}
	return nil, 0, More
}

// Sound says whether all of b is one frame: its last two bytes are the checksum of
// the others.
func Sound(b []byte) bool {
	return len(b) >= 4 && CRC(b[:len(b)-2]) == binary.LittleEndian.Uint16(b[len(b)-2:])
}

// CRC is the checksum, CRC-16/MODBUS: polynomial 0xA001 reflected, from 0xFFFF. On
// the wire its low byte is first.
func CRC(b []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, c := range b {
		crc ^= uint16(c)
		for range 8 {
			crc = crc>>1 ^ 0xA001&-(crc&1)
		}
	}
	return crc
}

// Exception is why a unit did not do what it was asked.
type Exception uint8

// The exceptions that a plan can do something about.
const (
	IllegalFunction Exception = 1
	IllegalAddress  Exception = 2
	IllegalValue    Exception = 3
)

// String is the exception in words.
func (e Exception) String() string {
	word := ""
	switch e {
	case IllegalFunction:
		word = "illegal function"
	case IllegalAddress:
		word = "illegal data address"
	case IllegalValue:
		word = "illegal data value"
	case 4:
		word = "device failure"
	case 5:
		word = "acknowledged, still at work"
	case 6:
		word = "busy"
	case 8:
		word = "memory parity error"
	case 10:
		word = "gateway path unavailable"
	case 11:
		word = "gateway target does not respond"
	default:
		return fmt.Sprintf("exception %d", uint8(e))
	}
	return fmt.Sprintf("exception %d, %s", uint8(e), word)
}

// Recognise says how much of b, from 0 to 1, is answers and requests of functions 1
// to 4 one after the other.
func Recognise(b []byte) (name string, share float64) {
	good, all := 0, len(b)
	for len(b) > 0 {
		n := frame(b)
		good += n
		b = b[max(n, 1):]
	}
	if good == 0 {
		return "Modbus RTU", 0
	}
	return "Modbus RTU", float64(good) / float64(all)
}

// frame is the length of the frame that b begins with, 0 for none: an answer or an
// exception as it says itself, or a request.
func frame(b []byte) int {
	if len(b) < exceptionSize || b[0] == 0 || b[0] > 247 {
		return 0
	}
	table := Table(b[1] & 0x7f)
	answer := overhead + int(b[2])
	switch {
	case table < Coil || table > Input:
	case b[1]&0x80 != 0:
		if b[2] > 0 && b[2] < 12 && Sound(b[:exceptionSize]) {
			return exceptionSize
		}
	case b[2] > 0 && answer <= len(b) && (table.Bits() || b[2]%2 == 0) && Sound(b[:answer]):
		return answer
	case len(b) >= RequestSize && Sound(b[:RequestSize]):
		return RequestSize
	}
	return 0
}
