package testbed

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"portti/device/ubx"
)

// UbloxOptions describes a simulated u-blox receiver. Zero values take the default named
// with them.
type UbloxOptions struct {
	Seed   uint64
	Baud   int           // its line's speed, 9600
	Old    bool          // M8, which is set up by CFG-MSG and the like; else M10, by CFG-VALSET
	Flash  bool          // of an M10: what is saved lasts
	Reboot time.Duration // after which it loses its power for a moment, again and again; 0 = never
	Warmup time.Duration // until the first fix; 0 means 8 s, negative none
}

// Ublox is a GNSS receiver that can be set up over its line, as u-blox' interface
// descriptions say. When it is switched on it sends RMC and GGA once a second; what it
// sends, how often, and with which constellations can be changed, is acknowledged or
// refused, and is forgotten when it starts anew unless it was saved. It sends no faster
// than its line can carry: what does not fit is dropped.
type Ublox struct {
	opts  UbloxOptions
	gps   *GPS
	now   settings // in RAM
	kept  settings // what it starts with
	in    []byte
	out   []byte
	paced time.Time // up to when the line has carried
	born  time.Time // of this life
	epoch time.Time
	Lives int // times it has started
}

// settings are what can be set.
type settings struct {
	interval time.Duration
	sends    map[ubx.ID]byte // every so many epochs
	systems  [7]bool         // by the number in CFG-GNSS
}

func (s settings) copy() settings {
	all := make(map[ubx.ID]byte, len(s.sends))
	for id, rate := range s.sends {
		all[id] = rate
	}
	s.sends = all
	return s
}

const (
	ubloxTick = 20 * time.Millisecond
	ubloxDeaf = 300 * time.Millisecond // after it starts
	idRMC     = ubx.ID(0xF004)
	idGGA     = ubx.ID(0xF000)
	idGSV     = ubx.ID(0xF003)
)

// NewUblox makes a receiver that is switched on when it is first asked.
func NewUblox(o UbloxOptions) (*Ublox, error) {
	if o.Baud == 0 {
		o.Baud = 9600
	}
	if o.Baud < 1200 || o.Baud > 4_000_000 {
		return nil, fmt.Errorf("cannot send at %d baud", o.Baud)
	}
	g, err := NewGPS(GPSOptions{Seed: o.Seed, Warmup: o.Warmup})
	if err != nil {
		return nil, err
	}
	u := &Ublox{opts: o, gps: g}
	u.kept = settings{interval: time.Second, sends: map[ubx.ID]byte{idRMC: 1, idGGA: 1, idGSV: 1}, systems: [7]bool{0: true, 6: true}}
	return u, nil
}

// Append is part of Device.
func (u *Ublox) Append(dst []byte, now time.Time) (out []byte, next time.Time) {
	if u.born.IsZero() || u.opts.Reboot > 0 && now.Sub(u.born) >= u.opts.Reboot {
		u.start(now)
	}
	if room := u.opts.Baud / 10; !now.Before(u.epoch) {
		before := len(u.out)
		u.speak(u.epoch)
		if len(u.out) > room { // a second's worth
			u.out = u.out[:before]
		}
		u.epoch = u.epoch.Add(u.now.interval)
	}
	n := min(len(u.out), int(int64(u.opts.Baud)*int64(now.Sub(u.paced))/int64(10*time.Second)))
	if u.paced = now; n < 0 {
		n = 0
	}
	dst = append(dst, u.out[:n]...)
	u.out = u.out[:copy(u.out, u.out[n:])]
	return dst, now.Add(ubloxTick)
}

// start is the power coming back.
func (u *Ublox) start(now time.Time) {
	u.now, u.in, u.out = u.kept.copy(), nil, nil
	u.born, u.paced, u.epoch = now, now, now.Truncate(u.now.interval).Add(u.now.interval)
	if u.Lives++; !u.gps.started {
		u.gps.start, u.gps.started = now, true
	}
	u.out = sentence(u.out, func(b []byte) []byte { return append(b, "GNTXT,01,01,02,u-blox AG - www.u-blox.com"...) })
}

// Hear is part of Device.
func (u *Ublox) Hear(b []byte, now time.Time) {
	if u.born.IsZero() || now.Sub(u.born) < ubloxDeaf {
		return
	}
	for u.in = append(u.in, b...); ; {
		before, f, _ := ubx.Next(u.in, false)
		u.in = u.in[before:]
		if f.Form == ubx.None {
			return
		}
		if f.Form == ubx.UBX {
			u.obey(f, now)
		}
		u.in = u.in[min(f.Size, len(u.in)):]
	}
}

func (u *Ublox) obey(f ubx.Frame, now time.Time) {
	p, good := f.Payload, false
	switch {
	case f.ID == ubx.MonVER:
		u.out = ubx.Append(u.out, ubx.MonVER, u.version()...)
		return
	case f.ID == ubx.CfgRST:
		u.start(now)
		return
	case f.ID == ubx.CfgVALSET && !u.opts.Old:
		good = u.valset(p)
	case !u.opts.Old:
	case f.ID == ubx.CfgGNSS && len(p) == 0:
		u.out = ubx.Append(u.out, ubx.CfgGNSS, u.gnss()...)
		good = true
	case f.ID == ubx.CfgGNSS && len(p) >= 4:
		good = true
		for b := p[4:]; len(b) >= 8; b = b[8:] {
			if int(b[0]) < len(u.now.systems) {
				u.now.systems[b[0]] = b[4]&1 != 0
			}
		}
	case f.ID == ubx.CfgRATE && len(p) == 6:
		good = u.pace(int(binary.LittleEndian.Uint16(p)))
	case f.ID == ubx.CfgMSG && len(p) == 3:
		good = u.set(&u.now, ubx.ID(p[0])<<8|ubx.ID(p[1]), p[2])
	case f.ID == ubx.CfgCFG && len(p) >= 12:
		u.kept, good = u.now.copy(), true
	}
	answer := ubx.AckNAK
	if good {
		answer = ubx.AckACK
	}
	u.out = ubx.Append(u.out, answer, byte(f.ID>>8), byte(f.ID))
}

func (u *Ublox) pace(ms int) bool {
	if ms < 25 {
		return false
	}
	u.now.interval = time.Duration(ms) * time.Millisecond
	return true
}

// set changes how often a message is sent, where it has one of that number.
func (u *Ublox) set(s *settings, id ubx.ID, rate byte) bool {
	switch id {
	case ubx.NavPVT, ubx.NavDOP, ubx.NavEOE, idRMC, idGGA, idGSV:
		s.sends[id] = rate
		return true
	}
	return false
}

// valset takes one key with its value, or a rate, which is two. It has no USB.
func (u *Ublox) valset(p []byte) bool {
	if len(p) < 9 || p[1] == 0 || p[1]&4 != 0 && !u.opts.Flash {
		return false
	}
	key, v := binary.LittleEndian.Uint32(p[4:]), p[8]
	id := map[uint32]ubx.ID{0x20910007: ubx.NavPVT, 0x20910039: ubx.NavDOP, 0x20910160: ubx.NavEOE, 0x209100AC: idRMC, 0x209100BB: idGGA, 0x209100C5: idGSV}[key]
	system, isSystem := map[uint32]int{0x1031001F: 0, 0x10310020: 1, 0x10310021: 2, 0x10310022: 3, 0x10310024: 5, 0x10310025: 6}[key]
	for layer, s := range map[byte]*settings{1: &u.now, 4: &u.kept} {
		switch {
		case p[1]&layer == 0:
		case isSystem:
			s.systems[system] = v != 0
		case id != 0:
			s.sends[id] = v
		case key == 0x30210001 && len(p) >= 10:
			ms := int(binary.LittleEndian.Uint16(p[8:]))
			if ms < 25 {
				return false
			}
			s.interval = time.Duration(ms) * time.Millisecond
		default:
			return false
		}
	}
	return isSystem || id != 0 || key == 0x30210001
}

func (u *Ublox) version() []byte {
	texts := []string{"ROM SPG 5.10 (7b202e)", "000A0000", "FWVER=SPG 5.10", "PROTVER=34.10"}
	if u.opts.Old {
		texts = []string{"ROM CORE 3.01 (107888)", "00080000", "FWVER=SPG 3.01", "PROTVER=18.00"}
	}
	p := make([]byte, 40+60)
	for i, at := range []int{0, 30, 40, 70} {
		copy(p[at:], texts[i])
	}
	return p
}

func (u *Ublox) gnss() []byte {
	p := []byte{0, 32, 32, 0}
	for id, on := range u.now.systems {
		if id == 4 {
			continue // there is none of that number any more
		}
		b := []byte{byte(id), 8, 16, 0, 0, 0, 1, 0}
		if on {
			b[4] = 1
		}
		p = append(p, b...)
		p[3]++
	}
	return p
}

// Set is what it does at the moment: how long an epoch is, how often it sends a message,
// and whether it uses a constellation, by its number in CFG-GNSS.
func (u *Ublox) Set(id ubx.ID, system int) (interval time.Duration, rate byte, uses bool) {
	return u.now.interval, u.now.sends[id], u.now.systems[system]
}

// speak adds an epoch.
func (u *Ublox) speak(t time.Time) {
	f := u.gps.fixAt(t)
	u.gps.fixed = f.valid
	for _, m := range []struct {
		id  ubx.ID
		say func([]byte) []byte
	}{
		{idRMC, f.rmc}, {idGGA, f.gga}, {idGSV, f.gsv},
		{ubx.NavPVT, func(b []byte) []byte { return ubx.Append(b, ubx.NavPVT, f.pvt()...) }},
		{ubx.NavDOP, func(b []byte) []byte { return ubx.Append(b, ubx.NavDOP, f.dop()...) }},
		{ubx.NavEOE, func(b []byte) []byte { return ubx.Append(b, ubx.NavEOE, f.dop()[:4]...) }},
	} {
		rate := int64(u.now.sends[m.id])
		if rate > 0 && t.UnixMilli()/max(1, u.now.interval.Milliseconds())%rate == 0 {
			u.out = m.say(u.out)
		}
	}
}

// itow is the millisecond of the GPS week.
func (f fix) itow() uint32 {
	const week, leap = 7 * 86400_000, 18_000
	return uint32((f.time.UnixMilli() - 315964800_000 + leap) % week)
}

func (f fix) pvt() []byte {
	p, le := make([]byte, 92), binary.LittleEndian
	t := f.time.UTC()
	le.PutUint32(p, f.itow())
	le.PutUint16(p[4:], uint16(t.Year()))
	p[6], p[7], p[8], p[9], p[10] = byte(t.Month()), byte(t.Day()), byte(t.Hour()), byte(t.Minute()), byte(t.Second())
	le.PutUint32(p[16:], uint32(t.Nanosecond()))
	if f.knows {
		p[11] = 0x07
	}
	le.PutUint32(p[40:], math.MaxUint32)
	if !f.valid {
		return p
	}
	p[20], p[21], p[23] = 3, 1, byte(used(f.sky))
	le.PutUint32(p[24:], uint32(int32(math.Round(f.lon*1e7))))
	le.PutUint32(p[28:], uint32(int32(math.Round(f.lat*1e7))))
	le.PutUint32(p[32:], uint32(int32(math.Round((f.altitude+18.7)*1000))))
	le.PutUint32(p[36:], uint32(int32(math.Round(f.altitude*1000))))
	le.PutUint32(p[40:], uint32(math.Round(f.hdop*1300)))
	le.PutUint32(p[44:], uint32(math.Round(f.hdop*2100)))
	le.PutUint32(p[60:], uint32(math.Round(f.speed*1000)))
	le.PutUint32(p[64:], uint32(math.Round(f.course*1e5)))
	le.PutUint16(p[76:], uint16(math.Round(f.hdop*190)))
	return p
}

func (f fix) dop() []byte {
	p := make([]byte, 18)
	binary.LittleEndian.PutUint32(p, f.itow())
	for i, factor := range []float64{2.2, 1.9, 1.1, 1.61, 1, 0.7, 0.7} {
		d := 99.99
		if f.valid {
			d = f.hdop * factor
		}
		binary.LittleEndian.PutUint16(p[4+2*i:], uint16(math.Round(d*100)))
	}
	return p
}
