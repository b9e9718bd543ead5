package uplink

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portti/uplink/uplinktest"
)

// judged is a queue that lets go of a record only if the server has it.
type judged struct {
	*fakeSource
	led   *ledger
	wrong atomic.Int64
}

func (j *judged) Ack(from, through uint64) error {
	j.led.mu.Lock()
	for n := from; n <= through; n++ {
		if j.led.got[n] == 0 {
			j.wrong.Add(1)
		}
	}
	j.led.mu.Unlock()
	return j.fakeSource.Ack(from, through)
}

// confused is a server that has processed k messages and says what it likes:
// the truth, the truth twice, something older, something nobody can have sent,
// nothing, or junk that looks like it.
func confused(w *wire, rnd *rand.Rand, format string, k, first uint64) {
	say := func(n uint64) { w.text(format, n) }
	switch rnd.IntN(9) {
	case 0:
		say(k)
		say(k)
	case 1:
		say(k)
		say(first + rnd.Uint64N(k-first+1)) // older, after the newer one
	case 2: // late: the next one covers it
	case 3:
		w.text(`{"ack":-1}`)
		w.text(`{"ack":1e99}`)
		w.text(`{"ack":"%d"}`, k+1)
		w.text(`[{"ack":%d}]`, k+1)
		say(k)
	case 4:
		_ = w.send(fin|opPong, []byte("portti:00000000:1"))
		_ = w.send(fin|opPong, fmt.Appendf(nil, "portti:%08x:%d", rnd.Uint32(), k))
		say(k)
	default:
		say(k)
	}
}

// Row 48: repeated, old, unordered, unknown and impossible acknowledgements, at
// random: no record is let go before the server has it, and all arrive.
func TestConfusedAcknowledgements(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 48))
			led := newLedger()
			w := start(t, Options{Ack: AckCount, MaxBatchMessages: 1 + rnd.IntN(20), Rand: func() float64 { return 0.1 }}, func(n int, w *wire) {
				if w.accept() != nil {
					return
				}
				rnd := rand.New(rand.NewPCG(seed, uint64(n)))
				lies, dies := n%3 == 1, n < 12
				k := uint64(0)
				w.pump(func(text []byte) bool {
					if dies && rnd.IntN(15) == 0 {
						w.conn.(*uplinktest.Conn).Reset()
						return false
					}
					if k++; lies && dies && rnd.IntN(20) == 0 {
						w.text(`{"ack":%d}`, k+1+rnd.Uint64N(1<<40)) // what it was never sent
					}
					led.process(text)
					confused(w, rnd, `{"ack":%d}`, k, 1)
					return true
				})
			})
			j := &judged{fakeSource: w.src, led: led}
			w.src.add(400)
			ctx, stop := context.WithCancel(t.Context())
			w.stop = stop
			go func() { w.done <- w.link.Run(ctx, j) }()
			for range 60 {
				time.Sleep(time.Minute)
				w.src.add(2)
			}
			for i := 0; i < 60 && w.src.count(waiting) > 0; i++ {
				time.Sleep(time.Minute)
			}
			synctest.Wait()
			if n := j.wrong.Load(); n > 0 {
				t.Errorf("seed %d: %d records were let go that the server did not have", seed, n)
			}
			if n := w.src.count(waiting); n > 0 {
				t.Errorf("seed %d: %d of 520 still wait; %+v", seed, n, w.link.Status())
			}
			led.check(t, 520)
			w.end()
		})
	}
}
