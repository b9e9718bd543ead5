package buffer

import (
	"path/filepath"
	"strconv"
	"strings"
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

// pad is a record of about 400 bytes.
func pad(i int) []byte {
	return []byte(`{"i":` + strconv.Itoa(i) + `,"pad":"` + strings.Repeat("0", 380+i%20) + `"}`)
}

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

// TestThinKeepsTheWholeSpan: however often a queue is filled, its oldest readings
// are there, thinned, and the newest and all events as they were; resolution
// falls with age step by step, and the files stay few.
func TestThinKeepsTheWholeSpan(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(filepath.Join(dir, "q"))
		o.MaxSize, o.tune = 4<<20, thinSizes()
		q := mustOpen(t, o)
		dev, _ := q.Device("dev")
		const once = 7500 // readings that fill it
		events, done := 0, 0
		fillings := []int{2, 5, 10}
		switch {
		case testing.Short():
			fillings = fillings[:1]
		case sampled():
			fillings = fillings[:2]
		}
		for _, times := range fillings {
			events += steady(t, q, dev, done, times*once-done, 3)
			done = times * once
			c, s := checkLedger(t, q), q.Stats()
			if s.Bytes > o.MaxSize || c.Read != uint64(done) || c.Lost["full"] == 0 || c.Waiting+c.Lost["full"] != uint64(done) {
				t.Errorf("%+v %+v", c, s)
			}
			left, gap := resolution(t, q)
			t.Logf("filled %d times: level %d, at most %d apart, %d left in %d files, %.2f bytes written for one given back",
				times, s.Level, gap, c.Waiting, s.Segments, float64(s.ThinWritten)/float64(s.ThinShed))
			if left != events {
				t.Errorf("%d of %d events are left", left, events)
			}
			if gap > 1<<s.Level || s.Level > map[int]int{2: 3, 5: 5, 10: 7}[times] || s.Segments > 42 || s.ThinWritten > 2*s.ThinShed {
				t.Errorf("filled %d times: neighbours are %d apart at level %d, %+v", times, gap, s.Level, s)
			}
			falling(t, q)
		}
		mustClose(t, q)
	})
}

// resolution drains the queue without acknowledging: the events, and how many
// original readings a stream's neighbours are apart at most.
func resolution(t *testing.T, q *Queue) (events, gap int) {
	t.Helper()
	at, _ := q.Bounds()
	last := map[uint32]uint64{}
	for {
		first, got, err := q.Read(at, 30_000, 200)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			if _, err := q.Rewind(); err != nil {
				t.Fatal(err)
			}
			return events, gap
		}
		for i, e := range got {
			n := first + uint64(i)
			if e.Class == 1 {
				events++
				continue
			}
			if l := last[e.Stream]; l > 0 {
				between := 0 // a stream has every third number, and every 50th is an event
				for k := l + 3; k <= n; k += 3 {
					if k%50 != 0 {
						between++
					}
				}
				gap = max(gap, between)
			}
			last[e.Stream] = n
		}
		at = first + uint64(len(got))
	}
}

// falling: levels fall from old to new, each by one at most.
func falling(t *testing.T, q *Queue) {
	t.Helper()
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, s := range q.segs[1:] {
		if was := q.segs[i].level; s.level > was || was > s.level+1 {
			t.Errorf("level %d after level %d", s.level, was)
		}
	}
}
