package buffer

import (
	"errors"
	"fmt"
	"time"
)

// Limits are what may be changed while the queue is open.
type Limits struct {
	MaxSize  int64         // 0 takes the default, as in Options
	MaxAge   time.Duration // 0 is without limit
	WhenFull WhenFull      // "" takes the default
	MinFree  int64         // 0 is off
}

const (
	// diskFloor is what the queue may take even of a disk that has less free
	// than MinFree, so that a gateway with a small disk buffers something.
	diskFloor = 8 << 20
	// thinSlack is the space for commits while thinning goes on.
	thinSlack = 2 << 20
	// freeEvery is how often the disk is looked at, at most, and how often while
	// it is low, in milliseconds.
	freeEvery    = 1000
	freeEveryLow = 10_000
)

// pressure is what keeps the queue small. Queue.mu guards it.
type pressure struct {
	low       bool  // less than MinFree is free
	lowLimit  int64 // bytes of files allowed while it is low
	free      int64 // as last measured
	measureAt int64 // when to measure again
	shrinking int64 // Mono until which a lowered MaxSize is the reason, 0 when it is not
	thinAt    int64 // no thinning before, since the disk refused it

	doomed []*segment // given up or merged, and to be unlinked
	shaky  bool       // the directory is to be synced before anything is written
}

// SetLimits changes the limits at once and waits for nothing: what has become
// too much is given up by the committer, piece by piece, with reason shrink
// where MaxSize was lowered, or age. A queue made small keeps its segment size
// until it is opened again, so it then gives up larger pieces at a time.
func (q *Queue) SetLimits(l Limits) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	o := q.opt
	o.MaxSize, o.MaxAge, o.WhenFull, o.MinFree = l.MaxSize, l.MaxAge, l.WhenFull, l.MinFree
	if err := o.checkLimits(); err != nil {
		return fmt.Errorf("cannot set limits: %w", err)
	}
	if q.closed {
		return ErrSealed
	}
	lower := o.MaxSize < q.opt.MaxSize || q.disk.shrinking != 0
	// One by one: the rest of q.opt is read without the lock.
	q.opt.MaxSize, q.opt.MaxAge, q.opt.WhenFull, q.opt.MinFree = o.MaxSize, o.MaxAge, o.WhenFull, o.MinFree
	q.disk.shrinking = 0
	if lower && q.bytesLocked() > o.MaxSize {
		q.disk.shrinking = q.opt.Mono() + shrinkWithin
	}
	q.disk.ageAt, q.disk.measureAt, q.disk.rest, q.full = 0, 0, 0, false
	if o.MinFree == 0 {
		q.disk.low = false
	}
	q.wake()
	return nil
}

// SetTimes changes CommitEvery and FenceHold at once. Neither can become zero, or was: what
// was handed out or held by the one rule would not fit the other.
func (q *Queue) SetTimes(commitEvery, fenceHold time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	o := &q.opt
	if commitEvery < 0 || fenceHold < 0 || (commitEvery == 0) != (o.CommitEvery == 0) || (fenceHold == 0) != (o.FenceHold == 0) {
		return errors.New("cannot set times: whether there is a wait for the commit, and whether there is a hold, is fixed while the queue is open")
	}
	if q.closed {
		return ErrSealed
	}
	o.CommitEvery, o.FenceHold = commitEvery, fenceHold
	q.hold.step = max(q.hold.step, q.holdTime().Milliseconds()/64) // never finer: what is held lies in steps of the old size
	q.wake()
	return nil
}

// limitsLocked are the bytes of files above which thinning begins and those
// above which nothing may be written. Between the two lie the file that
// thinning makes and the commits of that time.
func (q *limits) limitsLocked() (soft, hard int64) {
	reserve := min(q.sz.segment+min(q.sz.segment, thinSlack), q.opt.MaxSize/4)
	soft, hard = q.opt.MaxSize-reserve, q.opt.MaxSize
	if q.disk.low {
		soft, hard = min(soft, q.disk.lowLimit), min(hard, q.disk.lowLimit+reserve)
	}
	if q.opt.WhenFull != Thin {
		soft = hard
	}
	return soft, hard
}

// fitsLocked says whether the files may grow by so many bytes.
func (q *limits) fitsLocked(grow int64) bool {
	_, hard := q.limitsLocked()
	return q.bytesLocked()+grow <= hard
}

// reasonLocked is why readings are given up for want of space.
func (q *limits) reasonLocked() string {
	if q.disk.shrinking != 0 && q.opt.Mono() < q.disk.shrinking && q.crowdedLocked() {
		return LostShrink
	}
	q.disk.shrinking = 0
	return LostFull
}

// shrinkWithin is how long a lowered MaxSize stays the reason where readings
// keep coming, so that there is always something to give up, in milliseconds.
const shrinkWithin = 60_000

// measureDisk asks how much is free and sets the limit that follows from it:
// with less than MinFree the queue stays as large as it is, or as diskFloor.
// It may grow again up to there as long as half of MinFree is left.
func (q *limits) measureDisk(now int64) {
	q.mu.Lock()
	least, due := q.opt.MinFree, q.disk.measureAt
	q.mu.Unlock()
	if least == 0 || now < due {
		return
	}
	free, err := q.fs.Free()
	if err != nil {
		free = least // not known; a write will find out
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.disk.measureAt = now + freeEvery
	was, bytes := q.disk.low, q.bytesLocked()
	q.disk.free, q.disk.low = free, free < least
	if !q.disk.low {
		if was {
			q.info("buffer.disk-recovered", "enough of the disk is free again", "free", free, "min_free", least)
		}
		return
	}
	if !was {
		q.disk.lowLimit = max(bytes, diskFloor)
		q.warn("buffer.disk-low", "little of the disk is free: the buffer does not grow", "code", "BUF-DISK-LOW",
			"free", free, "min_free", least, "bytes", bytes)
	}
	q.disk.lowLimit = max(diskFloor, min(q.disk.lowLimit, bytes+max(0, free-least/2)))
}

func (q *limits) maxSize() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.opt.MaxSize
}
