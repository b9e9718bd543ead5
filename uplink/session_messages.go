package uplink

import (
	"log/slog"
	"slices"
	"time"
)

// ended is the end of a session by a message of the server.
type ended struct {
	why    failure
	detail string
}

func (e ended) Error() string { return e.detail }

// greet presents the token where it goes first, and sends the dialect's
// first messages. Where a proof needs no message of the server's application, data
// waits a while: an endpoint may answer pings before the application has
// looked at the token.
func (s *session) greet() error {
	l := s.link
	if token := l.route.dialect.greet(l.token); token != nil {
		if err := s.writeText(token); err != nil {
			return err
		}
		if s.mode.words == nil {
			s.sendAfter = s.started.Add(l.o.AuthSettle)
		}
	}
	for _, message := range s.dialect.open() {
		if err := s.writeText(message); err != nil {
			return err
		}
	}
	return nil
}

// writeText sends a message that is no data.
func (s *session) writeText(message []byte) error {
	s.link.beat(s.link.o.WriteTimeout)
	return s.wire.text(message, time.Now().Add(s.link.o.WriteTimeout))
}

// onServerMessage does what the server's messages ask for.
func (s *session) onServerMessage(m *received, now time.Time) error {
	if !m.lastMessage.IsZero() {
		s.lastMessage, s.sendAfter = m.lastMessage, time.Time{}
	}
	s.patience = m.patience
	if m.complaint != "" {
		s.link.board.event(slog.LevelWarn, "uplink.complaint", "", "the server complains", "err", s.link.board.scrub.clean(m.complaint))
	}
	if m.inUse {
		s.onTakeover(now)
	}
	if m.end != failUnknown {
		return ended{m.end, m.detail}
	}
	if len(m.later) > 0 {
		if s.later = m.later; s.laterAt.IsZero() {
			s.laterAt = now.Add(m.laterIn)
		}
	}
	if !s.laterAt.IsZero() && !now.Before(s.laterAt) {
		m.replies = append(m.replies, s.later...)
		s.later, s.laterAt = nil, time.Time{}
	}
	for _, reply := range m.replies {
		if err := s.writeText(reply); err != nil {
			return err
		}
	}
	if s.patience > 0 && now.Sub(s.lastMessage) >= s.patience {
		return failSilent
	}
	if !s.preferredAt.IsZero() && !now.Before(s.preferredAt) {
		s.finish = true
	}
	return nil
}

// onAck takes what the server's application says about delivery.
func (s *session) onAck(m *received) error {
	if m.frames > s.flight.written() {
		return failBadAck
	}
	if m.frames > 0 && m.frames < s.flight.first {
		s.link.board.foreignAck()
	}
	// Refusals first: an acknowledgement that came after one passes over its
	// record, and would release it.
	for _, w := range m.refused {
		if !w.again {
			if err := s.refuse(w); err != nil {
				return err
			}
		}
	}
	if err := s.prove(m.frames); err != nil {
		return err
	}
	for _, c := range m.claims {
		if c.resumed {
			if err := s.resume(c); err != nil {
				return err
			}
		}
	}
	for _, c := range m.claims {
		if !c.resumed {
			if err := s.proveThrough(c); err != nil {
				return err
			}
		}
	}
	for _, w := range m.refused {
		if w.again {
			return s.refuse(w)
		}
	}
	return nil
}

// proveThrough releases the records called so up to a number. What the server claims
// beyond what was sent proves nothing: only what is in flight is released. A number
// that was never given to any record is another matter, see checkAssigned.
func (s *session) proveThrough(c claim) error {
	if err := s.checkAssigned(c); err != nil {
		return err
	}
	t := tally{oldest: s.flight.oldest()}
	some, err := s.flight.proveThrough(c.epoch, c.through, s.acking(&t))
	if t.last > 0 {
		s.acked[c.epoch] = true
		s.link.promises.of(c.epoch).acked(t.last)
	}
	if !some && err == nil {
		s.link.board.foreignAck()
	}
	return s.proved(some, t, err)
}

// resume takes what the server says it stored before this connection. Of what is
// younger than that nothing was ever sent.
func (s *session) resume(c claim) error {
	spans := s.named(c.epoch)
	if len(spans) == 0 {
		s.link.board.foreignAck()
		return nil
	}
	if err := s.checkAssigned(c); err != nil {
		return err
	}
	s.checkSetback(c)
	through := min(c.through, s.cursors.split-1)
	for _, sp := range spans {
		if sp.first <= through {
			if err := s.src.Ack(sp.first, min(sp.end, through)); err != nil {
				return sourceError{err}
			}
		}
	}
	var t tally
	_, err := s.flight.proveThrough(c.epoch, through, func(uint64, uint64) error { return nil })
	first, _ := s.src.Bounds()
	s.cursors.at[laneMain] = max(s.cursors.at[laneMain], min(first, s.cursors.split))
	return s.proved(true, t, err)
}

// checkAssigned passes a number on that the queue never gave to a record of that
// name, as in a copy of a running machine that was put back: then the server has
// passed over what it was sent as known, and what it acknowledges proves nothing.
// The queue gives all that waits another name, and the next connection uses it.
func (s *session) checkAssigned(c claim) error {
	first, next := s.src.Bounds()
	if c.through < next {
		return nil
	}
	if spans := s.named(c.epoch); len(spans) == 0 || spans[len(spans)-1].end < next {
		return nil
	}
	if err := s.src.Ack(first, c.through); err != nil {
		return sourceError{err}
	}
	return failRollback
}

// refuse sets a record aside that the server will never take, or ends the
// connection so that it is sent again later.
func (s *session) refuse(w ackMessage) error {
	if !s.flight.holds(w.epoch, w.refused) || slices.Contains(s.refused, w.refused) {
		s.link.board.foreignAck()
		return nil
	}
	if w.again {
		return failLater
	}
	s.refused = append(s.refused, w.refused)
	s.link.promises.of(w.epoch).nacked(w.refused)
	s.aside, s.asideWhy = append(s.aside, w.refused), w.why
	return nil
}

// asideEvery is the least time between two writes of what the server refuses. Until it is
// written it stays in the queue, and would be refused again.
const asideEvery = 10 * time.Second

// setAside takes what the server refused out of the queue, all at once and not often: each
// time costs the disk a sync, and a server may refuse records for ever.
func (s *session) setAside(now time.Time, end bool) error {
	if len(s.aside) == 0 || !end && now.Before(s.link.asideAt) && len(s.aside) < maxRefused {
		return nil
	}
	ns := s.aside
	s.aside, s.link.asideAt = nil, now.Add(asideEvery)
	if err := s.link.setAside(s.src, ns, QuarantineRejected, s.asideWhy); err != nil {
		return sourceError{err}
	}
	return nil
}
