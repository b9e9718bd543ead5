package uplink

import (
	"fmt"
	"io"
	"math"
	"sync"
	"testing"
)

// fakeSource keeps the queue's side of the contract in memory and is its
// oracle: every record is waiting, held, released or set aside, never gone.
type fakeSource struct {
	tb   testing.TB
	hold bool // acknowledged records stay replayable until Forget

	mu      sync.Mutex
	recs    map[uint64][]byte
	state   map[uint64]recState
	replay  map[uint64]int // times a record was rewound out of the hold
	first   uint64
	nextNum uint64
	sealed  bool
	changed chan struct{}

	rewinds, forgets int
	quarantined      map[uint64]string
	quarantines      int
	failRead         error
	failAck          error
	reads            int

	parts []uint64 // where a part began
	epoch string   // of what came before the first
}

// partEpoch is what records are called from the i-th part on.
func partEpoch(i int) string { return fmt.Sprintf("%016x", 0xf00+i) }

func (f *fakeSource) Name(n uint64) (gateway, epoch string, last uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	epoch, last = f.epoch, math.MaxUint64
	for i, first := range f.parts {
		if first > n {
			last = first - 1
			break
		}
		epoch = partEpoch(i + 1)
	}
	return "TSGW\"1", epoch, last
}

func (f *fakeSource) Part() (uint64, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	from := f.first
	if k := len(f.parts); k > 0 {
		from = f.parts[k-1]
	}
	for n := from; n < f.nextNum; n++ {
		if f.readable(n) {
			f.parts = append(f.parts, f.nextNum)
			break
		}
	}
	return f.nextNum, true
}

type recState uint8

const (
	waiting recState = iota
	held
	released
	aside
)

func newFakeSource(tb testing.TB) *fakeSource {
	return &fakeSource{
		tb: tb, recs: map[uint64][]byte{}, state: map[uint64]recState{}, replay: map[uint64]int{},
		epoch: testEpoch, first: 1, nextNum: 1, changed: make(chan struct{}), quarantined: map[uint64]string{},
	}
}

func record(n uint64) []byte {
	return fmt.Appendf(nil, `{"tsmId":12100,"tsmEv":10,"tsmTs":%d,"tsmTuid":"T1","n":%d}`, 1700000000+n, n)
}

// add appends n records; their content tells their number.
func (f *fakeSource) add(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range n {
		f.recs[f.nextNum] = record(f.nextNum)
		f.nextNum++
	}
	f.poke()
}

func (f *fakeSource) addRaw(rec []byte) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.nextNum
	f.recs[n] = rec
	f.nextNum++
	f.poke()
	return n
}

// skip leaves a gap of n numbers.
func (f *fakeSource) skip(n uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nextNum += n
}

func (f *fakeSource) seal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sealed = true
	f.poke()
}

func (f *fakeSource) poke() {
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fakeSource) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

func (f *fakeSource) Bounds() (uint64, uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.advance()
	return f.first, f.nextNum
}

// advance moves first over what is released or was never there.
func (f *fakeSource) advance() {
	for f.first < f.nextNum {
		if _, there := f.recs[f.first]; there && f.state[f.first] != released && f.state[f.first] != aside {
			return
		}
		f.first++
	}
}

func (f *fakeSource) Read(from uint64, maxBytes, maxRecs int) (uint64, [][]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	if f.failRead != nil {
		return 0, nil, f.failRead
	}
	n := max(from, f.first)
	for n < f.nextNum && !f.readable(n) {
		n++
	}
	var out [][]byte
	size := 0
	for i := n; i < f.nextNum && f.readable(i) && len(out) < maxRecs; i++ {
		if len(out) > 0 && size+len(f.recs[i]) > maxBytes {
			break
		}
		size += len(f.recs[i])
		out = append(out, f.recs[i])
	}
	if len(out) == 0 && f.sealed {
		return 0, nil, io.EOF
	}
	return n, out, nil
}

func (f *fakeSource) readable(n uint64) bool {
	_, there := f.recs[n]
	return there && (f.state[n] == waiting || f.state[n] == held)
}

func (f *fakeSource) Ack(from, through uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failAck != nil {
		return f.failAck
	}
	for n := from; n <= through; n++ {
		if _, there := f.recs[n]; !there {
			f.tb.Errorf("Ack(%d, %d) covers %d, which never was", from, through, n)
			continue
		}
		switch {
		case f.state[n] == aside:
			f.tb.Errorf("record %d acknowledged although set aside", n)
		case f.hold && f.replay[n] == 0:
			f.state[n] = held
		default:
			f.state[n] = released
		}
	}
	return nil
}

func (f *fakeSource) Rewind() (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rewinds++
	for n, s := range f.state {
		if s == held {
			f.state[n] = waiting
			f.replay[n]++
		}
	}
	f.advance()
	return f.first, nil
}

func (f *fakeSource) Forget() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forgets++
	for n, s := range f.state {
		if s == held {
			f.state[n] = released
		}
	}
	return nil
}

func (f *fakeSource) Quarantine(n uint64, reason string) error {
	return f.QuarantineAll([]uint64{n}, reason)
}

func (f *fakeSource) QuarantineAll(ns []uint64, reason string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.quarantines++
	for _, n := range ns {
		f.state[n] = aside
		f.quarantined[n] = reason
	}
	return nil
}

// count says how many records are in state s.
func (f *fakeSource) count(s recState) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := 0
	for n := range f.recs {
		if f.state[n] == s {
			c++
		}
	}
	return c
}
