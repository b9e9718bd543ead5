package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"portti/cmd/portti/durable"
	"portti/systemd"
	"portti/uplink"
)

// readers is who may read the files of a configuration.
type readers struct {
	mode     os.FileMode
	uid, gid int // -1 = as they come
}

// readersOf finds out who may read the files next to main: as main itself, so that the
// service can read one if it can read the other; else root and the service's group.
func readersOf(main string) readers {
	r := readers{0o640, -1, -1}
	if info, err := os.Stat(main); err == nil {
		r.mode = info.Mode().Perm()
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			r.uid, r.gid = int(st.Uid), int(st.Gid)
		}
	} else if g, err := user.LookupGroup(systemd.Name); err == nil && os.Geteuid() == 0 {
		r.gid, _ = strconv.Atoi(g.Gid)
	}
	if os.Geteuid() != 0 {
		r.uid = -1
	}
	return r
}

// mayWrite says at once that nothing can be written next to main, before anybody has waited
// or answered questions in vain.
func mayWrite(main string) error {
	dir := filepath.Dir(main)
	switch err := unix.Access(dir, unix.W_OK); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no folder %s. portti makes it when it is installed: sudo portti service install", dir)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("cannot write to %s: no permission. Run it with sudo", dir)
	case err != nil:
		return fmt.Errorf("cannot write to %s: %w", dir, err)
	}
	return nil
}

// write replaces a file of the configuration so that a power cut leaves the old text or
// the new, and makes its folder.
func (r readers) write(path string, text []byte) error {
	return r.writeAll([]durable.File{{Path: path, Text: text}})
}

// writeAll is write of several files, all or none of them unless the power fails. Where one is
// a link, what it points to is replaced, and the link stays.
func (r readers) writeAll(files []durable.File) error {
	var err error
	files = slices.Clone(files)
	for i, f := range files {
		real, astray := linked(f.Path)
		if astray != nil {
			return fmt.Errorf("cannot write %s: %w; nothing was changed", f.Path, astray)
		}
		files[i].Path = real
		err = errors.Join(err, r.folder(filepath.Dir(real)))
	}
	if err == nil {
		err = durable.ReplaceAs(files, r.mode, r.uid, r.gid)
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("cannot write %s: no permission. Run it with sudo; nothing was changed", files[0].Path)
	case err != nil:
		return fmt.Errorf("cannot write %s: %w. See whether the disk is full or read-only (df -h); nothing was changed", files[0].Path, err)
	}
	return nil
}

// linked is where a file of the configuration really is, or will be.
func linked(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			return path, nil
		}
		return path, fmt.Errorf("it is a link to what is not there: see where it points (ls -l %s)", path)
	}
	if err != nil {
		return path, err
	}
	return real, nil
}

func (r readers) folder(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		err = errors.Join(os.Chown(dir, r.uid, r.gid), os.Chmod(dir, r.mode|r.mode>>2&0o111), durable.SyncFolderOf(dir))
	}
	return err
}

// ownState has the state folder be the service's where it never started. Made by root alone
// the folder would be root's, and with it what is written with its owner: a token that the
// service could not read.
func ownState(dir string) error {
	account, err := user.Lookup(systemd.Name)
	if err != nil || os.Geteuid() != 0 {
		return nil // nobody to give it to
	}
	uid, _ := strconv.Atoi(account.Uid)
	gid, _ := strconv.Atoi(account.Gid)
	if err := makeStateFor(dir, uid, gid); err != nil {
		return fmt.Errorf("cannot make %s: %w", dir, err)
	}
	return nil
}

// writeToken writes a token for the service to read.
func writeToken(path, state, text string) error {
	if err := ownState(state); err != nil {
		return err
	}
	return uplink.WriteSecret(path, state, []byte(text+"\n"))
}

// makeStateFor makes the state folder for a user, unless it is there.
func makeStateFor(dir string, uid, gid int) error {
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return nil // whatever it is, the daemon has words for it
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return errors.Join(os.Chown(dir, uid, gid), durable.SyncFolderOf(dir))
}
