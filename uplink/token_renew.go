package uplink

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	fetchLimit    = 40 * time.Second // of one request for a token, all phases together
	fetchCap      = 5 * time.Minute  // the last ceiling of the waits between failed requests
	nearCap       = time.Second      // the first ceiling when no server was reached at all
	refusedMin    = 5 * time.Minute  // at least this long after the credentials were refused,
	refusedMax    = 10 * time.Minute // and at most this
	refusedStreak = 10 * time.Minute // a token refused within this time of being fetched counts as refused at once
)

// issued is a token as it came.
type issued struct {
	access    Secret
	at        time.Time     // when it was asked for; counted on the monotonic clock
	expiresIn time.Duration // as the answer said; 0 = it did not
	span      lifespan
}

// issuer is one way to get tokens. A FetchedToken never calls it twice at
// once.
type issuer interface {
	kind() string
	// issue asks once. It reads its own secrets anew and hides them with r.
	issue(ctx context.Context, r *request) (issued, error)
	// replaced tells quickly whether somebody has put another secret in place
	// since issue last read it.
	replaced() bool
	// saveAgain tries again to write what could not be written; nil: nothing waits.
	saveAgain() error
}

// FetchedToken is a TokenSource that gets its tokens from a server and renews
// them before they end: exp - max(60 s, a fifth of the life) - up to 30 s. All
// of that is measured on the monotonic clock from the moment the token was
// asked for, so that no step of the wall clock moves it.
//
// It asks at most once in 30 s, and less often after failures (full jitter, up
// to 5 minutes) and when the token server refuses the credentials (every 5 to
// 10 minutes). Credentials replaced by hand end such a wait. A request that was
// begun is finished even when nobody waits for it any more: a refresh token
// that the server has replaced must not get lost.
//
// All methods may be called from any goroutine.
type FetchedToken struct {
	o      *Options
	issuer issuer

	mu       sync.Mutex
	running  chan struct{} // closed when the request under way has ended; nil = none
	cancel   context.CancelFunc
	have     issued
	given    Secret // what Token last gave
	refused  bool   // the server turned have down
	renewAt  time.Time
	endsAt   time.Time // zero = not known
	next     time.Time // no request before this
	failures int       // in a row
	near     int       // of them, those that reached no server
	streak   int       // tokens refused soon after they were fetched
	fault    *TokenError
}

func newFetched(i issuer, o Options) *FetchedToken {
	o.setDefaults()
	return &FetchedToken{o: &o, issuer: i}
}

// Token gives the present token and waits for one, as long as ctx lets it,
// only where there is none. Its errors are *TokenError.
func (f *FetchedToken) Token(ctx context.Context) (Secret, error) {
	for waited := false; ; waited = true {
		f.mu.Lock()
		f.notice()
		if f.usable() {
			token := f.have.access
			f.given = token
			f.startIfDue()
			f.mu.Unlock()
			return token, nil
		}
		if f.running == nil {
			if wait := time.Until(f.next); wait > 0 || waited {
				defer f.mu.Unlock()
				return Secret{}, f.why(wait)
			}
			f.start()
		}
		running := f.running
		f.mu.Unlock()
		select {
		case <-running:
		case <-ctx.Done():
			return Secret{}, tokenFault(ProblemTokenServer, false, "the token server has not answered yet")
		}
	}
}

// Changed begins a renewal that is due, without waiting for it, and reports
// whether there is another token than the one that Token last gave.
func (f *FetchedToken) Changed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.notice()
	f.startIfDue()
	return f.usable() && f.have.access != f.given
}

// Refused says that the server turned s down: it is not given again.
func (f *FetchedToken) Refused(s Secret) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s != f.have.access || f.refused || s.Empty() {
		return
	}
	f.refused = true
	if time.Since(f.have.at) > refusedStreak {
		f.streak = 0
	}
	// The first time a new one is asked for at once. A server that refuses
	// each of them is no reason to ask for more and more.
	if f.streak++; f.streak > 1 {
		f.holdOff(fetchGap, f.jitter(fetchGap, f.streak-1))
	}
}

// Revoke says that the server ended this session for good: the token is
// forgotten.
func (f *FetchedToken) Revoke() {
	f.mu.Lock()
	s := f.have.access
	f.mu.Unlock()
	f.Refused(s)
}

// Close waits up to patience for a request under way and then breaks it off.
// The source is not to be used any more.
func (f *FetchedToken) Close(patience time.Duration) {
	f.mu.Lock()
	running, cancel := f.running, f.cancel
	f.mu.Unlock()
	if running == nil {
		return
	}
	defer time.AfterFunc(patience, cancel).Stop()
	<-running
}

// State tells how it is.
func (f *FetchedToken) State() TokenState {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := TokenState{Source: f.issuer.kind(), Fingerprint: f.have.access.Fingerprint(), Expires: f.have.span.ends, Made: f.have.span.made}
	if s.Expires.IsZero() && !f.endsAt.IsZero() && f.o.ClockTrusted() {
		s.Expires = f.o.Now().Add(time.Until(f.endsAt)).UTC().Truncate(time.Second)
	}
	if f.fault != nil {
		s.Problem, s.LastError = f.fault.Problem, f.fault.Sentence
	}
	return s
}

func (f *FetchedToken) usable() bool {
	return !f.have.access.Empty() && !f.refused && (f.endsAt.IsZero() || time.Now().Before(f.endsAt))
}

// notice sees new credentials and a clock that has become good.
func (f *FetchedToken) notice() {
	if f.running != nil {
		return
	}
	if f.issuer.replaced() {
		f.next, f.renewAt = time.Time{}, time.Now()
		f.failures, f.near, f.streak = 0, 0, 0
	}
	if f.endsAt.IsZero() && !f.have.span.ends.IsZero() && f.o.ClockTrusted() {
		f.schedule()
	}
	if f.fault != nil && f.fault.Problem == ProblemTokenNotSaved {
		if err := f.issuer.saveAgain(); err == nil {
			f.o.Log.Info("the login is saved again", "event", "token.saved", "source", f.issuer.kind())
			f.fault = nil
		}
	}
}

func (f *FetchedToken) startIfDue() {
	due := f.refused || f.have.access.Empty() || !f.renewAt.IsZero() && !time.Now().Before(f.renewAt)
	if due && f.running == nil && !time.Now().Before(f.next) {
		f.start()
	}
}

// start begins one request. The goroutine ends within fetchLimit.
func (f *FetchedToken) start() {
	ctx, cancel := context.WithTimeout(context.Background(), fetchLimit)
	done := make(chan struct{})
	f.running, f.cancel = done, cancel
	go func() {
		defer cancel()
		at := time.Now()
		r := newRequest(f.o)
		got, err := f.issuer.issue(ctx, r)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.running = nil
		close(done)
		f.next = at.Add(fetchGap)
		if err != nil {
			f.failed(r.fault(err), r.reached.Load(), at)
			return
		}
		f.succeeded(got, r.saveFault)
	}()
}

func (f *FetchedToken) succeeded(got issued, saveFault *TokenError) {
	level := slog.LevelDebug
	if f.failures > 0 || f.have.access.Empty() || f.refused {
		level = slog.LevelInfo
	}
	args := []any{"event", "token.renewed", "source", f.issuer.kind(), "token", got.access.Fingerprint(), "count", f.failures}
	if !got.span.ends.IsZero() {
		args = append(args, "exp", got.span.ends)
	}
	f.o.Log.Log(context.Background(), level, "there is a new access token", args...)
	f.failures, f.near = 0, 0
	f.take(got)
	f.fault = saveFault
	if saveFault != nil {
		f.o.Log.Error(saveFault.Sentence, "event", "token.save-failed", "code", saveFault.Problem, "source", f.issuer.kind())
	}
}

// take makes got the present token.
func (f *FetchedToken) take(got issued) {
	f.have, f.refused = got, false
	f.renewAt, f.endsAt = time.Time{}, time.Time{}
	f.schedule()
}

func (f *FetchedToken) schedule() {
	since := time.Since(f.have.at)
	life := lifeOf(f.have.expiresIn, f.have.span, f.o.Now().Add(-since), f.o.ClockTrusted())
	if life == 0 {
		return
	}
	f.endsAt = f.have.at.Add(life)
	f.renewAt = f.have.at.Add(renewAfter(life, f.o.Rand()))
}

// failed notes a request that brought no token. One that reached no server
// costs nobody anything and is repeated sooner: the network may be just coming
// up.
func (f *FetchedToken) failed(e *TokenError, reached bool, at time.Time) {
	wait := e.Wait
	e.Wait = 0
	switch {
	case e.Person && !reached: // something here: looking again costs nobody anything
		f.next = at
		f.holdOff(wait, credentialPoll)
	case e.Person:
		f.holdOff(wait, refusedMin+time.Duration(f.o.Rand()*float64(refusedMax-refusedMin)))
	case reached:
		f.holdOff(wait, f.jitter(fetchGap, f.failures))
	default:
		f.next = at
		f.holdOff(backoffFloor, f.jitter(nearCap, f.near))
		f.near++
	}
	f.failures++
	// Changes only: the link reports what keeps it from connecting.
	if f.fault == nil || f.fault.Problem != e.Problem {
		f.o.Log.Warn("no new access token: "+e.Sentence, "event", "token.failed", "code", e.Problem, "source", f.issuer.kind(),
			"next_s", int(time.Until(f.next).Seconds()))
	}
	f.fault = e
}

// jitter is uniform up to a ceiling that has doubled n times.
func (f *FetchedToken) jitter(base time.Duration, n int) time.Duration {
	ceiling := base << min(n, 10)
	return time.Duration(f.o.Rand() * float64(min(ceiling, fetchCap)))
}

// holdOff puts the next request off to the longer of two waits from now, never
// forward.
func (f *FetchedToken) holdOff(a, b time.Duration) {
	if at := time.Now().Add(max(a, b)); at.After(f.next) {
		f.next = at
	}
}

// why explains why there is no token for another wait.
func (f *FetchedToken) why(wait time.Duration) *TokenError {
	e := TokenError{Problem: ProblemTokenServer, Sentence: "the access token has ended, and a new one may not be asked for yet"}
	switch {
	case f.fault != nil && f.fault.Problem != ProblemTokenNotSaved:
		e = *f.fault
	case f.refused:
		e = TokenError{Problem: ProblemAuthRejected, Sentence: "the server refuses the access token it was just given", Person: f.streak > 1}
	}
	e.Wait = max(wait, time.Millisecond)
	return &e
}
