package buffer

import "sort"

// span is the numbers from a through b, both included.
type span struct{ a, b uint64 }

// ranges is a set of numbers: sorted, disjoint spans that do not touch.
type ranges []span

// at is the index of the first span that ends at or after n.
func (r ranges) at(n uint64) int {
	return sort.Search(len(r), func(i int) bool { return r[i].b >= n })
}

func (r ranges) has(n uint64) bool {
	i := r.at(n)
	return i < len(r) && r[i].a <= n
}

// add puts s into the set and joins what touches it.
func (r *ranges) add(s span) {
	if s.b < s.a {
		return
	}
	lo := *r
	i := sort.Search(len(lo), func(i int) bool { return lo[i].b+1 >= s.a })
	j := i
	for j < len(lo) && lo[j].a <= s.b+1 {
		s.a, s.b = min(s.a, lo[j].a), max(s.b, lo[j].b)
		j++
	}
	if i < j {
		lo[i] = s
		if j > i+1 {
			*r = append(lo[:i+1], lo[j:]...)
		}
		return
	}
	lo = append(lo, span{})
	copy(lo[i+1:], lo[i:])
	lo[i] = s
	*r = lo
}

// remove takes s out of the set.
func (r *ranges) remove(s span) {
	if s.b < s.a {
		return
	}
	old := *r
	i := old.at(s.a)
	if i == len(old) || old[i].a > s.b {
		return
	}
	j := i
	for j < len(old) && old[j].a <= s.b {
		j++
	}
	if i == 0 && old[0].a >= s.a && old[j-1].b <= s.b { // as what expires does
		*r = old[j:]
		return
	}
	var keep []span
	if old[i].a < s.a {
		keep = append(keep, span{old[i].a, s.a - 1})
	}
	if old[j-1].b > s.b {
		keep = append(keep, span{s.b + 1, old[j-1].b})
	}
	tail := append(keep, old[j:]...)
	*r = append(old[:i], tail...)
}

// minus is the part of the spans in that is not in the set.
func (r ranges) minus(in ranges) ranges {
	var out ranges
	for _, s := range in {
		i := r.at(s.a)
		for s.a <= s.b {
			if i == len(r) || r[i].a > s.b {
				out = append(out, s)
				break
			}
			if r[i].a > s.a {
				out = append(out, span{s.a, r[i].a - 1})
			}
			if r[i].b >= s.b {
				break
			}
			s.a = r[i].b + 1
			i++
		}
	}
	return out
}

// holes is what of first..end-1 is not in the set.
func (r ranges) holes(first, end uint64) ranges {
	if end == first {
		return nil
	}
	return r.minus(ranges{{first, end - 1}})
}

// and is the part of the spans in that is in the set.
func (r ranges) and(in ranges) ranges {
	var out ranges
	for _, s := range in {
		for i := r.at(s.a); i < len(r) && r[i].a <= s.b; i++ {
			out = append(out, span{max(s.a, r[i].a), min(s.b, r[i].b)})
		}
	}
	return out
}

// size is how many numbers the set holds.
func (r ranges) size() uint64 {
	var n uint64
	for _, s := range r {
		n += s.b - s.a + 1
	}
	return n
}
