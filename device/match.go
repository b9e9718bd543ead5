package device

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// find solves a match: the one port below /sys/class/tty whose USB adapter
// says of itself what m says. With two of them it refuses: a guess might read
// one device under the other's name.
func (o opener) find(m Match) (string, error) {
	ttys, _ := os.ReadDir(o.root + "/sys/class/tty")
	var found []string
	for _, t := range ttys {
		if o.says(t.Name(), m) {
			found = append(found, t.Name())
		}
	}
	switch len(found) {
	case 0:
		return "", &OpenError{Missing, CodeGone, fmt.Errorf("cannot find the port: %w", &kernelError{unix.ENOENT, "no USB adapter with " + m.String()})}
	case 1:
		return o.root + "/dev/" + found[0], nil
	}
	slices.Sort(found)
	return "", &OpenError{Missing, CodeAmbiguous, fmt.Errorf("cannot choose the port: %d adapters with %s; name one in port: %s",
		len(found), m, strings.Join(o.byPath(found), ", "))}
}

// String is the match as it stands in the configuration.
func (m Match) String() string {
	var parts []string
	for _, p := range [][2]string{{"vid", m.VID}, {"pid", m.PID}, {"serial", m.Serial}, {"interface", m.Interface}} {
		if p[1] != "" {
			parts = append(parts, p[0]+" "+p[1])
		}
	}
	return strings.Join(parts, ", ")
}

// says holds what a tty's adapter says of itself against m.
func (o opener) says(tty string, m Match) bool {
	u := o.adapter(tty)
	return u != nil && agrees(m.VID, u.VID) && agrees(m.PID, u.PID) && (m.Serial == "" || m.Serial == u.Serial) && agrees(m.Interface, u.Interface)
}

func attribute(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// agrees compares hex digits; an empty wish agrees with all.
func agrees(want, have string) bool {
	return want == "" || strings.EqualFold(want, have)
}

// byPath gives the names below /dev/serial/by-path, which stay the same as
// long as the adapters stay in their sockets, or the plain ones without udev.
func (o opener) byPath(ttys []string) []string {
	dir := "/dev/serial/by-path"
	links, _ := os.ReadDir(o.root + dir)
	var names []string
	for _, l := range links {
		to, err := os.Readlink(filepath.Join(o.root, dir, l.Name()))
		if err == nil && slices.Contains(ttys, filepath.Base(to)) {
			names = append(names, dir+"/"+l.Name())
		}
	}
	if len(names) > 0 {
		return names
	}
	for _, t := range ttys {
		names = append(names, "/dev/"+t)
	}
	return names
}

// check is the part of config check that is about a match.
func (m Match) check() error {
	var errs []error
	if m == (Match{}) {
		errs = append(errs, keyError("match", "must name at least one of vid, pid, serial, interface"))
	}
	for _, k := range []struct {
		key, value string
		digits     int
	}{{"vid", m.VID, 4}, {"pid", m.PID, 4}, {"interface", m.Interface, 2}} {
		if k.value != "" && !hexDigits(k.value, k.digits) {
			errs = append(errs, keyError("match."+k.key, "must be %d hex digits, as lsusb -v prints it", k.digits))
		}
	}
	return errors.Join(errs...)
}

func hexDigits(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}
