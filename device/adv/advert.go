package adv

import "encoding/binary"

// The types of elements that are looked at.
const (
	someUUIDs, allUUIDs  = 0x02, 0x03 // of services, 16 bits each
	someLong, allLong    = 0x06, 0x07 // 128 bits each
	shortName, wholeName = 0x08, 0x09
	service16, service32 = 0x16, 0x20 // data of a service by its UUID
	service128           = 0x21
)

// maxParts is how many elements with data are kept of one advertisement: what
// fits 255 bytes is rarely more than two.
const maxParts = 8

// Advert is one advertisement, whole or as a receiver took it apart. It keeps
// no copy of what it is given.
type Advert struct {
	Address    [6]byte // the first byte is the one written first
	HasAddress bool
	Name       []byte

	parts  [maxParts]part
	n      int
	uuids  [maxParts]uint16
	nuuids int
	long   []byte // the first UUID of 128 bits, lowest byte first
}

// part is one element with data.
type part struct {
	service bool
	id      uint16 // UUID or company
	data    []byte
	whole   []byte // with the company's number
}

// Reset begins another advertisement.
func (a *Advert) Reset() { *a = Advert{} }

// Payload adds all that is in an advertising payload, and says how many bytes
// at its end were dropped, as Reader does.
func (a *Advert) Payload(payload []byte) (cut int) {
	var r Reader
	for r.Reset(payload); r.Next(); {
		switch b := r.data; r.typ {
		case maker:
			a.Manufacturer(b)
		case someUUIDs, allUUIDs:
			for ; len(b) >= 2; b = b[2:] {
				a.announce(binary.LittleEndian.Uint16(b))
			}
		case someLong, allLong:
			if len(b) >= 16 && a.long == nil {
				a.long = b[:16]
			}
		case shortName, wholeName:
			a.Name = b
		case service16:
			if len(b) >= 2 {
				a.Service(binary.LittleEndian.Uint16(b), b[2:])
			}
		case service32:
			if len(b) >= 4 && b[2] == 0 && b[3] == 0 {
				a.Service(binary.LittleEndian.Uint16(b), b[4:])
			}
		case service128:
			if len(b) >= 16 && string(b[:12]) == baseUUID && b[14] == 0 && b[15] == 0 {
				a.Service(binary.LittleEndian.Uint16(b[12:]), b[16:])
			}
		}
	}
	return r.Cut()
}

// baseUUID is what all UUIDs end with that have a short form, lowest byte first.
const baseUUID = "\xfb\x34\x9b\x5f\x80\x00\x00\x80\x00\x10\x00\x00"

// Manufacturer adds a manufacturer's data, which begins with the company.
func (a *Advert) Manufacturer(data []byte) {
	if company, rest, ok := Company(data); ok {
		a.keep(part{id: company, data: rest, whole: data})
	}
}

// Service adds a service's data, without the UUID.
func (a *Advert) Service(uuid uint16, data []byte) {
	a.announce(uuid)
	a.keep(part{service: true, id: uuid, data: data})
}

func (a *Advert) keep(p part) {
	if a.n < maxParts {
		a.parts[a.n] = p
		a.n++
	}
}

func (a *Advert) announce(uuid uint16) {
	if a.nuuids < maxParts {
		a.uuids[a.nuuids] = uuid
		a.nuuids++
	}
}

func (a *Advert) announces(uuid uint16) bool {
	for _, u := range a.uuids[:a.nuuids] {
		if u == uuid {
			return true
		}
	}
	return false
}

// named says whether the local name begins so.
func (a *Advert) named(prefix string) bool {
	return len(a.Name) >= len(prefix) && string(a.Name[:len(prefix)]) == prefix
}

// from says whether the sender has this address, as far as it is known.
func (a *Advert) from(mac [6]byte) bool { return a.HasAddress && a.Address == mac }

// ParseUUID reads a UUID that has a short form, as receivers write it: fcd2,
// 0xFCD2 or 0000fcd2-0000-1000-8000-00805f9b34fb.
func ParseUUID(text []byte) (uuid uint16, ok bool) {
	const rest = "-0000-1000-8000-00805f9b34fb"
	if len(text) == 8+len(rest) && string(text[:4]) == "0000" && equalFold(text[8:], rest) {
		text = text[4:8]
	} else if len(text) == 6 && text[0] == '0' && text[1]|0x20 == 'x' {
		text = text[2:]
	}
	if len(text) != 4 {
		return 0, false
	}
	for _, c := range text {
		digit, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		uuid = uuid<<4 | uint16(digit)
	}
	return uuid, true
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// equalFold compares with what is in small letters already.
func equalFold(b []byte, small string) bool {
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != small[i] {
			return false
		}
	}
	return true
}
