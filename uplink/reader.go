package uplink

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

const (
	maxMessages   = 50               // of the server a second, proofs not counted
	maxControls   = 50               // foreign pings and pongs a second
	messageLimit  = 10 * time.Second // from the first to the last byte of a message
	pongWriteWait = time.Second
)

// reader takes what the server sends. It runs beside the writer and hands it
// proofs through the inbox, nothing else.
type reader struct {
	conn    *websocket.Conn
	engine  engine
	dialect dialect
	prefix  string // of our pings
	limit   int64
	inbox   *inbox
	heard   func(now time.Time, slack time.Duration)

	buf      bytes.Buffer
	messages perSecond
	controls perSecond
}

// inbox carries proofs from the reader to the writer. Proofs are cumulative,
// so the newest one says it all.
type inbox struct {
	outstanding atomic.Uint64 // number of the ping that is out; 0: none
	notify      chan struct{} // room for one

	foreignPongs   atomic.Uint64
	foreignAcks    atomic.Uint64
	serverMessages atomic.Uint64

	mu     sync.Mutex
	pong   uint64 // answered ping
	pongAt time.Time
	ack    uint64 // frames, as the server's application says
}

func newInbox() *inbox { return &inbox{notify: make(chan struct{}, 1)} }

func (in *inbox) post(f func()) {
	in.mu.Lock()
	f()
	in.mu.Unlock()
	select {
	case in.notify <- struct{}{}:
	default:
	}
}

// take gives what came since the last take; zeros: nothing.
func (in *inbox) take() (pong uint64, at time.Time, ack uint64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	pong, at, ack = in.pong, in.pongAt, in.ack
	in.pong, in.ack = 0, 0
	return pong, at, ack
}

// run reads until the connection ends and returns why; it never returns nil.
func (r *reader) run() error {
	r.conn.SetReadLimit(r.limit)
	r.conn.SetPingHandler(r.pinged)
	r.conn.SetPongHandler(r.ponged)
	for {
		_, from, err := r.conn.NextReader()
		if err != nil {
			return err
		}
		// A message must come to its end: fragments without end and a byte a
		// second would otherwise go on for ever. Pongs do not prolong it.
		_ = r.conn.SetReadDeadline(time.Now().Add(messageLimit))
		r.buf.Reset()
		if _, err := r.buf.ReadFrom(from); err != nil {
			var nerr net.Error
			if errors.As(err, &nerr) && nerr.Timeout() {
				return errSlow
			}
			return err
		}
		_ = r.conn.SetReadDeadline(time.Time{})
		if err := r.message(r.buf.Bytes()); err != nil {
			return err
		}
	}
}

func (r *reader) message(text []byte) error {
	if n, ok := r.engine.message(text); ok {
		r.inbox.post(func() { r.inbox.ack = max(r.inbox.ack, n) })
		return nil
	}
	r.inbox.serverMessages.Add(1)
	if !r.messages.allow(maxMessages) {
		return errFlood
	}
	if now, ok := r.dialect.hear(text); ok {
		r.heard(now, messageSlack)
	}
	return nil
}

func (r *reader) ponged(payload string) error {
	seq, ok := parsePong(r.prefix, payload)
	if ok && seq == r.inbox.outstanding.Load() {
		r.inbox.outstanding.Store(0)
		now := time.Now()
		r.inbox.post(func() { r.inbox.pong, r.inbox.pongAt = seq, now })
		return nil
	}
	r.inbox.foreignPongs.Add(1)
	if !r.controls.allow(maxControls) {
		return errFlood
	}
	return nil
}

// pinged answers, unless the writer holds the connection for too long: then
// its own deadline decides.
func (r *reader) pinged(payload string) error {
	if !r.controls.allow(maxControls) {
		return errFlood
	}
	err := r.conn.WriteControl(websocket.PongMessage, []byte(payload), time.Now().Add(pongWriteWait))
	var nerr net.Error
	if errors.Is(err, websocket.ErrCloseSent) || errors.As(err, &nerr) && nerr.Timeout() {
		return nil
	}
	return err
}

// perSecond counts events in whole seconds from the first one.
type perSecond struct {
	since time.Time
	n     int
}

func (p *perSecond) allow(limit int) bool {
	if now := time.Now(); now.Sub(p.since) >= time.Second {
		p.since, p.n = now, 0
	}
	p.n++
	return p.n <= limit
}
