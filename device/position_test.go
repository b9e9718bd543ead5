package device

import (
	"bytes"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
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

// parked is a vehicle at rest for a night: its receiver's position wanders as those of
// receivers do, some metres within minutes, with a speed and a course that are noise.
func parked() func(int) nmea.Fix {
	r := rand.New(rand.NewPCG(11, 12))
	var north, east float64
	return func(int) nmea.Fix {
		// A random walk that is drawn back: 3 m in the mean, 10 m now and then.
		north += -north/300 + r.NormFloat64()*0.25
		east += -east/300 + r.NormFloat64()*0.25
		return at(north, east, 0.1+0.2*r.Float64(), 360*r.Float64())
	}
}

func TestAParkedVehicleIsQuiet(t *testing.T) {
	const night = 8 * 3600
	o := PositionOptions{MinDistance: 10, HeadingChange: 20, MinInterval: "5s", MaxInterval: "1h"}
	r := play(t, o, night, parked())
	if got := r.out.ids(); len(got) > 10 || got[0] != "1210/11" || strings.Join(got[1:], "") != strings.Repeat("1210/10", len(got)-1) {
		t.Errorf("%d messages, want the first and one an hour: %v", len(got), got)
	}
	if r.out.withheld+len(r.out.lines) != night {
		t.Errorf("%d sent and %d withheld of %d", len(r.out.lines), r.out.withheld, night)
	}
	if len(r.out.lines) < 7 {
		t.Errorf("only %d messages in 8 hours: silent and unchanged do not differ", len(r.out.lines))
	}
}

func TestPace(t *testing.T) {
	straight := func(speed float64) func(int) nmea.Fix {
		return func(i int) nmea.Fix { return at(speed*float64(i), 0, speed, 0) }
	}
	corner := func(i int) nmea.Fix { // east at second 20
		if i <= 20 {
			return at(10*float64(i), 0, 10, 0)
		}
		return at(200, 10*float64(i-20), 10, 90)
	}
	for _, row := range []struct {
		name string
		o    PositionOptions
		n    int
		say  func(int) nmea.Fix
		want string // seconds and tsmEv of what is sent
	}{
		{"all of them", PositionOptions{}, 4, straight(10), "0/11 1/10 2/10 3/10"},
		{"thinned out", PositionOptions{MinInterval: "5s"}, 16, straight(10), "0/11 5/10 10/10 15/10"},
		{"by distance", PositionOptions{MinDistance: 50}, 16, straight(10), "0/11 5/9 10/9 15/9"},
		{"by distance, no sooner than", PositionOptions{MinDistance: 50, MinInterval: "8s"}, 18, straight(10), "0/11 8/9 16/9"},
		{"by distance, waited", PositionOptions{MinDistance: 5000, MaxInterval: "7s"}, 16, straight(10), "0/11 7/10 14/10"},
		{"ten minutes unless said otherwise", PositionOptions{MinDistance: 1e6}, 1300, straight(0.1), "0/11 600/10 1200/10"},
		{"by course", PositionOptions{HeadingChange: 30}, 40, corner, "0/11 21/9"},
		{"by course across north", PositionOptions{HeadingChange: 30}, 40, func(i int) nmea.Fix { return at(10*float64(i), 0, 10, math.Mod(350+2*float64(i), 360)) }, "0/11 15/9 30/9"},
		{"a course at rest is noise", PositionOptions{HeadingChange: 30}, 40, func(i int) nmea.Fix { return at(float64(i%3), 0, 0.3, float64(i*97%360)) }, "0/11"},
		{"turning on the spot", PositionOptions{HeadingChange: 30}, 40, func(i int) nmea.Fix { return at(float64(i%3), 0, 0.6, float64(i*97%360)) }, "0/11"},
		{"begins to move, then turns", PositionOptions{HeadingChange: 30}, 20, func(i int) nmea.Fix {
			switch {
			case i < 5:
				return at(0, 0, 0, 0)
			case i < 12:
				return at(0, 5*float64(i-4), 5, 90)
			}
			return at(5*float64(i-11), 35, 5, 0)
		}, "0/11 12/9"},
		{"slower than the floor", PositionOptions{MinDistance: 5}, 100, straight(0.4), "0/11 63/9"},
		{"at rest between houses, where the receiver knows that it is poor", PositionOptions{MinDistance: 10}, 100, func(i int) nmea.Fix {
			f := at(float64(i*37%60), 0, 0.2, 0)
			f.ErrLat = nmea.Decimal{Mantissa: 15, Present: true}
			f.ErrLon = f.ErrLat
			return f
		}, "0/11"},
		{"without a speed", PositionOptions{MinDistance: 5}, 10, func(i int) nmea.Fix {
			f := at(6*float64(i), 0, 0, 0)
			f.Speed, f.Course = nmea.Decimal{}, nmea.Decimal{}
			return f
		}, "0/11 5/9"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := play(t, row.o, row.n, row.say)
			var got []string
			for i, id := range r.out.ids() {
				_, ts, _ := strings.Cut(r.out.lines[i], `"tsmTs":`)
				var second int64
				fmt.Sscan(ts, &second)
				got = append(got, fmt.Sprintf("%d/%s", second-gpsNoon.Unix(), strings.TrimPrefix(id, "1210/")))
			}
			first, _, _ := strings.Cut(got[0], "/")
			var base int
			fmt.Sscan(first, &base)
			for i := range got {
				var s int
				var ev string
				fmt.Sscanf(strings.Replace(got[i], "/", " ", 1), "%d %s", &s, &ev)
				got[i] = fmt.Sprintf("%d/%s", s-base, ev)
			}
			if g := strings.Join(got, " "); g != row.want {
				t.Errorf("got %s, want %s", g, row.want)
			}
		})
	}
}

// TestPaceForgivesALateLine: a fix that came late makes the next one seem early.
func TestPaceForgivesALateLine(t *testing.T) {
	p, err := newPace(PositionOptions{MinInterval: "5s"})
	if err != nil {
		t.Fatal(err)
	}
	f := at(0, 0, 0, 0)
	for since, want := range map[int64]bool{4800: false, 4899: false, 4900: true, 5000: true} {
		p.begun, p.when = true, 1000
		if _, due := p.due(&f, 0, 1000+since); due != want {
			t.Errorf("%d ms after the last: sent %v, want %v", since, due, want)
		}
	}
}

// TestPaceOfAFastReceiver: forgiving a late line makes no more of ten fixes a second.
func TestPaceOfAFastReceiver(t *testing.T) {
	p, err := newPace(PositionOptions{MinInterval: "1s"})
	if err != nil {
		t.Fatal(err)
	}
	f, sent := at(0, 0, 0, 0), 0
	for now := int64(5000); now < 65_000; now += 100 {
		if _, due := p.due(&f, 0, now); due {
			sent++
		}
	}
	if sent != 60 && sent != 61 {
		t.Errorf("%d sent in a minute, want one a second", sent)
	}
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
		`{"tsmId":1210,"tsmEv":11`,
		`"tsmId":90120,"tsmEv":11,"tsmTs":`, `"fence":"town","inside":1`,
		`"fence":"yard","inside":0`,
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
			return strings.Join(r.out.ids()[1:], " ")
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

// TestFallbackAlone: a receiver that is tried alone sends, though it is a fallback.
func TestFallbackAlone(t *testing.T) {
	out, _ := runGPS(t, Config{Name: "dash", Options: &GPSOptions{PositionOptions: PositionOptions{FallbackFor: "roof"}}}, gpsClock(true), cycle("120000.00", "6500.74400", "10.0", "57.30"))
	if len(out.lines) != 2 {
		t.Errorf("%d messages, want 2", len(out.lines))
	}
}

func TestStuck(t *testing.T) {
	for _, row := range []struct {
		name  string
		hours float64
		say   func(second int) nmea.Fix
		want  bool
	}{
		{"repeats itself and says that it moves", 0.1, func(int) nmea.Fix { return at(0, 0, 14, 90) }, true},
		{"the same for a minute, as behind a bad line", 0.016, func(int) nmea.Fix { return at(0, 0, 14, 90) }, false},
		{"moves", 0.2, func(i int) nmea.Fix { return at(14*float64(i), 0, 14, 0) }, false},
		{"holds its position at rest", 48, func(i int) nmea.Fix {
			f := at(0, 0, 0, 0)
			f.Sats = int16(8 + i/4000%3)
			return f
		}, false},
		{"holds its position, and creeps below its limit", 48, func(i int) nmea.Fix {
			f := at(0, 0, 2.5, 0)
			f.HDOP.Mantissa = int64(8 + i/4000%3)
			return f
		}, false},
		{"nothing changes for half a day", 13, func(int) nmea.Fix { return at(0, 0, 0, 0) }, true},
		{"nothing changes for a night", 10, func(int) nmea.Fix { return at(0, 0, 0, 0) }, false},
		{"tells no more than its place", 48, func(int) nmea.Fix {
			f := at(0, 0, 0, 0)
			f.Sats, f.HDOP = nmea.None, nmea.Decimal{}
			return f
		}, false},
	} {
		var s stillness
		changes, n := 0, int(row.hours*3600)
		for i := range n {
			f := row.say(i)
			if s.see(&f, int64(i+1)*1000) {
				changes++
			}
		}
		if s.said != row.want || changes > 1 {
			t.Errorf("%s: %v after %d changes, want %v", row.name, s.said, changes, row.want)
		}
		f := at(1, 0, 0, 0)
		if changed := s.see(&f, int64(n+1)*1000); changed != row.want || s.said {
			t.Errorf("%s: not over with the next position", row.name)
		}
	}
}

// TestStuckIsNoFirst: who repeats one position has none that another could wait for.
func TestStuckIsNoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clocktest.NewMachine(1, 0).Clock(gpsFloor)
		known := newReceivers(c.Now().Mono)
		first := newReceiverOn(c, known, "roof", PositionOptions{})
		second := newReceiverOn(c, known, "dash", PositionOptions{FallbackFor: "roof"})
		for i := range 120 {
			first.say(at(0, 0, 14, 90))
			second.say(at(0, 14*float64(i), 14, 90))
			time.Sleep(time.Second)
		}
		if !first.out.flags[codeStuck] || len(second.out.lines) == 0 {
			t.Errorf("raised %v, and the fallback sent %d", first.out.flags, len(second.out.lines))
		}
	})
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

// TestHealthyReceiversAreNotStuck plays gpsd's own recordings: none of them stands
// still for ever, and one at rest sends nothing when it may be quiet.
func TestHealthyReceiversAreNotStuck(t *testing.T) {
	logs, err := filepath.Glob("../../../shared/corpora/gpsd/nmea/*.log")
	if err != nil || len(logs) == 0 {
		t.Skip("gpsd's recordings are not on this machine")
	}
	for _, name := range logs {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		run := func(o PositionOptions) *positionOut {
			o.Detail = "off"
			out := &positionOut{}
			c, mono := gpsClock(true), int64(1000)
			d := newGPS(Config{Name: "gps", Options: &GPSOptions{PositionOptions: o}}, Env{Clock: c})
			d.out = out
			for range 200 { // as if it went on like that for hours, a second every ten lines
				for line := range bytes.Lines(raw) {
					mono += 100
					c.Set(clock.Now{Mono: mono, Unix: gpsNoon.UnixMilli() + mono, Trusted: true})
					d.take(line)
				}
				d.join.Idle()
			}
			return out
		}
		all, sifted := run(PositionOptions{}), run(PositionOptions{MinDistance: 10, HeadingChange: 30})
		t.Logf("%-22s %5d fixes, %4d by distance and course", filepath.Base(name), len(all.lines), len(sifted.lines))
		if all.flags[codeStuck] {
			t.Errorf("%s: called stuck", name)
		}
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
