package buffer

import "sort"

// fate is what became of a number.
type fate uint8

const (
	waits fate = 1 << iota // or was never given
	again                  // was held when the link ended: proven once more it is released at once
	held                   // acknowledged, and may be asked for again
	gone                   // released, lost, set aside, or of no record

	living = waits | again
	there  = living | held
)

// fates says what became of each number: one thing at a time. Those in no run wait.
type fates []run

// run is numbers of one fate. Runs are sorted; two that touch have different ones.
type run struct {
	span
	is fate
}

// at is the index of the first run that ends at or after n.
func (r fates) at(n uint64) int {
	return sort.Search(len(r), func(i int) bool { return r[i].b >= n })
}

// set gives the numbers of s another fate.
func (r *fates) set(s span, is fate) {
	if s.b < s.a {
		return
	}
	old := *r
	i := old.at(max(s.a, 1) - 1) // one that touches it is joined
	if i < len(old) && old[i].b < s.a && old[i].is != is {
		i++
	}
	j := i
	for j < len(old) && (old[j].a <= s.b || old[j].a == s.b+1 && old[j].is == is) {
		j++
	}
	var parts [3]run
	p := parts[:0]
	if i < j && old[i].a < s.a {
		if old[i].is == is {
			s.a = old[i].a
		} else {
			p = append(p, run{span{old[i].a, s.a - 1}, old[i].is})
		}
	}
	var rest run
	if i < j && old[j-1].b > s.b {
		if old[j-1].is == is {
			s.b = old[j-1].b
		} else {
			rest = run{span{s.b + 1, old[j-1].b}, old[j-1].is}
		}
	}
	if is != waits {
		p = append(p, run{s, is})
	}
	if rest.is != 0 {
		p = append(p, rest)
	}
	*r = replace(old, i, j, p)
}

// replace puts p in the place of old[i:j], at the front without moving the rest.
func replace(old fates, i, j int, p []run) fates {
	if k := len(p); k <= j-i && i == 0 {
		copy(old[j-k:], p)
		return old[j-k:]
	}
	if k := len(p); k <= j-i {
		copy(old[i:], p)
		return append(old[:i+k], old[j:]...)
	}
	grow := len(p) - (j - i)
	for range grow {
		old = append(old, run{})
	}
	copy(old[j+grow:], old[j:])
	copy(old[i:], p)
	return old
}

// next is the first stretch from number n on whose fates are among want. With false
// there is none.
func (r fates) next(n uint64, want fate) (s span, ok bool) {
	for i := r.at(n); ; {
		is, end := waits, ^uint64(0)
		if i < len(r) && r[i].a > n {
			end = r[i].a - 1
		} else if i < len(r) {
			is, end = r[i].is, r[i].b
			i++
		}
		if want&is == 0 && ok {
			return s, true
		}
		if want&is != 0 && !ok {
			s.a, ok = n, true
		}
		if s.b = end; end == ^uint64(0) {
			return s, ok
		}
		n = end + 1
	}
}

// of is the part of in whose fates are among want.
func (r fates) of(in ranges, want fate) (out ranges) {
	for _, s := range in {
		if s.b < s.a {
			continue
		}
		for {
			p, ok := r.next(s.a, want)
			if !ok || p.a > s.b {
				break
			}
			out = append(out, span{p.a, min(p.b, s.b)})
			if p.b >= s.b {
				break
			}
			s.a = p.b + 1
		}
	}
	return out
}

// is says whether every number of s is one of want.
func (r fates) is(s span, want fate) bool {
	p, ok := r.next(s.a, want)
	return ok && p.a == s.a && s.b <= p.b
}

// size is how many numbers have that fate, which is not waits.
func (r fates) size(is fate) (n uint64) {
	for _, one := range r {
		if one.is == is {
			n += one.b - one.a + 1
		}
	}
	return n
}
