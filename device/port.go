package device

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"
)

// Line is an open Port as its holder sees it.
type Line interface {
	Port
	// Interrupt makes a blocked Read or Write and all later ones fail. It may be
	// called from any goroutine, any number of times, and does not wait.
	Interrupt()
	// Close gives the port back. It is called once, when nobody reads.
	Close() error
}

// WriteLimit is how long a Write may take before it fails.
const WriteLimit = 2 * time.Second

var (
	// ErrGone is the end of a port that we did not close: pulled out, hung up.
	ErrGone = errors.New("the port is gone")
	// errInterrupted is the end of a port that we closed ourselves.
	errInterrupted = errors.New("the port was closed")
)

// serialLine is a serial port on two descriptors. port is the library's: it has set
// the line up and keeps it for us alone (its Close ends the exclusive mode), and is
// never read, since a Read there costs a thread and a wake-up each time it looks
// whether it was closed. own is ours: non-blocking, read and written through the
// runtime's poller, so that a port on which nothing happens costs neither.
//
// The line is raw, with VMIN 1: no bytes is EAGAIN, and zero bytes is a port that was
// unplugged. Where somebody sets VMIN to 0 meanwhile, it looks unplugged and is
// opened again, which puts it right.
type serialLine struct {
	port io.Closer
	own  *os.File
	mode serial.Mode

	mu          sync.Mutex // between a deadline and Interrupt, which is one for ever
	interrupted bool
}

func (l *serialLine) Read(p []byte) (int, error) {
	n, err := l.own.Read(p)
	switch {
	case err == nil || n > 0:
		return n, nil
	case l.wasInterrupted():
		return 0, errInterrupted
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, err
	case errors.Is(err, io.EOF):
		return 0, ErrGone
	}
	return 0, fmt.Errorf("%w: %w", ErrGone, err)
}

func (l *serialLine) SetReadDeadline(t time.Time) error {
	return l.setDeadline(l.own.SetReadDeadline, t)
}

func (l *serialLine) Write(p []byte) (int, error) {
	if err := l.setDeadline(l.own.SetWriteDeadline, time.Now().Add(WriteLimit)); err != nil {
		return 0, err
	}
	n, err := l.own.Write(p)
	switch {
	case err == nil:
	case l.wasInterrupted():
		err = errInterrupted
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("the device took no bytes for %v: %w", WriteLimit, err)
	}
	return n, err
}

func (l *serialLine) setDeadline(set func(time.Time) error, t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.interrupted {
		return errInterrupted
	}
	if err := set(t); err != nil {
		return fmt.Errorf("cannot set a deadline: %w", err)
	}
	return nil
}

func (l *serialLine) Interrupt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.interrupted = true
	_ = l.own.SetDeadline(time.Unix(1, 0)) // fails where it is closed
}

func (l *serialLine) wasInterrupted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.interrupted
}

// tune sets another speed; see tunable.
func (l *serialLine) tune(baud int) error {
	port, ok := l.port.(serial.Port)
	if !ok {
		return errors.New("this port has no speed")
	}
	m := l.mode // its bits are those of Open
	m.InitialStatusBits, m.BaudRate = nil, baud
	return port.SetMode(&m)
}

// waiting reads what has come; see tunable. The kernel says that there is nothing only when
// all its queues of this port are empty.
func (l *serialLine) waiting(p []byte) (n int) {
	conn, err := l.own.SyscallConn()
	if err != nil {
		return 0
	}
	err = conn.Control(func(fd uintptr) { n, _ = unix.Read(int(fd), p) })
	if err != nil {
		return 0
	}
	return max(n, 0)
}

func (l *serialLine) Close() error {
	l.Interrupt()
	err := l.own.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	return errors.Join(l.port.Close(), err)
}
