package uplink

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A backlog goes at its rate, in every mode and order, without any timeout
// taking that for a fault; and what is new does not wait for it with
// fresh-first. Row 47: rate-limited.
func TestDrainRate(t *testing.T) {
	for _, ack := range []string{AckFence, AckCount, AckEnvelope, AckNone} {
		for _, order := range []string{OrderFIFO, OrderFreshFirst} {
			t.Run(ack+" "+order, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					const rate, backlog = 2_000, 5_000 // some 70 bytes each: three minutes
					w, r, src := freshWorld(t, Options{DrainRate: rate, AckDelay: time.Second}, ack, 1)
					w.link.o.Order = order
					var mu sync.Mutex
					var last time.Time
					bytes, worst := 0, time.Duration(0)
					began := time.Now()
					late := map[uint64]time.Time{}
					r.seen = func(text []byte) {
						mu.Lock()
						defer mu.Unlock()
						for _, n := range numbers(text) {
							if at, live := late[n]; live {
								worst = max(worst, time.Since(at))
								return
							}
						}
						bytes += len(text)
						if last = time.Now(); float64(bytes) > rate*(last.Sub(began).Seconds()+2)+100 {
							t.Errorf("%d bytes of the backlog after %v", bytes, last.Sub(began))
						}
					}
					src.add(backlog)
					w.runOn(src)
					defer w.end()
					for range 60 {
						time.Sleep(time.Second)
						mu.Lock()
						_, next := src.Bounds()
						late[next] = time.Now()
						mu.Unlock()
						src.add(1)
					}
					if st := w.link.Status(); !st.Backlog || st.DrainRate != rate || st.State != Online {
						t.Errorf("status %+v", st)
					}
					time.Sleep(5 * time.Minute)
					synctest.Wait()
					if st := w.link.Status(); st.Backlog || st.Failures != 0 || st.Connects != 1 || st.LastError != "" {
						t.Errorf("status %+v", st)
					}
					if n := src.count(waiting); n > 0 {
						t.Errorf("%d records wait", n)
					}
					mu.Lock()
					defer mu.Unlock()
					if took := last.Sub(began).Seconds(); took < float64(bytes)/rate*0.9 || took > float64(bytes)/rate*1.15+2 {
						t.Errorf("%d bytes took %.0f s", bytes, took)
					}
					if order == OrderFreshFirst && worst > 100*time.Millisecond {
						t.Errorf("a new reading waited %v", worst)
					}
				})
			})
		}
	}
}

// A link that breaks all the time gets no more than one that lasts.
func TestDrainRateOutlivesConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bytes := 0
		var mu sync.Mutex
		w := start(t, Options{DrainRate: 1_000, BackoffBase: 10 * time.Millisecond}, func(_ int, w *wire) {
			if w.accept() != nil {
				return
			}
			w.pump(func(text []byte) bool {
				mu.Lock()
				defer mu.Unlock()
				bytes += len(text)
				return false
			})
		})
		w.src.add(1_000)
		w.run()
		time.Sleep(2 * time.Minute)
		mu.Lock()
		if bytes > 123_000 {
			t.Errorf("%d bytes in two minutes at 1,000 a second", bytes)
		}
		mu.Unlock()
		w.end()
	})
}

// The rate can be changed while a backlog goes.
func TestSetDrainRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Options{DrainRate: 100}, polite)
		w.src.add(5_000)
		w.run()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := w.src.count(released); n == 0 || n > 150 {
			t.Errorf("%d released at 100 bytes a second", n)
		}
		w.link.SetDrainRate(0)
		w.link.Wake()
		time.Sleep(time.Second)
		synctest.Wait()
		if n := w.src.count(released); n != 5_000 || w.link.Status().DrainRate != 0 {
			t.Errorf("%d released without a limit", n)
		}
		w.end()
	})
}

func TestDrainBucket(t *testing.T) {
	var d drain
	at := time.Now()
	if d.ready(0, at).After(at) || d.ready(100, at).After(at) {
		t.Error("a full bucket makes wait")
	}
	d.spend(100, 1_100) // overdrawn by 1,000
	if wait := d.ready(100, at).Sub(at); wait < 10*time.Second || wait > 10*time.Second+50*time.Millisecond {
		t.Errorf("waits %v for 1,000 bytes at 100 a second", wait)
	}
	if wait := d.ready(1_000_000, at.Add(time.Second)).Sub(at.Add(time.Second)); wait > 0 {
		t.Errorf("waits %v after a change of the rate", wait)
	}
	if n := drainFrame(100, 30_000); n != minDrainFrame {
		t.Errorf("frames of %d", n)
	}
	if n := drainFrame(1<<30, 30_000); n != 30_000 {
		t.Errorf("frames of %d", n)
	}
}
