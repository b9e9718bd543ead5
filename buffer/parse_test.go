package buffer

import (
	"bytes"
	"math/rand"
	"os"
	"path/filepath"
	"testing"
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
			all := probe.a <= probe.b
			for n := uint64(0); n < 100; n++ {
				within := n >= probe.a && n <= probe.b
				if r.has(n) != m[n] || in.has(n) != (within && m[n]) || out.has(n) != (within && !m[n]) {
					t.Fatalf("seed %d: %v, %v: wrong about %d", seed, r, probe, n)
				}
				all = all && (!within || m[n])
			}
			if probe.a <= probe.b && r.covers(probe) != all {
				t.Fatalf("seed %d: %v covers %v: %v", seed, r, probe, r.covers(probe))
			}
			for i := 1; i < len(r); i++ {
				if r[i].a <= r[i-1].b+1 || r[i].b < r[i].a {
					t.Fatalf("seed %d: not in form: %v", seed, r)
				}
			}
		}
	}
}

func FuzzDecodeState(f *testing.F) {
	st := state{gen: 3, epoch: 7, reserved: 100, released: 9, clean: true, lastGood: -5,
		starts: []start{{index: 1, mono: 5, set: true, off: Offset{1, 2}}}, beyond: ranges{{12, 14}}, segs: []segNote{{1, 5}}}
	f.Add(st.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := decodeState(b); err == nil {
			again, err := decodeState(s.encode())
			if err != nil || again.gen != s.gen || again.reserved != s.reserved {
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

// FuzzPages hands the page reader pages that nobody wrote.
func FuzzPages(f *testing.F) {
	dir := filepath.Join(f.TempDir(), "q")
	filled(f, dir, 40, nil)
	b, err := os.ReadFile(segmentFiles(f, dir)[0])
	if err != nil {
		f.Fatal(err)
	}
	for p := range 6 {
		f.Add(b[p*pageSize : (p+1)*pageSize])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < pageHeader {
			return
		}
		s := &saved{at: map[uint64]place{}}
		s.leaf(page(bytes.Clone(b)), 0, true)
		for _, at := range s.at {
			if at.off < 0 || at.off+int64(at.n) > int64(len(b)) {
				t.Fatalf("value at %d+%d of %d", at.off, at.n, len(b))
			}
		}
		c := checker{high: 8, seen: make([]bool, 8), look: headers}
		_ = c.leaf(page(b), false, 0)
		_ = c.inline(page(b))
	})
}
