package device

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"portti/device/geofence"
)

const (
	// fallbackAfter is how long a receiver has no position before another takes its
	// place, and fallbackUntil how long it must have them again before that one stops:
	// one between high houses has them now and then.
	fallbackAfter = 10_000 // ms
	fallbackUntil = 30_000 // ms
)

// receivers is what the sources of positions of one Set know of each other, and
// what they know longer than a port stays open. All methods may be called from several
// goroutines.
type receivers struct {
	mu    sync.Mutex
	begun int64 // monotonic
	all   map[string]*receiver
	sides map[string]*atomic.Uint32 // of fences: what the last word on each was
}

func newReceivers(now int64) *receivers {
	return &receivers{begun: now, all: map[string]*receiver{}, sides: map[string]*atomic.Uint32{}}
}

// receiver is when one of them had positions, and what it told last.
type receiver struct {
	name  string
	first *receiver // in whose place it sends, nil = it sends always; guarded by receivers.mu
	view  view
	last  atomic.Int64 // monotonic
	since atomic.Int64 // there has been no gap of fallbackAfter
}

// named gives the receiver of that name, which need not have been there yet.
func (r *receivers) named(name string) *receiver {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.namedLocked(name)
}

func (r *receivers) namedLocked(name string) *receiver {
	if r.all[name] == nil {
		r.all[name] = &receiver{name: name}
		r.all[name].last.Store(r.begun)
		r.all[name].since.Store(r.begun)
	}
	return r.all[name]
}

// standsIn notes that one sends in the place of another, which may do so as well, or
// always where there is no other.
func (r *receivers) standsIn(name, first string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.namedLocked(name)
	if at.first = nil; first != "" {
		at.first = r.namedLocked(first)
	}
}

// before gives those in whose place the receiver of that name sends, the nearest first.
func (r *receivers) before(name string) (all []*receiver) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for at := r.namedLocked(name).first; at != nil && !slices.Contains(all, at); at = at.first {
		all = append(all, at)
	}
	return all
}

// side gives where the last word is kept on which side of a fence a thing is. owner is
// the receiver, or the first of those of which each stands in for the one before: they
// speak of the same thing. A fence that was drawn anew is another.
func (r *receivers) side(owner string, f fence) *atomic.Uint32 {
	key := fmt.Sprintf("%s %s %v", owner, f.name, f.Fence)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sides[key] == nil {
		r.sides[key] = new(atomic.Uint32)
	}
	return r.sides[key]
}

// fixed notes a position.
func (r *receiver) fixed(now int64) {
	if now-r.last.Load() >= fallbackAfter {
		r.since.Store(now)
	}
	r.last.Store(now)
}

// standIn is what a receiver knows of those in whose place it sends.
type standIn struct {
	firsts []*receiver // the nearest first, none = it sends always
	used   bool
	name   string // while it is used, of the one that it stands in for; else of one that has positions
}

// look says whether that has changed. One of them is enough for it to wait.
func (s *standIn) look(now int64) bool {
	if len(s.firsts) == 0 {
		return false
	}
	was, gone := s.used, true
	for _, r := range s.firsts {
		last := r.last.Load()
		if now-last >= fallbackAfter {
			continue
		}
		if gone {
			gone, s.name = false, r.name
		}
		if last-r.since.Load() >= fallbackUntil {
			s.used, s.name = false, r.name
			break
		}
	}
	if gone {
		s.used = true
	}
	if s.used {
		s.name = s.firsts[0].name
	}
	return s.used != was
}

// waits says that its positions are not to be sent.
func (s *standIn) waits() bool { return len(s.firsts) > 0 && !s.used }

// append adds for people which receiver is in use.
func (s *standIn) append(b []byte) []byte {
	switch {
	case len(s.firsts) == 0:
		return b
	case s.used:
		return append(append(append(b, ", in use: "...), s.name...), " has no position"...)
	}
	return append(append(b, ", waits: in use is "...), s.name...)
}

// fence is one place whose border is watched.
type fence struct {
	geofence.Fence
	name  []byte
	track geofence.Tracker
	known *atomic.Uint32 // the Side that was told last
}

// cross looks at a position and says whether there is something to tell: the side has
// changed against what was told, or nothing was told yet.
func (f *fence) cross(p geofence.Point, within float64, now int64) (was geofence.Side, told bool) {
	old := f.known.Load()
	f.track.Now = geofence.Side(old)
	if !f.track.Take(&f.Fence, p, within, now) {
		return 0, false
	}
	return geofence.Side(old), f.known.CompareAndSwap(old, uint32(f.track.Now))
}
