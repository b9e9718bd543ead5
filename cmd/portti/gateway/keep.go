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
func (h *healer) expect(needed bool) {
	if needed && !h.needed.Load() {
		h.needed.Store(true)
	}
}

// keep makes this boot's offset durable once it is known and needed. It is not
// watch's work, since a slow card may take its time over it.
func (h *healer) keep(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for !h.kept() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (h *healer) kept() bool {
	h.fixing <- struct{}{}
	defer func() { <-h.fixing }()
	now, boot := h.clock.Now(), h.queue.Boot()
	if _, ok := h.queue.Offset(boot); ok {
		return true
	}
	if !now.Trusted || !h.needed.Load() {
		return false
	}
	o := exactly(now)
	err := h.queue.SetOffset(boot, o)
	if err == nil || errors.Is(err, buffer.ErrMemoryOnly) {
		h.tell(boot, o)
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
