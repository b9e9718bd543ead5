package gateway

import (
	"syscall"
	"testing"
	"time"

	"portti/cmd/portti/testbed"
)

// Row 31: time in which nobody asked is time in which nothing ran.
func TestPausesCountFromTheLastOne(t *testing.T) {
	var p pauses
	const late = 20 * time.Second
	mono, last := int64(5_000), time.Duration(0)
	for range 100 {
		last = p.ran(mono, late)
		mono += 1000
	}
	if last != 99*time.Second {
		t.Errorf("ran %v, want 99s", last)
	}
	mono += 3_600_000
	if got := p.ran(mono, late); got != 0 {
		t.Errorf("ran %v right after a pause of an hour", got)
	}
	if got := p.ran(mono+20_000, late); got != late {
		t.Errorf("ran %v: what is not late is no pause", got)
	}
	if got := p.ran(mono+40_001, late); got != 0 {
		t.Errorf("ran %v after a pause", got)
	}
}

// watchFor lets so much time pass and gives how long after its beginning a part was
// first called stuck, and which.
func (s *timeSite) watchFor(d time.Duration) (part string, after time.Duration) {
	began := time.Now()
	for time.Since(began) < d {
		time.Sleep(time.Second)
		if now := s.gateway.stuck(); now != "" && part == "" {
			part, after = now, time.Since(began)
		}
	}
	return part, after
}

// Row 19: a card that takes 30 s for each sync, whether it ends well or with an
// error, is slow and no more; one sync that does not return for a minute hangs.
func TestSlowDiskIsNotStuck(t *testing.T) {
	for _, fail := range []error{nil, syscall.EIO} {
		onTimeSite(t, testbed.Options{}, func(s *timeSite) {
			s.server.Refuse(true)
			s.boot(time.Now())
			s.machine.Sync(true, 0)
			s.feed(10)
			s.disk.be(fail, 30*time.Second)
			for range 20 {
				s.feed(50)
				if part, after := s.watchFor(time.Minute); part != "" {
					t.Fatalf("%v: %s counts as stuck after %v", fail, part, after)
				}
			}
			time.Sleep(10 * time.Minute) // what is under way ends
			s.disk.be(nil, 10*time.Minute)
			s.feed(1)
			part, after := s.watchFor(4 * time.Minute)
			if part != "buffer" || after < time.Minute || after > 3*time.Minute {
				t.Errorf("%v: %q counts as stuck after %v", fail, part, after)
			}
			if s.codes() == "" {
				t.Error("it is not shown")
			}
			s.disk.be(nil, 0)
			time.Sleep(30 * time.Minute)
			if part := s.gateway.stuck(); part != "" {
				t.Errorf("%v: %s counts as stuck on a disk that is well", fail, part)
			}
		})
	}
}

// TestSlowReadsAreNotStuck: the link reads a backlog of a card on which each page
// takes 20 s.
func TestSlowReadsAreNotStuck(t *testing.T) {
	onTimeSite(t, testbed.Options{}, func(s *timeSite) {
		s.server.Refuse(true)
		s.boot(time.Now())
		s.machine.Sync(true, 0)
		for range 20 {
			s.feed(100)
			time.Sleep(2 * time.Second)
		}
		s.halt()
		s.start()
		s.machine.Sync(true, 0)
		s.disk.readIn(20 * time.Second)
		s.server.Refuse(false)
		if part, after := s.watchFor(time.Hour); part != "" {
			t.Errorf("%s counts as stuck after %v", part, after)
		}
		if st := s.gateway.Status(); st.Totals.Acked < 100 {
			t.Errorf("after an hour %+v: the test tests nothing", st.Totals)
		}
		s.disk.readIn(10 * time.Minute)
		part, after := s.watchFor(5 * time.Minute)
		if st := s.gateway.Status(); st.Totals.Waiting > 0 && (part != "buffer" || after > 2*time.Minute) {
			t.Errorf("%q counts as stuck after %v: %+v", part, after, st.Totals)
		}
		s.disk.readIn(0)
		time.Sleep(30 * time.Minute)
	})
}
