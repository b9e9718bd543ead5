package gateway

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"portti/buffer/crashtest"
	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/device"
	"portti/device/clock"
	"portti/uplink"
	"portti/uplink/uplinktest"
)

// The whole gateway on fakes: time is the bubble's, so hours pass in
// milliseconds; ports and network are in memory; only the buffer's files are
// real, behind a disk that fails, fills and slows down when told. Faults come at
// random by a seed, which a failure prints:
//
//	go test ./cmd/portti/gateway -run Simulation -args -sim.seed 7 -sim.runs 1
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

// simLine is a serial line in memory. Bytes are handed over as fed; pulling
// it fails the reader, as an unplugged adapter does.
type simLine struct {
	mu       sync.Mutex
	buf      []byte
	gone     bool
	deadline time.Time
	moved    chan struct{}
}

func newSimLine() *simLine { return &simLine{moved: make(chan struct{})} }

func (l *simLine) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	close(l.moved)
	l.moved = make(chan struct{})
}

func (l *simLine) Read(p []byte) (int, error) {
	for {
		l.mu.Lock()
		n := copy(p, l.buf)
		l.buf = l.buf[n:]
		gone, deadline, moved := l.gone, l.deadline, l.moved
		l.mu.Unlock()
		switch {
		case n > 0:
			return n, nil
		case gone:
			return 0, device.ErrGone
		}
		var due <-chan time.Time
		if !deadline.IsZero() {
			t := time.NewTimer(time.Until(deadline))
			defer t.Stop()
			due = t.C
		}
		select {
		case <-moved:
		case <-due:
			return 0, os.ErrDeadlineExceeded
		}
	}
}

func (l *simLine) Write(p []byte) (int, error)       { return len(p), nil }
func (l *simLine) SetReadDeadline(t time.Time) error { l.change(func() { l.deadline = t }); return nil }
func (l *simLine) Interrupt()                        { l.change(func() { l.gone = true }) }
func (l *simLine) Close() error                      { l.Interrupt(); return nil }

// simSite is one gateway in its bubble.
type simSite struct {
	t     *testing.T
	rng   *rand.Rand
	dir   string
	cfg   *config.Config
	clock *clock.Clock
	log   simLog
	more  *simMore // nil: a kept seed, without power cuts

	net    *uplinktest.Listener
	server *testbed.Receiver

	mu      sync.Mutex
	lines   [2]*simLine // nil = unplugged
	seen    map[string]bool
	unknown []string

	fed      int
	killed   bool
	unkept   bool // by a kill, the time of a boot that was told while the disk could not be written
	young    int  // readings that kills may have cost: neither committed nor acknowledged
	reported int  // readings of which the server was told that they are lost
	disk     *simDisk
	gateway  *Gateway
	stop     context.CancelFunc
	ended    chan error
}

const simConfig = `config_version = 1
[gateway]
id = "XXXX00SIM00000001"
report_interval = "0s"
[paths]
state = %q
run = "/nonexistent"
[uplink]
url = "ws://127.0.0.1:1/"
auth = "none"
ack = %q
order = %q
fence_hold = %q
[buffer]
commit_every = %q
max_size = %q
when_full = %q
min_free_disk = "0MB"
[[device]]
name = "a"
type = "lines"
port = "/sim/a"
id = "A"
[[device]]
name = "b"
type = "lines"
port = "/sim/b"
id = "B"
`

// newSimSite makes a site; ack "" leaves the acknowledgement to the seed.
func newSimSite(t *testing.T, seed uint64, dir, ack string) *simSite {
	s := &simSite{t: t, rng: rand.New(rand.NewPCG(seed, 1)), dir: dir, seen: map[string]bool{}, net: uplinktest.Listen()}
	acks, holds, commits := []string{"fence", "fence", "count"}, []string{"0s", "1s", "30s"}, []string{"1s", "0s", "5s"}
	also := rand.New(rand.NewPCG(seed, 3)) // numbers of its own: the kept seeds stay the stories they are
	if ack == "" {
		ack = acks[s.rng.IntN(len(acks))]
		if also.IntN(3) == 0 {
			ack = "envelope"
		}
	}
	order := []string{"fifo", "fresh-first"}[also.IntN(2)]
	sizes, policies := []string{"200MB", "200MB", "1MiB"}, []string{"thin", "thin", "drop-oldest", "drop-newest"}
	text := fmt.Sprintf(simConfig, filepath.Join(dir, "state"), ack, order, holds[s.rng.IntN(3)], commits[s.rng.IntN(3)],
		sizes[s.rng.IntN(3)], policies[s.rng.IntN(4)])
	path := filepath.Join(dir, "portti.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.cfg, err = config.Load(path, config.LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	s.clock = clock.Fake(clock.Now{Mono: 1, Unix: 0}, buildDay)
	s.clock.Flow()
	s.server, err = testbed.NewReceiver(testbed.Options{Listener: s.net, Ack: ack, OnMessage: s.take})
	if err != nil {
		t.Fatal(err)
	}
	s.lines[0], s.lines[1] = newSimLine(), newSimLine()
	return s
}

// take notes the readings by their running number.
func (s *simSite) take(msg []byte, repeat bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.Contains(string(msg), `"tsmId":90300,`) {
		var m struct{ Count int }
		if err := json.Unmarshal(msg, &m); err != nil {
			s.unknown = append(s.unknown, string(msg))
		} else if !repeat {
			s.reported += m.Count
		}
		return
	}
	_, rest, ok := strings.Cut(string(msg), `"n":`)
	if !ok {
		s.unknown = append(s.unknown, string(msg))
		return
	}
	n := rest[:strings.IndexAny(rest, ",}")]
	s.seen[n] = true
	if s.more != nil {
		s.more.heard(n, msg)
	}
}

func (s *simSite) open(_ context.Context, c device.Config) (device.Opened, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := int(c.Name[0] - 'a')
	if s.lines[i] == nil {
		return device.Opened{}, &device.OpenError{State: device.Missing, Code: device.CodeGone, Err: os.ErrNotExist}
	}
	line := s.lines[i]
	line.change(func() { line.gone, line.deadline = false, time.Time{} })
	return device.Opened{Line: line, Path: c.Port}, nil
}

func (s *simSite) start() {
	if s.more == nil {
		s.startWith(nil)
	} else {
		s.startAnyhow()
	}
}

// startWith starts on a disk that begins as told.
func (s *simSite) startWith(trouble func(*simDisk)) {
	var layer *crashtest.Layer
	dial := s.net.Dial
	if s.more != nil {
		layer = s.more.layer
	}
	disk := newSimDisk(s.cfg.Paths.BufferDir(), layer)
	if s.disk = disk; s.more != nil {
		trouble(disk)
		s.clock = s.more.machine.Clock(buildDay)
		dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if disk.dead() {
				return nil, errDead
			}
			c, err := s.net.Dial(ctx, network, addr)
			return simConn{c, disk}, err
		}
	}
	g, err := New(s.cfg, Options{
		Version: "sim", Built: buildDay, Clock: s.clock, Log: slog.New(slog.NewTextHandler(&s.log, nil)),
		Device: device.Tuning{Open: s.open}, FS: s.disk,
		Dial: uplink.Options{Dial: dial, Rand: rand.New(rand.NewPCG(s.rng.Uint64(), 2)).Float64},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.gateway, s.stop, s.ended = g, cancel, make(chan error, 1)
	if s.more != nil {
		disk.mu.Lock()
		disk.onCut = func() { s.atCut(61 * time.Second) }
		disk.mu.Unlock()
		if s.more.small == nil {
			s.more.small = map[string][]byte{}
		}
	}
	go func() { s.ended <- g.work(ctx) }()
	synctest.Wait()
}

// kill ends the gateway as kill -9 does: from one moment on nothing more
// reaches the disk or the network. The line keeps what was not read.
func (s *simSite) kill() {
	synctest.Wait()
	st := s.checkedStatus()
	if s.more != nil {
		s.atCut(2 * time.Second)
		s.disk.mu.Lock()
		s.disk.onCut = nil
		s.disk.mu.Unlock()
		s.die()
		s.more.restoreSmall(s.cfg.Paths.State)
		return
	}
	s.unkept = s.unkept || st.Buffer.State == status.BufferDegraded
	s.disk.be(errDead, 0)
	s.server.Refuse(true)
	s.server.Cut()
	s.killed = true
	s.young += int(st.Buffer.WaitingMemory)
	s.stop()
	<-s.ended // with an error: the disk is gone
	s.server.Refuse(false)
}

func (s *simSite) halt() status.Document {
	s.stop()
	if err := <-s.ended; err != nil {
		s.t.Fatalf("the gateway ended with %v", err)
	}
	st := s.checkedStatus()
	if s.more != nil {
		s.more.layer.Pass = s.more.layer.Step
		s.endRun()
	}
	return st
}

// feed puts whole lines on a line that is plugged in and open: what is sent to
// an unplugged one nobody can count.
func (s *simSite) feed(n int) {
	s.mu.Lock()
	i := s.rng.IntN(2)
	line := s.lines[i]
	s.mu.Unlock()
	if line == nil {
		return
	}
	for _, d := range s.gateway.Status().Devices {
		if d.Name == string(rune('a'+i)) && d.State == status.DeviceMissing {
			return
		}
	}
	line.change(func() {
		if line.gone {
			return
		}
		for range n {
			s.fed++
			if s.more != nil {
				s.mu.Lock()
				s.more.fedAt = append(s.more.fedAt, time.Now())
				s.mu.Unlock()
			}
			line.buf = fmt.Appendf(line.buf, "{\"n\":%d}\n", s.fed)
		}
	})
}

func (s *simSite) checkedStatus() status.Document {
	st := s.gateway.Status()
	if err := st.CheckLedger(); err != nil {
		s.t.Fatal(err)
	}
	if s.more != nil {
		s.follow()
	}
	return st
}

// drawn says whether the life has that kind of fault.
func (s *simSite) drawn(kind simKinds) bool { return s.more == nil || s.more.kinds&kind != 0 }

// step is one random event and some time after it.
func (s *simSite) step() {
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
		if st.Link.State == status.LinkOnline && st.Totals.Waiting == 0 && (s.killed || s.read(st) == s.fed) {
			return
		}
		time.Sleep(time.Second)
	}
	s.t.Fatalf("not recovered: %+v %+v", s.checkedStatus().Link, s.checkedStatus().Totals)
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

// With ack = "none" readings do vanish uncounted, as the README says. A
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
