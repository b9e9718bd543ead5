package uplink

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

const (
	maxMessages   = 50               // of the server a second that are looked at, proofs not counted
	floodMessages = 1000             // of them a second that end the link
	maxSkipped    = 1 << 20          // bytes of a message that is passed over; a longer one ends the link
	maxControls   = 50               // foreign pings and pongs a second
	messageLimit  = 10 * time.Second // from the first to the last byte of a message
	pongWriteWait = time.Second
)

// reader takes what the server sends. It runs concurrently with the writer
// and hands it proofs and what the dialect asks for through the inbox, nothing else;
// what it counts goes into the status.
type reader struct {
	words   func(text []byte) (ackMessage, bool) // see ackMode
	dialect dialectSession
	o       *Options
	inbox   *inbox

	buf      bytes.Buffer
	limited  io.LimitedReader
	messages perSecond
	controls perSecond
}

// run reads a WebSocket until the connection ends and returns why; it never returns nil.
func (r *reader) run(conn *websocket.Conn) error {
	err := r.read(conn)
	if errors.Is(err, websocket.ErrReadLimit) {
		r.tooLong()
	}
	return err
}

func (r *reader) tooLong() { r.inbox.board.update(func(s *Status) { s.TooLong++ }) }

func (r *reader) read(conn *websocket.Conn) error {
	conn.SetReadLimit(max(r.o.MaxMessage, maxSkipped))
	conn.SetPingHandler(func(payload string) error { return r.pinged(conn, payload) })
	conn.SetPongHandler(r.ponged)
	for {
		_, from, err := conn.NextReader()
		if err != nil {
			return err
		}
		// A message must come to its end: fragments without end and a byte a
		// second would otherwise go on for ever. Pongs do not prolong it.
		_ = conn.SetReadDeadline(time.Now().Add(messageLimit))
		r.buf.Reset()
		// gorilla's own limit counts what came over the network: a message that
		// was compressed may be a thousand times that.
		r.limited = io.LimitedReader{R: from, N: r.o.MaxMessage + 1}
		_, err = r.buf.ReadFrom(&r.limited)
		long := err == nil && r.limited.N == 0
		if long {
			r.limited.N = max(maxSkipped-r.o.MaxMessage, 0) + 1
			_, err = io.Copy(io.Discard, &r.limited)
		}
		switch {
		case isTimeout(err):
			return errSlow
		case err != nil:
			return midMessage{err}
		case r.limited.N == 0:
			return websocket.ErrReadLimit
		}
		_ = conn.SetReadDeadline(time.Time{})
		if long {
			r.tooLong()
			r.skip("messages of the server are passed over: they are longer than max_message in [uplink]")
		} else if err := r.message(r.buf.Bytes()); err != nil {
			return err
		}
	}
}

// skip counts a message of the server that nobody looks at. It still shows that the
// server is there.
func (r *reader) skip(why string) {
	r.inbox.onServerMessage(serverMessage{})
	r.inbox.board.update(func(s *Status) { s.Skipped++ })
	r.inbox.board.event(slog.LevelWarn, "uplink.skipped", "", why, "limit_bytes", r.o.MaxMessage, "limit_per_second", maxMessages)
}

// midMessage is the end of a connection in the middle of a message.
type midMessage struct{ error }

func (e midMessage) Unwrap() error { return e.error }

func (r *reader) message(text []byte) error {
	if r.words != nil {
		if w, ok := r.words(text); ok {
			return r.inbox.onAck(w)
		}
	}
	if !r.messages.allow(1, maxMessages) {
		r.skip("messages of the server are passed over: there are too many in a second")
		if r.messages.n > floodMessages {
			return errFlood
		}
		return nil
	}
	h := r.dialect.onMessage(text)
	if n, ok := notice(text); ok && h.kind == "" {
		h = n
	}
	if !h.time.IsZero() {
		r.o.reportServerTime(h.time, messageSlack)
	}
	if h.kind == "" || h.kind == kindMalformed {
		r.judge(text)
	}
	if h.kind == "" && r.o.Downlink != nil {
		r.o.Downlink(text)
	}
	if !r.inbox.onServerMessage(h) {
		return errFlood
	}
	return nil
}

// judge counts a message that says nothing to the dialect where it says nothing to anybody.
func (r *reader) judge(text []byte) {
	switch {
	case !utf8.Valid(text):
		r.inbox.board.update(func(s *Status) { s.BadUTF8++ })
	case !json.Valid(text):
		r.inbox.board.update(func(s *Status) { s.BadJSON++ })
	}
}

func (r *reader) ponged(payload string) error {
	if ping := r.inbox.outstanding.Load(); ping != nil && payload == *ping {
		r.inbox.outstanding.Store(nil)
		r.inbox.post(func(m *received) { m.pongAt = time.Now() })
		return nil
	}
	r.inbox.board.update(func(s *Status) { s.ForeignPongs++ })
	if !r.controls.allow(1, maxControls) {
		return errFlood
	}
	return nil
}

// pinged answers, unless the writer holds the connection for too long: then
// its own deadline decides.
func (r *reader) pinged(conn *websocket.Conn, payload string) error {
	if !r.controls.allow(1, maxControls) {
		return errFlood
	}
	err := conn.WriteControl(websocket.PongMessage, []byte(payload), time.Now().Add(pongWriteWait))
	if errors.Is(err, websocket.ErrCloseSent) || isTimeout(err) {
		return nil
	}
	return err
}

// perSecond counts events in whole seconds from the first one.
type perSecond struct {
	since time.Time
	n     int
}

// allow counts n more and reports whether that is within limit.
func (p *perSecond) allow(n, limit int) bool {
	if now := time.Now(); now.Sub(p.since) >= time.Second {
		p.since, p.n = now, 0
	}
	p.n += n
	return p.n <= limit
}
