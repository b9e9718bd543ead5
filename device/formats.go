package device

import (
	"bytes"
	"encoding/binary"

	"portti/device/ubx"
)

// format is a binary format that people are told of where nothing is read of it.
type format struct {
	name string
	gnss bool // a receiver's, which can be switched to NMEA
	// frame gives the length of the whole frame that b begins with, by its own
	// checksum; 0 = it begins with none.
	frame func(b []byte) int
	least int // frames that it takes to be sure
}

const formatUBX = "binary u-blox (UBX)"

// formats are what receivers, autopilots and meters speak when they do not speak
// text. Sources: the makers' interface descriptions.
func formats() []format {
	return []format{
		{formatUBX, true, ubxFrame, 1},
		{"RTCM 3 corrections", true, rtcmFrame, 2},
		{"binary SiRF", true, sirfFrame, 1},
		{"binary MTK", true, mtkFrame, 1},
		{"binary Septentrio (SBF)", true, sbfFrame, 1},
		{"binary Trimble (TSIP) or Garmin", true, dleFrame, 3},
		{"MAVLink", false, mavlinkFrame, 3},
		{"Plantower frames of a dust sensor", false, plantowerFrame, 1},
		{"Modbus RTU", false, modbusFrame, 2},
	}
}

// remedy is what to do where it comes on a port of a kind.
func (f format) remedy(kind string) string {
	switch {
	case f.name == formatUBX && kind == "gps": // which reads it, but nothing of use came
		return "Switch on NAV-PVT, or NMEA, in the receiver with its maker's program"
	case f.name == formatUBX:
		return "Set type = \"gps\" in this [[device]], then: `sudo portti reload`"
	case f.gnss && kind == "gps":
		return "Switch the receiver to NMEA with its maker's program"
	}
	return checkType
}

// in says whether b holds enough frames: a third of it, and as many one right after the
// other as it takes. What was read at a wrong speed holds three that are not, by chance.
func (f format) in(b []byte) bool {
	good, row, longest := 0, 0, 0
	for i := 0; i < len(b); {
		n := f.frame(b[i:])
		if n == 0 {
			i++
			row = 0
			continue
		}
		good, i, row = good+n, i+n, row+1
		longest = max(longest, row)
	}
	return longest >= f.least && good*3 >= len(b)
}

func ubxFrame(b []byte) int {
	f := ubx.At(b)
	return whole(f.Size, f.Form == ubx.UBX)
}

func rtcmFrame(b []byte) int {
	f := ubx.At(b)
	return whole(f.Size, f.Form == ubx.RTCM3)
}

// mtkFrame: 04 24, length of all, command, data, exclusive or of length to data, CR LF
// (MediaTek, as the makers of modules describe it).
func mtkFrame(b []byte) int {
	if len(b) < 9 || b[0] != 0x04 || b[1] != 0x24 {
		return 0
	}
	n := int(binary.LittleEndian.Uint16(b[2:]))
	if n < 9 || n > len(b) {
		return 0
	}
	sum := byte(0)
	for _, c := range b[2 : n-3] {
		sum ^= c
	}
	return whole(n, sum == b[n-3] && b[n-2] == '\r' && b[n-1] == '\n')
}

// sirfFrame: A0 A2, length, payload, 15 bits of its sum, B0 B3.
func sirfFrame(b []byte) int {
	if len(b) < 8 || b[0] != 0xA0 || b[1] != 0xA2 {
		return 0
	}
	n := 4 + int(binary.BigEndian.Uint16(b[2:])) + 4
	if n > len(b) {
		return 0
	}
	sum := uint16(0)
	for _, c := range b[4 : n-4] {
		sum = (sum + uint16(c)) & 0x7FFF
	}
	return whole(n, sum == binary.BigEndian.Uint16(b[n-4:]) && b[n-2] == 0xB0 && b[n-1] == 0xB3)
}

// sbfFrame: $@, CRC-16 of what follows, id, length of all.
func sbfFrame(b []byte) int {
	if len(b) < 8 || b[0] != '$' || b[1] != '@' {
		return 0
	}
	n := int(binary.LittleEndian.Uint16(b[6:]))
	if n < 8 || n > len(b) {
		return 0
	}
	crc := uint16(0)
	for _, c := range b[4:n] {
		crc ^= uint16(c) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return whole(n, crc == binary.LittleEndian.Uint16(b[2:]))
}

// dleFrame: DLE, id, payload in which a DLE is doubled, DLE ETX.
func dleFrame(b []byte) int {
	if len(b) < 5 || b[0] != 0x10 || b[1] == 0x10 || b[1] == 0x03 {
		return 0
	}
	for i := 2; i+1 < len(b); i++ {
		switch {
		case b[i] != 0x10:
		case b[i+1] == 0x10:
			i++
		default:
			return whole(i+2, b[i+1] == 0x03)
		}
	}
	return 0
}

// mavlinkFrame: FE, length, number; or FD, length, flags, more flags, number; and the mark
// and another number of the next where this one ends: what repeats, read at a wrong speed,
// has the marks. Its checksum cannot be told without the definition of each message.
func mavlinkFrame(b []byte) int {
	if len(b) < 3 || b[0] != 0xFE && b[0] != 0xFD {
		return 0
	}
	n, number := int(b[1])+8, 2
	if b[0] == 0xFD {
		if b[2] > 1 { // the one flag that there is: signed
			return 0
		}
		n, number = int(b[1])+12+int(b[2])*13, 4
	}
	return whole(n, n+number < len(b) && b[n] == b[0] && b[n+number] != b[number])
}

// plantowerFrame: 42 4D, length, payload, sum of all before.
func plantowerFrame(b []byte) int {
	if len(b) < 8 || b[0] != 0x42 || b[1] != 0x4D {
		return 0
	}
	n := 4 + int(binary.BigEndian.Uint16(b[2:]))
	if n < 8 || n > len(b) {
		return 0
	}
	sum := uint16(0)
	for _, c := range b[:n-2] {
		sum += uint16(c)
	}
	return whole(n, sum == binary.BigEndian.Uint16(b[n-2:]))
}

// modbusFrame: address, function, data, CRC-16; nothing says how long it is.
func modbusFrame(b []byte) int {
	const longest = 64 // of what meters send; each length tried is a chance to be wrong
	if len(b) < 5 || b[0] == 0 || b[0] > 247 || bytes.IndexByte([]byte{1, 2, 3, 4, 5, 6, 15, 16}, b[1]&0x7F) < 0 {
		return 0
	}
	crc := uint16(0xFFFF)
	for i, c := range b[:min(len(b)-2, longest)] {
		crc ^= uint16(c)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0xA001
			} else {
				crc >>= 1
			}
		}
		if i >= 2 && crc == binary.LittleEndian.Uint16(b[i+1:]) {
			return i + 3
		}
	}
	return 0
}

func whole(n int, sound bool) int {
	if sound {
		return n
	}
	return 0
}
