package device

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.bug.st/serial"
)

// Line is an open Port as its holder sees it.
type Line interface {
	Port
	// Interrupt makes a blocked Read and all later ones fail within Slice. It
	// may be called from any goroutine, any number of times.
	Interrupt()
	// Close gives the port back. It is called once, when nobody reads.
	Close() error
}

// Slice is how long a serial Read stays in the kernel at most, and so how late
// it notices Interrupt or a deadline set meanwhile. Bytes are handed on at
// once, whatever the slice.
const Slice = 200 * time.Millisecond

// WriteLimit is how long a Write may take before it fails.
const WriteLimit = 2 * time.Second

var (
	// ErrGone is the end of a port that we did not close: pulled out, hung up.
	ErrGone = errors.New("the port is gone")
	// errInterrupted is the end of a port that we closed ourselves.
	errInterrupted = errors.New("the port was closed")
)

// serialPort is what the adapter needs of go.bug.st/serial.
type serialPort interface {
	Read([]byte) (int, error)
	SetReadTimeout(time.Duration) error
	Close() error
}

// serialLine makes a Line of a serial.Port and puts right what that promises
// otherwise:
//
//   - a timeout is (0, nil) there, and os.ErrDeadlineExceeded here;
//   - unplugging and closing give the same error there, ErrGone and
//     errInterrupted here;
//   - Close frees the descriptor's number before it wakes the reader, which
//     then may read from whatever got that number. So Interrupt only raises a
//     flag, and Close comes after the reader has left;
//   - Write takes no lock and blocks for ever when the far end stops the flow.
//     Here bytes are written through our own descriptor, the one that holds
//     the lock: os.File guards it against Close and knows deadlines.
type serialLine struct {
	port        serialPort
	deadline    deadline // of Read
	interrupted atomic.Bool

	mu     sync.Mutex // Write and Close
	own    *os.File
	closed bool
}

func (l *serialLine) Read(p []byte) (int, error) {
	for {
		if l.interrupted.Load() {
			return 0, errInterrupted
		}
		slice := Slice
		if at := l.deadline.get(); !at.IsZero() {
			left := time.Until(at)
			if left <= 0 {
				return 0, os.ErrDeadlineExceeded
			}
			slice = min(slice, left)
		}
		if err := l.port.SetReadTimeout(slice); err != nil {
			return 0, fmt.Errorf("cannot set the read timeout: %w", err)
		}
		n, err := l.port.Read(p)
		switch {
		case n > 0:
			return n, nil
		case err != nil && l.interrupted.Load():
			return 0, errInterrupted
		case err != nil:
			return 0, goneBy(err)
		case len(p) == 0:
			return 0, nil
		}
	}
}

// goneBy keeps the cause where it says more than that the port is gone.
func goneBy(err error) error {
	var pe *serial.PortError
	if errors.As(err, &pe) && pe.Code() == serial.PortClosed || errors.Is(err, io.EOF) {
		return ErrGone
	}
	return fmt.Errorf("%w: %w", ErrGone, err)
}

// SetReadDeadline takes effect on a Read that is already blocked within Slice.
func (l *serialLine) SetReadDeadline(t time.Time) error {
	l.deadline.set(t)
	return nil
}

func (l *serialLine) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.interrupted.Load() {
		return 0, errInterrupted
	}
	if err := l.own.SetWriteDeadline(time.Now().Add(WriteLimit)); err != nil {
		return 0, fmt.Errorf("cannot set the write deadline: %w", err)
	}
	n, err := l.own.Write(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("the device took no bytes for %v: %w", WriteLimit, err)
	}
	return n, err
}

func (l *serialLine) Interrupt() { l.interrupted.Store(true) }

func (l *serialLine) Close() error {
	l.interrupted.Store(true)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	return errors.Join(l.port.Close(), l.own.Close())
}

// deadline is a point in time that one goroutine sets while another gets it.
// It holds the whole time.Time, monotonic reading included, so that a step of
// the wall clock does not move it.
type deadline struct {
	mu sync.Mutex
	at time.Time
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	d.at = t
	d.mu.Unlock()
}

func (d *deadline) get() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.at
}
