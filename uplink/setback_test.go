package uplink

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// forgetful is a receiver that says, connection by connection, up to where it
// has everything, acknowledges what comes, and hangs up after a minute.
func forgetful(t *testing.T, before func(n int, w *wire)) func(n int, w *wire) {
	return func(n int, w *wire) {
		if err := w.acceptEnvelope(); err != nil {
			t.Error(err)
			return
		}
		before(n, w)
		defer time.AfterFunc(time.Minute, func() { w.close(1012, "") }).Stop()
		disk := newVault()
		w.pump(func(text []byte) bool {
			b, through := disk.store(t, text)
			w.text(`{"type":"ack","epoch":%q,"through":%d}`, b.Epoch, through)
			return true
		})
	}
}

// Row 78: a receiver was restored from an older copy. What it acknowledged and has not
// is named once, and counted again only when it loses more.
func TestResumeBelowWhatWasAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		said := map[int]int{2: 4, 3: 4, 4: 20, 5: 0}
		w := start(t, enveloped(Options{Rand: func() float64 { return 0 }}), forgetful(t, func(n int, w *wire) {
			if through, ok := said[n]; ok {
				w.text(`{"type":"resume","epoch":%q,"through":%d}`, testEpoch, through)
			}
		}))
		w.src.add(10)
		w.run()
		for n, want := range []Status{
			{},
			{Setbacks: 1, Setback: Setback{testEpoch, 5, 10}},
			{Setbacks: 1, Setback: Setback{testEpoch, 5, 10}}, // the same word again
			{Setbacks: 1, Setback: Setback{testEpoch, 5, 10}}, // has what came since
			{Setbacks: 2, Setback: Setback{testEpoch, 1, 20}},
		} {
			time.Sleep(30 * time.Second)
			synctest.Wait()
			if st := w.link.Status(); st.Setbacks != want.Setbacks || st.Setback != want.Setback || w.net.count() != n+1 {
				t.Errorf("connection %d (%d): %d setbacks, the last %+v", n+1, w.net.count(), st.Setbacks, st.Setback)
			}
			if n == 2 {
				w.src.add(10)
			}
			time.Sleep(30*time.Second + 10*time.Millisecond)
		}
		if n := w.logged("uplink.setback"); n != 2 {
			t.Errorf("logged %d times: %q", n, w.logs.lines())
		}
		if w.src.count(released) != 20 {
			t.Errorf("%d released", w.src.count(released))
		}
		w.end()
	})
}

// What a receiver may say without having lost anything.
func TestResumeThatIsNoSetback(t *testing.T) {
	for name, say := range map[string]func(n int, w *wire){
		"what it has":       func(n int, w *wire) { w.text(`{"type":"resume","epoch":%q,"through":10}`, testEpoch) },
		"another numbering": func(n int, w *wire) { w.text(`{"type":"resume","epoch":"0000000000000001","through":2}`) },
		"before a record that it refused": func(n int, w *wire) {
			if n == 1 {
				w.pump(func(text []byte) bool {
					w.text(`{"type":"nack","epoch":%q,"seq":5,"code":"invalid","retry":false}`, testEpoch)
					w.text(`{"type":"ack","epoch":%q,"through":10}`, testEpoch)
					return false
				})
				return
			}
			w.text(`{"type":"resume","epoch":%q,"through":4}`, testEpoch)
		},
		"made before an acknowledgement": func(n int, w *wire) {
			w.pump(func(text []byte) bool {
				w.text(`{"type":"ack","epoch":%q,"through":10}`, testEpoch)
				time.Sleep(time.Second)
				w.text(`{"type":"resume","epoch":%q,"through":3}`, testEpoch)
				return n != 1
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := start(t, enveloped(Options{Rand: func() float64 { return 0 }}), forgetful(t, func(n int, w *wire) {
					if n > 1 || name[0] == 'b' || name[0] == 'm' {
						say(n, w)
					}
				}))
				w.src.add(10)
				w.run()
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				if st := w.link.Status(); st.Setbacks != 0 || w.net.count() < 2 {
					t.Errorf("%d connections, %d setbacks: %+v", w.net.count(), st.Setbacks, st.Setback)
				}
				w.end()
			})
		})
	}
}

// Each lane has a numbering of its own.
func TestResumeOfTheFreshLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fresh := partEpoch(1)
		w := start(t, enveloped(Options{Order: OrderFreshFirst, DrainRate: 1000, Rand: func() float64 { return 0 }}), forgetful(t, func(n int, w *wire) {
			if n == 2 {
				w.text(`{"type":"resume","epoch":%q,"through":503}`, fresh)
			}
		}))
		w.src.add(500)
		w.run()
		time.Sleep(time.Second)
		w.src.add(7) // past a backlog that takes half a minute
		time.Sleep(90 * time.Second)
		synctest.Wait()
		if st := w.link.Status(); st.Setbacks != 1 || st.Setback != (Setback{fresh, 504, 507}) || st.Connects != 2 {
			t.Errorf("%d connections, %d setbacks, the last %+v", st.Connects, st.Setbacks, st.Setback)
		}
		w.end()
	})
}

func TestPromisesAreBounded(t *testing.T) {
	p := promises{}
	for n := range uint64(10 * maxPromised) {
		p.of(fmt.Sprint(n)).nacked(n)
		p.of(testEpoch).nacked(n)
	}
	if len(p) > maxPromises || len(p.of(testEpoch).refused) > maxPromised {
		t.Errorf("%d numberings, %d refusals", len(p), len(p.of(testEpoch).refused))
	}
}
