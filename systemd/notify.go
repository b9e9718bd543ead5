package systemd

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// maxStatus is where a status text is cut, in bytes. systemd keeps more, but
// `systemctl status` prints it on one line of a terminal.
const maxStatus = 200

// Notifier tells systemd how the service is, over the socket that
// NOTIFY_SOCKET names (a path, or an abstract name that begins with @).
//
// Without that variable every method does nothing and returns nil, so the
// caller need not know whether systemd started it. An error means that the
// message did not leave; it is never a reason to stop. The zero value is
// ready, and any number of goroutines may use it.
type Notifier struct{}

// Ready says that start-up is done, or that a reload is over: configuration
// read, buffer open, control socket listening. It does not wait for the first
// connection, since a gateway without a network is still a healthy gateway.
func (Notifier) Ready() error { return notify(daemon.SdNotifyReady) }

// Reloading says that the configuration is being read again. Ready ends it.
func (Notifier) Reloading() error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return fmt.Errorf("cannot read the monotonic clock: %w", err)
	}
	usec := now.Nano() / int64(time.Microsecond)
	return notify(daemon.SdNotifyReloading + "\nMONOTONIC_USEC=" + strconv.FormatInt(usec, 10))
}

// Stopping says that the staged shutdown has begun.
func (Notifier) Stopping() error { return notify(daemon.SdNotifyStopping) }

// Watchdog feeds the watchdog once. Use Watch instead where a part can hang.
func (Notifier) Watchdog() error { return notify(daemon.SdNotifyWatchdog) }

// Status sets the sentence that `systemctl status` shows. Line breaks become
// spaces and the text is cut at 200 bytes, never inside a character.
func (Notifier) Status(text string) error { return notify("STATUS=" + oneLine(text)) }

// notify never waits: a systemd that does not read, or whoever holds its socket, must
// not stop the part that tells it something. What finds the queue full is lost, and
// the error says so; the next message tells how things are by then.
//
// The library's own sender blocks.
func notify(state string) error {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil
	}
	if err := sendNow(name, state); err != nil {
		return fmt.Errorf("cannot tell systemd: %w", err)
	}
	return nil
}

// JournalEntry hands the journal the fields of one entry, NAME=value lines as in
// systemd.journal-fields(7). It never waits: where the journal does not read now, does
// not run, or finds the entry too large, the error says so and the entry is not there.
func JournalEntry(fields []byte) error {
	return sendNow("/run/systemd/journal/socket", string(fields))
}

func sendNow(name, state string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	// A name that begins with @ is an abstract one, for this call as for systemd.
	for {
		err = unix.Sendto(fd, []byte(state), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, &unix.SockaddrUnix{Name: name})
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// oneLine keeps a line break from ending the text early: what follows it would
// be read as another assignment.
func oneLine(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }), " ")
	text = strings.ToValidUTF8(text, "?")
	if len(text) <= maxStatus {
		return text
	}
	cut := maxStatus
	for cut > 0 && text[cut]&0xc0 == 0x80 {
		cut--
	}
	return text[:cut]
}

// WatchdogInterval returns how often systemd wants to hear from this process
// at the latest, or 0 when it does not watch it.
//
// The library's own reader uses an int, which on 32-bit ARM refuses a
// WatchdogSec of more than 35 minutes.
func WatchdogInterval() (time.Duration, error) {
	usec := os.Getenv("WATCHDOG_USEC")
	if usec == "" {
		return 0, nil
	}
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0, nil
	}
	n, err := strconv.ParseInt(usec, 10, 64)
	if err != nil || n <= 0 || n > int64(1<<63-1)/int64(time.Microsecond) {
		return 0, fmt.Errorf("cannot use WATCHDOG_USEC %q: it must be a positive number of microseconds", usec)
	}
	return time.Duration(n) * time.Microsecond, nil
}
