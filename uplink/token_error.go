package uplink

import (
	"fmt"
	"time"
)

// Problem codes of tokens, in addition to those in problem.go.
const (
	ProblemTokenServer   = "UP-TOKEN-SERVER"    // who gives out tokens cannot be reached or has a fault
	ProblemTokenRefused  = "UP-TOKEN-REFUSED"   // who gives out tokens refuses this gateway's credentials
	ProblemTokenLogin    = "UP-TOKEN-LOGIN"     // nobody has logged this gateway in
	ProblemTokenKey      = "UP-TOKEN-KEY"       // the key that signs tokens cannot be used
	ProblemTokenNotSaved = "UP-TOKEN-NOT-SAVED" // a new refresh token could not be written
)

// TokenError says why a TokenSource has no token now. It holds no secret.
type TokenError struct {
	Problem  string        // a code of the catalogue
	Sentence string        // for people
	Wait     time.Duration // until the source tries again by itself; 0: whenever it is asked
	Person   bool          // it will not pass without somebody doing something
}

func (e *TokenError) Error() string { return e.Sentence }

// finding is e as the link acts upon it.
func (e *TokenError) finding() finding {
	f := finding{endPolicy: endPolicy{kind: endFailure, do: actionRetry, problem: e.Problem, sentence: e.Sentence},
		retryAfter: e.Wait, hasRetry: e.Wait > 0, tokenless: true}
	switch {
	case e.Person:
		f.do, f.class = actionPark, classRefused
	case e.Problem == ProblemClockUnset:
		f.do, f.hasRetry = actionClock, false
	}
	return f
}

func tokenFault(problem string, person bool, format string, args ...any) *TokenError {
	return &TokenError{Problem: problem, Sentence: fmt.Sprintf(format, args...), Person: person}
}

// TokenState is what may be shown of a TokenSource and of the token it last
// had. It holds no secret.
type TokenState struct {
	Source      string    // "file", "client-credentials", "refresh-token", "login" or "jwt"
	Fingerprint string    // Secret.Fingerprint of the token; "" = none yet
	Expires     time.Time // as the token says, and so by the clock of who made it; zero = not known
	Made        time.Time // the same for when it was made
	Problem     string    // a code while it cannot be renewed, though the one in use may still be good
	LastError   string    // the sentence that goes with Problem
}

// TokenReporter is a TokenSource that can tell how it is. State may be called
// from any goroutine.
type TokenReporter interface {
	State() TokenState
}
