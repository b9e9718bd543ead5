package device

import (
	"bytes"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/device/clock"
	"portti/device/clock/clocktest"
	"portti/device/geofence"
	"portti/device/nmea"
)

// positionOut is an Out that also counts what is withheld and keeps what is raised.
type positionOut struct {
	gpsOut
	withheld int
	flags    map[string]bool
}

func (o *positionOut) Withhold() { o.withheld++ }

func (o *positionOut) Flag(code string, on bool) {
	if o.flags == nil {
		o.flags = map[string]bool{}
	}
	o.flags[code] = on
}

// ids gives tsmId, tsmEv and the second of the day of each message.
func (o *positionOut) ids() (all []string) {
	for _, l := range o.lines {
		id, rest, _ := strings.Cut(strings.TrimPrefix(l, `{"tsmId":`), ",")
		ev, _, _ := strings.Cut(strings.TrimPrefix(rest, `"tsmEv":`), ",")
		all = append(all, id+"/"+ev)
	}
	return all
}

// at makes a fix that lies so many metres north and east of 65 N 25 E.
func at(north, east, speed, course float64) nmea.Fix {
	f := nmea.Fix{Mode: 3, Sats: 9, Quality: 1, Position: nmea.Position{
		Lat: nmea.Coord((65 + north/111_194) * 1e9), Lon: nmea.Coord((25 + east/47_200) * 1e9), Present: true,
	}}
	f.Speed = nmea.Decimal{Mantissa: int64(speed * 1000), Digits: 3, Present: true}
	f.Course = nmea.Decimal{Mantissa: int64(course * 10), Digits: 1, Present: true}
	f.HDOP = nmea.Decimal{Mantissa: 9, Digits: 1, Present: true}
	return f
}

// receiverOn is a receiver on a machine of its own, or on one that it shares.
type receiverOn struct {
	*locator
	out *positionOut
	log bytes.Buffer
}

func newReceiverOn(c *clock.Clock, known *receivers, name string, o PositionOptions) *receiverOn {
	r := &receiverOn{out: &positionOut{}}
	if o.Detail == "" {
		o.Detail = "off"
	}
	env := Env{Clock: c, receivers: known, Live: true}
	env.Log = slog.New(slog.NewTextHandler(&r.log, nil))
	r.locator = newLocator(name, o, env)
	return r
}

// say has it say a fix that is of now.
func (r *receiverOn) say(f nmea.Fix) {
	now := r.env.Clock.Now()
	f.Began = now.Mono
	if f.Time == 0 {
		f.Time = gpsNoon.UnixMilli() + now.Mono
	}
	r.fix(&f, r.out)
}

// play has one receiver say a fix a second.
func play(t *testing.T, o PositionOptions, n int, say func(second int) nmea.Fix) *receiverOn {
	t.Helper()
	var r *receiverOn
	synctest.Test(t, func(*testing.T) {
		r = newReceiverOn(clocktest.NewMachine(1, 0).Clock(gpsFloor), nil, "gps", o)
		for i := range n {
			r.say(say(i))
			time.Sleep(time.Second)
		}
	})
	return r
}

func circleAt(radius float64) FenceOptions {
	lat, lon := 65.0, 25.0
	return FenceOptions{Lat: &lat, Lon: &lon, Radius: radius}
}

func TestFences(t *testing.T) {
	o := PositionOptions{MinDistance: 1e6, Fence: map[string]FenceOptions{
		"yard": circleAt(100),
		"town": circleAt(1000),
	}}
	// Out of the yard and back, and into town from outside never.
	drive := func(i int) nmea.Fix { return at(math.Abs(150-float64(10*i)), 0, 10, 0) }
	r := play(t, o, 31, drive)
	want := []string{
		`{"tsmId":90120,"tsmEv":11,"tsmTs":`, `"fence":"town","inside":1`,
		`"fence":"yard","inside":0`,
		`{"tsmId":1210,"tsmEv":11`,
		`"tsmId":90120,"tsmEv":7`, `"fence":"yard","inside":1,"lat":65.0008094,"lon":25}`,
		`"fence":"yard","inside":0`,
	}
	text := strings.Join(r.out.lines, "\n")
	for _, w := range want {
		_, rest, found := strings.Cut(text, w)
		if !found {
			t.Fatalf("no %s in what is left of\n%s", w, strings.Join(r.out.lines, "\n"))
		}
		text = rest
	}
	if len(r.out.lines) != 5 {
		t.Errorf("%d messages, want 5:\n%s", len(r.out.lines), strings.Join(r.out.lines, "\n"))
	}
}

// TestFenceOutlivesThePort: what was told of a fence is told again only when it changed,
// though the port was opened anew or another receiver stands in.
func TestFenceOutlivesThePort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clocktest.NewMachine(1, 0).Clock(gpsFloor)
		known := newReceivers(c.Now().Mono)
		o := PositionOptions{Fence: map[string]FenceOptions{"yard": circleAt(100)}}
		count := func(f nmea.Fix, name string, o PositionOptions) string {
			r := newReceiverOn(c, known, name, o)
			if o.FallbackFor != "" {
				time.Sleep(11 * time.Second)
			}
			r.say(f)
			time.Sleep(time.Second)
			all := r.out.ids()
			return strings.Join(all[:len(all)-1], " ") // without the position
		}
		eq(t, "first", count(at(0, 0, 0, 0), "gps", o), "90120/11")
		eq(t, "the same", count(at(0, 0, 0, 0), "gps", o), "")
		eq(t, "it left meanwhile", count(at(500, 0, 0, 0), "gps", o), "90120/7")
		second := o
		second.FallbackFor = "gps"
		eq(t, "the same, seen by the other", count(at(500, 0, 0, 0), "gps2", second), "")
		eq(t, "another thing", count(at(500, 0, 0, 0), "car", o), "90120/11")
		o.Fence["yard"] = circleAt(600)
		eq(t, "drawn anew", count(at(500, 0, 0, 0), "gps", o), "90120/11")
	})
}

// TestAJumpCrossesNothing: one position that cannot be, and the way back from it.
func TestAJumpCrossesNothing(t *testing.T) {
	o := PositionOptions{Fence: map[string]FenceOptions{"yard": circleAt(100)}}
	r := play(t, o, 10, func(i int) nmea.Fix {
		if i == 5 {
			return at(50_000, 0, 0, 0)
		}
		return at(0, 0, 0, 0)
	})
	if n := strings.Count(strings.Join(r.out.lines, "\n"), "90120"); n != 1 || !r.out.flags[codeJump] {
		t.Errorf("%d messages on the fence, want one, and a jump (%v):\n%s", n, r.out.flags, strings.Join(r.out.lines, "\n"))
	}
}

func TestFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clocktest.NewMachine(1, 0).Clock(gpsFloor)
		known := newReceivers(c.Now().Mono)
		first := newReceiverOn(c, known, "roof", PositionOptions{})
		second := newReceiverOn(c, known, "dash", PositionOptions{FallbackFor: "roof"})
		sent, used := 0, ""
		run := func(seconds int, fixed bool) {
			before := len(second.out.lines)
			for range seconds {
				f := at(0, 0, 0, 0)
				if !fixed {
					f.Mode = 1
				}
				first.say(f)
				second.say(at(5, 0, 0, 0))
				time.Sleep(time.Second)
			}
			sent, used = len(second.out.lines)-before, second.out.detail()
		}
		run(20, true)
		if sent != 0 || !strings.HasSuffix(used, ", waits: in use is roof") || second.out.withheld != 20 {
			t.Errorf("while the first is well: %d sent, %d withheld, %q", sent, second.out.withheld, used)
		}
		run(8, false)
		if sent != 0 {
			t.Errorf("after a short gap: %d sent", sent)
		}
		run(20, false)
		if sent != 19 || !strings.HasSuffix(used, ", in use: roof has no position") {
			t.Errorf("after a long gap: %d sent, %q", sent, used)
		}
		run(20, true)
		if sent != 20 {
			t.Errorf("before the first has been back for a while: %d of 20 sent", sent)
		}
		run(30, true)
		if sent < 8 || sent > 12 || !strings.Contains(used, "waits") {
			t.Errorf("once it has: %d sent, %q", sent, used)
		}
		if log := second.log.String(); strings.Count(log, "gps.fallback-used") != 1 || strings.Count(log, "gps.fallback-waits") != 1 {
			t.Errorf("the log: %s", log)
		}
		// The first has lost its port: it says nothing at all.
		before := len(second.out.lines)
		for range 15 {
			second.say(at(5, 0, 0, 0))
			time.Sleep(time.Second)
		}
		if sent := len(second.out.lines) - before; sent < 4 || sent > 6 {
			t.Errorf("with the first gone: %d sent", sent)
		}
	})
}

// TestFallbackChain: of three receivers the last sends only while neither of the others
// has a position, whichever of them was opened first, or never was.
func TestFallbackChain(t *testing.T) {
	for name, c := range map[string]struct {
		roof, mast bool // has a position
		sent       int  // by dash, in the last 20 of 60 s
		says       string
	}{
		"both are well":    {true, true, 0, ", waits: in use is mast"},
		"the middle fails": {true, false, 0, ", waits: in use is roof"},
		"the first fails":  {false, true, 0, ", waits: in use is mast"},
		"both fail":        {false, false, 20, ", in use: mast has no position"},
	} {
		synctest.Test(t, func(t *testing.T) {
			clock := clocktest.NewMachine(1, 0).Clock(gpsFloor)
			known := newReceivers(clock.Now().Mono)
			known.standsIn("mast", "roof") // as the Set of them does
			dash := newReceiverOn(clock, known, "dash", PositionOptions{FallbackFor: "mast"})
			all := map[*receiverOn]bool{newReceiverOn(clock, known, "roof", PositionOptions{}): c.roof}
			if c.mast {
				all[newReceiverOn(clock, known, "mast", PositionOptions{FallbackFor: "roof"})] = true
			}
			before := 0
			for i := range 60 {
				if i == 40 {
					before = len(dash.out.lines)
				}
				for r, fixed := range all {
					if fixed {
						r.say(at(0, 0, 0, 0))
					}
				}
				dash.say(at(5, 0, 0, 0))
				time.Sleep(time.Second)
			}
			if sent := len(dash.out.lines) - before; sent != c.sent || !strings.HasSuffix(dash.out.detail(), c.says) {
				t.Errorf("%s: dash sent %d, says %q", name, sent, dash.out.detail())
			}
		})
	}
}

// TestFallbackChainOfASet: what each stands in for is known before any port is open.
func TestFallbackChainOfASet(t *testing.T) {
	gps := func(name, first string) Config {
		return Config{Name: name, Type: "gps", Port: "/dev/" + name, ID: name, Options: &GPSOptions{PositionOptions: PositionOptions{FallbackFor: first}}}
	}
	n := uint16(0)
	s, err := New([]Config{gps("dash", "mast"), gps("mast", "roof"), gps("roof", "")}, func(string) (uint16, error) { n++; return n, nil }, nil,
		Env{Clock: gpsClock(true)}, Tuning{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range s.env.receivers.before("dash") {
		names = append(names, r.name)
	}
	if strings.Join(names, " ") != "mast roof" {
		t.Errorf("dash stands in for %q", names)
	}
}

// TestFallbackAlone: a receiver that is tried alone sends, though it is a fallback.
func TestFallbackAlone(t *testing.T) {
	out, _ := runGPS(t, Config{Name: "dash", Options: &GPSOptions{PositionOptions: PositionOptions{FallbackFor: "roof"}}}, gpsClock(true), cycle("120000.00", "6500.74400", "10.0", "57.30"))
	if len(out.lines) != 2 {
		t.Errorf("%d messages, want 2", len(out.lines))
	}
}

func TestPositionsAllocateNothing(t *testing.T) {
	o := PositionOptions{MinDistance: 50, HeadingChange: 20, MinInterval: "2s", Fence: map[string]FenceOptions{}}
	for i := range maxFences {
		o.Fence[fmt.Sprintf("circle%d", i)] = circleAt(float64(i + 1))
	}
	r := newReceiverOn(gpsClock(true), nil, "gps", o)
	out := &nothing{}
	i := 0
	f := at(0, 0, 10, 0)
	n := testing.AllocsPerRun(200, func() {
		i++
		f.Position.Lat += 90
		f.Time = gpsNoon.UnixMilli() + int64(i)
		r.fix(&f, out)
	})
	if n > 0 {
		t.Errorf("%v allocations a fix", n)
	}
}

func TestFenceOptionsOfAllKinds(t *testing.T) {
	if _, err := newFences(map[string]FenceOptions{"a": circleAt(5), "b": {Polygon: [][]float64{{0, 0}, {0, 1}, {1, 1}}, Dwell: "1m"}}); err != nil {
		t.Error(err)
	}
	many := map[string]FenceOptions{}
	for i := range maxFences + 1 {
		many[fmt.Sprint("f", i)] = circleAt(5)
	}
	if _, err := newFences(many); err == nil || !strings.Contains(err.Error(), "64 at most, found 65") {
		t.Errorf("65 fences: %v", err)
	}
	f, err := circleAt(5).fence("yard")
	if err != nil || f.Hysteresis != defaultHysteresis || f.track.Now != geofence.Unknown {
		t.Errorf("%+v, %v", f, err)
	}
}

// FuzzPositions hands a locator with every key set any row of fixes: what it sends is
// sound, and each fix is sent or withheld.
func FuzzPositions(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x10\x00\x00\x05\x10\x20\x01\x02\x03\x04\x05\x06"))
	f.Add(bytes.Repeat([]byte{0x7f, 0xff, 0x80, 0x00, 0xff, 0x01, 0x40, 0x08}, 8))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := clock.Fake(clock.Now{Mono: 1000, Unix: gpsNoon.UnixMilli(), Trusted: true}, gpsFloor)
		r := newReceiverOn(c, nil, "gps", PositionOptions{
			MinDistance: 20, HeadingChange: 10, MinInterval: "1s", MaxInterval: "1m", LacrFromHDOP: 3,
			Fence: map[string]FenceOptions{"circle": circleAt(300), "pole": {Polygon: [][]float64{{88, 0}, {89, 10}, {88, 20}}}, "line": {Polygon: [][]float64{{-1, 179}, {-1, -179}, {1, -179}, {1, 179}}, Dwell: "2s"}},
		})
		fixes, mono := 0, int64(1000)
		for ; len(b) >= 8; b = b[8:] {
			mono += int64(b[0]) * 20
			c.Set(clock.Now{Mono: mono, Unix: gpsNoon.UnixMilli() + mono, Trusted: true})
			north, east := float64(int16(uint16(b[1])<<8|uint16(b[2]))), float64(int16(uint16(b[3])<<8|uint16(b[4])))
			fix := at(north, east, float64(b[5])/10, float64(b[6])*2)
			if b[7]&1 != 0 {
				fix.Position.Lat, fix.Position.Lon = nmea.Coord(north/32768*90e9), nmea.Coord(east/32768*180e9)
			}
			fix.Speed.Present, fix.Course.Present, fix.HDOP.Present = b[7]&2 == 0, b[7]&4 == 0, b[7]&8 == 0
			fix.Mode, fix.Sats = b[7]>>4&3, int16(b[7]>>6)
			if fix.Valid() {
				fixes++
			}
			r.say(fix)
		}
		sent := 0
		for _, l := range r.out.lines {
			if strings.Contains(l, "NaN") || strings.Contains(l, "Inf") {
				t.Fatal(l)
			}
			if strings.HasPrefix(l, `{"tsmId":1210,`) {
				sent++
			}
		}
		if sent+r.out.withheld != fixes {
			t.Fatalf("%d fixes, %d sent, %d withheld", fixes, sent, r.out.withheld)
		}
	})
}

func BenchmarkFixWith64Fences(b *testing.B) {
	o := PositionOptions{MinDistance: 50, HeadingChange: 20, MinInterval: "2s", Fence: map[string]FenceOptions{}}
	for i := range maxFences {
		o.Fence[fmt.Sprintf("circle%d", i)] = circleAt(float64(i + 1))
	}
	r, out, f := newReceiverOn(gpsClock(true), nil, "gps", o), &nothing{}, at(0, 0, 10, 0)
	b.ReportAllocs()
	for i := range b.N {
		f.Position.Lat += 90
		f.Time = gpsNoon.UnixMilli() + int64(i)
		r.fix(&f, out)
	}
}
