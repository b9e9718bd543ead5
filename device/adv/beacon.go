package adv

import (
	"encoding/binary"
	"encoding/hex"
)

const (
	apple     = 0x004C
	eddystone = 0xFEAA
)

// UUIDs of iBeacons that carry measurements.
const (
	// tilt's fourth byte is the colour, 10 to 80.
	tiltHead, tiltTail = "\xa4\x95\xbb", "\xc5\xb1\x4b\x44\xb5\x12\x13\x70\xf0\x2d\x74\xde"
	jaaleeUUID         = "\xeb\xef\xd0\x83\x70\xa2\x47\xc8\x98\x37\xe7\xb5\x63\x4d\xf5\x25"
)

// beaconFamilies say who they are: iBeacon (Apple's Proximity Beacon
// Specification) and Eddystone (https://github.com/google/eddystone,
// Apache-2.0). Some makers put measurements into the same frames.
func beaconFamilies() []family {
	return []family{
		// 4C00 0215 UUID, major, minor, power at one metre
		{name: "ibeacon", id: apple, min: 23, max: 24, head: "\x02\x15", more: iBeacon},
		{name: "eddystone-uid", service: true, id: eddystone, min: 18, max: 20, head: "\x00", more: eddystoneUID},
		{name: "eddystone-url", service: true, id: eddystone, min: 4, max: 20, head: "\x10", more: eddystoneURL},
		// 20 00, mV, temperature in 256ths of a degree, advertisements, tenths of seconds
		{name: "eddystone-tlm", service: true, id: eddystone, min: 14, head: "\x20\x00", rows: []row{
			be("voltage", 2, 2).dec(3).absent(0),
			be("temp", 4, 2).signed().times(390625).dec(8).absent(0x8000),
			be("count", 6, 4),
			be("uptime", 10, 4).dec(1),
		}},
		{name: "kkm", service: true, id: eddystone, min: 5, max: 20, head: "\x21\x01", more: kkm},
	}
}

func iBeacon(_ *Decoder, in *input) Outcome {
	uuid, r := in.b[2:18], in.r
	major, minor := binary.BigEndian.Uint16(in.b[18:]), binary.BigEndian.Uint16(in.b[20:])
	switch {
	case string(uuid[:3]) == tiltHead && string(uuid[4:]) == tiltTail:
		// Degrees Fahrenheit and thousandths of the gravity of water; ten times
		// as much by a Tilt Pro. In its first seconds it sends 999 for its version.
		scale := 1.0
		if minor >= 5000 {
			scale = 10
		}
		if major == 999 {
			return None
		}
		r.add("temp", 0, rounded((float64(major)/scale-32)*5/9, 2))
		r.add("gravity", 0, rounded(float64(minor)/1000/scale, 4))
	case string(uuid) == jaaleeUUID && len(in.b) == 24:
		r.add("temp", 0, rounded(float64(major)*175/65535-45, 2))
		r.add("humd", 0, rounded(float64(minor)*100/65535, 2))
		r.add("batl", 0, whole(int64(min(in.b[23], 100))))
	default:
		r.Beacon = r.n == 0
		r.identity("uuid", uuid)
		r.add("major", 0, whole(int64(major)))
		r.add("minor", 0, whole(int64(minor)))
		r.add("measuredPower", 0, whole(int64(int8(in.b[22]))))
	}
	return Good
}

func (r *Reading) identity(name string, b []byte) {
	r.textName = name
	r.textLen = hex.Encode(r.text[:], b[:min(len(b), len(r.text)/2)])
}

func eddystoneUID(_ *Decoder, in *input) Outcome {
	in.r.Beacon = in.r.n == 0
	in.r.identity("uid", in.b[2:18])
	in.r.add("txPower", 0, whole(int64(int8(in.b[1]))))
	return Good
}

// eddystoneURL writes out what is abbreviated.
func eddystoneURL(_ *Decoder, in *input) Outcome {
	schemes := [...]string{"http://www.", "https://www.", "http://", "https://"}
	ends := [...]string{".com/", ".org/", ".edu/", ".net/", ".info/", ".biz/", ".gov/", ".com", ".org", ".edu", ".net", ".info", ".biz", ".gov"}
	if int(in.b[2]) >= len(schemes) {
		return Broken
	}
	r := in.r
	b := append(r.text[:0], schemes[in.b[2]]...)
	for _, c := range in.b[3:] {
		switch {
		case int(c) < len(ends):
			b = append(b, ends[c]...)
		case c <= ' ' || c >= 0x7F:
			return Broken
		default:
			b = append(b, c)
		}
		if len(b) > len(r.text)-8 {
			break // longer than is kept, and than anybody shows
		}
	}
	r.textName, r.textLen, r.Beacon = "url", copy(r.text[:], b), r.n == 0
	r.add("txPower", 0, whole(int64(int8(in.b[1]))))
	return Good
}

// kkm reads the sensors of KKM in a frame of Eddystone's: 21, version, a mask of
// what follows, highest byte first.
//
//	21 01 07 0E5B 154F 2169   3.675 V, 21.3 °C, 33.4 %
func kkm(_ *Decoder, in *input) Outcome {
	mask, b := in.b[2], in.b[3:]
	if mask == 0 || mask > 15 {
		return None
	}
	for i, name := range [...]string{"voltage", "temp", "humd", "accx"} {
		if mask>>i&1 == 0 {
			continue
		}
		n := 2
		if name == "accx" {
			n = 6
		}
		if len(b) < n {
			in.r.Damaged = true
			break
		}
		v := int64(int16(binary.BigEndian.Uint16(b)))
		switch name {
		case "voltage":
			in.r.add(name, 0, decimal(v, 3))
		case "accx": // mG
			in.r.add(name, 0, whole(v))
			in.r.add("accy", 0, whole(int64(int16(binary.BigEndian.Uint16(b[2:])))))
			in.r.add("accz", 0, whole(int64(int16(binary.BigEndian.Uint16(b[4:])))))
		default: // 256ths
			in.r.add(name, 0, decimal(v*390625, 8))
		}
		b = b[n:]
	}
	return Good
}
