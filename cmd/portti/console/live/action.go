package live

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// action is at least as large as the kernel's struct sigaction on every machine. All nought
// is the default action.
type action [64]uint64

// byDefault does f while a signal does what it does where nobody catches it. signal.Reset
// does not see to that for the signals that stop a process: Go's handler stays, and the
// signal is lost.
func byDefault(s syscall.Signal, f func() error) error {
	var none, caught action
	if err := setAction(s, &none, &caught); err != nil {
		return err
	}
	err := f()
	if back := setAction(s, &caught, nil); err == nil {
		err = back
	}
	return err
}

func setAction(s syscall.Signal, now, was *action) error {
	const maskBytes = 8 // of a set of signals; MIPS alone has more
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(now)), uintptr(unsafe.Pointer(was)), maskBytes, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
