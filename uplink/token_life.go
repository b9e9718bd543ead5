package uplink

import (
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// What a token says about its own time decides when it is renewed and nothing
// else: it is not verified, and the server that takes it is the judge.

const (
	fetchGap     = 30 * time.Second // between two requests for a token, whatever happens
	renewMargin  = 60 * time.Second // a token is renewed this long before its end, or a fifth of its life
	renewSpread  = 30 * time.Second // and up to this much earlier, so that a fleet does not come at once
	maxTokenLife = 10 * 365 * 24 * time.Hour
)

// lifespan is when a token says that it was made and ends; zero where it does
// not say so.
type lifespan struct{ made, ends time.Time }

// readLifespan reads exp and iat of a JWT. Anything else has no lifespan.
func readLifespan(token string) lifespan {
	claims := jwt.MapClaims{}
	// An algorithm that is not known here is no error: nothing is verified.
	_, parts, _ := jwt.NewParser().ParseUnverified(token, claims)
	if len(parts) != 3 {
		return lifespan{}
	}
	var s lifespan
	if d, err := claims.GetExpirationTime(); err == nil && d != nil {
		s.ends = plausible(d.Time)
	}
	if d, err := claims.GetIssuedAt(); err == nil && d != nil {
		s.made = plausible(d.Time)
	}
	return s
}

// plausible drops times that no token means: their number was not a time.
func plausible(t time.Time) time.Time {
	if y := t.Year(); y < 1970 || y > 9999 {
		return time.Time{}
	}
	return t.UTC()
}

// lifeOf is how long a token lives from when it was asked for; 0 = not known.
// What the answer said counts first. Then the token's own times, of which only
// the difference is used: it does not depend on any clock here. The wall clock
// is asked last, and only when it is to be trusted.
func lifeOf(expiresIn time.Duration, s lifespan, now time.Time, trusted bool) time.Duration {
	switch {
	case expiresIn > 0:
		return min(expiresIn, maxTokenLife)
	case s.ends.IsZero():
		return 0
	case !s.made.IsZero():
		return min(max(s.ends.Sub(s.made), 0), maxTokenLife)
	case trusted:
		return min(max(s.ends.Sub(now), 0), maxTokenLife)
	}
	return 0
}

// lifeOfSeconds is a life as a server or a file gives it.
func lifeOfSeconds(n int64) time.Duration {
	return time.Duration(min(max(n, 0), int64(maxTokenLife/time.Second))) * time.Second
}

// renewAfter is when, in a life, the next token is asked for. random is in
// [0, 1). A short life is used to its middle at least, and fetchGap always
// passes.
func renewAfter(life time.Duration, random float64) time.Duration {
	margin := max(renewMargin, life/5) + time.Duration(random*float64(renewSpread))
	return max(life-margin, life/2, fetchGap)
}
