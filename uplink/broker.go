package uplink

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// brokerSocket is what the engines have in common that publish to a broker in the binary
// messages of a WebSocket: a frame becomes several publishes, each of which is answered.
// The session's writer and its reader both write.
type brokerSocket struct {
	*socket
	turn    chan struct{} // room for one: who writes
	reading chan struct{} // closed when r is set
	r       *reader
	own     atomic.Pointer[error] // why we ended it ourselves

	mu     sync.Mutex
	asked  string       // payload of the last ping: a broker's pings have none, and one is out at a time
	frames []*published // that are not answered whole
	bytes  int          // of those
	done   uint64       // frames, all before those
	takes  bool         // the last frame that is complete had records that were taken
}

// published is a frame on its way.
type published struct {
	epoch   string
	first   uint64 // number of the first record
	records int
	left    int // publishes that are not answered
	at      time.Time
	size    int
	ahead   int // bytes on the way when it was sent, its own included
	refused []ackMessage
}

func newBrokerSocket(s *socket) brokerSocket {
	return brokerSocket{socket: s, turn: make(chan struct{}, 1), reading: make(chan struct{})}
}

// open runs greet, which has PhaseTimeout and ends with ctx. After an error nothing is open.
func (b *brokerSocket) open(ctx context.Context, o *Options, greet func() error) error {
	late := time.AfterFunc(o.PhaseTimeout, b.stop)
	leave := context.AfterFunc(ctx, b.stop)
	err := greet()
	leave()
	if !late.Stop() {
		err = os.ErrDeadlineExceeded
	}
	if err == nil {
		return nil
	}
	b.stop()
	if isTimeout(err) {
		return err
	}
	return found{classifyEnd(nil, err)}
}

// take waits so long for the turn to write.
func (b *brokerSocket) take(limit time.Duration, deadline time.Time) bool {
	wait := time.NewTimer(limit)
	defer wait.Stop()
	select {
	case b.turn <- struct{}{}:
		_ = b.conn.SetWriteDeadline(deadline)
		return true
	case <-wait.C:
		return false
	}
}

// say writes one message.
func (b *brokerSocket) say(message []byte, deadline time.Time) error {
	if !b.take(time.Until(deadline), deadline) {
		return errWriteStuck
	}
	defer func() { <-b.turn }()
	return writeError(b.conn.WriteMessage(websocket.BinaryMessage, message))
}

func (b *brokerSocket) fits(int) bool { return true }

// text: no dialect that goes with a broker has messages of its own.
func (b *brokerSocket) text([]byte, time.Time) error { return errors.ErrUnsupported }

// note remembers the payload of a ping, and answered that its answer came.
func (b *brokerSocket) note(payload string) {
	b.mu.Lock()
	b.asked = payload
	b.mu.Unlock()
}

func (b *brokerSocket) answeredPing() error {
	b.mu.Lock()
	asked := b.asked
	b.mu.Unlock()
	return b.r.ponged(asked)
}

// begin has r take what the server says.
func (b *brokerSocket) begin(r *reader) {
	b.conn.SetPingHandler(func(payload string) error { return r.pinged(b.conn, payload) })
	b.conn.SetPongHandler(r.ponged)
	b.r = r
	close(b.reading)
}

// leave ends the connection for a reason of our own, which read gives.
func (b *brokerSocket) leave(why error) {
	b.own.Store(&why)
	b.stop()
}

// why is what read returns where err has happened, nil: nothing has.
func (b *brokerSocket) why(err error) error {
	if own := b.own.Load(); own != nil {
		return *own
	}
	return err
}

// publish takes note of a frame that goes out as so many publishes. The lock is held.
func (b *brokerSocket) publish(f outgoing, publishes int) *published {
	b.bytes += f.size
	p := &published{epoch: f.who.epoch, first: f.first, records: len(f.recs), left: publishes, at: time.Now(), size: f.size, ahead: b.bytes}
	b.frames = append(b.frames, p)
	return p
}

// foreign takes an answer to what is not on its way.
func (b *brokerSocket) foreign() error {
	b.r.inbox.board.foreignAck()
	if !b.r.controls.allow(1, maxControls) {
		return errFlood
	}
	return nil
}

// settle takes note of the answer to a publish of f, refusal being why record n of it will
// never be taken, and of the frames that are complete by that. What is refused is set aside
// where something else was taken: of a frame of which nothing was, the link has to find out
// whether it is the records or the server. The lock is held.
func (b *brokerSocket) settle(f *published, n uint64, refusal string) error {
	if f.left--; refusal != "" {
		f.refused = append(f.refused, ackMessage{epoch: f.epoch, refused: n, why: refusal})
	}
	before := b.done
	for len(b.frames) > 0 && b.frames[0].left == 0 {
		f := b.frames[0]
		taken := len(f.refused) < f.records
		if !taken && (f.records > 1 || !b.takes) {
			return found{finding{endPolicy: policyFor(endClose, websocket.CloseInvalidFramePayloadData), detail: f.refused[0].why}}
		}
		if b.takes = taken; taken {
			b.r.inbox.taken()
		}
		for _, w := range f.refused {
			if err := b.r.inbox.onAck(w); err != nil {
				return err
			}
		}
		b.frames = b.frames[1:]
		b.done++
		b.bytes -= f.size
		took := max(time.Since(f.at), time.Microsecond)
		b.r.inbox.post(func(m *received) { m.took, m.ahead = took, f.ahead })
	}
	if b.done == before {
		return nil
	}
	return b.r.inbox.onAck(ackMessage{frames: b.done})
}

// byteStream is the messages of a WebSocket as the one stream of bytes that they are. They
// may be of any length and none is kept.
type byteStream struct {
	conn *websocket.Conn
	from io.Reader
}

func (s *byteStream) Read(p []byte) (n int, err error) {
	for n == 0 && err == nil {
		if s.from == nil {
			if _, s.from, err = s.conn.NextReader(); err != nil {
				return 0, err
			}
		}
		if n, err = s.from.Read(p); errors.Is(err, io.EOF) {
			s.from, err = nil, nil
		}
	}
	return n, err
}
