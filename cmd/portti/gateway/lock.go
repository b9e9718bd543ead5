package gateway

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrRunning is inside the error of a second daemon on one state folder.
var ErrRunning = errors.New("already running")

// lockState makes the state folder this process's own. The lock lies on the
// folder itself, so that it needs no file: on a full or read-only disk the
// gateway works from memory. It is the kernel's and ends with the process,
// however it ends; the PID in the file next to it only serves the message to the
// second one, and is written where that is possible.
func lockState(dir string) (unlock func(), err error) {
	if err := makeState(dir); err != nil {
		return nil, err
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot lock the state folder: %w", err)
	}
	path := filepath.Join(dir, "lock")
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("cannot lock the state folder %s: %w", dir, err)
		}
		return nil, fmt.Errorf("portti is %w: %s uses the state folder %s; stop it first, or give this one another [paths] state", ErrRunning, owner(path), dir)
	}
	sign(path)
	return func() { f.Close() }, nil
}

// makeState makes the state folder where there is none. One that cannot be looked at
// gives the error of the disk; of MkdirAll it would be "file exists".
func makeState(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = os.MkdirAll(dir, 0o700)
	case err == nil && !info.IsDir():
		err = &fs.PathError{Op: "mkdir", Path: dir, Err: unix.ENOTDIR}
	}
	if err != nil {
		return fmt.Errorf("cannot make the state folder: %w", err)
	}
	return nil
}

// sign leaves our PID. Without room for it an old one must not stay.
func sign(path string) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
}

// owner is who left a PID, if that process is there.
func owner(path string) string {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return "another process"
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return "another process"
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 0 || errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
		return "another process"
	}
	return fmt.Sprintf("process %d", pid)
}
