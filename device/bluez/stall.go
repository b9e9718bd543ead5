package bluez

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

const (
	// stallAfter is how long nothing is heard before the scan counts as stalled: a phone
	// or a tag in reach is heard each second. Twice and three times of it are the next steps.
	stallAfter = 30 * time.Second
	// stallMost is the longest that it becomes where tags are heard that rarely.
	stallMost = 10 * time.Minute
	// stallCure is how soon the step that helped shows. What is heard later would have been
	// heard without it.
	stallCure = 10 * time.Second
	// stallRetry is between two tries when all steps were taken.
	stallRetry = 5 * time.Minute
	// callLimit is for each step.
	callLimit = 10 * time.Second
	// backLimit is how long Close waits for an adapter that was switched off to be on again.
	backLimit = 3 * time.Second
	// cycleSettle is how long the signals of switching off and on may come late.
	cycleSettle = 5 * time.Second
)

// stall is how far the steps against a scan that hears nothing have come. It is guarded
// by the queue's mu.
type stall struct {
	last  time.Time     // heard; zero = nothing yet in this scan, so that its end is no stall
	after time.Duration // without anything it counts as stalled
	step  int           // taken: 1 scan begun again, 2 adapter switched, 3 reported
	acted time.Time     // when the last step was over
	begin bool          // the scan is to be begun at once
	cycle chan struct{} // closed when the adapter has been switched off and on; nil = it is not being switched
	until time.Time     // it may be said to be off
	why   string        // a step failed, quoted
	again chan struct{} // look again now
}

func newStall() stall { return stall{after: stallAfter, again: make(chan struct{}, 1)} }

func (s *stall) lookAgain() {
	select {
	case s.again <- struct{}{}:
	default:
	}
}

func (s *stall) cycling() bool { return s.cycle != nil || time.Now().Before(s.until) }

// heardLocked notes that something was heard.
func (l *Line) heardLocked() {
	s, now := &l.stall, time.Now()
	if s.step > 0 {
		if now.Sub(s.acted) > stallCure {
			s.after = min(max(s.after, 2*now.Sub(s.last)), stallMost)
		}
		s.step, s.why = 0, ""
		l.noteLocked(`{"note":"heard"}`)
		s.lookAgain()
	}
	s.last = now
}

// watch takes the steps. It is woken as often as one can be due.
func (l *Line) watch() {
	defer close(l.watched)
	timer := time.NewTimer(stallAfter)
	defer timer.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-l.stall.again:
		case <-timer.C:
		}
		timer.Reset(l.look())
	}
}

// look takes the step that is due, if any, and says when to look again.
func (l *Line) look() time.Duration {
	l.mu.Lock()
	s := &l.stall
	begin, step, silent, due := s.begin, s.step, time.Since(s.last), s.due()
	s.begin = false
	l.mu.Unlock()
	switch {
	case begin:
		if err := l.attempt(l.start); err != nil {
			l.end(fmt.Errorf("%w: %w", errEnded, err))
		}
	case due > 0:
	case step == 0:
		l.take(1, "restarted", silent, l.restart)
	case step == 1:
		l.take(2, "cycled", silent, l.switched)
	case step == 2:
		l.take(3, "stalled", silent, nil)
	default:
		l.take(3, "", silent, l.restart)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(s.due(), 0)
}

// due is how long it is to the next step.
func (s *stall) due() time.Duration {
	switch {
	case s.last.IsZero():
		return stallAfter
	case s.step == 3:
		return stallRetry - time.Since(s.acted)
	}
	return s.after*time.Duration(s.step+1) - time.Since(s.last)
}

// take takes a step and notes it.
func (l *Line) take(step int, note string, silent time.Duration, do func(context.Context) error) {
	l.mu.Lock()
	last := l.stall.last
	l.stall.step, l.stall.acted = step, time.Now()
	l.mu.Unlock()
	if do != nil {
		_ = l.attempt(do) // its error is said in why
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stall.acted = time.Now()
	if note == "" || l.stall.last != last { // heard meanwhile
		return
	}
	text := fmt.Sprintf(`{"note":"%s","seconds":%d`, note, int(silent.Seconds()))
	if l.stall.why != "" {
		text += `,"why":` + l.stall.why
	}
	l.noteLocked(text + "}")
}

func (l *Line) attempt(do func(context.Context) error) error {
	ctx, done := context.WithTimeout(l.ctx, callLimit)
	defer done()
	err := do(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stall.why = ""
	if err != nil {
		quoted, _ := json.Marshal(err.Error())
		l.stall.why = string(quoted)
	}
	return err
}

func (l *Line) restart(ctx context.Context) error {
	l.pause(ctx)
	return l.start(ctx)
}

// switched switches the adapter off and on. Where it stays off the line ends, so that the
// next opening finds out why.
func (l *Line) switched(ctx context.Context) error {
	l.mark()
	defer l.unmark()
	l.pause(ctx)
	if err := l.power(ctx, false); err != nil {
		return err
	}
	if err := l.power(ctx, true); err != nil {
		l.end(fmt.Errorf("%w: %w", errEnded, err))
		return err
	}
	return l.start(ctx)
}

func (l *Line) mark() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stall.cycle = make(chan struct{})
}

func (l *Line) unmark() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.stall.cycle)
	l.stall.cycle, l.stall.until = nil, time.Now().Add(cycleSettle)
}

// settle waits until an adapter that is off by our doing is on again: whoever ends the scan
// then would leave it off for other programs.
func (l *Line) settle() {
	l.mu.Lock()
	back := l.stall.cycle
	l.mu.Unlock()
	if back == nil {
		return
	}
	limit := time.NewTimer(backLimit)
	defer limit.Stop()
	select {
	case <-back:
	case <-limit.C:
	}
}
