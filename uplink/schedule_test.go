package uplink

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func mustSchedule(t *testing.T, zone *time.Location, windows ...string) Schedule {
	t.Helper()
	s, err := ParseSchedule(windows, zone)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// oddZone puts its clock forward from 03:00 to 04:00 on 29 March 2026 and back
// from 04:00 to 03:00 on 25 October, as Helsinki does.
func oddZone(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Helsinki")
	if err != nil {
		t.Skip("no time zones on this machine: ", err)
	}
	return zone
}

func TestScheduleOpen(t *testing.T) {
	zone := time.FixedZone("x", 2*3600)
	at := func(text string) time.Time {
		d, err := time.ParseInLocation("2006-01-02 15:04:05", text, zone)
		if err != nil {
			t.Fatal(err)
		}
		return d.UTC() // the zone of the schedule counts, not that of the time
	}
	for _, c := range []struct {
		windows string // several are parted by |
		at      string // 2026-11-23 is a Monday
		open    bool
	}{
		{"", "2026-11-23 12:00:00", true},
		{"02:00-04:00", "2026-11-23 01:59:59", false},
		{"02:00-04:00", "2026-11-23 02:00:00", true},
		{"02:00-04:00", "2026-11-23 03:59:59", true},
		{"02:00-04:00", "2026-11-23 04:00:00", false},
		{"22:00-02:00", "2026-11-23 23:59:59", true},
		{"22:00-02:00", "2026-11-23 00:00:00", true},
		{"22:00-02:00", "2026-11-23 02:00:00", false},
		{"mon 22:00-02:00", "2026-11-24 01:00:00", true}, // the night that began on Monday
		{"mon 22:00-02:00", "2026-11-23 01:00:00", false},
		{"sun 22:00-02:00", "2026-11-23 01:00:00", true},
		{"mon-fri 12:00-12:30", "2026-11-27 12:15:00", true},
		{"mon-fri 12:00-12:30", "2026-11-28 12:15:00", false},
		{"sat,sun 00:00-24:00", "2026-11-28 23:59:59", true},
		{"sat,sun 00:00-24:00", "2026-11-30 00:00:00", false},
		{"fri-mon 08:00-09:00", "2026-11-29 08:30:00", true},
		{"fri-mon 08:00-09:00", "2026-11-25 08:30:00", false},
		{"MON 08:00-09:00", "2026-11-23 08:30:00", true},
		{"02:00-04:00|mon-fri 12:00-12:30", "2026-11-23 12:15:00", true},
	} {
		var windows []string
		if c.windows != "" {
			windows = strings.Split(c.windows, "|")
		}
		s := mustSchedule(t, zone, windows...)
		if got := s.Open(at(c.at)); got != c.open {
			t.Errorf("%q at %s: open %v", c.windows, c.at, got)
		}
	}
}

func TestScheduleRefuses(t *testing.T) {
	for _, text := range []string{
		"", " ", "02:00", "2:00-4:00", "02:00-02:00", "24:00-02:00", "25:00-26:00", "02:60-03:00", "02:00-04:00 mon",
		"monday 02:00-04:00", "mon-xyz 02:00-04:00", "mon, 02:00-04:00", "mon tue 02:00-04:00", "02.00-04.00", "-", "02:00-", "mon", "02:00–04:00",
	} {
		if _, err := ParseSchedule([]string{text}, nil); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

// Open and Change agree at every minute of weeks in which the clock is put
// forward, put back and left alone.
func TestScheduleChangeAgainstEveryMinute(t *testing.T) {
	zone := oddZone(t)
	for _, windows := range [][]string{
		{"03:00-04:00"}, {"03:30-03:45"}, {"02:30-03:30"}, {"03:15-05:00"}, {"22:00-03:30"}, {"sat 23:00-04:30", "mon-fri 12:00-12:30"}, {"00:00-24:00"}, {"sun 03:59-04:01"},
	} {
		s := mustSchedule(t, zone, windows...)
		for _, day := range []string{"2026-03-27", "2026-10-23", "2026-06-03"} {
			begin, _ := time.ParseInLocation("2006-01-02", day, zone)
			const minutes = 3 * minutesOfDay
			next := time.Time{} // walking back, the next change
			open := s.Open(begin.Add(minutes * time.Minute))
			for m := minutes; m >= 0; m-- {
				at := begin.Add(time.Duration(m) * time.Minute)
				before := m > 0 && s.Open(at.Add(-time.Minute))
				edge := m > 0 && open != before
				open = before
				if edge || m%37 == 0 || next.Sub(at) == time.Minute {
					if got := s.Change(at); !next.IsZero() && !got.Equal(next) {
						t.Fatalf("%v at %v: the next change is %v, want %v", windows, at, got, next)
					}
				}
				if edge {
					next = at
				}
			}
		}
	}
}

// What lies in the missing hour is left out, what lies in the repeated one
// counts twice.
func TestScheduleWhenTheClockIsPutForwardAndBack(t *testing.T) {
	zone := oddZone(t)
	s := mustSchedule(t, zone, "03:00-04:00")
	for day, want := range map[string]int{"2026-03-28": 60, "2026-03-29": 0, "2026-10-25": 120, "2026-10-26": 60} {
		begin, _ := time.ParseInLocation("2006-01-02", day, zone)
		open := 0
		for at := begin; at.Before(begin.AddDate(0, 0, 1)); at = at.Add(time.Minute) {
			if s.Open(at) {
				open++
			}
		}
		if open != want {
			t.Errorf("%s: open for %d minutes, want %d", day, open, want)
		}
	}
}

// hours is a wall clock that can be moved, in addition to the bubble's own time.
type hours struct {
	offset    atomic.Int64
	untrusted atomic.Bool
}

func (h *hours) now() time.Time { return time.Now().Add(time.Duration(h.offset.Load())).UTC() }

func (h *hours) options(windows ...string) Options {
	return Options{Schedule: windows, Zone: time.UTC, Now: h.now, ClockTrusted: func() bool { return !h.untrusted.Load() }}
}

// The bubble begins at midnight UTC. Outside the hours nothing is dialled and
// the status says when they begin; inside everything goes, and at their end the
// link closes in order with every proof in.
func TestUplinkHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hours{}
		w := start(t, h.options("02:00-04:00"), polite)
		w.src.hold = true
		w.src.add(100)
		w.run()
		began := time.Now()
		time.Sleep(time.Hour)
		w.link.Wake() // does not open the link
		time.Sleep(time.Minute)
		w.state(Waiting)
		opens := began.Add(2 * time.Hour)
		if st := w.link.Status(); !st.Opens.Equal(opens) || !st.NextTry.Equal(opens) || st.Problem != "" || st.Failures != 0 || w.net.count() != 0 || w.link.Idle() != 0 {
			t.Errorf("status %+v", st)
		}
		time.Sleep(time.Hour)
		w.state(Online)
		if d := w.net.dials[0].Sub(opens); d <= 0 || d > 31*time.Second {
			t.Errorf("connected %v after the hours began, want up to the spread of 30 s", d)
		}
		if st := w.link.Status(); st.Proven != 100 || !st.Opens.IsZero() {
			t.Errorf("status %+v", st)
		}
		for range 130 {
			time.Sleep(time.Minute)
			w.src.add(1)
		}
		w.state(Waiting)
		st := w.link.Status()
		if st.Opens.Sub(opens) != 24*time.Hour || w.net.count() != 1 || st.Failures != 0 || w.src.forgets != 1 || w.src.rewinds != 0 {
			t.Errorf("%d forgets, %d rewinds, status %+v", w.src.forgets, w.src.rewinds, st)
		}
		if n := w.src.count(waiting); n == 0 || n > 20 {
			t.Errorf("%d readings wait, want those since 04:00", n)
		}
		w.src.seal()
		time.Sleep(23 * time.Hour)
		if err := <-w.done; err != nil {
			t.Error(err)
		}
		if n := w.src.count(released); n != 230 || w.net.count() != 2 {
			t.Errorf("%d released by %d connections", n, w.net.count())
		}
		w.stop()
		w.net.wg.Wait()
	})
}

// A clock that is not trusted cannot judge the hours: the link is up until it
// is, and goes down in order then.
func TestUplinkHoursWithoutATrustedClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hours{}
		h.untrusted.Store(true)
		w := start(t, h.options("02:00-04:00"), polite)
		w.src.add(1)
		w.run()
		w.state(Online)
		time.Sleep(time.Hour)
		w.state(Online)
		h.untrusted.Store(false)
		time.Sleep(hoursPoll + 2*time.Second)
		w.state(Waiting)
		if st := w.link.Status(); st.Opens.IsZero() || w.net.count() != 1 || st.Failures != 0 {
			t.Errorf("status %+v", st)
		}
		w.end()
	})
}

// A wall clock that steps to and fro over the edge of the hours makes no storm.
func TestUplinkHoursWithASteppingClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hours{}
		w := start(t, h.options("01:00-23:00"), polite)
		w.run()
		time.Sleep(2 * time.Hour)
		for i := range 680 { // a step each 5.3 s, for an hour
			h.offset.Store(int64(i%2) * int64(22*time.Hour))
			time.Sleep(5300 * time.Millisecond)
		}
		if n := w.net.count(); n < 2 || n > 125 {
			t.Errorf("%d connections in an hour", n)
		}
		if n := w.logs.len(); n > 60 {
			t.Errorf("%d lines of log in an hour", n)
		}
		t.Logf("%d connections, %d lines", w.net.count(), w.logs.len())
		w.end()
	})
}
