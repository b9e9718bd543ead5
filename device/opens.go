package device

import (
	"errors"
	"io/fs"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"
)

// OpenResult says what became of a try to open a port.
type OpenResult uint8

// The results of a try, by the kernel's names of its errors.
const (
	OpenOK OpenResult = iota
	OpenENOENT
	OpenEACCES
	OpenEBUSY
	OpenEIO
	OpenOther
	OpenResults // their number
)

// String is the result as a label.
func (r OpenResult) String() string {
	return [...]string{"ok", "enoent", "eacces", "ebusy", "eio", "other"}[min(r, OpenOther)]
}

// kernelError is an error of the kernel in words for people.
type kernelError struct {
	errno unix.Errno
	text  string
}

func (e *kernelError) Error() string { return e.text }
func (e *kernelError) Unwrap() error { return e.errno }

// openResult sorts an error of opening.
func openResult(err error) OpenResult {
	var pe *serial.PortError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return OpenENOENT
	case errors.Is(err, fs.ErrPermission):
		return OpenEACCES
	case errors.Is(err, unix.EBUSY), errors.As(err, &pe) && pe.Code() == serial.PortBusy:
		return OpenEBUSY
	case errors.Is(err, unix.EIO):
		return OpenEIO
	}
	return OpenOther
}
