package uplink

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	farewellWait = 2 * time.Second        // for the server's answer to our close frame
	abortWait    = 100 * time.Millisecond // to say goodbye when told to stop at once
	closeGrace   = 300 * time.Millisecond // for a close frame behind a broken write
)

// errAsked ends a loop that has nothing left to do: the caller closes in order.
var errAsked = errors.New("done")

// sourceError is an error of the queue. It is the only one that ends Run.
type sourceError struct{ error }

func (e sourceError) Unwrap() error { return e.error }

// session is one connection: a writer, which is the goroutine that calls run
// and the only one to touch the queue, and a reader. Both are joined before
// run returns.
type session struct {
	link   *Link
	conn   *websocket.Conn
	guard  *guard
	src    Source
	engine engine
	inbox  *inbox
	ping   *pinger
	flight flight

	next     uint64 // record to read
	started  time.Time
	settled  bool // proof, or up long enough: the ladders start anew
	finish   bool // stop sending, close when all is proven
	eof      bool
	pinged   uint64 // frames written before the last ping
	readDone chan struct{}
	readErr  error // after readDone
	timer    *time.Timer
}

// ending is how a session ended.
type ending struct {
	fatal error // of the queue
	asked bool  // we closed in order with every proof in
	clean bool  // and the server answered
	eof   bool  // and nothing will ever follow
	own   error // our reason, if we had one
	read  error // the reader's
	data  evidence
}

func newSession(l *Link, conn *websocket.Conn, g *guard, src Source) *session {
	e, _ := newEngine(&l.o) // checked by New
	window, slow := e.window(l.o.Window)
	first, _ := src.Bounds()
	s := &session{
		link: l, conn: conn, guard: g, src: src, engine: e,
		inbox:    newInbox(),
		ping:     newPinger(l.o.PingInterval, l.o.PongTimeout, l.rtt),
		flight:   newFlight(window, slow),
		next:     first,
		started:  time.Now(),
		readDone: make(chan struct{}),
	}
	return s
}

// run serves the connection until it ends.
func (s *session) run(ctx context.Context) ending {
	defer context.AfterFunc(ctx, s.abort)()
	var readers sync.WaitGroup
	readers.Go(func() {
		defer close(s.readDone)
		r := reader{conn: s.conn, engine: s.engine, dialect: s.link.dialect, prefix: s.ping.prefix, limit: s.link.o.MaxMessage, inbox: s.inbox}
		s.readErr = r.run()
		// What the reader cannot go on with the writer cannot either: this
		// frees it from a write that blocks.
		_ = s.guard.Close()
	})
	s.timer = time.NewTimer(time.Hour)
	defer s.timer.Stop()
	own := s.loop(ctx)
	clean := s.close(own)
	readers.Wait()
	s.link.rtt = s.ping.srtt
	return s.ending(own, clean)
}

// abort ends the connection at once: politely where that takes no time. It
// closes below TLS, whose own goodbye can block for 5 s on a full socket.
func (s *session) abort() {
	_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""), time.Now().Add(abortWait))
	_ = s.guard.Close()
}

// close brings the connection down and reports whether both sides did so in
// order.
func (s *session) close(own error) (clean bool) {
	code, wait := 0, closeGrace
	switch {
	case errors.Is(own, errAsked):
		code, wait = websocket.CloseNormalClosure, farewellWait
	case errors.Is(own, errBadAck):
		code = websocket.CloseProtocolError
	case errors.Is(own, errWriteStuck), errors.Is(own, errNoPong), errors.Is(own, errNeverPong), own == nil:
		wait = 0 // nobody is listening
	}
	if code != 0 {
		_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(time.Second))
	}
	if wait > 0 {
		s.link.beat(wait)
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-s.readDone:
		case <-timer.C:
		}
	}
	_ = s.guard.Close()
	<-s.readDone
	var answer *websocket.CloseError
	return errors.As(s.readErr, &answer) && answer.Code == websocket.CloseNormalClosure
}

func (s *session) ending(own error, clean bool) ending {
	e := ending{own: own, read: s.readErr}
	var fatal sourceError
	if errors.As(own, &fatal) {
		e.fatal = fatal.error
	}
	if errors.Is(own, errAsked) {
		e.own, e.asked, e.clean, e.eof = nil, true, clean, s.eof
	}
	if suspect, ok := s.flight.suspect(); ok {
		e.data = evidence{suspect: suspect, frames: s.flight.count(), largest: s.flight.largest(), through: s.next}
	}
	s.link.board.update(func(st *Status) { st.InFlight = 0 })
	return e
}

// loop sends, pings and takes proofs. It returns nil when the reader has
// ended, errAsked when there is nothing left to do, else its own reason.
func (s *session) loop(ctx context.Context) error {
	for {
		changed := s.src.Changed() // before Read, or a wake-up is missed
		now := time.Now()
		if err := s.proofs(now); err != nil {
			return err
		}
		sent, err := s.send(now)
		if err != nil {
			return err
		}
		if err := s.pings(now); err != nil {
			return err
		}
		if (s.eof || s.finish) && s.flight.count() == 0 {
			return errAsked
		}
		if sent {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-s.readDone:
				return nil
			default:
			}
			continue
		}
		if !s.flight.room(s.link.suspicion.maxBytes) || s.finish || s.eof {
			changed = nil
		}
		if ended, err := s.wait(ctx, now, changed); ended {
			return err
		}
	}
}

// wait blocks until there is something to do; ended tells that there is not.
func (s *session) wait(ctx context.Context, now time.Time, changed <-chan struct{}) (ended bool, err error) {
	pause := max(s.due(now).Sub(now), 0)
	s.timer.Reset(pause)
	s.link.beat(pause)
	select {
	case <-ctx.Done():
		return true, ctx.Err()
	case <-s.readDone:
		return true, nil
	case <-s.inbox.notify:
	case <-changed:
	case <-s.timer.C:
	case <-s.link.wake:
		s.finish = s.finish || s.link.tokenReplaced(ctx)
	}
	return false, nil
}

// due is when the next thing falls due by itself.
func (s *session) due(now time.Time) time.Time {
	next := s.ping.due()
	if _, at, _ := s.engine.elapsed(&s.flight, now); !at.IsZero() && at.Before(next) {
		next = at
	}
	if at := s.started.Add(provenUptime); !s.settled && at.Before(next) {
		next = at
	}
	return next
}

// proofs takes what the reader found and what time alone proves.
func (s *session) proofs(now time.Time) error {
	pong, at, ack := s.inbox.take()
	if frames, ok := s.ping.pong(pong, at); ok {
		s.answered()
		if err := s.prove(s.engine.ponged(frames)); err != nil {
			return err
		}
	}
	if ack > s.flight.written() {
		return errBadAck
	}
	if ack > 0 && ack < s.flight.first {
		s.inbox.foreignAcks.Add(1)
	}
	if err := s.prove(ack); err != nil {
		return err
	}
	frames, _, err := s.engine.elapsed(&s.flight, now)
	if err != nil {
		return err
	}
	if err := s.prove(frames); err != nil {
		return err
	}
	if !s.settled && now.Sub(s.started) >= provenUptime {
		s.settle()
	}
	return nil
}

// prove releases the frames up to number n.
func (s *session) prove(n uint64) error {
	var through, records uint64
	some, err := s.flight.prove(n, func(from, to uint64) error {
		through = to + 1
		records += to - from + 1 // frames are gapless runs
		return s.src.Ack(from, to)
	})
	if err != nil {
		return sourceError{err}
	}
	if !some {
		return nil
	}
	s.link.suspicion.proved(through)
	s.link.board.update(func(st *Status) {
		st.Proven += records
		st.InFlight = s.flight.bytes
	})
	s.settle()
	return nil
}

// answered: the server answers pings, so the link is what it seems.
func (s *session) answered() {
	s.link.gather(s.inbox)
	s.link.board.update(func(st *Status) {
		st.RTT = s.ping.srtt
		if s.engine.marks() || s.flight.count() == 0 {
			st.Problem = ""
		}
	})
}

// settle: the link has shown what it is worth.
func (s *session) settle() {
	if !s.settled {
		s.settled = true
		s.link.settled()
	}
}

// send writes one frame when there is one and the window allows it.
func (s *session) send(now time.Time) (sent bool, err error) {
	l := s.link
	if s.finish || s.eof || !s.flight.room(l.suspicion.maxBytes) {
		return false, nil
	}
	first, recs, size, err := l.pack(s.src, s.next)
	if errors.Is(err, io.EOF) {
		s.eof = true
		return false, nil
	}
	if err != nil {
		return false, sourceError{err}
	}
	if len(recs) == 0 {
		return false, nil
	}
	if size > l.writeBuffer {
		// gorilla would split it into several WebSocket frames, which naive
		// receivers cannot put together: connect again with a larger buffer.
		l.growBuffer(size)
		s.finish = true
		return false, nil
	}
	l.beat(l.o.WriteTimeout)
	if err := s.write(recs, now); err != nil {
		return false, err
	}
	end := first + uint64(len(recs))
	l.noteSent(first, end, size)
	s.next = end
	s.flight.push(flown{from: first, end: end, bytes: size, at: now})
	s.flight.narrow = l.suspicion.narrow(end)
	return true, nil
}

// write sends recs as one text message in one WebSocket frame.
func (s *session) write(recs [][]byte, now time.Time) error {
	_ = s.conn.SetWriteDeadline(now.Add(s.link.o.WriteTimeout))
	w, err := s.conn.NextWriter(websocket.TextMessage)
	if err != nil {
		return writeError(err)
	}
	piece := openArray
	for _, rec := range recs {
		if _, err = w.Write(piece); err != nil {
			return writeError(err)
		}
		if _, err = w.Write(rec); err != nil {
			return writeError(err)
		}
		piece = comma
	}
	if _, err = w.Write(closeArray); err != nil {
		return writeError(err)
	}
	return writeError(w.Close())
}

// pings sends the ping that is due: behind a batch, or to keep a quiet link
// alive. At most one is out.
func (s *session) pings(now time.Time) error {
	if s.ping.out {
		if now.Before(s.ping.due()) {
			return nil
		}
		if !s.ping.answered {
			return errNeverPong
		}
		return errNoPong
	}
	unmarked := s.engine.marks() && s.flight.written() > s.pinged
	if !unmarked && now.Before(s.ping.due()) {
		return nil
	}
	payload := s.ping.next(now, s.flight.written())
	s.pinged = s.flight.written()
	s.inbox.outstanding.Store(s.ping.seq)
	return writeError(s.conn.WriteControl(websocket.PingMessage, payload, now.Add(s.link.o.WriteTimeout)))
}
