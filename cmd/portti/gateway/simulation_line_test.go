package gateway

import (
	"os"
	"sync"
	"time"

	"portti/device"
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
