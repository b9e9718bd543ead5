package buffer

import (
	"slices"

	"portti/buffer/boltfile"
)

// maxDamaged is how many damaged files are kept for a person.
const maxDamaged = 4

// saved is what could be read of a damaged segment. Every value carries a
// checksum over its number and content, so nothing is made up.
type saved struct {
	at      map[uint64]location
	numbers []uint64
	ledger  *ledger
	sum     *summary
	rows    rows
}

// location is where a value lies in the file.
type location struct {
	off int64
	n   int
	dev uint16
}

// salvage looks at every page of a file for values whose checksum is right,
// whatever the tree above them is like. A page of an
// older commit may show a record that is through: the caller knows which are wanted.
// The error is of a page that could not be read: more may be in the file.
func salvage(f File, size int64) (*saved, error) {
	out := &saved{at: map[uint64]location{}}
	err := boltfile.Scan(f, size, out.add)
	for n := range out.at {
		out.numbers = append(out.numbers, n)
	}
	slices.Sort(out.numbers)
	return out, err
}

// add keeps what an element holds if that is sound.
func (s *saved) add(e boltfile.Element) {
	n, ok := recordKey(e.Key, 0, ^uint64(0))
	if !ok || len(e.Value) <= headerLen {
		s.fact(string(e.Key), e.Value)
		return
	}
	if r, err := parseValue(n, e.Value); err == nil {
		s.at[n] = location{e.Offset, len(e.Value), r.Device}
	}
}

func (s *saved) fact(name string, v []byte) {
	switch name {
	case "ledger":
		if l, err := decodeLedger(v); err == nil && (s.ledger == nil || l.gen > s.ledger.gen) {
			s.ledger = &l
		}
	case "rows":
		if r, err := decodeRows(v); err == nil && len(r) >= len(s.rows) { // they only become more
			s.rows = r
		}
	case "summary":
		if u, err := decodeSummary(v); err == nil && (s.sum == nil || u.last >= s.sum.last) {
			s.sum = &u
		}
	}
}
