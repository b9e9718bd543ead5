package adv

import (
	"encoding/binary"
	"math"
)

// Value is Mantissa / 10^Decimals.
type Value struct {
	Mantissa int64
	Decimals int
	Known    bool
}

// Float is the value as far as a float64 holds it, for comparing with limits.
func (v Value) Float() float64 { return float64(v.Mantissa) / math.Pow10(v.Decimals) }

// DF5 is one measurement of a RuuviTag in data format 5.
type DF5 struct {
	Temp     Value // °C, steps of 0.005
	Humidity Value // %, steps of 0.0025; over 100 when the sensor is wet
	Pressure Value // Pa
	AccX     Value // mG
	AccY     Value
	AccZ     Value
	Voltage  Value // mV
	TxPower  Value // dBm
	Movement Value // counts up to 254 and starts anew
	Sequence Value // the same number is the same measurement
	MAC      [6]byte
	HasMAC   bool
}

const df5Length = 24

// DecodeDF5 decodes the manufacturer data of company Ruuvi, without the
// company's number: 24 bytes, all numbers with the highest byte first.
//
//	0      5
//	1-2    temperature, signed, x 0.005 °C
//	3-4    humidity, x 0.0025 %
//	5-6    pressure, + 50,000 Pa
//	7-12   acceleration X, Y, Z, signed, mG
//	13-14  eleven bits voltage, + 1600 mV; five bits power, x 2 - 40 dBm
//	15     movement counter
//	16-17  sequence number
//	18-23  address
//
// Not available is 0x8000 in signed numbers and all ones in the others. An
// example: 0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F is 24.3 °C, 53.49 %.
func DecodeDF5(b []byte) (DF5, bool) {
	if len(b) != df5Length || b[0] != 5 {
		return DF5{}, false
	}
	power := binary.BigEndian.Uint16(b[13:])
	d := DF5{
		Temp:     signed(b[1:], 5, 3),
		Humidity: unsigned(uint64(binary.BigEndian.Uint16(b[3:])), 0xFFFF, 25, 0, 4),
		Pressure: unsigned(uint64(binary.BigEndian.Uint16(b[5:])), 0xFFFF, 1, 50_000, 0),
		AccX:     signed(b[7:], 1, 0),
		AccY:     signed(b[9:], 1, 0),
		AccZ:     signed(b[11:], 1, 0),
		Voltage:  unsigned(uint64(power>>5), 0x7FF, 1, 1600, 0),
		TxPower:  unsigned(uint64(power&0x1F), 0x1F, 2, -40, 0),
		Movement: unsigned(uint64(b[15]), 0xFF, 1, 0, 0),
		Sequence: unsigned(uint64(binary.BigEndian.Uint16(b[16:])), 0xFFFF, 1, 0, 0),
	}
	copy(d.MAC[:], b[18:])
	d.HasMAC = d.MAC != [6]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}
	return d, true
}

func signed(b []byte, step int64, decimals int) Value {
	v := int16(binary.BigEndian.Uint16(b))
	if v == -0x8000 {
		return Value{}
	}
	return Value{int64(v) * step, decimals, true}
}

func unsigned(v, unknown uint64, step, offset int64, decimals int) Value {
	if v == unknown {
		return Value{}
	}
	return Value{int64(v)*step + offset, decimals, true}
}
