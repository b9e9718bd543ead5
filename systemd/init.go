package systemd

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// kind is the init system that runs here, or that an image has.
func (h *host) kind() (Kind, error) {
	there := func(paths ...string) bool {
		return slices.ContainsFunc(paths, func(p string) bool { _, err := os.Stat(h.path(p)); return err == nil })
	}
	if h.image {
		switch {
		case there("/usr/lib/systemd/systemd", "/lib/systemd/systemd"):
			return Systemd, nil
		case there("/sbin/procd", "/etc/openwrt_release"):
			return Procd, nil
		case there("/sbin/openrc-run", "/usr/sbin/openrc-run"):
			return OpenRC, nil
		case there("/etc/init.d"):
			return SysV, nil
		}
		return "", fmt.Errorf("cannot find an init system in %s; name it with  --init %s", h.root, kindList("|"))
	}
	first, _ := os.ReadFile(h.path("/proc/1/comm"))
	switch {
	case there("/run/systemd/system"):
		return Systemd, nil
	case there("/sbin/procd", "/etc/openwrt_release"):
		return Procd, nil
	case there("/run/openrc"):
		return OpenRC, nil
	case string(bytes.TrimSpace(first)) == "init" && there("/etc/init.d"): // not in a container that has the folder and no init
		return SysV, nil
	}
	return "", ErrNoInit
}

func kindList(separator string) string {
	var names []string
	for _, k := range Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, separator)
}

// link is what has the service started at boot, or stopped at shutdown.
type link struct{ path, to string }

// links are all of them: that is all that rc-update, update-rc.d and the like make, so
// a machine is treated as an image is. file is the unit or script.
func (h *host) links(kind Kind, file string) []link {
	switch kind {
	case Systemd:
		return []link{{"/etc/systemd/system/multi-user.target.wants/" + path.Base(file), file}}
	case OpenRC:
		return []link{{"/etc/runlevels/default/" + Name, file}}
	case Procd:
		return []link{{"/etc/rc.d/S95" + Name, "../init.d/" + Name}, {"/etc/rc.d/K10" + Name, "../init.d/" + Name}}
	}
	if st, err := os.Stat(h.path("/etc/rc2.d")); err != nil || !st.IsDir() { // busybox and Buildroot start what is S??* in init.d
		return []link{{"/etc/init.d/S95" + Name, Name}}
	}
	var all []link
	for level, which := range map[string]string{"0": "K05", "1": "K05", "2": "S95", "3": "S95", "4": "S95", "5": "S95", "6": "K05"} {
		all = append(all, link{"/etc/rc" + level + ".d/" + which + Name, "../init.d/" + Name})
	}
	return all
}

func (h *host) enable(kind Kind, file string) error {
	for _, l := range h.links(kind, file) {
		if now, err := os.Readlink(h.path(l.path)); err == nil && now == l.to {
			continue
		}
		if err := h.folderInside(path.Dir(l.path)); err != nil {
			return err
		}
		if err := os.Remove(h.path(l.path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot enable the service: %w", err)
		}
		if err := os.Symlink(l.to, h.path(l.path)); err != nil {
			return fmt.Errorf("cannot enable the service: %w", err)
		}
	}
	return nil
}

func (h *host) disable(kind Kind, file string) error {
	for _, l := range h.links(kind, file) {
		if err := os.Remove(h.path(l.path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot disable the service: %w", err)
		}
	}
	return nil
}

func (h *host) enabled(kind Kind, file string) bool {
	for _, l := range h.links(kind, file) {
		if _, err := os.Lstat(h.path(l.path)); err == nil {
			return true
		}
	}
	return false
}

// folderInside makes a folder unless it is there, and refuses one that a symbolic link
// leads out of the image: what is absolute in an image means the image.
func (h *host) folderInside(dir string) error {
	if err := os.MkdirAll(h.path(dir), 0o755); err != nil {
		return fmt.Errorf("cannot make the folder %s: %w", dir, err)
	}
	if !h.image {
		return nil
	}
	top, err := filepath.EvalSymlinks(h.path("/"))
	real, realErr := filepath.EvalSymlinks(h.path(dir))
	if err = errors.Join(err, realErr); err != nil {
		return fmt.Errorf("cannot use the folder %s: %w", dir, err)
	}
	if real != top && !strings.HasPrefix(real, strings.TrimSuffix(top, "/")+"/") {
		return fmt.Errorf("cannot use the folder %s: a link in it leads out of %s, to %s", dir, h.root, real)
	}
	return nil
}

// onFiles is the manager of an image, and of every init system but a running systemd:
// the file and the links are all that an installation is.
type onFiles struct {
	host  *host
	kind  Kind
	paths struct{ file, text string }
}

func (s *Service) onFiles(kind Kind, file, text string) *onFiles {
	m := &onFiles{host: s.host, kind: kind}
	m.paths.file, m.paths.text = file, text
	return m
}

func (m *onFiles) Install() error {
	mode := fs.FileMode(0o755)
	if m.kind == Systemd {
		mode = 0o644
	}
	if err := m.host.writeFile(m.paths.file, []byte(m.paths.text), mode); err != nil {
		return err
	}
	return m.host.enable(m.kind, m.paths.file)
}

func (m *onFiles) Uninstall() error {
	if err := m.host.disable(m.kind, m.paths.file); err != nil {
		return err
	}
	return os.Remove(m.host.path(m.paths.file))
}

func (m *onFiles) Start() error   { return m.do("start") }
func (m *onFiles) Stop() error    { return m.do("stop") }
func (m *onFiles) Restart() error { return m.do("restart") }

func (m *onFiles) do(verb string) error {
	command := []string{m.paths.file, verb}
	if m.kind == OpenRC {
		command = []string{"rc-service", Name, verb}
	}
	_, err := m.host.run(command[0], command[1:]...)
	return err
}
