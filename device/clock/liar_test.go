package clock

import (
	"math/rand/v2"
	"testing"
)

// Stories at random: receivers and the kernel, when it is synchronised, tell the
// true time; somebody sets the wall clock as he likes, a second receiver is years
// off, and the server lies. Whatever happens in whatever order, a trusted time is
// right, trust once won stays but where one source alone contradicts another, and
// nothing steps but by what drifts.
func TestLiarsDoNotMoveTheClock(t *testing.T) {
	for seed := range uint64(1000) {
		rng := rand.New(rand.NewPCG(seed, 25))
		s := newStage()
		good, bad := s.GNSS("good"), s.GNSS("bad")
		lie := func() int64 { return (rng.Int64N(40) - 20) * year / 2 }
		wrong := lie() // of the second receiver
		trusted, last, source := false, Now{}, SourceNone
		for step := range 60 {
			switch rng.IntN(10) {
			case 0:
				s.wall, s.why = s.unix()+lie(), "set by hand"
			case 1:
				s.wall, s.why = s.unix(), ""
			case 2:
				s.why = "lost"
			case 3:
				s.HearServer(s.unix()+lie()+year/4, s.mono, rng.Int64N(6000), false)
			case 4:
				s.HearServer(s.unix()+rng.Int64N(2000)-1000, s.mono, 1000, false)
			case 5:
				s.Remember(s.unix() - rng.Int64N(year/24))
			case 6, 7:
				if wrong > bound || wrong < -bound {
					bad.Hear(s.unix()+wrong, s.mono)
				}
			default:
				good.Hear(s.unix(), s.mono+rng.Int64N(700))
			}
			s.pass([]int64{10, 700, 1000, 1000, 60_000}[rng.IntN(5)])
			now := s.Now()
			off := now.Unix - s.unix()
			switch {
			case trusted && !now.Trusted && source == SourceKernel:
				t.Fatalf("seed %d, step %d: trust was lost", seed, step)
			case now.Mono < last.Mono:
				t.Fatalf("seed %d, step %d: %+v after %+v", seed, step, now, last)
			case now.Trusted && apart(off, 0) > 2000 && s.Source() != SourceGNSS:
				t.Fatalf("seed %d, step %d: %d ms off by %s", seed, step, off, s.Source())
			case now.Trusted && apart(off, 0) > 2000 && apart(off, wrong) > 2000:
				t.Fatalf("seed %d, step %d: %d ms off, which nobody said", seed, step, off)
			}
			trusted, last, source = now.Trusted, now, s.Source()
		}
	}
}
