package device

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The values of parity and rts_level.
const (
	parityNone = "none"
	parityEven = "even"
	parityOdd  = "odd"
	levelHigh  = "high"
	levelLow   = "low"
)

// serialRS485 is struct serial_rs485 of <linux/serial.h>. The delays are in
// milliseconds; a kernel may lower them, to 100 at most, and tells by writing back.
type serialRS485 struct {
	flags         uint32
	before, after uint32
	_             [5]uint32
}

// Flags of serialRS485. Without the third a driver does not listen while it sends,
// which keeps our own request out of what is read.
const (
	rs485Enabled     = 1 << 0
	rs485RTSOnSend   = 1 << 1
	rs485RTSAfter    = 1 << 2
	maxRTSDelay      = 100 * time.Millisecond
	rtsDelayRule     = `must be a time such as "1ms", up to 100ms and in whole milliseconds`
	noRS485          = "its driver, %s, has no RS-485 mode"
	noRS485Elsewhere = "its driver has no RS-485 mode"
)

// rs485Of is what the configuration asks for, which was checked.
func rs485Of(c Config) serialRS485 {
	s := serialRS485{flags: rs485Enabled | rs485RTSOnSend}
	if c.RTSLevel == levelLow {
		s.flags = rs485Enabled | rs485RTSAfter
	}
	s.before, _ = rtsDelay(c.RTSBefore)
	s.after, _ = rtsDelay(c.RTSAfter)
	return s
}

// rtsDelay is a delay in milliseconds.
func rtsDelay(text string) (ms uint32, ok bool) {
	if text == "" {
		return 0, true
	}
	d, err := time.ParseDuration(text)
	return uint32(d / time.Millisecond), err == nil && d >= 0 && d <= maxRTSDelay && d%time.Millisecond == 0
}

// setRS485 lets the port's driver switch the line's direction. It must follow the
// opening through the library, which sets RTS itself.
func setRS485(own *os.File, s serialRS485) error {
	conn, err := own.SyscallConn()
	if err != nil {
		return err
	}
	var errno unix.Errno
	err = conn.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, unix.TIOCSRS485, uintptr(unsafe.Pointer(&s)))
	})
	if err == nil && errno != 0 {
		err = errno
	}
	return err
}

// refusedRS485 says why a port cannot switch its direction; a driver without such a
// mode is named.
func (o opener) refusedRS485(path string, err error) error {
	why := err.Error()
	if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EOPNOTSUPP) {
		why = noRS485Elsewhere
		link, _ := os.Readlink(filepath.Join(o.root+"/sys/class/tty", filepath.Base(path), "device/driver"))
		if name := filepath.Base(link); link != "" {
			why = fmt.Sprintf(noRS485, name)
		}
	}
	return &OpenError{Busy, CodeNoRS485, fmt.Errorf("cannot set rs485 on %s: %s", path, why)}
}

// checkLine checks the keys that say how bits lie on a serial line.
func checkLine(c Config) []error {
	var errs []error
	bad := func(key, rule string) { errs = append(errs, keyError(key, "%s", rule)) }
	switch c.Parity {
	case "", parityNone, parityEven, parityOdd:
	default:
		bad("parity", "must be none, even or odd")
	}
	if c.StopBits < 0 || c.StopBits > 2 {
		bad("stop_bits", "must be 1 or 2")
	}
	switch c.RTSLevel {
	case "", levelHigh, levelLow:
	default:
		bad("rts_level", "must be high or low: the level of RTS while the port sends")
	}
	if _, ok := rtsDelay(c.RTSBefore); !ok {
		bad("rts_before", rtsDelayRule)
	}
	if _, ok := rtsDelay(c.RTSAfter); !ok {
		bad("rts_after", rtsDelayRule)
	}
	switch {
	case c.RS485 && c.RTS != nil:
		bad("rts", "cannot be set together with rs485, which switches RTS by itself")
	case !c.RS485:
		for key, set := range map[string]bool{"rts_level": c.RTSLevel != "", "rts_before": c.RTSBefore != "", "rts_after": c.RTSAfter != ""} {
			if set {
				bad(key, "needs rs485 = true")
			}
		}
	}
	if strings.HasPrefix(c.Port, tcpScheme) {
		for key, set := range map[string]bool{"parity": c.Parity != "", "stop_bits": c.StopBits != 0, "rs485": c.RS485, "dtr": c.DTR != nil, "rts": c.RTS != nil} {
			if set {
				bad(key, "cannot be set on a tcp:// port: set it on the device server")
			}
		}
	}
	return errs
}
