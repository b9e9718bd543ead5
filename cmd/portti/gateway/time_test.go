package gateway

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/buffer"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/device/clock"
	"portti/device/clock/clocktest"
)

var epoch = time.Unix(0, 0)

const tenYears = 3652 * 24 * time.Hour

// Row 25: a boot in 1970. Readings wait, CLK-UNSET says why, and they leave with
// their right times as soon as a trusted time comes, whatever it comes from.
func TestBootIn1970(t *testing.T) {
	for _, row := range []struct {
		name   string
		server testbed.Options
		more   string
		arrive func(s *timeSite)
		source string
		worst  time.Duration
	}{
		{"kernel", testbed.Options{}, "", func(s *timeSite) { s.machine.Sync(true, time.Now().UnixMilli()); time.Sleep(2 * time.Second) }, clock.SourceKernel, 5 * time.Millisecond},
		{"gnss", testbed.Options{}, "", func(s *timeSite) { s.fix(3, time.Now); time.Sleep(time.Second) }, clock.SourceGNSS, 5 * time.Millisecond},
		{"gnss a week rollover behind", testbed.Options{}, "", func(s *timeSite) {
			s.fix(3, func() time.Time { return time.Now().AddDate(0, 0, -1024*7) })
			time.Sleep(time.Second)
		}, clock.SourceGNSS, 5 * time.Millisecond},
		{"server that is trusted", testbed.Options{Date: trueDate}, "[clock]\ntrust_server = true", func(s *timeSite) {
			s.server.Refuse(false)
			time.Sleep(time.Minute)
		}, clock.SourceServer, time.Second},
		{"server and one fix", testbed.Options{Date: trueDate}, "", func(s *timeSite) {
			s.server.Refuse(false)
			time.Sleep(time.Minute)
			if s.checkedStatus().Clock.Trusted {
				s.t.Error("a server alone was believed")
			}
			s.fix(1, time.Now)
			time.Sleep(time.Second)
		}, clock.SourceServer, time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			onTimeSite(t, row.server, func(s *timeSite) {
				s.more = row.more
				if row.source == clock.SourceServer {
					s.server.Refuse(true)
				}
				s.boot(epoch)
				s.feed(40)
				st := s.checkedStatus()
				if n := len(s.got()); n != 0 || st.Clock.Trusted || st.Clock.Source != "none" || st.Clock.Reason == "" || !strings.Contains(s.codes(), "CLK-UNSET") {
					t.Errorf("%d left before the time was known; %+v, %s", n, st.Clock, s.codes())
				}
				row.arrive(s)
				s.right(1, 40, row.worst)
				s.feed(5)
				time.Sleep(time.Second)
				s.right(1, 45, row.worst)
				s.unchanged()
				if st = s.checkedStatus(); !st.Clock.Trusted || st.Clock.Source != row.source || st.Clock.Reason != "" || strings.Contains(s.codes(), "CLK-") {
					t.Errorf("%+v, %s", st.Clock, s.codes())
				}
			})
		})
	}
}

// Row 25: nothing ever tells the time. After the hold readings leave with the
// best guess and say how wrong it may be; the time that comes later changes none
// of them.
func TestHoldEndsWithoutATime(t *testing.T) {
	onTimeSite(t, testbed.Options{Date: trueDate}, func(s *timeSite) {
		s.boot(epoch)
		s.feed(60)
		if n := len(s.got()); n != 0 {
			t.Errorf("%d left within the hold", n)
		}
		time.Sleep(time.Minute + 2*time.Second)
		s.right(1, 60, 0)
		if got := s.got(); got[0].err == 0 || got[0].ms < s.built.UnixMilli()-3*60_000 {
			t.Errorf("%+v", got[0])
		}
		if codes := s.codes(); !strings.Contains(codes, "CLK-GUESSED") {
			t.Errorf("shown: %s", codes)
		}
		s.machine.Sync(true, time.Now().UnixMilli())
		time.Sleep(2 * time.Second)
		s.server.Cut() // what is held comes again
		time.Sleep(time.Minute)
		s.feed(3)
		time.Sleep(time.Second)
		s.right(61, 63, 5*time.Millisecond)
		s.unchanged()
		if st := s.checkedStatus(); st.Totals.Resent == 0 || st.Totals.Acked != 63 {
			t.Errorf("the story did not happen: %+v", st.Totals)
		}
	})
}

// Row 26: in 1970 no certificate is valid yet. The clock is named, not the
// certificate; nothing is sent through it; the link comes up when the time does.
func TestCertificateInTheFuture(t *testing.T) {
	onTimeSite(t, testbed.Options{TLS: true}, func(s *timeSite) {
		s.built = time.Now().AddDate(-3, 0, 0) // before the certificate
		s.boot(epoch)
		s.feed(60)
		time.Sleep(10*time.Minute + 10*time.Second) // just after an attempt, which comes every 35 s here
		st := s.checkedStatus()
		if st.Link.State == status.LinkOnline || st.Link.Problem != "CLK-UNSET" || s.codes() != "CLK-UNSET" || s.server.Stats().Connections != 0 {
			t.Errorf("shown: %s; %+v", s.codes(), st.Link)
		}
		s.fix(3, time.Now)
		time.Sleep(10 * time.Second) // sooner than the next attempt would be
		if st = s.checkedStatus(); st.Link.State != status.LinkOnline || s.codes() != "" {
			t.Errorf("shown: %s; %+v", s.codes(), st.Link)
		}
		s.right(1, 60, 5*time.Millisecond)
		s.unchanged()
	})
}

// Row 26: the wall clock shows 1970, but it cannot be before the day this
// program was made: with a certificate that was valid then the link works.
func TestCertificateIsJudgedByTheFloor(t *testing.T) {
	onTimeSite(t, testbed.Options{TLS: true}, func(s *timeSite) {
		s.boot(epoch)
		time.Sleep(5 * time.Second)
		if st := s.checkedStatus(); st.Link.State != status.LinkOnline {
			t.Errorf("%+v", st.Link)
		}
	})
}

// Rows 27 and 28: the wall clock jumps years and hours forward and back while
// the gateway works. Nothing is given up, reordered, dated wrong, connected anew
// or hurried.
func TestWallClockJumps(t *testing.T) {
	for _, row := range []struct {
		name  string
		jumps []time.Duration
		by    func(m *clocktest.Machine, d time.Duration)
		says  string
		worst time.Duration
	}{
		{"ten years by hand", []time.Duration{tenYears, -tenYears}, (*clocktest.Machine).Step, "jumped back by 3652 days", 5 * time.Millisecond},
		{"an hour back by hand", []time.Duration{-time.Hour}, (*clocktest.Machine).Step, "jumped back by 60 min", 5 * time.Millisecond},
		{"ten years by a time server", []time.Duration{tenYears, -tenYears}, (*clocktest.Machine).Leap, "jumped back by 3652 days", 2 * tenYears},
		{"an hour back by a time server", []time.Duration{-time.Hour}, (*clocktest.Machine).Leap, "jumped back by 1 h 0 min", 2 * time.Hour},
	} {
		t.Run(row.name, func(t *testing.T) {
			onTimeSite(t, testbed.Options{Date: trueDate}, func(s *timeSite) {
				s.more = `pong_timeout = "5m"`
				s.boot(time.Now())
				s.machine.Sync(true, 0)
				time.Sleep(2 * time.Second)
				s.feed(10)
				s.server.Stall(true) // something waits at every jump
				for i, d := range row.jumps {
					row.by(s.machine, d)
					s.feed(10)
					if st := s.checkedStatus(); st.Clock.Steps != uint64(i+1) || !st.Clock.Trusted {
						t.Errorf("%+v", st.Clock)
					}
				}
				s.server.Stall(false)
				s.feed(10)
				// An hour later the link has been up all the time, with its pings.
				time.Sleep(time.Hour)
				s.feed(1)
				time.Sleep(time.Second)
				s.right(1, len(s.fed), row.worst)
				s.unchanged()
				st := s.checkedStatus()
				if st.Link.Connects != 1 || st.Totals.Lost.Sum() != 0 || st.Totals.Resent != 0 || st.Totals.Waiting != 0 {
					t.Errorf("%+v %+v", st.Link, st.Totals)
				}
			})
		})
	}
}

// The jump is shown for ten minutes, as something to know and not to do.
func TestStepIsShown(t *testing.T) {
	onTimeSite(t, testbed.Options{}, func(s *timeSite) {
		s.boot(time.Now())
		s.machine.Sync(true, 0)
		s.feed(3)
		s.machine.Step(-time.Hour)
		time.Sleep(2 * time.Second)
		st := s.checkedStatus()
		if s.codes() != "CLK-STEP" || st.Problems[0].Severity != status.Info || !strings.Contains(st.Problems[0].Sentence, "jumped back by 1 h 0 min") || st.Degraded() {
			t.Errorf("%+v", st.Problems)
		}
		time.Sleep(10 * time.Minute)
		if s.codes() != "" {
			t.Errorf("still shown: %s", s.codes())
		}
	})
}

// Row 29: a leap second, and slewing, are no event.
func TestLeapSecond(t *testing.T) {
	onTimeSite(t, testbed.Options{}, func(s *timeSite) {
		s.boot(time.Now())
		s.machine.Sync(true, 0)
		s.feed(5)
		s.machine.Leap(-time.Second)
		s.feed(5)
		for range 100 {
			s.machine.Leap(500 * time.Microsecond)
			s.feed(1)
		}
		s.right(1, 110, time.Second+5*time.Millisecond)
		s.unchanged()
		if st := s.checkedStatus(); st.Clock.Steps != 0 || s.codes() != "" || st.Link.Connects != 1 {
			t.Errorf("%+v, shown: %s", st.Clock, s.codes())
		}
	})
}

// Row 30: a receiver that is years off, on a machine that knows the time and on
// one that does not. Its time sets nothing; what it reads goes on.
func TestReceiverIsYearsOff(t *testing.T) {
	onTimeSite(t, testbed.Options{}, func(s *timeSite) {
		s.boot(epoch)
		s.fix(20, func() time.Time { return time.Now().AddDate(20, 0, 0) })
		s.fix(20, func() time.Time { return time.Now().AddDate(-1, 0, 0) })
		if st := s.checkedStatus(); st.Clock.Trusted {
			t.Errorf("%+v", st.Clock)
		}
		s.machine.Sync(true, time.Now().UnixMilli())
		time.Sleep(2 * time.Second)
		s.fix(5, func() time.Time { return time.Now().AddDate(2, 0, 0) })
		if st := s.checkedStatus(); st.Clock.Source != clock.SourceKernel || s.codes() != "GPS-TIME" {
			t.Errorf("%+v, shown: %s", st.Clock, s.codes())
		}
		s.fix(5, func() time.Time { return time.Now().AddDate(0, 0, -1024*7) })
		if s.codes() != "GPS-ROLLOVER" {
			t.Errorf("shown: %s", s.codes())
		}
		s.fix(5, time.Now)
		if s.codes() != "" {
			t.Errorf("shown: %s", s.codes())
		}
		time.Sleep(time.Second)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.fixes != 55 {
			t.Errorf("%d positions arrived, want 55", s.fixes)
		}
	})
}

// Row 31: the machine sleeps for an hour, and the server is gone when it wakes.
// One connection anew, nothing twice that had been proven long before, no step,
// and no part that looks stuck.
func TestAnHourAsleep(t *testing.T) {
	onTimeSite(t, testbed.Options{}, func(s *timeSite) {
		s.boot(time.Now())
		s.machine.Sync(true, 0)
		s.feed(100)
		time.Sleep(time.Minute) // the hold is over
		before := s.checkedStatus()
		s.machine.Sleep(time.Hour)
		s.server.Cut()
		synctest.Wait()
		if part := s.gateway.stuck(); part != "" {
			t.Errorf("%s counts as stuck", part)
		}
		s.feed(10)
		time.Sleep(10 * time.Second)
		st := s.checkedStatus()
		if st.Link.Connects != before.Link.Connects+1 || st.Totals.Resent > 10 || st.Totals.Acked != 110 || st.Clock.Steps != 0 || s.codes() != "" {
			t.Errorf("shown: %s; %+v %+v %+v", s.codes(), st.Link, st.Totals, st.Clock)
		}
		s.unchanged()
	})
}

// A boot's time is kept as soon as it is known, although the server is away and
// nothing asks for it: the next boot, which knows nothing, dates it exactly. What
// the next boot read is dated when a third one knows the time.
func TestTimeIsKeptAcrossBoots(t *testing.T) {
	onTimeSite(t, testbed.Options{}, func(s *timeSite) {
		s.server.Refuse(true)
		s.boot(epoch)
		s.feed(10)
		s.machine.Sync(true, time.Now().UnixMilli())
		time.Sleep(3 * time.Second)
		if o, ok := s.gateway.queue.Offset(s.gateway.queue.Boot()); !ok || o.Err != 0 {
			t.Errorf("kept: %+v %v", o, ok)
		}
		s.feed(5)
		s.halt()

		time.Sleep(time.Hour)
		s.boot(epoch)
		s.feed(20)
		time.Sleep(10 * time.Minute)
		s.halt()

		time.Sleep(2 * time.Hour)
		s.boot(epoch)
		s.feed(30)
		s.server.Refuse(false)
		time.Sleep(20 * time.Second)
		s.right(1, 15, 5*time.Millisecond) // the first boot's, with nothing known in this one
		if n := len(s.got()); n != 15 {
			t.Errorf("%d arrived", n)
		}
		s.machine.Sync(true, time.Now().UnixMilli())
		time.Sleep(3 * time.Second)
		// Between the end of the first, one hour before it, and the beginning of
		// the third, two hours after it: wrong by an hour and a half at most.
		s.right(16, 35, 91*time.Minute)
		for _, a := range s.got()[15:35] {
			if a.err < 85*60 {
				t.Errorf("reading %d says that it is off by %d s at most", a.n, a.err)
			}
		}
		s.right(36, 65, 5*time.Millisecond)
		s.unchanged()
	})
}

// A restart of the gateway, a cut, and a better source in between: what was
// dated once comes again as the same bytes.
func TestHealedOnceIsTheSameForEver(t *testing.T) {
	onTimeSite(t, testbed.Options{Date: func() time.Time { return time.Now().Add(900 * time.Millisecond) }}, func(s *timeSite) {
		s.more = "[clock]\ntrust_server = true"
		s.boot(epoch)
		s.feed(50)
		if st := s.checkedStatus(); st.Clock.Source != clock.SourceServer {
			t.Fatalf("%+v", st.Clock)
		}
		s.server.Mute(true) // it takes everything and proves nothing
		s.machine.Sync(true, time.Now().UnixMilli())
		s.feed(20)
		s.server.Mute(false)
		s.server.Cut()
		time.Sleep(5 * time.Second)
		s.server.Mute(true)
		s.feed(5)
		s.halt()
		s.server.Mute(false)
		s.machine.Step(-3 * time.Hour)
		s.start()
		time.Sleep(10 * time.Second)
		s.right(1, 75, 2*time.Second)
		s.unchanged()
		if st := s.checkedStatus(); st.Totals.Acked != 75 || s.server.Stats().Repeats == 0 {
			t.Errorf("the story did not happen: %+v, %s", st.Totals, s.server.Stats().Summary())
		}
	})
}

// The last good time is kept without writing for it, and is the floor of the
// next boot: a receiver that tells an earlier time is not believed.
func TestLastGoodTimeIsTheFloor(t *testing.T) {
	onTimeSite(t, testbed.Options{}, func(s *timeSite) {
		s.boot(time.Now())
		s.machine.Sync(true, 0)
		s.feed(1)
		time.Sleep(time.Hour)
		if n := s.gateway.queue.Stats().Commits; n > 2 {
			t.Errorf("%d commits in an hour with one reading", n)
		}
		s.halt()
		good := time.Now()
		s.boot(epoch)
		if floor := s.gateway.clock.Floor(); good.UnixMilli()-floor > 5000 || good.UnixMilli() < floor {
			t.Errorf("floor %v before the stop", good.Sub(time.UnixMilli(floor)))
		}
		s.fix(10, func() time.Time { return time.Now().Add(-time.Hour) })
		if st := s.checkedStatus(); st.Clock.Trusted {
			t.Errorf("%+v", st.Clock)
		}
		s.fix(3, time.Now)
		if st := s.checkedStatus(); st.Clock.Source != clock.SourceGNSS {
			t.Errorf("%+v", st.Clock)
		}
	})
}

// Where a boot can have been, by what is known of the others.
func TestBetween(t *testing.T) {
	open := beganIn{0, 1_000_000}
	known := func(boot uint32, at, lasted, err int64) buffer.Start {
		return buffer.Start{Boot: boot, Lasted: lasted, Offset: buffer.Offset{Unix: at, Err: err}, Known: true}
	}
	unknown := func(boot uint32, lasted int64) buffer.Start { return buffer.Start{Boot: boot, Lasted: lasted} }
	for _, row := range []struct {
		name   string
		starts []buffer.Start
		boot   uint32
		want   beganIn
	}{
		{"nothing known", []buffer.Start{unknown(1, 50), unknown(2, 60)}, 1, open},
		{"after an earlier one", []buffer.Start{known(1, 1000, 500, 0), unknown(2, 60)}, 2, beganIn{1500, open.hi}},
		{"after an earlier one and one between", []buffer.Start{known(1, 1000, 500, 0), unknown(2, 60), unknown(3, 7)}, 3, beganIn{1560, open.hi}},
		{"before a later one", []buffer.Start{unknown(1, 50), known(2, 9000, 1, 0)}, 1, beganIn{0, 8950}},
		{"before a later one and one between", []buffer.Start{unknown(1, 50), unknown(2, 60), known(3, 9000, 1, 0)}, 1, beganIn{0, 8890}},
		{"between two", []buffer.Start{known(1, 1000, 500, 0), unknown(2, 60), known(3, 9000, 1, 0)}, 2, beganIn{1500, 8940}},
		{"between two that are not sure", []buffer.Start{known(1, 5000, 500, 2), unknown(2, 60), known(3, 9000, 1, 3)}, 2, beganIn{3500, 11940}},
		{"a near one that is not sure hides none that is", []buffer.Start{known(1, 1000, 500, 0), known(2, 2000, 10, 100), unknown(3, 60)}, 3, beganIn{1510, open.hi}},
		{"a boot that was forgotten", []buffer.Start{known(5, 9000, 1, 0)}, 2, beganIn{0, 9000}},
		{"a boot forgotten between others", []buffer.Start{known(1, 1000, 500, 0), known(5, 9000, 1, 0)}, 3, beganIn{1500, 9000}},
	} {
		if got := between(row.starts, row.boot, open); got != row.want {
			t.Errorf("%s: %+v, want %+v", row.name, got, row.want)
		}
	}
	for _, row := range []struct {
		in   beganIn
		want buffer.Offset
	}{
		{beganIn{1000, 9000}, buffer.Offset{Unix: 5000, Err: 4}},
		{beganIn{1000, 1000}, buffer.Offset{Unix: 1000, Err: 1}},
		{beganIn{9000, 1000}, buffer.Offset{Unix: 5000, Err: 4}},
		{beganIn{1000, 4001}, buffer.Offset{Unix: 2500, Err: 2}},
	} {
		if got := row.in.middle(); got != row.want {
			t.Errorf("middle of %+v: %+v, want %+v", row.in, got, row.want)
		}
	}
}
