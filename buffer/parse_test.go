package buffer

import (
	"bytes"
	"math/rand"
	"testing"

	"portti/buffer/boltfile"
)

// TestRangesAgainstAMap holds the set against one that cannot be wrong.
func TestRangesAgainstAMap(t *testing.T) {
	for seed := range int64(200) {
		rnd := rand.New(rand.NewSource(seed))
		var r ranges
		m := map[uint64]bool{}
		pick := func() span {
			a := uint64(rnd.Intn(60))
			return span{a, a + uint64(rnd.Intn(12)) - uint64(rnd.Intn(2))*min(1, a)}
		}
		for range 60 {
			s := pick()
			add := rnd.Intn(2) == 0
			if add {
				r.add(s)
			} else {
				r.remove(s)
			}
			for n := s.a; n <= s.b; n++ {
				m[n] = add
			}
			probe := pick()
			out, in := r.minus(ranges{probe}), r.and(ranges{probe})
			for n := uint64(0); n < 100; n++ {
				within := n >= probe.a && n <= probe.b
				if r.has(n) != m[n] || in.has(n) != (within && m[n]) || out.has(n) != (within && !m[n]) {
					t.Fatalf("seed %d: %v, %v: wrong about %d", seed, r, probe, n)
				}
			}
			for i := 1; i < len(r); i++ {
				if r[i].a <= r[i-1].b+1 || r[i].b < r[i].a {
					t.Fatalf("seed %d: not in form: %v", seed, r)
				}
			}
		}
	}
}

// fuzzLen is how long an input of these fuzzers is at most. A longer one is more
// of the same, and Go's fuzzer takes time by the square of the length to shorten
// what it finds interesting.
const fuzzLen = 256

func FuzzDecodeState(f *testing.F) {
	st := state{ledger: ledger{gen: 3, mark: 9, beyond: ranges{{12, 14}}}, epoch: 7, reserved: 100, clean: true, lastGood: -5,
		starts: []start{{index: 1, mono: 5, set: true, off: Offset{1, 2}}}, segs: []segNote{{1, 5, true}}}
	f.Add(st.encode(0))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > fuzzLen {
			return
		}
		if s, err := decodeState(b); err == nil {
			again, err := decodeState(s.encode(0))
			if err != nil || again.ledger.gen != s.ledger.gen || again.reserved != s.reserved {
				t.Fatal(err, again, s)
			}
		}
		_, _ = decodeState(seal(b)) // past the checksum
	})
}

func FuzzDecodeFacts(f *testing.F) {
	l := ledger{gen: 2, accepted: 9}
	dev, _ := l.device("gps")
	l.read(dev, 5)
	l.lose(dev, "full", 2)
	s := summary{}
	s.add(5, Entry{Device: 1, Rec: []byte("x")})
	f.Add(l.encode())
	f.Add(s.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > fuzzLen {
			return
		}
		for _, in := range [][]byte{b, seal(bytes.Clone(b))} {
			if l, err := decodeLedger(in); err == nil {
				if again, err := decodeLedger(l.encode()); err != nil || again.gen != l.gen || len(again.devices) != len(l.devices) {
					t.Fatal(err)
				}
			}
			if s, err := decodeSummary(in); err == nil && len(s.devices) > 1<<16 {
				t.Fatal(len(s.devices))
			}
		}
	})
}

// FuzzSalvage gives elements of pages that nobody wrote to the salvage.
func FuzzSalvage(f *testing.F) {
	l, s := ledger{gen: 2}, summary{}
	l.read(1, 5)
	s.add(5, Entry{Device: 1, Rec: []byte("x")})
	for _, e := range []boltfile.Element{
		{Key: key(7), Value: appendValue(nil, 7, Entry{Device: 1, Rec: []byte("one")})},
		{Key: []byte("summary"), Value: s.encode()}, {Key: []byte("ledger"), Value: l.encode()},
	} {
		got := &saved{at: map[uint64]location{}}
		if got.add(e); len(got.at) == 0 && got.ledger == nil && got.sum == nil {
			f.Fatalf("nothing is read of %q: %x", e.Key, e.Value)
		}
		f.Add(e.Key, e.Value)
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if len(key)+len(value) > fuzzLen {
			return
		}
		s := &saved{at: map[uint64]location{}}
		s.add(boltfile.Element{Key: key, Value: value, Offset: 9})
		for n, at := range s.at {
			if _, err := parseValue(n, value); err != nil || at.off != 9 || at.n != len(value) {
				t.Fatalf("record %d at %d+%d: %v", n, at.off, at.n, err)
			}
		}
	})
}
