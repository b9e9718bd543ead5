package device

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"
)

// changeLimit is how long a Change waits for the devices that it ends: an opening and
// a closing that the kernel holds are given up sooner.
const changeLimit = stopLimit + closeLimit + 500*time.Millisecond

// Change is another list of devices for a Set: checked, and not yet in force.
type Change struct {
	// The names of the devices, each once: what is the same as before is not touched.
	Added, Removed, Changed, Kept []string

	set        *Set
	next       []*device
	begun, old []*device
}

// Prepare checks another list of devices and makes those that are new. Nothing is
// stopped or opened before Apply, and a Change that is not applied leaves nothing
// behind but its names in the ledger. The error joins all mistakes in cfgs. It is for one goroutine at a time.
func (s *Set) Prepare(cfgs []Config) (*Change, error) {
	cfgs, err := s.check(cfgs)
	if err != nil {
		return nil, err
	}
	numbers := make([]uint16, len(cfgs)) // last: the ledger keeps the names that it was asked for
	for i, c := range cfgs {
		if numbers[i], err = s.number(c.Name); err != nil {
			return nil, fmt.Errorf("cannot use device %q: %w", c.Name, err)
		}
	}
	ch := &Change{set: s}
	left := map[string]*device{}
	for _, d := range s.all() {
		left[d.cfg.Name] = d
	}
	for i, c := range cfgs {
		was := left[c.Name]
		delete(left, c.Name)
		if was != nil && reflect.DeepEqual(was.cfg, c) {
			ch.next, ch.Kept = append(ch.next, was), append(ch.Kept, c.Name)
			continue
		}
		d := newDevice(c, numbers[i], s.env, s.shared, s.tuning)
		d.stuck = s.stuckOf(c.Name)
		ch.next, ch.begun = append(ch.next, d), append(ch.begun, d)
		if was == nil {
			ch.Added = append(ch.Added, c.Name)
			continue
		}
		ch.Changed, ch.old = append(ch.Changed, c.Name), append(ch.old, was)
	}
	for _, d := range s.all() {
		if left[d.cfg.Name] == d {
			ch.Removed, ch.old = append(ch.Removed, d.cfg.Name), append(ch.old, d)
		}
	}
	return ch, nil
}

// check gives the enabled ones, with everything said that a Kind says where they do not.
func (s *Set) check(cfgs []Config) ([]Config, error) {
	var on []Config
	var errs []error
	names := map[string]bool{}
	for _, c := range cfgs {
		if c.Enabled != nil && !*c.Enabled {
			continue
		}
		err := s.tuning.Kinds.Check(c)
		if err == nil && names[c.Name] {
			err = errors.New("another device has this name")
		}
		names[c.Name] = true
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot use device %q: %w", c.Name, err))
			continue
		}
		c = s.tuning.Kinds.Filled(c)
		c.Enabled = nil
		on = append(on, c)
	}
	return on, errors.Join(errs...)
}

func (s *Set) stuckOf(name string) *atomic.Int32 {
	if s.stuck[name] == nil {
		s.stuck[name] = new(atomic.Int32)
	}
	return s.stuck[name]
}

// Apply ends what is not wanted any more, waits until its ports are closed (but for
// those the kernel holds, and changeLimit at most), and begins what is new: a port may
// pass from one device to another. It ends early when ctx does. Readings of a device
// that is gone stay with whoever took them.
func (c *Change) Apply(ctx context.Context) {
	c.set.drop(c.old)
	for _, d := range c.old {
		if d.loop != nil {
			d.stop()
		}
	}
	until := time.Now().Add(changeLimit)
	for _, d := range c.old {
		if d.loop != nil && !d.loop.within(ctx, time.Until(until)) {
			d.giveUp("end")
		}
	}
	s := c.set
	s.mu.Lock()
	defer s.mu.Unlock()
	s.devices = c.next
	for _, d := range c.begun {
		s.beginLocked(d)
	}
}

// drop says that these are not to be begun any more. Whether one of them runs is decided
// from here on.
func (s *Set) drop(old []*device) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range old {
		d.dropped = true
	}
}
