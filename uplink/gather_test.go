package uplink

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestGather: at a rate at which each reading goes at once there are as many frames as
// readings and no delay, far above it there are at most a hundred frames a second, and
// a backlog is never held up.
func TestGather(t *testing.T) {
	for name, c := range map[string]struct {
		perSecond, least, most int
		delay                  time.Duration
	}{
		"slow":           {perSecond: 100, least: 1000, most: 1000},
		"fast":           {perSecond: 640, least: 100, most: 1300, delay: gatherFor},
		"slow and early": {perSecond: gatherFrom, least: 2000, most: 2000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, r, src := freshWorld(t, Options{}, AckFence, 1)
				w.link.o.Order = OrderFIFO
				var mu sync.Mutex
				frames, got, worst := 0, 0, time.Duration(0)
				added := map[uint64]time.Time{}
				r.seen = func(text []byte) {
					mu.Lock()
					defer mu.Unlock()
					frames++
					for _, n := range numbers(text) {
						got++
						worst = max(worst, time.Since(added[n]))
					}
				}
				w.runOn(src)
				defer w.end()
				time.Sleep(time.Second)
				const seconds = 10
				for range seconds * c.perSecond {
					time.Sleep(time.Second / time.Duration(c.perSecond))
					_, next := src.Bounds()
					mu.Lock()
					added[next] = time.Now()
					mu.Unlock()
					src.add(1)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				mu.Lock()
				defer mu.Unlock()
				if got != seconds*c.perSecond || frames < c.least || frames > c.most || worst > c.delay {
					t.Errorf("%d readings in %d frames, the slowest after %v", got, frames, worst)
				}
			})
		})
	}
	t.Run("backlog in small frames", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := start(t, Options{MaxBatchMessages: 2}, polite)
			w.src.add(4000)
			began := time.Now()
			w.run()
			defer w.end()
			for w.src.count(waiting) > 0 && time.Since(began) < time.Minute {
				time.Sleep(time.Millisecond)
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("2000 frames took %v", took)
			}
		})
	})
}
