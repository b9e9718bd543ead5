package adv

import "math"

// Ruuvi's formats (docs.ruuvi.com, "Data format" 3, 5, 6 and E1), all numbers
// with the highest byte first. Not available is 0x8000 in signed numbers and
// all ones in the others; format 3 has no such values. An example of format 5,
// 24.3 °C and 53.49 %:
//
//	9904 0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F
func ruuviFamilies() []family {
	weather := []row{
		be("temp", 1, 2).signed().times(5).dec(3).absent(0x8000),
		be("humd", 3, 2).times(25).dec(4).absent(0xFFFF), // over 100 when the sensor is wet
		be("airp", 5, 2).plus(50_000).absent(0xFFFF),
	}
	more := func(rows ...row) []row { return append(weather[:len(weather):len(weather)], rows...) }
	return []family{
		{name: "ruuvi-3", id: Ruuvi, min: 14, head: "\x03", more: ruuvi3, rows: []row{
			be("humd", 1, 1).times(5).dec(1),
			be("airp", 4, 2).plus(50_000),
			be("accx", 6, 2).signed(),
			be("accy", 8, 2).signed(),
			be("accz", 10, 2).signed(),
			be("voltage", 12, 2).dec(3),
		}},
		{name: "ruuvi-5", id: Ruuvi, min: 24, head: "\x05", more: ruuvi5, rows: more(
			be("accx", 7, 2).signed().absent(0x8000),
			be("accy", 9, 2).signed().absent(0x8000),
			be("accz", 11, 2).signed().absent(0x8000),
			be("voltage", 13, 2).bits(5, 11).plus(1600).dec(3).absent(0x7FF),
			be("txPower", 13, 2).bits(0, 5).times(2).plus(-40).absent(0x1F),
			be("count", 15, 1).absent(0xFF), // movements
			be("index", 16, 2).absent(0xFFFF),
		)},
		{name: "ruuvi-6", id: Ruuvi, min: 20, head: "\x06", more: ruuvi6, rows: more(
			be("pm25", 7, 2).dec(1).absent(0xFFFF),
			be("carbonDioxide", 9, 2).absent(0xFFFF),
		)},
		{name: "ruuvi-e1", id: Ruuvi, min: 40, head: "\xE1", more: ruuviE1, rows: more(
			be("pm1", 7, 2).dec(1).absent(0xFFFF),
			be("pm25", 9, 2).dec(1).absent(0xFFFF),
			be("pm4", 11, 2).dec(1).absent(0xFFFF),
			be("pm10", 13, 2).dec(1).absent(0xFFFF),
			be("carbonDioxide", 15, 2).absent(0xFFFF),
			be("lght", 19, 3).dec(2).absent(0xFFFFFF),
			be("index", 25, 3).absent(0xFFFFFF),
		)},
	}
}

// ruuvi3 adds the temperature: sign and whole degrees in one byte, hundredths
// in the next.
func ruuvi3(_ *Decoder, in *input) Outcome {
	v := int64(in.b[2]&0x7F)*100 + int64(in.b[3])
	if in.b[3] > 99 {
		return Broken
	}
	if in.b[2]&0x80 != 0 {
		v = -v
	}
	in.r.add("temp", 0, decimal(v, 2))
	return Good
}

func ruuvi5(_ *Decoder, in *input) Outcome {
	in.r.Sequence = in.r.Value("index")
	in.r.stateUnlessOnes(in.b[18:24])
	return Good
}

// ruuvi6 adds what has nine bits, the light, which is logarithmic from 0 to
// 65,535 lux in 254 steps, and the lowest byte of the number that format E1 of
// the same device sends whole. Its address is half of one.
func ruuvi6(_ *Decoder, in *input) Outcome {
	in.r.nineBits(in.b[11], in.b[12], in.b[16])
	if code := in.b[13]; code != 0xFF {
		in.r.add("lght", 0, rounded(math.Exp(float64(code)*math.Log(65536)/254)-1, 2))
	}
	in.r.Sequence = whole(int64(in.b[15]))
	return Good
}

func ruuviE1(_ *Decoder, in *input) Outcome {
	in.r.nineBits(in.b[17], in.b[18], in.b[28])
	in.r.Sequence = in.r.Value("index")
	in.r.stateUnlessOnes(in.b[34:40])
	return Good
}

// nineBits adds the indices of air quality, whose lowest bits are flags.
func (r *Reading) nineBits(voc, nox, flags byte) {
	if v := int64(voc)<<1 | int64(flags>>6&1); v != 0x1FF {
		r.add("vocIndex", 0, whole(v))
	}
	if v := int64(nox)<<1 | int64(flags>>7); v != 0x1FF {
		r.add("noxIndex", 0, whole(v))
	}
}

func (r *Reading) stateUnlessOnes(b []byte) {
	if mac := forward(b); mac != [6]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF} {
		r.state(mac)
	}
}
