package uplink

import (
	"math/rand/v2"
	"testing"
	"time"
)

func newBackoff(r func() float64) *backoff {
	return &backoff{base: time.Second, cap: 300 * time.Second, spread: 30 * time.Second, rand: r}
}

const top = 1 - 1e-9

func about(d, want time.Duration) bool { return d > want-time.Millisecond && d <= want }

func TestEachClassCountsItsOwnAttempts(t *testing.T) {
	b := newBackoff(func() float64 { return top })
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300} {
		if d := b.retry(classNetwork, 0); !about(d, want*time.Second) {
			t.Errorf("attempt %d: %v, want %v", i, d, want*time.Second)
		}
	}
	for i, want := range []time.Duration{32, 32, 32, 32, 32, 32, 64} {
		if d := b.retry(classBusy, 0); !about(d, want*time.Second) {
			t.Errorf("busy attempt %d: %v, want %v", i, d, want*time.Second)
		}
	}
	if d := b.retry(classRefused, 0); !about(d, time.Second) {
		t.Errorf("classRefused begins at %v", d)
	}
	if d := b.park(); !about(d, 300*time.Second) {
		t.Errorf("parked for %v", d)
	}
	b.ended("", time.Minute)
	b.ended("", 2*time.Minute)
	if d := b.retry(classNetwork, 0); !about(d, time.Second) {
		t.Errorf("after reset %v", d)
	}
}

func TestDelaysStayInTheirBounds(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	b := newBackoff(rnd.Float64)
	for i := range 5000 {
		for _, c := range []struct {
			name     string
			d        time.Duration
			from, to time.Duration
		}{
			{"retry", b.retry(classNetwork, 0), backoffFloor, 300 * time.Second},
			{"floor", b.retry(classNetwork, 5*time.Second), 5 * time.Second, 300 * time.Second},
			{"park", b.park(), backoffFloor, 300 * time.Second},
			{"clock", b.clock(), 10 * time.Second, 60 * time.Second},
			{"after 100 s", b.after(100 * time.Second), 100 * time.Second, 121 * time.Second},
			{"after for ever", b.after(1e9 * time.Second), time.Hour, time.Hour + 12*time.Minute + time.Second},
			{"after the past", b.after(-time.Hour), backoffFloor, time.Second},
		} {
			if c.d < c.from || c.d > c.to {
				t.Fatalf("%s, round %d: %v is outside %v..%v", c.name, i, c.d, c.from, c.to)
			}
		}
		b.ended("", time.Hour)
		if d, ok := b.orderly(5 * time.Second); !ok || d < 5*time.Second || d > 30*time.Second {
			t.Fatalf("orderly: %v %v", d, ok)
		}
	}
}

// Row 46: the fleet of a site, 400 gateways, lose one server. Full
// jitter keeps the busiest second (95 attempts with this seed) far below all of them.
func TestAFleetDoesNotComeBackTogether(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	perSecond := map[int]int{}
	for range 400 {
		b := newBackoff(rnd.Float64)
		at := time.Duration(0)
		if d, ok := b.orderly(0); ok {
			at += d
		}
		for at < time.Minute { // the server is away for a minute
			perSecond[int(at/time.Second)]++
			at += b.retry(classNetwork, 0)
		}
	}
	for s, n := range perSecond {
		if n > 150 {
			t.Errorf("%d attempts in second %d", n, s)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		value string
		d     time.Duration
		ok    bool
	}{
		{"", 0, false},
		{"0", 0, true},
		{" 120\t", 2 * time.Minute, true},
		{"99999999999999999999999999", time.Hour, true},
		{"-5", 0, false},
		{"+5", 0, false},
		{"1.5", 0, false},
		{"soon", 0, false},
		{"\f5", 0, false},
		{"5\u00a0", 0, false},
		{"Fri, 01 May 2026 12:10:00 GMT", 10 * time.Minute, true},
		{"Friday, 01-May-26 12:10:00 GMT", 10 * time.Minute, true},
		{"Fri May  1 12:10:00 2026", 10 * time.Minute, true},
		{"Fri, 01 May 2026 11:00:00 GMT", 0, true},
		{"Fri, 01 May 2099 11:00:00 GMT", time.Hour, true},
	} {
		d, ok := retryAfter(c.value, now)
		if d != c.d || ok != c.ok {
			t.Errorf("%q: %v %v, want %v %v", c.value, d, ok, c.d, c.ok)
		}
	}
}
