// Package durable replaces small files so that a power cut leaves either the
// old text or the new.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Replace writes text under another name (path with ".new" behind it), syncs
// it, renames it to path, and syncs the folder. What lies under that other
// name, be it left by a power cut or a link or FIFO that someone put there, is
// removed and never opened. Where a step fails, what stood at path stays, unless
// only the folder could not be synced.
func Replace(path string, text []byte, mode os.FileMode) error {
	return replace([]File{{path, text}}, func(f *os.File) error { return nil }, mode)
}

// File is a file and what is to be in it.
type File struct {
	Path string
	Text []byte
}

// ReplaceAs is Replace of several files, which get the mode whatever the umask is, and the
// owner and group: before they stand in their places, so that who is to read one never finds
// it closed. All are written and synced before the first is renamed, so that a full disk
// or a folder in the place of one changes none of them; a power cut between two renames leaves some new.
func ReplaceAs(files []File, mode os.FileMode, uid, gid int) error {
	return replace(files, func(f *os.File) error { return errors.Join(f.Chmod(mode), f.Chown(uid, gid)) }, mode)
}

func replace(files []File, give func(*os.File) error, mode os.FileMode) error {
	for i, f := range files {
		if err := stage(f, give, mode); err != nil {
			for _, done := range files[:i] {
				err = errors.Join(err, os.Remove(done.Path+temporary))
			}
			return err
		}
	}
	var err error
	for i, f := range files {
		if err = os.Rename(f.Path+temporary, f.Path); err != nil {
			for _, left := range files[i:] {
				err = errors.Join(err, os.Remove(left.Path+temporary))
			}
			return err
		}
	}
	for _, f := range files {
		err = errors.Join(err, SyncFolderOf(f.Path))
	}
	return err
}

const temporary = ".new"

// stage writes a file under its other name.
func stage(file File, give func(*os.File) error, mode os.FileMode) error {
	if info, err := os.Lstat(file.Path); err == nil && info.IsDir() { // the renaming would fail, too late for the others
		return &fs.PathError{Op: "replace", Path: file.Path, Err: syscall.EISDIR}
	}
	temp := file.Path + temporary
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if _, err = f.Write(file.Text); err == nil {
		err = give(f)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return nil
}

// SyncFolderOf makes the name of a file durable, after it was made or renamed.
func SyncFolderOf(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
