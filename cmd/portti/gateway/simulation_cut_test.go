package gateway

import (
	"fmt"
	mathrand "math/rand"
	"math/rand/v2"
	"testing/synctest"
	"time"

	"portti/buffer/crashtest"
	"portti/device/clock/clocktest"
)

// The kinds of faults. Each life draws which of them it has, so that a chain of rare
// ones is not drowned by common ones.
type simKinds uint

const (
	simLink simKinds = 1 << iota
	simClock
	simStop
	simDiskFails
	simDiskSlow
	simKill
	simUnplug
	simCut    // of the power: a new boot, and of the files what was synced
	simUnread // a disk that cannot be read
	simDamage // files that go bad, are set back or vanish
	simStart  // trouble while the gateway starts
	simAll
)

// simMore is what a life with cuts knows in addition.
type simMore struct {
	*rand.Rand
	kinds   simKinds
	layer   *crashtest.Layer
	machine *clocktest.Machine
	began   time.Time
	boots   byte
	cuts    int
	states  *simStates

	fedAt   []time.Time       // by number less 1
	first   map[string]string // the bytes that came first, by number
	again   int               // readings that came more than once
	redated int               // of these so many had other bytes
	excused map[int]bool      // neither committed nor acknowledged, and too young for it
	forgot  int               // losses that a cut may have undone
	doubt   int               // readings that may be lost beyond those counted, as was said
	hurt    bool              // a file was spoilt
	cached  bool              // a commit failed, and what it wrote was in the cache and not on the disk
	samples []simSample       // what was said lost, while it could be saved
	floor   simSample         // what has to be said lost once the disk can be read
	late    bool              // a file was not there when the disk was taken over
	waits   bool              // for that
	old     []byte            // the state file as it once was
	broken  error             // what was seen meanwhile
	small   map[string][]byte // the small files of the state folder, when the power went
	run     simRun
}

// simSample is what was counted as not to be delivered at a moment.
type simSample struct {
	at                time.Time
	lost, quarantined uint64
}

func (a simSample) both() int { return int(a.lost + a.quarantined) }

func newSimMore(seed uint64, dir string, states *simStates) *simMore {
	m := &simMore{Rand: rand.New(rand.NewPCG(seed, 4)), layer: crashtest.NewLayer(dir), began: time.Now(), states: states,
		first: map[string]string{}, excused: map[int]bool{}}
	m.kinds = simKinds(m.IntN(int(simAll)))
	if m.IntN(2) == 0 {
		m.kinds |= simCut
	}
	m.samples = []simSample{{}}
	m.machine = clocktest.NewMachine(m.boots, 0)
	return m
}

// truth is the time that it really is, Unix milliseconds.
func (m *simMore) truth() int64 { return buildDay.UnixMilli() + time.Since(m.began).Milliseconds() }

// note puts a line of the story into the log.
func (s *simSite) note(format string, args ...any) {
	fmt.Fprintf(&s.log, "time=%s     ---- "+format+"\n", append([]any{time.Now().UTC().Format("2006-01-02T15:04:05.000Z")}, args...)...)
}

// setClock moves the wall clock, or lets a time server set it.
func (m *simMore) setClock() {
	if m.IntN(2) == 0 {
		m.machine.Sync(true, m.truth())
	} else {
		m.machine.Step(time.Duration(m.Int64N(20)-10) * time.Hour)
	}
}

// another is a fault of the kinds that only lives with cuts have; false: none now.
func (s *simSite) another() bool {
	m := s.more
	if m == nil || m.IntN(5) > 0 {
		return false
	}
	for range 4 {
		switch kind := simCut << m.IntN(4); {
		case m.kinds&kind == 0:
			continue
		case kind == simCut:
			s.powerCut()
		case kind == simUnread:
			which := []string{"*", ".seg", "1.seg", "state", "0.seg", "3.seg"}[m.IntN(6)]
			if segs := s.gateway.queue.Segments(); len(segs) > 0 && m.IntN(2) == 0 {
				which = segs[m.IntN(len(segs))].File
			}
			s.note("cannot be read: %s", which)
			s.disk.become(nil, 0, false, which)
			time.Sleep(m.upTo(2 * time.Minute))
			if m.IntN(3) > 0 {
				s.disk.be(nil, 0)
			}
		case kind == simDamage && m.IntN(2) == 0:
			s.spoilClosed()
		case kind == simDamage:
			s.restart(s.spoil)
		default:
			s.restart(func() {})
		}
		return true
	}
	return false
}

// classic is a source of the older kind, as package crashtest wants it.
func (m *simMore) classic() *mathrand.Rand { return mathrand.New(mathrand.NewSource(m.Int64())) }

func (m *simMore) upTo(most time.Duration) time.Duration {
	return time.Duration(m.Int64N(int64(most)))
}

// restart stops or kills the gateway, and does something before it starts again.
func (s *simSite) restart(between func()) {
	if s.more.IntN(2) == 0 {
		s.disk.be(nil, 0)
		s.halt()
	} else {
		s.kill()
	}
	between()
	time.Sleep(s.more.upTo(time.Minute))
	s.startAnyhow()
}

// powerCut lets the power of the gateway go amid its work, and perhaps again while it
// starts.
func (s *simSite) powerCut() {
	m := s.more
	s.arm(1 + m.IntN(60))
	s.feed(1 + m.IntN(100))
	s.awaitCut(m.upTo(10 * time.Second))
	for deep := 1; ; deep++ {
		s.die()
		if deep > 1 {
			m.states.saw(simSawCutInStart)
		}
		m.cuts++
		s.note("power cut, %d readings fed, %d came", s.fed, len(s.seen))
		if err := m.layer.Cut(m.classic()); err != nil {
			s.t.Fatal(err)
		}
		m.restoreSmall(s.cfg.Paths.State)
		if m.kinds&simDamage != 0 && m.IntN(4) == 0 {
			s.spoil()
		}
		time.Sleep(m.upTo(time.Minute))
		m.boots++
		m.machine = clocktest.NewMachine(m.boots, []int64{0, m.truth()}[m.IntN(2)])
		if m.IntN(4) == 0 {
			m.machine.Sync(true, m.truth())
		}
		if m.kinds&simStart == 0 || deep == 3 || m.IntN(3) > 0 {
			s.startAnyhow()
			return
		}
		s.startWith(func(d *simDisk) { d.left = 1 + m.IntN(40) })
		s.awaitCut(m.upTo(5 * time.Second))
	}
}

// startAnyhow starts with trouble or without.
func (s *simSite) startAnyhow() {
	m := s.more
	s.startWith(func(d *simDisk) {
		defer func() { s.note("start: operation %d fails, unread %q", d.failIn, d.unread) }()
		if m.kinds&simStart != 0 && m.IntN(3) == 0 {
			d.failIn, d.began = 1+m.IntN(60), time.Now()
		}
		if m.kinds&simUnread != 0 && m.IntN(3) == 0 {
			d.bad, d.unread, d.began = true, []string{"*", "*", ".seg", "state"}[m.IntN(4)], time.Now()
		}
	})
	if s.disk.unread != "" {
		time.Sleep(m.upTo(2 * time.Minute))
		if m.IntN(3) > 0 {
			s.disk.be(nil, 0)
		}
	}
}

// arm lets the power go behind the n-th operation from now.
func (s *simSite) arm(n int) {
	synctest.Wait()
	s.checkedStatus()
	s.disk.mu.Lock()
	s.disk.left = n
	s.disk.mu.Unlock()
}

func (s *simSite) awaitCut(most time.Duration) {
	select {
	case <-s.disk.gone:
	case <-time.After(most):
	}
}

// die ends a gateway whose power is gone, or goes now.
func (s *simSite) die() {
	s.disk.cut()
	s.server.Refuse(true)
	s.server.Cut()
	s.killed = true
	s.stop()
	<-s.ended // with an error: the disk is gone
	s.server.Refuse(false)
	s.more.layer.Pass = s.more.layer.Step
	s.endRun()
}

// atCut takes down what the cut may cost, from within the operation that was the last
// one.
func (s *simSite) atCut(after time.Duration) {
	st := s.gateway.queue.Stats()
	total, _ := s.gateway.queue.Ledger()
	sound, ok := s.disk.soundUntil()
	ok = ok && !st.Degraded && !st.Full && len(st.Unread) == 0
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.more
	s.unkept = s.unkept || st.Degraded
	s.note("gone: commit_every %v, sound %v, %d waiting in memory, degraded %v, full %v, %d commits, %d fed, oldest unseen %v",
		time.Duration(s.cfg.Buffer.CommitEvery), ok, st.WaitingMemory, st.Degraded, st.Full, st.Commits, s.fed, time.Duration(st.OldestAge)*time.Millisecond)
	age := time.Duration(s.cfg.Buffer.CommitEvery) + simSlack
	if !ok {
		s.young += int(st.WaitingMemory)
		age = simSlack
	}
	for i := len(m.fedAt) - 1; i >= 0 && time.Since(m.fedAt[i]) <= age; i-- {
		if !s.seen[fmt.Sprint(i+1)] {
			m.excused[i+1] = true
		}
	}
	now := simSample{time.Now(), total.LostAll(), total.Quarantined}
	for len(m.samples) > 1 && m.samples[len(m.samples)-1].at.After(sound.Add(-after)) {
		m.samples = m.samples[:len(m.samples)-1]
	}
	m.floor, m.waits = m.samples[len(m.samples)-1], true
	m.floor.at = time.Now()
	m.samples = []simSample{m.floor}
	m.forgot += max(0, now.both()-m.floor.both())
	m.small = readSmall(s.t, s.cfg.Paths.State)
	m.run.held, m.run.quarantined = st.Held > 0, total.Quarantined > 0
}

// simSlack is what the fakes may take at one moment of the bubble.
const simSlack = 10 * time.Millisecond
