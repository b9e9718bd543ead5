package uplink

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// stubIssuer counts how often it is asked, at what times.
type stubIssuer struct {
	give func(n int) (issued, error) // of the n-th time, from 1

	mu    sync.Mutex
	asked []time.Time
	fresh bool
}

func (s *stubIssuer) kind() string     { return "stub" }
func (s *stubIssuer) saveAgain() error { return nil }

func (s *stubIssuer) replaced() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.fresh
	s.fresh = false
	return was
}

func (s *stubIssuer) replace() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fresh = true
}

func (s *stubIssuer) issue(_ context.Context, r *request) (issued, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, time.Now())
	r.reached.Store(true)
	got, err := s.give(len(s.asked))
	got.at = time.Now()
	return got, err
}

func (s *stubIssuer) times() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Time(nil), s.asked...)
}

// busiestHour is the most requests in any hour.
func busiestHour(times []time.Time) int {
	most, from := 0, 0
	for i, t := range times {
		for t.Sub(times[from]) > time.Hour {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

// signedFor makes a JWT with these times; zero leaves one out.
func signedFor(tb testing.TB, n int, made, ends time.Time) string {
	tb.Helper()
	claims := jwt.MapClaims{"n": n}
	if !made.IsZero() {
		claims["iat"] = made.Unix()
	}
	if !ends.IsZero() {
		claims["exp"] = ends.Unix()
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte("key"))
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// A token is renewed at exp - max(60 s, a fifth) - up to 30 s: Changed says so
// only when the next one is there, and Token never waits meanwhile.
func TestRenewalAheadOfTheEnd(t *testing.T) {
	for life, want := range map[time.Duration]time.Duration{
		time.Hour:        time.Hour - 12*time.Minute - 15*time.Second,
		24 * time.Hour:   24*time.Hour - 24*time.Hour/5 - 15*time.Second,
		5 * time.Minute:  5*time.Minute - 75*time.Second,
		90 * time.Second: 45 * time.Second, // not before the middle
		20 * time.Second: 30 * time.Second, // and not before fetchGap
	} {
		t.Run(life.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stubIssuer{give: func(n int) (issued, error) {
					return issued{access: NewSecret(fmt.Sprint("token-", n)), expiresIn: life}, nil
				}}
				f := newFetched(s, Options{Rand: func() float64 { return 0.5 }})
				if got, err := f.Token(t.Context()); err != nil || got.Reveal() != "token-1" || f.Changed() {
					t.Fatalf("%q %v", got.Reveal(), err)
				}
				time.Sleep(want - time.Millisecond)
				if f.Changed() || len(s.times()) != 1 {
					t.Fatal("renewed too early")
				}
				time.Sleep(time.Millisecond)
				f.Changed()
				synctest.Wait()
				if !f.Changed() || len(s.times()) != 2 {
					t.Fatalf("changed %v, asked %d times", f.Changed(), len(s.times()))
				}
				if got, err := f.Token(t.Context()); err != nil || got.Reveal() != "token-2" || f.Changed() {
					t.Errorf("%q %v", got.Reveal(), err)
				}
			})
		})
	}
}

// Whatever the wall clock does, whatever the token server answers and however
// often the link asks, polls and reports refusals: never more than 120 requests
// an hour, which is one in 30 s.
func TestNoStormOfRequests(t *testing.T) {
	truth := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	stub := func(tb testing.TB, expiresIn time.Duration, made, ends func(int) time.Time) func(int) (issued, error) {
		return func(n int) (issued, error) {
			text := fmt.Sprint("opaque-", n)
			if ends != nil {
				text = signedFor(tb, n, made(n), ends(n))
			}
			return issued{access: NewSecret(text), expiresIn: expiresIn, span: readLifespan(text)}, nil
		}
	}
	at := func(d time.Duration) func(int) time.Time {
		return func(n int) time.Time { return truth.Add(d) }
	}
	never := func(int) time.Time { return time.Time{} }
	answers := map[string]struct {
		give func(int) (issued, error)
		most int
	}{
		"an hour":       {stub(t, time.Hour, nil, nil), 3},
		"opaque":        {stub(t, 0, nil, nil), 1},
		"a second":      {stub(t, time.Second, nil, nil), 121},
		"JWT":           {stub(t, 0, at(0), at(time.Hour)), 3},
		"no iat":        {stub(t, 0, never, at(time.Hour)), 121},
		"long dead":     {stub(t, 0, at(-20*time.Hour), at(-19*time.Hour)), 3},
		"dead, no iat":  {stub(t, 0, never, at(-time.Hour)), 121},
		"ends before":   {stub(t, 0, at(0), at(-time.Hour)), 1},
		"server is ill": {func(int) (issued, error) { return issued{}, errors.New("500") }, 121},
		"refuses us": {func(int) (issued, error) {
			return issued{}, tokenFault(ProblemTokenRefused, true, "no")
		}, 13},
	}
	clocks := map[string]struct {
		now     func(time.Duration) time.Time
		trusted bool
	}{
		"right":          {func(d time.Duration) time.Time { return truth.Add(d) }, true},
		"1970":           {func(d time.Duration) time.Time { return time.Unix(100, 0).Add(d) }, false},
		"1970, believed": {func(d time.Duration) time.Time { return time.Unix(100, 0).Add(d) }, true},
		"2099, believed": {func(d time.Duration) time.Time { return time.Unix(4e9, 0).Add(d) }, true},
		"steps":          {func(d time.Duration) time.Time { return truth.Add(d).AddDate(int(d/(20*time.Minute))%5-2, 0, 0) }, true},
	}
	for an, a := range answers {
		for cn, c := range clocks {
			for _, refusing := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					began := time.Now()
					s := &stubIssuer{give: a.give}
					f := newFetched(s, Options{
						Now: func() time.Time { return c.now(time.Since(began)) }, ClockTrusted: func() bool { return c.trusted },
						Rand: func() float64 { return 0 }, // no luck with the jitter
					})
					for range 2 * 360 { // hours of polling every 10 s
						f.Changed()
						if got, err := f.Token(t.Context()); err == nil && refusing {
							f.Refused(got)
						}
						time.Sleep(10 * time.Second)
						synctest.Wait()
					}
					most := busiestHour(s.times())
					if most > 121 || !refusing && most > a.most {
						t.Errorf("answer %q, clock %q, refusing %v: %d requests in an hour", an, cn, refusing, most)
					}
					for i, at := range s.times() {
						if i > 0 && at.Sub(s.times()[i-1]) < fetchGap {
							t.Fatalf("answer %q, clock %q: two requests within %v", an, cn, at.Sub(s.times()[i-1]))
						}
					}
				})
			}
		}
	}
}

// A server that refuses each new token: the first time another is fetched at
// once, then more and more slowly, and a person is called.
func TestRefusedTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stubIssuer{give: func(n int) (issued, error) {
			return issued{access: NewSecret(fmt.Sprint("token-", n)), expiresIn: time.Hour}, nil
		}}
		f := newFetched(s, Options{Rand: func() float64 { return 0.999 }})
		first, _ := f.Token(t.Context())
		time.Sleep(time.Minute)
		f.Refused(NewSecret("another")) // which is not the present one
		if again, err := f.Token(t.Context()); err != nil || again != first {
			t.Errorf("%v %v", again == first, err)
		}
		f.Refused(first)
		f.Refused(first)
		second, err := f.Token(t.Context())
		if err != nil || second == first {
			t.Fatalf("after a refusal: the same token again, %v", err)
		}
		f.Refused(second)
		_, err = f.Token(t.Context())
		var tokenErr *TokenError
		if !errors.As(err, &tokenErr) || tokenErr.Problem != ProblemAuthRejected || !tokenErr.Person || tokenErr.Wait < fetchGap {
			t.Fatalf("refused twice: %+v", err)
		}
		for range 720 {
			if got, err := f.Token(t.Context()); err == nil {
				f.Refused(got)
			}
			time.Sleep(5 * time.Second)
		}
		if n := len(s.times()); n > 20 {
			t.Errorf("%d requests in an hour of refusals", n)
		}
		// A token that was good for long and is refused then is no such case.
		s.replace()
		good, err := f.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Minute)
		f.Revoke()
		if next, err := f.Token(t.Context()); err != nil || next == good {
			t.Errorf("after a revocation: %v", err)
		}
	})
}

// Credentials replaced by hand end a wait of minutes.
func TestReplacedCredentialsEndAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stubIssuer{give: func(n int) (issued, error) {
			if n == 1 {
				return issued{}, tokenFault(ProblemTokenRefused, true, "no")
			}
			return issued{access: NewSecret("good")}, nil
		}}
		f := newFetched(s, Options{})
		_, err := f.Token(t.Context())
		var tokenErr *TokenError
		if !errors.As(err, &tokenErr) || tokenErr.Wait < refusedMin || f.State().Problem != ProblemTokenRefused {
			t.Fatalf("%+v, state %+v", tokenErr, f.State())
		}
		time.Sleep(time.Second)
		s.replace()
		if f.Changed() {
			t.Error("nothing is there yet")
		}
		synctest.Wait()
		if !f.Changed() {
			t.Error("the new token is not told of")
		}
		if got, err := f.Token(t.Context()); err != nil || got.Reveal() != "good" || f.State().Problem != "" {
			t.Errorf("%q %v %+v", got.Reveal(), err, f.State())
		}
	})
}

// A request outlives those who wait for it, is not made twice, and Close ends
// it.
func TestRequestOutlivesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowIssuer{stubIssuer: stubIssuer{give: func(int) (issued, error) { return issued{access: NewSecret("late")}, nil }}}
		f := newFetched(s, Options{Log: slog.New(slog.DiscardHandler)})
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			if _, err := f.Token(ctx); err == nil {
				t.Error("a token before the server gave one")
			}
			cancel()
		}
		time.Sleep(6 * time.Second)
		if got, err := f.Token(t.Context()); err != nil || got.Reveal() != "late" || len(s.times()) != 1 {
			t.Errorf("%q %v after %d requests", got.Reveal(), err, len(s.times()))
		}
		f.Close(time.Second) // nothing is under way
		time.Sleep(time.Minute)
		f.Refused(NewSecret("late"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _ = f.Token(ctx)
		began := time.Now()
		f.Close(2 * time.Second)
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("Close took %v", took)
		}
	})
}

// slowIssuer takes 20 s, or until it is told to stop.
type slowIssuer struct{ stubIssuer }

func (s *slowIssuer) issue(ctx context.Context, r *request) (issued, error) {
	got, err := s.stubIssuer.issue(ctx, r)
	select {
	case <-ctx.Done():
		return issued{}, ctx.Err()
	case <-time.After(20 * time.Second):
	}
	return got, err
}

// A clock that becomes good later gives a schedule to a token that only says
// when it ends.
func TestScheduleWaitsForAClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trusted := false
		ends := time.Now().Add(2 * time.Hour)
		s := &stubIssuer{give: func(n int) (issued, error) {
			text := signedFor(t, n, time.Time{}, ends)
			return issued{access: NewSecret(text), span: readLifespan(text)}, nil
		}}
		f := newFetched(s, Options{ClockTrusted: func() bool { return trusted }, Rand: func() float64 { return 0 }})
		_, _ = f.Token(t.Context())
		time.Sleep(time.Hour)
		if f.Changed(); !f.renewAt.IsZero() {
			t.Error("a schedule without a clock")
		}
		trusted = true
		f.Changed()
		if want := ends.Add(-24 * time.Minute); !f.renewAt.Equal(want) || !f.endsAt.Equal(ends) {
			t.Errorf("renewed at %v, want %v; ends %v", f.renewAt, want, f.endsAt)
		}
	})
}

func encodeSegment(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
