package gateway

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"portti/cmd/portti/status"
	"portti/uplink"
)

// The whole gateway on fakes: time is the bubble's, so hours pass in
// milliseconds; ports and network are in memory; only the buffer's files are
// real, behind a disk that fails, fills and slows down when told. Faults come at
// random by a seed, which a failure prints:
//
//	go test ./cmd/portti/gateway -run Simulation -args -sim.seed 7 -sim.runs 1
//
// A seed draws which kinds of faults its life has at all. Power cuts are among them:
// from one operation on nothing reaches the disk, what was not synced is kept, dropped
// or torn, and the next start is in a new boot, with the wall clock right or in 1970.
//
// The oracle is the promise: at every check the ledger balances, nothing
// arrives that was not fed, nothing arrives changed; and once the faults have
// ended the link is online again with the next attempt, and every reading
// arrives that was neither counted as lost nor, at a kill, younger than
// commit_every and unacknowledged.
var (
	simSeed = flag.Uint64("sim.seed", 1, "first seed of the simulation")
	simRuns = flag.Uint64("sim.runs", 8, "seeds to run")
)

// step is one random event and some time after it.
func (s *simSite) step() {
	s.sometimesReload()
	pass := func(most time.Duration) { time.Sleep(time.Duration(s.rng.Int64N(int64(most)))) }
	if s.another() {
		pass(5 * time.Second)
		s.checkedStatus()
		return
	}
	event := s.rng.IntN(20)
	if kinds := []simKinds{simLink, simLink, simAll, simLink, simLink, simLink, simClock, simStop, simDiskFails, simDiskSlow, simAll, simKill, simUnplug}; event < len(kinds) && kinds[event] != simAll && !s.drawn(kinds[event]) {
		event = 19
	}
	switch event {
	case 0:
		s.server.Cut()
	case 1:
		s.server.Refuse(true)
		s.server.Cut()
		pass(4 * time.Minute)
	case 2:
		s.server.Refuse(false)
	case 3:
		s.server.Mute(s.rng.IntN(2) == 0)
		pass(time.Minute)
	case 4:
		s.server.Stall(s.rng.IntN(2) == 0)
		pass(time.Minute)
	case 5:
		s.server.Answer([]int{0, 0, 401, 403, 429, 503}[s.rng.IntN(6)])
		pass(time.Minute)
	case 6:
		if s.more != nil {
			s.more.setClock()
			break
		}
		now := s.clock.Now()
		now.Unix += (s.rng.Int64N(20) - 10) * 3_600_000
		if s.rng.IntN(2) == 0 {
			now.Unix, now.Trusted = buildDay.UnixMilli()+now.Mono, true
		}
		s.clock.Set(now)
		s.clock.Flow()
	case 7:
		s.disk.be(nil, 0) // or the end cannot be saved, which is told
		s.halt()
		pass(time.Hour)
		s.start()
	case 8:
		late := s.more != nil && s.more.IntN(3) == 0
		if s.more != nil {
			s.note("writing fails, late %v", late)
			s.more.cached = s.more.cached || late
		}
		s.disk.become([]error{syscall.EIO, syscall.ENOSPC, syscall.EROFS}[s.rng.IntN(3)], 0, late, "")
		pass(4 * time.Minute)
	case 9:
		s.disk.be(nil, time.Duration(s.rng.Int64N(int64(20*time.Second))))
		pass(2 * time.Minute)
	case 10:
		s.disk.be(nil, 0)
	case 11:
		s.kill()
		pass(time.Minute)
		s.start()
	case 12:
		synctest.Wait()
		i := s.rng.IntN(2)
		s.mu.Lock()
		line := s.lines[i]
		if s.lines[i] = nil; line == nil {
			s.lines[i] = newSimLine()
		}
		s.mu.Unlock()
		if line != nil {
			line.Interrupt()
		}
	default:
		most := 300
		if s.cfg.Buffer.MaxSize < 2<<20 {
			most = 1500 // or it never fills
		}
		s.feed(1 + s.rng.IntN(most))
	}
	pass(5 * time.Second)
	s.checkedStatus()
}

// endFaults ends all faults and waits, for hours of the bubble if need be.
func (s *simSite) endFaults() {
	s.server.Refuse(false)
	s.server.Mute(false)
	s.server.Stall(false)
	s.server.Answer(0)
	s.disk.be(nil, 0)
	if s.more != nil {
		s.reloads.whole()
		s.reload()
	}
	// A half-open link is noticed within ping_interval + pong_timeout, and then
	// there is one more wait, or there is one already.
	began, online := time.Now(), false
	limit := time.Duration(s.checkedStatus().Link.NextTryS*float64(time.Second)) + 5*time.Minute
	for range 4 * 3600 {
		st := s.checkedStatus()
		online = online || st.Link.State == status.LinkOnline
		if !online && time.Since(began) > limit {
			s.t.Fatalf("not online %v after the last fault: %+v", time.Since(began), st.Link)
		}
		if st.Link.State == status.LinkOnline && st.Totals.Waiting == 0 && s.allRead() && (s.killed || s.read(st) == s.fed) {
			return
		}
		time.Sleep(time.Second)
	}
	s.t.Fatalf("not recovered: %+v %+v %+v", s.checkedStatus().Totals, s.checkedStatus().Link, s.gateway.queue.Stats())
}

// read is how many readings of devices the ledger has.
func (s *simSite) read(st status.Document) (n int) {
	for _, d := range st.Devices {
		n += int(d.Ledger.Read)
	}
	return n
}

// verdict stops the gateway and says which promise it broke.
func (s *simSite) verdict() error {
	st := s.halt()
	s.mu.Lock()
	defer s.mu.Unlock()
	missing := 0
	for n := 1; n <= s.fed; n++ {
		if !s.seen[fmt.Sprint(n)] {
			missing++
		}
	}
	got := s.server.Stats()
	lost := int(st.Totals.Lost.Sum() + st.Totals.Quarantined)
	if s.more != nil {
		return s.judge(lost)
	}
	switch {
	case missing > lost+s.young:
		return fmt.Errorf("%d of %d readings are missing, %d are said to be lost, %d were too young when it was killed", missing, s.fed, lost, s.young)
	case s.reported > lost && !(s.killed && s.cfg.Uplink.Order == uplink.OrderFreshFirst): // see lossReport
		return fmt.Errorf("%d readings are said to be lost, the server was told %d", lost, s.reported)
	case len(s.seen) > s.fed || len(s.unknown) > 0:
		return fmt.Errorf("more arrived than was fed: %d, and %d unknown", len(s.seen), len(s.unknown))
	case got.Changed > 0 && !s.unkept || got.Bad > 0:
		return fmt.Errorf("sent again with other bytes: %s", got.Summary())
	case !s.killed && s.read(st) != s.fed:
		return fmt.Errorf("fed %d, read %d", s.fed, s.read(st))
	}
	return nil
}

// simulate tells the story of one seed.
func simulate(t *testing.T, seed uint64, ack string, states *simStates) (verdict error) {
	dir := simDir(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSimSite(t, seed, dir, ack)
		if states != nil {
			s.more = newSimMore(seed, s.cfg.Paths.BufferDir(), states)
			if states.deaf {
				s.more.layer.ForgetSyncs()
				s.more.kinds = simCut | simKill
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		served := make(chan error, 1)
		go func() { served <- s.server.Run(ctx) }()
		s.start()
		defer func() {
			if t.Failed() || verdict != nil && ack == "" {
				t.Logf("seed %d\n%s", seed, s.log.String())
			}
			s.stop()
			select {
			case <-s.ended:
			case <-time.After(time.Minute): // it has been waited for already
			}
			cancel()
			<-served
		}()
		for range 40 {
			s.step()
		}
		s.endFaults()
		verdict = s.verdict()
	})
	return verdict
}

// simKept are seeds that once found a mistake, or the kind of it.
func simKept() []uint64 {
	return []uint64{
		68, // a new file that could not be made while thinning was tried again at once, for ever
	}
}

func TestSimulation(t *testing.T) {
	var states simStates
	live := func(seed uint64, states *simStates) func(*testing.T) {
		return func(t *testing.T) {
			t.Parallel()
			if err := simulate(t, seed, "", states); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
		}
	}
	t.Run("all", func(t *testing.T) { // ends when all lives have ended
		for _, seed := range simKept() {
			t.Run(fmt.Sprint("kept-", seed), live(seed, nil))
		}
		for seed := *simSeed; seed < *simSeed+*simRuns; seed++ {
			t.Run(fmt.Sprint(seed), live(seed, &states))
		}
	})
	table, missing := states.table()
	t.Logf("processes that came to it, of %d lives:\n%s", *simRuns, table)
	if *simRuns >= simEnough && len(missing) > 0 {
		t.Errorf("no life came to: %s", strings.Join(missing, "; "))
	}
}

// simEnough is the number of lives in which each state has to be visited.
const simEnough = 2000

// With ack = "none" readings do vanish uncounted, as docs/promise.md says. A
// simulation that does not notice would notice nothing.
func TestSimulationNoticesLoss(t *testing.T) {
	for seed := uint64(8); seed < 50; seed++ { // the 8th shows it
		if err := simulate(t, seed, "none", nil); err != nil {
			t.Logf("seed %d: %v", seed, err)
			return
		}
	}
	t.Error("nothing was ever missing without acknowledgements")
}

// A disk that forgets what it was told to sync loses readings at a cut, uncounted. A
// simulation that does not notice would prove nothing of syncs.
func TestSimulationNoticesMissingSyncs(t *testing.T) {
	for seed := uint64(1); seed < 50; seed++ {
		if err := simulate(t, seed, "fence", &simStates{deaf: true}); err != nil {
			t.Logf("seed %d: %v", seed, err)
			return
		}
	}
	t.Error("nothing was ever missing without syncs")
}
