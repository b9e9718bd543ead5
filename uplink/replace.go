package uplink

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// replaceFile replaces a small file so that after a power cut it holds either
// the old text or the new: written under another name, synced, renamed, and the
// folder synced. Nothing under the other name is opened and nothing is left
// there. rel is a path below root that no symbolic link leads out of; where rel
// itself is a link, the link is replaced and not what it points to. Only the
// owner may read the file: owner's, where that is not nil and we are root.
func replaceFile(root *os.Root, rel string, text []byte, owner fs.FileInfo) error {
	return replaceFileWith((*os.File).Sync, root, rel, text, owner)
}

// replaceFileWith is replaceFile with sync in place of (*os.File).Sync.
func replaceFileWith(sync func(*os.File) error, root *os.Root, rel string, text []byte, owner fs.FileInfo) error {
	temp := rel + ".new"
	if err := root.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = give(owner, f.Chown)
	if err == nil {
		_, err = f.Write(text)
	}
	err = errors.Join(err, sync(f), f.Close())
	if err == nil {
		err = root.Rename(temp, rel)
	}
	if err != nil {
		return errors.Join(err, root.Remove(temp))
	}
	return syncFolder(root, filepath.Dir(rel), sync)
}

// syncFolder makes durable what was made or renamed in a folder below root.
func syncFolder(root *os.Root, rel string, sync func(*os.File) error) error {
	dir, err := root.Open(rel)
	if err != nil {
		return err
	}
	return errors.Join(sync(dir), dir.Close())
}

// give hands what was just made over to the owner of another file; nil: to
// nobody. Only root can, and only root needs to.
func give(owner fs.FileInfo, chown func(uid, gid int) error) error {
	if owner == nil {
		return nil
	}
	stat, ok := owner.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || stat.Uid == 0 && stat.Gid == 0 {
		return nil
	}
	return chown(int(stat.Uid), int(stat.Gid))
}
