package clock

import (
	"sync"
	"testing"
	"time"
)

// machineClock is a machine whose clocks are moved by hand.
type machineClock struct {
	boot  time.Duration
	now   time.Time
	asked int
	late  time.Duration // the process is kept waiting after the kernel was asked
}

func (m *machineClock) ask() time.Duration {
	m.asked++
	boot := m.boot
	m.run(m.late)
	m.late = 0
	return boot
}

func (m *machineClock) run(d time.Duration) { m.boot += d; m.now = m.now.Add(d) }

func newMachine() (*machineClock, *boottime) {
	m := &machineClock{boot: time.Hour, now: time.Now()} // Add keeps the monotonic reading in step
	return m, newBoottime(func() time.Time { return m.now }, m.ask)
}

func TestBoottimeRunsWithoutAsking(t *testing.T) {
	m, b := newMachine()
	for range 999 {
		m.run(time.Millisecond)
		b.read()
	}
	if m.asked != 1 {
		t.Errorf("the kernel was asked %d times within a second, want once", m.asked)
	}
	if mono, wall := b.read(); mono != 3_600_999 || wall != m.now.UnixMilli() {
		t.Errorf("%d ms since boot and %d, want 3600999 and %d", mono, wall, m.now.UnixMilli())
	}
	m.run(time.Millisecond)
	if b.read(); m.asked != 2 {
		t.Errorf("the kernel was asked %d times after a second, want twice", m.asked)
	}
}

func TestBoottimeSeesSuspend(t *testing.T) {
	m, b := newMachine()
	m.boot += 10 * time.Hour // and no wall clock that shows it
	m.run(time.Second)
	if mono, _ := b.read(); mono != 11*3600_000+1000 {
		t.Errorf("%d ms since boot a second after a suspend of ten hours", mono)
	}
}

func TestBoottimeIsNeverTooMuchNorBack(t *testing.T) {
	m, b := newMachine()
	last, _ := b.read()
	for i := range 50 {
		m.run(700 * time.Millisecond)
		m.late = time.Duration(i%7) * 300 * time.Millisecond
		mono, _ := b.read()
		if mono < last {
			t.Fatalf("stepped back from %d to %d", last, mono)
		}
		if most := m.boot.Milliseconds(); mono > most {
			t.Fatalf("%d ms since boot, the kernel says %d", mono, most)
		}
		last = mono
	}
	m.run(2 * time.Second)
	if mono, _ := b.read(); m.boot.Milliseconds()-mono > 0 {
		t.Errorf("behind by %d ms after an undisturbed look", m.boot.Milliseconds()-mono)
	}
}

// TestBoottimeAgainstKernel holds the two side by side on this machine.
func TestBoottimeAgainstKernel(t *testing.T) {
	begun := askBoottime()
	b := newBoottime(time.Now, askBoottime)
	// The first look may lag behind by as long as it took; later ones only help.
	lag := (askBoottime() - begun).Milliseconds() + 1
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			last := int64(0)
			for range 20_000 {
				before := askBoottime().Milliseconds()
				mono, _ := b.read()
				after := askBoottime().Milliseconds()
				if mono < last || mono > after || mono < before-lag {
					t.Errorf("%d after %d, the kernel says %d to %d", mono, last, before, after)
					return
				}
				last = mono
			}
		})
	}
	all.Wait()
}
