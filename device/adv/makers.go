package adv

import "encoding/binary"

// makerFamilies are those that need no table of their own.
func makerFamilies() []family {
	return []family{
		// inkbird-ble (https://github.com/Bluetooth-Devices/inkbird-ble, MIT).
		// What stands in place of the company's number is the temperature:
		// 660A 0315 00 1080 59 08 is 26.62 °C, 53.79 %, battery 89 %.
		{name: "inkbird-ibs", any: true, min: 9, names: []string{"sps", "tps"}, more: inkbird, rows: []row{
			le("temp", 0, 2).signed().dec(2).within(-5000, 15000),
			le("batl", 7, 1).within(0, 100),
		}},
		{name: "inkbird-ibbq", any: true, min: 12, max: 22, more: iBBQ},
		// bleparser (https://github.com/Ernst79/bleparser, MIT). One number holds all
		// values: temperature is what is left of it by 66,001 steps, and so on.
		{name: "sensorpush-ht", any: true, min: 5, head: "\x04", long: sensorPush, rows: []row{
			le("temp", 1, 4).div(0, 66001).times(25).plus(-400_000).dec(4),
			le("humd", 1, 4).div(66001, 40001).times(25).dec(4),
		}},
		{name: "sensorpush-htp", any: true, min: 7, head: "\x00", long: sensorPush, rows: []row{
			le("temp", 1, 6).div(0, 72001).times(25).plus(-400_000).dec(4),
			le("humd", 1, 6).div(72001, 40001).times(25).dec(4),
			le("airp", 1, 6).div(72001*40001, 95001).plus(30_000),
		}},
		// thermopro-ble (https://github.com/Bluetooth-Devices/thermopro-ble, MIT):
		// C2 1001 47 02 2C is 27.2 °C and 71 %.
		{name: "thermopro", any: true, min: 6, max: 20, head: "\xC2", names: []string{"TP35", "TP39"}, rows: []row{
			le("temp", 1, 2).signed().dec(1).absent(0xFFFF).within(-500, 1000),
			le("humd", 3, 1).absent(0xFF).within(0, 100),
		}},
		// thermobeacon-ble (https://github.com/Bluetooth-Devices/thermobeacon-ble, MIT).
		{name: "thermobeacon", any: true, min: 20, more: thermoBeacon, rows: []row{
			le("voltage", 10, 2).dec(3),
			le("temp", 12, 2).signed().times(625).dec(4).within(-1_000_000, 1_000_000),
			le("humd", 14, 2).times(625).dec(4).within(0, 1_000_000),
			le("uptime", 16, 4),
		}},
		// Aranet4-Python (https://github.com/Anrijs/Aranet4-Python, MIT): 0x0702 is
		// SAF Tehnika. Bit 5 of the flags: readings are switched on.
		{name: "aranet4", id: aranetCo, min: 22, more: aranet, rows: []row{
			le("carbonDioxide", 8, 2).within(0, 0x7FFF),
			le("temp", 10, 2).times(5).dec(2).within(0, 5*0x3FFF),
			le("airp", 12, 2).times(10).within(0, 10*0x7FFF),
			le("humd", 14, 1).within(0, 100),
			le("batl", 15, 1).within(0, 100),
		}},
		{name: "aranet2", id: aranetCo, min: 24, head: "\x01", more: aranet, rows: []row{
			le("temp", 10, 2).times(5).dec(2).within(0, 5*0x3FFF),
			le("humd", 14, 2).dec(1).within(0, 1000),
			le("batl", 17, 1).within(0, 100),
		}},
		{name: "aranet-radon", id: aranetCo, min: 24, head: "\x03", more: aranet, rows: []row{
			le("radon", 8, 2),
			le("temp", 10, 2).times(5).dec(2).absent(0).within(0, 5*0x3FFF),
			le("airp", 12, 2).times(10).within(0, 10*0x7FFF),
			le("humd", 14, 2).dec(1).absent(0).within(0, 1000),
			le("batl", 17, 1).within(0, 100),
		}},
		// mopeka-iot-ble (https://github.com/Bluetooth-Devices/mopeka-iot-ble, MIT).
		// How high the level is depends on what is in the tank, so the sensor's
		// own number is sent. Its company's number is that of a chip's maker.
		{name: "mopeka", id: 0x0059, min: 10, uuid: 0xFEE5, rows: []row{
			le("voltage", 1, 1).bits(0, 7).times(3125).dec(5),
			le("temp", 2, 1).bits(0, 7).plus(-40),
			le("echo", 3, 2).bits(0, 14),
			le("quality", 4, 1).bits(6, 2),
		}},
		{name: "sensirion", id: 0x06D5, min: 8, max: 24, head: "\x00", more: sensirion},
		// bleparser (https://github.com/Ernst79/bleparser, MIT).
		{name: "tempo-disc-thd", id: blueMaestroCo, min: 14, max: 16, head: "\x17", rows: append(tempoDisc(), be("dewPoint", 10, 2).signed().dec(1))},
		{name: "tempo-disc-thpd", id: blueMaestroCo, min: 14, max: 16, head: "\x1B", rows: append(tempoDisc(), be("airp", 10, 2).times(10))},
	}
}

const (
	aranetCo      = 0x0702
	blueMaestroCo = 0x0133
	// sensorPush is the UUID EF090000-11D6-42BA-93B8-9DD7EC090AB0.
	sensorPush = "\xb0\x0a\x09\xec\xd7\x9d\xb8\x93\xba\x42\xd6\x11\x00\x00\x09\xef"
)

func tempoDisc() []row {
	return []row{
		be("batl", 1, 1).within(0, 100),
		be("temp", 6, 2).signed().dec(1),
		be("humd", 8, 2).signed().dec(1).within(0, 1000),
	}
}

// inkbird adds the humidity, which thermometers without send as nothing, and
// holds the checksum of the first five bytes, that of Modbus.
func inkbird(_ *Decoder, in *input) Outcome {
	crc := uint16(0xFFFF)
	for _, c := range in.b[:5] {
		crc ^= uint16(c)
		for range 8 {
			odd := crc&1 != 0
			if crc >>= 1; odd {
				crc ^= 0xA001
			}
		}
	}
	if crc != binary.LittleEndian.Uint16(in.b[5:]) {
		return None
	}
	if v := binary.LittleEndian.Uint16(in.b[2:]); v > 0 && v <= 10000 {
		in.r.add("humd", 0, decimal(int64(v), 2))
	}
	return Good
}

// iBBQ reads thermometers for the grill: four bytes, the address in either
// order, and tenths of degrees of each probe. Nothing else tells them apart, so
// the address must be the sender's.
func iBBQ(_ *Decoder, in *input) Outcome {
	b := in.b
	probes := (len(b) - 10) / 2
	if b[0] > 1 || b[1]|b[2]|b[3] != 0 || len(b)%2 != 0 || probes == 3 || probes == 5 || !in.a.from(forward(b[4:])) && !in.a.from(backward(b[4:])) {
		return None
	}
	for i := range probes {
		v := int64(int16(binary.LittleEndian.Uint16(b[10+2*i:])))
		switch {
		case v == -10 || v == -1: // not plugged in
		case v < -500 || v > 5000:
			in.r.Outside++
		default:
			in.r.add("temp", i+1, decimal(v, 1))
		}
	}
	return Good
}

// thermoBeacon holds that the address inside is the sender's.
func thermoBeacon(_ *Decoder, in *input) Outcome {
	switch in.b[0] {
	case 0x10, 0x11, 0x14, 0x15, 0x18, 0x1B, 0x30:
	default:
		return None
	}
	if in.b[1] != 0 || !in.a.from(backward(in.b[4:])) {
		return None
	}
	return Good
}

// aranet holds that measurements are switched on, and takes the counter.
func aranet(_ *Decoder, in *input) Outcome {
	flags := in.b[0]
	if len(in.b) == 24 {
		flags = in.b[1]
	}
	if flags&0x20 == 0 {
		return None
	}
	in.r.Sequence = whole(int64(in.b[len(in.b)-1]))
	return Good
}

// sensirion reads what Sensirion's gadgets send
// (https://github.com/Sensirion/arduino-ble-gadget, BSD-3-Clause): 00, a number
// for what follows, two bytes of the address, then values as the sensors have
// them, lowest byte first.
func sensirion(_ *Decoder, in *input) Outcome {
	b, sample := in.b[4:], in.b[1]
	switch sample {
	case 4, 6:
	case 8, 10:
		if len(b) < 6 {
			return Broken
		}
	default:
		return None
	}
	in.r.add("temp", 0, rounded(float64(binary.LittleEndian.Uint16(b))*175/65535-45, 2))
	humd := float64(binary.LittleEndian.Uint16(b[2:])) * 100 / 65535
	if sample == 6 { // an SHT4x
		humd = humd*1.25 - 6
	}
	in.r.add("humd", 0, rounded(max(min(humd, 100), 0), 2))
	if sample >= 8 {
		in.r.add("carbonDioxide", 0, whole(int64(binary.LittleEndian.Uint16(b[4:]))))
	}
	return Good
}
