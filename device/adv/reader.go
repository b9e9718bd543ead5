package adv

import "encoding/binary"

// The types of elements that the Reader's methods look for.
const (
	ShortName    = 0x08
	CompleteName = 0x09
	Service16    = 0x16
	Service32    = 0x20
	Service128   = 0x21
	Maker        = 0xFF
)

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

// Type is the number of the element's type.
func (r *Reader) Type() byte { return r.typ }

// Data is what follows the type.
func (r *Reader) Data() []byte { return r.data }

// Cut is how many bytes at the end were dropped, because an element claimed to
// be longer than what was left.
func (r *Reader) Cut() int { return r.cut }

// Name is the device's name, if this element is a whole or a shortened one. It
// is meant to be UTF-8 and may be anything.
func (r *Reader) Name() ([]byte, bool) {
	return r.data, r.typ == ShortName || r.typ == CompleteName
}

// Manufacturer is the company's number and its data, if this element is that.
func (r *Reader) Manufacturer() (company uint16, data []byte, ok bool) {
	if r.typ != Maker {
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

// Service is the data of a service, if this element is that. uuid is 2, 4 or
// 16 bytes as on the air, the lowest first.
func (r *Reader) Service() (uuid, data []byte, ok bool) {
	n := 0
	switch r.typ {
	case Service16:
		n = 2
	case Service32:
		n = 4
	case Service128:
		n = 16
	}
	if n == 0 || len(r.data) < n {
		return nil, nil, false
	}
	return r.data[:n], r.data[n:], true
}
