package buffer

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// A file is taken under the numbers that it holds. Where its name says others, as
// after a repair by hand or by fsck, it gets the name that is right; where a file of
// that name is there already it is a copy, and is set aside.

// movedSuffix is of a file on its way to its right name: two may have each other's.
const movedSuffix = ".moved"

// putRight gives files the names of what is in them, and says whether there was one
// to be renamed; then the directory is another.
func (q *repairs) putRight(files []outline, moved []string) (bool, error) {
	for _, o := range files {
		name, right := segmentName(o.named), segmentName(o.first)
		if name == right {
			continue
		}
		to := right + movedSuffix
		q.warn("buffer.renamed", "file has the name of another one; it is taken under the numbers that it holds",
			"file", name, "to", right)
		if _, err := q.fs.Size(to); err == nil {
			to = name // a second copy
		} else if err := q.fs.Rename(name, to); err != nil {
			return false, err
		}
		moved = append(moved, to)
	}
	if len(moved) > 0 { // no two names for one file, and none without
		if err := q.fs.SyncDir(); err != nil {
			return false, err
		}
	}
	for _, name := range moved {
		if err := q.settleName(name); err != nil {
			return false, err
		}
	}
	if len(moved) > 0 {
		return true, q.fs.SyncDir()
	}
	return false, nil
}

// settleName gives a file on its way its right name, or sets a copy aside.
func (q *repairs) settleName(name string) error {
	right, onItsWay := strings.CutSuffix(name, movedSuffix)
	_, err := q.fs.Size(right)
	switch {
	case onItsWay && errors.Is(err, fs.ErrNotExist):
		return q.fs.Rename(name, right)
	case err != nil:
		return fmt.Errorf("%w: %w", errUnread, err)
	}
	q.warn("buffer.quarantined", "copy of another file set aside", "code", "BUF-CORRUPT", "file", name)
	return q.keepDamaged(name)
}
