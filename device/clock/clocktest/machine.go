// Package clocktest is a machine whose clocks tests move. Only tests import it.
package clocktest

import (
	"sync"
	"time"

	"portti/device/clock"
)

// Machine is a machine: its clocks run with the time package's, in a
// synctest bubble the bubble's, and are moved by hand. Its Clock goes by the
// same rules as a real one's. All methods may be called from any goroutine.
type Machine struct {
	mu     sync.Mutex
	boot   byte
	mono   int64 // at since
	wall   int64
	since  time.Time
	synced bool
}

// NewMachine switches a machine on: boot tells one boot from another, wall is
// what its wall clock shows at mono 0, in Unix milliseconds.
func NewMachine(boot byte, wall int64) *Machine {
	return &Machine{boot: boot, wall: wall, since: time.Now()}
}

// Clock makes the clock that a program on this machine has.
func (m *Machine) Clock(built time.Time) *clock.Clock {
	return clock.Of(clock.Source{BootID: [16]byte{15: m.boot}, Read: m.read, Ask: m.ask}, built)
}

// Sync says whether a time server has set the wall clock, and sets it when wall
// is not 0.
func (m *Machine) Sync(synced bool, wall int64) {
	m.change(func() {
		m.synced = synced
		if wall != 0 {
			m.wall = wall
		}
	})
}

// Step moves the wall clock alone, as one who sets it by hand does: the kernel
// does not vouch for it any more.
func (m *Machine) Step(by time.Duration) {
	m.change(func() { m.synced, m.wall = false, m.wall+by.Milliseconds() })
}

// Leap moves the wall clock by so much and leaves it synchronised, as a leap
// second or a time server that steps does.
func (m *Machine) Leap(by time.Duration) {
	m.change(func() { m.wall += by.Milliseconds() })
}

// Sleep suspends the machine: both clocks have gone on, the program's timers
// have not.
func (m *Machine) Sleep(d time.Duration) {
	m.change(func() { m.mono, m.wall = m.mono+d.Milliseconds(), m.wall+d.Milliseconds() })
}

// Wall is what the wall clock shows, Unix milliseconds.
func (m *Machine) Wall() int64 {
	_, wall := m.read()
	return wall
}

func (m *Machine) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	gone := now.Sub(m.since).Milliseconds()
	m.mono, m.wall, m.since = m.mono+gone, m.wall+gone, m.since.Add(time.Duration(gone)*time.Millisecond)
	f()
}

func (m *Machine) read() (mono, wall int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	gone := time.Since(m.since).Milliseconds()
	return m.mono + gone, m.wall + gone
}

func (m *Machine) ask() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.synced {
		return ""
	}
	return "the kernel's clock is not synchronised: no time server was reached since boot"
}
