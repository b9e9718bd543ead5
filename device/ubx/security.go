package ubx

// State is how sure a receiver is of being disturbed, or deceived.
type State uint8

// The states. Of jamming: Indicated is seen, and the fix is good; Affirmed leaves no
// good fix. Of spoofing: by one sign, or by several.
const (
	Unknown State = iota // not watched, or not known yet
	Absent
	Indicated
	Affirmed
)

// Security is what a receiver says of jamming and spoofing. A message states one or both;
// what it does not state is Unknown.
type Security struct {
	Jamming, Spoofing State
	Level             int // of jamming by a carrier, 0 to 255; -1 = not stated
}

// Parse reads a payload of MON-HW, MON-RF, SEC-SIG or NAV-STATUS.
func (m *Security) Parse(id ID, p []byte) Fault {
	*m = Security{Level: -1}
	switch id {
	case MonHW:
		// The list of pins is longer in u-blox 6, and what follows it stands further on.
		at := 45
		if len(p) >= 68 {
			at = 53
		}
		m.Jamming, m.Level = State(p[22]>>2&3), int(p[at])
	case MonRF:
		return m.blocks(p)
	case SecSIG:
		return m.signals(p)
	case NavSTATUS:
		m.Spoofing = State(p[7] >> 3 & 3)
	}
	return Fine
}

// blocks takes the worst of what MON-RF says of each band.
func (m *Security) blocks(p []byte) Fault {
	n := int(p[1])
	if 4+24*n > len(p) {
		return Malformed
	}
	for i := range n {
		b := p[4+24*i:]
		m.Jamming, m.Level = max(m.Jamming, State(b[1]&3)), max(m.Level, int(b[16]))
	}
	return Fine
}

// signals reads SEC-SIG, whose first version has its two bytes of flags apart.
func (m *Security) signals(p []byte) Fault {
	switch {
	case p[0] >= 2:
		if 4+4*int(p[3]) > len(p) {
			return Malformed
		}
		if p[1]&1 != 0 {
			m.Jamming = State(p[1] >> 1 & 3)
		}
		if p[1]&8 != 0 {
			m.Spoofing = State(min(p[1]>>4&7, byte(Affirmed)))
		}
	case len(p) < 12:
		return Malformed
	default:
		if p[4]&1 != 0 {
			m.Jamming = State(p[4] >> 1 & 3)
		}
		if p[8]&1 != 0 {
			m.Spoofing = State(min(p[8]>>1&7, byte(Affirmed)))
		}
	}
	return Fine
}
