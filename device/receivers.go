package device

import (
	"fmt"
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

// receiver is when one of them had positions.
type receiver struct {
	last  atomic.Int64 // monotonic
	since atomic.Int64 // there has been no gap of fallbackAfter
}

// named gives the receiver of that name, which need not have been there yet.
func (r *receivers) named(name string) *receiver {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all[name] == nil {
		r.all[name] = new(receiver)
		r.all[name].last.Store(r.begun)
		r.all[name].since.Store(r.begun)
	}
	return r.all[name]
}

// side gives where the last word is kept on which side of a fence a thing is. owner is
// the receiver, or the first of those of which one stands in for the other: they speak
// of the same thing. A fence that was drawn anew is another.
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

// standIn is what a receiver knows of the one in whose place it sends.
type standIn struct {
	name  string // "" = it sends always
	first *receiver
	used  bool
}

// look says whether that has changed.
func (s *standIn) look(now int64) bool {
	if s.name == "" {
		return false
	}
	was, last := s.used, s.first.last.Load()
	switch {
	case now-last >= fallbackAfter:
		s.used = true
	case last-s.first.since.Load() >= fallbackUntil:
		s.used = false
	}
	return s.used != was
}

// waits says that its positions are not to be sent.
func (s *standIn) waits() bool { return s.name != "" && !s.used }

// append adds for people which receiver is in use.
func (s *standIn) append(b []byte) []byte {
	switch {
	case s.name == "":
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
