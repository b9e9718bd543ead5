package uplink

import (
	"math"
	"slices"
	"time"
)

// slowStart is the window after the first proof of a connection. Before it
// one frame goes alone: a server that dies at its n-th frame would otherwise
// get the whole window again and again and prove one frame each time.
const slowStart = 60_000

// flight is what one connection has written and not seen proven, in order,
// with the window that bounds it.
type flight struct {
	frames []sentFrame // from head on
	head   int
	first  uint64 // number of frames[head] on this connection, from 1
	bytes  int
	lane   [lanes]int // of bytes, those of each lane
	limit  int        // unproven bytes allowed now; 0 = one frame
	window int        // the most limit grows to
	alone  bool
	single bool // one frame at a time, whatever its lane
}

type sentFrame struct {
	from, end uint64 // records from..end-1; from rises when a part is proven
	bytes     int
	ahead     int // bytes on the way when it was written, its own included
	at        time.Time
	lane      lane
	epoch     string // what the records are called
	done      bool   // proven while one before it is not
}

func newFlight(window int, slow bool) flight {
	f := flight{first: 1, window: window}
	if !slow {
		f.limit = window
	}
	return f
}

func (f *flight) count() int      { return len(f.frames) - f.head }
func (f *flight) written() uint64 { return f.first + uint64(f.count()) - 1 }

// fits reports whether a frame of at most n bytes may be written now. One
// always may when nothing is unproven. The fresh lane has an allowance of
// its own in addition to the window: the backlog fills the window, and a new
// reading must not wait for its proof.
func (f *flight) fits(n int, in lane) bool {
	switch {
	case f.count() == 0:
		return true
	case f.alone, f.single:
		return false
	case f.bytes+n <= f.limit:
		return true
	}
	return in == laneFresh && f.lane[laneFresh]+n <= max(slowStart, 2*n)
}

func (f *flight) push(fr sentFrame) {
	f.bytes += fr.bytes
	f.lane[fr.lane] += fr.bytes
	fr.ahead = f.bytes
	f.frames = append(f.frames, fr)
}

// settle takes the bytes of a proven frame off.
func (f *flight) settle(fr *sentFrame) {
	f.bytes -= fr.bytes
	f.lane[fr.lane] -= fr.bytes
	fr.bytes = 0
}

// prove takes the frames up to number n out and hands each gapless range of
// records to ack. It reports whether there were any, and opens the window.
func (f *flight) prove(n uint64, ack func(from, through uint64) error) (bool, error) {
	if n < f.first || f.count() == 0 {
		return false, nil
	}
	k := int(min(n-f.first+1, uint64(f.count())))
	done := f.frames[f.head : f.head+k]
	for i := 0; i < k; {
		if done[i].done {
			i++
			continue
		}
		from, end := done[i].from, done[i].end
		for i++; i < k && !done[i].done && done[i].from == end; i++ {
			end = done[i].end
		}
		if err := ack(from, end-1); err != nil {
			return true, err
		}
	}
	for i := range done {
		f.settle(&done[i])
	}
	f.drop(k)
	f.widen()
	return true, nil
}

// proveThrough does the same for the records called so up to number through, which
// may end inside a frame.
func (f *flight) proveThrough(epoch string, through uint64, ack func(from, through uint64) error) (some bool, err error) {
	for i := f.head; i < len(f.frames); i++ {
		fr := &f.frames[i]
		if fr.epoch != epoch || fr.done || fr.from > through {
			continue
		}
		some = true
		last := min(fr.end-1, through)
		if err := ack(fr.from, last); err != nil {
			return true, err
		}
		fr.from = last + 1
		if fr.done = fr.from == fr.end; fr.done {
			f.settle(fr)
		}
	}
	k := 0
	for k < f.count() && f.frames[f.head+k].done {
		k++
	}
	f.drop(k)
	if some {
		f.widen()
	}
	return some, nil
}

// oldest is when the first frame that is not proven was written; the zero time: there is none.
func (f *flight) oldest() time.Time {
	if f.count() == 0 {
		return time.Time{}
	}
	return f.frames[f.head].at
}

// holds reports whether record n, called so, is written and not proven.
func (f *flight) holds(epoch string, n uint64) bool {
	for _, fr := range f.frames[f.head:] {
		if !fr.done && fr.epoch == epoch && fr.from <= n && n < fr.end {
			return true
		}
	}
	return false
}

// lowest is the first record that is written and not proven.
func (f *flight) lowest() uint64 {
	low := uint64(math.MaxUint64)
	for _, fr := range f.frames[f.head:] {
		if !fr.done {
			low = min(low, fr.from)
		}
	}
	return low
}

func (f *flight) widen() { f.limit = min(max(2*f.limit, slowStart), f.window) }

// pace narrows the window to what the line carries within target, after bytes
// took that long to be answered. On a slow line the bytes on the way make the
// round trip: without this the window grows until no pong can come in time.
func (f *flight) pace(bytes int, took, target time.Duration) {
	if bytes > 0 && took > target/2 {
		f.limit = min(f.limit, int(float64(bytes)*float64(target)/float64(took)))
	}
}

// drop forgets k frames, reusing the storage.
func (f *flight) drop(k int) {
	f.head += k
	f.first += uint64(k)
	if f.head*2 >= len(f.frames) {
		f.frames, f.head = slices.Delete(f.frames, 0, f.head), 0
	}
}

// olderThan counts the frames written at or before t, as a frame number, and
// says when the next one after them was written (zero: there is none).
func (f *flight) olderThan(t time.Time) (through uint64, next time.Time) {
	through = f.first - 1
	for _, fr := range f.frames[f.head:] {
		if fr.at.After(t) {
			return through, fr.at
		}
		through++
	}
	return through, time.Time{}
}

// firstUnproven is the frame to suspect first when the server objects.
func (f *flight) firstUnproven() (sentFrame, bool) {
	if f.count() == 0 {
		return sentFrame{}, false
	}
	return f.frames[f.head], true
}

// atEnd is what an end leaves in flight.
func (f *flight) atEnd() (u unprovenAtEnd) {
	u.suspect, _ = f.firstUnproven()
	u.frames = f.count()
	for _, fr := range f.frames[f.head:] {
		u.largest = max(u.largest, fr.bytes)
		switch {
		case fr.done:
		case fr.lane == laneMain:
			u.through = fr.end
		case u.fresh.end == 0:
			u.fresh = split{fr.from, fr.end}
		default:
			u.fresh.end = fr.end
		}
	}
	return u
}
