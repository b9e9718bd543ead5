// Package formattest reads the folder of a queue by what docs/format.md says of it,
// and by nothing else: it shares no code with what writes and reads it in the
// program. Tests hold the two against each other, so that it is seen where the page
// says something else than the program does. Only tests import it.
package formattest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"unicode/utf8"
)

// Problem is something that is not as the page says.
type Problem struct {
	File     string // plain file name, or "ledger": the one that counts
	Field    string // of the table; or page, meta, bucket, books, file
	What     string
	Harmless bool // a power cut may leave it, and a start mends it without loss
}

// Summary is what was looked at.
type Summary struct {
	Segments, Records, Waiting, Kept int
	Clean                            bool // the queue was stopped
}

// segment is what is known of one before its records are looked at.
type segment struct {
	name    string
	first   uint64
	records []element
	facts   *fact // what all sound facts in it have
	whole   bool  // its pages are as they should be
}

// folder is what is known of it so far.
type folder struct {
	Summary
	files    map[string][]byte
	problems []Problem
	ledger   *fact  // the one that counts
	state    *fact  // the slot that counts
	reserved uint64 // by it
	starts   uint64 // the highest index of a boot in it
	segments []segment
	held     map[string]uint64 // records by file
	present  map[uint64]uint64 // those that wait, by device
}

// Verify reads the folder of a queue that nobody writes meanwhile.
func Verify(dir string) ([]Problem, Summary) {
	f := &folder{files: map[string][]byte{}, held: map[string]uint64{}, present: map[uint64]uint64{}, ledger: &fact{}, state: &fact{},
		reserved: math.MaxUint64, starts: math.MaxUint64}
	entries, err := os.ReadDir(dir)
	f.check(err == nil, dir, "file", "%v", err)
	for _, e := range entries {
		f.files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name()))
		f.check(err == nil, e.Name(), "file", "%v", err)
	}
	f.slots()
	for _, name := range slices.Sorted(maps.Keys(f.files)) { // and so by number
		if regexp.MustCompile(`^[0-9a-f]{16}\.seg$`).MatchString(name) {
			f.segment(name)
		}
	}
	f.check(f.state.has != nil || len(f.segments) == 0 && f.files["state"] == nil, "state", "file", "no slot of it counts")
	end := uint64(math.MaxUint64)
	for _, s := range slices.Backward(f.segments) {
		f.values(s, end)
		end = s.first
	}
	f.notes()
	f.books()
	f.lines("quarantine.log")
	f.lines("quarantine.log.1")
	f.Segments = len(f.segments)
	return f.problems, f.Summary
}

func (f *folder) check(ok bool, file, field, format string, args ...any) bool {
	if !ok {
		f.problems = append(f.problems, Problem{File: file, Field: field, What: fmt.Sprintf(format, args...)})
	}
	return ok
}

// thinned says that the file of this number went into one before it.
func (f *folder) thinned(first uint64) bool {
	return slices.ContainsFunc(f.segments, func(s segment) bool { return s.first < first && first <= s.facts.num("thinned.through") })
}

// gone says that a number is through by the ledger that counts.
func (f *folder) gone(n uint64) bool {
	last, lengths := f.ledger.num("ledger.mark"), f.ledger.has["beyond.length"]
	gone := n <= last
	for i, gap := range f.ledger.has["beyond.gap"] {
		from := last + gap.num
		last = from + lengths[i].num
		gone = gone || from <= n && n <= last
	}
	return gone
}

// slots reads the state file. A slot that is all zeros was never written.
func (f *folder) slots() {
	b := f.files["state"]
	size := max(pageSize, len(b)/3/pageSize*pageSize)
	for i := range 3 {
		slot := b[min(len(b), i*size):min(len(b), (i+1)*size)]
		if len(bytes.Trim(slot, "\x00")) == 0 {
			continue
		}
		length := 18 + le(slot[min(len(slot), 10):min(len(slot), 14)])
		f.check(length <= uint64(len(slot)), "state", "slot.length", "slot %d is of %d bytes", i, length)
		s := parse("slot", slot[:min(length, uint64(len(slot)))])
		known := func(id Span) bool { return id.text == s.has["slot.boot"][0].text }
		s.hold(slices.ContainsFunc(s.has["start.id"], known), "slot.boot", "it is none of the starts")
		f.check(s.wrong == "", "state", s.wrong, "slot %d: %s", i, s.why)
		if s.wrong == "" && s.num("ledger.generation") > f.ledger.num("ledger.generation") {
			f.state, f.ledger, f.reserved, f.Clean = s, s, s.num("slot.reserved"), s.num("slot.clean") == 1
			f.starts = slices.MaxFunc(s.has["start.index"], func(a, b Span) int { return cmp.Compare(a.num, b.num) }).num
		}
	}
	for i, p := range f.problems { // another slot counts, but of a later version nothing is touched
		f.problems[i].Harmless = f.state.has != nil && p.File == "state" && p.Field != "slot.version"
	}
}

// segment reads a file, but for what is in its records. One that went into a thinned one is not read.
func (f *folder) segment(name string) {
	s := segment{name: name, facts: &fact{has: map[string][]Span{}}, whole: true}
	_, _ = fmt.Sscanf(name, "%16x", &s.first)
	if f.thinned(s.first) {
		return
	}
	p := &pages{b: f.files[name], seen: map[uint64]bool{}, check: func(ok bool, field, format string, args ...any) bool {
		s.whole = f.check(ok, name, field, format, args...) && s.whole
		return ok
	}}
	records, small := p.buckets()
	facts := map[string][]byte{}
	for _, e := range small {
		facts[string(e.key)] = e.value
	}
	for _, fact := range []string{"format", "ledger", "summary", "rows", "thinned"} {
		if facts[fact] == nil && (fact == "thinned" || !s.whole) {
			continue
		}
		d := parse(fact, facts[fact])
		above := func(e element) bool { return be(e.key) > d.num("thinned.through") }
		d.hold(fact != "format" || d.num("format.first") == s.first, "format.first", "it is the file of another number")
		d.hold(fact != "rows" || d.num("row.gap") == s.first || len(records) == 0, "row.gap", "they begin with another number")
		d.hold(fact != "thinned" || !slices.ContainsFunc(records, above), "thinned.through", "there are records above it")
		if f.check(d.wrong == "", name, d.wrong, "%s", d.why) {
			maps.Copy(s.facts.has, d.has)
		}
	}
	if s.facts.num("ledger.generation") > f.ledger.num("ledger.generation") {
		f.ledger = s.facts
	}
	s.records = records
	f.segments = append(f.segments, s)
}

// values reads the records. A number that the next file may have as well, from end on, is read there.
func (f *folder) values(s segment, end uint64) {
	got, devices := map[string]uint64{"summary.records": 0, "summary.bytes": 0}, map[uint64]uint64{}
	for _, e := range s.records {
		if !f.check(len(e.key) == 8 && be(e.key) >= s.first, s.name, "key", "%x is no number of this file", e.key) {
			continue
		}
		n, v := be(e.key), e.value
		if n < end {
			f.held[s.name]++
		}
		if len(v) < 23 || len(v) > 1<<16 || be(v[:4]) != sum(slices.Concat(e.key, v[4:])) {
			f.check(f.gone(n), s.name, "value.crc", "record %d does not fit", n)
			s.whole = false
			continue
		}
		device, boot, mono := be(v[5:7]), be(v[11:15]), be(v[15:23])
		f.check(boot > 0, s.name, "value.boot", "record %d: boots begin with 1", n)
		f.check(boot <= f.starts, "state", "start.index", "record %d is of boot %d", n, boot)
		f.check(int64(mono) >= 0, s.name, "value.mono", "record %d: %d", n, int64(mono))
		if got["summary.records"]++; got["summary.records"] == 1 {
			got["summary.first"], got["summary.oldest_boot"], got["summary.oldest_mono"] = n, boot, mono
		}
		got["summary.last"], got["summary.newest_boot"], got["summary.newest_mono"] = n, boot, mono
		got["summary.bytes"] += uint64(len(v) - 23)
		devices[device]++
		if n >= end {
			continue
		}
		f.check(int(device) < len(f.ledger.has["account.name"]), s.name, "value.device", "record %d: the ledger has no %d", n, device)
		f.check(n < f.reserved, s.name, "slot.reserved", "record %d is not below it", n)
		f.check(n <= f.ledger.num("ledger.through"), "ledger", "ledger.through", "record %d is above it", n)
		if f.Records++; !f.gone(n) {
			f.Waiting++
			f.present[device]++
		}
	}
	if s.whole && s.facts.has["summary.crc"] != nil {
		f.compare(s, got, devices)
	}
}

// compare holds a summary against what is in the records.
func (f *folder) compare(s segment, got map[string]uint64, devices map[uint64]uint64) {
	for field, n := range got {
		f.check(s.facts.num(field) == n, s.name, field, "%d, by the records %d", s.facts.num(field), n)
	}
	for i, present := range s.facts.has["summary.present"] {
		d := s.facts.has["summary.device"][i].num
		f.check(devices[d] == present.num, s.name, "summary.present", "there are %d records of device %d", devices[d], d)
		delete(devices, d)
	}
	f.check(len(devices) == 0, s.name, "summary.device", "there are also %v", devices)
}

// notes holds the segments that the state names against those that are there.
func (f *folder) notes() {
	first, records := uint64(0), f.state.has["note.records"]
	gaps := append(f.state.has["note.gap"], Span{})
	for i, r := range records {
		first += gaps[i].num
		end := first + gaps[i+1].num
		if i+1 == len(records) {
			end = f.reserved
		}
		name := fmt.Sprintf("%016x.seg", first)
		there := f.files[name] != nil || f.files[name+".salvage"] != nil || f.thinned(first)
		f.check(there || r.num == 0 || end-1 <= f.ledger.num("ledger.mark"), name, "file", "it is not there, with %d records", r.num)
		missing := f.Clean && f.files[name] != nil && f.held[name] < r.num
		f.check(!missing, name, "note.records", "%d, and %d are there", r.num, f.held[name])
	}
}

// books holds the ledger that counts against what is there.
func (f *folder) books() {
	l, known := f.ledger, map[string]bool{}
	for _, field := range []string{"account.name", "ledger.reason", "import.gateway"} {
		for i, s := range l.has[field] {
			if field == "import.gateway" {
				s.text += fmt.Sprint(l.has["import.epoch"][i].num)
			}
			f.check(!known[field+s.text], "ledger", field, "%q comes twice", s.text)
			known[field+s.text] = true
		}
	}
	read, lost := uint64(0), l.has["account.lost"]
	for i, account := range l.has["account.read"] {
		found := l.has["account.released"][i].num + l.has["account.quarantined"][i].num + f.present[uint64(i)]
		for range l.has["account.losses"][i].num {
			found += lost[0].num
			lost = lost[1:]
		}
		if !f.check(found == account.num, "ledger", "books", "device %d: %d read, %d found", i, account.num, found) {
			f.problems[len(f.problems)-1].Harmless = found > account.num
		}
		read += account.num
	}
	f.check(l.num("ledger.accepted") <= read, "ledger", "ledger.accepted", "%d of %d read", l.num("ledger.accepted"), read)
	for _, field := range []string{"ledger.mark", "ledger.through"} {
		f.check(l.num(field) < f.reserved, "ledger", field, "%d is not reserved", l.num(field))
	}
}

// lines reads a file of records that were set aside. A power cut may leave the last line unfinished.
func (f *folder) lines(name string) {
	forms := map[string]string{"epoch": `^"[0-9a-f]{16}"$`, "reason": `^".+"$`, "device": `^".*"$`,
		"boot": `^\d+$`, "mono_ms": `^\d+$`, "record": `^(".*")?$`,
		"raw": `^("([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")?$`}
	for line := range bytes.Lines(f.files[name]) {
		var text map[string]json.RawMessage
		var v struct {
			Number, Boot uint64
			Device       string
		}
		if err := json.Unmarshal(line, &text); err != nil {
			f.check(!bytes.HasSuffix(line, []byte("\n")), name, "log.line", "%v", err)
			continue
		}
		f.Kept++
		for field, form := range forms {
			f.check(regexp.MustCompile(form).Match(text[field]), name, "log."+field, "it cannot be so: %s", line)
		}
		_ = json.Unmarshal(line, &v)
		known := func(account Span) bool { return account.text == v.Device }
		f.check(v.Device == "" || slices.ContainsFunc(f.ledger.has["account.name"], known), name, "log.device", "%q has no account", v.Device)
		f.check(v.Number > 0, name, "log.number", "it is not above 0")
		f.check(v.Boot <= f.starts, name, "log.boot", "%d is not known", v.Boot)
		f.check(utf8.Valid(line) && (text["record"] == nil || text["raw"] == nil), name, "log.record", "%s", line)
	}
}
