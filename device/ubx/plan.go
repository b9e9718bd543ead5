package ubx

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// Plan is how a receiver is to be set up. What it leaves out stays as it is.
type Plan struct {
	Interval int      // milliseconds between two epochs, 0 = as it is
	Systems  []string // constellations to be used, and no others
	Messages []string // to be sent each epoch: "NAV-PVT", "GGA"; with a minus, not to be sent: "-GSV"
	Save     bool     // in the receiver, so that it keeps it without power
}

// message is one that can be switched on and off.
type message struct {
	name string
	id   ID     // class and number; the class of NMEA is F0
	key  uint32 // of its rate on the first serial port, the one on USB is two higher
}

// messages are those that a receiver's users may want here. Keys: u-blox F9 HPG 1.32 and
// M10 SPG 5.10 interface descriptions; class and number: those, and M8's.
func messages() []message {
	return []message{
		{"NAV-PVT", NavPVT, 0x20910007},
		{"NAV-SAT", NavSAT, 0x20910016},
		{"NAV-STATUS", NavSTATUS, 0x2091001B},
		{"NAV-POSLLH", NavPOSLLH, 0x2091002A},
		{"NAV-HPPOSLLH", NavHPPOSLLH, 0x20910034},
		{"NAV-DOP", NavDOP, 0x20910039},
		{"NAV-VELNED", NavVELNED, 0x20910043},
		{"NAV-TIMEGPS", NavTIMEGPS, 0x20910048},
		{"NAV-TIMEUTC", NavTIMEUTC, 0x2091005C},
		{"NAV-EOE", NavEOE, 0x20910160},
		{"NAV-SOL", NavSOL, 0}, // before F9
		{"MON-HW", MonHW, 0x209101B5},
		{"MON-RF", MonRF, 0x2091035A},
		{"SEC-SIG", SecSIG, 0x20910635},
		{"RMC", 0xF004, 0x209100AC},
		{"GGA", 0xF000, 0x209100BB},
		{"GLL", 0xF001, 0x209100CA},
		{"GSA", 0xF002, 0x209100C0},
		{"GSV", 0xF003, 0x209100C5},
		{"VTG", 0xF005, 0x209100B1},
		{"GST", 0xF007, 0x209100D4},
		{"ZDA", 0xF008, 0x209100D9},
		{"GBS", 0xF009, 0x209100DE},
		{"GNS", 0xF00D, 0x209100B6},
	}
}

// system is a constellation.
type system struct {
	name string
	id   byte   // in CFG-GNSS
	key  uint32 // of CFG-SIGNAL
}

func systems() []system {
	return []system{
		{"gps", 0, 0x1031001F}, {"sbas", 1, 0x10310020}, {"galileo", 2, 0x10310021},
		{"beidou", 3, 0x10310022}, {"qzss", 5, 0x10310024}, {"glonass", 6, 0x10310025},
	}
}

// The keys of the rate: milliseconds between measurements, and measurements to a solution.
const (
	keyMeasure = 0x30210001
	keyNav     = 0x30210002
)

// named finds a message by its name in a Plan; on is false where that has a minus.
func named(name string) (m message, on, ok bool) {
	plain, off := strings.CutPrefix(name, "-")
	i := slices.IndexFunc(messages(), func(m message) bool { return m.name == plain })
	if i < 0 {
		return message{}, false, false
	}
	return messages()[i], !off, true
}

// MessageNames and SystemNames are what a Plan may name.
func MessageNames() (names []string) {
	for _, m := range messages() {
		names = append(names, m.name)
	}
	return names
}

// SystemNames are the constellations.
func SystemNames() (names []string) {
	for _, s := range systems() {
		names = append(names, s.name)
	}
	return names
}

// Empty says that there is nothing to be set up.
func (p Plan) Empty() bool { return p.Interval == 0 && len(p.Systems) == 0 && len(p.Messages) == 0 }

// step is a part of a setup that succeeds or is refused as a whole.
type step struct {
	name   string
	frames [][]byte // of which one must be acknowledged: each is sent,
	first  bool     // or only until the first that is
}

// steps are what is to be sent to a receiver. gnss is what one before F9 has said of its
// constellations, nil = nothing.
func (p Plan) steps(modern bool, gnss []byte) (all []step) {
	if modern {
		return p.modern()
	}
	if p.Interval > 0 {
		rate := binary.LittleEndian.AppendUint16(nil, uint16(p.Interval))
		all = append(all, step{name: "rate", frames: [][]byte{Append(nil, CfgRATE, append(rate, 1, 0, 1, 0)...)}}) // aligned to GPS time
	}
	for _, name := range p.Messages {
		m, on, _ := named(name)
		all = append(all, step{name: name, frames: [][]byte{Append(nil, CfgMSG, byte(m.id>>8), byte(m.id), flag(on))}})
	}
	if b := p.constellations(gnss); b != nil { // last, since it restarts the search for satellites
		all = append(all, step{name: "constellations", frames: [][]byte{Append(nil, CfgGNSS, b...)}})
	}
	if p.Save {
		// Messages, navigation and GNSS, and not the port's speed; to whatever memory there is.
		all = append(all, step{name: "save", frames: [][]byte{Append(nil, CfgCFG, 0, 0, 0, 0, 0x1A, 0, 0, 0, 0, 0, 0, 0, 0x17)}})
	}
	return all
}

func flag(on bool) byte {
	if on {
		return 1
	}
	return 0
}

// constellations switches them in what a receiver has said of them; nil = they are so
// already, or it has not said.
func (p Plan) constellations(gnss []byte) []byte {
	if len(p.Systems) == 0 || len(gnss) < 4 || 4+8*int(gnss[3]) > len(gnss) {
		return nil
	}
	gnss = slices.Clone(gnss)
	changed := false
	for b := gnss[4:]; len(b) >= 8; b = b[8:] {
		want := slices.ContainsFunc(systems(), func(s system) bool { return s.id == b[0] && slices.Contains(p.Systems, s.name) })
		if want != (b[4]&1 != 0) {
			b[4] ^= 1
			changed = true
		}
		if want && b[6] == 0 {
			b[6] = 1 // the signal that each of them has
		}
	}
	if !changed {
		return nil
	}
	return gnss
}

// absent names the constellations wanted of which a receiver that has said which it has
// said nothing.
func (p Plan) absent(gnss []byte) (names []string) {
	for _, s := range systems() {
		if !slices.Contains(p.Systems, s.name) {
			continue
		}
		has := false
		for b := gnss[min(4, len(gnss)):]; len(b) >= 8; b = b[8:] {
			has = has || b[0] == s.id
		}
		if !has {
			names = append(names, s.name)
		}
	}
	return names
}

// Layers of a receiver's memory, in which CFG-VALSET puts values.
const (
	layerRAM   = 1
	layerBBR   = 2 // as long as its battery lasts
	layerFlash = 4
)

// modern is steps for F9, M9, M10 and later. A key that a receiver does not know refuses all
// of a message, so that each setting is one. Which of its ports is ours it does not say:
// its first serial one is set, and USB.
func (p Plan) modern() (all []step) {
	add := func(name string, values ...[]byte) {
		s := step{name: name}
		for _, v := range values {
			s.frames = append(s.frames, valset(layerRAM, v))
		}
		all = append(all, s)
		if p.Save {
			// Not every receiver has a flash.
			s = step{name: "save " + name, first: len(values) == 1}
			for _, v := range values {
				s.frames = append(s.frames, valset(layerBBR|layerFlash, v), valset(layerBBR, v))
			}
			all = append(all, s)
		}
	}
	if p.Interval > 0 {
		v := binary.LittleEndian.AppendUint32(nil, keyMeasure)
		v = binary.LittleEndian.AppendUint16(v, uint16(p.Interval))
		v = binary.LittleEndian.AppendUint32(v, keyNav)
		add("rate", binary.LittleEndian.AppendUint16(v, 1))
	}
	for _, name := range p.Messages {
		m, on, _ := named(name)
		add(name, value(m.key, on), value(m.key+2, on))
	}
	if len(p.Systems) > 0 {
		// First those that are wanted: a receiver refuses to have none at all.
		for _, on := range []bool{true, false} {
			for _, s := range systems() {
				if slices.Contains(p.Systems, s.name) == on {
					add(s.name, value(s.key, on))
				}
			}
		}
	}
	return all
}

func value(key uint32, on bool) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, key), flag(on))
}

func valset(layers byte, values []byte) []byte {
	return Append(nil, CfgVALSET, append([]byte{0, layers, 0, 0}, values...)...)
}

// Check says what is wrong with a plan, by the field and the clause that fits behind it.
func (p Plan) Check() (field string, err error) {
	if p.Interval < 0 || p.Interval > 0 && (p.Interval < 25 || p.Interval > 60_000) {
		return "rate", fmt.Errorf("must be from 0.02 to 40 Hz")
	}
	for _, s := range p.Systems {
		if !slices.Contains(SystemNames(), s) {
			return "constellations", fmt.Errorf("has %q; it may have %s", s, strings.Join(SystemNames(), ", "))
		}
	}
	for _, m := range p.Messages {
		if _, _, ok := named(m); !ok {
			return "messages", fmt.Errorf("has %q; it may have %s, with a minus to switch one off", m, strings.Join(MessageNames(), ", "))
		}
	}
	return "", nil
}
