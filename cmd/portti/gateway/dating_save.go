package gateway

import (
	"context"
	"errors"
	"slices"
	"time"

	"portti/buffer"
	"portti/device/clock"
)

// expect says whether there is a record that may need this boot's offset: for
// its own time, or as the neighbour of a boot that has none.
func (d *dater) expect(needed bool) {
	if needed && !d.needed.Load() && d.needed.CompareAndSwap(false, true) {
		close(d.wanted)
	}
}

// saveOffset makes this boot's offset durable once it is known and needed. It is not
// watch's work, since a slow card may take its time over it.
func (d *dater) saveOffset(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-d.wanted:
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for !d.offsetSaved() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (d *dater) offsetSaved() bool {
	d.fixing <- struct{}{}
	defer func() { <-d.fixing }()
	now, boot := d.clock.Now(), d.queue.Boot()
	if _, ok := d.queue.Offset(boot); ok {
		return true
	}
	if !now.Trusted {
		return false
	}
	o := exactly(now)
	err := d.queue.SetOffset(boot, o)
	if err == nil || errors.Is(err, buffer.ErrMemoryOnly) {
		d.logOffset(boot, o)
	}
	return err == nil || errors.Is(err, buffer.ErrMemoryOnly) || errors.Is(err, buffer.ErrOffsetSet) || errors.Is(err, buffer.ErrSealed)
}

// exactly is this boot's offset by a trusted clock, good for all of the boot until now.
func exactly(now clock.Now) buffer.Offset {
	return buffer.Offset{Unix: now.Unix - now.Mono, Err: now.Err + drift(now.Mono)}
}

// drift is how many seconds a crystal may have gone wrong in so many milliseconds: 100
// ppm, which is a second after three hours.
func drift(ms int64) int64 { return max(0, ms) / 10_000_000 }

// carriedErr is how wrong a time may be that is carried over, in seconds: a guess is
// off by years, what was trusted by what drifted.
const carriedErr = 600

// resume has the clock take over what an earlier run knew of this boot's time.
func resume(c *clock.Clock, starts []buffer.Start, good int64) {
	if len(starts) == 0 {
		return
	}
	if s := starts[len(starts)-1]; s.Again && s.Known && s.Offset.Err <= carriedErr {
		confirmed := int64(0)
		if good >= s.Offset.Unix {
			confirmed = good - s.Offset.Unix
		}
		c.Resume(s.Offset.Unix, s.Offset.Err, confirmed)
	}
}

// keepTime keeps a trusted time, so that a restart in this boot does not begin without
// it: as the last good one where it is that, else as this boot's offset. One that was
// itself carried over stays as it was kept, with what it has drifted since.
func (g *Gateway) keepTime() {
	switch now := g.clock.Now(); {
	case !now.Trusted, g.clock.Source() == clock.SourceCarried:
	case now.Err == 0:
		g.queue.SetLastGood(now.Unix)
	default:
		saved := make(chan struct{})
		go func() { g.dater.offsetSaved(); close(saved) }()
		within(saved, noteLimit) // the queue is sealed after it; a disk that hangs keeps nobody
	}
}

func startOf(starts []buffer.Start, boot uint32) int {
	return slices.IndexFunc(starts, func(s buffer.Start) bool { return s.Boot == boot })
}
