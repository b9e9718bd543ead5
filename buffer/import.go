package buffer

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"
)

// Records of another gateway are taken over exactly once each. What was taken
// over is kept in the ledger, and so is written in the same transaction as the
// records themselves: after a crash in the middle an import that is begun again
// goes on where the last commit ended.
//
// A source is the name under which its records are known: a gateway and the epoch of
// one start. So records that two copies of one card recorded under the same numbers
// are told apart, and those of before the copy are the same.
//
// An import says, with each record, from where on its source had nothing else
// to deliver: what it skips had been delivered, given up or never existed, and
// numbers never come back. So a file is one range here, however many holes its
// numbers have.

// ErrNoSpace: taking a record over would make the queue give up readings of its
// own. Nothing was counted.
var ErrNoSpace = errors.New("no space for records of another gateway below max_size")

// Imported is what was taken over from a source.
type Imported struct {
	Name
	Ranges [][2]uint64 // numbers, both included
}

// What is kept of imports rides in every commit, so it is bounded. Beyond, the
// source that was imported longest ago and the lowest numbers are forgotten: a
// file of them, imported once more, is delivered once more.
const (
	maxSources = 48
	maxTaken   = 32
)

// maxSkip is how many numbers below a record are taken for delivered, given up or
// never used by its source. Each start after a power cut skips a million of them;
// a hole of more is not believed, so that one false number does not cover all
// that its source will ever write: the record is one range by itself.
const maxSkip = 1 << 24

// maxNumber is the highest number that a record can have.
const maxNumber = 1<<63 - 1

// taken is what was imported from a source.
type taken struct {
	Name
	set ranges
}

// arrival is an imported record that is not known to be on disk yet.
type arrival struct {
	at   uint64 // its number here
	from Name
	set  ranges // what it adds to what is taken
}

// Import takes over record n of another queue, unless it was before: then it
// says false. after is the record before it in the source's order, or n-1 where
// it is not known whether there was one between; holes of more than 16 million
// numbers are not believed. Beyond that it is an Append,
// with ErrNoSpace instead of giving anything up. That it was taken over becomes
// durable together with the record, at the latest with Close.
func (q *Queue) Import(from Name, after, n uint64, class byte, device uint16, stream uint32, rec []byte) (bool, error) {
	if n == 0 || n > maxNumber {
		return false, fmt.Errorf("cannot import record %d: no record has that number", n)
	}
	if after >= n || n-after > maxSkip {
		after = n - 1
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ledger.hasImported(from, n) {
		return false, nil
	}
	switch err := q.disk.err; {
	case q.disk.never != nil:
		return false, q.disk.never
	case err != nil:
		return false, errors.Join(ErrMemoryOnly, err)
	case q.full || !q.spareLocked(len(rec)):
		return false, ErrNoSpace
	}
	at := q.next
	if err := q.appendLocked(q.opt.Mono(), class, device, stream, rec); err != nil {
		return false, err
	}
	set := q.ledger.takeOver(from, span{after + 1, n})
	q.arrivals = append(q.arrivals, arrival{at, from, set})
	return true, nil
}

// spareLocked says whether a record more leaves the queue below where it begins
// to give up readings, with what is in memory written and the file grown.
func (q *limits) spareLocked(size int) bool {
	soft, _ := q.limitsLocked()
	margin := min(2*fileMargin, q.opt.MaxSize/8)
	return q.bytesLocked()+int64(q.dirty+size)*13/10+margin <= soft
}

// importsThroughLocked is what a commit through number to may say of imports:
// all but the records that are left in memory only.
func (q *proofs) importsThroughLocked(to uint64) []taken {
	saved := cloneTaken(q.ledger.imports)
	for _, a := range q.arrivals {
		if a.at <= to || q.isGoneLocked(span{a.at, a.at}) {
			continue
		}
		for i := range saved {
			if saved[i].Name != a.from {
				continue
			}
			for _, s := range a.set {
				saved[i].set.remove(s)
			}
		}
	}
	return slices.DeleteFunc(saved, func(t taken) bool { return len(t.set) == 0 })
}

// arrivedLocked forgets the arrivals that are on disk.
func (q *proofs) arrivedLocked() {
	k := 0
	for k < len(q.arrivals) && q.arrivals[k].at <= q.committed {
		k++
	}
	q.arrivals = slices.Delete(q.arrivals, 0, k)
}

func cloneTaken(in []taken) []taken {
	out := slices.Clone(in)
	for i := range out {
		out[i].set = slices.Clone(out[i].set)
	}
	return out
}

func (l *ledger) hasImported(from Name, n uint64) bool {
	i := slices.IndexFunc(l.imports, func(t taken) bool { return t.Name == from })
	return i >= 0 && l.imports[i].set.has(n)
}

// takeOver notes numbers as imported and says which of them were not before.
// The source moves to the end: it is the latest.
func (l *ledger) takeOver(from Name, s span) ranges {
	t := taken{Name: from}
	if i := slices.IndexFunc(l.imports, func(t taken) bool { return t.Name == from }); i >= 0 {
		t = l.imports[i]
		l.imports = slices.Delete(l.imports, i, i+1)
	}
	fresh := t.set.minus(ranges{s})
	t.set.add(s)
	if len(t.set) > maxTaken {
		t.set = slices.Delete(t.set, 0, len(t.set)-maxTaken)
	}
	l.imports = append(l.imports, t)
	if len(l.imports) > maxSources {
		l.imports = slices.Delete(l.imports, 0, len(l.imports)-maxSources)
	}
	l.dirty = true
	return fresh
}

// takeAll adds what another ledger knows of imports.
func (l *ledger) takeAll(o *ledger) {
	for _, t := range o.imports {
		for _, s := range t.set {
			l.takeOver(t.Name, s)
		}
	}
}

func (l *ledger) importsSeen() []Imported {
	var out []Imported
	for _, t := range l.imports {
		i := Imported{Name: t.Name}
		for _, s := range t.set {
			i.Ranges = append(i.Ranges, [2]uint64{s.a, s.b})
		}
		out = append(out, i)
	}
	sort.Slice(out, func(i, j int) bool {
		return cmp.Or(cmp.Compare(out[i].Gateway, out[j].Gateway), cmp.Compare(out[i].Epoch, out[j].Epoch)) < 0
	})
	return out
}

// appendImports is the last part of a ledger.
func appendImports(b []byte, list []taken) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, t := range list {
		b = appendText(b, t.Gateway)
		b = binary.AppendUvarint(b, t.Epoch)
		b = appendRanges(b, t.set, 0)
	}
	return b
}

func decodeImports(d *decoder) (list []taken) {
	for range count(d) {
		list = append(list, taken{Name{Gateway: d.text(), Epoch: d.uint()}, decodeRanges(d, 0)})
	}
	return list
}
