package uplink

import (
	"context"
	"log/slog"
	"time"
)

// after reports an end and waits before the next attempt.
func (l *Link) after(ctx context.Context, src Source, f finding, what string) (done bool, err error) {
	if f.asksForToken() {
		if r, ok := l.o.Token.(refusable); ok && !l.token.Empty() {
			r.Refused(l.token)
		}
	}
	from := l.route.name
	delay, state := backoffFloor+l.backoff.uniform(time.Second), Waiting
	if !l.nextRoute(&f) {
		delay, state = l.delay(&f)
	}
	sentence := f.sentence
	if detail := l.board.scrub.clean(f.detail); detail != "" {
		sentence += ": " + detail
	}
	var attempts int
	l.board.update(func(s *Status) {
		s.LastError, s.Problem = sentence, f.problem
		end := End{Dialed: f.dialed, Code: f.code}
		if !f.orderly {
			s.Failures++
			end.Problem = f.problem
		}
		s.ended(end)
		attempts = s.Attempts
	})
	args := []any{"err", sentence, "attempt", attempts, "next_s", int(delay.Seconds()), "state", string(state), "remote", from}
	if f.code != 0 {
		args = append(args, "close_code", f.code)
	}
	switch {
	case state == Parked:
		l.board.event(slog.LevelError, "uplink.blocked", f.problem, what+"; somebody has to look at it", args...)
	case f.orderly:
		l.board.event(slog.LevelInfo, "uplink.closed", "", what, args...)
	default:
		l.board.event(slog.LevelWarn, "uplink.backoff", f.problem, what, args...)
	}
	return l.pause(ctx, src, state, delay)
}

// delay says how long to wait after f, and whether a person has to act.
func (l *Link) delay(f *finding) (time.Duration, State) {
	if f.hasRetry {
		state := Waiting
		if f.do == actionPark {
			state = Parked
		}
		return l.backoff.after(f.retryAfter), state
	}
	switch f.do {
	case actionSpread:
		if d, ok := l.backoff.orderly(f.floor); ok {
			f.orderly = true
			return d, Waiting
		}
	case actionAuth, actionAuthPark, actionAuthRetry:
		switch {
		case l.atOnce():
			l.authTried, l.authAt = true, time.Now()
			return backoffFloor, Waiting
		case f.do == actionAuth:
			return l.backoff.retry(classRefused, f.floor), Parked
		case f.do == actionAuthPark:
			return l.backoff.park(), Parked
		}
	case actionPark:
		return l.backoff.park(), Parked
	case actionClock:
		return l.backoff.clock(), Waiting
	}
	return l.backoff.retry(f.class, f.floor), Waiting
}

// asksForToken says whether another token may be the answer to f.
func (f *finding) asksForToken() bool {
	return f.do == actionAuth || f.do == actionAuthPark || f.do == actionAuthRetry
}

// atOnce says whether a refusal may be answered by a try without delay: once
// in a row, and not more often than once a minute, or a source that always has
// another token, or servers that refuse one after the other, would get a storm.
func (l *Link) atOnce() bool { return !l.authTried && time.Since(l.authAt) >= provenUptime }

// pause waits for d, less when woken. It ends early, and for good, when ctx
// ends or when src turns out to have nothing left.
func (l *Link) pause(ctx context.Context, src Source, state State, d time.Duration) (done bool, err error) {
	start := time.Now()
	until := start.Add(d)
	l.board.enter(state)
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		l.board.update(func(s *Status) { s.NextTry = latest(until, s.Opens) })
		changed := src.Changed()
		if l.finished(src) {
			return true, nil
		}
		l.beat(time.Until(until))
		select {
		case <-ctx.Done():
			return true, ctx.Err()
		case <-timer.C:
			return false, nil
		case <-changed:
		case <-l.wake:
			if at := latest(time.Now(), l.lastWake.Add(wakeInterval)); at.Before(until) {
				until, l.lastWake = at, at
				timer.Reset(time.Until(until))
			}
		}
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
