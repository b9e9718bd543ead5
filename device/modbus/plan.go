package modbus

import (
	"sort"
)

// Span is where one value lies: Count registers or bits from Address on.
type Span struct {
	Table          Table
	Address, Count int
}

// End is the first address behind the span.
func (s Span) End() int { return s.Address + s.Count }

// Read is one request and the spans that its answer holds, by their numbers.
type Read struct {
	Span
	Holds []int
}

// Request is the request of a read.
func (r Read) Request(unit byte) Request {
	return Request{unit, r.Table, uint16(r.Address), uint16(r.Count)}
}

// Plan joins spans into as few reads as it can: those of one table between which at
// most gap registers (or bits) lie that nobody asked for, up to what one request may
// ask for. A negative gap joins nothing.
func Plan(spans []Span, gap int) []Read {
	order := make([]int, len(spans))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool {
		x, y := spans[order[i]], spans[order[j]]
		return x.Table < y.Table || x.Table == y.Table && x.Address < y.Address
	})
	var reads []Read
	for _, i := range order {
		s := spans[i]
		if n := len(reads) - 1; n >= 0 && gap >= 0 {
			r := &reads[n]
			end := max(r.End(), s.End())
			if r.Table == s.Table && s.Address-r.End() <= gap && end-r.Address <= s.Table.Most() {
				r.Count, r.Holds = end-r.Address, append(r.Holds, i)
				continue
			}
		}
		reads = append(reads, Read{s, []int{i}})
	}
	return reads
}
