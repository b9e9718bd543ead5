package device

import (
	"slices"
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

// TrackPoint is where a receiver was.
type TrackPoint struct {
	Lat, Lon int32 // 1e-7 degrees
	at       int32 // monotonic, seconds
	AgeS     int32 // when it was asked for
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
	Track      []TrackPoint // the oldest first
}

const (
	maxSatellites = 64
	// skyOld is after how long what nothing was said of any more is not there: some receivers
	// list their satellites every fifth second only.
	skyOld = 12_000 // ms
	// maxTrack points of 16 bytes are kept. Where they are full every second one of the
	// older half goes, so that a track begins coarse and ends fine.
	maxTrack  = 500
	trackStep = 10 // metres between two at least, or three times the error
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
	mu       sync.Mutex
	fix      nmea.Fix
	at       int64 // monotonic, 0 = no epoch yet
	last     nmea.Fix
	lastAt   int64
	pdop     nmea.Decimal
	pdopAt   int64
	n        int
	sats     [maxSatellites]tracked
	track    []TrackPoint
	tracking nmea.Position // of the track's last point
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
	if settled && (!v.tracking.Present || distance(v.tracking, f.Position) >= max(trackStep, 3*within)) {
		v.point(f.Position, now)
	}
}

func (v *view) point(at nmea.Position, now int64) {
	if v.track == nil {
		v.track = make([]TrackPoint, 0, maxTrack)
	}
	if len(v.track) == maxTrack {
		const half = maxTrack / 2
		for i := range half / 2 {
			v.track[i] = v.track[2*i]
		}
		v.track = append(v.track[:half/2], v.track[half:]...)
	}
	v.track = append(v.track, TrackPoint{Lat: int32(degrees7(at.Lat)), Lon: int32(degrees7(at.Lon)), at: int32(now / 1000)})
	v.tracking = at
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
	s.Track = slices.Clone(v.track)
	for i := range s.Track {
		s.Track[i].AgeS = int32(now/1000) - s.Track[i].at
	}
	return s
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
