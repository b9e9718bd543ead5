package gateway

import (
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/testbed"
	"portti/device/clock"
	"portti/device/clock/clocktest"
)

// secondReceiver is a further receiver of a timeSite.
const secondReceiver = `[[device]]
name = "gps2"
type = "gps"
port = "/sim/gps2"
id = "G2"
detail = "off"
expect_every = "24h"
`

// Row 81: two receivers contradict each other, and nothing tells which is right.
// Neither sets the clock; each keeps its own times, with how wrong they may be; the
// problem names both. What decides between them is believed.
func TestTwoReceiversContradict(t *testing.T) {
	const ahead = 551 * 24 * time.Hour
	for name, row := range map[string]struct {
		server testbed.Options
		second time.Duration // when the right one begins
		decide func(s *timeSite)
		source string
	}{
		"together, and then the kernel": {testbed.Options{}, 0, func(s *timeSite) { s.machine.Sync(true, time.Now().UnixMilli()) }, clock.SourceKernel},
		"the wrong one first":           {testbed.Options{}, 20 * time.Second, func(s *timeSite) { s.machine.Sync(true, time.Now().UnixMilli()) }, clock.SourceKernel},
		"together, and then the server": {testbed.Options{Date: trueDate}, 0, func(s *timeSite) { s.server.Refuse(false); time.Sleep(time.Minute) }, clock.SourceGNSS},
	} {
		t.Run(name, func(t *testing.T) {
			onTimeSite(t, row.server, func(s *timeSite) {
				time.Sleep(3 * 365 * 24 * time.Hour) // the bubble begins in 2000, which no receiver is believed to be in
				s.built = time.Now().AddDate(0, -1, 0)
				s.more = secondReceiver
				if row.server.Date != nil {
					s.server.Refuse(true)
				}
				s.boot(epoch)
				begun := time.Now()
				both := func(n int) {
					for range n {
						s.say("gps", time.Now().Add(ahead))
						if time.Since(begun) >= row.second {
							s.say("gps2", time.Now())
						}
						s.feed(1)
					}
				}
				both(60)
				st := s.checkedStatus()
				if st.Clock.Trusted || !strings.Contains(s.codes(), "CLK-DISPUTE") || s.gateway.queue.LastGood() != 0 {
					t.Errorf("%+v, %s, last good %d", st.Clock, s.codes(), s.gateway.queue.LastGood())
				}
				for _, p := range st.Problems {
					if p.Code == "CLK-DISPUTE" && (!strings.Contains(p.Sentence, "gps ") || !strings.Contains(p.Sentence, "gps2") || !strings.Contains(p.Sentence, "551 days")) {
						t.Errorf("the problem says %s", p.Sentence)
					}
				}
				row.decide(s)
				both(10)
				time.Sleep(time.Second)
				if st = s.checkedStatus(); st.Clock.Source != row.source || strings.Contains(s.codes(), "CLK-") {
					t.Errorf("decided: %+v, %s", st.Clock, s.codes())
				}
				first := 1 // nothing contradicted the wrong one before, nor with less than two fixes
				if row.second > 0 {
					first = int(row.second/time.Second) + 3
				}
				s.right(first, 70, 0)
				s.mu.Lock()
				defer s.mu.Unlock()
				contested := begun.Add(row.second)
				for _, p := range s.placed {
					off := time.UnixMilli(p.ms).Sub(contested)
					wrong := off > 300*24*time.Hour
					if p.tuid == "G2" && wrong {
						t.Errorf("the right receiver's fix is dated %v ahead", off)
					}
					if wrong && p.err == 0 && row.second == 0 && p.ms > begun.Add(ahead).UnixMilli() {
						t.Errorf("a fix dated %v ahead does not say that it may be wrong", off)
					}
				}
			})
		})
	}
}

// Row 82: a restart in one boot begins with the time that the run before it had, from
// whichever source; a machine that was switched on anew does not, though a virtual
// one may show the same boot id.
func TestTrustedTimeIsCarriedOver(t *testing.T) {
	for name, row := range map[string]struct {
		server testbed.Options
		more   string
		learn  func(s *timeSite)
		worst  time.Duration
	}{
		"from a receiver": {testbed.Options{}, "", func(s *timeSite) { s.fix(4, time.Now) }, 5 * time.Millisecond},
		"from the server": {testbed.Options{Date: trueDate}, "[clock]\ntrust_server = true", func(*timeSite) {}, 2 * time.Second},
		"from the kernel": {testbed.Options{}, "", func(s *timeSite) { s.machine.Sync(true, time.Now().UnixMilli()) }, 5 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			onTimeSite(t, row.server, func(s *timeSite) {
				time.Sleep(3 * 365 * 24 * time.Hour)
				s.built = time.Now().AddDate(0, -1, 0)
				s.more = row.more
				s.boot(epoch)
				time.Sleep(10 * time.Minute) // the hold is over
				row.learn(s)
				s.feed(10)
				s.halt()
				s.server.Refuse(true)
				s.machine.Sync(false, 0)
				s.start()
				s.feed(5)
				if st := s.checkedStatus(); !st.Clock.Trusted || st.Clock.Source != clock.SourceCarried || strings.Contains(s.codes(), "CLK-") {
					t.Errorf("%+v, %s", st.Clock, s.codes())
				}
				s.server.Refuse(false)
				time.Sleep(time.Minute)
				s.right(1, 15, row.worst)

				s.halt()
				s.server.Refuse(true)
				s.machine = clocktest.NewMachine(s.boots, 0)
				s.start()
				s.feed(1)
				if st := s.checkedStatus(); st.Clock.Trusted {
					t.Errorf("another boot: %+v", st.Clock)
				}
			})
		})
	}
}
