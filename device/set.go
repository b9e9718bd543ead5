package device

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Tuning replaces what the daemon leaves as it is and tests do not. Zero
// fields mean the usual.
type Tuning struct {
	Pause time.Duration // between the end of a port and the next opening
	Open  OpenFunc
	Kinds Table // nil = Kinds()
}

// Set is all devices of a gateway.
type Set struct {
	devices []*device
	shared  *stamper
}

// New makes the devices that cfgs enable; nothing is opened yet. number gives
// the ledger's number of a device's name. The error joins all problems.
func New(cfgs []Config, number func(name string) (uint16, error), sink Sink, env Env, t Tuning) (*Set, error) {
	if env.Log == nil {
		env.Log = slog.New(slog.DiscardHandler)
	}
	if t.Pause == 0 {
		t.Pause = Pause
	}
	if t.Open == nil {
		t.Open = Open
	}
	if t.Kinds == nil {
		t.Kinds = Kinds()
	}
	shared := &stamper{clock: env.Clock, gateway: env.Gateway, sink: sink}
	s := &Set{shared: shared}
	var errs []error
	names := map[string]bool{}
	for _, c := range cfgs {
		if c.Enabled != nil && !*c.Enabled {
			continue
		}
		err := t.Kinds.Check(c)
		if err == nil && names[c.Name] {
			err = errors.New("another device has this name")
		}
		names[c.Name] = true
		var n uint16
		if err == nil {
			n, err = number(c.Name)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot use device %q: %w", c.Name, err))
			continue
		}
		s.devices = append(s.devices, newDevice(c, n, env, shared, t))
	}
	return s, errors.Join(errs...)
}

func newDevice(c Config, number uint16, env Env, shared *stamper, t Tuning) *device {
	k, _ := t.Kinds.Named(c.Type)
	if c.Baud == 0 {
		c.Baud = k.Baud
	}
	log := env.Log.With("component", "device", "device", c.Name)
	env.Log = log
	d := &device{
		cfg: c, kind: k, env: env, log: log,
		open: t.Open, pause: t.Pause,
		start: time.Now(), since: time.Now(), state: Missing,
	}
	d.stamp = stamp{
		stamper: shared, device: number, id: c.ID, rate: bucket{perSecond: c.RateLimit},
		ctx: context.Background(), beat: d.beat, failed: d.sinkError,
	}
	return d
}

// Run runs every device until ctx ends. It returns when all have really
// stopped and their ports are closed, but for those the kernel holds (Stuck).
func (s *Set) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, d := range s.devices {
		wg.Go(func() { d.run(ctx) })
	}
	wg.Wait()
}

// Status looks at every device, in the order of the configuration. It may be
// called at any time from any goroutine.
func (s *Set) Status() []Status {
	all := make([]Status, 0, len(s.devices))
	for _, d := range s.devices {
		all = append(all, d.status())
	}
	return all
}

// Idle is how long the slowest running device is overdue: zero as long as
// everything it does is within its own limits, waits included. After maxStuck
// goroutines given up it grows for ever. It is for a watchdog.
func (s *Set) Idle() time.Duration {
	var idle time.Duration
	for _, d := range s.devices {
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
	if d.kind.Silence > 0 {
		return d.kind.Silence
	}
	return silentAfter
}
