package buffer

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// keepAside gives a salvaged file its last name and lets the oldest ones go.
func (q *Queue) keepAside(name string) error {
	base := strings.TrimSuffix(name, salvageSuffix) + damagedInfix
	names, err := q.fs.List()
	if err != nil {
		return err
	}
	n := 1
	for slices.Contains(names, fmt.Sprintf("%s%d", base, n)) {
		n++
	}
	if err := q.fs.Rename(name, fmt.Sprintf("%s%d", base, n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return q.countAside()
}

// countAside lists the files set aside, keeps the latest and counts their size.
func (q *Queue) countAside() error { return q.keepLatest(maxAside) }

// dropAside removes the oldest file set aside and says whether there was one.
func (q *Queue) dropAside() (bool, error) {
	q.mu.Lock()
	had := len(q.figures.aside)
	q.mu.Unlock()
	if had == 0 {
		return false, nil
	}
	err := q.keepLatest(had - 1)
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.figures.aside) < had, err
}

func (q *Queue) keepLatest(most int) error {
	names, err := q.fs.List()
	if err != nil {
		return err
	}
	var aside []string
	for _, n := range names {
		if strings.Contains(n, damagedInfix) {
			aside = append(aside, n)
		}
	}
	slices.Sort(aside)
	for len(aside) > most {
		if err := q.fs.Remove(aside[0]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			break // a directory: leave it to a person
		}
		aside = aside[1:]
	}
	var bytes int64
	for _, n := range aside {
		if size, err := q.fs.Size(n); err == nil {
			bytes += size
		}
	}
	kept := q.quarantineBytes()
	q.mu.Lock()
	q.figures.aside, q.figures.asideBytes, q.figures.quarantineBytes = aside, bytes, kept
	q.mu.Unlock()
	return nil
}
