package buffer

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"

	"portti/buffer/boltfile"
)

// walked is a segment as it was read, and judged by itself.
type walked struct {
	info    SegmentInfo
	records []boltfile.Element // in the order of their keys
	facts   map[string][]byte
	damage  []error
	faults  []Fault
	seen    []seenRecord
	through uint64 // the last number it stands for since it was thinned, 0 when it was not
	ledger  ledger // of generation 0 when there is none
	rows    rows   // what its records are called, as far as that can be read
}

// seenRecord is a record as far as it is needed for counting: 16 bytes, of a million
// of them.
type seenRecord struct {
	n     uint64
	dev   uint16 // of a damaged one as the summary tells
	fault uint32 // of a damaged one: its place in faults, from 1 on
}

// lookAt checks one segment: pages, tree, facts, every value, and its summary
// against what it holds. Of a damaged one the records are what is found page by page,
// as the next start will.
func lookAt(f FS, name string, first uint64) (*walked, error) {
	w, err := walkSegment(f, name)
	if err != nil {
		return nil, err
	}
	w.info.First = first
	for _, err := range w.damage {
		at := Fault{What: err.Error()}
		if p := (*boltfile.PageError)(nil); errors.As(err, &p) {
			at = Fault{Page: p.Page, Offset: int64(p.Page) * pageSize, What: p.Err.Error()}
		}
		if at.File = name; !slices.Contains(w.faults, at) { // both buckets may have met it
			w.faults = append(w.faults, at)
		}
	}
	if len(w.damage) == 0 || w.facts["format"] != nil {
		if holds, err := checkFormat(w.facts["format"]); errors.Is(err, ErrNewer) {
			return nil, fmt.Errorf("%s: %w", name, err)
		} else if err != nil {
			w.fault("its format cannot be read")
		} else {
			w.info.First = holds
		}
	}
	whole := len(w.faults) == 0
	if w.judge(w.values()); !whole {
		w.salvage(f)
	}
	return w, nil
}

func (w *walked) fault(format string, args ...any) {
	w.faults = append(w.faults, Fault{File: w.info.File, What: fmt.Sprintf(format, args...)})
}

// values checks every record; the result is a summary of the sound ones.
func (w *walked) values() (counted summary) {
	for _, e := range w.records {
		at := Fault{File: w.info.File, Page: e.Page, Offset: e.Offset}
		n, ok := recordKey(e.Key, w.info.First, unknownEnd)
		if !ok {
			at.What = fmt.Sprintf("key %x does not belong here", e.Key)
			w.faults = append(w.faults, at)
			continue
		}
		entry, err := parseValue(n, e.Value)
		r := seenRecord{n: n, dev: entry.Device}
		if err != nil {
			at.Record, at.What = n, "its checksum does not fit: "+err.Error()
			w.faults = append(w.faults, at)
			r.fault = uint32(len(w.faults))
		} else {
			counted.add(n, entry)
		}
		w.seen = append(w.seen, r)
	}
	return counted
}

// judge checks the small bucket.
func (w *walked) judge(counted summary) {
	whole := len(w.damage) == 0 && counted.count == uint64(len(w.records))
	sum, sumErr := decodeSummary(w.facts["summary"])
	ledger, ledgerErr := decodeLedger(w.facts["ledger"])
	called, rowsErr := decodeRows(w.facts["rows"])
	level, through := decodeThinned(w.facts["thinned"])
	for _, f := range []struct {
		name    string
		damaged bool
		what    string
	}{
		{"summary", sumErr != nil, "its summary is damaged"},
		{"ledger", ledgerErr != nil, "its ledger is damaged"},
		{"rows", rowsErr != nil, "what its records are called is damaged: the next start calls them by another epoch"},
		{"thinned", level == 0, "up to which number it stands for others is damaged"},
	} {
		switch there := w.facts[f.name] != nil; {
		case there && f.damaged:
			w.fault("%s", f.what)
		case !there && whole && f.name != "thinned":
			w.fault("has no %s", f.name)
		}
	}
	if sumErr == nil && whole && !sum.agrees(counted) {
		w.fault("its summary says %d records of %d bytes up to number %d, it holds %d of %d up to %d",
			sum.count, sum.bytes, sum.last, counted.count, counted.bytes, counted.last)
	}
	missing := slices.Clone(sum.devices)
	for dev := range missing {
		missing[dev] -= min(missing[dev], at(counted.devices, dev))
	}
	for i := range w.seen {
		if w.seen[i].fault > 0 {
			w.seen[i].dev = takeOne(missing)
		}
	}
	if w.through = through; ledgerErr == nil {
		w.ledger = ledger
	}
	if rowsErr == nil {
		w.rows = called
	}
}

// agrees says whether a summary is right about what was counted. What it says
// of the first record, and of times, is a bound.
func (s *summary) agrees(c summary) bool {
	if c.count == 0 {
		c.last = s.last
	}
	c.first, c.oldest, c.newest = s.first, s.oldest, s.newest
	return bytes.Equal(s.encode(), c.encode())
}

// salvage puts what is found page by page in the place of what the tree leads to.
func (w *walked) salvage(f FS) {
	w.records, w.seen = nil, nil
	file, size, err := openSized(f, w.info.File)
	if err != nil {
		return // as is said already
	}
	defer file.Close()
	// What cannot be read is missing from what it found, or is passed over here.
	got, _ := salvage(file, size)
	for rest := got.numbers; len(rest) > 0; rest = rest[min(1, len(rest)):] {
		var part load
		part, rest, _ = got.read(file, rest, math.MaxInt)
		_ = part.each(func(n uint64, v []byte) error {
			if n >= w.info.First {
				w.records = append(w.records, boltfile.Element{Key: key(n), Value: v})
				w.seen = append(w.seen, seenRecord{n: n, dev: valueDevice(v)})
			}
			return nil
		})
	}
	if w.rows == nil {
		w.rows = got.rows
	}
	if got.ledger != nil && got.ledger.gen > w.ledger.gen {
		w.ledger = *got.ledger
	}
}
