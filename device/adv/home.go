package adv

import "encoding/binary"

const (
	switchbot    = 0xFD3D // its service
	switchbotOld = 0x0D00 // and the one of its first years
	switchbotCo  = 0x0969
)

// homeFamilies are those of SwitchBot and Qingping.
func homeFamilies() []family {
	return []family{
		{name: "switchbot", service: true, id: switchbot, min: 3, max: 32, more: switchBot},
		{name: "switchbot", service: true, id: switchbotOld, min: 3, max: 32, more: switchBot},
		{name: "switchbot", id: switchbotCo, min: 11, max: 32, more: switchBotMeter},
		{name: "qingping", service: true, id: 0xFDCD, min: 8, max: 64, more: qingping},
	}
}

// switchBot reads a service's data: type, state, battery (the maker's
// https://github.com/OpenWonderLabs/SwitchBotAPI-BLE; for contacts and curtains
// pySwitchbot, https://github.com/sblibs/pySwitchbot, MIT):
//
//	54 00 54 45 99 38
//
//	54        'T', a meter
//	54        84 %, 7 bits
//	45 99 38  0.5 + 25 °C, bit 7: above zero; 56 %, 7 bits
func switchBot(_ *Decoder, in *input) Outcome {
	b, r := in.b, in.r
	switch kind := b[0] & 0x7F; kind {
	case 'T', 't', 'i':
		if len(b) >= 6 && !in.a.hasMeter() {
			r.meter(b[3:])
		}
	case 'd': // a contact
		if len(b) >= 9 {
			r.add("motion", 0, whole(int64(b[1]>>6&1)))
			r.add("opening", 0, whole(int64(min(b[3]>>1&3, 1))))
		}
	case 's': // a motion sensor
		r.add("motion", 0, whole(int64(b[1]>>6&1)))
	case 'c', '{': // curtains
		if len(b) >= 5 {
			r.add("position", 0, whole(int64(min(b[3]&0x7F, 100))))
		}
	case 'H', 'w', '4', '5', 'x':
	default:
		return None
	}
	r.add("batl", 0, whole(int64(min(b[2]&0x7F, 100))))
	return Good
}

// switchBotMeter reads manufacturer data of a meter: address, a counter, a byte,
// then as above. Curtains send the like, so the type must be known.
func switchBotMeter(_ *Decoder, in *input) Outcome {
	if !in.a.hasMeter() {
		return None
	}
	in.r.state(forward(in.b))
	in.r.meter(in.b[8:])
	if len(in.b) >= 15 && in.a.switchBotType() == '5' {
		in.r.add("carbonDioxide", 0, whole(int64(binary.BigEndian.Uint16(in.b[13:]))))
	}
	return Good
}

// hasMeter says whether there is manufacturer data of a meter.
func (a *Advert) hasMeter() bool {
	for i := range a.n {
		if p := &a.parts[i]; !p.service && p.id == switchbotCo && len(p.data) >= 11 {
			switch a.switchBotType() {
			case 'T', 't', 'i', 'w', '4', '5':
				return true
			case 0:
				return a.named("WoSensorTH") || a.named("WoIOSensorTH")
			}
		}
	}
	return false
}

// switchBotType is what the service's data says, 0 without.
func (a *Advert) switchBotType() byte {
	for i := range a.n {
		if p := &a.parts[i]; p.service && (p.id == switchbot || p.id == switchbotOld) && len(p.data) > 0 {
			return p.data[0] & 0x7F
		}
	}
	return 0
}

func (r *Reading) meter(b []byte) {
	v := int64(b[1]&0x7F)*10 + int64(b[0]&15)
	if b[0]&15 > 9 {
		r.Outside++
		return
	}
	if b[1]&0x80 == 0 {
		v = -v
	}
	r.add("temp", 0, decimal(v, 1))
	if humd := b[2] & 0x7F; humd <= 100 {
		r.add("humd", 0, whole(int64(humd)))
	}
}

// qingping reads two bytes, the address backwards, and objects: number, length,
// value, lowest byte first (qingping-ble,
// https://github.com/Bluetooth-Devices/qingping-ble, MIT):
//
//	08 0C AFFD50342D58 01 04 0A01 7F02 02 01 2A   26.6 °C, 63.9 %, battery 42 %
func qingping(_ *Decoder, in *input) Outcome {
	r := in.r
	r.state(backward(in.b[2:]))
	b := in.b[8:]
	for len(b) >= 2 {
		id, n := b[0], int(b[1])
		if b = b[2:]; len(b) < n {
			r.Damaged = true
			break
		}
		r.qingping(id, b[:n])
		b = b[n:]
	}
	return Good
}

func (r *Reading) qingping(id byte, b []byte) {
	switch {
	case id == 0x01 && len(b) == 4:
		r.add("temp", 0, decimal(int64(int16(binary.LittleEndian.Uint16(b))), 1))
		r.add("humd", 0, decimal(int64(binary.LittleEndian.Uint16(b[2:])), 1))
	case id == 0x02 && len(b) == 1:
		r.add("batl", 0, whole(int64(min(b[0], 100))))
	case id == 0x04 && len(b) == 1: // 0 open, 1 closed, 2 left open
		r.add("opening", 0, whole(int64(b[0]&1^1)))
	case id == 0x07 && len(b) == 2: // tenths of hPa
		r.add("airp", 0, whole(int64(binary.LittleEndian.Uint16(b))*10))
	case id == 0x08 && len(b) == 4:
		r.add("motion", 0, whole(int64(min(b[0], 1))))
		r.add("lght", 0, whole(int64(b[1])|int64(b[2])<<8|int64(b[3])<<16))
	case id == 0x09 && len(b) == 4:
		r.add("lght", 0, whole(int64(binary.LittleEndian.Uint32(b))))
	case id == 0x0F && len(b) == 1:
		r.Sequence = whole(int64(b[0]))
	case id == 0x11 && len(b) == 1:
		r.add("light", 0, whole(int64(min(b[0], 1))))
	case id == 0x12 && len(b) == 4:
		r.add("pm25", 0, whole(int64(binary.LittleEndian.Uint16(b))))
		r.add("pm10", 0, whole(int64(binary.LittleEndian.Uint16(b[2:]))))
	case id == 0x13 && len(b) == 2:
		r.add("carbonDioxide", 0, whole(int64(binary.LittleEndian.Uint16(b))))
	}
}
