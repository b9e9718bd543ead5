package bluez

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/godbus/dbus/v5"
)

// Reason sorts why there is nothing to hear.
type Reason int

// The reasons.
const (
	NoBlueZ   Reason = iota // no system bus, or nobody serves BlueZ on it
	NoAdapter               // not there, or of no use
	Blocked                 // by rfkill
	Forbidden               // by the policy of the bus
)

// Error is why Open failed.
type Error struct {
	Reason Reason
	Err    error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

var (
	// ErrClosed is the end of a Line that was interrupted or closed.
	ErrClosed = errors.New("the scan was ended")
	// errEnded begins the text of each other end.
	errEnded = errors.New("the scan ended")
)

func refused(r Reason, format string, args ...any) error {
	return &Error{r, fmt.Errorf(format, args...)}
}

// sorted gives an error of D-Bus its reason. doing is what could not be done.
func (l *Line) sorted(doing string, err error) error {
	var e dbus.Error
	reason := NoAdapter
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, dbus.ErrClosed):
		reason, err = NoBlueZ, errors.New("bluetoothd did not answer in time")
	case errors.Is(err, os.ErrPermission):
		reason = Forbidden
	case !errors.As(err, &e):
		reason = NoBlueZ
	case strings.HasSuffix(e.Name, ".AccessDenied"), strings.HasSuffix(e.Name, ".NotPermitted"), strings.HasSuffix(e.Name, ".NotAuthorized"):
		reason = Forbidden
	case e.Name == "org.bluez.Error.Blocked", strings.Contains(strings.ToLower(e.Error()), "rfkill"):
		return refused(Blocked, "cannot %s: blocked by rfkill", doing)
	case strings.HasSuffix(e.Name, ".ServiceUnknown"), strings.HasSuffix(e.Name, ".NameHasNoOwner"),
		strings.HasSuffix(e.Name, ".NoReply"), strings.HasSuffix(e.Name, ".Disconnected"):
		reason = NoBlueZ
	}
	if reason == NoAdapter {
		if how := l.rfkill(); how != "" {
			return refused(Blocked, "cannot %s: %s", doing, how)
		}
	}
	return refused(reason, "cannot %s: %w", doing, err)
}

// rfkill says which switch keeps Bluetooth off, "" = none does. The kernel's
// Documentation/ABI/stable/sysfs-class-rfkill has the files.
func (l *Line) rfkill() string {
	dir := l.o.Root + "/sys/class/rfkill"
	entries, _ := os.ReadDir(dir)
	how := ""
	for _, e := range entries {
		read := func(name string) string {
			b, _ := os.ReadFile(dir + "/" + e.Name() + "/" + name)
			return strings.TrimSpace(string(b))
		}
		switch {
		case read("type") != "bluetooth":
		case read("hard") == "1":
			return fmt.Sprintf("%s is off by a switch of the machine (rfkill: hard blocked)", read("name"))
		case read("soft") == "1" && how == "":
			how = fmt.Sprintf("%s is blocked by rfkill (soft blocked)", read("name"))
		}
	}
	return how
}
