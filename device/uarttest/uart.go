// Package uarttest is a serial line without hardware that has a speed: a
// pseudo-terminal whose far end looks which speed the near one has set, and gives
// it what a UART would make of the bits where the two differ.
//
//	far, err := uarttest.Open(9600)
//	go far.Repeat(ctx, sentences, 5*time.Millisecond)
//	// far.Path() is opened and read by what is tested
//
// Only tests import it.
package uarttest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Heard is what a UART makes of bytes that were sent with so many bits of pause
// between them, at its own speed times the given ratio. Where there is no stop bit it
// waits for the line to be idle, as the usual ones do.
func Heard(sent []byte, pause int, ratio float64) (got []byte) {
	var line []byte // one a bit as sent
	for _, c := range sent {
		line = append(line, 0)
		for i := range 8 {
			line = append(line, c>>i&1)
		}
		for range 1 + pause {
			line = append(line, 1)
		}
	}
	at := func(t float64) byte {
		if i := int(t); i < len(line) {
			return line[i]
		}
		return 1
	}
	end := float64(len(line))
	for t := 0.0; t < end; {
		if at(t) == 1 {
			t = float64(int(t) + 1)
			continue
		}
		c := byte(0)
		for i := range 8 {
			c |= at(t+ratio*(1.5+float64(i))) << i
		}
		got = append(got, c)
		for t += 9.5 * ratio; t < end && at(t) == 0; {
			t = float64(int(t) + 1)
		}
	}
	return got
}

// Far is the far end of such a line.
type Far struct {
	master *os.File
	path   string
	baud   atomic.Int64
}

// Speak is the speed at which the far end sends from now on.
func (f *Far) Speak(baud int) { f.baud.Store(int64(baud)) }

// Open makes a line whose far end sends at a speed.
func Open(baud int) (*Far, error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot make a pseudo-terminal: %w", err)
	}
	f := &Far{master: master}
	f.Speak(baud)
	err = f.control(func(fd int) error {
		n, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
		if err != nil {
			return err
		}
		f.path = fmt.Sprintf("/dev/pts/%d", n)
		// Asked about its settings, this end gives those of the other. Raw, so that the
		// line discipline touches no bytes before the near end is opened.
		t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return err
		}
		t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
		return errors.Join(unix.IoctlSetTermios(fd, unix.TCSETS, t), unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot prepare a pseudo-terminal: %w", err), f.Close())
	}
	return f, nil
}

// control runs do on the descriptor, which stays one that does not block.
func (f *Far) control(do func(fd int) error) error {
	c, err := f.master.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	err = c.Control(func(fd uintptr) { inner = do(int(fd)) })
	return errors.Join(err, inner)
}

// Path is the near end, such as /dev/pts/7.
func (f *Far) Path() string { return f.path }

// speed is the one that the other end of a terminal has: one of the usual, since an
// emulator does not know the call that tells any.
func speed(fd int) (int, error) {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return 0, err
	}
	for baud, flag := range map[int]uint32{1200: unix.B1200, 2400: unix.B2400, 4800: unix.B4800, 9600: unix.B9600, 19200: unix.B19200, 38400: unix.B38400,
		57600: unix.B57600, 115200: unix.B115200, 230400: unix.B230400, 460800: unix.B460800, 921600: unix.B921600} {
		if flag == t.Cflag&unix.CBAUD {
			return baud, nil
		}
	}
	return 0, errors.New("it is none of the usual speeds")
}

// Set is the speed that the near end has.
func (f *Far) Set() (baud int, err error) {
	err = f.control(func(fd int) error {
		baud, err = speed(fd)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("cannot ask for the speed: %w", err)
	}
	return baud, nil
}

// Send sends b, of which the near end gets what it would at its speed. What nobody reads
// is lost, as on a line.
func (f *Far) Send(b []byte) error {
	baud := int(f.baud.Load())
	for made, heard := baud, b; ; {
		set, err := f.put(heard, made)
		if err != nil || set == made {
			return err
		}
		made, heard = set, Heard(b, 0, float64(baud)/float64(set))
	}
}

// put gives the near end what was made for a speed, unless it has another one, and says
// which. It does not wait for room: meanwhile the speed could change.
func (f *Far) put(heard []byte, made int) (set int, err error) {
	err = f.control(func(fd int) error {
		if set, err = speed(fd); err != nil || set != made {
			return err
		}
		if _, err = unix.Write(fd, heard); errors.Is(err, unix.EAGAIN) {
			return nil
		}
		return err
	})
	return set, err
}

// Repeat sends b over and over, 64 bytes in each interval, until ctx is over or the line closed.
func (f *Far) Repeat(ctx context.Context, b []byte, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for rest := b; len(b) > 0; {
		part := rest[:min(64, len(rest))]
		if rest = rest[len(part):]; len(rest) == 0 {
			rest = b
		}
		if f.Send(part) != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Got is what the near end has sent and nobody asked for yet, without waiting.
func (f *Far) Got() []byte {
	b := make([]byte, 4096)
	_ = f.master.SetReadDeadline(time.Now().Add(time.Millisecond))
	n, _ := f.master.Read(b)
	return b[:n]
}

// Close ends the line; the near end sees a hang-up.
func (f *Far) Close() error { return f.master.Close() }
