package uplink

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/gorilla/websocket"
)

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
		if err := s.pings(time.Now()); err != nil { // send may have taken long
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
		if !s.flight.room(s.link.suspicion.limit()) || s.finish || s.eof {
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
		s.flight.pace(s.ping.bytes, s.ping.last, s.ping.timeout/2)
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
	limit := s.link.suspicion.limit()
	s.link.board.update(func(st *Status) {
		st.Proven += records
		st.InFlight, st.BatchBytes = s.flight.bytes, limit
	})
	s.proven = true
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
	if s.finish || s.eof || !s.flight.room(l.suspicion.limit()) {
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
		if b, ok := s.src.(surfacing); ok && b.Behind(s.next) {
			s.finish = true
		}
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
	payload := s.ping.next(now, s.flight.written(), s.flight.bytes)
	s.pinged = s.flight.written()
	s.inbox.outstanding.Store(s.ping.seq)
	return writeError(s.conn.WriteControl(websocket.PingMessage, payload, now.Add(s.link.o.WriteTimeout)))
}
