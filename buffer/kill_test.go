package buffer

import (
	"math/rand"
	"testing"
	"testing/synctest"
	"time"
)

// TestCountsOverAKill: what a kill makes fall is what was read and never committed:
// read, and what of it was acknowledged in acked and accepted, by the same amount.
// What was lost, set aside or proven on disk never falls.
func TestCountsOverAKill(t *testing.T) {
	t.Parallel()
	fell := uint64(0)
	for _, seed := range chosen(t, 11, upTo(40)) {
		live, dead := fastDir(t), fastDir(t)
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewSource(int64(seed)))
			o := testOptions(live)
			o.tune = smallSizes()
			o.FenceHold = time.Duration(seed%2) * 30 * time.Second
			q := mustOpen(t, o)
			var devs []uint16
			for _, name := range []string{"gps", "panel"} {
				dev, _ := q.Device(name)
				devs = append(devs, dev)
			}
			for range 30 {
				appendN(t, q, devs[rnd.Intn(2)], 0, rnd.Intn(60))
				switch first, next := q.Bounds(); rnd.Intn(6) {
				case 0, 1, 2:
					if next > first {
						mustAck(t, q, first, first+uint64(rnd.Int63n(int64(next-first))))
					}
				case 3:
					if _, err := q.Rewind(); err != nil {
						t.Fatal(err)
					}
				case 4:
					if next > first {
						if err := q.Quarantine(next-1, "refused"); err != nil {
							t.Fatal(err)
						}
					}
				case 5:
					q.Lose(devs[0], "rate", 1+rnd.Intn(5))
				}
				time.Sleep(time.Duration(1001+rnd.Intn(20_000)) * time.Millisecond)
				if rnd.Intn(3) == 0 { // these are nowhere
					appendN(t, q, devs[0], 0, 5)
					_, next := q.Bounds()
					mustAck(t, q, next-3, next-1)
				}
				synctest.Wait()
				was, s := checkLedger(t, q), q.Stats()
				copyDir(t, live, dead)
				again := o
				again.Dir = dead
				p := mustOpen(t, again)
				now, a := checkLedger(t, p), p.Stats()
				if now.LostAll() != was.LostAll() || now.Quarantined != was.Quarantined {
					t.Errorf("seed %d: lost and set aside %+v, before %+v", seed, now, was)
				}
				gone := was.Read - now.Read
				unproven := s.WaitingMemory
				if s.Accepted-a.Accepted != gone-unproven || now.Acked+now.Waiting != was.Acked+was.Waiting-gone {
					t.Errorf("seed %d: %+v and %d accepted, before %+v and %d, %d of them in memory", seed, now, a.Accepted, was, s.Accepted, unproven)
				}
				fell += s.Accepted - a.Accepted
				mustClose(t, p)
			}
			mustClose(t, q)
		})
	}
	if fell == 0 {
		t.Error("nothing fell: the test shows little")
	}
}
