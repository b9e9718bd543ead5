package device

import (
	"math"
	"strconv"

	"portti/device/adv"
	"portti/device/thingsee"
)

// bleMessages are the messages of one reading, in the order they are sent.
func bleMessages() [7]int {
	return [...]int{thingsee.WeatherInfo, thingsee.OrientationInfo, thingsee.CarbonDioxide, thingsee.VolatileOrganics, thingsee.BatteryInfo, thingsee.DistanceInfo, thingsee.Generic}
}

// bleMessage is the message that carries a value.
func bleMessage(v *adv.Measured) int {
	if v.Number > 1 {
		return thingsee.Generic
	}
	switch v.Name {
	case "accx", "accy", "accz":
		return thingsee.OrientationInfo
	}
	return thingsee.MessageFor([]byte(v.Name))
}

// emit makes the messages of one reading. tuid is the tag's.
func (b *bleTags) emit(tuid string, values []adv.Measured, ad *bleAdvert, out Out) {
	for _, id := range bleMessages() {
		b.begin(id, tuid)
		for i := range values {
			if v := &values[i]; bleMessage(v) == id {
				b.add(b.nameOf(v), v.Value)
			}
		}
		switch {
		case id == thingsee.CarbonDioxide && b.msg.Len() > 0:
			b.msg.Int("status", 0)
		case id == thingsee.Generic && b.reading.Beacon:
			if name, text := b.reading.Text(); name != "" {
				b.msg.Text(name, text)
			}
		}
		if b.msg.Len() > 0 {
			out.Emit(&b.msg)
		}
	}
	b.strength(tuid, ad.rssi, out)
}

// strength says how loud the tag was heard. 127 is how receivers write that
// they do not know, and louder than +20 dBm no tag may send.
func (b *bleTags) strength(tuid string, rssi adv.Value, out Out) {
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
	out.Emit(&b.msg)
}

func (b *bleTags) begin(id int, tuid string) {
	b.msg.Reset(id, thingsee.EventTimed)
	b.msg.Tuid = tuid
}

// add leaves a value out that the catalogue does not allow.
func (b *bleTags) add(name string, v adv.Value) {
	d, _ := thingsee.Lookup(b.msg.ID)
	if f, ok := d.Field([]byte(name)); ok && !f.Fits(v.Float()) {
		b.result = Range
		return
	}
	b.msg.Decimal(name, v.Mantissa, v.Decimals)
}

// bleName is the name of one of several values.
type bleName struct {
	name   string
	number int
}

// nameOf numbers the second and later ones of a name: temp2. The names are kept,
// since there are few.
func (b *bleTags) nameOf(v *adv.Measured) string {
	if v.Number <= 1 {
		return v.Name
	}
	key := bleName{v.Name, v.Number}
	name, ok := b.named[key]
	if !ok {
		name = v.Name + strconv.Itoa(v.Number)
		b.named[key] = name
	}
	return name
}
