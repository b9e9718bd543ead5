package device

import (
	"bytes"

	"portti/device/jsonline"
	"portti/device/nmea"
	"portti/device/ubx"
)

// skyReader reads what messages say of satellites, into a receiver's view.
type skyReader struct {
	view *view // nil = nobody can ask
	gsv  nmea.GSVData
	gsa  nmea.UsedData
	ubx  ubx.Sky

	run       bool // the sentence before was a GSA,
	runSystem byte // of this system, 0 = not said
}

// sentence takes a sentence of NMEA. Only GSV and GSA tell of satellites.
func (r *skyReader) sentence(s *nmea.Sentence, now int64) {
	run := r.run
	r.run = s.Type == nmea.GSA
	if r.view == nil {
		return
	}
	switch s.Type {
	case nmea.GSV:
		r.gsv.Parse(s)
		r.view.mu.Lock()
		defer r.view.mu.Unlock()
		for _, seen := range r.gsv.Sats[:r.gsv.N] {
			system, id := numberedNMEA(s.Talker, 0, seen.ID)
			if t := r.view.satelliteLocked(system, id, now); t != nil {
				t.hear(seen.Elevation, seen.Azimuth, seen.SNR, r.gsv.Signal, now)
			}
		}
	case nmea.GSA:
		r.gsa.Parse(s)
		r.view.dilution(r.gsa.PDOP, now)
		r.used(s.Talker, run, now)
	}
}

// used takes the satellites that a GSA names. Several in a row speak of one fix: of several
// systems, or of one with more satellites than fit.
func (r *skyReader) used(talker [2]byte, run bool, now int64) {
	v := r.view
	v.mu.Lock()
	defer v.mu.Unlock()
	all := talker == [2]byte{'G', 'N'} && r.gsa.System == 0
	system, _ := numberedNMEA(talker, r.gsa.System, 1)
	key := r.gsa.System
	if key == 0 && !all {
		key = 'a' + byte(system)
	}
	if !run || key != r.runSystem {
		for i := range v.sats[:v.n] {
			if t := &v.sats[i]; all || t.System == system || system == GPS && t.System == SBAS {
				t.Used = false
			}
		}
	}
	r.runSystem = key
	for _, id := range r.gsa.IDs[:r.gsa.N] {
		system, id := numberedNMEA(talker, r.gsa.System, id)
		if t := v.satelliteLocked(system, id, now); t != nil {
			t.Used = true
		}
	}
}

// numberedNMEA gives the system and the number in it of a satellite that a talker numbers
// so: stated is GSA's field of NMEA 4.10, 0 = there is none. Makers agree on no one series.
func numberedNMEA(talker [2]byte, stated byte, n int16) (System, int16) {
	own := func(s System, bases ...int16) (System, int16) {
		for _, base := range bases {
			if n > base {
				return s, n - base
			}
		}
		return s, n
	}
	switch talker {
	case [2]byte{'G', 'L'}:
		return own(GLONASS, 64)
	case [2]byte{'G', 'A'}:
		return own(Galileo, 300)
	case [2]byte{'G', 'B'}, [2]byte{'B', 'D'}, [2]byte{'P', 'Q'}:
		return own(BeiDou, 400, 200)
	case [2]byte{'G', 'Q'}, [2]byte{'Q', 'Z'}:
		return own(QZSS, 192)
	case [2]byte{'G', 'I'}:
		return own(NavIC, 500)
	}
	switch stated {
	case '2':
		return own(GLONASS, 64)
	case '3':
		return own(Galileo, 300)
	case '4':
		return own(BeiDou, 400, 200)
	case '5':
		return own(QZSS, 192)
	case '6':
		return own(NavIC, 500)
	}
	switch {
	case n >= 33 && n <= 64:
		return SBAS, n + 87
	case n >= 65 && n <= 96:
		return GLONASS, n - 64
	case n >= 120 && n <= 158:
		return SBAS, n
	case n >= 193 && n <= 202:
		return QZSS, n - 192
	case n >= 201 && n <= 263, n >= 401 && n <= 463:
		return BeiDou, n % 200
	case n >= 301 && n <= 336:
		return Galileo, n - 300
	}
	return GPS, n
}

// frame takes a message of UBX that was found sound.
func (r *skyReader) frame(f ubx.Frame, now int64) {
	if r.view == nil {
		return
	}
	switch f.ID {
	case ubx.NavPVT, ubx.NavDOP:
		if n := ubx.PDOP(f.ID, f.Payload); n > 0 {
			r.view.dilution(nmea.Decimal{Mantissa: int64(n), Digits: 2, Present: true}, now)
		}
	case ubx.NavSAT, ubx.NavSVINFO:
		if r.ubx.Parse(f.ID, f.Payload) != ubx.Fine {
			return
		}
		r.view.mu.Lock()
		defer r.view.mu.Unlock()
		for i := range r.ubx.Seen {
			s := r.ubx.Satellite(f.ID, f.Payload, i)
			r.view.tellLocked(System(s.GNSS), s.ID, s.Elevation, s.Azimuth, s.SNR, s.Used, now)
		}
	}
}

// tellLocked takes a satellite of which all is said at once. One that is below the horizon
// and not heard is left out: receivers list what they know the orbits of.
func (v *view) tellLocked(s System, id, elevation, azimuth, snr int, used bool, now int64) {
	if s > NavIC || id < 1 || id > 999 || snr <= 0 && !used && (elevation < 0 || elevation > 90) {
		return
	}
	t := v.satelliteLocked(s, int16(id), now)
	if t == nil {
		return
	}
	if elevation < 0 || elevation > 90 || azimuth < 0 || azimuth > 360 {
		elevation, azimuth = -1, -1
	}
	t.Used = used
	t.hear(int16(elevation), int16(azimuth), int16(min(max(snr, 0), 99)), t.signal, now)
}

// report takes the satellites of a SKY of gpsd, a list of objects without lists or objects in
// them.
func (r *skyReader) report(list []byte, now int64) {
	if r.view == nil {
		return
	}
	r.view.mu.Lock()
	defer r.view.mu.Unlock()
	for {
		from := bytes.IndexByte(list, '{')
		end := bytes.IndexByte(list, '}')
		if from < 0 || end < from {
			return
		}
		r.object(list[from:end+1], now)
		list = list[end+1:]
	}
}

func (r *skyReader) object(b []byte, now int64) {
	var s jsonline.Scanner
	prn, id, gnss, used := 0, 0, -1, false
	elevation, azimuth, snr := -1, -1, 0
	for s.Reset(b); s.Next(); {
		whole := int(min(max(number(&s).Scaled(0), -1000), 1000))
		switch string(s.Key()) {
		case "PRN":
			prn = whole
		case "gnssid":
			gnss = whole
		case "svid":
			id = whole
		case "el":
			elevation = whole
		case "az":
			azimuth = whole
		case "ss":
			snr = whole
		case "used":
			used = s.Kind() == jsonline.True
		}
	}
	system := System(gnss)
	if gnss < 0 || id == 0 { // before release 3.18 there is only the number of NMEA
		var n int16
		system, n = numberedNMEA([2]byte{}, 0, int16(prn))
		id = int(n)
	}
	r.view.tellLocked(system, id, elevation, azimuth, snr, used, now)
}
