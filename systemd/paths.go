package systemd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Named is what a configuration names and the service must reach.
type Named struct {
	Folders []Folder // it writes in
	Files   []string // it reads
	Ports   []string // of its devices
}

// Folder is one that the service writes in.
type Folder struct {
	Path string
	Mode fs.FileMode
}

// pathsDropIn opens the sandbox for what the configuration names, and nothing else. Its
// lines are systemd's to read and ours to write anew.
const pathsDropIn = "/etc/systemd/system/portti.service.d/paths.conf"

// Prepare makes the machine fit what the configuration names, and says why the service
// would not start, which is a NotConfiguredError. Start, Restart and Install begin with
// it. It makes folders that are missing, for the service's user; one that is there stays
// as it is: whose it is was somebody's decision, and it may be the wrong disk's. Under
// systemd it writes the drop-in that lets the sandbox reach them, and removes it when
// nothing needs it any more. A file needs no line, since the sandbox hides only homes and
// temporary folders; what lies there is refused.
func (s *Service) Prepare() (did []string, err error) {
	p, err := s.place()
	if err == nil {
		err = s.host.ready("prepare")
	}
	if err != nil {
		return nil, err
	}
	return s.prepare(p)
}

func (s *Service) prepare(p place) (did []string, err error) {
	if !s.host.image { // of a package that was put into an image
		if did, err = s.host.lend(); err != nil {
			return did, err
		}
	}
	more, err := s.reach(p)
	did = append(did, more...)
	if err == nil && s.Check != nil && !s.host.image {
		err = s.Check(s.host.path(s.Config))
	}
	if err != nil {
		return did, &NotConfiguredError{Path: s.Config, Err: err}
	}
	if s.Named == nil || s.host.image {
		return did, nil
	}
	named, err := s.Named(s.host.path(s.Config))
	if err != nil {
		return did, nil // Check let it pass: as it will
	}
	freed, err := s.FreeConsole(named.Ports...)
	did = append(did, freed...)
	if err != nil { // one port is no reason to read none
		did = append(did, err.Error()+"; the gateway leaves that port alone")
	}
	return did, nil
}

func (s *Service) reach(p place) (did []string, err error) {
	if s.Named == nil {
		return nil, nil
	}
	named, err := s.Named(s.host.path(s.Config))
	if err != nil {
		return nil, nil // Check says what is wrong with it
	}
	var view View
	if p.kind == Systemd {
		view, _ = viewWithout(os.DirFS(s.host.path("/")), pathsDropIn)
		if err := view.refuses(named); err != nil {
			return nil, err
		}
	}
	for _, f := range named.Folders {
		if slices.Contains(view.Made, f.Path) || s.host.image && strings.HasPrefix(f.Path, "/run/") {
			continue // made at each start
		}
		made, err := s.host.folder(f)
		if err != nil {
			return did, err
		}
		if made {
			did = append(did, "created "+f.Path+" for the user "+Name)
		}
	}
	if p.kind != Systemd {
		return did, nil
	}
	more, err := s.dropIn(view, named)
	return append(did, more...), err
}

// refuses says which of the paths the service shall not or cannot have.
func (v View) refuses(named Named) error {
	inside := func(path string, dirs []string) bool {
		return slices.ContainsFunc(dirs, func(d string) bool { return path == d || strings.HasPrefix(path, strings.TrimSuffix(d, "/")+"/") })
	}
	covered := append(slices.Clone(v.Hidden), v.Private...)
	for _, f := range named.Folders {
		switch {
		case inside(f.Path, covered):
			return fmt.Errorf("the folder %s is hidden from the service, as all homes and temporary folders are; name one elsewhere in [paths], such as /srv/portti", f.Path)
		case f.Path == "/" || inside(f.Path, []string{"/usr", "/etc", "/boot", "/efi", "/proc", "/sys", "/dev"}):
			return fmt.Errorf("the folder %s belongs to the system, and the service gets no right to write there; name one elsewhere in [paths], such as /srv/portti", f.Path)
		case strings.ContainsFunc(f.Path, special):
			return fmt.Errorf("the folder %q holds a character that has a meaning in a unit file; name one without it in [paths]", f.Path)
		}
	}
	for _, path := range named.Files {
		if inside(path, covered) {
			return fmt.Errorf("%s is hidden from the service, as all homes and temporary folders are; put it elsewhere and name it there:\nsudo install -g %s -m 640 %s %s/", path, Name, path, credentialDir)
		}
	}
	return nil
}

// dropIn writes or removes the drop-in. The minus lets the service start without the
// folder, from memory, where its disk is missing.
func (s *Service) dropIn(view View, named Named) (did []string, err error) {
	var lines strings.Builder
	for _, f := range named.Folders {
		if view.mayWrite(f.Path) {
			continue
		}
		fmt.Fprintf(&lines, "[Unit]\nRequiresMountsFor=%s\n[Service]\nReadWritePaths=-%s\n", f.Path, f.Path)
	}
	old, err := os.ReadFile(s.host.path(pathsDropIn))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot read %s: %w", pathsDropIn, err)
	}
	text := ""
	if lines.Len() > 0 {
		text = "# Written by \"portti service restart\" from [paths] in " + s.Config + ".\n" + lines.String()
	}
	switch {
	case text == string(old):
		return nil, nil
	case text == "":
		err = s.host.removeDropIn()
		did = []string{"removed " + pathsDropIn + ": the sandbox is enough again"}
	default:
		err = s.host.writeFile(pathsDropIn, []byte(text), 0o644)
		did = []string{"wrote " + pathsDropIn + ", which lets the service write in the folders of [paths]"}
	}
	if err != nil {
		return nil, fmt.Errorf("cannot change what the sandbox lets in: %w", err)
	}
	if s.host.image {
		return did, nil
	}
	return did, s.host.steps([]string{"systemctl", "daemon-reload"})
}

func (h *host) removeDropIn() error {
	if err := os.Remove(h.path(pathsDropIn)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_ = os.Remove(h.path(filepath.Dir(pathsDropIn))) // unless there are others
	return nil
}

// mayWrite goes by the unit alone, not by whose the folder is: the longest path counts,
// as in systemd.
func (v View) mayWrite(path string) bool {
	longest := func(dirs []string) int {
		best := -1
		for _, d := range dirs {
			if d == "/" || path == d || strings.HasPrefix(path, d+"/") {
				best = max(best, len(d))
			}
		}
		return best
	}
	return longest(v.Writable) >= longest(v.ReadOnly)
}

func (h *host) folder(f Folder) (made bool, err error) {
	path := h.path(f.Path)
	_, err = os.Stat(path)
	if err == nil {
		return false, nil
	}
	var uid, gid int
	if errors.Is(err, fs.ErrNotExist) {
		uid, gid, err = h.ids(Name)
	}
	if err == nil {
		err = h.folderInside(filepath.Dir(f.Path))
	}
	if err == nil {
		err = os.Mkdir(path, f.Mode)
	}
	if err == nil {
		err = errors.Join(os.Chmod(path, f.Mode), h.chown(path, uid, gid)) // the caller's mask may have cut the mode
	}
	if err != nil {
		return false, fmt.Errorf("cannot make the folder %s: %w", f.Path, err)
	}
	return true, nil
}

// ids are the numbers of a user and of his group.
func (h *host) ids(name string) (uid, gid int, err error) {
	user, err := entry(os.DirFS(h.path("/")), "etc/passwd", name)
	if err != nil {
		return 0, 0, fmt.Errorf("%w; make the user with  sudo portti service install", err)
	}
	uid, err = strconv.Atoi(user[2])
	gid, gidErr := strconv.Atoi(user[3])
	return uid, gid, errors.Join(err, gidErr)
}
