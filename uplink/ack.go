package uplink

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// ackMode is an acknowledgement mode on one connection: what counts as proof that
// frames have arrived, and what stands around the records of a frame. Frames of a
// connection are numbered 1, 2, 3 ... in the order written.
type ackMode struct {
	// marks: a ping follows every batch. Its pong proves that the server's
	// WebSocket endpoint read every frame before the ping, not that anything was
	// done with them.
	marks bool
	// words reads an acknowledgement or a refusal of the server's application,
	// which has then seen the token, out of one of its messages; false: it is
	// neither. It is called by the reader. nil: the application says nothing.
	words    func(text []byte) (ackMessage, bool)
	limit    time.Duration // with words: the oldest unproven frame may wait so long
	numbered bool          // a frame tells the numbers of its records
	// unproven: what was written counts as delivered once it is delay old, by
	// which time the queue has it on disk. It can lose readings.
	unproven bool
	delay    time.Duration
}

// unprovenWindow bounds what the link remembers of written frames.
const unprovenWindow = 4 << 20

// ackMessage is what a server's application says about delivery.
type ackMessage struct {
	frames  uint64 // frames of this connection, from 1; 0: none
	epoch   string // what the records are called that through and refused speak of
	through uint64 // the last one; 0: none
	resumed bool   // through is what the server had before this connection
	refused uint64
	why     string // the server's own words about it
	again   bool   // the refused record may be sent again later
}

func newAckMode(o *Options) (ackMode, error) {
	switch o.Ack {
	case AckFence:
		return ackMode{marks: true}, nil
	case AckCount:
		return ackMode{words: countWords, limit: 3 * o.PongTimeout}, nil
	case AckEnvelope:
		return ackMode{words: envelopeWords, limit: 3 * o.PongTimeout, numbered: true}, nil
	case AckAnswer:
		return ackMode{words: func([]byte) (ackMessage, bool) { return ackMessage{}, false }, limit: 3 * o.PongTimeout}, nil
	case AckNone:
		if o.AckDelay < 0 {
			return ackMode{}, errors.New("the delay of ack none must not be negative")
		}
		return ackMode{unproven: true, delay: o.AckDelay}, nil
	}
	return ackMode{}, fmt.Errorf("ack %q is not known; it can be fence, count, envelope or none", o.Ack)
}

// elapsed is asked at each turn: the frames proven by now without any
// acknowledgement, when to ask again (zero: no need), and an error when an
// acknowledgement is overdue.
func (e *ackMode) elapsed(f *flight, now time.Time) (frames uint64, next time.Time, err error) {
	if e.unproven {
		if frames, next = f.olderThan(now.Add(-e.delay)); !next.IsZero() {
			next = next.Add(e.delay)
		}
		return frames, next, nil
	}
	oldest, waiting := f.firstUnproven()
	if e.words == nil || !waiting {
		return 0, time.Time{}, nil
	}
	if next = oldest.at.Add(e.limit); !now.Before(next) {
		return 0, time.Time{}, failNotReading
	}
	return 0, next, nil
}

// head appends what stands before the first of a frame's records.
func (e *ackMode) head(dst []byte, who *name, first uint64) []byte {
	if !e.numbered {
		return append(dst, '[')
	}
	dst = strconv.AppendUint(append(dst, who.open...), first, 10)
	return append(dst, `,"msgs":[`...)
}

// tail is what stands after the last of a frame's records.
func (e *ackMode) tail() string {
	if e.numbered {
		return "]}"
	}
	return "]"
}
