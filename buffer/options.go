package buffer

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// WhenFull says what is given up at MaxSize.
type WhenFull string

// What to give up when full.
const (
	Thin       WhenFull = "thin"        // every second timed reading of the oldest, again and again; see thin.go
	DropOldest WhenFull = "drop-oldest" // the oldest, whatever they are
	DropNewest WhenFull = "drop-newest" // what comes in
)

// Options of Open. The zero value of a field takes the default named.
type Options struct {
	Dir string // one queue, one directory; made with mode 0700 when missing
	// MaxSize limits the bytes of all files together. Default 200 MB, at least
	// 1 MB, at most 1 GB where int has 32 bits.
	MaxSize int64
	// MaxAge limits how old a waiting record may become; 0 is without limit.
	MaxAge time.Duration
	// CommitEvery is how long a record may wait in memory for its
	// acknowledgement before it is written; 0 is strict: nothing can be read
	// before it is on disk.
	CommitEvery time.Duration
	// FenceHold is how long an acknowledged record stays held.
	FenceHold time.Duration
	// Unproven is for links whose acknowledgement proves nothing: everything is
	// committed, and an acknowledged record is released when it is on disk and
	// CommitEvery old.
	Unproven bool
	WhenFull WhenFull // default Thin
	// MinFree is the bytes that must stay free on the file system: with less the
	// queue sheds instead of growing beyond its size of then, or 8 MB. 0 is off.
	MinFree int64
	// Mono is milliseconds since boot, suspend included. Required.
	Mono func() int64
	// Gateway is the id under which records are sent from now on. Those of before
	// keep the one that they have.
	Gateway string
	BootID  [16]byte // of this boot of the machine
	// Committed is called with how long each commit took, syncs included. It must not
	// wait. May be nil.
	Committed func(took time.Duration)
	Log       *slog.Logger
	FS        FS // default OS(Dir)

	tune sizes // tests only
}

// sizes are the limits that were measured; see doc.go.
type sizes struct {
	segment   int64         // bytes of a segment file
	reuse     int64         // a segment up to this is carried into the next file at a start
	soft      int           // bytes in memory above which writing begins early
	hard      int           // bytes in memory above which Append refuses
	commit    int           // bytes of one commit
	numbers   uint64        // numbers reserved at a time
	progress  uint64        // records released from disk between two notes of it
	holdFloor time.Duration // acknowledged records younger than this stay under pressure
	ledger    time.Duration // the ledger is committed at least this often
	retry     time.Duration // longest pause between tries to write
}

func defaultSizes(maxSize int64) sizes {
	s := sizes{
		segment: 8 << 20, reuse: 1 << 20, soft: 4 << 20, hard: 8 << 20, commit: 2 << 20,
		numbers: 1 << 20, progress: 10_000,
		holdFloor: 2 * time.Second, ledger: 30 * time.Minute, retry: time.Minute,
	}
	// A small queue is thinned and given up in small pieces.
	for s.segment > 128<<10 && s.segment > maxSize/16 {
		s.segment /= 2
		s.commit = int(min(1<<20, s.segment/8))
	}
	return s
}

func (o *Options) check() error {
	if o.Mono == nil {
		return errors.New("cannot open buffer: no clock given")
	}
	if o.FS == nil {
		if o.Dir == "" {
			return errors.New("cannot open buffer: no directory given")
		}
		o.FS = OS(o.Dir)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := o.checkLimits(); err != nil {
		return fmt.Errorf("cannot open buffer: %w", err)
	}
	return nil
}

// checkLimits fills in defaults.
func (o *Options) checkLimits() error {
	if o.MaxSize == 0 {
		o.MaxSize = 200 << 20
	}
	if o.MaxSize < 1<<20 && o.tune == (sizes{}) {
		return errors.New("max_size is below 1 MB")
	}
	if ^uint(0)>>32 == 0 {
		o.MaxSize = min(o.MaxSize, 1<<30)
	}
	switch o.WhenFull {
	case "":
		o.WhenFull = Thin
	case Thin, DropOldest, DropNewest:
	default:
		return errors.New("when_full is none of thin, drop-oldest, drop-newest")
	}
	if o.MinFree < 0 {
		return errors.New("min_free_disk is negative")
	}
	if o.MaxAge < 0 || o.CommitEvery < 0 || o.FenceHold < 0 {
		return errors.New("a duration is negative")
	}
	return nil
}
