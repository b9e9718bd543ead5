package buffer

import (
	"encoding/binary"
	"slices"
)

// Name is what a record is called outside together with its number: the gateway and
// the epoch under which it was given that. A record keeps its name for ever, so that
// a receiver knows it again whatever became of the card: each start has an epoch of
// its own, and two gateways with one card never share one.
type Name struct {
	Gateway string
	Epoch   uint64
}

// row gives a name to the records from number first on, up to the next row. A start
// begins a row, and so does a lane for what is new (Part). The rows of a segment are
// in it: a ruined state file renames nothing.
type row struct {
	first uint64
	Name
}

// rows are in the order of their numbers.
type rows []row

// maxRows is how many rows a segment has, about: each commit carries them.
const maxRows = 64

// at is the name of record n and the last number that has it. Below the first row
// nothing has a name.
func (r rows) at(n uint64) (name Name, last uint64) {
	i, _ := slices.BinarySearchFunc(r, n, func(a row, n uint64) int {
		if a.first <= n {
			return -1
		}
		return 1
	})
	last = ^uint64(0)
	if i < len(r) {
		last = r[i].first - 1
	}
	if i == 0 {
		return Name{}, last
	}
	return r[i-1].Name, last
}

// set gives the records of s another name.
func (r *rows) set(s span, name Name) {
	if s.b < s.a {
		return
	}
	after, _ := r.at(s.b)
	var out rows
	for _, o := range *r {
		if o.first < s.a {
			out = append(out, o)
		}
	}
	out = append(out, row{s.a, name})
	if s.b != ^uint64(0) {
		if next := s.b + 1; !slices.ContainsFunc(*r, func(o row) bool { return o.first == next }) {
			out = append(out, row{next, after})
		}
		for _, o := range *r {
			if o.first > s.b {
				out = append(out, o)
			}
		}
	}
	out = slices.CompactFunc(out, func(a, b row) bool { return a.Name == b.Name })
	if len(out) > 0 && out[0].Name == (Name{}) {
		out = out[1:]
	}
	*r = out
}

// within is the rows of s alone.
func (r rows) within(s span) (out rows) {
	for n := s.a; n <= s.b; {
		name, last := r.at(n)
		out = append(out, row{n, name})
		if last >= s.b {
			break
		}
		n = last + 1
	}
	return out
}

// forget drops the rows of which nothing is left above number through.
func (r *rows) forget(through uint64) {
	for len(*r) > 1 && (*r)[1].first <= through+1 {
		*r = (*r)[1:]
	}
}

// encode writes the rows; a gateway that is the one before is left out.
func (r rows) encode() []byte {
	b := binary.AppendUvarint(nil, uint64(len(r)))
	var last row
	for _, o := range r {
		b = appendUints(b, o.first-last.first, bit(o.Gateway != last.Gateway))
		if o.Gateway != last.Gateway {
			b = appendText(b, o.Gateway)
		}
		b = binary.LittleEndian.AppendUint64(b, o.Epoch)
		last = o
	}
	return seal(b)
}

func decodeRows(b []byte) (rows, error) {
	body, err := unseal(b)
	if err != nil {
		return nil, err
	}
	d := decoder{b: body}
	var out rows
	var last row
	for range count(&d) {
		o := row{first: last.first + d.uint(), Name: last.Name}
		if d.uint() != 0 {
			o.Gateway = d.text()
		}
		if len(d.b) < 8 || o.first < last.first || len(out) > 0 && o.first == last.first {
			return nil, errDamaged
		}
		o.Epoch = binary.LittleEndian.Uint64(d.b)
		d.b = d.b[8:]
		out = append(out, o)
		last = o
	}
	return out, d.err
}

// adopt takes over the rows of a file, which has the records of s. Without them the
// records have a name that nobody knows yet: rather twice at the receiver than taken
// for others.
func (r *rows) adopt(s span, of rows, unknown Name) {
	r.set(s, unknown)
	for i, o := range of {
		if o.Name == (Name{}) {
			continue
		}
		end := s.b
		if i+1 < len(of) {
			end = min(end, of[i+1].first-1)
		}
		r.set(span{max(s.a, o.first), end}, o.Name)
	}
}

// forgetNamesLocked drops the names of what is released, but for what may still lie in
// the file being written: should the ledger that says so be lost, it waits again.
func (q *books) forgetNamesLocked() {
	through := q.released
	if k := len(q.segs); k > 0 && q.segs[k-1].first > 0 {
		through = min(through, q.segs[k-1].first-1)
	}
	q.rows.forget(through)
}

// freshName is a name that was never given.
func (o *Options) freshName() Name { return Name{o.Gateway, randomEpoch()} }

// Name says what record n is called, and up to which number the same holds.
func (q *Queue) Name(n uint64) (name Name, last uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.rows.at(n)
}

// Part has what comes from now on go by another name than what waits, for a reader
// that sends it before that: a receiver keeps one highest number for each name. It
// returns the number that the next record will get. With false there are too many
// names already, and what is new has to wait its turn.
func (q *Queue) Part() (next uint64, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.forgetNamesLocked()
	last := q.rows[len(q.rows)-1].first
	switch {
	case last >= q.next || q.isGoneLocked(span{last, q.next - 1}):
		return q.next, true
	case len(q.rows) > 4*maxRows:
		return q.next, false
	}
	q.rows.set(span{q.next, ^uint64(0)}, q.opt.freshName())
	return q.next, true
}
