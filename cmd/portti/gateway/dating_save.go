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

// exactly is this boot's offset by a trusted clock.
func exactly(now clock.Now) buffer.Offset {
	return buffer.Offset{Unix: now.Unix - now.Mono, Err: now.Err}
}

func startOf(starts []buffer.Start, boot uint32) int {
	return slices.IndexFunc(starts, func(s buffer.Start) bool { return s.Boot == boot })
}
