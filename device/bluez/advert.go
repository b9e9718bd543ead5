package bluez

import (
	"bytes"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/godbus/dbus/v5"
)

const (
	// known is how many devices are remembered; one without a name makes room. BlueZ
	// says of a device that it has not heard for 30 s that it is gone, so it takes a flood of
	// made-up addresses to come here. Forgetting costs an RSSI, or data sent twice; or the
	// name, which BlueZ says once, and by which some families are known.
	known = 1024
	// partsOf is how many companies and services of one device are told apart.
	partsOf = 8
	// aboutMost is how long a name, or a list of services, may be to stand in each line.
	aboutMost = 64
	// payload is how long the elements of a line are at most, which is what an advertisement
	// that is not chained can have, and what readers of lines have room for.
	payload = 255
)

// heard is what the signals of one device said last.
type heard struct {
	used     uint64    // the turn it was looked for last
	rssi     int16     // 0 = not known, which is how BlueZ has it too
	services []element // lists of them
	name     []byte
	parts    []part
}

// part is the data of one company or service.
type part struct {
	head [17]byte // type and identity
	size uint8    // of that
	sum  uint64   // of the data
	last bool     // it was in the last line
}

// element is one AD element without its length.
type element struct {
	head int // bytes of type and identity
	data []byte
}

// advert is what one signal says of a device.
type advert struct {
	elements []element
	rssi     int16
	wrong    bool // a property is of another type than it should be
}

// macOf takes the address from an object's name, .../dev_CB_B8_33_4C_88_4F.
func (l *Line) macOf(path dbus.ObjectPath) (string, bool) {
	name, ok := strings.CutPrefix(string(path), string(l.path)+"/dev_")
	if !ok || len(name) != 17 {
		return "", false
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case i%3 == 2 && c != '_', i%3 != 2 && !('0' <= c && c <= '9' || 'A' <= c && c <= 'F'):
			return "", false
		}
	}
	return strings.ReplaceAll(name, "_", ":"), true
}

// advertLocked makes a line of the properties that a signal shows, if they come from an
// advertisement.
func (l *Line) advertLocked(path dbus.ObjectPath, props map[string]dbus.Variant, gone []string) {
	mac, ok := l.macOf(path)
	if !ok {
		return
	}
	h := l.deviceLocked(mac)
	if slices.Contains(gone, "RSSI") {
		h.rssi = 0
	}
	a, ok := h.read(props)
	if !ok {
		return
	}
	for done := false; !done; {
		l.putLocked(func(b []byte) []byte {
			b, a.elements = a.line(b, mac)
			return b
		})
		done = len(a.elements) == 0
	}
	if a.wrong {
		l.putLocked(func(b []byte) []byte { return append(a.head(b, mac), "?\"}\n"...) })
	}
	l.heardLocked()
}

// deviceLocked is the entry of a device.
func (l *Line) deviceLocked(mac string) *heard {
	l.turn++
	h := l.heard[mac]
	if h == nil {
		if len(l.heard) >= known {
			l.forgetLocked()
		}
		h = new(heard)
		l.heard[mac] = h
	}
	h.used = l.turn
	return h
}

// forgetLocked makes room: of some, the one without name and services that was not
// heard for longest. To look at all of them would cost a fifth of a small core in a
// crowd of a thousand strangers a second.
func (l *Line) forgetLocked() {
	const some = 16
	var worst string
	var is *heard
	n := 0
	for mac, h := range l.heard {
		switch said := h.said(); {
		case is == nil, is.said() && !said, is.said() == said && h.used < is.used:
			worst, is = mac, h
		}
		if n++; n == some {
			break
		}
	}
	delete(l.heard, worst)
}

// said says whether BlueZ has said of it what it says once.
func (h *heard) said() bool { return len(h.name) > 0 || len(h.services) > 0 }

// remember takes what BlueZ says once of a device, and what a reader needs with each
// advertisement: some families are known by a name or a service beside their data. ok is
// false where a property is of another type than it should be.
func (h *heard) remember(props map[string]dbus.Variant) (ok bool) {
	ok = true
	if v, there := props["UUIDs"]; there {
		uuids, good := v.Value().([]string)
		ok = good
		h.services = h.services[:0]
		for _, list := range []byte{0x03, 0x05, 0x07} { // of 16, 32 and 128 bits
			all := []byte{list}
			for _, uuid := range uuids {
				if b := serviceHead(uuid); b != nil && listOf(b[0]) == list && len(all)+len(b) <= aboutMost {
					all = append(all, b[1:]...)
				}
			}
			if len(all) > 1 {
				h.services = append(h.services, element{1, all})
			}
		}
	}
	if v, there := props["Name"]; there {
		name, good := v.Value().(string)
		if ok = ok && good; len(name) < aboutMost {
			h.name = append([]byte{0x09}, name...)
		}
	}
	return ok
}

// listOf is the element that lists services of the length of those in an element of data.
func listOf(data byte) byte {
	switch data {
	case 0x16:
		return 0x03
	case 0x20:
		return 0x05
	}
	return 0x07
}

// read takes what is new. ok is false where nothing says that the device was heard.
func (h *heard) read(props map[string]dbus.Variant) (a advert, ok bool) {
	a.wrong = !h.remember(props)
	for name, v := range props {
		switch name {
		case "RSSI":
			rssi, good := v.Value().(int16)
			if ok = true; good {
				h.rssi = rssi
			} else {
				a.wrong = true
			}
		case "ManufacturerData", "ServiceData":
			ok = true
		}
	}
	if !ok {
		return a, false
	}
	a.rssi = h.rssi
	if v, there := props["AdvertisingFlags"]; there {
		a.add(1, v, []byte{0x01})
	}
	a.elements = append(a.elements, h.services...)
	a.elements = append(a.elements, h.fresh(a.merged(props))...)
	if v, there := props["TxPower"]; there {
		if dbm, good := v.Value().(int16); good {
			a.elements = append(a.elements, element{1, []byte{0x0A, byte(int8(dbm))}})
		} else {
			a.wrong = true
		}
	}
	if len(h.name) > 1 {
		a.elements = append(a.elements, element{1, h.name})
	}
	a.elements = slices.DeleteFunc(a.elements, func(e element) bool {
		long := len(e.data) > payload-1
		a.wrong = a.wrong || long // an element of an advertisement cannot be so long
		return long
	})
	return a, true
}

// add appends an element whose data is an array of bytes.
func (a *advert) add(head int, v dbus.Variant, begin []byte) {
	if data, ok := v.Value().([]byte); ok {
		a.elements = append(a.elements, element{head, append(begin, data...)})
		return
	}
	a.wrong = true
}

// merged gives the elements of manufacturer and service data, ordered by company and
// service, with all that BlueZ has of them.
func (a *advert) merged(props map[string]dbus.Variant) []element {
	all := advert{}
	if v, there := props["ManufacturerData"]; there {
		data, good := v.Value().(map[uint16]dbus.Variant)
		all.wrong = !good
		for _, company := range slices.Sorted(maps.Keys(data)) {
			all.add(3, data[company], []byte{0xFF, byte(company), byte(company >> 8)})
		}
	}
	if v, there := props["ServiceData"]; there {
		data, good := v.Value().(map[string]dbus.Variant)
		all.wrong = all.wrong || !good
		for _, uuid := range slices.Sorted(maps.Keys(data)) {
			begin := serviceHead(uuid)
			if begin == nil {
				all.wrong = true
				continue
			}
			all.add(len(begin), data[uuid], begin)
		}
	}
	a.wrong = a.wrong || all.wrong
	return all.elements
}

// serviceHead is the type of service data and the UUID as they are sent, nil where the text
// is no UUID.
func serviceHead(uuid string) []byte {
	const base = "-0000-1000-8000-00805f9b34fb"
	text := strings.ToLower(uuid)
	if len(text) != 36 || strings.Count(text, "-") != 4 {
		return nil
	}
	b, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(b) != 16 {
		return nil
	}
	begin := byte(0x21)
	if strings.HasSuffix(text, base) {
		if b, begin = b[:4], 0x20; b[0] == 0 && b[1] == 0 {
			b, begin = b[2:], 0x16
		}
	}
	slices.Reverse(b)
	return append([]byte{begin}, b...)
}

// fresh gives the elements that a signal can be about: those that differ from what was
// signalled before, or else those that were taken for it then.
func (h *heard) fresh(all []element) []element {
	differ := func(e element) bool {
		p := h.part(e)
		return p == nil || p.sum != sum(e)
	}
	var now []element
	for _, e := range all {
		if differ(e) {
			now = append(now, e)
		}
	}
	if len(now) == 0 {
		return slices.DeleteFunc(all, func(e element) bool { p := h.part(e); return p == nil || !p.last })
	}
	for _, e := range all { // not those of a property that this signal has not
		if p := h.part(e); p != nil {
			p.last = false
		}
	}
	for _, e := range now {
		p := h.part(e)
		if p == nil {
			if len(h.parts) >= partsOf {
				h.parts = h.parts[:0]
			}
			h.parts = append(h.parts, part{size: uint8(e.head)})
			p = &h.parts[len(h.parts)-1]
			copy(p.head[:], e.data[:e.head])
		}
		p.sum, p.last = sum(e), true
	}
	return now
}

func (h *heard) part(e element) *part {
	for i := range h.parts {
		if p := &h.parts[i]; bytes.Equal(p.head[:p.size], e.data[:e.head]) {
			return p
		}
	}
	return nil
}

// sum is FNV-1a.
func sum(e element) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range e.data[e.head:] {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

// head writes a line as far as the quote before the elements.
func (a *advert) head(b []byte, mac string) []byte {
	b = append(append(append(b, `{"mac":"`...), mac...), '"')
	if a.rssi != 0 {
		b = strconv.AppendInt(append(b, `,"rssi":`...), int64(a.rssi), 10)
	}
	return append(b, `,"adv":"`...)
}

// line writes a line with as many elements as have room, and gives those that are left.
func (a *advert) line(b []byte, mac string) (line []byte, left []element) {
	b = a.head(b, mac)
	room := payload
	for i, e := range a.elements {
		if room -= 1 + len(e.data); room < 0 {
			left = a.elements[i:]
			break
		}
		b = upperHex(b, byte(len(e.data)))
		for _, c := range e.data {
			b = upperHex(b, c)
		}
	}
	return append(b, "\"}\n"...), left
}

func upperHex(b []byte, c byte) []byte {
	const digits = "0123456789ABCDEF"
	return append(b, digits[c>>4], digits[c&15])
}
