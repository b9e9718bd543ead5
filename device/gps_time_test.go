package device

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/device/clock"
	"portti/device/clock/clocktest"
)

// playSeconds has a receiver say what say gives for each second, on a machine
// whose wall clock never left 1970, and gives its clock and what came out.
func playSeconds(t *testing.T, n int, say func(second int) string) (*clock.Clock, *gpsOut) {
	t.Helper()
	c := clocktest.NewMachine(1, 0).Clock(gpsFloor)
	d := newGPS(Config{Options: &GPSOptions{PositionOptions: PositionOptions{Detail: "off"}}}, Env{Clock: c})
	out := &gpsOut{}
	d.out = out
	for i := range n {
		d.take([]byte(say(i)))
		time.Sleep(gpsQuiet)
		d.join.Idle()
		time.Sleep(time.Second - gpsQuiet)
	}
	return c, out
}

// rmc is one sentence with a fix.
func rmc(at time.Time) string {
	return sum("GPRMC," + at.Format("150405.00") + ",A,6500.74400,N,02528.08600,E,10.0,57.30," + at.Format("020106") + ",,,A")
}

func after(from time.Time, seconds int) time.Time {
	return from.Add(time.Duration(seconds) * time.Second)
}

// Row 30, and 25 where the time comes from GPS: what becomes of the clock.
func TestGPSSetsTheClock(t *testing.T) {
	for _, row := range []struct {
		name    string
		seconds int
		say     func(second int) string
		source  string
		off     time.Duration // against the receiver's noon at second 0
	}{
		{"three fixes", 3, func(i int) string { return rmc(after(gpsNoon, i)) }, "gnss", 0},
		{"two fixes", 2, func(i int) string { return rmc(after(gpsNoon, i)) }, "none", 0},
		{"positions without a date", 9, func(i int) string {
			return sum("GPGGA," + after(gpsNoon, i).Format("150405.00") + ",6500.74400,N,02528.08600,E,1,08,0.9,12.3,M,19.2,M,,")
		}, "none", 0},
		{"a date before there is a fix", 9, func(i int) string { return void(after(gpsNoon, i)) }, "none", 0},
		{"a week rollover, repaired", 3, func(i int) string { return rmc(after(gpsNoon, i).AddDate(0, 0, -1024*7)) }, "gnss", 0},
		{"a repaired date long after the floor", 9, func(i int) string { return rmc(after(gpsNoon, i).AddDate(3, 0, -1024*7)) }, "none", 0},
		{"twenty years behind", 9, func(i int) string { return rmc(after(gpsNoon, i).AddDate(-20, 0, -40)) }, "none", 0},
		{"twenty years ahead", 9, func(i int) string { return rmc(after(gpsNoon, i).AddDate(20, 0, 0)) }, "none", 0},
		{"a recording of last month", 9, func(i int) string { return rmc(after(gpsNoon, i).AddDate(0, -1, 0)) }, "none", 0},
		{"a recording played ten times too fast", 9, func(i int) string { return rmc(after(gpsNoon, 10*i)) }, "none", 0},
		{"the time of day is lost after the fixes", 20, func(i int) string {
			if i < 3 {
				return rmc(after(gpsNoon, i))
			}
			return sum("GPRMC,,A,6500.74400,N,02528.08600,E,10.0,57.30,221126,,,A")
		}, "gnss", 0},
		{"the time of day is lost from the beginning", 9, func(i int) string {
			return sum("GPRMC,,A,6500.74400,N,02528.08600,E,10.0,57.30,221126,,,A")
		}, "none", 0},
		{"the time of day begins anew", 20, func(i int) string {
			if i < 3 {
				return rmc(after(gpsNoon, i))
			}
			return rmc(after(gpsNoon.Truncate(24*time.Hour), i-3))
		}, "gnss", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				c, out := playSeconds(t, row.seconds, row.say)
				if got := c.Source(); got != row.source {
					t.Fatalf("source %s, want %s", got, row.source)
				}
				if now := c.Now(); now.Trusted {
					if off := time.UnixMilli(now.Unix).Sub(gpsNoon.Add(time.Since(begun))); off != row.off {
						t.Errorf("off by %v, want %v", off, row.off)
					}
				}
				if len(out.lines) == 0 && row.name != "a date before there is a fix" {
					t.Error("no positions came out")
				}
			})
		})
	}
}

func void(at time.Time) string {
	return sum("GPRMC," + at.Format("150405.00") + ",V,,,,,,," + at.Format("020106") + ",,,N")
}

// The recordings of this package, played at their own speed: old ones are no
// source of time, and their readings keep their own.
func TestGPSRecordingIsNoClock(t *testing.T) {
	raw, err := os.ReadFile("testdata/gps/modern.nmea")
	if err != nil {
		t.Fatal(err)
	}
	old := time.Date(2020, 10, 7, 12, 0, 0, 0, time.UTC)
	synctest.Test(t, func(t *testing.T) {
		c, out := playSeconds(t, 30, func(i int) string { return rmc(after(old, i)) })
		if c.Now().Trusted {
			t.Error("a recording of 2020 set the clock")
		}
		for i, l := range out.lines {
			if want := fmt.Sprintf(`"tsmTs":%d,`, after(old, i).Unix()); !strings.Contains(l, want) {
				t.Fatalf("reading %d has not its own time %s: %s", i, want, l)
			}
		}
		// All of a recording at once, as from a full buffer.
		c, _ = playSeconds(t, 1, func(int) string { return string(raw) })
		if c.Now().Trusted {
			t.Error("a recording in one piece set the clock")
		}
	})
}

// A fix counts from when its first sentence was there, however long its cycle
// goes on and however late it is known to be complete.
func TestGPSTimeIsThatOfTheFirstSentence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		c := clocktest.NewMachine(1, 0).Clock(gpsFloor)
		d := newGPS(Config{Options: &GPSOptions{PositionOptions: PositionOptions{Detail: "off"}}}, Env{Clock: c})
		d.out = &gpsOut{}
		for i := range 12 {
			time.Sleep(time.Until(begun.Add(time.Duration(i)*time.Second + 80*time.Millisecond)))
			for _, s := range strings.SplitAfter(cycle(after(gpsNoon, i).Format("150405.00"), "6500.74400", "10.0", "57.30"), "\n") {
				d.take([]byte(s))
				time.Sleep(60 * time.Millisecond)
			}
		}
		late := gpsNoon.Add(time.Since(begun)).Sub(time.UnixMilli(c.Now().Unix))
		if c.Source() != clock.SourceGNSS || late != 80*time.Millisecond {
			t.Errorf("source %s, %v late, want 80ms", c.Source(), late)
		}
	})
}

// flagOut notes what a driver raises.
type flagOut struct {
	gpsOut
	on map[string]bool
}

func (o *flagOut) Flag(code string, on bool) { o.on[code] = on }

// Row 30: what is wrong with the receiver's time is shown as long as it is.
func TestGPSFlags(t *testing.T) {
	c := gpsClock(true)
	d := newGPS(Config{}, Env{Clock: c})
	out := &flagOut{on: map[string]bool{}}
	d.out = out
	say := func(at time.Time) {
		d.take([]byte(rmc(at)))
		d.join.Idle()
	}
	say(gpsNoon.AddDate(0, 0, -1024*7))
	if !out.on[codeRollover] || out.on[codeGPSTime] {
		t.Errorf("after a rollover: %v", out.on)
	}
	say(gpsNoon.Add(2 * time.Hour))
	if out.on[codeRollover] || !out.on[codeGPSTime] {
		t.Errorf("two hours off: %v", out.on)
	}
	say(gpsNoon)
	if out.on[codeRollover] || out.on[codeGPSTime] {
		t.Errorf("right again: %v", out.on)
	}
}

func TestGPSTimeDoesNotAllocate(t *testing.T) {
	d := newGPS(Config{}, Env{Clock: clocktest.NewMachine(1, 0).Clock(gpsFloor)})
	d.out = &nothing{}
	epochs := make([][]byte, 500)
	for i := range epochs {
		epochs[i] = []byte(cycle(after(gpsNoon, i).Format("150405.00"), "6500.74400", "10.0", "57.30"))
	}
	next := 0
	say := func() { d.take(epochs[next]); next++ }
	for range 50 {
		say()
	}
	if n := testing.AllocsPerRun(400, say); n != 0 {
		t.Errorf("%v allocations an epoch, want none", n)
	}
}

func TestFlagsEndWithTheirDriver(t *testing.T) {
	d := &device{}
	d.Flag("GPS-A", true)
	d.Flag("GPS-B", true)
	d.Flag("GPS-A", true)
	d.Flag("GPS-C", false)
	d.Flag("GPS-B", false)
	if fmt.Sprint(d.flags) != "[GPS-A]" {
		t.Errorf("%v", d.flags)
	}
	if d.unflag(); len(d.flags) != 0 {
		t.Errorf("%v", d.flags)
	}
}

// TestGPSDoubtIsSent: a time that is the receiver's word alone and may be wrong says
// by how much; a date that no whole number of rollovers explains is not moved.
func TestGPSDoubtIsSent(t *testing.T) {
	for _, row := range []struct {
		name string
		at   time.Time
		code string
		err  int64 // seconds
		rest string
	}{
		{"today", gpsNoon, "", 0, ""},
		{"the first day of GPS", time.Date(1980, 1, 6, 13, 0, 0, 0, time.UTC), codeGPSDate, 46*365*86400 + 11*86400, "its date is long past"},
		{"a date of no rollover", time.Date(2005, 5, 5, 13, 0, 0, 0, time.UTC), codeGPSDate, 21*365*86400 + 5*86400, "its date is long past"},
		{"moved, it would be years ahead", time.Date(2013, 9, 1, 13, 0, 0, 0, time.UTC), codeGPSDate, 13*365*86400 + 3*86400, "its date is long past"},
		{"two months ahead of the clock", gpsNoon.AddDate(0, 2, 0), codeAhead, 60 * 86400, "its date is far ahead of the clock"},
		{"three years ahead of it", gpsNoon.AddDate(3, 0, 0), codeGPSDate, 3 * 365 * 86400, "its date is years ahead"},
		{"two days behind it", gpsNoon.AddDate(0, 0, -2), codeGPSDate, 19 * 86400, "its date is long past"},
	} {
		out, log := runGPS(t, Config{Options: &GPSOptions{PositionOptions: PositionOptions{Detail: "append"}}}, gpsClock(false), rmc(row.at)+rmc(row.at.Add(time.Second)))
		if len(out.lines) != 2 || codesOf(log) != row.code || !strings.HasSuffix(out.detail(), row.rest) {
			t.Errorf("%s: %v, codes %q, %s", row.name, out.lines, codesOf(log), out.detail())
			continue
		}
		for i, l := range out.lines {
			if !strings.Contains(l, fmt.Sprintf(`"tsmTs":%d`, row.at.Unix()+int64(i))) {
				t.Errorf("%s: its date was changed: %s", row.name, l)
			}
			_, text, doubted := strings.Cut(l, `"tsErr":`)
			var worst int64
			_, _ = fmt.Sscan(strings.Split(text, ",")[0], &worst)
			if doubted != (row.err > 0) || worst < row.err {
				t.Errorf("%s: it says that it is wrong by %d s at most, want %d or more: %s", row.name, worst, row.err, l)
			}
		}
	}
}

// TestGPSNeverFixed: a receiver that has not found a fix in some minutes is a problem,
// whatever it sends meanwhile.
func TestGPSNeverFixed(t *testing.T) {
	for name, say := range map[string]func(s int) string{
		"void":             func(s int) string { return void(after(gpsNoon, s)) },
		"without a time":   func(int) string { return sum("GPRMC,,V,,,,,,,,,,N") },
		"satellites alone": func(int) string { return sum("GPGSV,1,1,00") },
	} {
		t.Run(name, func(t *testing.T) {
			c := gpsClock(false)
			d := newGPS(Config{}, Env{Clock: c})
			out := &flagOut{on: map[string]bool{}}
			d.out = out
			second := func(s int, text string) {
				c.Set(clock.Now{Mono: 1000 + 1000*int64(s), Unix: gpsNoon.UnixMilli()})
				d.take([]byte(text))
				d.join.Idle()
			}
			for s := range 2 * gpsNever / 1000 {
				second(s, say(s))
				if want := s >= gpsNever/1000; out.on[codeNoFix] != want {
					t.Fatalf("after %d s: %v", s, out.on)
				}
			}
			second(700, rmc(after(gpsNoon, 700)))
			if out.on[codeNoFix] {
				t.Error("still a problem with a fix")
			}
		})
	}
}

// TestGPSFrozen: a receiver whose time stands still is a problem, and one that pauses
// between its cycles, or adds to them late, is none.
func TestGPSFrozen(t *testing.T) {
	c := gpsClock(false)
	d := newGPS(Config{}, Env{Clock: c})
	out := &flagOut{on: map[string]bool{}}
	d.out = out
	second := func(s int, text string) {
		c.Set(clock.Now{Mono: 1000 + 1000*int64(s), Unix: gpsNoon.UnixMilli()})
		d.take([]byte(text))
		d.join.Idle()
	}
	late := func(at time.Time) string {
		return sum("GPGLL,6500.74400,N,02528.08600,E," + at.Format("150405.00") + ",A,A")
	}
	for s := 0; s < 600; s += 60 {
		second(s, rmc(after(gpsNoon, s)))
		second(s+1, late(after(gpsNoon, s))+late(after(gpsNoon, s))+late(after(gpsNoon, s)))
		if out.on[codeFrozen] {
			t.Fatalf("after %d s: a slow receiver counts as frozen", s)
		}
	}
	for s := 600; s < 660; s++ {
		second(s, rmc(after(gpsNoon, 600)))
		if s >= 615 != out.on[codeFrozen] && (s < 605 || s > 614) {
			t.Fatalf("after %d s: %v", s, out.on)
		}
	}
	second(660, rmc(after(gpsNoon, 660)))
	if out.on[codeFrozen] {
		t.Error("still frozen although its time goes on")
	}
}
