package adv

import "encoding/binary"

// object is one kind of object of BTHome: how many bytes it has behind its
// number, and how they are read. An object without a name is passed over.
type object struct {
	row
	known bool
	sized bool // the first byte says how many follow it
}

// BTHome version 2 (https://bthome.io/format): service data 0xFCD2. A byte of
// information, then objects, each a number and a value, lowest byte first:
//
//	44 00 4E 01 64 2E 3F 45 DF 00
//
//	44     bit 0: encrypted, bit 1: the address follows, bits 5-7: version 2
//	00 4E  packet 78
//	01 64  battery 100 %
//	2E 3F  humidity 63 %
//	45 ..  temperature 22.3
//
// Encrypted, the objects are followed by a counter of four bytes and a checksum
// of as many. The nonce is the address, the UUID as it is sent, the byte of
// information and the counter. What comes behind an object that is not known
// cannot be read.
func bthome(d *Decoder, in *input) Outcome {
	info, b := in.b[0], in.b[1:]
	if info>>5 != 2 {
		return None
	}
	mac, known := in.a.Address, in.a.HasAddress
	if info&2 != 0 {
		if len(b) < 6 {
			return Broken
		}
		mac, known, b = backward(b), true, b[6:]
		in.r.state(mac)
	}
	counted := uint32(0)
	if info&1 != 0 {
		switch {
		case in.k == nil || !known:
			return Locked
		case len(b) < 8:
			return Broken
		}
		counter := b[len(b)-8 : len(b)-4]
		var nonce [13]byte
		copy(nonce[:], mac[:])
		nonce[6], nonce[7], nonce[8] = 0xD2, 0xFC, info
		copy(nonce[9:], counter)
		var sealed [256]byte
		n := copy(sealed[:], b[:len(b)-8])
		n += copy(sealed[n:], b[len(b)-4:])
		plain, ok := in.k.open(nonce[:], nil, sealed[:n])
		if !ok {
			return WrongKey
		}
		counted = binary.LittleEndian.Uint32(counter)
		if outcome := in.k.accept(counted); outcome != Good {
			return outcome
		}
		in.opened, b = true, plain
		in.r.Sequence = whole(int64(counted))
	}
	d.bthomeObjects(b, in.r, in.opened)
	return Good
}

// bthomeObjects reads the objects, up to the first that it does not know.
func (d *Decoder) bthomeObjects(b []byte, r *Reading, counted bool) {
	for len(b) > 0 {
		id, o := b[0], &d.objects[b[0]]
		if b = b[1:]; !o.known {
			return
		}
		n := max(o.Size, 1)
		if o.sized {
			if len(b) == 0 {
				r.Damaged = true
				return
			}
			n = int(b[0]) + 1
			if id == bthomeCommand {
				n = int(b[0]&31) + 2
			}
		}
		if len(b) < n {
			r.Damaged = true
			return
		}
		switch {
		case id == 0 && !counted:
			r.Sequence = whole(int64(b[0]))
		case id == 0, o.Name == "":
		case id == bthomeDimmer:
			r.add(o.Name, r.next(o.Name), whole(dimmed(b[0], b[1])))
		case id == bthomeCommand:
			r.add(o.Name, r.next(o.Name), whole(int64(b[1])))
		default:
			v, _ := o.Read(b[:n])
			r.add(o.Name, r.next(o.Name), v)
		}
		b = b[n:]
	}
}

// dimmed is by how many steps a knob was turned, to the left below zero.
func dimmed(event, steps byte) int64 {
	switch event {
	case 1:
		return -int64(steps)
	case 2:
		return int64(steps)
	}
	return 0
}

const (
	bthomeCommand = 0x3B
	bthomeDimmer  = 0x3C
)

func bthomeObjects() (all [256]object) {
	for _, some := range []map[byte]row{bthomeFirst(), bthomeLater()} {
		for id, r := range some {
			all[id] = object{row: r, known: true, sized: id == 0x53 || id == 0x54 || id == bthomeCommand}
		}
	}
	for id, name := range map[byte]string{
		0x0F: "state", 0x10: "powerOn", 0x11: "opening", 0x15: "batteryLow", 0x16: "charging", 0x17: "carbonMonoxide",
		0x18: "cold", 0x19: "connectivity", 0x1A: "door", 0x1B: "garageDoor", 0x1C: "gasDetected", 0x1D: "heat", 0x1E: "light",
		0x1F: "unlocked", 0x20: "wet", 0x21: "motion", 0x22: "moving", 0x23: "occupancy", 0x24: "plug", 0x25: "presence",
		0x26: "problem", 0x27: "running", 0x28: "safety", 0x29: "smoke", 0x2A: "sound", 0x2B: "tamper", 0x2C: "vibration", 0x2D: "window",
	} {
		all[id] = object{row: le(name, 0, 1), known: true}
	}
	return all
}

func bthomeFirst() map[byte]row {
	return map[byte]row{
		0x00: le("", 0, 1), // the packet's number
		0x01: le("batl", 0, 1),
		0x02: le("temp", 0, 2).signed().dec(2),
		0x03: le("humd", 0, 2).dec(2),
		0x04: le("airp", 0, 3), // hundredths of hPa are Pa
		0x05: le("lght", 0, 3).dec(2),
		0x06: le("mass", 0, 2).dec(2),
		0x07: le("massLb", 0, 2).dec(2),
		0x08: le("dewPoint", 0, 2).signed().dec(2),
		0x09: le("count", 0, 1),
		0x0A: le("energy", 0, 3).dec(3),
		0x0B: le("power", 0, 3).dec(2),
		0x0C: le("voltage", 0, 2).dec(3),
		0x0D: le("pm25", 0, 2),
		0x0E: le("pm10", 0, 2),
		0x12: le("carbonDioxide", 0, 2),
		0x13: le("tvocMass", 0, 2),
		0x14: le("moisture", 0, 2).dec(2),
		0x2E: le("humd", 0, 1),
		0x2F: le("moisture", 0, 1),
		0x3A: le("button", 0, 1),
		0x3B: le("command", 0, 1),
		0x3C: le("dimmer", 0, 2),
		0x3D: le("count", 0, 2),
		0x3E: le("count", 0, 4),
		0x3F: le("rotation", 0, 2).signed().dec(1),
	}
}

func bthomeLater() map[byte]row {
	return map[byte]row{
		0x40: le("dist", 0, 2),
		0x41: le("dist", 0, 2).times(100), // tenths of a metre
		0x42: le("duration", 0, 3).dec(3),
		0x43: le("current", 0, 2).dec(3),
		0x44: le("speed", 0, 2).dec(2),
		0x45: le("temp", 0, 2).signed().dec(1),
		0x46: le("uvIndex", 0, 1).dec(1),
		0x47: le("volume", 0, 2).dec(1),
		0x48: le("volume", 0, 2).dec(3), // millilitres
		0x49: le("flow", 0, 2).dec(3),
		0x4A: le("voltage", 0, 2).dec(1),
		0x4B: le("gas", 0, 3).dec(3),
		0x4C: le("gas", 0, 4).dec(3),
		0x4D: le("energy", 0, 4).dec(3),
		0x4E: le("volume", 0, 4).dec(3),
		0x4F: le("water", 0, 4).dec(3),
		0x50: le("timestamp", 0, 4),
		0x51: le("acceleration", 0, 2).dec(3),
		0x52: le("gyroscope", 0, 2).dec(3),
		0x53: le("", 0, 1), // a text
		0x54: le("", 0, 1), // raw bytes
		0x55: le("volumeStorage", 0, 4).dec(3),
		0x56: le("conductivity", 0, 2),
		0x57: le("temp", 0, 1).signed(),
		0x58: le("temp", 0, 1).signed().times(35).dec(2),
		0x59: le("count", 0, 1).signed(),
		0x5A: le("count", 0, 2).signed(),
		0x5B: le("count", 0, 4).signed(),
		0x5C: le("power", 0, 4).signed().dec(2),
		0x5D: le("current", 0, 2).signed().dec(3),
		0x5E: le("direction", 0, 2).dec(2),
		0x5F: le("precipitation", 0, 2).dec(1),
		0x60: le("channel", 0, 1),
		0x61: le("rotationalSpeed", 0, 2),
		0x62: le("speed", 0, 4).signed().dec(6),
		0x63: le("acceleration", 0, 4).signed().dec(6),
		0x64: le("lightLevel", 0, 1),
		0x65: le("", 0, 1), // settings revision
		0xF0: le("", 0, 2), // type of the device
		0xF1: le("", 0, 4), // version of its firmware
		0xF2: le("", 0, 3),
	}
}
