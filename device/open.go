package device

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"
)

// Opened is a port that was just opened.
type Opened struct {
	Line Line
	Path string // what the configured name led to
	Flow bool   // the far end can be made to wait, so nothing need be dropped
}

// OpenFunc opens the port of one device. It may block; an error that is an
// *OpenError says which state the device is in.
type OpenFunc func(ctx context.Context, c Config) (Opened, error)

// OpenError says why a port could not be opened.
type OpenError struct {
	State State  // Missing or Busy
	Code  string // of the problem catalogue
	Err   error
}

func (e *OpenError) Error() string { return e.Err.Error() }
func (e *OpenError) Unwrap() error { return e.Err }

// opener opens serial ports and connections. All paths are below root, which
// is "" but in tests.
type opener struct {
	root string
}

// Open opens the port that c names, as Run does.
//
// A serial port is opened through go.bug.st/serial in raw mode with eight data
// bits, after these checks: the name is followed to the device behind it, at every
// opening; the device is a serial port and no console of the kernel; nobody
// else holds it, by flock and by the tty's exclusive mode, of which the
// second does not stop root.
func Open(ctx context.Context, c Config) (Opened, error) {
	return opener{}.open(ctx, c)
}

func (o opener) open(ctx context.Context, c Config) (Opened, error) {
	if strings.HasPrefix(c.Port, tcpScheme) {
		return dialTCP(ctx, c.Port)
	}
	name := o.root + c.Port
	if c.Port == "" && c.Match != nil {
		found, err := o.find(*c.Match)
		if err != nil {
			return Opened{}, err
		}
		name = found
	}
	path, err := filepath.EvalSymlinks(name)
	if err != nil {
		return Opened{}, openError(name, err)
	}
	if err := o.usable(path); err != nil {
		return Opened{}, err
	}
	own, err := o.hold(path)
	if err != nil {
		return Opened{}, err
	}
	m := mode(c)
	port, err := serial.Open(path, m)
	if err != nil {
		_ = own.Close()
		return Opened{}, openError(path, err)
	}
	shareable(path, own)
	if c.RS485 {
		if err := setRS485(own, rs485Of(c)); err != nil {
			_ = port.Close()
			_ = own.Close()
			return Opened{}, o.refusedRS485(path, err)
		}
	}
	return Opened{Line: &serialLine{port: port, own: own, mode: *m}, Path: path}, nil
}

// shareable takes the exclusive mode back from a pseudo-terminal. There it
// would outlive a killed gateway for as long as the other end is open, and
// lock out the next one unless it runs as root. The flock stays.
func shareable(path string, own *os.File) {
	if conn, err := own.SyscallConn(); err == nil && strings.HasPrefix(path, "/dev/pts/") {
		_ = conn.Control(func(fd uintptr) { _ = unix.IoctlSetInt(int(fd), unix.TIOCNXCL, 0) })
	}
}

func mode(c Config) *serial.Mode {
	m := &serial.Mode{BaudRate: int(c.Baud)} // a Set has filled in the kind's own
	switch c.Parity {
	case parityEven:
		m.Parity = serial.EvenParity
	case parityOdd:
		m.Parity = serial.OddParity
	}
	if c.StopBits == 2 {
		m.StopBits = serial.TwoStopBits
	}
	if c.DTR != nil || c.RTS != nil {
		// The kernel raises both when it opens, so "as it is" means true.
		m.InitialStatusBits = &serial.ModemOutputBits{DTR: c.DTR == nil || *c.DTR, RTS: c.RTS == nil || *c.RTS}
	}
	return m
}

// usable refuses what is no serial port or is a console.
func (o opener) usable(path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return openError(path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR {
		return &OpenError{Busy, CodeNotSerial, fmt.Errorf("cannot open %s: not a serial port but %s", path, fileKind(st.Mode))}
	}
	number := fmt.Sprintf("%d:%d", unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev)))
	if o.console(filepath.Base(path), number) {
		return &OpenError{Busy, CodeConsole, fmt.Errorf("cannot open %s: the kernel uses it as a console", path)}
	}
	return nil
}

func fileKind(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "a file"
	case unix.S_IFDIR:
		return "a folder"
	case unix.S_IFBLK:
		return "a block device"
	case unix.S_IFIFO:
		return "a pipe"
	case unix.S_IFSOCK:
		return "a socket"
	}
	return "something else"
}

// console looks the device up in /proc/consoles, by name and number, and among
// the console= words of the kernel's command line, whose port may have been
// given up since.
func (o opener) console(name, number string) bool {
	list, _ := os.ReadFile(o.root + "/proc/consoles")
	for line := range bytes.Lines(list) {
		f := strings.Fields(string(line))
		if len(f) > 1 && (f[0] == name || f[len(f)-1] == number) {
			return true
		}
	}
	cmdline, _ := os.ReadFile(o.root + "/proc/cmdline")
	for _, word := range strings.Fields(string(cmdline)) {
		if tty, ok := strings.CutPrefix(word, "console="); ok {
			tty, _, _ = strings.Cut(strings.TrimPrefix(tty, "/dev/"), ",")
			// serial0 is a link on a Raspberry Pi.
			to, _ := filepath.EvalSymlinks(o.root + "/dev/" + tty)
			if tty == name || filepath.Base(to) == name {
				return true
			}
		}
	}
	return false
}

// hold opens the device for ourselves alone. The file is the one through which
// the line is written to, and its flock is what stops a second gateway, root
// or not. The exclusive mode is looked at too: as root we would pass it. It
// outlives its owner on a pseudo-terminal whose other end is still open, so
// it counts only where the owner is found.
func (o opener) hold(path string) (*os.File, error) {
	own, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, o.heldError(path, err)
	}
	conn, err := own.SyscallConn()
	if err != nil {
		_ = own.Close()
		return nil, openError(path, err)
	}
	var exclusive int
	var lockErr error
	err = conn.Control(func(fd uintptr) {
		lockErr = unix.Flock(int(fd), unix.LOCK_EX|unix.LOCK_NB)
		exclusive, _ = unix.IoctlGetInt(int(fd), unix.TIOCGEXCL)
	})
	if err = errors.Join(err, lockErr); err != nil {
		_ = own.Close()
		return nil, o.heldError(path, err)
	}
	if exclusive != 0 {
		if who := o.user(path); who != "" {
			_ = own.Close()
			return nil, heldBy(path, who)
		}
	}
	return own, nil
}

// heldError names the holder where the error is that there is one.
func (o opener) heldError(path string, err error) error {
	if !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.EWOULDBLOCK) {
		return openError(path, err)
	}
	who := o.holder(path)
	if who == "" {
		who = "another program"
	}
	return heldBy(path, who)
}

func heldBy(path, who string) error {
	return openError(path, &kernelError{unix.EBUSY, "in use by " + who})
}

// openError sorts an error of the kernel or of the serial library.
func openError(path string, err error) error {
	e := &OpenError{State: Busy, Code: CodeBusy}
	var pe *serial.PortError
	var pathErr *fs.PathError
	cause := err
	if errors.As(err, &pathErr) {
		cause = pathErr.Err // the path is said already
	}
	switch {
	case errors.As(err, &pe) && pe.Code() == serial.PermissionDenied, errors.Is(err, fs.ErrPermission):
		e.Code, cause = CodePermission, fs.ErrPermission
	case strings.HasSuffix(err.Error(), unix.EMFILE.Error()): // says nothing about the port; a PortError does not unwrap
	case errors.As(err, &pe) && pe.Code() == serial.InvalidSerialPort:
		e.Code, cause = CodeNotSerial, fmt.Errorf("not a serial port: %w", err)
	case errors.Is(err, fs.ErrNotExist):
		e.State, e.Code, cause = Missing, CodeGone, &kernelError{unix.ENOENT, "no such device"}
	case errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV), errors.Is(err, unix.EIO):
		e.State, e.Code = Missing, CodeGone
	}
	e.Err = fmt.Errorf("cannot open %s: %w", path, cause)
	return e
}
