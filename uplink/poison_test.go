package uplink

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
)

// A server that closes with code whenever a frame holds a record it dislikes.
func picky(led *ledger, code int, bad func(text []byte) bool) func(int, *wire) {
	return func(_ int, w *wire) {
		if w.accept() != nil {
			return
		}
		w.pump(func(text []byte) bool {
			if bad(text) {
				w.close(code, "no")
				return false
			}
			led.process(text)
			return true
		})
	}
}

// Row 49: the one record that a server refuses for ever is found and set aside.
func TestPoisonIsFoundAndSetAside(t *testing.T) {
	for _, code := range []int{1007, 1011} {
		for _, hold := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				led := newLedger()
				poison := []uint64{77, 400, 401}
				rnd := rand.New(rand.NewPCG(1, uint64(code)))
				w := start(t, Options{Rand: rnd.Float64}, picky(led, code, func(text []byte) bool {
					return slices.ContainsFunc(numbers(text), func(n uint64) bool { return slices.Contains(poison, n) })
				}))
				w.src.hold = hold
				w.src.add(1000)
				w.src.seal()
				w.run()
				if err := <-w.done; err != nil {
					t.Fatal(err)
				}
				w.net.wg.Wait()
				led.check(t, 1000-len(poison))
				if len(w.src.quarantined) != 3 || w.src.quarantined[77] != QuarantineRejected || w.link.Status().Quarantined != 3 {
					t.Errorf("code %d: set aside %v", code, w.src.quarantined)
				}
				t.Logf("code %d, hold %v: %d connections", code, hold, w.net.count())
				w.stop()
			})
		}
	}
}

func TestTooBigHalvesAndRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		led := newLedger()
		w := start(t, Options{}, picky(led, 1009, func(text []byte) bool { return len(text) > 5000 }))
		w.src.add(300)
		giant := w.src.addRaw(append(record(0)[:20], bytes.Repeat([]byte("x"), 6000)...))
		w.src.add(300)
		w.src.seal()
		w.run()
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
		w.net.wg.Wait()
		led.check(t, 600)
		if len(w.src.quarantined) != 1 || w.src.quarantined[giant] != QuarantineTooBig {
			t.Errorf("set aside %v, want only %d", w.src.quarantined, giant)
		}
		// How often it is halved depends on what was in flight in addition to the giant.
		if st := w.link.Status(); st.Quarantined != 1 || st.TooBig != 1 {
			t.Errorf("%d set aside, %d for their size", st.Quarantined, st.TooBig)
		}
		if n := w.link.Status().BatchBytes; n > 5000 || n <= minBatchBytes {
			t.Errorf("learned a limit of %d bytes", n)
		}
		w.stop()
	})
}

// An innocent frame in flight with the one refused is never set aside.
func TestOnlyALoneFrameIsJudged(t *testing.T) {
	var s poison
	s.maxBytes = 30_000
	crowd := unprovenAtEnd{suspect: sentFrame{from: 5, end: 6}, frames: 3, largest: 200, through: 40}
	for range 100 {
		if _, quarantine := s.onEnd(causePayload, crowd); quarantine {
			t.Fatal("set aside though it was not alone")
		}
	}
	if !s.alone(39) || s.alone(40) {
		t.Error("up to record 40 frames must go one at a time")
	}
	alone := unprovenAtEnd{suspect: sentFrame{from: 5, end: 6}, frames: 1, largest: 200, through: 6}
	for i := 1; i <= payloadTries; i++ {
		if _, quarantine := s.onEnd(causePayload, alone); quarantine != (i == payloadTries) {
			t.Errorf("try %d: set aside %v", i, quarantine)
		}
	}
	if _, quarantine := s.onEnd(causeNone, alone); quarantine {
		t.Error("set aside without a cause")
	}
	if _, quarantine := s.onEnd(causePayload, unprovenAtEnd{}); quarantine {
		t.Error("set aside without anything in flight")
	}
}
