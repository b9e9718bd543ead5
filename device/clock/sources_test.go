package clock

import (
	"fmt"
	"testing"
	"time"
)

// The day these stories are told on, 21 days after the program was made.
var (
	made = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).UnixMilli()
)

// stage is a machine whose clocks stand still unless moved, ten minutes after
// boot at noon, with a wall clock that never left 1970.
type stage struct {
	*Clock
	mono, wall int64
	why        string
}

func newStage() *stage {
	s := &stage{mono: 600_000, wall: 600_000, why: "no time server"}
	s.Clock = &Clock{built: made.UnixMilli(), read: func() (int64, int64) { return s.mono, s.wall }, ask: func() string { return s.why }}
	return s
}

func (s *stage) pass(ms int64) { s.mono += ms; s.wall += ms }

// unix is the true time: noon at the beginning.
func (s *stage) unix() int64 { return noon + s.mono - 600_000 }

// second has the receiver say a fix once a second, off by so much.
func (s *stage) second(g *GNSS, off int64) {
	g.Hear(s.unix()+off, s.mono)
	s.pass(1000)
}

// believes says what the clock goes by, and how far off the true time.
func (s *stage) believes() string {
	now := s.Now()
	if !now.Trusted {
		return SourceNone
	}
	return fmt.Sprintf("%s %+d ±%d", s.Source(), now.Unix-s.unix(), now.Err)
}

const year = 365 * 24 * 3600_000

func TestWhatIsBelieved(t *testing.T) {
	for _, row := range []struct {
		name string
		tell func(s *stage, g *GNSS)
		want string
	}{
		{"nothing", func(*stage, *GNSS) {}, "none"},
		{"one fix", func(s *stage, g *GNSS) { s.second(g, 0) }, "none"},
		{"two fixes", func(s *stage, g *GNSS) { s.second(g, 0); s.second(g, 0) }, "none"},
		{"three fixes", func(s *stage, g *GNSS) { three(s, g, 0) }, "gnss +0 ±0"},
		{"three fixes of different lateness", func(s *stage, g *GNSS) {
			for _, late := range []int64{400, 150, 900} {
				g.Hear(s.unix(), s.mono+late)
				s.pass(1000)
			}
		}, "gnss -150 ±0"},
		{"three fixes in less than two seconds", func(s *stage, g *GNSS) {
			for range 3 {
				g.Hear(s.unix(), s.mono)
				s.pass(500)
			}
		}, "none"},
		{"ten a second", func(s *stage, g *GNSS) {
			for range 21 {
				g.Hear(s.unix(), s.mono)
				s.pass(100)
			}
		}, "gnss +0 ±0"},
		{"the same fix said twice", func(s *stage, g *GNSS) {
			g.Hear(s.unix(), s.mono)
			g.Hear(s.unix(), s.mono+100)
			s.pass(2000)
			g.Hear(s.unix(), s.mono)
		}, "none"},
		{"fixes too far apart", func(s *stage, g *GNSS) { s.second(g, 0); s.second(g, -1001); s.second(g, 0); s.second(g, -1001) }, "none"},
		{"Row 30: a time that stands still", func(s *stage, g *GNSS) {
			for range 10 {
				g.Hear(noon, s.mono)
				s.pass(100)
			}
		}, "none"},
		{"a full buffer read at once", func(s *stage, g *GNSS) {
			for i := range int64(10) {
				g.Hear(s.unix()-10_000+1000*i, s.mono)
			}
		}, "none"},
		{"the wrong one of two receivers", func(s *stage, g *GNSS) {
			other := s.GNSS("other")
			for range 3 {
				other.Hear(s.unix()+20*year, s.mono)
				s.second(g, 0)
			}
		}, "gnss +0 ±0"},
		{"Row 30: before the program was made", func(s *stage, g *GNSS) { three(s, g, -year) }, "none"},
		{"Row 30: 20 years ahead", func(s *stage, g *GNSS) { three(s, g, 20*year) }, "none"},
		{"before the last good time", func(s *stage, g *GNSS) { s.Remember(noon + 3600_000); three(s, g, 0) }, "none"},
		{"after the last good time", func(s *stage, g *GNSS) { s.Remember(noon - 3600_000); three(s, g, 0) }, "gnss +0 ±0"},

		{"a server alone", func(s *stage, g *GNSS) { s.HearServer(s.unix(), s.mono, 600, false) }, "none"},
		{"a server that is trusted", func(s *stage, g *GNSS) { s.HearServer(s.unix()+300, s.mono, 600, true) }, "server +300 ±1"},
		{"a server and a fix", func(s *stage, g *GNSS) { s.second(g, 0); s.HearServer(s.unix()+300, s.mono, 1600, false) }, "server +300 ±2"},
		{"a server and then a fix", func(s *stage, g *GNSS) { s.HearServer(s.unix()+300, s.mono, 600, false); s.second(g, 0) }, "server +300 ±1"},
		{"a server and a fix that contradicts", func(s *stage, g *GNSS) { s.second(g, 0); s.HearServer(s.unix()+61_000, s.mono, 600, false) }, "none"},
		{"a server and a fix of long ago", func(s *stage, g *GNSS) {
			s.second(g, 0)
			s.pass(11 * 60_000)
			s.HearServer(s.unix(), s.mono, 600, false)
		}, "none"},
		{"a server and a battery clock", func(s *stage, g *GNSS) {
			s.wall = s.unix() - 250_000
			s.HearServer(s.unix(), s.mono, 600, false)
		}, "server +0 ±1"},
		{"a server and a clock that stands where it was switched off", func(s *stage, g *GNSS) {
			s.wall = s.unix() - 3600_000
			s.HearServer(s.unix(), s.mono, 600, false)
		}, "none"},
		{"a server in 1970 and a clock that agrees", func(s *stage, g *GNSS) { s.HearServer(s.wall, s.mono, 600, false) }, "none"},
		{"a trusted server before the floor", func(s *stage, g *GNSS) { s.HearServer(made.UnixMilli()-1, s.mono, 600, true) }, "none"},
		{"a trusted server beyond the ceiling", func(s *stage, g *GNSS) { s.HearServer(s.unix()+11*year, s.mono, 600, true) }, "none"},
		{"a server that took too long", func(s *stage, g *GNSS) { s.HearServer(s.unix(), s.mono, vague+1, true) }, "none"},
		{"a trusted server that is corrected a little", func(s *stage, g *GNSS) {
			s.HearServer(s.unix()+5000, s.mono, 600, true)
			s.HearServer(s.unix(), s.mono, 600, true)
		}, "server +0 ±1"},
		{"a trusted server that changes its mind", func(s *stage, g *GNSS) {
			s.HearServer(s.unix(), s.mono, 600, true)
			s.HearServer(s.unix()+year, s.mono, 600, true)
		}, "server +0 ±1"},
		{"fixes after a server", func(s *stage, g *GNSS) { s.HearServer(s.unix()+30_000, s.mono, 600, true); three(s, g, 0) }, "gnss +0 ±0"},
		{"fixes that contradict a server alone", func(s *stage, g *GNSS) { s.HearServer(s.unix()+year, s.mono, 600, true); three(s, g, 0) }, "none"},
		{"fixes that contradict a server and a battery clock", func(s *stage, g *GNSS) {
			s.wall = s.unix() - 250_000
			s.HearServer(s.unix(), s.mono, 600, false)
			three(s, g, year/2)
		}, "server +0 ±1"},
		{"two receivers, one of them 551 days ahead", func(s *stage, g *GNSS) {
			other := s.GNSS("other")
			for range 30 {
				other.Hear(s.unix()+551*day, s.mono)
				s.second(g, 0)
			}
		}, "none"},
		{"a wrong receiver was there first", func(s *stage, g *GNSS) {
			three(s, s.GNSS("other"), 551*day)
			three(s, g, 0)
		}, "none"},
		{"a right receiver was there first", func(s *stage, g *GNSS) {
			three(s, g, 0)
			three(s, s.GNSS("other"), 551*day)
		}, "none"},
		{"a single fix of another receiver contests nothing", func(s *stage, g *GNSS) {
			three(s, g, 0)
			s.GNSS("other").Hear(s.unix()+551*day, s.mono)
		}, "gnss +0 ±0"},
		{"one that is gone is not forgotten at once", func(s *stage, g *GNSS) {
			three(s, g, 0)
			s.pass(3600_000)
			three(s, s.GNSS("other"), 551*day)
			three(s, s.GNSS("other"), 551*day)
		}, "none"},
		{"a third receiver decides", func(s *stage, g *GNSS) {
			three(s, s.GNSS("other"), 551*day)
			three(s, g, 0)
			third := s.GNSS("third")
			for range 4 {
				third.Hear(s.unix(), s.mono)
				s.second(g, 0)
			}
		}, "gnss +0 ±0"},
		{"the server decides", func(s *stage, g *GNSS) {
			three(s, s.GNSS("other"), 551*day)
			three(s, g, 0)
			s.HearServer(s.unix(), s.mono, 600, false)
			three(s, g, 0)
		}, "gnss +0 ±0"},
		{"the kernel decides", func(s *stage, g *GNSS) {
			three(s, s.GNSS("other"), 551*day)
			three(s, g, 0)
			s.sync()
			three(s, s.GNSS("other"), 551*day)
		}, "kernel +0 ±0"},
		{"the other one is mended", func(s *stage, g *GNSS) {
			three(s, s.GNSS("other"), 551*day)
			three(s, g, 0)
			three(s, s.GNSS("other"), 0)
			three(s, g, 0)
		}, "gnss +0 ±0"},
		{"a wall clock that stands where it was switched off is no witness", func(s *stage, g *GNSS) {
			s.wall = s.unix() - 90*day
			three(s, g, 0)
		}, "gnss +0 ±0"},
		{"years ahead of a wall clock in 1970", func(s *stage, g *GNSS) { three(s, g, 3*year) }, fmt.Sprintf("gnss %+d ±0", int64(3*year))},
		{"more than two years ahead of the wall clock", func(s *stage, g *GNSS) {
			s.wall = made.UnixMilli()
			three(s, g, 3*year)
		}, "none"},
		{"two of them", func(s *stage, g *GNSS) {
			s.mono, s.wall = s.mono+3*year, made.UnixMilli()
			other := s.GNSS("other")
			for range 4 {
				other.Hear(s.unix(), s.mono)
				s.second(g, 0)
			}
		}, "gnss +0 ±0"},
		{"days behind the wall clock", func(s *stage, g *GNSS) {
			s.wall = s.unix() + 3*day
			three(s, g, 0)
		}, "none"},
		{"hours behind a wall clock that is set to another zone", func(s *stage, g *GNSS) {
			s.wall = s.unix() + 12*3600_000
			three(s, g, 0)
		}, "gnss +0 ±0"},
		{"what an earlier run believed", func(s *stage, g *GNSS) { s.Resume(noon-600_000, 0, 600_000); s.pass(20_000_000) }, "carried +0 ±2"},
		{"fixes after that", func(s *stage, g *GNSS) { s.Resume(noon-600_000, 2, 600_000); three(s, g, -1500) }, "gnss -1500 ±0"},
		{"fixes that contradict that", func(s *stage, g *GNSS) { s.Resume(noon-600_000, 0, 600_000); three(s, g, year/4) }, "carried +0 ±0"},
		{"the kernel after that", func(s *stage, g *GNSS) { s.Resume(noon-600_000+5000, 0, 600_000); s.sync() }, "kernel +0 ±0"},
		{"what another boot believed", func(s *stage, g *GNSS) { s.Resume(noon-600_000, 0, 700_000) }, "none"},
		{"a server after fixes", func(s *stage, g *GNSS) { three(s, g, 0); s.HearServer(s.unix()+5000, s.mono, 600, true) }, "gnss +0 ±0"},

		{"the kernel", func(s *stage, g *GNSS) { s.sync() }, "kernel +0 ±0"},
		{"the kernel after fixes", func(s *stage, g *GNSS) { three(s, g, -800); s.sync() }, "kernel +0 ±0"},
		{"the kernel after a server", func(s *stage, g *GNSS) { s.HearServer(s.unix()+9000, s.mono, 600, true); s.sync() }, "kernel +0 ±0"},
		{"the kernel before the last good time", func(s *stage, g *GNSS) { s.Remember(noon + year); s.sync() }, "kernel +0 ±0"},
		{"Row 30: fixes that contradict the kernel", func(s *stage, g *GNSS) { s.sync(); three(s, g, -61_000) }, "kernel +0 ±0"},
		{"fixes that agree with the kernel", func(s *stage, g *GNSS) { s.sync(); three(s, g, -500) }, "kernel +0 ±0"},
		{"the kernel in 1970", func(s *stage, g *GNSS) { s.why = ""; s.pass(1000) }, "none"},

		{"Row 28: the clock set back an hour by hand", func(s *stage, g *GNSS) { s.sync(); s.wall -= 3600_000; s.why = "set by hand" }, "kernel +0 ±0"},
		{"Row 27: ten years forward by hand", func(s *stage, g *GNSS) { s.sync(); s.wall += 10 * year; s.why = "set by hand" }, "kernel +0 ±0"},
		{"the wall clock after fixes", func(s *stage, g *GNSS) { three(s, g, 0); s.wall = s.unix() + 77_000 }, "gnss +0 ±0"},
		{"Row 29: a leap second", func(s *stage, g *GNSS) { s.sync(); s.wall -= 1000 }, "kernel -1000 ±0"},
		{"the time server is gone for ten hours", func(s *stage, g *GNSS) { s.sync(); s.why = "lost"; s.pass(1000); s.pass(36_000_000) }, "kernel +0 ±3"},
		{"fixes correct what has drifted since", func(s *stage, g *GNSS) {
			s.sync()
			s.why = "lost"
			s.pass(1000)
			s.pass(36_000_000)
			three(s, g, 3000)
		}, "gnss +3000 ±0"},
		{"fixes that contradict what was right", func(s *stage, g *GNSS) {
			s.sync()
			s.why = "lost"
			s.pass(1000)
			three(s, g, year)
		}, "kernel +0 ±0"},
		{"fixes follow a drift", func(s *stage, g *GNSS) { three(s, g, 0); three(s, g, 1500) }, "gnss +1500 ±0"},
		{"fixes do not follow a jitter", func(s *stage, g *GNSS) { three(s, g, 0); three(s, g, -900) }, "gnss +0 ±0"},
		{"fixes that jump after they were believed", func(s *stage, g *GNSS) { three(s, g, 0); three(s, g, year) }, "gnss +0 ±0"},
		{"fixes that keep coming keep it right", func(s *stage, g *GNSS) {
			for range 100_000 {
				s.second(g, 0)
			}
		}, "gnss +0 ±0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newStage()
			row.tell(s, s.GNSS("gps"))
			if got := s.believes(); got != row.want {
				t.Errorf("believes %s, want %s", got, row.want)
			}
			if trusted := row.want != "none"; (s.Reason() == "") != trusted {
				t.Errorf("reason %q", s.Reason())
			}
		})
	}
}

func three(s *stage, g *GNSS, off int64) {
	for range 3 {
		s.second(g, off)
	}
}

// sync has a time server set the wall clock.
func (s *stage) sync() {
	s.why = ""
	s.wall = s.unix()
	s.pass(askEvery)
	s.Now()
}

// Rows 27 and 28: whatever is done to the wall clock, the time goes on as it
// was, whoever looks when.
func TestStepsAreSeenAndNotFollowed(t *testing.T) {
	s := newStage()
	s.Now()
	s.sync()
	if got := s.Stepped(); got.Count != 0 {
		t.Errorf("being set for the first time counts as a step: %+v", got)
	}
	s.pass(10)
	backs := uint64(0)
	for i, by := range []int64{10 * year, -10 * year, -3600_000, 3600_000, -56 * year} {
		s.wall += by
		s.why = "set by hand"
		at := s.mono
		if got := s.believes(); got != "kernel +0 ±0" {
			t.Errorf("step %d: %s", i, got)
		}
		if by < 0 {
			backs++
		}
		if got := s.Stepped(); got != (Step{Count: uint64(i + 1), Back: backs, By: by, Mono: at}) {
			t.Errorf("step %d: %+v", i, got)
		}
		s.pass(700)
	}
	// A server's time does not come between either.
	s.HearServer(s.unix()+year, s.mono, 0, true)
	if got := s.believes(); got != "kernel +0 ±0" {
		t.Errorf("after a hint: %s", got)
	}
	// The kernel's word is followed again as soon as it is given.
	s.wall, s.why = s.unix()+7, ""
	s.pass(askEvery)
	if got := s.believes(); got != "kernel +7 ±0" {
		t.Errorf("synchronised again: %s", got)
	}
}

// The wall clock is held against the server's time, until that is a day old.
func TestAheadOfServer(t *testing.T) {
	s := newStage()
	s.sync()
	if ms, ok := s.AheadOfServer(); ok {
		t.Errorf("%d ms ahead of a server that told nothing", ms)
	}
	s.HearServer(s.unix()+1500, s.mono, 500, false)
	s.HearServer(s.unix()-100*year, s.mono, 500, false) // which is not possible
	s.pass(1000)
	if ms, ok := s.AheadOfServer(); !ok || ms != -1500 {
		t.Errorf("%d ms ahead, %v", ms, ok)
	}
	s.wall += 60_000
	if ms, ok := s.AheadOfServer(); !ok || ms != 58_500 {
		t.Errorf("%d ms ahead after a step, %v", ms, ok)
	}
	s.pass(day)
	if ms, ok := s.AheadOfServer(); ok {
		t.Errorf("%d ms ahead of what was told more than a day ago", ms)
	}
}

// Row 29: slewing moves both clocks alike, and a leap second is no step.
func TestSlewAndLeapSecondAreNoSteps(t *testing.T) {
	s := newStage()
	s.sync()
	last := s.Now()
	for i := range 10_000 {
		s.mono, s.wall = s.mono+100, s.wall+100
		if i%10 == 0 {
			s.wall++ // 1 ms a second: twice what a time server slews
		}
		if i == 5000 {
			s.wall -= 1000
		}
		now := s.Now()
		if !now.Trusted || now.Mono <= last.Mono || now.Unix < last.Unix-1000 {
			t.Fatalf("%+v after %+v", now, last)
		}
		last = now
	}
	if got := s.Stepped(); got.Count != 0 {
		t.Errorf("%+v", got)
	}
}

// A caller that was held up between reading the clocks and looking must not
// undo a step that another has seen.
func TestStepIsSeenOnce(t *testing.T) {
	s := newStage()
	s.sync()
	mono, wall := s.mono, s.wall
	s.wall += year
	s.Now()
	// The late one comes with its old reading, and gets the new one.
	reads := 0
	s.read = func() (int64, int64) {
		if reads++; reads == 1 {
			return mono, wall
		}
		return s.mono, s.wall
	}
	if now := s.Now(); now.Unix != s.wall {
		t.Errorf("%+v", now)
	}
	if got := s.Stepped(); got.Count != 1 {
		t.Errorf("%+v", got)
	}
}

func TestHearDoesNotAllocate(t *testing.T) {
	s := newStage()
	g := s.GNSS("gps")
	three(s, g, 0)
	if n := testing.AllocsPerRun(1000, func() { s.second(g, 0) }); n != 0 {
		t.Errorf("%v allocations a fix", n)
	}
	if n := testing.AllocsPerRun(1000, func() { s.HearServer(s.unix(), s.mono, 500, false) }); n != 0 {
		t.Errorf("%v allocations a hint", n)
	}
}

func TestFakeHearsNothing(t *testing.T) {
	c := Fake(Now{Mono: 5, Unix: noon}, made)
	g := c.GNSS("gps")
	for i := range int64(5) {
		g.Hear(noon+1000*i, 5+1000*i)
	}
	c.HearServer(noon, 5, 0, true)
	if now := c.Now(); now.Trusted {
		t.Errorf("%+v", now)
	}
}

// TestAMomentBeforeTheClockWasSet: what was read before the kernel's clock was set has
// the right time too, once that is known, and never the old one as if it were right.
func TestAMomentBeforeTheClockWasSet(t *testing.T) {
	s := newStage()
	before := s.Read()
	if now := s.At(before); now.Trusted {
		t.Fatalf("%+v before anything is known", now)
	}
	want := s.unix()
	s.pass(40)
	s.wall = s.unix()
	s.sync()
	s.Now()
	if now := s.At(before); !now.Trusted || now.Unix != want || now.Mono != 600_000 {
		t.Errorf("%+v, want the time %d", now, want)
	}
}
