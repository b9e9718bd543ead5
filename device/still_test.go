package device

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"portti/device/clock"
	"portti/device/clock/clocktest"
	"portti/device/nmea"
)

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
