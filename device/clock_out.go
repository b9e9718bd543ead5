package device

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"portti/device/chrony"
)

const (
	// chronyPath is the socket of clock_out = "chrony": outside of /run/chrony, which
	// nobody but chronyd may enter, and of the form that Debian's profile lets it make.
	chronyPath  = "/run/chrony.portti.sock"
	maxSockPath = 107  // sun_path without its final zero
	steerEvery  = 1000 // ms
)

// clockOut gives the path of the socket that is told the time, "" = none is.
func clockOut(option string) (path string, err error) {
	switch {
	case option == "chrony":
		return chronyPath, nil
	case option == "", strings.HasPrefix(option, "/") && len(option) <= maxSockPath && !strings.Contains(option, "\x00"):
		return option, nil
	}
	return "", keyError("clock_out", `must be "chrony", or the path of its socket, up to %d characters`, maxSockPath)
}

// steering tells chronyd the time of a receiver. chronyd need not be there: it makes the
// socket when it starts, and each sample goes to whoever has it then.
type steering struct {
	path   string // "" = nobody is told
	last   int64  // monotonic, of the last sample; 0 = none yet
	failed bool
	buf    []byte
}

// tell passes on that at moment mono it was unix, both in milliseconds, and says what
// there is to tell people.
func (s *steering) tell(unixMilli, mono, now int64) (err error, changed bool) {
	if s.path == "" || s.last != 0 && now-s.last < steerEvery-paceJitter {
		return nil, false
	}
	// One that came sooner counts as of when it was due, or there were more than one a second.
	if s.last == 0 {
		s.last = max(now, 1)
	} else {
		s.last = max(now, s.last+steerEvery)
	}
	at := time.Now().Add(time.Duration(mono-now) * time.Millisecond)
	err = s.send(chrony.Sample{At: at, Ahead: time.UnixMilli(unixMilli).Sub(at)})
	changed = s.failed != (err != nil)
	s.failed = err != nil
	return err, changed
}

// send never waits: a chronyd that does not read loses samples.
func (s *steering) send(sample chrony.Sample) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("cannot make a socket: %w", err)
	}
	defer unix.Close(fd)
	for _, bits := range chrony.Sizes() {
		s.buf = sample.Append(s.buf[:0], bits)
		if err := unix.Sendto(fd, s.buf, unix.MSG_NOSIGNAL, &unix.SockaddrUnix{Name: s.path}); err != nil {
			return fmt.Errorf("cannot send to %s: %w", s.path, err)
		}
	}
	return nil
}

// whyNot says in words what a failure to tell chronyd mostly means.
func whyNot(err error) string {
	switch {
	case errors.Is(err, unix.ENOENT):
		return "chronyd has made no such socket: it is not running, or its configuration has no line for it"
	case errors.Is(err, unix.ECONNREFUSED):
		return "chronyd is not running any more"
	case errors.Is(err, unix.EACCES):
		return "its socket may be written to by chronyd's own user only; docs/position.md has what chrony.service lacks"
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOBUFS):
		return "chronyd does not read it"
	}
	return "see the error"
}
