package device

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"portti/device/ais"
	"portti/device/clock"
	"portti/device/nmea"
	"portti/device/thingsee"
)

// heardAt hands a message to v at a moment and gives what came out.
func heardAt(v *vessels, ms int64, m *ais.Message) (*gpsOut, Result) {
	out := &gpsOut{}
	now := clock.Now{Mono: ms, Unix: gpsNoon.UnixMilli() + ms, Trusted: true}
	r := v.message(m, 0, now, out)
	return out, r
}

func newTestVessels(t testing.TB, o VesselOptions) *vessels {
	t.Helper()
	if err := o.check(); err != nil {
		t.Fatal(err)
	}
	return newVessels(Config{ID: "XXXX03AIS00000001"}, o, Env{Gateway: "XXXX00GTW00000001"})
}

// aMessage makes one by gpsd's names.
func aMessage(kind uint8, mmsi uint32, set map[string]int64, texts map[string]string) *ais.Message {
	var m ais.Message
	m.Begin(kind, mmsi)
	for name, v := range set {
		m.Set([]byte(name), v)
	}
	for name, v := range texts {
		m.SetText([]byte(name), []byte(v))
	}
	return &m
}

func somewhere(mmsi uint32) *ais.Message {
	return aMessage(1, mmsi, map[string]int64{"lat": 36_102_000, "lon": 14_964_000, "speed": 123}, nil)
}

func TestVesselInterval(t *testing.T) {
	v := newTestVessels(t, VesselOptions{})
	for _, step := range []struct {
		at   int64
		mmsi uint32
		want int
	}{
		{1000, 290000001, 2}, {3000, 290000001, 0}, {3000, 290000002, 2}, {9000, 290000001, 0},
		{10_100, 290000001, 2}, // who sends every ten seconds is seldom exact
		{19_000, 290000001, 0}, {20_000, 290000001, 2},
	} {
		if out, _ := heardAt(v, step.at, somewhere(step.mmsi)); len(out.lines) != step.want {
			t.Errorf("%d at %d: %d messages, want %d", step.mmsi, step.at, len(out.lines), step.want)
		}
	}
	d := &device{}
	now := clock.Now{Mono: 20_500, Unix: gpsNoon.UnixMilli(), Trusted: true}
	if v.message(somewhere(290000001), 0, now, withholds{deafOut{}, d}); d.withheld.Load() != 1 {
		t.Errorf("%d are counted as withheld", d.withheld.Load())
	}
	v = newTestVessels(t, VesselOptions{VesselInterval: "0s"})
	for range 3 {
		if out, _ := heardAt(v, 1000, somewhere(290000001)); len(out.lines) != 2 {
			t.Error("with 0s not each was sent")
		}
	}
}

func TestVesselParticulars(t *testing.T) {
	v := newTestVessels(t, VesselOptions{})
	five := func(destination string) *ais.Message {
		return aMessage(5, 290000001, map[string]int64{"draught": 71}, map[string]string{"shipname": "EXAMPLE", "destination": destination})
	}
	for _, step := range []struct {
		at   int64
		to   string
		want int
	}{
		{1000, "NOWHERE", 1}, {2000, "NOWHERE", 0}, {3000, "ELSEWHERE", 1}, {4000, "ELSEWHERE", 0}, {363_000, "ELSEWHERE", 1},
	} {
		if out, _ := heardAt(v, step.at, five(step.to)); len(out.lines) != step.want {
			t.Errorf("at %d: %q, want %d", step.at, out.lines, step.want)
		}
	}
	if out, _ := heardAt(v, 1000, aMessage(5, 290000009, nil, nil)); len(out.lines) != 0 {
		t.Errorf("nothing was said, and sent as %q", out.lines)
	}
}

// TestHalvesOfType24: a name goes with what part B says, or alone where no B comes.
func TestHalvesOfType24(t *testing.T) {
	a := []byte("!AIVDM,1,1,,A,H4DT<PhEP4m0hF1T5Lh000000000,0*58\r\n")
	b := []byte("!AIVDM,1,1,,B,H4DT<PlT5H1801=HHoo000104130,0*62\r\n")
	for name, c := range map[string]struct {
		in   [][]byte
		want string // of each message: n = name, c = callsign
	}{
		"A, B":       {[][]byte{a, b}, "nc"},
		"B":          {[][]byte{b}, "c"},
		"B, A, B":    {[][]byte{b, a, b}, "c nc"},
		"A, A":       {[][]byte{a, a}, "n"},
		"A, B, A, B": {[][]byte{a, b, a, b}, "nc"},
	} {
		out, _ := runAIS(t, Config{}, gpsClock(true), c.in...)
		var got []string
		for _, l := range out.lines {
			text := ""
			if strings.Contains(l, `"name":"EXAMPLE YAWL"`) {
				text += "n"
			}
			if strings.Contains(l, `"callsign":"XX77"`) {
				text += "c"
			}
			got = append(got, text)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %s", name, out.lines, c.want)
		}
	}
}

// runAIS plays pieces to a driver and gives what came out.
func runAIS(t testing.TB, cfg Config, c *clock.Clock, pieces ...[]byte) (*gpsOut, error) {
	t.Helper()
	cfg.Type, cfg.ID = "ais", "XXXX03AIS00000001"
	d, err := aisKind().New(cfg, Env{Gateway: "XXXX00GTW00000001", Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	out, port := &gpsOut{}, &blePort{piece: 999}
	for _, p := range pieces {
		port.in = append(port.in, p...)
	}
	return out, d.Run(port, out)
}

func TestVesselTime(t *testing.T) {
	const minute = 1_796_000_040_000 // at second 0
	for _, c := range []struct{ second, now, want int64 }{
		{10, minute + 12_300, minute + 10_000},
		{12, minute + 12_300, minute + 12_300}, // this very second
		{13, minute + 12_300, minute + 12_300}, // its clock is a little ahead
		{58, minute + 2_300, minute - 2_000},
		{60, minute + 12_300, minute + 12_300}, // not available
		{62, minute + 12_300, minute + 12_300}, // dead reckoning
		{50, minute + 12_300, minute - 10_000},
		{30, minute + 12_300, minute + 12_300}, // half a minute: who knows
	} {
		m := aMessage(1, 290000001, map[string]int64{"second": c.second}, nil)
		var v vessels
		if got := v.time(m, clock.Now{Unix: c.now, Trusted: true}); got != c.want {
			t.Errorf("second %d: %d ms off", c.second, got-c.want)
		}
		if got := v.time(m, clock.Now{Unix: c.now}); got != 0 {
			t.Errorf("second %d is dated by a clock that is not trusted", c.second)
		}
	}
}

func TestVesselsAreBounded(t *testing.T) {
	v := newTestVessels(t, VesselOptions{})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range vesselsMost {
		heardAt(v, 1000, somewhere(uint32(1+i)))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("%d vessels take %d KB", len(v.list), (after.HeapAlloc-before.HeapAlloc)/1024)
	heardAt(v, 2000, somewhere(1)) // so that 2 is the one unheard for longest
	if out, _ := heardAt(v, 2001, somewhere(9999)); len(v.list) != vesselsMost || len(out.lines) != 2 {
		t.Fatalf("%d are remembered", len(v.list))
	}
	if out, _ := heardAt(v, 2002, somewhere(1)); len(out.lines) != 0 {
		t.Error("one that was just heard was forgotten")
	}
	if out, _ := heardAt(v, 2003, somewhere(2)); len(out.lines) != 2 {
		t.Error("the one unheard for longest was kept")
	}
	if len(v.index) != len(v.list) {
		t.Errorf("%d in the index of %d", len(v.index), len(v.list))
	}
	for mmsi, i := range v.index {
		if v.list[i].mmsi != mmsi {
			t.Fatalf("%d leads to %d", mmsi, v.list[i].mmsi)
		}
	}
}

func TestVesselsText(t *testing.T) {
	v := newTestVessels(t, VesselOptions{})
	last := ""
	say := func(ms int64, mmsi uint32) {
		out, _ := heardAt(v, ms, somewhere(mmsi))
		if len(out.details) > 0 {
			last = out.detail()
		}
	}
	say(1000, 1)
	if last != "1 vessel heard" {
		t.Errorf("at first %q", last)
	}
	for i := range int64(50) {
		say(1000+i*200, uint32(1+i%20))
	}
	say(11_000, 21)
	if last != "21 vessels heard, 5 a second" {
		t.Errorf("then %q", last)
	}
	say(71_000, 3)
	if last != "21 vessels heard, 1 a minute" {
		t.Errorf("later %q", last)
	}
	say(71_000+vesselGone-1000, 3)
	if last != "2 vessels heard, 0 a minute" && !strings.HasPrefix(last, "1 vessel heard") {
		t.Errorf("when most were gone %q, %d in the list", last, len(v.list))
	}
	for mmsi, i := range v.index {
		if v.list[i].mmsi != mmsi {
			t.Fatalf("%d leads to %d", mmsi, v.list[i].mmsi)
		}
	}
}

func TestSendersThatCannotBe(t *testing.T) {
	v := newTestVessels(t, VesselOptions{})
	for _, mmsi := range []uint32{0, 1_000_000_000, 1<<30 - 1} {
		if out, r := heardAt(v, 1000, somewhere(mmsi)); r != Range || len(out.lines) != 0 || len(v.list) != 0 {
			t.Errorf("%d: %v %q", mmsi, r, out.lines)
		}
	}
	// "102.2 knots or more" is no speed.
	m := somewhere(290000001)
	m.Set([]byte("speed"), 1022)
	if out, _ := heardAt(v, 1000, m); strings.Contains(out.lines[1], "speed") {
		t.Error(out.lines[1])
	}
}

// TestGPSWithVessels: one port with a receiver and the vessels that a transponder
// hears, which are things only where that is asked for.
func TestGPSWithVessels(t *testing.T) {
	in, err := os.ReadFile("testdata/ais/transponder.nmea")
	if err != nil {
		t.Fatal(err)
	}
	count := func(o *GPSOptions) (text string, out *gpsOut) {
		out, _ = runGPS(t, Config{ID: "XXXX03GPS00000001", Options: o}, gpsClock(true), string(in))
		positions, vessels := 0, 0
		for _, l := range out.lines {
			if strings.Contains(l, `"tsmTuid":"XXXX0300290`) {
				vessels++
			} else {
				positions++
			}
		}
		return fmt.Sprintf("%d of the receiver, %d of vessels, %d unknown, %d malformed", positions, vessels, out.frames[Unknown], out.frames[Malformed]), out
	}
	if got, _ := count(&GPSOptions{}); got != "2 of the receiver, 0 of vessels, 8 unknown, 0 malformed" {
		t.Error(got)
	}
	got, out := count(&GPSOptions{AIS: true})
	if got != "2 of the receiver, 7 of vessels, 1 unknown, 2 malformed" {
		t.Error(got)
	}
	if strings.Contains(out.detail(), "vessel") {
		t.Errorf("the receiver's text is gone: %q", out.detail())
	}
}

// TestAISIsNotTakenForGPS: what only hears vessels is AIS, and a receiver with vessels
// on its line is a receiver.
func TestAISIsNotTakenForGPS(t *testing.T) {
	read := func(name string) []byte {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	vessels := read("testdata/ais/harbour.nmea")
	var receiver []byte
	for line := range bytes.Lines(read("testdata/gps/modern.nmea")) {
		if line[0] == '$' {
			receiver = append(receiver, line...)
		}
	}
	for name, c := range map[string]struct {
		in   []byte
		want string
	}{
		"vessels":                      {vessels, "ais AIS"},
		"a receiver":                   {receiver, "gps NMEA 0183"},
		"both":                         {append(append([]byte{}, vessels...), receiver...), "gps NMEA 0183 with AIS"},
		"vessels with few of the unit": {append([]byte("$AIALR,120000.00,007,A,V,UTC sync invalid*42\r\n$AIALR,120000.00,007,A,V,UTC sync invalid*42\r\n"), vessels...), "ais AIS"},
	} {
		s := search{kinds: Kinds()}
		all := s.guesses(c.in, 38400)
		if len(all) != 1 || all[0].Kind+" "+all[0].Name != c.want {
			t.Errorf("%s: %+v, want %s", name, all, c.want)
		}
	}
	if name, share := nmea.RecogniseAIS(receiver); share != 0 {
		t.Errorf("%s in %v of a receiver", name, share)
	}
}

// deafOut keeps nothing.
type deafOut struct{}

func (deafOut) Emit(*thingsee.Message) {}
func (deafOut) Frame(Result)           {}
func (deafOut) Detail(string)          {}

// withholds counts what is not sent as a device does.
type withholds struct {
	deafOut
	*device
}

func (w withholds) Emit(m *thingsee.Message) { w.deafOut.Emit(m) }
func (w withholds) Frame(r Result)           { w.deafOut.Frame(r) }
func (w withholds) Detail(text string)       { w.deafOut.Detail(text) }

func TestNothingAllocatesForAVessel(t *testing.T) {
	v := newTestVessels(t, VesselOptions{VesselInterval: "0s", StaticInterval: "0s"})
	m, s := somewhere(290000001), aMessage(5, 290000001, map[string]int64{"imo": 9000001}, map[string]string{"shipname": "EXAMPLE"})
	out := deafOut{}
	now := clock.Now{Mono: 1000, Unix: gpsNoon.UnixMilli(), Trusted: true}
	if n := testing.AllocsPerRun(100, func() { v.message(m, 0, now, out); v.message(s, 0, now, out) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkVessel(b *testing.B) {
	v := newTestVessels(b, VesselOptions{VesselInterval: "0s"})
	for i := range vesselsMost {
		heardAt(v, 1000, somewhere(uint32(1+i)))
	}
	m, out := somewhere(1), deafOut{}
	now := clock.Now{Mono: 2000, Unix: gpsNoon.UnixMilli(), Trusted: true}
	b.ReportAllocs()
	for i := uint32(0); b.Loop(); i++ {
		m.MMSI = 1 + i%vesselsMost
		v.message(m, 0, now, out)
	}
}
