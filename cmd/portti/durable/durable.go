// Package durable replaces small files so that a power cut leaves either the
// old text or the new.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace writes text under another name (path with ".new" behind it), syncs
// it, renames it to path, and syncs the folder. What lies under that other
// name, be it left by a power cut or a link or FIFO that someone put there, is
// removed and never opened. Where a step fails, what stood at path stays, unless
// only the folder could not be synced.
func Replace(path string, text []byte, mode os.FileMode) error {
	return replace(path, text, mode, nil)
}

// ReplaceAs is Replace where the file gets the mode whatever the umask is, and the owner and
// group: before it stands at path, so that who is to read it never finds one that it may not.
func ReplaceAs(path string, text []byte, mode os.FileMode, uid, gid int) error {
	return replace(path, text, mode, func(f *os.File) error {
		return errors.Join(f.Chmod(mode), f.Chown(uid, gid))
	})
}

func replace(path string, text []byte, mode os.FileMode, give func(*os.File) error) error {
	temp := path + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if _, err = f.Write(text); err == nil && give != nil {
		err = give(f)
	}
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return SyncFolderOf(path)
}

// SyncFolderOf makes the name of a file durable, after it was made or renamed.
func SyncFolderOf(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
