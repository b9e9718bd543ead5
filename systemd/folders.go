package systemd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// Folder is one that the configuration names and the service writes in.
type Folder struct {
	Path string
	Mode fs.FileMode
}

// Prepare makes those of the folders that are missing and gives them to the service's
// user; then it says why the service would not start, which is a NotConfiguredError. A
// folder that is there stays as it is: whose it is was somebody's decision, and may be
// the wrong disk's, so what does not fit is for Check to refuse.
func (s *Service) Prepare(folders ...Folder) (did []string, err error) {
	if s.host.euid != 0 {
		return nil, fmt.Errorf("%w: try  sudo portti service prepare", ErrNotRoot)
	}
	for _, f := range folders {
		made, err := s.host.folder(f)
		if err != nil {
			return did, err
		}
		if made {
			did = append(did, "created "+f.Path+" for the user "+Name)
		}
	}
	return did, s.configured()
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
		err = os.MkdirAll(filepath.Dir(path), 0o755)
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
