package buffer

import (
	"slices"
	"time"
)

// hold is the acknowledged records that may be asked for again. They are
// merged in steps of a 64th of the hold time, so there are never many, and a
// step is released one step late, so that nothing goes early.
type hold struct {
	step  int64 // milliseconds
	steps []holdStep
}

type holdStep struct {
	at      int64 // Mono at which the step began
	set     ranges
	devices []uint64 // records by device
}

// add takes pieces into the hold, and whose they are.
func (h *hold) add(now int64, pieces ranges, devices []uint64) {
	if len(pieces) == 0 {
		return
	}
	if k := len(h.steps); k == 0 || now-h.steps[k-1].at >= h.step {
		h.steps = append(h.steps, holdStep{at: now})
	}
	last := &h.steps[len(h.steps)-1]
	for _, s := range pieces {
		last.set.add(s)
	}
	for dev, n := range devices {
		bump(&last.devices, uint16(dev), n)
	}
}

// pop takes away the oldest step if all of it is at least age old.
func (h *hold) pop(now int64, age time.Duration) (holdStep, bool) {
	if len(h.steps) == 0 || now < h.steps[0].at+h.step+age.Milliseconds() {
		return holdStep{}, false
	}
	return h.take(0), true
}

// take takes away a step.
func (h *hold) take(i int) holdStep {
	s := h.steps[i]
	h.steps = slices.Delete(h.steps, i, i+1)
	return s
}

// devices is how many records are held, by device.
func (h *hold) devices() (sum []uint64) {
	for _, s := range h.steps {
		for dev, n := range s.devices {
			bump(&sum, uint16(dev), n)
		}
	}
	return sum
}
