package testbed

import (
	"math"
	"time"
)

// Device is a piece of hardware that exists only in software. It reads no
// clock: who runs it says what time it is. The same seed and the same calls
// give the same bytes. One goroutine at a time may use it.
type Device interface {
	// Append adds to dst what the device sends at now, and says when it wants
	// to be asked again. Times never go back.
	Append(dst []byte, now time.Time) (out []byte, next time.Time)
	// Hear takes what the reader wrote to the device.
	Hear(b []byte, now time.Time)
}

// noise gives values that look measured and are the same at every run: random
// points every period, joined by smooth curves.
type noise struct{ seed uint64 }

// at is between -1 and 1. Different streams of one seed are independent.
func (n noise) at(t time.Time, period time.Duration, stream uint64) float64 {
	ns := t.UnixNano()
	step := ns / int64(period)
	f := float64(ns%int64(period)) / float64(period)
	f = f * f * (3 - 2*f)
	a, b := n.point(step, stream), n.point(step+1, stream)
	return a + (b-a)*f
}

// point is the value of one step, between -1 and 1.
func (n noise) point(step int64, stream uint64) float64 {
	return float64(mix(n.seed^mix(uint64(step))^mix(stream<<32|0x5eed))>>11)/(1<<52) - 1
}

// mix is the finaliser of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// daily swings between -1 (05:00 UTC) and 1 (17:00 UTC).
func daily(t time.Time) float64 {
	s := float64(t.Unix()%86400) / 86400
	return -math.Cos(2 * math.Pi * (s - 5.0/24))
}

// ceil is the first multiple of step after now.
func ceil(now time.Time, step time.Duration) time.Time {
	return now.Truncate(step).Add(step)
}
