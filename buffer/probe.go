package buffer

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"

	"portti/buffer/boltfile"
)

// ErrNoProbe, in an error of Options.Probe: no other process could be started,
// so nothing was learnt about the file.
var ErrNoProbe = errors.New("no other process can be started")

// errUnasked: the queue is being closed, nothing was learnt about the file.
var errUnasked = errors.New("the probe was called off")

// One probe, and all of them together: a start must not take for ever. A segment
// of 8 MB is walked in 50 ms; a card that delivers 1 MB/s leaves room.
const (
	probeLimit  = 20 * time.Second
	probeBudget = 60 * time.Second
)

// suspicion is why a file that looks sound is not trusted, "" when it is.
func (q *Queue) suspicion(s *segment, m boltfile.Meta) string {
	deaths := q.openings.deathsAt(q.fs, s.name)
	switch {
	case deaths >= deathsMost:
		return fmt.Sprintf("%d processes ended soon after they opened it", deaths)
	case m.Alone:
		return "one of its meta pages is not valid"
	case m.Freelist != boltfile.NoFreelist:
		return "it has a list of free pages, which we never write"
	}
	return ""
}

// trust has a suspicious file probed by another process before bbolt opens it
// in this one. What that process does not survive is salvaged without bbolt.
// Where there is none, a file at which others died is, and the rest is opened
// here, as guarded as it can be. s.mu is held.
func (q *Queue) trust(s *segment, m boltfile.Meta) error {
	if s.trusted || s.condemned != nil {
		return s.condemned
	}
	why := q.suspicion(s, m)
	if why == "" {
		return nil
	}
	began := time.Now()
	err := q.probe(s.name)
	if errors.Is(err, errUnasked) {
		return err
	}
	code := "sound"
	switch {
	case errors.Is(err, ErrNoProbe) && q.openings.deathsAt(q.fs, s.name) < deathsMost:
		code = "unknown"
	case err != nil:
		code = "unsafe"
	}
	if q.opt.Probe != nil {
		q.info("buffer.probed", "suspicious file opened by another process first", "file", s.name, "reason", why,
			"verdict", code, "duration_ms", time.Since(began).Milliseconds(), "err", err)
	}
	if code == "unsafe" {
		s.condemned = fmt.Errorf("%s: %s, and it cannot be opened safely: %w: %v", s.name, why, errDamaged, err)
		return s.condemned
	}
	q.openings.forgive(s.name)
	s.trusted = true
	return nil
}

// probe asks the other process. Beyond the time for all of them a file is taken
// for one that cannot be opened: salvaging it loses nothing either.
func (q *Queue) probe(name string) error {
	if q.opt.Probe == nil || q.opt.Dir == "" {
		return ErrNoProbe
	}
	left := q.openings.remaining()
	if left <= 0 {
		return errors.New("no time was left to probe it")
	}
	ctx, cancel := context.WithTimeout(context.Background(), min(left, probeLimit))
	defer cancel()
	done := make(chan error, 1)
	began := time.Now()
	go func() { done <- q.opt.Probe(ctx, filepath.Join(q.opt.Dir, name)) }()
	defer func() { q.openings.spend(time.Since(began)) }()
	select {
	case err := <-done:
		return err
	case <-q.stop:
		cancel()
		if err := <-done; err == nil {
			return nil // it was just done
		}
		return errUnasked
	}
}

// Visit opens a segment with bbolt, for reading, and visits every page and every
// record of it. It is what a process that probes a file has to do: damage may
// end it, in any way.
func Visit(path string) error {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	db, err := bolt.Open(path, 0, &bolt.Options{Timeout: time.Second, ReadOnly: true, NoFreelistSync: true,
		FreelistType: bolt.FreelistMapType, PageSize: pageSize, OpenFile: openRegular, NoStatistics: true})
	if err != nil {
		return fmt.Errorf("cannot open it: %w", err)
	}
	return errors.Join(guard("visit "+path, func() error { return db.View(visit) }), db.Close())
}

func visit(tx *bolt.Tx) error {
	var first error
	for err := range tx.Check() {
		if first == nil {
			first = err
		}
	}
	if first != nil {
		return first
	}
	for _, name := range [][]byte{recordsBucket(), factsBucket()} {
		b := tx.Bucket(name)
		if b == nil {
			return fmt.Errorf("no bucket %q: %w", name, errDamaged)
		}
		sum := uint32(0)
		if err := b.ForEach(func(_, v []byte) error { // touch every page, the contents are judged record by record later
			sum = crc32.Update(sum, crc32.IEEETable, v)
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}
