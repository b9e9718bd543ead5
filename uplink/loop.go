package uplink

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"
)

// loop sends, pings and takes proofs. It returns nil when the reader has
// ended, errAsked when there is nothing left to do, else its own reason.
func (s *session) loop(ctx context.Context) error {
	s.finish = s.finish || s.link.leave.Load() // who left before it was up has stopped waiting for it
	for {
		changed := s.src.Changed() // before Read, or a wake-up is missed
		now := time.Now()
		s.keepHours(now)
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
		if s.finish || s.eof || s.paused(now) || !s.maySend(s.cursors.newest(), now) {
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
		if s.link.ping.Swap(false) {
			s.ping.now(time.Now())
		}
		s.ping.hurry(time.Now())
		s.finish = s.finish || s.link.leave.Load() || s.link.renew.Swap(false) || s.link.tokenReplaced(ctx)
	}
	return false, nil
}

// due is when the next thing falls due by itself.
func (s *session) due(now time.Time) time.Time {
	next := s.ping.due()
	_, elapsed, _ := s.mode.elapsed(&s.flight, now)
	times := [...]time.Time{elapsed, s.sendAfter, s.gather.until, s.laterAt, s.preferredAt, s.hoursCheck, s.believeAt, s.link.asideAt, s.started.Add(provenUptime), s.lastMessage.Add(s.patience), {}}
	if s.cursors.old() {
		times[len(times)-1] = s.link.drain.ready(s.link.rate(), now)
	}
	for _, at := range times {
		if at.After(now) && at.Before(next) {
			next = at
		}
	}
	return next
}

// proofs takes what the reader found and what time alone proves.
func (s *session) proofs(now time.Time) error {
	m := s.inbox.take()
	frames, answered := s.ping.pong(m.pongAt)
	if m.took > 0 {
		s.ping.sample(m.took)
	}
	if answered || m.took > 0 {
		good := answered && s.flight.count() == 0 && !now.Before(s.believeAt)
		s.link.board.update(func(st *Status) {
			if st.RTT = s.ping.srtt; good {
				st.LastProof = now
			}
		})
		if s.link.o.RoundTrip != nil {
			s.link.o.RoundTrip(s.ping.last)
		}
	}
	if answered {
		s.link.board.measured(s.ping.last)
		s.marked, s.traffic = frames, m.pongAt
	}
	if s.mode.marks && !now.Before(s.believeAt) {
		if err := s.prove(s.marked); err != nil {
			return err
		}
	}
	if answered {
		s.flight.pace(s.ping.bytes, s.ping.last, s.ahead())
	}
	if err := s.onAck(&m); err != nil {
		return err
	}
	s.flight.pace(m.ahead, m.took, s.ahead())
	if err := s.setAside(now, false); err != nil {
		return err
	}
	if err := s.onServerMessage(&m, now); err != nil {
		return err
	}
	frames, _, err := s.mode.elapsed(&s.flight, now)
	if err != nil {
		return err
	}
	if err := s.prove(frames); err != nil {
		return err
	}
	s.settle(now)
	return nil
}

// settle takes note that the connection is what it seems: everything sent is proven, and
// pings are answered. Once it has also lasted, what was wrong before is over.
func (s *session) settle(now time.Time) {
	good := s.proven || s.ping.answered && s.flight.count() == 0
	if s.stable || !good || now.Before(s.sendAfter) || now.Before(s.believeAt) {
		return
	}
	s.stable = now.Sub(s.started) >= provenUptime
	s.link.onGood(s.stable)
}

// prove releases the frames up to number n.
func (s *session) prove(n uint64) error {
	t := tally{oldest: s.flight.oldest()}
	some, err := s.flight.prove(n, s.acking(&t))
	return s.proved(some, t, err)
}

// tally is what one acknowledgement covered.
type tally struct {
	end, records, last uint64
	oldest             time.Time // when the oldest frame on the way was written; zero = not told
}

// acking passes a gapless run of proven records on to the queue, without those
// that the server refused: they are not in the queue any more.
func (s *session) acking(t *tally) func(from, to uint64) error {
	return func(from, to uint64) error {
		t.end, t.last = max(t.end, s.cursors.proven(from, to)), max(t.last, to)
		for from <= to {
			last := to
			for _, n := range s.refused {
				if from <= n && n <= last {
					last = n - 1
				}
			}
			if from <= last {
				t.records += last - from + 1
				if err := s.src.Ack(from, last); err != nil {
					return err
				}
			}
			from = last + 2 // past the refused one
		}
		return nil
	}
}

// proved takes note of a proof.
func (s *session) proved(some bool, t tally, err error) error {
	if err != nil {
		return sourceError{err}
	}
	if !some {
		return nil
	}
	if !s.link.route.reached {
		s.link.reach()
	}
	low := s.flight.lowest() // what was refused below it cannot be acknowledged any more
	s.refused = slices.DeleteFunc(s.refused, func(n uint64) bool { return n < low })
	p := &s.link.route.poison
	p.onProof(t.end)
	s.link.board.update(func(st *Status) {
		st.Proven += t.records
		st.LastProof = time.Now()
		st.InFlight = s.flight.bytes
		p.show(st)
	})
	s.proven = true
	if s.link.o.Proof != nil && !t.oldest.IsZero() && !s.mode.unproven {
		s.link.o.Proof(time.Since(t.oldest))
	}
	return nil
}

// send writes one frame when there is one and the window allows it.
func (s *session) send(now time.Time) (sent bool, err error) {
	if s.finish || s.eof || s.paused(now) {
		return false, nil
	}
	s.cursors.merge(s.flight.lane[laneFresh] == 0)
	order, n := s.cursors.turn(s.link.route.poison.limit())
	dry := true
	for i, in := range order[:n] {
		if !s.maySend(in, now) {
			if dry = false; i == 0 && in == laneMain && !s.drained(now) {
				return false, nil // it is the backlog's turn once there is room
			}
			continue
		}
		if sent, err := s.sendFrom(in, now); sent || err != nil || s.finish || s.eof {
			return sent, err
		}
	}
	if b, ok := s.src.(surfacing); ok && dry && b.Behind(s.cursors.behind()) {
		s.finish = true
	}
	return false, nil
}

// paused: nothing is sent just now, whatever there is.
func (s *session) paused(now time.Time) bool {
	return now.Before(s.sendAfter) || now.Before(s.gather.until)
}

// maySend reports whether a lane has leave to send now.
func (s *session) maySend(in lane, now time.Time) bool {
	l := s.link
	if in == laneMain && s.drained(now) {
		return false
	}
	if s.flight.count() > 0 && !s.cursors.over && l.route.poison.alone(s.cursors.at[laneMain]) {
		return false // what comes next in the backlog goes alone, so nothing may stay on its way
	}
	return s.flight.fits(l.route.poison.limit(), in)
}

// drained reports whether the backlog has used up what its rate allows.
func (s *session) drained(now time.Time) bool {
	return s.cursors.old() && s.link.drain.ready(s.link.rate(), now).After(now)
}

// sendFrom writes a frame of one lane if that has any records.
func (s *session) sendFrom(in lane, now time.Time) (sent bool, err error) {
	l := s.link
	var who name
	c, limit, old := portion{from: s.cursors.at[in], last: func(first uint64) uint64 { who = s.nameOf(first); return who.last }}, l.route.poison.limit(), in == laneMain && s.cursors.old()
	if old {
		c.bytes = drainFrame(l.rate(), limit)
	}
	if in == laneMain && s.cursors.parted {
		c.below = s.cursors.split
	}
	first, recs, size, err := l.pack(s.src, c)
	if errors.Is(err, io.EOF) {
		// The fresh lane's end is not that of the backlog.
		s.eof = in == laneMain || s.cursors.over
		return false, nil
	}
	if err != nil {
		return false, sourceError{err}
	}
	if len(recs) == 0 {
		s.cursors.over = s.cursors.over || c.below > 0 && first >= c.below
		return false, nil
	}
	s.head = s.mode.head(s.head[:0], &who, first)
	if size += len(s.head) + len(s.mode.tail()) - 2; !s.wire.fits(size) {
		l.growBuffer(size + maxSlack(size))
		s.finish = true
		return false, nil
	}
	l.beat(l.o.WriteTimeout)
	out := outgoing{head: s.head, recs: recs, tail: s.mode.tail(), size: size, first: first, who: &who}
	if err := s.wire.frame(out, now.Add(l.o.WriteTimeout)); err != nil {
		return false, err
	}
	fr := sentFrame{from: first, end: first + uint64(len(recs)), bytes: size, at: now, lane: in, epoch: who.epoch}
	if old {
		l.drain.spend(l.rate(), size)
	}
	s.flight.push(fr)
	s.traffic = now
	s.flight.alone = l.route.poison.alone(first)
	s.cursors.wrote(in, fr.end, size, l.o.BacklogShare, limit)
	_, next := s.src.Bounds()
	s.gather.wrote(uint64(len(recs)), fr.end < next, now)
	l.noteSent(fr, s.wire.written(), s.src.Bounds)
	s.updateBacklog()
	return true, nil
}

// updateBacklog keeps the status right about whether what is sent is old.
func (s *session) updateBacklog() {
	old := s.cursors.old()
	if old == s.backlog {
		return
	}
	s.backlog = old
	s.link.board.update(func(st *Status) { st.Backlog = old })
}

// freshDelay is how long what is on the way may take while two lanes go, since
// a new reading waits for it.
const freshDelay = time.Second

// ahead is what the window is paced to: the time until the last byte of it is
// answered.
func (s *session) ahead() time.Duration {
	if s.cursors.parted {
		return min(s.ping.timeout/2, freshDelay)
	}
	return s.ping.timeout / 2
}

// pings sends the ping that is due: after a batch, or to keep a quiet link
// alive. At most one is out.
func (s *session) pings(now time.Time) error {
	if s.ping.out {
		if now.Before(s.ping.due()) {
			return nil
		}
		if !s.ping.answered {
			return failNeverPong
		}
		return failNoPong
	}
	unmarked := s.mode.marks && s.flight.written() > s.ping.frames
	if !unmarked && now.Before(s.ping.due()) {
		return nil
	}
	if !unmarked {
		if alive := s.dialect.keepalive(); alive != nil {
			if err := s.writeText(alive); err != nil {
				return err
			}
		}
	}
	s.traffic = now
	payload := s.ping.next(now, s.flight.written(), s.flight.bytes)
	s.inbox.outstanding.Store(&payload)
	return s.wire.ping(payload, now.Add(s.link.o.WriteTimeout))
}
