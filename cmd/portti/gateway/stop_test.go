package gateway

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"portti/cmd/portti/testbed"
	"portti/device/clock"
)

// bubble runs a story on a whole gateway in fake time, with the configuration of a
// seed, but for a buffer that is large enough, and with a clock that is trusted.
func bubble(t *testing.T, seed uint64, story func(s *simSite)) {
	dir := simDir(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSimSite(t, seed, dir, "fence")
		s.cfg.Buffer.MaxSize = 200_000_000
		s.clock.Set(clock.Now{Mono: 1, Unix: buildDay.UnixMilli(), Trusted: true})
		s.clock.Flow()
		ctx, cancel := context.WithCancel(context.Background())
		served := make(chan error, 1)
		go func() { served <- s.server.Run(ctx) }()
		defer func() {
			cancel()
			<-served
			if t.Failed() {
				t.Log(s.log.String())
			}
		}()
		story(s)
	})
}

// Rows 33, 36 and 67: a stop stays below five seconds whatever the server does,
// and what was read stays.
func TestStopWithADeadServer(t *testing.T) {
	for name, dead := range map[string]func(*testbed.Receiver){
		"refuses":       func(r *testbed.Receiver) { r.Refuse(true); r.Cut() },
		"answers 503":   func(r *testbed.Receiver) { r.Answer(503); r.Cut() },
		"never pongs":   func(r *testbed.Receiver) { r.Mute(true) },
		"reads nothing": func(r *testbed.Receiver) { r.Stall(true) },
		"is there":      func(*testbed.Receiver) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, 1, func(s *simSite) {
				s.start()
				time.Sleep(5 * time.Second) // it is online
				dead(s.server)
				s.feed(2000)
				synctest.Wait()
				if got := s.read(s.checkedStatus()); got != 2000 {
					t.Fatalf("%d readings were read", got)
				}
				began := time.Now()
				st := s.halt()
				if took := time.Since(began); took >= 5*time.Second {
					t.Errorf("the stop took %v", took)
				}
				if st.Totals.Waiting+st.Totals.Acked != st.Totals.Read || st.Buffer.WaitingMemory != 0 {
					t.Errorf("%+v", st)
				}
				s.server.Stall(false)
			})
		})
	}
}

// While the disk is sound nothing waits in memory alone for longer than
// commit_every.
func TestCommitsInTime(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			bubble(t, seed, func(s *simSite) {
				s.server.Refuse(true)
				s.start()
				time.Sleep(5 * time.Second)
				for range 20 {
					s.feed(1 + s.rng.IntN(100))
					time.Sleep(time.Duration(s.cfg.Buffer.CommitEvery))
					synctest.Wait()
					if st := s.checkedStatus(); st.Buffer.WaitingMemory != 0 {
						t.Fatalf("%d readings are in memory alone after %v", st.Buffer.WaitingMemory, time.Duration(s.cfg.Buffer.CommitEvery))
					}
				}
				s.halt()
			})
		})
	}
}
