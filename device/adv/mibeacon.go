package adv

import "encoding/binary"

// Bits of MiBeacon's frame control.
const (
	miEncrypted  = 1 << 3
	miAddress    = 1 << 4
	miCapability = 1 << 5
	miObject     = 1 << 6
	miMesh       = 1 << 7
)

// mibeacon reads Xiaomi's beacons (the MiBeacon protocol, version 5, as Xiaomi
// described it; a copy is in pvvx/ATC_MiThermometer, MIT), service data 0xFE95,
// lowest byte first:
//
//	50 20 AA 01 37 DF AA 33 34 2D 58 0D 10 04 04 01 66 02
//
//	50 20     control: version 2, with address and object
//	AA 01     product
//	37        counter
//	DF .. 58  address backwards
//	0D 10     object 0x100D: temperature and humidity, tenths
//	04        bytes of it
//
// Encrypted (version 4 and 5), behind the objects stand the upper three bytes of
// the counter and a checksum of four. The nonce is the address backwards,
// product, counter and those three bytes.
func mibeacon(d *Decoder, in *input) Outcome {
	b := in.b
	control := binary.LittleEndian.Uint16(b)
	version := control >> 12
	if version < 2 || control&miMesh != 0 {
		return None
	}
	at := 5
	mac, known := in.a.Address, in.a.HasAddress
	if control&miAddress != 0 {
		if at += 6; len(b) < at {
			return Broken
		}
		mac, known = backward(b[5:]), true
		in.r.state(mac)
	}
	if control&miCapability != 0 {
		if at++; len(b) < at {
			return Broken
		}
		if b[at-1]&0x20 != 0 { // input and output: two bytes
			at += 2
		}
	}
	if control&miObject == 0 || len(b) < at {
		return None
	}
	in.r.Sequence = whole(int64(b[4]))
	objects := b[at:]
	if control&miEncrypted != 0 {
		if version < 4 { // no checksum that would tell a wrong key
			return Locked
		}
		var outcome Outcome
		if objects, outcome = in.miOpen(objects, mac, known); outcome != Good {
			return outcome
		}
	}
	return d.miObjects(objects, in)
}

func (in *input) miOpen(sealed []byte, mac [6]byte, known bool) ([]byte, Outcome) {
	switch {
	case in.k == nil || !known:
		return nil, Locked
	case len(sealed) < 7:
		return nil, Broken
	}
	n := len(sealed) - 7
	var nonce [12]byte
	back := backward(mac[:])
	copy(nonce[:], back[:])
	copy(nonce[6:], in.b[2:5])
	copy(nonce[9:], sealed[n:n+3])
	var text [256]byte
	copy(text[:], sealed[:n])
	copy(text[n:], sealed[n+3:])
	plain, ok := in.k.open(nonce[:], []byte{0x11}, text[:n+tagSize])
	if !ok {
		return nil, WrongKey
	}
	in.opened = true
	counter := uint32(in.b[4]) | uint32(sealed[n])<<8 | uint32(sealed[n+1])<<16 | uint32(sealed[n+2])<<24
	in.r.Sequence = whole(int64(counter))
	return plain, in.k.acceptMi(counter)
}

// miObjects reads objects: a number, a length and a value. Those that are not
// known are passed over; what has no others is none of ours.
func (d *Decoder) miObjects(b []byte, in *input) Outcome {
	for len(b) >= 3 {
		id, n := binary.LittleEndian.Uint16(b), int(b[2])
		if b = b[3:]; len(b) < n {
			in.r.Damaged = true
			break
		}
		if rows := d.mi[id]; len(rows) > 0 && n >= miSize(rows) {
			in.r.read(rows, b[:n])
		}
		if n > 0 {
			in.miState(id, b[:n])
		}
		b = b[n:]
	}
	if in.r.n == 0 {
		return None
	}
	return Good
}

// Products that say by an illuminance of 100 that there is light, and measure none.
const (
	miNightLight = 0x07F6 // MJYD02YL
	miContact    = 0x098B // MCCGQ02HL
)

// miState reads objects that are no plain numbers.
func (in *input) miState(id uint16, b []byte) {
	bit := func(name string, on bool) {
		v := int64(0)
		if on {
			v = 1
		}
		in.r.add(name, 0, whole(v))
	}
	switch {
	case id == 0x0003, id == 0x000F && len(b) == 3, id == 0x4A08 && len(b) == 4: // sent because something moves
		bit("motion", true)
	case id == 0x101B: // nothing has for as long as is set
		bit("motion", false)
	case id == 0x1019 && b[0] <= 2: // 0 open, 1 closed, 2 left open, 3 begun anew
		bit("opening", b[0] != 1)
	case (id == 0x4804 || id == 0x4A12) && (b[0] == 1 || b[0] == 2):
		bit("opening", b[0] == 1)
	case id == 0x1007 && len(b) == 3:
		lux := int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16
		switch binary.LittleEndian.Uint16(in.b[2:]) {
		case miNightLight, miContact:
			bit("light", lux == 100)
		default:
			in.r.add("lght", 0, whole(lux))
		}
	}
}

// miSize is how many bytes the rows of an object read.
func miSize(rows []row) (n int) {
	for i := range rows {
		n = max(n, rows[i].Offset+max(rows[i].Size, 1))
	}
	return n
}

// miObjects is from Xiaomi's list of objects, by way of xiaomi-ble (Apache-2.0).
func miObjects() map[uint16][]row {
	return map[uint16][]row{
		0x000A: {le("temp", 0, 2).signed().dec(2)},
		0x1004: {le("temp", 0, 2).signed().dec(1)},
		0x1005: {le("powerOn", 0, 1), le("temp", 1, 1)},
		0x1006: {le("humd", 0, 2).dec(1)},
		0x1008: {le("moisture", 0, 1)},
		0x1009: {le("conductivity", 0, 2)},
		0x100A: {le("batl", 0, 1).within(0, 100)},
		0x100D: {le("temp", 0, 2).signed().dec(1), le("humd", 2, 2).dec(1)},
		0x1010: {le("formaldehyde", 0, 2).dec(2)},
		0x1012: {le("powerOn", 0, 1)},
		0x1013: {le("remaining", 0, 1)},
		0x1014: {le("wet", 0, 1)},
		0x1015: {le("smoke", 0, 1)},
		0x1017: {le("idle", 0, 4)},
		0x1018: {le("light", 0, 1)},
		0x4801: {le("temp", 0, 4).float()},
		0x4803: {le("batl", 0, 1).within(0, 100)},
		0x4808: {le("humd", 0, 4).float()},
		0x4818: {le("idle", 0, 2)},
		0x4A08: {le("lght", 0, 4).float()},
		0x4C01: {le("temp", 0, 4).float()},
		0x4C02: {le("humd", 0, 1)},
		0x4C03: {le("batl", 0, 1).within(0, 100)},
		0x4C08: {le("humd", 0, 4).float()},
	}
}
