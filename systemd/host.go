package systemd

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// host is the machine that is being installed on: its file tree and its
// programs. Tests put another root and another run in its place.
type host struct {
	root  string // prefix of every path, "" on a real machine
	image bool   // it is an image, not a machine that runs
	euid  int
	run   func(name string, args ...string) (stdout string, err error)
	has   func(program string) bool
	chown func(path string, uid, gid int) error
}

func thisHost() *host {
	return &host{euid: os.Geteuid(), run: runProgram, has: hasProgram, chown: os.Chown}
}

func (h *host) path(p string) string { return h.root + p }

// ready says why nothing can be changed here, if so.
func (h *host) ready(verb string) error {
	if h.euid == 0 {
		return nil
	}
	if h.image {
		return fmt.Errorf("%w: the files of an image belong to root and to the group %s", ErrNotRoot, Name)
	}
	return fmt.Errorf("%w: try  sudo portti service %s", ErrNotRoot, verb)
}

// group returns the gid of a group and its members, or ok = false.
// It reads /etc/group, as the os/user package does without cgo.
func (h *host) group(name string) (gid string, members []string, ok bool) {
	text, err := os.ReadFile(h.path("/etc/group"))
	if err != nil {
		return "", nil, false
	}
	for line := range strings.Lines(string(text)) {
		field := strings.Split(strings.TrimSpace(line), ":")
		if len(field) == 4 && field[0] == name {
			return field[2], strings.Split(field[3], ","), true
		}
	}
	return "", nil, false
}

func (h *host) user(name string) bool {
	text, err := os.ReadFile(h.path("/etc/passwd"))
	return err == nil && (bytes.HasPrefix(text, []byte(name+":")) || bytes.Contains(text, []byte("\n"+name+":")))
}

// writeFile replaces a file as a whole: a power cut leaves the old or the new.
func (h *host) writeFile(path string, text []byte, mode fs.FileMode) error {
	if err := h.folderInside(filepath.Dir(path)); err != nil {
		return err
	}
	path = h.path(path)
	f, err := os.CreateTemp(filepath.Dir(path), ".portti-*")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	defer os.Remove(f.Name()) // a no-op once renamed
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	return nil
}

func hasProgram(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

func runProgram(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	if err == nil {
		return out.String(), nil
	}
	if said := strings.TrimSpace(complaint.String()); said != "" {
		return out.String(), fmt.Errorf("%s: %w: %s", name, err, said)
	}
	return out.String(), fmt.Errorf("%s: %w", name, err)
}
