package uplink

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portti/uplink/uplinktest"
)

// provenSource holds every acknowledgement against what the server has
// processed: a record that is released and was not is lost.
type provenSource struct {
	*fakeSource
	processed func(n uint64) bool
	lies      int
}

func (p *provenSource) Ack(from, through uint64) error {
	for n := from; n <= through; n++ {
		if !p.processed(n) {
			p.lies++
		}
	}
	return p.fakeSource.Ack(from, through)
}

// receiver is a server for every ack mode that keeps a ledger, dies at random
// and, with envelopes, passes over what is not above the highest number it has
// stored.
type receiver struct {
	t    *testing.T
	ack  string
	led  *ledger
	disk *vault

	mu     sync.Mutex
	rnd    *rand.Rand
	deadly int // one frame in so many; 0: none
	seen   func(text []byte)
}

func (r *receiver) fate() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.deadly == 0 {
		return -1
	}
	return r.rnd.IntN(r.deadly)
}

func (r *receiver) processed(n uint64) bool {
	r.led.mu.Lock()
	defer r.led.mu.Unlock()
	return r.led.got[n] > 0
}

// got is how many records were processed.
func (r *receiver) got() int {
	r.led.mu.Lock()
	defer r.led.mu.Unlock()
	return len(r.led.got)
}

func (r *receiver) serve(_ int, w *wire) {
	accept := w.accept
	if r.ack == AckEnvelope {
		accept = w.acceptEnvelope
	}
	if accept() != nil {
		return
	}
	frames := 0
	w.pump(func(text []byte) bool {
		if r.seen != nil {
			r.seen(text)
		}
		fate := r.fate()
		switch fate {
		case 0: // dies with it
			w.conn.(*uplinktest.Conn).Reset()
			return false
		case 1: // stumbles over it
			w.close(1011, "")
			return false
		case 2: // leaves in order, without it
			w.close(1001, "")
			return false
		}
		frames++
		if r.ack == AckEnvelope {
			b, through := r.store(text)
			if fate != 3 {
				w.text(`{"type":"ack","epoch":%q,"through":%d}`, b.Epoch, through)
			}
		} else {
			r.led.process(text)
			if r.ack == AckCount && fate != 3 {
				w.text(`{"ack":%d}`, frames)
			}
		}
		return fate != 3 // 3: processed, and dies before it says so
	})
}

// store is what a receiver of envelopes does, with the ledger told of what it
// really stored.
func (r *receiver) store(text []byte) (testBatch, uint64) {
	r.disk.mu.Lock()
	before := map[uint64]int{}
	for _, n := range numbers(text) {
		before[n] = r.disk.got[n]
	}
	r.disk.mu.Unlock()
	b, through := r.disk.store(r.t, text)
	r.disk.mu.Lock()
	r.led.mu.Lock()
	for n, k := range before {
		if r.disk.got[n] > k {
			r.led.got[n]++
		}
	}
	r.led.mu.Unlock()
	r.disk.mu.Unlock()
	return b, through
}

// freshWorld is a world whose server keeps to an ack mode and whose queue is
// held to it.
func freshWorld(t *testing.T, o Options, ack string, seed uint64) (*world, *receiver, *provenSource) {
	r := &receiver{t: t, ack: ack, led: newLedger(), disk: newVault(), rnd: rand.New(rand.NewPCG(seed, 1))}
	rnd := rand.New(rand.NewPCG(seed, 2))
	o.Order, o.Ack, o.Rand = OrderFreshFirst, ack, rnd.Float64
	if ack == AckEnvelope {
		o = enveloped(o)
	}
	w := start(t, o, r.serve)
	return w, r, &provenSource{fakeSource: w.src, processed: r.processed}
}

// runOn is world.run with a source around the world's own.
func (w *world) runOn(src Source) {
	ctx, stop := context.WithCancel(w.t.Context())
	w.stop = stop
	go func() { w.done <- w.link.Run(ctx, src) }()
}

// Breaks of every kind at any moment, new readings all the while, a backlog, in
// every mode with a proof: everything arrives, and nothing is released that the
// server did not process. Row 47: resumable.
func TestFreshFirstLosesNothing(t *testing.T) {
	for _, ack := range []string{AckFence, AckCount, AckEnvelope} {
		for _, hold := range []bool{false, true} {
			if hold && ack != AckFence {
				continue
			}
			for seed := range uint64(2) {
				t.Run(fmt.Sprintf("%s hold %v seed %d", ack, hold, seed), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { freshSimulation(t, ack, hold, seed) })
				})
			}
		}
	}
}

func freshSimulation(t *testing.T, ack string, hold bool, seed uint64) {
	w, r, src := freshWorld(t, Options{BackoffBase: time.Second, Spread: 2 * time.Second, MaxBatchMessages: 20}, ack, seed)
	r.deadly = 30
	src.hold = hold
	rnd := rand.New(rand.NewPCG(seed, 3))
	src.add(1_500)
	src.skip(7)
	src.add(500)
	total := 2_000
	w.runOn(src)
	for range 400 {
		n := rnd.IntN(4)
		src.add(n)
		total += n
		if rnd.IntN(20) == 0 {
			src.skip(uint64(rnd.IntN(3)))
		}
		time.Sleep(time.Duration(rnd.IntN(900)) * time.Millisecond)
	}
	r.mu.Lock()
	r.deadly = 0
	r.mu.Unlock()
	src.seal()
	if err := <-w.done; err != nil {
		t.Fatal(err)
	}
	w.net.wg.Wait()
	if n := r.got(); n != total {
		t.Errorf("%d records processed, want %d", n, total)
	}
	if src.lies > 0 {
		t.Errorf("%d records were released and not processed", src.lies)
	}
	if n := src.count(released); n != total || len(src.quarantined) > 0 {
		t.Errorf("%d of %d released, set aside %v", n, total, src.quarantined)
	}
	t.Logf("%d connections, %d records sent again", w.net.count(), w.link.Status().Resent)
	w.stop()
}

// A reading taken while a backlog of 100,000 is sent leaves behind one frame at
// most, and the backlog goes on next to it.
func TestFreshReadingWaitsForOneFrameAtMost(t *testing.T) {
	for _, ack := range []string{AckFence, AckCount, AckEnvelope, AckNone} {
		t.Run(ack, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				backlog := 20_000
				if ack == AckFence {
					backlog = 100_000
				}
				w, r, src := freshWorld(t, Options{AckDelay: time.Second}, ack, 1)
				w.net.rate = 200_000 // bytes a second
				w.net.room = 16 << 10
				var mu sync.Mutex
				taken := map[uint64]time.Time{} // number -> when it was appended
				var worst time.Duration
				behind := 0
				r.seen = func(text []byte) {
					mu.Lock()
					defer mu.Unlock()
					for _, n := range numbers(text) {
						at, live := taken[n]
						if !live {
							behind++
							continue
						}
						worst = max(worst, time.Since(at))
						delete(taken, n)
					}
				}
				src.add(backlog)
				w.runOn(src)
				time.Sleep(time.Second)
				for range 10 {
					mu.Lock()
					_, next := src.Bounds()
					taken[next] = time.Now()
					mu.Unlock()
					src.add(1)
					time.Sleep(300 * time.Millisecond)
				}
				synctest.Wait()
				mu.Lock()
				if len(taken) > 0 || behind >= backlog || behind == 0 {
					t.Errorf("%d readings not there yet, %d of the backlog", len(taken), behind)
				}
				// A frame of 30,000 bytes takes 150 ms on this line, the socket's buffer
				// holds half of one.
				if worst > 300*time.Millisecond {
					t.Errorf("a reading waited %v behind the backlog", worst)
				}
				t.Logf("worst %v, %d of the backlog sent", worst, behind)
				mu.Unlock()
				if st := w.link.Status(); !st.Backlog {
					t.Errorf("status %+v", st)
				}
				w.end()
			})
		})
	}
}

// With more that is new than the line carries the backlog still gets its share.
func TestBacklogGetsItsShare(t *testing.T) {
	for _, share := range []int{20, 50, 80} {
		synctest.Test(t, func(t *testing.T) {
			w, r, src := freshWorld(t, Options{BacklogShare: share, MaxBatchBytes: 3_000}, AckFence, 1)
			w.net.rate, w.net.room = 20_000, 2<<10
			old, fresh := 0, 0
			var mu sync.Mutex
			r.seen = func(text []byte) {
				mu.Lock()
				defer mu.Unlock()
				for _, n := range numbers(text) {
					if n <= 15_000 {
						old++
					} else {
						fresh++
					}
				}
			}
			src.add(15_000)
			w.runOn(src)
			for range 60 {
				src.add(400) // 70 bytes each: more than the line carries in a second
				time.Sleep(time.Second)
			}
			mu.Lock()
			got := 100 * float64(old) / float64(old+fresh)
			if got < float64(share)-3 || got > float64(share)+6 {
				t.Errorf("the backlog got %.1f %% of the readings, its share is %d", got, share)
			}
			mu.Unlock()
			w.end()
		})
	}
}

// Once the backlog is through there is one lane again, and the end of the queue
// is found by it.
func TestLanesMerge(t *testing.T) {
	for _, ack := range []string{AckFence, AckCount, AckEnvelope, AckNone} {
		t.Run(ack, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, r, src := freshWorld(t, Options{AckDelay: time.Second}, ack, 1)
				src.add(1_000)
				w.runOn(src)
				total := 1_000
				for range 20 {
					src.add(1)
					total++
					time.Sleep(3 * time.Second)
				}
				if st := w.link.Status(); st.Backlog || st.Resent != 0 || st.State != Online {
					t.Errorf("status %+v", st)
				}
				if ack == AckEnvelope {
					r.disk.mu.Lock()
					through := r.disk.through
					r.disk.mu.Unlock()
					if through[testEpoch] >= uint64(total) || through[partEpoch(1)] != uint64(total) {
						t.Errorf("%v of %d", through, total)
					}
				}
				src.seal()
				if err := <-w.done; err != nil {
					t.Fatal(err)
				}
				if n := r.got(); n != total || w.net.count() != 1 {
					t.Errorf("%d records by %d connections", n, w.net.count())
				}
				w.stop()
			})
		})
	}
}

// Poison in the backlog and in what is new is found and set aside, and nothing
// else is, while two lanes go.
func TestPoisonInBothLanes(t *testing.T) {
	for _, code := range []int{1007, 1011} {
		synctest.Test(t, func(t *testing.T) {
			led := newLedger()
			poison := []uint64{77, 400, 2_003, 2_050}
			w := start(t, Options{Order: OrderFreshFirst, BackoffBase: 100 * time.Millisecond}, picky(led, code, func(text []byte) bool {
				return slices.ContainsFunc(numbers(text), func(n uint64) bool { return slices.Contains(poison, n) })
			}))
			w.src.hold = true
			w.src.add(2_000)
			w.run()
			for range 100 {
				time.Sleep(200 * time.Millisecond)
				w.src.add(1)
			}
			w.src.seal()
			if err := <-w.done; err != nil {
				t.Fatal(err)
			}
			w.net.wg.Wait()
			if len(led.got) != 2_100-len(poison) || len(w.src.quarantined) != len(poison) {
				t.Errorf("code %d: %d processed, set aside %v", code, len(led.got), w.src.quarantined)
			}
			t.Logf("code %d: %d connections", code, w.net.count())
			w.stop()
		})
	}
}

// A backlog that is held back, as while its time is not known, holds back
// nothing that is new.
func TestHeldBacklogDoesNotStopTheFreshLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r, inner := freshWorld(t, Options{}, AckFence, 1)
		src := &heldBack{provenSource: inner, below: 501}
		src.add(500)
		w.runOn(src)
		synctest.Wait()
		for range 5 {
			src.add(1)
			time.Sleep(time.Second)
		}
		if n := r.got(); n != 5 {
			t.Errorf("%d readings arrived, want 5", n)
		}
		src.mu.Lock()
		src.below = 0
		src.poke()
		src.mu.Unlock()
		src.seal()
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
		if n := r.got(); n != 505 || src.lies > 0 {
			t.Errorf("%d readings arrived", n)
		}
		w.stop()
	})
}

// heldBack gives nothing below a number, as a healer that waits for the time.
type heldBack struct {
	*provenSource
	below uint64
}

func (h *heldBack) Read(from uint64, maxBytes, maxRecs int) (uint64, [][]byte, error) {
	first, recs, err := h.fakeSource.Read(from, maxBytes, maxRecs)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil && first < h.below {
		return first, nil, nil
	}
	return first, recs, err
}

// What surfaces behind the lanes is taken up, in order and without a repeat.
func TestSurfacingWithTwoLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		led := newLedger()
		w := start(t, Options{Order: OrderFreshFirst}, func(_ int, w *wire) {
			if w.accept() == nil {
				w.pump(func(text []byte) bool { led.process(text); return true })
			}
		})
		src := &surfacer{fakeSource: w.src}
		src.hold = true
		src.skip(50)
		src.add(300)
		w.runOn(src)
		synctest.Wait()
		src.add(3)
		time.Sleep(time.Second)
		src.surface(50)
		src.add(1)
		time.Sleep(time.Minute)
		src.seal()
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
		w.net.wg.Wait()
		for n, times := range led.got {
			if times != 1 {
				t.Errorf("record %d came %d times", n, times)
			}
		}
		if len(led.got) != 354 || src.rewinds > 0 {
			t.Errorf("%d records, %d rewinds", len(led.got), src.rewinds)
		}
		w.stop()
	})
}

// A resume that claims what was never sent before releases nothing of it.
func TestResumeBeyondTheConnectionsBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, enveloped(Options{Order: OrderFreshFirst}), func(_ int, w *wire) {
			if w.acceptEnvelope() != nil {
				return
			}
			time.Sleep(5 * time.Second)
			w.text(`{"type":"resume","epoch":%q,"through":%d}`, testEpoch, 120)
			w.pump(func([]byte) bool { return true })
		})
		w.src.add(100)
		w.run()
		synctest.Wait()
		w.src.add(30)
		time.Sleep(10 * time.Second)
		if n := w.src.count(released); n != 100 {
			t.Errorf("%d released, want the 100 of before the connection", n)
		}
		w.end()
	})
}

// Cuts are forgotten once the queue has released them, however long a link lasts.
func TestCutsDoNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{}, polite)
		w.run()
		for range 2_000 {
			w.src.add(1)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		w.end()
		if n := len(w.link.splits[laneMain].cuts); n > 200 {
			t.Errorf("%d cuts are remembered of 2,000 frames that were released", n)
		}
	})
}

func TestRowsCountWhatWasSentBefore(t *testing.T) {
	var b sentBefore
	for _, c := range []struct {
		in         lane
		first, end uint64
		again      uint64
	}{
		{laneMain, 1, 100, 0}, {laneFresh, 500, 501, 0}, {laneFresh, 501, 505, 0}, {laneMain, 100, 200, 0},
		{laneMain, 50, 250, 150}, {laneFresh, 700, 702, 0}, {laneMain, 250, 503, 3}, {laneMain, 503, 510, 2}, {laneMain, 699, 703, 2},
		{laneMain, 703, 710, 0}, {laneMain, 1, 710, 709},
	} {
		if got := b.note(c.in, c.first, c.end); got != c.again {
			t.Errorf("%d..%d: %d were sent before, want %d", c.first, c.end, got, c.again)
		}
	}
}

func TestFreshFirstSourceErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("disk on fire")
		w := start(t, Options{Order: OrderFreshFirst}, polite)
		w.src.add(10)
		w.src.failAck = broken
		w.run()
		if err := <-w.done; !errors.Is(err, broken) {
			t.Errorf("Run: %v", err)
		}
		w.stop()
		w.net.wg.Wait()
	})
}
