package buffer

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// thinSizes make files small enough that a hundred of them fill quickly.
func thinSizes() sizes {
	s := smallSizes()
	s.segment, s.commit, s.numbers, s.reuse = 128<<10, 16<<10, 1<<14, 64<<10
	return s
}

// pad is a record of about 200 bytes.
func pad(i int) []byte { return fmt.Appendf(nil, `{"i":%d,"pad":"%0*d"}`, i, 170+i%20, 0) }

// steady appends n readings of streams in turn, with an event after every 50.
func steady(t *testing.T, q *Queue, dev uint16, from, n, streams int) (events int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		class, stream := byte(0), uint32(i%streams)
		if i%50 == 49 {
			class = 1
			events++
		}
		if err := q.Append(class, dev, stream, pad(i)); err != nil {
			t.Fatal(i, err)
		}
		if i%100 == 99 {
			time.Sleep(1100 * time.Millisecond)
			synctest.Wait()
		}
	}
	time.Sleep(2 * time.Second)
	synctest.Wait()
	return events
}

// TestThinKeepsTheWholeSpan: after ten times what fits, the oldest readings are
// there, thinned, and all events.
func TestThinKeepsTheWholeSpan(t *testing.T) {
	small := func(o *Options) { o.MaxSize, o.tune = 4<<20, thinSizes() }
	bubble(t, small, func(t *testing.T, q *Queue, dev uint16) {
		const n = 140_000
		events := steady(t, q, dev, 0, n, 3)
		s := q.Stats()
		c := checkLedger(t, q)
		if s.Bytes > 4<<20 || c.Read != n || c.Lost["full"] == 0 || c.Waiting+c.Lost["full"] != n {
			t.Errorf("%+v %+v", c, s)
		}
		seen, gap := 0, 0
		at, _ := q.Bounds()
		last := map[uint32]uint64{}
		for {
			first, got, err := q.Entries(at, 30_000, 200)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) == 0 {
				break
			}
			for i, e := range got {
				num := first + uint64(i)
				if e.Class == 1 {
					seen++
					continue
				}
				if l := last[e.Stream]; l > 0 {
					gap = max(gap, int(num-l)/3)
				}
				last[e.Stream] = num
			}
			at = first + uint64(len(got))
		}
		var levels []int
		for _, g := range q.segs {
			levels = append(levels, int(g.level))
		}
		t.Logf("levels %v gap %d, written %d shed %d in %d, waiting %d, files %d, bytes %d", levels, gap, s.ThinWritten, s.ThinShed, s.Thinnings, c.Waiting, s.Segments, s.Bytes)
		if seen != events {
			t.Errorf("%d of %d events are left", seen, events)
		}
	})
}
