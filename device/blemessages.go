package device

import (
	"math"

	"portti/device/adv"
	"portti/device/thingsee"
)

// emit makes the messages of one measurement. tuid is the tag's.
func (b *bleBridge) emit(tuid string, v *bleValues, ad *bleAdvert, out Out) {
	b.begin(thingsee.WeatherInfo, tuid)
	b.add("temp", v.temp)
	b.add("humd", v.humd)
	b.add("airp", v.airp)
	b.add("lght", v.lght)
	b.send(out)

	b.begin(thingsee.OrientationInfo, tuid)
	b.add("accx", v.accX)
	b.add("accy", v.accY)
	b.add("accz", v.accZ)
	b.send(out)

	b.begin(thingsee.CarbonDioxide, tuid)
	if b.add("carbonDioxide", v.co2) {
		b.msg.Int("status", 0)
	}
	b.send(out)

	b.begin(thingsee.BatteryInfo, tuid)
	b.add("batl", v.batl)
	b.send(out)

	b.begin(thingsee.Generic, tuid)
	b.add("voltage", v.voltage)
	b.add("txPower", v.txPower)
	b.add("count", v.movement)
	b.add("index", v.sequence)
	b.send(out)

	b.strength(tuid, ad.rssi, out)
}

// strength says how loud the tag was heard. 127 is how receivers write that
// they do not know, and louder than +20 dBm no tag may send.
func (b *bleBridge) strength(tuid string, rssi adv.Value, out Out) {
	dbm := math.Round(rssi.Float())
	if !rssi.Known || dbm == 127 {
		return
	}
	if dbm < -128 || dbm > 20 {
		b.result = Range
		return
	}
	b.begin(thingsee.SensorNeighbours, b.gateway)
	b.msg.Text("tuid", []byte(tuid))
	b.msg.Int("rssi", int64(min(math.Round((dbm+128)*255/128), 255)))
	b.msg.Int("rssiDbm", int64(dbm))
	b.send(out)
}

func (b *bleBridge) begin(id int, tuid string) {
	b.msg.Reset(id, thingsee.EventTimed)
	b.msg.Tuid = tuid
}

// add says whether the value is known and was taken.
func (b *bleBridge) add(name string, v adv.Value) bool {
	if !v.Known {
		return false
	}
	d, _ := thingsee.Lookup(b.msg.ID)
	if f, ok := d.Field([]byte(name)); ok && !f.Fits(v.Float()) {
		b.result = Range
		return false
	}
	return b.msg.Decimal(name, v.Mantissa, v.Decimals)
}

// send hands the message on if it says anything.
func (b *bleBridge) send(out Out) {
	if b.msg.Len() > 0 {
		out.Emit(&b.msg)
	}
}
