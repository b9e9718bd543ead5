package uplink

import (
	"errors"
	"fmt"
	"time"
)

// engine decides what counts as proof that frames have arrived. Frames of a
// connection are numbered 1, 2, 3 ... in the order written. An engine lives as
// long as one connection and keeps no frames itself.
type engine interface {
	// marks reports whether a ping is wanted behind every batch.
	marks() bool
	// ponged is told that a ping was answered which had gone out when frames
	// were written; it returns how many of them that proves.
	ponged(frames uint64) uint64
	// message looks for a proof in a message of the server: the number of
	// frames proven. It is called by the reader, beside the other methods,
	// and must not touch state.
	message(text []byte) (frames uint64, ok bool)
	// elapsed is asked at each turn: the frames proven by now without any
	// word from the server, when to ask again (zero: no need), and an error
	// when the server's word is overdue.
	elapsed(f *flight, now time.Time) (frames uint64, next time.Time, err error)
	// window is the limit of unproven bytes, given the configured one.
	window(configured int) (limit int, slowStart bool)
}

func newEngine(o *Options) (engine, error) {
	switch o.Ack {
	case AckFence:
		return fence{}, nil
	case AckCount:
		return count{timeout: 3 * o.PongTimeout}, nil
	case AckNone:
		if o.AckDelay < 0 {
			return nil, errors.New("the delay of ack none must not be negative")
		}
		return unproven{delay: o.AckDelay}, nil
	case "envelope":
		return nil, errors.New(`ack "envelope" is not available in this version; use fence or count`)
	}
	return nil, fmt.Errorf("ack %q is not known; it can be fence, count or none", o.Ack)
}

// fence: a pong proves that the server's WebSocket endpoint read every frame
// before the ping. It does not prove that anything was done with them.
type fence struct{}

func (fence) marks() bool                   { return true }
func (fence) ponged(frames uint64) uint64   { return frames }
func (fence) message([]byte) (uint64, bool) { return 0, false }
func (fence) window(w int) (int, bool)      { return w, true }
func (fence) elapsed(*flight, time.Time) (uint64, time.Time, error) {
	return 0, time.Time{}, nil
}

// count: the server's application says how many messages it has handled.
type count struct {
	timeout time.Duration // the oldest unproven frame may wait so long
}

func (count) marks() bool              { return false }
func (count) ponged(uint64) uint64     { return 0 }
func (count) window(w int) (int, bool) { return w, true }

func (count) message(text []byte) (uint64, bool) { return parseCount(text) }

func (c count) elapsed(f *flight, now time.Time) (uint64, time.Time, error) {
	oldest, waiting := f.oldest()
	if !waiting {
		return 0, time.Time{}, nil
	}
	due := oldest.Add(c.timeout)
	if !now.Before(due) {
		return 0, time.Time{}, errNotReading
	}
	return 0, due, nil
}

// unproven: what was written counts as delivered once it is delay old, by
// which time the queue has it on disk. It can lose readings.
type unproven struct {
	delay time.Duration
}

// unprovenWindow bounds what the link remembers of written frames.
const unprovenWindow = 4 << 20

func (unproven) marks() bool                   { return false }
func (unproven) ponged(uint64) uint64          { return 0 }
func (unproven) message([]byte) (uint64, bool) { return 0, false }
func (unproven) window(int) (int, bool)        { return unprovenWindow, false }

func (u unproven) elapsed(f *flight, now time.Time) (uint64, time.Time, error) {
	frames, next := f.olderThan(now.Add(-u.delay))
	if next.IsZero() {
		return frames, next, nil
	}
	return frames, next.Add(u.delay), nil
}
