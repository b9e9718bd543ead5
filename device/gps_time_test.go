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
	d := newGPS(Config{Options: &GPSOptions{Detail: "off"}}, Env{Clock: c})
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
		d := newGPS(Config{Options: &GPSOptions{Detail: "off"}}, Env{Clock: c})
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
