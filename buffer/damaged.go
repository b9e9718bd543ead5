package buffer

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// keepDamaged gives a salvaged file its last name and lets the oldest ones go.
func (q *store) keepDamaged(name string) error {
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
	q.mu.Lock()
	q.figures.setAside++
	q.figures.lastAside = fmt.Sprintf("%s%d", base, n)
	q.mu.Unlock()
	return q.countDamaged()
}

// countDamaged lists the files set aside, keeps the latest and counts their size.
func (q *store) countDamaged() error { return q.keepLatest(maxDamaged) }

// dropDamaged removes the oldest file set aside and says whether there was one.
func (q *store) dropDamaged() (bool, error) {
	q.mu.Lock()
	had := len(q.figures.damagedFiles)
	q.mu.Unlock()
	if had == 0 {
		return false, nil
	}
	err := q.keepLatest(had - 1)
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.figures.damagedFiles) < had, err
}

func (q *store) keepLatest(most int) error {
	names, err := q.fs.List()
	if err != nil {
		return err
	}
	var damaged []string
	for _, n := range names {
		if strings.Contains(n, damagedInfix) {
			damaged = append(damaged, n)
		}
	}
	slices.Sort(damaged)
	for len(damaged) > most {
		if err := q.fs.Remove(damaged[0]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			break // a directory: leave it to a person
		}
		damaged = damaged[1:]
	}
	var bytes int64
	for _, n := range damaged {
		if size, err := q.fs.Size(n); err == nil {
			bytes += size
		}
	}
	kept := q.quarantineBytes()
	q.mu.Lock()
	q.figures.damagedFiles, q.figures.damagedBytes, q.figures.quarantineBytes = damaged, bytes, kept
	q.mu.Unlock()
	return nil
}
