package formattest

import (
	"fmt"
	"slices"
	"strings"
)

// segment is what is known of one.
type segment struct {
	name           string
	first, through uint64
	numbers        []uint64
	devices        []uint64
	bad            map[uint64]int // of damaged records: their problem
}

// segment reads one file.
func (f *folder) segment(name string) {
	s := &segment{name: name, bad: map[uint64]int{}}
	_, _ = fmt.Sscanf(name, "%16x", &s.first)
	f.segments = append(f.segments, s)
	harmful := 0
	p := &pages{b: f.read(name), tell: func(p Problem, format string, args ...any) {
		p.File = name
		if f.check(false, p, format, args...); !p.Harmless {
			harmful++
		}
	}}
	records, small := p.buckets()
	facts := map[string][]byte{}
	for _, e := range small {
		facts[string(e.key)] = e.value
	}
	got, bad := f.values(s, records)
	said := f.facts(s, facts, got, harmful == 0)
	if harmful == 0 && len(bad) == 0 && said.num != nil {
		f.compare(name, said, got)
	}
	for _, n := range bad { // whose they are only the summary tells
		owner := uint64(0)
		for _, d := range said.list["summary.devices"] {
			if dev := d.num["summary.device"]; owner == 0 && d.num["summary.present"] > got.num["device "+fmt.Sprint(dev)] {
				owner = dev
			}
		}
		got.num["device "+fmt.Sprint(owner)]++
		s.numbers, s.devices = append(s.numbers, n), append(s.devices, owner)
	}
}

// values reads the records. got is what a summary of the sound ones has to say.
func (f *folder) values(s *segment, records []element) (got item, bad []uint64) {
	got.num = map[string]uint64{"summary.records": 0, "summary.bytes": 0}
	for _, e := range records {
		at := Problem{File: s.name, Page: e.page, Field: "key"}
		if len(e.key) != 8 || be(e.key) < s.first {
			f.check(false, at, "%x is no number of this file", e.key)
			continue
		}
		n, v := be(e.key), e.value
		at.Record, at.Field = n, "value.record"
		sound := len(v) >= 23 && len(v) <= 1<<16
		if f.check(sound, at, "it is of %d bytes", len(v)); sound {
			at.Field, sound = "value.crc", be(v[:4]) == sum(append(slices.Clone(e.key), v[4:]...))
			f.check(sound, at, "it does not fit")
		}
		if !sound {
			bad, s.bad[n] = append(bad, n), len(f.problems)-1
			continue
		}
		device, boot, mono := be(v[5:7]), be(v[11:15]), be(v[15:23])
		at.Field = "value.mono"
		f.check(int64(mono) >= 0, at, "%d", int64(mono))
		at.Field = "value.boot"
		f.check(boot > 0, at, "boots begin with 1")
		if got.num["summary.records"] == 0 {
			got.num["summary.first"], got.num["summary.oldest_boot"], got.num["summary.oldest_mono"] = n, boot, mono
		}
		got.num["summary.last"], got.num["summary.newest_boot"], got.num["summary.newest_mono"] = n, boot, mono
		got.num["summary.records"]++
		got.num["summary.bytes"] += uint64(len(v) - 23)
		got.num["device "+fmt.Sprint(device)]++
		s.numbers, s.devices = append(s.numbers, n), append(s.devices, device)
		f.boot = max(f.boot, boot)
	}
	return got, bad
}

// facts reads the small bucket, and gives the summary in it.
func (f *folder) facts(s *segment, facts map[string][]byte, got item, whole bool) (said item) {
	for _, fact := range []string{"format", "ledger", "summary", "rows", "thinned"} {
		b, there := facts[fact]
		f.check(there || !whole || fact == "thinned", Problem{File: s.name, Field: fact + ".crc"}, "there is no %s", fact)
		f.check(!there || sealed(b), Problem{File: s.name, Field: fact + ".crc"}, "it does not fit")
		if !there || !sealed(b) {
			continue
		}
		d := &decoder{b: b}
		it := d.items(layouts()[fact])
		switch rows := it.list["rows.rows"]; {
		case fact == "format" && it.num["format.first"] != s.first:
			d.bad("format.first", "it is the file of number %d", it.num["format.first"])
		case fact == "ledger" && d.field == "":
			f.adopt(it)
		case fact == "summary" && d.field == "":
			said = it
		case fact == "rows" && got.num["summary.records"] > 0 && (len(rows) == 0 || rows[0].num["row.gap"] != s.first):
			d.bad("row.gap", "the first row does not begin with number %d", s.first)
		case fact == "rows":
			for i := range rows {
				if i > 0 && rows[i].num["row.gap"] == 0 {
					d.bad("row.gap", "two rows begin with one number")
				}
			}
		case fact == "thinned":
			if s.through = it.num["thinned.through"]; s.through < got.num["summary.last"] {
				d.bad("thinned.through", "%d, and record %d is in it", s.through, got.num["summary.last"])
			}
		}
		f.check(d.field == "", Problem{File: s.name, Field: d.field}, "%s", d.why)
	}
	return said
}

// compare holds a summary against what the file has.
func (f *folder) compare(name string, said, got item) {
	for _, d := range said.list["summary.devices"] {
		dev := "device " + fmt.Sprint(d.num["summary.device"])
		has := got.num[dev]
		delete(got.num, dev)
		f.check(has > 0, Problem{File: name, Field: "summary.device"}, "it has no record of %s", dev)
		f.check(has == 0 || has == d.num["summary.present"], Problem{File: name, Field: "summary.present"}, "it has %d records of %s", has, dev)
	}
	for field, has := range got.num {
		if strings.HasPrefix(field, "device ") {
			f.check(false, Problem{File: name, Field: "summary.device"}, "it has %d records of %s", has, field)
			continue
		}
		f.check(said.num[field] == has, Problem{File: name, Field: field}, "it says %d, the records %d", said.num[field], has)
	}
}
