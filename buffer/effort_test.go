package buffer

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestEffortGrowsWithTheRecords: what a backlog costs to drain, by the number of
// operations: small acknowledgements, a hold and a fresh lane far ahead do not
// make it dearer than in proportion.
func TestEffortGrowsWithTheRecords(t *testing.T) {
	n := 10_000
	if sampled() {
		n = 3000
	}
	for _, mode := range []string{"small acks", "hold", "fresh lane"} {
		c := newBadDisk("")
		edit := func(o *Options) {
			o.Dir = fastDir(t)
			c.osFS = osFS{o.Dir}
			o.FS, o.tune = c, smallSizes()
			o.tune.numbers, o.tune.progress, o.tune.soft = 1<<20, 1000, blockSize
			if mode == "hold" {
				o.FenceHold = 30 * time.Second
			}
		}
		bubble(t, edit, func(t *testing.T, q *Queue, dev uint16) {
			for i := range n / 500 {
				appendN(t, q, dev, i*500, 500)
				time.Sleep(1100 * time.Millisecond)
			}
			synctest.Wait()
			segments := q.Stats().Segments
			before, _ := c.counts()
			at, reads := uint64(1), 0
			if mode == "fresh lane" {
				at = uint64(n)/2 + 1
			}
			for {
				first, recs, err := q.readRecords(at, 1000, 5)
				if err != nil {
					t.Fatal(err)
				}
				if len(recs) == 0 {
					if first, _ := q.Bounds(); mode != "fresh lane" || first > 1 {
						break
					}
					at = 1
					mustAck(t, q, 1, 1)
					continue
				}
				reads++
				at = first + uint64(len(recs))
				for k := range recs {
					mustAck(t, q, first+uint64(k), first+uint64(k))
				}
				if reads%100 == 0 {
					time.Sleep(time.Second)
					synctest.Wait()
					q.mu.Lock()
					spans := len(q.fates) + len(q.counted)
					steps := len(q.hold.steps)
					q.mu.Unlock()
					if spans > 4 || steps > 70 {
						t.Fatalf("%s: %d spans and %d steps to keep in mind", mode, spans, steps)
					}
				}
			}
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			if s := q.Stats(); s.Waiting != 0 || s.Segments > 1 || s.Bytes > 200<<10 {
				t.Errorf("%s: %d wait, %d segments, %d bytes left", mode, s.Waiting, s.Segments, s.Bytes)
			}
			calls, _ := c.counts()
			for op, n := range before {
				calls[op] -= n
			}
			opens, preads, updates, syncs := calls["open"]+calls["change"]+calls["create"], calls["read"], calls["commit"], calls["sync"]
			if opens > 4*segments+10 || preads > reads+20*segments+20 || updates > 10 || syncs > 2*segments+n/1000+10 {
				t.Errorf("%s: %d segments in %d reads took %d opens, %d reads of a file, %d commits, %d syncs", mode,
					segments, reads, opens, preads, updates, syncs)
			}
			for _, name := range segmentFiles(t, q.opt.Dir) {
				if strings.Contains(name, damagedInfix) {
					t.Error(name)
				}
			}
		})
	}
}
