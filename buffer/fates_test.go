package buffer

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestFates holds them against a table of numbers.
func TestFates(t *testing.T) {
	const top = 60
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var r fates
		table := slices.Repeat([]fate{waits}, top)
		draw := func() span {
			a := rng.Uint64N(top)
			return span{a, a + rng.Uint64N(top-a)}
		}
		for range 30 {
			s, is := draw(), fate(1)<<rng.IntN(4)
			r.set(s, is)
			for n := s.a; n <= s.b; n++ {
				table[n] = is
			}
			for i, one := range r {
				if one.b < one.a || one.is == waits || i > 0 && (r[i-1].b >= one.a || r[i-1].b+1 == one.a && r[i-1].is == one.is) {
					t.Fatalf("seed %d: runs %v after %v = %d", seed, r, s, is)
				}
			}
			in, want := draw(), fate(1+rng.IntN(15))
			var out ranges
			for n := in.a; n <= in.b; n++ {
				if table[n]&want != 0 {
					out.add(span{n, n})
				}
			}
			if got := r.of(ranges{in}, want); !slices.Equal(got, out) {
				t.Fatalf("seed %d: %v of %v is %v, want %v", seed, want, in, got, out)
			}
			if got := r.is(in, want); got != (len(out) == 1 && out[0] == in) {
				t.Fatalf("seed %d: all of %v is %v: %v", seed, in, want, got)
			}
			if got, n := r.size(held), uint64(0); true {
				for _, is := range table {
					n += bit(is == held)
				}
				if got != n {
					t.Fatalf("seed %d: %d are held, want %d", seed, got, n)
				}
			}
		}
	}
}

// TestFatesToTheEnd: the last number there is has no one behind it.
func TestFatesToTheEnd(t *testing.T) {
	const last = ^uint64(0)
	var r fates
	r.set(span{5, last}, gone)
	r.set(span{9, last}, waits)
	if !slices.Equal(r, fates{{span{5, 8}, gone}}) {
		t.Fatal(r)
	}
	if s, ok := r.next(6, living); !ok || s != (span{9, last}) {
		t.Error(s, ok)
	}
	r.set(span{9, last}, held)
	if s, ok := r.next(6, living); ok {
		t.Error(s)
	}
	if got := r.of(ranges{{0, last}}, held); !slices.Equal(got, ranges{{9, last}}) {
		t.Error(got)
	}
}
