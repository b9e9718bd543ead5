package adv

// goveeFamilies are Govee's thermometers, after govee-ble
// (https://github.com/Bluetooth-Devices/govee-ble, Apache-2.0). Many put
// temperature and humidity into one number: 268,526 is 26.8 °C and 52.6 %. Its
// highest bit is the sign; that of the battery's byte says the sensor failed.
func goveeFamilies() []family {
	packed := func(at, battery int) []row {
		return []row{
			be("temp", at, 3).magnitude().div(1000, 0).dec(1).within(-400, 1000),
			be("humd", at, 3).bits(0, 23).div(0, 1000).dec(1),
			be("batl", battery, 1).bits(0, 7).within(0, 100),
		}
	}
	plain := func(at int) []row {
		return []row{
			le("temp", at, 2).signed().dec(2).within(-4000, 10000),
			le("humd", at+2, 2).dec(2).within(0, 10000),
			le("batl", at+4, 1).within(0, 100),
		}
	}
	return []family{
		{name: "govee-h5075", id: 0xEC88, min: 6, fault: 4, rows: packed(1, 4)},
		{name: "govee-h5074", id: 0xEC88, min: 7, rows: plain(1)},
		{name: "govee-h5051", id: 0xEC88, min: 9, rows: plain(1)},
		{name: "govee-h5106", id: 0x0001, min: 6, names: []string{"GVH5106"}, rows: []row{
			be("temp", 2, 4).magnitude().div(1_000_000, 0).dec(1).within(-400, 1000),
			be("humd", 2, 4).bits(0, 31).div(1000, 1000).dec(1),
			be("pm25", 2, 4).bits(0, 31).div(0, 1000),
		}},
		{name: "govee-h510x", id: 0x0001, min: 6, fault: 5, rows: packed(2, 5),
			names: []string{"GVH5100", "GVH5101", "GVH5102", "GVH5103", "GVH5104", "GVH5105", "GVH5110", "GVH5174", "GVH5177"}},
		{name: "govee-h5178", id: 0x0001, min: 9, fault: 6, more: goveeH5178},
		{name: "govee-h5179", id: 0x8801, min: 9, rows: plain(4)},
		{name: "govee-h5055", any: true, min: 22, names: []string{"GVH5055"}, uuid: 0x5550, more: goveeProbes,
			rows: []row{be("batl", 4, 1).bits(0, 7).within(0, 100)}},
	}
}

// goveeH5178 is a station and a remote sensor in turn.
func goveeH5178(_ *Decoder, in *input) Outcome {
	b, r := in.b, in.r
	if b[2] > 1 {
		return None
	}
	number := int(b[2]) + 1
	if b[6]&0x80 == 0 {
		n := int64(b[3]&0x7F)<<16 | int64(b[4])<<8 | int64(b[5])
		temp := n / 1000
		if b[3]&0x80 != 0 {
			temp = -temp
		}
		r.add("temp", number, decimal(temp, 1))
		r.add("humd", number, decimal(n%1000, 1))
	}
	r.add("batl", number, whole(int64(min(b[6]&0x7F, 100))))
	return Good
}

// goveeProbes reads the two of six probes whose turn it is: whole degrees, all
// ones where none is plugged in. The numbers of the company's place count.
func goveeProbes(_ *Decoder, in *input) Outcome {
	first := int(in.b[5]>>6)*2 + 1
	if first > 5 {
		return None
	}
	for i, at := range [...]int{7, 14} {
		v := int64(in.b[at]) | int64(in.b[at+1])<<8
		if v != 0xFFFF && v <= 400 {
			in.r.add("temp", first+i, whole(v))
		}
	}
	return Good
}
