package device

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"portti/device/clock"
	"portti/device/ubx"
)

// skyOf plays text to a gps driver and gives what can be seen ms later.
func skyOf(t *testing.T, ms int64, text string) Sky {
	t.Helper()
	g := newGPS(Config{Name: "gps"}, Env{Clock: gpsClock(false)})
	g.out = &nothing{}
	g.take([]byte(text))
	g.end()
	return g.loc.self.view.ask(1000 + ms)
}

func satellites(all []Satellite) string {
	var parts []string
	for _, s := range all {
		parts = append(parts, fmt.Sprintf("%s%d %d/%d/%d %v", s.System, s.ID, s.Elevation, s.Azimuth, s.SNR, s.Used))
	}
	return strings.Join(parts, "; ")
}

func TestSatellitesInNMEA(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"systems by talker": {
			sum("GPGSV,1,1,02,03,63,211,44,33,30,180,35") + sum("GLGSV,1,1,01,66,41,092,38") + sum("GAGSV,1,1,01,12,05,001,") + sum("GBGSV,1,1,01,211,10,010,20") + sum("GQGSV,1,1,01,193,80,090,40"),
			"GPS3 63/211/44 false; SBAS120 30/180/35 false; Galileo12 5/1/0 false; BeiDou11 10/10/20 false; QZSS1 80/90/40 false; GLONASS2 41/92/38 false",
		},
		"used, systems by number": {
			sum("GNGSA,A,3,03,,,,,,,,,,,,1.9,1.0,1.6") + sum("GNGSA,A,3,66,,,,,,,,,,,,1.9,1.0,1.6") + sum("GPGSV,1,1,02,03,63,211,44,06,41,092,38"),
			"GPS3 63/211/44 true; GPS6 41/92/38 false; GLONASS2 -1/-1/0 true",
		},
		"used, systems stated, and not any more": {
			sum("GNGSA,A,3,03,04,,,,,,,,,,,1.9,1.0,1.6,1") + sum("GNGSA,A,3,05,,,,,,,,,,,,1.9,1.0,1.6,3") + sum("GNRMC,120000,V,,,,,,,,,,N") +
				sum("GNGSA,A,3,03,,,,,,,,,,,,1.9,1.0,1.6,1") + sum("GNGSA,A,3,05,,,,,,,,,,,,1.9,1.0,1.6,3"),
			"GPS3 -1/-1/0 true; GPS4 -1/-1/0 false; Galileo5 -1/-1/0 true",
		},
		"more than fit into one": {
			sum("GPGSA,A,3,03,,,,,,,,,,,,1.9,1.0,1.6") + sum("GPGSA,A,3,04,,,,,,,,,,,,1.9,1.0,1.6"),
			"GPS3 -1/-1/0 true; GPS4 -1/-1/0 true",
		},
		"two signals, the stronger": {
			sum("GPGSV,1,1,01,03,63,211,44,1") + sum("GPGSV,1,1,01,03,63,211,30,8"),
			"GPS3 63/211/44 false",
		},
		"nonsense": {
			sum("GPGSV,1,1,01,00,63,211,44") + sum("GPGSV,1,1,01,03,99,999,44") + sum("GPGSV") + sum("GPGSV,1,1") + sum("GPGSA"),
			"GPS3 -1/-1/44 false",
		},
	} {
		if got := satellites(skyOf(t, 0, c.in).Satellites); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
	if s := skyOf(t, skyOld, sum("GPGSV,1,1,01,03,63,211,44")); len(s.Satellites) != 0 {
		t.Errorf("what nothing was said of for long is still there: %v", s.Satellites)
	}
	if s := skyOf(t, 0, sum("GPGSA,A,3,03,,,,,,,,,,,,1.9,1.0,1.6")); s.PDOP.Float() != 1.9 {
		t.Errorf("PDOP %v", s.PDOP)
	}
}

func TestSatellitesInUBX(t *testing.T) {
	sat := func(gnss, id, cno byte, elevation int8, azimuth int16, flags byte) []byte {
		return append([]byte{gnss, id, cno, byte(elevation)}, append(binary.LittleEndian.AppendUint16(nil, uint16(azimuth)), 0, 0, flags, 0, 0, 0)...)
	}
	p := []byte{0, 0, 0, 0, 1, 4, 0, 0}
	for _, s := range [][]byte{sat(0, 7, 41, 45, 120, 8), sat(6, 3, 30, 10, 359, 0), sat(2, 9, 0, -20, 4, 0), sat(1, 123, 12, -91, 0, 0)} {
		p = append(p, s...)
	}
	pvt, dop := ubxEpoch(0)
	got := skyOf(t, 500, string(ubx.Append(nil, ubx.NavSAT, p...))+pvt+dop)
	if want := "GPS7 45/120/41 true; SBAS123 -1/-1/12 false; GLONASS3 10/359/30 false"; satellites(got.Satellites) != want {
		t.Errorf("got %s", satellites(got.Satellites))
	}
	if !got.Heard || got.Fix.Mode != 3 || !got.Last.Valid() || got.LastAge != 500 {
		t.Errorf("%+v", got)
	}
	old := []byte{0, 0, 0, 0, 2, 0, 0, 0,
		0, 7, 1, 0, 41, 45, 120, 0, 0, 0, 0, 0,
		1, 66, 0, 0, 30, 10, 4, 1, 0, 0, 0, 0}
	if got := satellites(skyOf(t, 0, string(ubx.Append(nil, ubx.NavSVINFO, old...))).Satellites); got != "GPS7 45/120/41 true; GLONASS2 10/260/30 false" {
		t.Errorf("NAV-SVINFO: %s", got)
	}
}

func TestSatellitesOfGPSD(t *testing.T) {
	d, err := newGPSD(Config{Name: "g"}, Env{Clock: gpsClock(false)})
	if err != nil {
		t.Fatal(err)
	}
	g := d.(*gpsd)
	for _, line := range []string{
		`{"class":"TPV","device":"/dev/a","mode":1}`,
		`{"class":"SKY","device":"/dev/a","pdop":1.60,"satellites":[{"PRN":5,"el":45.0,"az":120.0,"ss":38.0,"used":true,"gnssid":0,"svid":5},{"PRN":70,"el":5.0,"az":10.0,"ss":0.0,"used":false,"gnssid":6,"svid":6},{"PRN":302,"el":9,"az":10,"ss":11,"used":false}]}`,
		`{"class":"SKY","device":"/dev/b","satellites":[{"PRN":9,"el":45.0,"az":120.0,"ss":38.0,"used":true}]}`,
	} {
		if err := g.line([]byte(line), nil, &nothing{}); err != nil {
			t.Fatal(err)
		}
	}
	got := g.loc.self.view.ask(1000)
	if want := "GPS5 45/120/38 true; Galileo2 9/10/11 false; GLONASS6 5/10/0 false"; satellites(got.Satellites) != want || got.PDOP.Float() != 1.6 {
		t.Errorf("got %s, PDOP %v", satellites(got.Satellites), got.PDOP)
	}
}

// TestSkyAllocations: what is kept for people who may never ask costs no allocation.
func TestSkyAllocations(t *testing.T) {
	g := newGPS(Config{Name: "gps"}, Env{Clock: clock.Fake(clock.Now{Mono: 1000, Unix: gpsNoon.UnixMilli()}, gpsFloor)})
	g.out = &nothing{}
	var in [2][]byte
	for i := range in {
		text := cycle(gpsNoon.Add(time.Duration(i)*time.Second).Format("150405.00"), fmt.Sprintf("65%02d.74400", i), "10.0", "57.30")
		for part := range 4 {
			text += sum(fmt.Sprintf("GPGSV,4,%d,16,%02d,10,010,30,%02d,20,100,40,%02d,20,100,40,%02d,20,100,40", part+1, part*4+1, part*4+2, part*4+3, part*4+4))
		}
		in[i] = []byte(text + sum("GNGSA,A,3,03,04,,,,,,,,,,,1.9,1.0,1.6,1") + sum("GNGSA,A,3,05,,,,,,,,,,,,1.9,1.0,1.6,3"))
	}
	for range 8 {
		g.take(in[0])
		g.take(in[1])
	}
	if n := testing.AllocsPerRun(200, func() { g.take(in[0]); g.take(in[1]) }); n != 0 {
		t.Errorf("%v allocations for two epochs, want none", n)
	}
	if s := g.loc.self.view.ask(1000); len(s.Satellites) != 17 {
		t.Errorf("%d satellites", len(s.Satellites))
	}
}
