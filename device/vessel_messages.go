package device

import (
	"portti/device/ais"
	"portti/device/thingsee"
)

// position emits where a sender is, dated at (0: the stamp dates it), as two messages:
// 1210 is Haltian's common position, 90110 is ours.
//
//	lat, lon      degrees WGS84, north and east positive, 6 decimals
//	lacr          metres: 10 where the sender says "better than 10 m", else left out
//	speed         metres a second over ground
//	course        over ground, degrees true, 0 <= x < 360
//	heading       degrees true
//	rot           rate of turn, degrees a minute, positive to the right
//	navStatus     0 under way with engine, 1 at anchor, 5 moored ... as AIS numbers it
//	alt           metres, of an aircraft
//	aisType       type of the message: 4 base station, 9 aircraft, 21 aid to navigation ...
//	offPosition   1 = an aid to navigation is not where it belongs
//	virtual       1 = the aid is not there but on the chart
//	own           1 = of the vessel that the receiver is on; left out otherwise
func (v *vessels) position(m *ais.Message, at, worst int64, out Out) {
	if at == 0 {
		worst = 0
	}
	w := &v.msg
	w.Reset(thingsee.CellularLocation, thingsee.EventTimed)
	w.Time, w.Err = at, worst
	v.coordinates(m)
	out.Emit(w)
	w.Reset(thingsee.AISPosition, thingsee.EventTimed)
	w.Time, w.Err = at, worst
	v.who(m)
	v.coordinates(m)
	atLeast := int32(1022) // means "that or more"
	if m.Type == 9 {
		atLeast = 10220
	}
	if speed, ok := m.Value(ais.Speed); ok && speed < atLeast {
		w.Decimal("speed", (int64(speed)*463+45)/90, 2) // a knot is 1852 m an hour
	}
	if c, ok := m.Value(ais.Course); ok {
		w.Decimal("course", int64(c), 1)
	}
	v.number("heading", m, ais.Heading)
	if tenths, ok := m.RateOfTurn(); ok {
		w.Decimal("rot", int64(tenths), 1)
	}
	v.number("navStatus", m, ais.Status)
	if alt, ok := m.Value(ais.Alt); ok && alt < 4094 { // that means "or more"
		w.Int("alt", int64(alt))
	}
	v.number("offPosition", m, ais.OffPosition)
	v.number("virtual", m, ais.Virtual)
	v.mark(m)
	out.Emit(w)
}

func (v *vessels) who(m *ais.Message) {
	v.msg.Int("mmsi", int64(m.MMSI))
	v.msg.Int("aisType", int64(m.Type))
}

func (v *vessels) mark(m *ais.Message) {
	if m.Own {
		v.msg.Int("own", 1)
	}
}

func (v *vessels) number(name string, m *ais.Message, f ais.Field) {
	if n, ok := m.Value(f); ok {
		v.msg.Int(name, int64(n))
	}
}

func (v *vessels) words(name string, m *ais.Message, f ais.Field) {
	if t := m.Text(f); len(t) > 0 {
		v.msg.Text(name, t)
	}
}

func (v *vessels) coordinates(m *ais.Message) {
	lat, _ := m.Value(ais.Lat)
	lon, _ := m.Value(ais.Lon)
	v.msg.Decimal("lat", micro(lat), 6)
	v.msg.Decimal("lon", micro(lon), 6)
	if good, _ := m.Value(ais.Accuracy); good == 1 {
		v.msg.Int("lacr", 10)
	}
}

// micro makes 1e-6 degrees of 1/10000 minutes, which are a little longer.
func micro(v int32) int64 {
	if v < 0 {
		return -((-int64(v)*5 + 1) / 3)
	}
	return (int64(v)*5 + 1) / 3
}

// particulars sends what a vessel says of itself when that has changed, or has not
// been said for a while.
func (v *vessels) particulars(s *vessel, m *ais.Message, now int64, out Out) {
	switch m.Type {
	case 5, 19, 21:
	case 24:
		// A message without a part is one that gpsd made of both.
		if part, ok := m.Value(ais.Part); ok && part == 0 && !v.partA(s, m) {
			return
		}
		s.half = false
	default:
		return
	}
	name := m.Text(ais.Name)
	if m.Type == 24 && len(name) == 0 {
		name = s.name[:s.named]
	}
	sum := particularsSum(m, name)
	if sum == s.sum && !v.due(s.stated, v.static, now) {
		withhold(out)
		return
	}
	s.sum, s.stated = sum, max(now, 1)
	v.static90111(m, name, out)
}

// partA keeps the name, which part B will be sent with, within a minute. Where none
// comes, the second A is sent alone.
func (v *vessels) partA(s *vessel, m *ais.Message) (alone bool) {
	s.named = uint8(copy(s.name[:], m.Text(ais.Name)))
	alone, s.half = s.half, true
	return alone
}

// static90111 emits what a vessel says of itself.
//
//	name, callsign, destination, vendor    as sent, without the padding
//	imo                                    number of the ship
//	shipType, aidType                      as AIS numbers them
//	toBow, toStern, toPort, toStarboard    metres from the antenna
//	draught                                metres
//	eta                                    arrival, "MM-DDThh:mmZ" in UTC
//	mothership                             MMSI of the ship a boat belongs to
func (v *vessels) static90111(m *ais.Message, name []byte, out Out) {
	w := &v.msg
	w.Reset(thingsee.AISStatic, thingsee.EventTimed)
	v.who(m)
	if len(name) > 0 {
		w.Text("name", name)
	}
	v.words("callsign", m, ais.Callsign)
	v.number("imo", m, ais.IMO)
	v.number("shipType", m, ais.ShipType)
	v.number("aidType", m, ais.AidType)
	if sized(m) {
		v.number("toBow", m, ais.ToBow)
		v.number("toStern", m, ais.ToStern)
		v.number("toPort", m, ais.ToPort)
		v.number("toStarboard", m, ais.ToStarboard)
	}
	if d, ok := m.Value(ais.Draught); ok {
		w.Decimal("draught", int64(d), 1)
	}
	v.words("destination", m, ais.Destination)
	v.arrival(m)
	v.words("vendor", m, ais.Vendor)
	if n, ok := m.Value(ais.Mothership); ok {
		w.Int("mothership", int64(n))
	}
	v.mark(m)
	if w.Len() > 2 {
		out.Emit(w)
	}
}

// sized says whether any length is stated: four noughts say that none is known.
func sized(m *ais.Message) bool {
	for _, f := range [...]ais.Field{ais.ToBow, ais.ToStern, ais.ToPort, ais.ToStarboard} {
		if n, ok := m.Value(f); ok && n > 0 {
			return true
		}
	}
	return false
}

func (v *vessels) arrival(m *ais.Message) {
	month, ok := m.Value(ais.Month)
	day, also := m.Value(ais.Day)
	hour, hours := m.Value(ais.Hour)
	minute, minutes := m.Value(ais.Minute)
	if m.Type != 5 || !ok || !also || !hours || !minutes {
		return
	}
	t := append(v.text[:0], "00-00T00:00Z"...)
	for i, n := range [...]int32{month, day, hour, minute} {
		t[3*i], t[3*i+1] = byte('0'+n/10), byte('0'+n%10)
	}
	v.msg.Text("eta", t)
}

// particularsSum is FNV-1a over all that 90111 says.
func particularsSum(m *ais.Message, name []byte) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := (uint64(offset) ^ uint64(m.Type)) * prime
	for _, t := range [...][]byte{name, m.Text(ais.Callsign), m.Text(ais.Destination), m.Text(ais.Vendor)} {
		for _, c := range t {
			h = (h ^ uint64(c)) * prime
		}
		h = (h ^ 0x100) * prime
	}
	for _, f := range [...]ais.Field{
		ais.IMO, ais.ShipType, ais.AidType, ais.ToBow, ais.ToStern, ais.ToPort, ais.ToStarboard, ais.Draught,
		ais.Month, ais.Day, ais.Hour, ais.Minute, ais.Mothership,
	} {
		n, ok := m.Value(f)
		if !ok {
			n = -1
		}
		h = (h ^ uint64(uint32(n))) * prime
	}
	return h
}
