package gateway

import (
	"bytes"
	"fmt"
	mathrand "math/rand"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing/synctest"
	"time"

	"portti/buffer"
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

// simOld is what the kept seeds have: they stay the stories they are.
const simOld = simCut - 1

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
	samples []simSample       // what was said lost, while it could be saved
	floor   simSample         // what has to be said lost once the disk can be read
	waits   bool              // for that
	old     []byte            // the state file as it once was
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

// setClock moves the wall clock, or lets a time server set it.
func (m *simMore) setClock() {
	if m.IntN(2) == 0 {
		m.machine.Sync(true, m.truth())
	} else {
		m.machine.Step(time.Duration(m.Int64N(20)-10) * time.Hour)
	}
}

// more is a fault of the kinds that only lives with cuts have; false: none now.
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
			s.disk.become(nil, 0, false, which)
			time.Sleep(m.upTo(2 * time.Minute))
			if m.IntN(3) > 0 {
				s.disk.be(nil, 0)
			}
		case kind == simDamage && m.IntN(3) == 0:
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
		if m.kinds&simStart != 0 && m.IntN(3) == 0 {
			d.failIn, d.began = 1+m.IntN(60), time.Now()
		}
		if m.kinds&simUnread != 0 && m.IntN(3) == 0 {
			d.unread, d.began = []string{"*", "*", ".seg", "state"}[m.IntN(4)], time.Now()
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
	ok = ok && !st.Degraded && len(st.Unread) == 0
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.more
	s.unkept = s.unkept || st.Degraded
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

// readSmall reads the small files of the state folder. Each is replaced as a whole, so
// that a cut leaves the old one or the new; they are not on the layer.
func readSmall(t interface{ Fatal(...any) }, dir string) map[string][]byte {
	all := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		if b, err := os.ReadFile(filepath.Join(dir, e.Name())); err == nil {
			all[e.Name()] = b
		} // else it was renamed just now
	}
	return all
}

// restoreSmall takes back what a dead process wrote, and leaves half of what it may
// have been about to write.
func (m *simMore) restoreSmall(dir string) {
	for name := range readSmall(panics{}, dir) {
		_ = os.Remove(filepath.Join(dir, name))
	}
	for name, b := range m.small {
		_ = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		if m.IntN(8) == 0 && !strings.HasSuffix(name, ".new") {
			_ = os.WriteFile(filepath.Join(dir, name+".new"), b[:len(b)/2], 0o600)
		}
	}
}

type panics struct{}

func (panics) Fatal(v ...any) { panic(fmt.Sprint(v...)) }

// spoil lets a file of a gateway that does not run go bad.
func (s *simSite) spoil() {
	m := s.more
	dir := s.cfg.Paths.BufferDir()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // it never came to make it
	}
	var segs []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".seg") {
			segs = append(segs, e.Name())
		}
	}
	if state, err := os.ReadFile(filepath.Join(dir, "state")); err == nil && (m.old == nil || m.IntN(3) == 0) {
		m.old = bytes.Clone(state)
	}
	m.hurt = true
	how := m.IntN(10)
	if how > 6 && len(segs) > 0 {
		how = m.IntN(7)
	}
	switch {
	case how <= 6 && len(segs) > 0:
		name := segs[m.IntN(len(segs))]
		if m.IntN(3) == 0 {
			name = segs[len(segs)-1]
		}
		if how == 0 {
			s.vanish(name)
			return
		}
		_ = m.layer.Spoil(name, m.edit(how))
	case how == 7 && m.old != nil:
		s.forgetAll()
		_ = m.layer.Spoil("state", func([]byte) []byte { return bytes.Clone(m.old) })
	case how == 8:
		s.forgetAll()
		_ = m.layer.Spoil("state", func(b []byte) []byte { clear(b); return b })
	default:
		s.forgetAll()
		s.vanish("state")
	}
}

// edit is a way in which a file of the queue goes bad.
func (m *simMore) edit(how int) func([]byte) []byte {
	const page = crashtest.PageSize
	return func(b []byte) []byte {
		switch pages := len(b) / page; {
		case pages < 3:
		case how == 1:
			return b[:m.IntN(len(b))]
		case how == 2:
			clear(b[:2*page])
		case how == 3:
			from := 2 + m.IntN(pages-2)
			clear(b[from*page : min(len(b), (from+1+m.IntN(3))*page)])
		default: // of some records a bit
			for range 1 + m.IntN(3) {
				if i := bytes.Index(b[m.IntN(len(b)):], []byte(`"n":`)); i >= 0 {
					b[i] ^= 4
				}
			}
		}
		return b
	}
}

// spoilClosed lets a file go bad that the gateway has and does not write.
func (s *simSite) spoilClosed() {
	synctest.Wait()
	segs := s.gateway.queue.Segments()
	if len(segs) < 2 {
		return
	}
	s.more.hurt = true
	_ = s.more.layer.Spoil(segs[s.more.IntN(len(segs)-1)].File, s.more.edit(1+s.more.IntN(6)))
}

func (s *simSite) vanish(name string) {
	if os.Remove(filepath.Join(s.cfg.Paths.BufferDir(), name)) == nil {
		s.more.layer.Remove(name)
		s.more.layer.SyncDir()
	}
}

// forgetAll is for a state file that is set back or gone: what was lost since the last
// commit is told by nothing else.
func (s *simSite) forgetAll() { s.more.forgot += s.more.run.counted.both() }

// follow is called with each status of a life with cuts.
func (s *simSite) follow() {
	m, q := s.more, s.gateway.queue
	st := q.Stats()
	total, _ := q.Ledger()
	now := simSample{time.Now(), total.LostAll(), total.Quarantined}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.run.counted = now
	doubt := 0
	for _, l := range st.Losses {
		if l.AtLeast {
			doubt = max(doubt, int(l.AtMost))
		}
	}
	m.run.doubt = max(m.run.doubt, doubt)
	s.watch(st, total)
	_, ok := s.disk.soundUntil()
	if st.Degraded || len(st.Unread) > 0 || !ok {
		return
	}
	if m.waits && !m.hurt && (now.lost < m.floor.lost || now.quarantined < m.floor.quarantined) {
		s.t.Fatalf("lost %d and quarantined %d before, %d and %d after", m.floor.lost, m.floor.quarantined, now.lost, now.quarantined)
	}
	if m.waits && m.run.quarantined && now.quarantined > 0 {
		m.states.saw(simSawQuarantine)
	}
	m.waits, m.run.quarantined = false, false
	if len(m.samples) == 0 || now.at.After(m.samples[len(m.samples)-1].at) {
		m.samples = append(m.samples, now)
	}
	if !m.hurt && (total.Quarantined > 0 || total.Lost[buffer.LostCorrupt] > 0 || total.Lost[buffer.LostRollback] > 0) {
		s.t.Fatalf("nothing was spoilt, and the ledger says %+v", total)
	}
}

// judge says what a life with cuts broke of the promise.
func (s *simSite) judge(lost int) error {
	m := s.more
	missing := 0
	for n := 1; n <= s.fed; n++ {
		if !s.seen[fmt.Sprint(n)] && !m.excused[n] {
			missing++
		}
	}
	got := s.server.Stats()
	most := lost + s.young + m.forgot + m.doubt
	switch {
	case missing > most:
		return fmt.Errorf("%d of %d readings are missing that were not too young: %d are said to be lost, %d were in memory on a failing disk, %d losses may be forgotten, %d more are in doubt",
			missing, s.fed, lost, s.young, m.forgot, m.doubt)
	case m.redated > 0 && !s.unkept:
		return fmt.Errorf("%d readings came again with other bytes", m.redated)
	case s.server.Stats().Changed > 0 && !s.unkept || got.Bad > 0:
		return fmt.Errorf("sent again with other bytes: %s", got.Summary())
	case s.cfg.Uplink.Ack == "envelope" && m.kinds&(simDamage|simUnread|simStart|simDiskFails) == 0 && m.again > int(got.Skipped):
		return fmt.Errorf("%d readings came again, and the receiver passed over %d", m.again, got.Skipped)
	case len(s.seen) > s.fed || len(s.unknown) > 0:
		return fmt.Errorf("more arrived than was fed: %d, and %d unknown", len(s.seen), len(s.unknown))
	}
	return nil
}

// heard is called with each message of a reading.
func (m *simMore) heard(n string, msg []byte) {
	first, ok := m.first[n]
	switch {
	case !ok:
		m.first[n] = string(msg)
	default:
		m.again++
		if first != string(msg) {
			m.redated++
		}
	}
}
