package systemd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Enter makes this process see the machine as the service does, for good: first its
// folders, then its user. It must run as root, in a mount namespace of its own, with
// nothing else going on in the process. sandboxed is nil where the folders are as the
// unit says; where the kernel does not allow that, the rights are the service's all
// the same.
func (v View) Enter() (sandboxed, err error) {
	sandboxed = v.mount()
	for _, do := range []func() error{
		func() error { return syscall.Setgroups(v.Groups) },
		func() error { return syscall.Setresgid(v.GID, v.GID, v.GID) },
		func() error { return syscall.Setresuid(v.UID, v.UID, v.UID) },
	} {
		if err := do(); err != nil {
			return sandboxed, fmt.Errorf("cannot become the user %s: %w", v.User, err)
		}
	}
	return sandboxed, nil
}

func (v View) mount() error {
	if len(v.Writable)+len(v.ReadOnly)+len(v.Hidden)+len(v.Private) == 0 {
		return nil // no sandbox, as under an init script
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("cannot keep mounts to this process: %w", err)
	}
	writable := map[string]bool{} // as it is now
	for _, dir := range v.Writable {
		real, err := filepath.EvalSymlinks(dir)
		if err != nil {
			continue // not there
		}
		var st unix.Statfs_t
		if unix.Statfs(real, &st) == nil && st.Flags&unix.ST_RDONLY == 0 {
			writable[real] = true
		}
		if err := unix.Mount(real, real, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("cannot set %s apart: %w", real, err)
		}
	}
	for _, dir := range v.ReadOnly {
		if err := setReadOnly(dir, true); err != nil {
			return err
		}
	}
	for dir := range writable {
		if err := setReadOnly(dir, false); err != nil {
			return err
		}
	}
	var all []error
	for _, dir := range v.Hidden {
		all = append(all, cover(dir, "mode=000", unix.MS_RDONLY))
	}
	for _, dir := range v.Private {
		all = append(all, cover(dir, "mode=1777", 0))
	}
	return errors.Join(all...)
}

func setReadOnly(dir string, on bool) error {
	if _, err := os.Stat(dir); err != nil {
		return nil
	}
	if dir != "/" && on {
		if err := unix.Mount(dir, dir, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("cannot set %s apart: %w", dir, err)
		}
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	if !on {
		attr = unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}
	}
	if err := unix.MountSetattr(unix.AT_FDCWD, dir, unix.AT_RECURSIVE, &attr); err != nil {
		return fmt.Errorf("cannot show %s as the service sees it: %w", dir, err)
	}
	return nil
}

// cover puts an empty folder over one that is there.
func cover(dir, mode string, flags uintptr) error {
	if _, err := os.Stat(dir); err != nil {
		return nil
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|flags, "size=64k,"+mode); err != nil {
		return fmt.Errorf("cannot hide %s: %w", dir, err)
	}
	return nil
}
