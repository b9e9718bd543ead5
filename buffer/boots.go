package buffer

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"slices"
)

// Offset is what turns a boot's monotonic time into wall time.
type Offset struct {
	Unix int64 // Unix milliseconds at monotonic 0
	Err  int64 // worst error in seconds; 0 is exact
}

// newEpochLocked begins a new numbering space; numbers themselves go on rising.
func (q *books) newEpochLocked() {
	q.epoch = randomEpoch()
	q.renameLocked(span{q.released + 1, ^uint64(0)})
	q.figures.rollbacks++
	q.wake()
}

func randomEpoch() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:])
}

// Epoch names the space of numbers; it changes when the numbering had to start
// anew.
func (q *Queue) Epoch() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.epoch
}

// Boot is the index of this boot of the machine; records carry it.
func (q *Queue) Boot() uint32 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.boot
}

// Offset is a boot's offset; false when it was never set or is forgotten: the
// last 32 boots are kept.
func (q *Queue) Offset(boot uint32) (Offset, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	boot = q.realBootLocked(boot)
	for _, s := range q.starts {
		if s.index == boot {
			return s.off, s.set
		}
	}
	return Offset{}, false
}

// SetOffset fixes a boot's offset for ever. It is durable when it returns nil.
// ErrOffsetSet when it was set before; ErrMemoryOnly when it holds in memory
// but could not be written.
func (q *Queue) SetOffset(boot uint32, o Offset) error {
	done := make(chan error, 1)
	q.mu.Lock()
	i := q.startLocked(q.realBootLocked(boot))
	switch {
	case i < 0:
		q.mu.Unlock()
		return errors.New("cannot set offset: boot is not known")
	case q.starts[i].set:
		q.mu.Unlock()
		return ErrOffsetSet
	}
	q.starts[i].set, q.starts[i].off = true, o
	q.disk.owed++
	q.disk.ageAt = 0 // ages are known better now
	q.disk.waiters = append(q.disk.waiters, done)
	q.mu.Unlock()
	q.wake()
	select {
	case err := <-done:
		return err
	case <-q.stopped:
		return ErrSealed
	}
}

// startLocked finds a boot among the recent starts. An earlier one that is not
// there, since the sidecar was lost or had no space, is entered: there are
// records of it, and they could never be dated otherwise. It is -1 for a boot
// that was not yet, unless there are records of it: a file may show itself late next
// to a state file that was set back. The last entry stays the boot that we are in.
func (q *books) startLocked(boot uint32) int {
	i := slices.IndexFunc(q.starts, func(s start) bool { return s.index == boot })
	there := boot < q.boot || slices.ContainsFunc(q.segs, func(s *segment) bool { return s.sum.newest.Boot >= boot })
	if i >= 0 || !there || len(q.starts) == 0 {
		return i
	}
	if len(q.starts) >= maxStarts {
		q.starts = slices.Delete(q.starts, 0, 1)
	}
	i = len(q.starts) - 1
	q.starts = slices.Insert(q.starts, i, start{index: boot})
	return i
}

// LastGood is the last trusted wall time, Unix milliseconds, 0 if none.
func (q *Queue) LastGood() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lastGood
}

// SetLastGood remembers a trusted wall time, and with it where this boot stands
// in wall time; it rides along with the next writing of the sidecar.
func (q *Queue) SetLastGood(unix int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lastGood = unix
	q.sawLocked(unix)
	q.disk.unnoted = true
}
