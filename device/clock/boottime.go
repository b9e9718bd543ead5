package clock

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// boottime gives the milliseconds since boot, suspend included, without a
// system call each time: Go asks the kernel for CLOCK_BOOTTIME and not the page
// that the kernel shares for the purpose, which was measured as 15 % of all the
// work on a fast line. So it counts with Go's own monotonic clock, which is
// read from that page, and keeps by how much boot time is ahead of it.
//
// Boot time gets further ahead only by a suspend. Then the wall clock has
// usually moved against the monotonic one, which is looked for at each reading;
// without a real time clock it is noticed lookEvery later.
type boottime struct {
	ask  func() time.Duration // CLOCK_BOOTTIME
	now  func() time.Time
	base time.Time

	ahead  atomic.Int64 // of the time since base, in nanoseconds; only grows
	looked atomic.Int64 // time since base at the last look
	drift  atomic.Int64 // of the wall clock against the time since base, then
}

const (
	lookEvery = time.Second
	// moved is how far the wall clock may go against the monotonic one between
	// two looks before a suspend is suspected. Time servers slew by 0.5 ms a
	// second.
	moved = 5 * time.Millisecond
)

func newBoottime(now func() time.Time, ask func() time.Duration) *boottime {
	b := &boottime{ask: ask, now: now, base: now()}
	b.look()
	return b
}

// read gives the milliseconds since boot and the wall clock. The former never
// step back, whoever asks.
func (b *boottime) read() (mono, wall int64) {
	t := b.now()
	since := t.Sub(b.base)
	gone := t.UnixNano() - int64(since) - b.drift.Load()
	if gone > int64(moved) || gone < -int64(moved) || int64(since)-b.looked.Load() >= int64(lookEvery) {
		b.look()
	}
	return (b.ahead.Load() + int64(since)) / int64(time.Millisecond), t.UnixMilli()
}

// look asks the kernel. Boot time was asked before the time it is compared
// with, so what comes out is never too much, however long the process was kept
// waiting in between, and the greatest of all looks is the best.
func (b *boottime) look() {
	boot := b.ask()
	t := b.now()
	since := t.Sub(b.base)
	b.looked.Store(int64(since))
	b.drift.Store(t.UnixNano() - int64(since))
	for ahead := int64(boot - since); ; {
		old := b.ahead.Load()
		if ahead <= old && old != 0 || b.ahead.CompareAndSwap(old, ahead) {
			return
		}
	}
}

func askBoottime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		// CLOCK_BOOTTIME is older (2.6.39) than any kernel Go runs on.
		panic("clock: CLOCK_BOOTTIME: " + err.Error())
	}
	return time.Duration(ts.Sec)*time.Second + time.Duration(ts.Nsec)
}
