package device

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// holder names who has path locked or open: by the kernel's list of locks,
// which all may read, else by the descriptors in /proc that we may look at. A
// lock of another process comes first, since it is what keeps us out, while
// others may have the port open and do no harm. A lock that we took may have
// been inherited. It is "" when nobody is found. It is called only when a port
// is known to be held.
func (o opener) holder(path string) string {
	pid, self := o.locker(path), strconv.Itoa(os.Getpid())
	if pid != "" && pid != self {
		return o.process(pid)
	}
	if who := o.user(path); who != "" || pid == "" {
		return who
	}
	return "another device of this gateway"
}

// user names another process that has path open, as far as we may look.
func (o opener) user(path string) string {
	self := strconv.Itoa(os.Getpid())
	procs, _ := os.ReadDir(o.root + "/proc")
	for _, p := range procs {
		pid := p.Name()
		if _, err := strconv.Atoi(pid); err != nil || pid == self {
			continue
		}
		if o.hasOpen(pid, path) {
			return o.process(pid)
		}
	}
	return ""
}

// hasOpen compares the device and not only its name: in a container, which has
// terminals of its own, another one has the same.
func (o opener) hasOpen(pid, path string) bool {
	var want, have unix.Stat_t
	if unix.Stat(path, &want) != nil {
		return false
	}
	dir := filepath.Join(o.root, "/proc", pid, "fd")
	fds, err := os.ReadDir(dir)
	if err != nil {
		return false // gone by now, or not ours to see
	}
	for _, fd := range fds {
		link := filepath.Join(dir, fd.Name())
		if to, err := os.Readlink(link); err != nil || to != path {
			continue
		}
		if unix.Stat(link, &have) == nil && have.Dev == want.Dev && have.Ino == want.Ino {
			return true
		}
	}
	return false
}

// locker finds the owner of a flock on path in /proc/locks, whose lines read
// "1: FLOCK  ADVISORY  WRITE 1234 00:18:5 0 EOF": process, device and inode.
func (o opener) locker(path string) string {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return ""
	}
	want := fmt.Sprintf("%02x:%02x:%d", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)), st.Ino)
	locks, _ := os.ReadFile(o.root + "/proc/locks")
	for line := range strings.Lines(string(locks)) {
		if f := strings.Fields(line); len(f) >= 6 && f[1] == "FLOCK" && f[5] == want {
			return f[4]
		}
	}
	return ""
}

// process is "gpsd (process 812)".
func (o opener) process(pid string) string {
	comm, err := os.ReadFile(filepath.Join(o.root, "/proc", pid, "comm"))
	if err != nil {
		return "process " + pid
	}
	return fmt.Sprintf("%s (process %s)", strings.TrimSpace(string(comm)), pid)
}
