package buffer

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// A queue is made of layers. Each stands on the one before it and has all that that
// one has; none can call what is above it. So who decides what can be read from the
// receivers, and the compiler holds it:
//
//	books      what is known of every record, and of the queue
//	proofs     what an acknowledgement, the end of a hold and of a link change in them
//	limits     what is given up, counted and said; how large and how old things may be
//	files      reading the segments, and waiting for those that cannot be read
//	store      the state file, the list of files, what is set aside
//	repairs    damaged files, and what a start makes of what it finds
//	commits    batches, space for them, thinning
//	committer  the one goroutine that writes: what is due, and when
//	Queue      the entrances
//
// Methods whose names end in Locked want mu held. What of files, store, repairs and
// commits is not called with it held is the committer's own, but for the reading.
type books struct {
	opt Options
	sz  sizes
	fs  FS // timed by touches
	log *slog.Logger

	touches touches

	kick    chan struct{} // wakes the committer, capacity 1
	stopped chan struct{} // closed when the committer has ended
	timer   *time.Timer   // the one timer: kicks
	busy    atomic.Int64  // Mono when the committer began this pass + 1, 0 when at rest

	mu         sync.Mutex // guards everything below, in all layers where nothing else is said; never held across file I/O
	sealed     bool
	next       uint64 // number of the next record
	moment     int64  // of the last record, in milliseconds since boot
	reserved   uint64 // first number not to be handed out or written before the sidecar says so
	epoch      uint64
	epochSaved uint64 // as the sidecar says
	boot       uint32
	resumed    bool // the disk knew this boot already
	starts     []start
	lastGood   int64
	changed    chan struct{}
	notFull    chan struct{}
	flush      bool // Close: commit everything now

	tail      tail
	dirty     int    // bytes in memory neither committed nor released
	committed uint64 // up to here records are on disk or gone

	released uint64 // up to here everything is gone
	fates    fates  // of the numbers beyond it
	hold     hold

	rows      rows       // what records are called
	segs      []*segment // by first number; the last one is written unless sealed
	ledger    ledger
	waiting   []uint64      // by device
	inFlight  span          // handed out from memory since the last Rewind, all between included
	thinned   span          // the numbers being thinned
	disturbed bool          // of these some were released or became held meanwhile
	replacing chan struct{} // closed when the thinned file is in its place, nil = it is not being put there
	alias     []uint16      // devices numbered while blind, see regain.go
	behind    uint64        // from here records surfaced that the reader was not offered, 0 when none did

	disk    disk    // the committer's, except where noted
	figures figures // counters for Stats
}

type proofs struct {
	books
	counted  ranges    // beyond committed: already counted as accepted
	since    int64     // Mono at the last Rewind: ages in memory count from then at the earliest
	late     ranges    // acknowledged, and not counted yet
	hurry    uint64    // CommitNow: what is before this is overdue
	arrivals []arrival // imported and not known to be on disk
}

type limits struct {
	proofs
	unseen     []uint64 // of what waits: counted, and in a file that cannot be read now
	full       bool     // at MaxSize, and the policy is to drop the newest
	losses     []Loss   // the latest
	quiet      []Loss   // not logged yet, by reason
	quietUntil int64    // Mono from which on the next loss is logged at once
}

type files struct {
	limits
	again   bool       // a reader could not read and waits to try again
	reading sync.Mutex // held by whoever reads from disk; never while mu is held
	reader  reader     // guarded by reading

	dirID atomic.Pointer[DirID] // the directory that the queue was opened in; nil while blind
}

type store struct{ files }

type repairs struct{ store }

type commits struct {
	repairs
	job *thinning // the committer's own
}

type committer struct {
	commits
	stop       chan struct{} // closed by Close
	closed     bool
	blindFirst uint64 // the first number of a blind start
}

// disk is the committer's view of the disk.
type disk struct {
	// Guarded by Queue.mu.
	due      int64  // when the timer fires, 0 when it is not armed
	gen      uint64 // of the newest synced slot
	progress uint64 // released from disk since the sidecar was written
	owed     int    // changes that the sidecar must have before the next commit
	noted    int64  // Mono when the sidecar was written
	jotted   int64  // Mono when any slot of it was
	lossAt   int64  // of the first loss that no synced slot says, 0 when there is none
	unnoted  bool   // the sidecar would say something new
	err      error  // why the disk cannot be written, nil when it can
	failedAt int64
	failures uint64
	waiters  []chan error // SetOffset
	ageAt    int64        // when the oldest record may be too old
	rest     int64        // no commit before, since there was no space on disk
	pressure              // see lowdisk.go

	// The committer's own.
	sidecar  File
	slotSize int64   // bytes of a slot of it, 0 where there is no sound file
	slot     int     // which of the synced ones holds the newest state
	chosen   bool    // slot is known
	ruined   bool    // the file cannot be read, and another one takes its place
	writer   *writer // fills the newest segment, nil while there is none
	carried  load    // what its first commit takes along
	starts   int     // times that the disk was looked through
	started  bool    // the sidecar was written by this process
	loading  bool    // Open is not done
	blind    bool    // nothing is known of what is on disk
	never    error   // the disk must not be touched
	pause    int64
	tryAt    int64
	ledgerAt int64
	closeErr error
}

// begin sets what is so before anything is known.
func (q *committer) begin(o Options, sz sizes, fs FS, log *slog.Logger) {
	q.opt, q.sz, q.fs, q.log = o, sz, fs, log
	q.kick, q.stop, q.stopped = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	q.next, q.reserved = 1, 1
	q.timer = time.AfterFunc(time.Hour, q.wake)
	q.timer.Stop()
}

// holdTime is how long an acknowledged record stays held.
func (q *books) holdTime() time.Duration {
	if q.opt.Unproven {
		return q.opt.CommitEvery
	}
	return q.opt.FenceHold
}

func (q *books) strict() bool { return q.opt.CommitEvery == 0 }

// wake tells the committer that there is something to do.
func (q *books) wake() {
	select {
	case q.kick <- struct{}{}:
	default:
	}
}

// armLocked sets the timer for in milliseconds from now, unless it will fire
// before.
func (q *books) armLocked(now, in int64) {
	in = max(in, 1)
	if q.disk.due != 0 && q.disk.due <= now+in {
		return
	}
	q.disk.due = now + in
	q.timer.Reset(time.Duration(in) * time.Millisecond)
}

func (q *books) notifyLocked() {
	if q.changed != nil {
		close(q.changed)
		q.changed = nil
	}
}

func (q *books) hasSpaceLocked() bool {
	return q.dirty+blockSize <= q.sz.hard || q.sealed || q.ringingLocked()
}

func (q *books) signalNotFullLocked() {
	if q.notFull != nil && q.hasSpaceLocked() {
		close(q.notFull)
		q.notFull = nil
	}
}

func (q *books) warn(event, msg string, args ...any) {
	q.log.Log(context.Background(), slog.LevelWarn, msg, append([]any{"event", event}, args...)...)
}

func (q *books) info(event, msg string, args ...any) {
	q.log.Log(context.Background(), slog.LevelInfo, msg, append([]any{"event", event}, args...)...)
}
