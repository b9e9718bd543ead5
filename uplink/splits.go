package uplink

import (
	"slices"
	"sort"
)

// maxSplits bounds what is remembered of frames: 512 KB. At the default hold
// of 30 s that is a thousand frames a second.
const maxSplits = 32_768

// splits remembers how records were cut into frames until the queue has
// released them, so that a repeated record travels in the same frame again
// and a receiver can tell repeats by a hash of the frame.
type splits struct {
	cuts []split // rising, not overlapping
	next int     // length at which to look for released ones
}

type split struct{ first, end uint64 } // records first..end-1

// note remembers a frame in place of those that it overlaps.
func (s *splits) note(first, end uint64) {
	i := s.search(first)
	j := i
	for j < len(s.cuts) && s.cuts[j].first < end {
		j++
	}
	s.cuts = slices.Replace(s.cuts, i, j, split{first, end})
}

// search finds the first frame that ends after n.
func (s *splits) search(n uint64) int {
	return sort.Search(len(s.cuts), func(i int) bool { return s.cuts[i].end > n })
}

// at says how many records a frame that begins at n may hold so that it ends
// where one ended before: known tells that a remembered frame covers n. The
// count 0 means any.
func (s *splits) at(n uint64) (records uint64, known bool) {
	i := s.search(n)
	if i == len(s.cuts) {
		return 0, false
	}
	c := s.cuts[i]
	if c.first <= n {
		return c.end - n, true
	}
	return c.first - n, false
}

// trim forgets frames below released, and the oldest beyond the limit. It is
// cheap to call after every frame: bounds is asked only when the list has
// doubled since the last look.
func (s *splits) trim(bounds func() (first, next uint64)) {
	if len(s.cuts) < max(s.next, 64) {
		return
	}
	first, _ := bounds()
	i := max(s.search(first), len(s.cuts)-maxSplits*3/4)
	s.cuts = slices.Delete(s.cuts, 0, i)
	s.next = min(2*len(s.cuts), maxSplits)
}
