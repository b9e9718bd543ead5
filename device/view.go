package device

import (
	"sort"
	"sync"

	"portti/device/clock"
	"portti/device/nmea"
)

// System is one of the satellite systems, by the numbers that u-blox and gpsd give them.
type System uint8

// The systems. Their names are those of the field, see String.
const (
	GPS     System = 0
	SBAS    System = 1
	Galileo System = 2
	BeiDou  System = 3
	IMES    System = 4
	QZSS    System = 5
	GLONASS System = 6
	NavIC   System = 7
)

// String is the system's name.
func (s System) String() string {
	names := [...]string{"GPS", "SBAS", "Galileo", "BeiDou", "IMES", "QZSS", "GLONASS", "NavIC"}
	if int(s) < len(names) {
		return names[s]
	}
	return "unknown"
}

// Satellite is one that a receiver tells of.
type Satellite struct {
	System    System
	ID        int16 // within the system; of SBAS the code from 120 on
	Elevation int16 // degrees; -1 = not known
	Azimuth   int16 // degrees true; -1 = not known
	SNR       int16 // dB-Hz, 0 = not heard
	Used      bool  // in the fix
}

// Sky is what one source of positions tells, as it stands when asked. Ages are in
// milliseconds.
type Sky struct {
	Name, Type string
	Heard      bool     // there has been an epoch
	Fix        nmea.Fix // the last epoch; its Mode says whether that was a fix
	Age        int64    // of the last epoch
	Last       nmea.Fix // the last with a position; Last.Valid() says whether there has been one
	LastAge    int64
	PDOP       nmea.Decimal
	Satellites []Satellite
}

// Track is where one source of positions was in the last day.
type Track struct {
	Name, Type string
	Points     []TrackPoint // the oldest first
	Now        int32        // as their At
	Error      float64      // metres by which the line may miss where it was, at the most
	Fences     map[string]FenceOptions
}

const (
	maxSatellites = 64
	// skyOld is after how long what nothing was said of any more is not there: some receivers
	// list their satellites every fifth second only.
	skyOld = 12_000 // ms
)

// tracked is a satellite and when it was mentioned last, monotonic.
type tracked struct {
	Satellite
	signal      byte // the one of several whose SNR it is
	seen, heard int64
}

// view keeps what a receiver tells until somebody asks. It costs a receiver's goroutine no
// allocation but for the track, once.
type view struct {
	mu     sync.Mutex
	fix    nmea.Fix
	at     int64 // monotonic, 0 = no epoch yet
	last   nmea.Fix
	lastAt int64
	pdop   nmea.Decimal
	pdopAt int64
	n      int
	sats   [maxSatellites]tracked
	trail  trail
}

// epoch takes an epoch. within is its error in metres, 0 = not known; settled says that the
// position can be believed.
func (v *view) epoch(f *nmea.Fix, within float64, settled bool, now int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fix, v.at = *f, max(now, 1)
	if !f.Valid() {
		return
	}
	v.last, v.lastAt = *f, v.at
	if settled {
		v.trail.take(f.Position, within, now)
	}
}

// satelliteLocked finds a satellite's place, nil where all are taken.
func (v *view) satelliteLocked(s System, id int16, now int64) *tracked {
	free := -1
	for i := range v.sats[:v.n] {
		t := &v.sats[i]
		if t.System == s && t.ID == id {
			if now-t.seen >= skyOld { // it comes back
				*t = tracked{Satellite: Satellite{System: s, ID: id, Elevation: -1, Azimuth: -1}}
			}
			t.seen = now
			return t
		}
		if now-t.seen >= skyOld {
			free = i
		}
	}
	if free < 0 {
		if v.n == maxSatellites {
			return nil
		}
		free = v.n
		v.n++
	}
	v.sats[free] = tracked{Satellite: Satellite{System: s, ID: id, Elevation: -1, Azimuth: -1}, seen: now}
	return &v.sats[free]
}

// hear takes a satellite as one signal of it shows it: the strongest counts.
func (t *tracked) hear(elevation, azimuth, snr int16, signal byte, now int64) {
	if elevation >= 0 && elevation <= 90 {
		t.Elevation = elevation
	}
	if azimuth >= 0 && azimuth <= 360 {
		t.Azimuth = azimuth % 360
	}
	if snr = min(max(snr, 0), 99); signal == t.signal || snr > t.SNR || now-t.heard >= skyOld {
		t.SNR, t.signal, t.heard = snr, signal, now
	}
}

// dilution takes a PDOP.
func (v *view) dilution(d nmea.Decimal, now int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if usable(d) {
		v.pdop, v.pdopAt = d, now
	}
}

// ask copies what there is.
func (v *view) ask(now int64) (s Sky) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s.Heard, s.Fix, s.Age = v.at != 0, v.fix, now-v.at
	s.Last, s.LastAge = v.last, now-v.lastAt
	if now-v.pdopAt < skyOld {
		s.PDOP = v.pdop
	}
	for _, t := range v.sats[:v.n] {
		if now-t.seen < skyOld {
			s.Satellites = append(s.Satellites, t.Satellite)
		}
	}
	sort.Slice(s.Satellites, func(i, j int) bool {
		a, b := &s.Satellites[i], &s.Satellites[j]
		return a.System < b.System || a.System == b.System && a.ID < b.ID
	})
	return s
}

// way copies where it was, in at most so many points.
func (v *view) way(most int, now int64) (t Track) {
	v.mu.Lock()
	defer v.mu.Unlock()
	t.Now = int32(now / 1000)
	t.Points, t.Error = v.trail.ask(most, now)
	return t
}

// Skies tells what every device that sends positions sees, in the order of the
// configuration. It may be called at any time from any goroutine.
func (s *Set) Skies() []Sky {
	if s.env.Clock == nil {
		return nil
	}
	now := s.env.Clock.Now()
	var all []Sky
	for _, d := range s.all() {
		if _, positions := s.tuning.Kinds.positionsOf(d.cfg); positions {
			all = append(all, d.sky(s.env.receivers, now))
		}
	}
	return all
}

func (d *device) sky(known *receivers, now clock.Now) Sky {
	sky := known.named(d.cfg.Name).view.ask(now.Mono)
	sky.Name, sky.Type = d.cfg.Name, d.cfg.Type
	return sky
}

// Tracks tells where every device that sends positions was in the last day, in at most so
// many points each, in the order of the configuration. It may be called at any time from
// any goroutine.
func (s *Set) Tracks(most int) []Track {
	if s.env.Clock == nil {
		return nil
	}
	now := s.env.Clock.Now()
	var all []Track
	for _, d := range s.all() {
		if o, positions := s.tuning.Kinds.positionsOf(d.cfg); positions {
			t := s.env.receivers.named(d.cfg.Name).view.way(most, now.Mono)
			t.Name, t.Type, t.Fences = d.cfg.Name, d.cfg.Type, o.Fence
			all = append(all, t)
		}
	}
	return all
}
