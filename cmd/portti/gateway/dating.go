package gateway

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"portti/buffer"
	"portti/device"
	"portti/device/clock"
	"portti/device/thingsee"
)

// A reading taken before the wall clock could be trusted is stored with the
// milliseconds since boot instead of its time. dater stands between the
// queue and the link and writes the time in when the record is handed out.
//
// The promise: the offset between a boot's clock and the wall clock is durable
// before the first record that depends on it is handed out, and never changes
// afterwards, so that a record sent again is the same bytes. (While the disk
// cannot be written it is held in memory: sending goes on, and a kill just then
// lets what is on disk go out again with the time as known by then.) Until the offset
// is known such a record, and with it everything behind it, stays where it is:
// the order of records never depends on the wall clock. After hold since boot
// the wait ends, and the best guess is sent with its worst error in "tsErr".
//
// The offset of a boot is kept as soon as there is a trusted time and a record
// that may need it, also while nothing is handed out: after a reboot that boot's
// records are dated exactly, however long the link was away. A boot that never
// had a trusted time is put in the middle of when it can have been.
//
// What tsErr promises: the true time is no further off, in whole seconds; a
// reading without it is good to about a second. An offset is one for a whole boot, so
// what a crystal drifts between its beginning and the reading is added. Where this boot has no trusted
// time at all, its wall clock is taken if it stands behind all that is known to
// be over, but nobody vouches for it, so the bound is ten years: the only honest
// way to a smaller one is a second source, and one that agrees with the wall
// clock (the server's Date) makes the time a trusted one. Two things are not
// covered: an offset is one for a whole boot, so where nobody synchronises the
// kernel a boot of months drifts by a crystal's 100 ppm against it, which shows
// in records that are provisional again after a restart; and a time that was
// trusted and wrong.
type dater struct {
	queue queue
	clock ticker
	hold  atomic.Int64 // milliseconds since boot until which an unknown time is waited for
	built int64        // Unix ms: no boot was before, as far as is known
	after int64        // Unix ms: this boot was not before
	ceil  int64        // Unix ms: no reading is younger; ends the worst error of a guess
	log   *slog.Logger

	needed atomic.Bool   // there may be a record that needs a boot's offset
	wanted chan struct{} // closed then
	// fixing holds one: who fixes an offset holds it until that is
	// durable, since the queue tells it to others sooner.
	fixing chan struct{}

	open atomic.Bool // nothing is held back any more: the offset is known or the hold is over

	inside visits

	mu      sync.Mutex
	changed chan struct{} // stands in for the queue's own until open

	// The link's goroutine alone uses what follows.
	exact buffer.Offset // of this boot by the trusted clock, zero = it is not trusted
	known map[uint32]buffer.Offset
	arena []byte
	recs  [][]byte
}

// queue is what a dater needs of *buffer.Queue.
type queue interface {
	Read(from uint64, maxBytes, maxRecs int) (uint64, []buffer.Entry, error)
	Ack(from, through uint64) error
	Rewind() (uint64, error)
	Forget() error
	QuarantineAll(ns []uint64, reason string) error
	Bounds() (first, next uint64)
	Behind(next uint64) bool
	Name(n uint64) (buffer.Name, uint64)
	Part() (next uint64, ok bool)
	Changed() <-chan struct{}
	Boot() uint32
	Offset(boot uint32) (buffer.Offset, bool)
	SetOffset(boot uint32, o buffer.Offset) error
	Starts() []buffer.Start
}

// ticker is what a dater needs of *clock.Clock.
type ticker interface {
	Now() clock.Now
	Floor() int64
	Dispute() clock.Dispute
}

// reasonUndated is the reason for a record that has no field for its time.
const reasonUndated = "undated"

var errUndated = errors.New("offset of the boot is not known")

// plausible is how far after the build of this program a wall clock is still
// believed where nothing else is known.
const plausible = 10 * 365 * 24 * time.Hour

func newDater(q queue, c ticker, hold time.Duration, built time.Time, log *slog.Logger) *dater {
	floor := c.Floor()
	d := &dater{
		queue: q, clock: c, log: log,
		built: built.UnixMilli(), after: floor - c.Now().Mono, ceil: floor + plausible.Milliseconds(),
		inside: visits{origin: time.Now()}, fixing: make(chan struct{}, 1), changed: make(chan struct{}), wanted: make(chan struct{}), known: make(map[uint32]buffer.Offset),
	}
	d.waitFor(hold)
	return d
}

// waitFor says for how long after the boot an unknown time is waited for. Once that has
// passed there is nothing to wait for in this boot.
func (d *dater) waitFor(hold time.Duration) { d.hold.Store(hold.Milliseconds()) }

// watch wakes the link when the queue changes, when the clock becomes trusted
// and when the hold ends. It returns as soon as nothing can be held back any
// more, and from then on the queue wakes the link itself.
func (d *dater) watch(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	queue := d.queue.Changed()
	for {
		if d.settled() {
			d.open.Store(true)
			d.wake()
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-queue:
			// Taken before the wake-up: a change from here on fires it, and one
			// before is seen by the reader that is woken.
			queue = d.queue.Changed()
			d.wake()
		case <-tick.C:
		}
	}
}

func (d *dater) settled() bool {
	now := d.clock.Now()
	if now.Trusted || now.Mono >= d.hold.Load() {
		return true
	}
	boot := d.queue.Boot()
	if _, ok := d.queue.Offset(boot); ok {
		return true
	}
	starts := d.queue.Starts()
	i := startOf(starts, boot)
	return i >= 0 && starts[i].Known
}

func (d *dater) wake() {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.changed)
	d.changed = make(chan struct{})
}

// Changed is closed at the next change of what Read can give.
func (d *dater) Changed() <-chan struct{} {
	if d.open.Load() {
		return d.queue.Changed()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	// Again, now that watch's last wake-up is either before this, and open set,
	// or still to come for the channel taken here.
	if d.open.Load() {
		return d.queue.Changed()
	}
	return d.changed
}

// Read hands out what the queue has, with the times written in. The slices are
// good until the next Read.
func (d *dater) Read(from uint64, maxBytes, maxRecs int) (uint64, [][]byte, error) {
	d.inside.enter()
	defer d.inside.leave()
	for {
		first, entries, err := d.queue.Read(from, maxBytes, maxRecs)
		if err != nil || len(entries) == 0 {
			return first, nil, err
		}
		unfit := d.fillTimes(entries)
		if len(d.recs) > 0 {
			return first, d.recs, nil
		}
		if unfit == nil {
			return first, nil, nil
		}
		d.quarantineUndated(first, unfit)
		from = first + 1
	}
}

// fillTimes puts the entries into d.recs, up to the first whose time is not known
// or, and then it says why, that has no field for one.
func (d *dater) fillTimes(entries []buffer.Entry) error {
	d.arena, d.recs = d.arena[:0], d.recs[:0]
	for _, e := range entries {
		if e.Class&device.ClassProvisional == 0 {
			d.recs = append(d.recs, e.Rec)
			continue
		}
		o, ok := d.offset(e.Boot)
		if !ok {
			break
		}
		// The arena may move while it grows; records cut from it earlier keep
		// the old array alive and stay as they are.
		start := len(d.arena)
		filled, err := thingsee.FillTime(d.arena, e.Rec, o.Unix, o.Err+drift(e.Mono))
		if err != nil {
			return err
		}
		d.arena = filled
		d.recs = append(d.recs, filled[start:len(filled):len(filled)])
	}
	return nil
}

// quarantineUndated takes a record out of the queue that was checked against its sum and
// still has no field for its time: another version wrote it. As it is it is no
// JSON, and sent in an array it would make all its neighbours unreadable.
func (d *dater) quarantineUndated(n uint64, why error) {
	d.log.Error("record has no field for its time", "component", "buffer", "event", "record.date-failed", "seq", n, "err", why)
	_ = d.Quarantine(n, reasonUndated) // logs
}

// offset gives the wall clock's reading at the start of that boot, deciding it
// when it can be decided.
func (d *dater) offset(boot uint32) (buffer.Offset, bool) {
	if o, ok := d.known[boot]; ok {
		return o, true
	}
	d.fixing <- struct{}{}
	defer func() { <-d.fixing }()
	o, ok := d.queue.Offset(boot)
	if !ok {
		if o, ok = d.decide(boot); !ok {
			return o, false
		}
		err := d.queue.SetOffset(boot, o)
		if errors.Is(err, buffer.ErrOffsetSet) { // on a disk that was taken over just now
			o, err = d.durable(boot)
		}
		if err != nil && !errors.Is(err, buffer.ErrMemoryOnly) {
			// The committer shows what is wrong with the disk; the record waits.
			d.log.Debug("time of a boot cannot be saved", "component", "clock", "event", "clock.save-failed", "boot", boot, "err", err)
			return o, false
		}
		d.logOffset(boot, o)
	}
	d.known[boot] = o
	return o, true
}

func (d *dater) logOffset(boot uint32, o buffer.Offset) {
	d.log.Info("time of readings before the clock was set is now known",
		"component", "clock", "event", "clock.offset-known", "boot", boot,
		"since_boot", time.UnixMilli(o.Unix).UTC().Format(time.RFC3339), "worst_error_s", o.Err)
}

func (d *dater) durable(boot uint32) (buffer.Offset, error) {
	if o, ok := d.queue.Offset(boot); ok {
		return o, nil
	}
	return buffer.Offset{}, errUndated
}

// decide works out where a boot stood in wall time; false: later.
func (d *dater) decide(boot uint32) (buffer.Offset, bool) {
	now := d.clock.Now()
	if d.exact = (buffer.Offset{}); now.Trusted {
		d.exact = exactly(now)
	}
	sure := d.exact != buffer.Offset{}
	starts, current := d.queue.Starts(), boot == d.queue.Boot()
	if i := startOf(starts, d.queue.Boot()); i >= 0 && sure {
		starts[i].Offset, starts[i].Known = d.exact, true
	}
	i := startOf(starts, boot)
	switch {
	case current && sure:
		return d.exact, true
	case i >= 0 && starts[i].Known && !(current && d.clock.Dispute().A != ""):
		return starts[i].Offset, true
	case !sure && now.Mono < d.hold.Load() && !bounded(starts, boot):
		return buffer.Offset{}, false
	case current:
		in := between(starts, boot, beganIn{d.after, d.ceil})
		return in.guess(max(now.Unix-now.Mono, in.lo)), true
	}
	return between(starts, boot, beganIn{d.built, d.ceil}).middle(), true
}

// bounded says whether a boot lies before another that is known exactly: then
// there is nothing to wait for.
func bounded(starts []buffer.Start, boot uint32) bool {
	return slices.ContainsFunc(starts, func(s buffer.Start) bool { return s.Boot > boot && s.Known && s.Offset.Err == 0 })
}

// Ack passes a proof on. An error of a Source ends the link, and a numbering
// that was set back is no reason to: the queue has raised the alarm and begun a
// new epoch, and nothing was released.
func (d *dater) Ack(from, through uint64) error {
	if err := d.queue.Ack(from, through); !errors.Is(err, buffer.ErrRollback) {
		return err
	}
	return nil
}

// Quarantine is QuarantineAll for one record.
func (d *dater) Quarantine(n uint64, reason string) error {
	return d.QuarantineAll([]uint64{n}, reason)
}

// QuarantineAll sets records aside. Those that cannot be reached now, for want of
// memory or file descriptors, stay: the server will refuse them again.
func (d *dater) QuarantineAll(ns []uint64, reason string) error {
	d.inside.enter()
	defer d.inside.leave()
	if err := d.queue.QuarantineAll(ns, reason); err != nil {
		d.log.Error("records cannot be set aside now", "component", "buffer", "event", "record.quarantine-failed", "seq", ns[0], "count", len(ns), "err", err)
	}
	return nil
}

func (d *dater) Rewind() (uint64, error)      { return d.queue.Rewind() }
func (d *dater) Forget() error                { return d.queue.Forget() }
func (d *dater) Bounds() (first, next uint64) { return d.queue.Bounds() }
func (d *dater) Behind(next uint64) bool      { return d.queue.Behind(next) }
func (d *dater) Part() (uint64, bool)         { return d.queue.Part() }

// Name is what a server is told that record n is called.
func (d *dater) Name(n uint64) (gateway, epoch string, last uint64) {
	name, last := d.queue.Name(n)
	return name.Gateway, epochText(name), last
}
