package clock

import (
	"math/rand/v2"
	"testing"
)

// A month in the life of machines whose crystals are off by 100 ppm, told at random:
// the kernel is synchronised at times, receivers come and go and two of them lie, the
// server lies too, somebody sets the wall clock, the program is started again. The true
// time is always within what the clock says that it may be wrong by, and what it is read to;
// so is that of a fix that is sent with its own time.
func TestErrBoundsTheError(t *testing.T) {
	const slack = 3000 // a receiver is followed to a second, is late by some of one, and less than one is told as 0
	trusted, fixes := 0, 0
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 30))
		ppm := rng.Int64N(201) - 100
		s := newStage()
		s.sync() // something knows the time; else a receiver that lies alone is believed
		var kept belief
		var at int64
		truth := noon + s.mono - 600_000
		s.wall = truth
		pass := func(ms int64) {
			truth += ms
			s.pass(ms + ms*ppm/1_000_000)
		}
		lies := []int64{551 * day, -40 * day, 3 * year, 90_000, -20 * year}
		receivers := []*GNSS{s.GNSS("right"), s.GNSS("wrong"), s.GNSS("worse")}
		one := rng.IntN(len(lies))
		off := []int64{0, lies[one], lies[(one+1)%len(lies)]} // two that lie alike are believed
		check := func(what string, unix, err int64) {
			if far := apart(unix, truth); far > 1000*err+slack {
				t.Fatalf("seed %d, %d ppm, day %d: %s is off by %d ms and says %d s; source %s", seed, ppm, s.mono/day, what, far, err, s.Source())
			}
		}
		for s.mono < 30*day {
			switch rng.IntN(12) {
			case 0:
				s.why = "lost"
			case 1:
				if rng.IntN(20) == 0 {
					s.wall, s.why = truth, ""
				}
			case 2:
				s.wall, s.why = truth+rng.Int64N(4*day)-2*day, "set by hand"
			case 3:
				s.HearServer(truth+rng.Int64N(2*year)-year, s.mono, rng.Int64N(5000), false)
			case 4:
				s.HearServer(truth, s.mono, 1000, false)
			case 5: // the program is started again
				now := s.Now()
				old := s.Clock
				s.Clock = &Clock{built: old.built, read: old.read, ask: old.ask}
				if source := old.Source(); now.Trusted && source != SourceCarried { // as the gateway keeps it
					kept, at = belief{offset: now.Unix - now.Mono, err: now.Err + min(now.Err, 1)}, now.Mono
				}
				if now.Trusted {
					s.Remember(now.Unix - 1000*now.Err)
					s.Resume(kept.offset, kept.err, at)
				}
				for i, g := range receivers {
					receivers[i] = s.GNSS(g.claim.name)
				}
			default: // a receiver that lies is not alone: else nothing could tell
				which := rng.IntN(3)
				for range 2 + rng.IntN(5) {
					for _, i := range []int{0, which} {
						d, worst := receivers[i].Hear(truth+off[i], s.mono+rng.Int64N(300))
						if s.Now().Trusted && d == Sure {
							worst = max(worst, bound/1000+2*s.Now().Err) // it agrees with a clock that is off by so much
						}
						if d != Refused {
							check("a fix", truth+off[i], worst)
							fixes++
						}
					}
					pass(1000)
				}
			}
			pass([]int64{1000, 60_000, 3600_000, 12 * 3600_000}[rng.IntN(4)])
			if s.why == "" {
				s.wall = truth
			}
			if now := s.Now(); now.Trusted {
				trusted++
				check("the clock", now.Unix, now.Err)
			}
		}
	}
	if trusted < 1000 || fixes < 1000 {
		t.Errorf("trusted %d times, %d fixes: this tests little", trusted, fixes)
	}
}
