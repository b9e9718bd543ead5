package buffer

import (
	"errors"
)

// Errors that a caller may act on.
var (
	// ErrFull: memory holds all it may, because the disk is slower than the
	// readings. Nothing was counted; wait for NotFull, or Lose the record.
	ErrFull = errors.New("no space in memory")
	// ErrTooBig: the record is longer than MaxRecord. Nothing was counted.
	ErrTooBig = errors.New("record too long")
	// ErrSealed: nothing can be appended after Seal.
	ErrSealed = errors.New("queue is sealed")
	// ErrRollback: a number was acknowledged that was never assigned, so the
	// numbering was set back, as by a restored card. A new epoch has begun.
	ErrRollback = errors.New("acknowledged beyond what was ever sent: numbering was set back, new epoch")
	// ErrMemoryOnly: the disk cannot be written now, so what was asked for
	// holds in memory only.
	ErrMemoryOnly = errors.New("disk cannot be written, held in memory only")
	// ErrNewer: the directory was written by a newer version and is not touched.
	ErrNewer = errors.New("written by a newer version")
	// ErrOffsetSet: a boot's offset never changes.
	ErrOffsetSet = errors.New("offset of this boot is already set")
)

// MaxRecord is the longest record in bytes: one memory block.
const MaxRecord = blockSize - headerLen

// Queue keeps records until they are proven delivered. All methods may be
// called from any goroutine, but only one may Read at a time.
type Queue struct{ committer }

// Open opens or makes the queue in o.Dir. It succeeds whenever the options are
// sound: damaged files are set aside and what can be read of them is kept;
// where the directory cannot be read or written the queue works in memory,
// says so in Stats and tries again each minute.
func Open(o Options) (*Queue, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	sz := o.tune
	if sz == (sizes{}) {
		sz = defaultSizes(o.MaxSize)
	}
	q := &Queue{}
	q.touches.mono = o.Mono
	q.begin(o, sz, watchedFS{o.FS, &q.touches}, o.Log.With("component", "buffer"))
	q.tail.limit = sz.soft
	q.hold.step = max(1, q.holdTime().Milliseconds()/64)
	q.load()
	go q.run()
	return q, nil
}

// Append takes a copy of rec into memory and never waits for the disk: a number
// beyond the reserved ones is given and the record waits, unseen, until it is
// reserved. A nil error means that the record is in the ledger: counted as read,
// and as waiting or, with DropNewest at MaxSize, as lost. It does not allocate in
// the steady state.
func (q *Queue) Append(class byte, device uint16, stream uint32, rec []byte) error {
	return q.AppendAt(q.opt.Mono(), class, device, stream, rec)
}

// AppendAt is Append for a record of a moment that has just been, by Options.Mono.
// Moments rise as numbers do: one before that of the last record becomes that.
func (q *Queue) AppendAt(mono int64, class byte, device uint16, stream uint32, rec []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.appendLocked(mono, class, device, stream, rec)
}

func (q *limits) appendLocked(mono int64, class byte, device uint16, stream uint32, rec []byte) error {
	if len(rec) > MaxRecord {
		return ErrTooBig
	}
	if q.sealed {
		return ErrSealed
	}
	device = q.resolveLocked(device)
	size := headerLen + len(rec)
	if q.full && q.dirty+size > q.sz.soft {
		q.loseNewestLocked(device)
		return nil
	}
	if q.dirty+size > q.sz.hard && !q.ringLocked(size) {
		q.wake()
		return ErrFull
	}
	mono = max(mono, q.moment)
	q.moment = mono
	q.tail.append(q.next, Entry{Class: class, Device: device, Stream: stream, Boot: q.boot, Mono: mono, Rec: rec})
	q.next++
	q.dirty += size
	q.ledger.read(device, 1)
	bump(&q.waiting, device, 1)
	if q.dirty > q.sz.soft {
		q.wake()
	}
	if q.strict() {
		q.wake()
	} else {
		q.notifyLocked()
		q.armLocked(mono, q.opt.CommitEvery.Milliseconds())
	}
	if q.next+q.sz.numbers/2 == q.reserved || q.next > q.reserved {
		q.wake()
	}
	return nil
}

// Lose counts n readings of a device as read and as lost. Reasons are those of
// the status document: rate, memory, io and so on.
func (q *Queue) Lose(device uint16, reason string, n int) {
	if n <= 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	device = q.resolveLocked(device)
	q.ledger.read(device, uint64(n))
	q.ledger.lose(device, reason, uint64(n))
	q.tellLossLocked()
}

// NotFull is closed when Append will not answer ErrFull at once.
func (q *Queue) NotFull() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.hasSpaceLocked() {
		c := make(chan struct{})
		close(c)
		return c
	}
	if q.notFull == nil {
		q.notFull = make(chan struct{})
	}
	q.wake()
	return q.notFull
}

// Device is the number of a device's name in this queue, assigned at first
// use, from 1. It is kept on disk from the next commit on.
func (q *Queue) Device(name string) (uint16, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, err := q.ledger.device(name)
	if q.disk.blind {
		n |= blindDevice
	}
	return n, err
}

// Changed is closed when there may be more to Read than before. Take it before
// Read, or a wake-up is missed.
func (q *Queue) Changed() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.changed == nil {
		q.changed = make(chan struct{})
	}
	return q.changed
}

// Seal ends the stream: Append refuses from now on, and Read says io.EOF when
// everything was handed out.
func (q *Queue) Seal() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.sealed {
		return
	}
	q.sealed = true
	q.notifyLocked()
	q.signalNotFullLocked()
}

// Close seals the queue, commits whatever is in memory and not released, the
// ledger and the exact state of the numbering, and closes the files. The error
// says what could not be saved. Slices from Read are no longer good.
func (q *Queue) Close() error {
	q.Seal()
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return nil
	}
	q.closed = true
	q.flush = true
	q.mu.Unlock()
	close(q.stop)
	<-q.stopped
	q.timer.Stop()
	q.mu.Lock()
	q.notifyLocked()
	q.mu.Unlock()
	return q.disk.closeErr
}
