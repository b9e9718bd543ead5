package buffer

import (
	"bytes"
	"encoding/binary"
	"math/rand"
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

// fuzzLen is how long an input of these fuzzers is at most. A longer one is more
// of the same, and Go's fuzzer takes time by the square of the length to shorten
// what it finds interesting.
const fuzzLen = 256

func FuzzDecodeState(f *testing.F) {
	st := state{gen: 3, epoch: 7, reserved: 100, released: 9, clean: true, lastGood: -5,
		starts: []start{{index: 1, mono: 5, set: true, off: Offset{1, 2}}}, beyond: ranges{{12, 14}}, segs: []segNote{{1, 5}}}
	f.Add(st.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > fuzzLen {
			return
		}
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

// leafPage is a leaf page with these elements and nothing behind them.
func leafPage(elements ...leafElement) page {
	p := make(page, pageHeader+len(elements)*elementLen)
	binary.NativeEndian.PutUint64(p, 4)
	binary.NativeEndian.PutUint16(p[8:], pageLeaf)
	binary.NativeEndian.PutUint16(p[10:], uint16(len(elements)))
	for i, e := range elements {
		at := pageHeader + i*elementLen
		for k, n := range []int{e.flags, len(p) - at, len(e.key), len(e.value)} {
			binary.NativeEndian.PutUint32(p[at+4*k:], uint32(n))
		}
		p = append(append(p, e.key...), e.value...)
	}
	return p
}

type leafElement struct {
	flags      int
	key, value []byte
}

func record(n uint64, text string) leafElement {
	return leafElement{key: key(n), value: appendValue(nil, n, Entry{Device: 1, Rec: []byte(text)})}
}

// FuzzPages hands the page reader pages that nobody wrote. They are a tenth as
// long as real ones, which have nothing more in them than more of the same.
func FuzzPages(f *testing.F) {
	l, s := ledger{gen: 2}, summary{}
	l.read(1, 5)
	s.add(5, Entry{Device: 1, Rec: []byte("x")})
	records := leafPage(record(7, "one"), record(8, "two"))
	facts := leafPage(leafElement{key: []byte("before"), value: s.encode()}, leafElement{key: []byte("format"), value: encodeFormat(formatVersion)},
		leafElement{key: []byte("ledger"), value: l.encode()})
	inline := func(name, p []byte) leafElement {
		return leafElement{flags: isBucket, key: name, value: append(make([]byte, 16), p...)}
	}
	outside := leafElement{flags: isBucket, key: recordsBucket(), value: append([]byte{5}, make([]byte, 15)...)}
	for _, p := range []page{records, facts, leafPage(inline(factsBucket(), facts), outside), leafPage(inline(recordsBucket(), records))} {
		got := &saved{at: map[uint64]place{}}
		if got.leaf(p, 0, true); len(p) > fuzzLen || len(got.at) == 0 && got.ledger == nil {
			f.Fatalf("%d bytes, of which nothing is read: %x", len(p), p)
		}
		f.Add([]byte(p))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < pageHeader || len(b) > fuzzLen {
			return
		}
		s := &saved{at: map[uint64]place{}}
		s.leaf(page(bytes.Clone(b)), 0, true)
		for _, at := range s.at {
			if at.off < 0 || at.off+int64(at.n) > int64(len(b)) {
				t.Fatalf("value at %d+%d of %d", at.off, at.n, len(b))
			}
		}
		c := checker{f: bytesFile(b), high: 8, seen: make([]bool, 8), look: headers}
		_ = c.leaf(page(b), false, 0)
		_ = c.leaf(page(b), true, 0)
		_ = c.inline(page(b))
	})
}
