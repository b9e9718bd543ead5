package uplink

import (
	"errors"
	"fmt"
	"time"
)

// engine decides what counts as proof that frames have arrived, and what
// stands around the records of a frame. Frames of a connection are numbered
// 1, 2, 3 ... in the order written. An engine lives as long as one connection
// and keeps no frames itself.
type engine interface {
	// marks reports whether a ping is wanted after every batch.
	marks() bool
	// ponged is told that a ping was answered which had gone out when frames
	// were written; it returns how many of them that proves.
	ponged(frames uint64) uint64
	// message reads an acknowledgement or a refusal out of a message of the
	// server; false: it is neither. It is called by the reader, concurrently with
	// the other methods, and must not touch state.
	message(text []byte) (ackMessage, bool)
	// elapsed is asked at each turn: the frames proven by now without any
	// acknowledgement, when to ask again (zero: no need), and an error when an
	// acknowledgement is overdue.
	elapsed(f *flight, now time.Time) (frames uint64, next time.Time, err error)
	// window is the limit of unproven bytes, given the configured one.
	window(configured int) (limit int, slowStart bool)
	// applied reports whether a proof comes from the server's application, which
	// has then seen the token.
	applied() bool
	// head appends what stands before the first of a frame's records, and tail
	// is what stands after the last.
	head(dst []byte, who *name, first uint64) []byte
	tail() string
}

// ackMessage is what a server's application says about delivery.
type ackMessage struct {
	frames  uint64 // frames of this connection, from 1; 0: none
	epoch   string // what the records are called that through and refused speak of
	through uint64 // the last one; 0: none
	resumed bool   // through is what the server had before this connection
	refused uint64
	again   bool // the refused record may be sent again later
}

// array is the plain frame: '[' + records joined by ',' + ']'.
type array struct{}

func (array) head(dst []byte, _ *name, _ uint64) []byte { return append(dst, '[') }
func (array) tail() string                              { return "]" }

func newEngine(o *Options) (engine, error) {
	switch o.Ack {
	case AckFence:
		return fence{}, nil
	case AckCount:
		return count{timeout: 3 * o.PongTimeout}, nil
	case AckEnvelope:
		return newEnvelope(o), nil
	case AckNone:
		if o.AckDelay < 0 {
			return nil, errors.New("the delay of ack none must not be negative")
		}
		return unproven{delay: o.AckDelay}, nil
	}
	return nil, fmt.Errorf("ack %q is not known; it can be fence, count, envelope or none", o.Ack)
}

// fence: a pong proves that the server's WebSocket endpoint read every frame
// before the ping. It does not prove that anything was done with them.
type fence struct{ array }

func (fence) marks() bool                       { return true }
func (fence) ponged(frames uint64) uint64       { return frames }
func (fence) message([]byte) (ackMessage, bool) { return ackMessage{}, false }
func (fence) window(w int) (int, bool)          { return w, true }
func (fence) applied() bool                     { return false }
func (fence) elapsed(*flight, time.Time) (uint64, time.Time, error) {
	return 0, time.Time{}, nil
}

// count: the server's application says how many messages it has handled.
type count struct {
	array
	timeout time.Duration // the oldest unproven frame may wait this long
}

func (count) marks() bool              { return false }
func (count) ponged(uint64) uint64     { return 0 }
func (count) window(w int) (int, bool) { return w, true }
func (count) applied() bool            { return true }

func (count) message(text []byte) (ackMessage, bool) {
	n, ok := parseCount(text)
	return ackMessage{frames: n}, ok
}

func (c count) elapsed(f *flight, now time.Time) (uint64, time.Time, error) {
	due, err := overdue(f, c.timeout, now)
	return 0, due, err
}

// overdue is when the oldest unproven frame will have waited for limit, and an
// error when it has.
func overdue(f *flight, limit time.Duration, now time.Time) (due time.Time, err error) {
	oldest, waiting := f.oldest()
	if !waiting {
		return time.Time{}, nil
	}
	due = oldest.Add(limit)
	if !now.Before(due) {
		return time.Time{}, failNotReading
	}
	return due, nil
}

// unproven: what was written counts as delivered once it is delay old, by
// which time the queue has it on disk. It can lose readings.
type unproven struct {
	array
	delay time.Duration
}

// unprovenWindow bounds what the link remembers of written frames.
const unprovenWindow = 4 << 20

func (unproven) marks() bool                       { return false }
func (unproven) ponged(uint64) uint64              { return 0 }
func (unproven) message([]byte) (ackMessage, bool) { return ackMessage{}, false }
func (unproven) window(int) (int, bool)            { return unprovenWindow, false }
func (unproven) applied() bool                     { return false }

func (u unproven) elapsed(f *flight, now time.Time) (uint64, time.Time, error) {
	frames, next := f.olderThan(now.Add(-u.delay))
	if next.IsZero() {
		return frames, next, nil
	}
	return frames, next.Add(u.delay), nil
}
