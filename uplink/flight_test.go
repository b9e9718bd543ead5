package uplink

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestFlightProvesExactlyWhatWasSent(t *testing.T) {
	f := newFlight(256<<10, true)
	for _, fr := range []sentFrame{
		{from: 1, end: 4, bytes: 100}, {from: 4, end: 5, bytes: 20}, {from: 9, end: 12, bytes: 100},
		{from: 12, end: 13, bytes: 10}, {from: 13, end: 20, bytes: 300},
	} {
		f.push(fr)
	}
	var acks [][2]uint64
	ack := func(from, through uint64) error { acks = append(acks, [2]uint64{from, through}); return nil }
	if some, _ := f.prove(4, ack); !some {
		t.Fatal("nothing proven")
	}
	// Across the gap 5..8 the range is split: those numbers were never sent.
	if want := [][2]uint64{{1, 4}, {9, 12}}; len(acks) != 2 || acks[0] != want[0] || acks[1] != want[1] {
		t.Errorf("acks %v", acks)
	}
	if f.bytes != 300 || f.count() != 1 || f.limit != slowStart || f.written() != 5 {
		t.Errorf("%+v", f)
	}
	for _, n := range []uint64{0, 1, 4} {
		if some, _ := f.prove(n, ack); some {
			t.Errorf("proof %d twice", n)
		}
	}
	if some, _ := f.prove(1<<60, ack); !some || f.count() != 0 || f.bytes != 0 {
		t.Errorf("%+v", f)
	}
}

// Against a model that keeps everything.
func TestFlightAgainstAModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	f := newFlight(1<<20, true)
	var model []sentFrame
	proven, next := 0, uint64(1)
	at := time.Now()
	for range 20_000 {
		if rnd.IntN(3) > 0 {
			next += uint64(rnd.IntN(2))
			end := next + 1 + uint64(rnd.IntN(5))
			fr := sentFrame{from: next, end: end, bytes: rnd.IntN(100), at: at}
			at = at.Add(time.Millisecond)
			next = end
			f.push(fr)
			model = append(model, fr)
			continue
		}
		n := rnd.IntN(len(model) + 1)
		acked := map[uint64]bool{}
		_, _ = f.prove(uint64(n), func(from, through uint64) error {
			for k := from; k <= through; k++ {
				acked[k] = true
			}
			return nil
		})
		for ; proven < n; proven++ {
			for k := model[proven].from; k < model[proven].end; k++ {
				if !acked[k] {
					t.Fatalf("record %d of frame %d not acknowledged", k, proven+1)
				}
				delete(acked, k)
			}
		}
		if len(acked) > 0 {
			t.Fatalf("acknowledged beyond what was sent: %v", acked)
		}
		bytes := 0
		for _, fr := range model[proven:] {
			bytes += fr.bytes
		}
		if f.bytes != bytes || f.count() != len(model)-proven || f.written() != uint64(len(model)) {
			t.Fatalf("flight %+v, model %d frames of which %d proven", f, len(model), proven)
		}
		cutAt := at.Add(-time.Duration(rnd.IntN(50)) * time.Millisecond)
		want := proven
		for want < len(model) && !model[want].at.After(cutAt) {
			want++
		}
		if got, _ := f.olderThan(cutAt); got != uint64(want) {
			t.Fatalf("olderThan gives %d, want %d", got, want)
		}
	}
}

func TestSplitsAgainstAModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 10))
	var s splits
	owner := map[uint64]split{} // record -> the frame it was last in
	for range 5_000 {
		first := 1 + uint64(rnd.IntN(2_000))
		c := split{first, first + 1 + uint64(rnd.IntN(20))}
		for n := c.first; n < c.end; n++ {
			if o, ok := owner[n]; ok { // an overlapped frame is forgotten whole
				for k := o.first; k < o.end; k++ {
					delete(owner, k)
				}
			}
		}
		for n := c.first; n < c.end; n++ {
			owner[n] = c
		}
		s.note(c.first, c.end)
		for i := 1; i < len(s.cuts); i++ {
			if s.cuts[i-1].end > s.cuts[i].first || s.cuts[i].first >= s.cuts[i].end {
				t.Fatalf("cuts overlap: %v %v", s.cuts[i-1], s.cuts[i])
			}
		}
		n := 1 + uint64(rnd.IntN(2_100))
		records, known := s.at(n)
		if o, ok := owner[n]; ok != known || ok && records != o.end-n {
			t.Fatalf("record %d: %d %v, model %v %v", n, records, known, o, ok)
		}
	}
}

func TestSplitsStayBounded(t *testing.T) {
	var s splits
	released := uint64(1)
	bounds := func() (uint64, uint64) { return released, 1 << 40 }
	for n := uint64(1); n < 200_000; n++ {
		s.note(n, n+1)
		s.trim(bounds)
		if len(s.cuts) > maxSplits {
			t.Fatalf("%d cuts", len(s.cuts))
		}
	}
	released = 199_990
	for n := uint64(200_000); n < 240_000; n++ {
		s.note(n, n+1)
		s.trim(bounds)
	}
	if _, known := s.at(199_980); known {
		t.Error("a released frame is still known")
	}
	if r, known := s.at(239_999); !known || r != 1 {
		t.Error("a young frame was forgotten")
	}
}

func TestLowestUnproven(t *testing.T) {
	f := newFlight(1<<20, true)
	none := func(uint64, uint64) error { return nil }
	if f.lowest() != 1<<64-1 {
		t.Error("nothing is on the way")
	}
	f.push(sentFrame{from: 50, end: 60, epoch: "a"})
	f.push(sentFrame{from: 10, end: 20, epoch: "b"})
	if f.lowest() != 10 {
		t.Errorf("%d", f.lowest())
	}
	_, _ = f.proveThrough("b", 14, none)
	if f.lowest() != 15 {
		t.Errorf("%d", f.lowest())
	}
	_, _ = f.proveThrough("b", 19, none)
	if f.lowest() != 50 {
		t.Errorf("%d", f.lowest())
	}
}
