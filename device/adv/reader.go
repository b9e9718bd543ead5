package adv

import "encoding/binary"

// maker is the type of an element with a manufacturer's data.
const maker = 0xFF

// Ruuvi is the company number of Ruuvi Innovations.
const Ruuvi = 0x0499

// Reader gives the elements of one advertising payload: each is a length, a
// type and data. A length of zero ends them, the rest being padding; a length
// beyond the end drops the rest.
type Reader struct {
	rest []byte
	typ  byte
	data []byte
	cut  int
}

// Reset begins a payload.
func (r *Reader) Reset(payload []byte) { *r = Reader{rest: payload} }

// Next moves on to the next element.
func (r *Reader) Next() bool {
	r.typ, r.data = 0, nil
	if len(r.rest) == 0 || r.rest[0] == 0 {
		r.rest = nil
		return false
	}
	n := int(r.rest[0])
	if n >= len(r.rest) {
		r.cut, r.rest = len(r.rest), nil
		return false
	}
	r.typ, r.data, r.rest = r.rest[1], r.rest[2:n+1], r.rest[n+1:]
	return true
}

// Cut is how many bytes at the end were dropped, because an element claimed to
// be longer than what was left.
func (r *Reader) Cut() int { return r.cut }

// Manufacturer is the company's number and its data, if this element is that.
func (r *Reader) Manufacturer() (company uint16, data []byte, ok bool) {
	if r.typ != maker {
		return 0, nil, false
	}
	return Company(r.data)
}

// Company parts manufacturer data as bridges hand it on.
func Company(b []byte) (company uint16, data []byte, ok bool) {
	if len(b) < 2 {
		return 0, nil, false
	}
	return binary.LittleEndian.Uint16(b), b[2:], true
}
