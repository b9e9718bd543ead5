// Package formattest reads the folder of a queue by what docs/format.md says of it,
// and by nothing else: it shares no code with what writes and reads it in the
// program. Tests hold the two against each other, so that it is seen where the page
// says something else than the program does. Only tests import it.
package formattest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Problem is something that is not as the page says.
type Problem struct {
	File     string // plain file name, or "ledger": the one that counts
	Page     uint64 // of a segment or of the state file
	Field    string // of the table; or page, meta, bucket, books, file
	Record   uint64 // its number, 0 where none is meant
	What     string
	Harmless bool // a power cut may leave it, and a start mends it without loss
}

// Summary is what was looked at.
type Summary struct {
	Segments, Records, Waiting, Kept int
	Generation                       uint64 // of the ledger that counts
	Clean                            bool   // the queue was stopped
}

type segment struct {
	name           string
	first, through uint64
	numbers        []uint64
	devices        []uint64
	bad            map[uint64]int // of damaged records: their problem
}

// folder is what is known of it so far.
type folder struct {
	Summary
	dir      string
	names    []string
	problems []Problem
	ledger   item
	state    item // the slot that counts; without a num there is none
	segments []*segment
	held     map[string]uint64 // records by file
	present  map[uint64]uint64 // those that wait, by device
	boot     uint64            // highest boot index of a record
	starts   uint64            // and that the state knows
}

// Verify reads the folder of a queue that nobody writes meanwhile.
func Verify(dir string) ([]Problem, Summary) {
	f := &folder{dir: dir, held: map[string]uint64{}, present: map[uint64]uint64{}}
	entries, err := os.ReadDir(dir)
	f.check(err == nil, Problem{Field: "file"}, "%v", err)
	for _, e := range entries {
		f.names = append(f.names, e.Name()) // they are sorted, and so are their numbers
	}
	f.slots()
	for _, name := range f.names {
		if regexp.MustCompile(`^[0-9a-f]{16}\.seg$`).MatchString(name) {
			f.segment(name)
		}
		f.check(!regexp.MustCompile(`\.(tmp|salvage|moved)$`).MatchString(name),
			Problem{File: name, Field: "file", Harmless: true}, "left by a power cut")
	}
	f.count()
	f.notes()
	f.books()
	for _, name := range f.names {
		if name == "quarantine.log" || name == "quarantine.log.1" {
			f.lines(name)
		}
	}
	f.Segments, f.Generation = len(f.segments), f.ledger.num["ledger.generation"]
	return f.problems, f.Summary
}

func (f *folder) check(ok bool, p Problem, format string, args ...any) {
	if !ok {
		p.What = fmt.Sprintf(format, args...)
		f.problems = append(f.problems, p)
	}
}

func (f *folder) read(name string) []byte {
	b, err := os.ReadFile(filepath.Join(f.dir, name))
	f.check(err == nil, Problem{File: name, Field: "file"}, "%v", err)
	return b
}

// adopt has the ledger count that has the highest generation.
func (f *folder) adopt(l item) {
	if l.num["ledger.generation"] > f.ledger.num["ledger.generation"] {
		f.ledger = l
	}
}

// slots reads the state file. A slot that is all zeros was never written.
func (f *folder) slots() {
	if !slices.Contains(f.names, "state") {
		segments := slices.ContainsFunc(f.names, func(s string) bool { return strings.HasSuffix(s, ".seg") })
		f.check(!segments, Problem{File: "state", Field: "file"}, "it is not there")
		return
	}
	b := f.read("state")
	size := max(pageSize, len(b)/3/pageSize*pageSize)
	before := len(f.problems)
	for i := range 3 {
		slot := b[min(len(b), i*size):min(len(b), (i+1)*size)]
		if len(bytes.Trim(slot, "\x00")) == 0 {
			continue
		}
		s, field, why := readSlot(slot, i < 2)
		f.check(field == "", Problem{File: "state", Page: uint64(i * size / pageSize), Field: field}, "slot %d: %s", i, why)
		if field == "" && (f.state.num == nil || generation(s) > generation(f.state)) {
			f.state = s
		}
	}
	for i := range f.problems[before:] {
		f.problems[before+i].Harmless = f.state.num != nil && f.problems[before+i].Field != "slot.version"
	}
	if f.check(f.state.num != nil, Problem{File: "state", Field: "file"}, "no slot of it counts"); f.state.num != nil {
		f.adopt(f.state.list["slot.ledger"][0])
		f.Clean = f.state.num["slot.clean"] == 1
	}
}

func generation(s item) uint64 { return s.list["slot.ledger"][0].num["ledger.generation"] }

func readSlot(b []byte, synced bool) (s item, field, why string) {
	n := uint64(0)
	if len(b) >= 14 {
		n = le(b[10:14]) + 18
	}
	switch {
	case len(b) < 18 || string(b[:8]) != "porttiQ\n":
		return s, "slot.magic", "it is another one"
	case n > uint64(len(b)):
		return s, "slot.length", "it goes beyond the slot"
	case !sealed(b[:n]):
		return s, "slot.crc", "it does not fit"
	case synced && len(bytes.Trim(b[n:], "\x00")) > 0:
		return s, "slot.zeros", "there is more behind it"
	}
	d := &decoder{b: b[:n]}
	s = d.items(layouts()["slot"])
	ids := map[string]bool{}
	for _, start := range s.list["slot.starts"] {
		id := start.text["start.id"]
		if ids[id] && strings.Trim(id, "\x00") != "" {
			d.bad("start.id", "%x comes twice", id)
		}
		ids[id] = true
	}
	if !ids[s.text["slot.boot"]] {
		d.bad("slot.boot", "it is none of the starts")
	}
	return s, d.field, d.why
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
	got.num = map[string]uint64{}
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

// count says which records there are. A number that the next file may have as well
// is read there, and a file that a thinned one stands for is not read at all.
func (f *folder) count() {
	for i, s := range f.segments {
		end, instead := ^uint64(0), false
		for k, o := range f.segments {
			instead = instead || k < i && s.first <= o.through
			if k > i && end == ^uint64(0) && o.first > s.through {
				end = o.first
			}
		}
		if f.check(!instead, Problem{File: s.name, Field: "file", Harmless: true}, "it went into one before it"); instead {
			continue
		}
		for k, n := range s.numbers {
			at := Problem{File: s.name, Record: n, Field: "value.device"}
			if n >= end {
				continue
			}
			f.held[s.name]++
			problem, bad := s.bad[n]
			if bad && f.gone(n) {
				f.problems[problem].Harmless = true // it was set aside, or delivered
			} else if !f.gone(n) {
				f.present[s.devices[k]]++
			}
			if bad {
				continue
			}
			f.check(int(s.devices[k]) < len(f.ledger.list["ledger.accounts"]), at, "the ledger has no device %d", s.devices[k])
			if at.Field = "slot.reserved"; f.state.num != nil {
				f.check(n < f.state.num["slot.reserved"], at, "it is not reserved")
			}
			at.File, at.Field = "ledger", "ledger.through"
			f.check(n <= f.ledger.num["ledger.through"], at, "it is above it")
			f.Records++
			if !f.gone(n) {
				f.Waiting++
			}
		}
	}
}

// gone says that a number is through by the ledger that counts.
func (f *folder) gone(n uint64) bool {
	return n <= f.ledger.num["ledger.mark"] || slices.ContainsFunc(f.beyond(), func(s [2]uint64) bool { return s[0] <= n && n <= s[1] })
}

func (f *folder) beyond() (spans [][2]uint64) {
	last := f.ledger.num["ledger.mark"]
	for _, s := range f.ledger.list["ledger.beyond"] {
		from := last + s.num["beyond.gap"]
		last = from + s.num["beyond.length"]
		spans = append(spans, [2]uint64{from, last})
	}
	return spans
}

// notes holds the segments that the state names against those that are there.
func (f *folder) notes() {
	var first uint64
	notes := f.state.list["slot.notes"]
	for i, note := range notes {
		first += note.num["note.gap"]
		end := f.state.num["slot.reserved"]
		if i+1 < len(notes) {
			end = first + notes[i+1].num["note.gap"]
		}
		name, n := fmt.Sprintf("%016x.seg", first), note.num["note.records"]
		there := slices.Contains(f.names, name)
		instead := slices.ContainsFunc(f.segments, func(s *segment) bool { return s.first < first && first <= s.through })
		missed := !there && n > 0 && end-1 > f.ledger.num["ledger.mark"] && !instead && !slices.Contains(f.names, name+".salvage")
		f.check(!missed, Problem{File: name, Field: "file"}, "it is not there, and held %d records", n)
		f.check(!there || !f.Clean || f.held[name] >= n, Problem{File: name, Field: "note.records"}, "%d, and %d are there", n, f.held[name])
	}
	for _, s := range f.state.list["slot.starts"] {
		f.starts = max(f.starts, s.num["start.index"])
	}
	f.check(f.state.num == nil || f.boot <= f.starts, Problem{File: "state", Field: "start.index"}, "a record is of boot %d", f.boot)
}

// books holds the ledger that counts against what is there.
func (f *folder) books() {
	at, l := Problem{File: "ledger"}, f.ledger
	known := map[string]bool{}
	once := func(field, name string) {
		at.Field = field
		f.check(name != "" && !known[field+name], at, "%q is empty, or comes twice", name)
		known[field+name] = true
	}
	for _, r := range l.list["ledger.reasons"] {
		once("ledger.reason", r.text["ledger.reason"])
	}
	for _, s := range l.list["ledger.imports"] {
		once("import.gateway", s.text["import.gateway"]+fmt.Sprintf(" %x", s.num["import.epoch"]))
	}
	var read uint64
	for i, a := range l.list["ledger.accounts"] {
		if i > 0 {
			once("account.name", a.text["account.name"])
		}
		found := a.num["account.released"] + a.num["account.quarantined"] + f.present[uint64(i)]
		for _, lost := range a.list["account.losses"] {
			found += lost.num["account.lost"]
		}
		at.Field, at.Harmless = "books", found > a.num["account.read"]
		f.check(found == a.num["account.read"], at, "device %q: %d read, %d found", a.text["account.name"], a.num["account.read"], found)
		read += a.num["account.read"]
	}
	at.Field, at.Harmless = "ledger.accepted", false
	f.check(l.num["ledger.accepted"] <= read, at, "%d of %d read", l.num["ledger.accepted"], read)
	for _, s := range f.beyond() {
		at.Field = "beyond.length"
		f.check(f.state.num == nil || s[1] < f.state.num["slot.reserved"], at, "%d is not reserved", s[1])
	}
	for _, field := range []string{"ledger.mark", "ledger.through"} {
		at.Field = field
		f.check(f.state.num == nil || l.num[field] < f.state.num["slot.reserved"], at, "%d is not reserved", l.num[field])
	}
}

// lines reads a file of records that were set aside.
func (f *folder) lines(name string) {
	for rest := f.read(name); len(rest) > 0; {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		rest = after
		var v struct {
			Number                             uint64
			Epoch, Reason, Device, Record, Raw string
			Boot                               uint32
			Mono                               int64 `json:"mono_ms"`
		}
		at := Problem{File: name, Field: "log.line", Harmless: !whole}
		err := json.Unmarshal(line, &v)
		if typed := (*json.UnmarshalTypeError)(nil); errors.As(err, &typed) {
			at.Field, at.Harmless = "log."+strings.ToLower(typed.Field), false
		}
		if f.check(err == nil, at, "%v", err); err != nil {
			continue
		}
		f.Kept++
		_, raw := base64.StdEncoding.DecodeString(v.Raw)
		for field, ok := range map[string]bool{"number": v.Number > 0, "reason": v.Reason != "", "mono_ms": v.Mono >= 0, "raw": raw == nil,
			"epoch":  regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(v.Epoch),
			"boot":   f.state.num == nil || uint64(v.Boot) <= f.starts,
			"record": utf8.Valid(line) && (v.Record == "" || v.Raw == ""),
			"device": v.Device == "" || slices.ContainsFunc(f.ledger.list["ledger.accounts"], func(a item) bool { return a.text["account.name"] == v.Device }),
		} {
			f.check(ok, Problem{File: name, Record: v.Number, Field: "log." + field}, "it cannot be so: %s", line)
		}
	}
}
