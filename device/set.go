package device

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Tuning replaces what the daemon leaves as it is and tests do not. Zero
// fields mean the usual.
type Tuning struct {
	Pause time.Duration // between the end of a port and the next opening
	Open  OpenFunc      // nil = the kind's own, or else Open
	Kinds Table         // nil = Kinds()
}

// Set is all devices of a gateway.
type Set struct {
	shared *stamper
	env    Env
	tuning Tuning
	number func(name string) (uint16, error)
	stuck  map[string]*atomic.Int32 // goroutines given up, by the device's name: they outlive the device. Belongs to who prepares changes

	mu      sync.Mutex      // guards the rest
	devices []*device       // in the order of the configuration; never changed, but replaced
	ctx     context.Context // of Run; nil = it does not run
	loops   sync.WaitGroup
}

// New makes the devices that cfgs enable; nothing is opened yet. number gives
// the ledger's number of a device's name. The error joins all mistakes in cfgs.
func New(cfgs []Config, number func(name string) (uint16, error), sink Sink, env Env, t Tuning) (*Set, error) {
	if env.Log == nil {
		env.Log = slog.New(slog.DiscardHandler)
	}
	if t.Pause == 0 {
		t.Pause = Pause
	}
	if t.Kinds == nil {
		t.Kinds = Kinds()
	}
	if env.Clock != nil {
		env.receivers = newReceivers(env.Clock.Now().Mono)
	}
	s := &Set{shared: &stamper{clock: env.Clock, gateway: env.Gateway, sink: sink}, env: env, tuning: t, number: number, stuck: map[string]*atomic.Int32{}}
	c, err := s.Prepare(cfgs)
	if err != nil {
		return s, err
	}
	s.devices = c.next
	return s, nil
}

func newDevice(c Config, number uint16, env Env, shared *stamper, t Tuning) *device {
	k, _ := t.Kinds.Named(c.Type)
	log := env.Log.With("component", "device", "device", c.Name)
	env.Log = log
	if o, positions := t.Kinds.positionsOf(c); positions && env.receivers != nil {
		env.receivers.standsIn(c.Name, o.FallbackFor)
	}
	open := t.Open
	if open == nil {
		open = k.Open
	}
	if open == nil {
		open = Open
	}
	d := &device{
		cfg: c, kind: k, kinds: t.Kinds, env: env, log: log,
		open: open, pause: t.Pause,
		start: time.Now(), since: time.Now(), state: Missing,
	}
	d.stamp = stamp{
		stamper: shared, device: number, id: c.ID, rate: bucket{perSecond: c.RateLimit}, report: newReporter(c.Report),
		ctx: context.Background(), beat: d.beat, failed: d.sinkError,
	}
	return d
}

// Run runs every device until ctx ends, and those that a Change brings meanwhile.
// It returns when all have really stopped and their ports are closed, but for those
// the kernel holds (Stuck).
func (s *Set) Run(ctx context.Context) {
	s.mu.Lock()
	s.ctx = ctx
	for _, d := range s.devices {
		s.beginLocked(d)
	}
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	s.ctx = nil // no other device is begun from here on
	s.mu.Unlock()
	s.loops.Wait()
}

// beginLocked runs one device until it is told to stop, or the set is.
func (s *Set) beginLocked(d *device) {
	if s.ctx == nil || d.dropped {
		return
	}
	ctx, stop := context.WithCancel(s.ctx)
	d.stop = stop
	s.loops.Add(1)
	d.loop = start(func() {
		defer s.loops.Done()
		defer stop()
		d.run(ctx)
	}, func() { d.stuck.Add(-1) })
}

// all is every device of the moment.
func (s *Set) all() []*device {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.devices
}

// Status looks at every device, in the order of the configuration. It may be
// called at any time from any goroutine.
func (s *Set) Status() []Status {
	devices := s.all()
	all := make([]Status, 0, len(devices))
	for _, d := range devices {
		all = append(all, d.status())
	}
	return all
}

// Idle is how long the slowest running device is overdue: zero as long as
// everything it does is within its own limits, waits included. After maxStuck
// goroutines given up it grows for ever. It is for a watchdog.
func (s *Set) Idle() time.Duration {
	var idle time.Duration
	for _, d := range s.all() {
		if d.running.Load() {
			idle = max(idle, time.Since(d.start)-time.Duration(d.due.Load()))
		}
	}
	return idle
}

// silence is how long nothing may be decoded.
func (d *device) silence() time.Duration {
	if every, err := time.ParseDuration(d.cfg.ExpectEvery); err == nil && every > 0 {
		return 3 * every
	}
	limit := d.kind.Silence
	if limit <= 0 {
		limit = silentAfter
	}
	if d.kind.Expect != nil {
		limit = max(limit, 3*d.kind.Expect(d.cfg))
	}
	return limit
}
