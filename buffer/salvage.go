package buffer

import (
	"slices"
)

// maxAside is how many damaged files are kept for a person.
const maxAside = 4

// saved is what could be read of a damaged segment. Every value carries a
// checksum over its number and content, so nothing is made up.
type saved struct {
	at      map[uint64]place
	numbers []uint64
	ledger  *ledger
	sum     *summary
	before  *summary
	all     []uint64 // sound records by device, unwanted ones included
}

// place is where a value lies in the file.
type place struct {
	off int64
	n   int
	dev uint16
}

// scanPages looks at every page of a file for values whose checksum is right,
// whatever the tree above them is like. Records that were trimmed may appear
// again: the caller knows which numbers are wanted.
func scanPages(f File, size int64) (*saved, error) {
	out := &saved{at: map[uint64]place{}}
	buf := make([]byte, pageSize)
	for off := int64(0); off < size; off += pageSize {
		n, err := readFull(f, buf, off)
		if n < pageHeader {
			if err != nil {
				continue // a page that the disk cannot deliver
			}
			break
		}
		p := page(buf[:n])
		if over := p.overflow(); over > 0 && over < 64 && p.flags() == pageLeaf {
			big := make([]byte, (over+1)*pageSize)
			if k, _ := readFull(f, big, off); k > n {
				p = big[:k]
			}
		}
		out.leaf(p, off, true)
	}
	for n := range out.at {
		out.numbers = append(out.numbers, n)
	}
	slices.Sort(out.numbers)
	return out, nil
}

func readFull(f File, buf []byte, off int64) (int, error) {
	n, err := f.ReadAt(buf, off)
	if n > 0 {
		err = nil
	}
	return n, err
}

// leaf collects from one page; buckets inside buckets there are none.
func (s *saved) leaf(p page, off int64, root bool) {
	for i := range min(p.count(), len(p)/elementLen) {
		flags, k, v, ok := p.leaf(i)
		if !ok {
			continue
		}
		if flags == isBucket {
			if root && len(v) > 16+pageHeader {
				s.leaf(page(v[16:]), off+int64(offsetIn(p, v))+16, false)
			}
			continue
		}
		if n, ok := recordKey(k, 0, ^uint64(0)); ok && len(v) > headerLen {
			if e, err := parseValue(n, v); err == nil {
				s.at[n] = place{off + int64(offsetIn(p, v)), len(v), e.Device}
			}
			continue
		}
		s.fact(string(k), v)
	}
}

// offsetIn is where v, a slice of p, begins in p.
func offsetIn(p page, v []byte) int { return cap(p) - cap(v) }

func (s *saved) fact(name string, v []byte) {
	switch name {
	case "ledger":
		if l, err := decodeLedger(v); err == nil && (s.ledger == nil || l.gen > s.ledger.gen) {
			s.ledger = &l
		}
	case "summary":
		if u, err := decodeSummary(v); err == nil && (s.sum == nil || u.last >= s.sum.last) {
			s.sum = &u
		}
	case "before":
		if u, err := decodeSummary(v); err == nil {
			s.before = &u
		}
	}
}
