package buffer

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"portti/buffer/boltfile"
)

// segmentWalk is a segment's records as far as they are needed for counting.
type segmentWalk struct {
	info    SegmentInfo
	numbers []uint64
	devices []uint16
	bad     []uint64 // damaged ones
	badOf   []uint16 // whose they are, as the summary tells
}

// segment checks one segment: pages, tree, facts, every value, and its summary
// against what it holds. after is where those after it begin; merged is how many
// of them went into this one, and are removed at the next start.
func (l *Inspection) segment(first uint64, after []uint64) (out *segmentWalk, merged int, err error) {
	name := segmentName(first)
	w, err := walkSegment(l.fs, name)
	if err != nil {
		if (damaged(err) || badMedium(err)) && !errors.Is(err, fs.ErrNotExist) {
			l.fault(Fault{File: name, What: err.Error()})
			if badMedium(err) {
				l.unread = append(l.unread, name)
			}
			return &segmentWalk{info: SegmentInfo{File: name, First: first}}, 0, nil
		}
		return nil, 0, err
	}
	_, through := decodeThinned(w.facts["thinned"])
	l.thinned.add(span{first + 1, through})
	for ; merged < len(after) && after[merged] <= through; merged++ {
		l.fault(Fault{File: segmentName(after[merged]), Harmless: true,
			What: "what was in it is in " + name + " since it was thinned; the next start removes it"})
	}
	end := unknownEnd
	if merged < len(after) {
		end = after[merged]
	}
	out = &segmentWalk{info: SegmentInfo{File: name, First: first, Bytes: w.size, Used: w.used}}
	if len(w.damage) == 0 {
		w.damage = l.unpassable(name)
	}
	for _, b := range w.damage {
		l.fault(Fault{File: name, Page: b.Page, Offset: int64(b.Page) * pageSize, What: b.Err.Error()})
	}
	if len(w.damage) == 0 || w.facts["format"] != nil {
		if holds, err := checkFormat(w.facts["format"]); errors.Is(err, ErrNewer) {
			return nil, 0, fmt.Errorf("%s: %w", name, err)
		} else if err != nil {
			l.fault(Fault{File: name, What: "its format cannot be read"})
		} else if holds != first {
			l.fault(Fault{File: name, What: "has the name of another file; the next start takes it as " + segmentName(holds)})
		}
	}
	counted, bad := l.values(out, w, end)
	l.facts(out, w, counted, bad == 0 && len(w.damage) == 0)
	return out, merged, nil
}

// unpassable goes through a segment as the queue will: it finds its way by the keys
// of branch pages, which a walk does not look at. With nil it got through, or the
// file is gone or never held still.
func (l *Inspection) unpassable(name string) []boltfile.Damage {
	for range walkTries {
		file, size, err := openSized(l.fs, name)
		if err != nil {
			return nil
		}
		tx, err := boltfile.Begin(file, size)
		if err == nil {
			err = errors.Join(passes(tx, recordsBucket()), passes(tx, factsBucket()))
		}
		now, e := boltfile.NewestMeta(file, size)
		_ = file.Close()
		switch {
		case err == nil:
			return nil
		case e == nil && tx != nil && now.TxID == tx.Meta.TxID:
			return []boltfile.Damage{{Err: err}}
		}
	}
	return nil
}

func passes(tx *boltfile.Tx, bucket []byte) error {
	c, err := tx.Bucket(string(bucket))
	if err != nil {
		return err
	}
	k, _, err := c.First()
	for k != nil && err == nil {
		k, _, err = c.Next()
	}
	return err
}

// values checks every record; counted is a summary of the sound ones.
func (l *Inspection) values(out *segmentWalk, w *walked, end uint64) (counted summary, bad int) {
	name := out.info.File
	for _, e := range w.records {
		n, ok := recordKey(e.Key, out.info.First, ^uint64(0))
		if !ok {
			l.fault(Fault{File: name, Page: e.Page, Offset: e.Offset, What: fmt.Sprintf("key %x does not belong here", e.Key)})
			bad++
			continue
		}
		entry, err := parseValue(n, e.Value)
		if err != nil {
			l.fault(Fault{File: name, Page: e.Page, Offset: e.Offset, Record: n, What: "its checksum does not fit: " + err.Error()})
			bad++
			out.bad = append(out.bad, n)
			continue
		}
		counted.add(n, entry)
		if n >= end { // written again to the next one after an error
			continue
		}
		out.numbers, out.devices = append(out.numbers, n), append(out.devices, entry.Device)
		out.info.Records++
		out.info.Last = n
	}
	return counted, bad
}

// facts checks the small bucket, and takes over what counts for all segments.
func (l *Inspection) facts(out *segmentWalk, w *walked, counted summary, whole bool) {
	name := out.info.File
	for _, key := range []string{"summary", "ledger", "rows"} {
		if w.facts[key] == nil && whole {
			l.fault(Fault{File: name, What: "has no " + key})
		}
	}
	sum, err := decodeSummary(w.facts["summary"])
	if err != nil && w.facts["summary"] != nil {
		l.fault(Fault{File: name, What: "its summary is damaged"})
	} else if err == nil && whole && !sum.agrees(counted) {
		l.fault(Fault{File: name, What: fmt.Sprintf("its summary says %d records of %d bytes up to number %d, it holds %d of %d up to %d",
			sum.count, sum.bytes, sum.last, counted.count, counted.bytes, counted.last)})
	}
	if _, err := decodeRows(w.facts["rows"]); err != nil && w.facts["rows"] != nil {
		l.fault(Fault{File: name, What: "what its records are called is damaged: the next start calls them by another epoch"})
	}
	if level, _ := decodeThinned(w.facts["thinned"]); level == 0 && w.facts["thinned"] != nil {
		l.fault(Fault{File: name, What: "up to which number it stands for others is damaged"})
	}
	missing := slices.Clone(sum.devices)
	for dev := range missing {
		missing[dev] -= min(missing[dev], at(counted.devices, dev))
	}
	for range out.bad {
		out.badOf = append(out.badOf, takeOne(missing))
	}
	if led, err := decodeLedger(w.facts["ledger"]); err == nil && led.gen > l.ledger.gen {
		l.ledger = led
	} else if err != nil && w.facts["ledger"] != nil {
		l.fault(Fault{File: name, What: "its ledger is damaged"})
	}
}

// agrees says whether a summary is right about what was counted. What it says
// of the first record is a lower bound.
func (s *summary) agrees(c summary) bool {
	if s.count != c.count || s.bytes != c.bytes || c.count > 0 && s.last != c.last {
		return false
	}
	for dev := range max(len(s.devices), len(c.devices)) {
		if at(s.devices, dev) != at(c.devices, dev) {
			return false
		}
	}
	return true
}

// enter adds a segment to the picture, now that it is known what was released.
func (l *Inspection) enter(w *segmentWalk) {
	for i, n := range w.numbers {
		if l.isReleased(n) {
			continue
		}
		w.info.Waiting++
		bump(&l.waiting, w.devices[i], 1)
	}
	for i, n := range w.bad {
		if !l.isReleased(n) {
			bump(&l.bad, w.badOf[i], 1)
			continue
		}
		for k, f := range l.Faults {
			if f.File == w.info.File && f.Record == n {
				l.Faults[k].Harmless = true // it was set aside, or delivered
			}
		}
	}
	l.Waiting += w.info.Waiting
	l.Next = max(l.Next, w.info.Last+1)
	l.Segments = append(l.Segments, w.info)
}

func (l *Inspection) isReleased(n uint64) bool { return n <= l.Released || l.ledger.beyond.has(n) }

// missingSegments looks for what the state file knows and the directory lacks.
func (l *Inspection) missingSegments() {
	for i, note := range l.st.segs {
		end := l.st.reserved
		if i+1 < len(l.st.segs) {
			end = l.st.segs[i+1].first
		}
		at := slices.IndexFunc(l.Segments, func(s SegmentInfo) bool { return s.First == note.first })
		name := segmentName(note.first)
		if at < 0 && note.count > 0 && end-1 > l.Released && !l.thinned.has(note.first) && !slices.Contains(l.names, name+salvageSuffix) {
			if _, err := l.fs.Size(name); err != nil && l.stillNoted(note.first) {
				l.fault(Fault{File: name, What: fmt.Sprintf("missing, and up to %d records with it", note.count)})
			}
		}
		if at >= 0 && l.st.clean && l.Segments[at].Records < note.count && !l.faulty(name) {
			l.fault(Fault{File: name, What: fmt.Sprintf("holds %d records, %d were counted at the last stop", l.Segments[at].Records, note.count)})
		}
	}
}

// stillNoted looks at the state file once more: a daemon writes it without the
// segment before it removes that.
func (l *Inspection) stillNoted(first uint64) bool {
	st, err := readSidecar(l.fs)
	return err != nil || slices.ContainsFunc(st.segs, func(n segNote) bool { return n.first == first })
}

func (l *Inspection) faulty(name string) bool {
	return slices.ContainsFunc(l.Faults, func(f Fault) bool { return f.File == name })
}
