package ubx

import (
	"bytes"
	"encoding/binary"
)

// Form is what a frame is.
type Form uint8

// The forms of a frame.
const (
	None  Form = iota
	UBX        // u-blox's own
	RTCM3      // corrections: recognised, not decoded
)

// Frame is one frame, good as long as the bytes in which it was found.
type Frame struct {
	Form    Form
	ID      ID     // of UBX
	Payload []byte // between header and checksum
	Size    int    // of all of it
}

// ID is a message's class and its number in it.
type ID uint16

// The messages that are decoded.
const (
	NavPOSLLH   ID = 0x0102
	NavSTATUS   ID = 0x0103
	NavDOP      ID = 0x0104
	NavSOL      ID = 0x0106
	NavPVT      ID = 0x0107
	NavVELNED   ID = 0x0112
	NavHPPOSLLH ID = 0x0114
	NavTIMEGPS  ID = 0x0120
	NavTIMEUTC  ID = 0x0121
	NavSVINFO   ID = 0x0130
	NavSAT      ID = 0x0135
	NavEOE      ID = 0x0161
	AckNAK      ID = 0x0500
	AckACK      ID = 0x0501
	MonVER      ID = 0x0A04
	MonHW       ID = 0x0A09
	MonRF       ID = 0x0A38
	SecSIG      ID = 0x2709

	InfNotice ID = 0x0402 // text, of which a receiver sends some when it starts
	CfgMSG    ID = 0x0601
	CfgRST    ID = 0x0604
	CfgRATE   ID = 0x0608
	CfgCFG    ID = 0x0609
	CfgGNSS   ID = 0x063E
	CfgVALSET ID = 0x068A
)

const (
	// MaxPayload is the longest payload that is believed. What receivers send is
	// shorter, but for raw measurements of more than 127 signals.
	MaxPayload = 4096
	// MaxFrame is the longest frame, so as much as may have to be kept of a stream.
	MaxFrame = header + MaxPayload + 2

	header     = 6
	rtcmHeader = 3
	rtcmCRC    = 3
)

// Next finds the first frame in b, a stream from where the last one ended. before is
// how many bytes stand in front of it, which are in no frame: text, or what is broken.
// Where there is no frame, what lies behind them may begin one: it is to be brought
// again, with more of the stream behind it. over says that no more will come, so that
// half a frame is none.
//
// broken says that a frame began among the bytes before and its checksum is wrong, or
// it was over. The search goes on with the very next byte then: the length may lie, and
// what follows begins within the wrong frame where bytes were lost. No byte is looked
// at more than 700 times, whatever comes, and those of a good stream once.
func Next(b []byte, over bool) (before int, f Frame, broken bool) {
	for i := 0; i < len(b); i++ {
		k := start(b[i:])
		if k < 0 {
			return len(b), Frame{}, broken
		}
		i += k
		f, missing := begins(b[i:])
		switch {
		case f.Form != None:
			return i, f, broken
		case missing && !over:
			return i, Frame{}, broken
		case missing:
			broken = broken || len(b)-i >= rtcmHeader
		case f.Size > 0:
			broken = true
		}
	}
	return len(b), Frame{}, broken
}

// At is the frame that b begins with, of the form None where it begins with no whole one.
func At(b []byte) Frame {
	if len(b) == 0 || b[0] != 0xB5 && b[0] != 0xD3 {
		return Frame{}
	}
	if f, _ := begins(b); f.Form != None {
		return f
	}
	return Frame{}
}

// start is where the first byte stands that begins a frame, -1 = nowhere.
func start(b []byte) int {
	u, r := bytes.IndexByte(b, 0xB5), bytes.IndexByte(b, 0xD3)
	if u < 0 || r >= 0 && r < u {
		return r
	}
	return u
}

// begins looks at what b begins with. missing says that it may be a frame, but is not
// whole; a size without a form, that it is not sound.
func begins(b []byte) (f Frame, missing bool) {
	if b[0] == 0xD3 {
		return beginsRTCM(b)
	}
	if len(b) > 1 && b[1] != 0x62 || len(b) > 2 && !class(b[2]) {
		return Frame{}, false
	}
	if len(b) < header {
		return Frame{}, true
	}
	id, n := ID(binary.BigEndian.Uint16(b[2:])), int(binary.LittleEndian.Uint16(b[4:]))
	if !fits(id, n) {
		return Frame{Size: header}, false
	}
	size := header + n + 2
	if len(b) < size {
		return Frame{}, true
	}
	if x, y := Sum(b[2 : size-2]); x != b[size-2] || y != b[size-1] {
		return Frame{Size: size}, false
	}
	return Frame{UBX, id, b[header : size-2], size}, false
}

// Sum is the checksum of a frame, over class, number, length and payload: Fletcher's,
// of 8 bits.
func Sum(b []byte) (x, y byte) {
	for _, c := range b {
		x += c
		y += x
	}
	return x, y
}

// Append adds a frame with a payload to dst.
func Append(dst []byte, id ID, payload ...byte) []byte {
	from := len(dst) + 2
	dst = append(dst, 0xB5, 0x62, byte(id>>8), byte(id), byte(len(payload)), byte(len(payload)>>8))
	dst = append(dst, payload...)
	x, y := Sum(dst[from:])
	return append(dst, x, y)
}

// class says whether u-blox has given out a class.
func class(c byte) bool {
	switch c {
	case 0x01, 0x02, 0x04, 0x05, 0x06, 0x09, 0x0A, 0x0B, 0x0D, 0x10, 0x13, 0x21, 0x27, 0x28, 0x29:
		return true
	}
	return false
}

// fits says whether a message can have a length: those of known size may have grown by
// some bytes in a receiver newer than this. A length that lies is found out by it before
// the receiver has sent so many bytes.
func fits(id ID, n int) bool {
	least, most := 0, MaxPayload
	const room = 16
	switch id {
	case NavPOSLLH:
		least, most = 28, 28+room
	case NavSTATUS, NavTIMEGPS:
		least, most = 16, 16+room
	case NavDOP:
		least, most = 18, 18+room
	case NavSOL:
		least, most = 52, 52+room
	case NavPVT:
		least, most = 84, 92+room // 84: u-blox 7
	case NavVELNED, NavHPPOSLLH:
		least, most = 36, 36+room
	case NavTIMEUTC:
		least, most = 20, 20+room
	case NavSVINFO, NavSAT:
		least, most = 8, 8+12*255
	case NavEOE:
		least, most = 4, 4+room
	case AckACK, AckNAK:
		least, most = 2, 2
	case MonVER:
		least, most = 40, 40+30*64
	case MonHW:
		least, most = 60, 68+room
	case MonRF:
		least, most = 4, 4+24*8
	case SecSIG:
		least, most = 4, 4+4*255
	}
	return n >= least && n <= most || n == 0 && id == MonVER // the question for it
}

// beginsRTCM: D3, ten bits of length after six of nought, payload that begins with
// twelve bits of the message's number, CRC-24Q (RTCM 10403, as RTKLIB's and gpsd's
// documentation describe it).
func beginsRTCM(b []byte) (f Frame, missing bool) {
	if len(b) > 1 && b[1]&0xFC != 0 {
		return Frame{}, false
	}
	if len(b) < rtcmHeader+2 {
		return Frame{}, true
	}
	n := int(binary.BigEndian.Uint16(b[1:]))
	// 1001 to 1304 are the standard's, from 4001 on the makers' own.
	if number := binary.BigEndian.Uint16(b[rtcmHeader:]) >> 4; n < 2 || number < 1001 || number > 1400 && number < 4001 {
		return Frame{}, false
	}
	size := rtcmHeader + n + rtcmCRC
	if len(b) < size {
		return Frame{}, true
	}
	crc := uint32(0)
	for _, c := range b[:size-rtcmCRC] {
		crc ^= uint32(c) << 16
		for range 8 {
			if crc <<= 1; crc&0x1000000 != 0 {
				crc ^= 0x1864CFB
			}
		}
	}
	end := b[size-rtcmCRC:]
	if crc != uint32(end[0])<<16|uint32(end[1])<<8|uint32(end[2]) {
		return Frame{Size: size}, false
	}
	return Frame{Form: RTCM3, Payload: b[rtcmHeader : size-rtcmCRC], Size: size}, false
}
