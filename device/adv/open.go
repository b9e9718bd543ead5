package adv

import "encoding/binary"

// Formats that anybody may use: BTHome, those of free firmware for cheap
// thermometers, MiBeacon, and values as the Bluetooth standard writes them.
func openFamilies() []family {
	return []family{
		{name: "bthome", service: true, id: 0xFCD2, min: 1, max: 255, more: bthome},
		// https://github.com/pvvx/ATC_MiThermometer (MIT), "Custom format":
		// 55 5E 60 38 C1 A4  address backwards
		// 08 15 13 DA        21.04 °C (5384 = 0x1508), ... lowest byte first
		{name: "pvvx", service: true, id: 0x181A, min: 15, more: pvvx, rows: []row{
			le("temp", 6, 2).signed().dec(2),
			le("humd", 8, 2).dec(2),
			le("voltage", 10, 2).dec(3),
			le("batl", 12, 1).within(0, 100),
		}},
		// https://github.com/atc1441/ATC_MiThermometer: highest byte first.
		{name: "atc1441", service: true, id: 0x181A, min: 13, more: atc1441, rows: []row{
			be("temp", 6, 2).signed().dec(1),
			be("humd", 8, 1),
			be("batl", 9, 1).within(0, 100),
			be("voltage", 10, 2).dec(3),
		}},
		{name: "pvvx-encrypted", service: true, id: 0x181A, min: 11, more: pvvxSealed},
		{name: "atc1441-encrypted", service: true, id: 0x181A, min: 8, more: pvvxSealed},
		// https://github.com/rbaron/b-parasite (MIT): the first half of the first
		// byte is the version, by which the temperature's unit differs.
		{name: "b-parasite", service: true, id: 0x181A, min: 16, max: 18, more: parasite, rows: []row{be("voltage", 2, 2).dec(3)}},
		{name: "mibeacon", service: true, id: 0xFE95, min: 5, max: 255, more: mibeacon},
		// A sensor for flower pots, HHCCJCY10, after xiaomi-ble (Apache-2.0).
		{name: "flower-pot", service: true, id: 0xFD50, min: 9, rows: []row{
			be("moisture", 0, 1),
			be("temp", 1, 2).signed().dec(1),
			be("lght", 3, 3),
			be("batl", 6, 1).within(0, 100),
			be("conductivity", 7, 2),
		}},
		// Bluetooth GATT Specification Supplement: characteristics Temperature,
		// Humidity, Pressure (tenths of Pa) and Battery Level.
		{name: "gatt", service: true, id: 0x2A6E, min: 2, rows: []row{le("temp", 0, 2).signed().dec(2).absent(0x8000).within(-27315, 32766)}},
		{name: "gatt", service: true, id: 0x2A6F, min: 2, rows: []row{le("humd", 0, 2).dec(2).absent(0xFFFF).within(0, 10000)}},
		{name: "gatt", service: true, id: 0x2A6D, min: 4, rows: []row{le("airp", 0, 4).dec(1)}},
		{name: "gatt", service: true, id: 0x2A19, min: 1, rows: []row{le("batl", 0, 1).within(0, 100)}},
	}
}

func pvvx(_ *Decoder, in *input) Outcome {
	in.r.Sequence = whole(int64(in.b[13]))
	in.r.state(backward(in.b))
	return Good
}

func atc1441(_ *Decoder, in *input) Outcome {
	in.r.Sequence = whole(int64(in.b[12]))
	in.r.state(forward(in.b))
	return Good
}

// pvvxSealed reads the encrypted forms of both: a counter of one byte, six or
// three bytes of values, and a checksum. The nonce is the address backwards and
// the element's length, type, UUID and counter. The counter is too short to
// tell a recording that is played again.
func pvvxSealed(_ *Decoder, in *input) Outcome {
	if in.k == nil || !in.a.HasAddress {
		return Locked
	}
	mac := backward(in.a.Address[:])
	var nonce [11]byte
	copy(nonce[:], mac[:])
	nonce[6], nonce[7], nonce[8], nonce[9], nonce[10] = byte(len(in.b)+3), service16, 0x1A, 0x18, in.b[0]
	b, ok := in.k.open(nonce[:], []byte{0x11}, in.b[1:])
	if !ok {
		return WrongKey
	}
	in.opened = true
	in.r.Sequence = whole(int64(in.b[0]))
	batl := int64(b[len(b)-1] & 0x7F)
	if len(b) == 6 {
		in.r.add("temp", 0, decimal(int64(int16(binary.LittleEndian.Uint16(b))), 2))
		in.r.add("humd", 0, decimal(int64(binary.LittleEndian.Uint16(b[2:])), 2))
		batl = int64(b[4])
	} else { // half degrees above -40, half percents
		in.r.add("temp", 0, decimal(int64(b[0])*5-400, 1))
		in.r.add("humd", 0, decimal(int64(b[1])*5, 1))
	}
	in.r.add("batl", 0, whole(min(batl, 100)))
	return Good
}

func parasite(_ *Decoder, in *input) Outcome {
	b := in.b
	temp := decimal(int64(int16(binary.BigEndian.Uint16(b[4:]))), 2)
	switch {
	case b[0]>>4 == 1: // a thousandth, without sign
		temp = decimal(int64(binary.BigEndian.Uint16(b[4:])), 3)
	case b[0]>>4 != 2:
		return None
	}
	in.r.add("temp", 0, temp)
	in.r.add("humd", 0, rounded(float64(binary.BigEndian.Uint16(b[6:]))*100/65535, 2))
	in.r.add("moisture", 0, rounded(float64(binary.BigEndian.Uint16(b[8:]))*100/65535, 2))
	if b[0]&1 != 0 && len(b) == 18 {
		in.r.add("lght", 0, whole(int64(binary.BigEndian.Uint16(b[16:]))))
	}
	in.r.Sequence = whole(int64(b[1] & 15))
	in.r.state(forward(b[10:]))
	return Good
}
