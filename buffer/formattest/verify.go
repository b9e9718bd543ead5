// Package formattest reads the folder of a queue by what docs/format.md says of it,
// and by nothing else: it shares no code with what writes and reads it in the
// program. Tests hold the two against each other, so that it is seen where the page
// says something else than the program does. Only tests import it.
package formattest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
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
	Field    string // of the table; or page, meta, bucket, books, file
	What     string
	Harmless bool // a power cut may leave it, and a start mends it without loss
}

// Summary is what was looked at.
type Summary struct {
	Segments, Records, Waiting, Kept int
	Clean                            bool // the queue was stopped
}

// folder is what is known of it so far.
type folder struct {
	Summary
	files            map[string][]byte
	problems         []Problem
	slots, segments  []*source         // the latter by number
	state, ledger    *source           // those that count
	through          [][2]uint64       // numbers, by that ledger
	reserved, starts uint64            // by the state: the first number, and the last boot
	present          map[uint64]uint64 // records that wait, by device
}

// Verify reads the folder of a queue that nobody writes meanwhile.
func Verify(dir string) ([]Problem, Summary) {
	f := &folder{files: map[string][]byte{}, present: map[uint64]uint64{}}
	entries, err := os.ReadDir(dir)
	f.check(err == nil, dir, "file", "%v", err)
	for _, e := range entries { // they are sorted, and so by number
		f.files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name()))
		f.check(err == nil, e.Name(), "file", "%v", err)
		if regexp.MustCompile(`^[0-9a-f]{16}\.seg$`).MatchString(e.Name()) {
			f.segment(e.Name())
		}
	}
	f.readState(f.files["state"])
	f.choose()
	end := uint64(math.MaxUint64)
	for _, s := range slices.Backward(f.segments) {
		f.records(s, end)
		end = s.first
	}
	f.notes()
	f.books()
	f.lines("quarantine.log")
	f.lines("quarantine.log.1")
	for _, s := range slices.Concat(f.slots, f.segments) {
		if !f.check(s.Field == "", s.File, s.Field, "%s", s.What) { // a slot that is torn is none
			f.problems[len(f.problems)-1].Harmless = s.Field == "slot.crc" || s.Field == "slot.length"
		}
	}
	return f.problems, f.Summary
}

func (f *folder) check(ok bool, file, field, format string, args ...any) bool {
	if !ok {
		f.problems = append(f.problems, Problem{File: file, Field: field, What: fmt.Sprintf(format, args...)})
	}
	return ok
}

// readState reads the slots. One that is all zeros was never written.
func (f *folder) readState(b []byte) {
	size := max(pageSize, len(b)/3/pageSize*pageSize)
	for slot := range slices.Chunk(append(b, make([]byte, 3*size)...)[:3*size], size) {
		if len(bytes.Trim(slot, "\x00")) == 0 {
			continue
		}
		s, length := &source{Problem: Problem{File: "state"}, has: map[string][]Span{}}, 18+le(slot[10:14])
		if s.hold(length <= uint64(size), "slot.length", "%d bytes", length) && s.fact("slot", slot[:length]) {
			ledger, boot := s.has["slot.ledger"][0], s.has["slot.boot"][0]
			known := func(id Span) bool { return id.text == boot.text }
			s.hold(slices.ContainsFunc(s.has["start.id"], known), "slot.boot", "it is none of the starts")
			s.b, s.at = []byte(ledger.text[len(ledger.text)-int(ledger.num):]), 0
			s.fields("ledger", 0)
		}
		f.slots = append(f.slots, s)
	}
}

// segment reads a file, but for what is in its records. One that went into a thinned one is not read.
func (f *folder) segment(name string) {
	s := &source{Problem: Problem{File: name}, has: map[string][]Span{}}
	if _, _ = fmt.Sscanf(name, "%16x", &s.first); f.thinned(s.first) {
		return
	}
	f.segments = append(f.segments, s)
	small, records := s.buckets(f.files[name])
	facts := map[string][]byte{}
	for _, e := range small {
		facts[string(e.key)] = e.value
	}
	for _, fact := range []string{"format", "ledger", "summary", "rows", "thinned"} {
		if fact != "thinned" || facts[fact] != nil {
			s.fact(fact, facts[fact])
		}
	}
	above := func(e element) bool { return be(e.key) > s.num("thinned.through") }
	s.hold(s.num("format.first") == s.first, "format.first", "it is the file of another number")
	s.hold(s.num("row.gap") == s.first || len(records) == 0, "row.gap", "they begin with another number")
	s.hold(facts["thinned"] == nil || !slices.ContainsFunc(records, above), "thinned.through", "there are records above it")
	s.records = records
}

// thinned says that the file of this number went into one before it.
func (f *folder) thinned(first uint64) bool {
	return slices.ContainsFunc(f.segments, func(s *source) bool { return s.first < first && first <= s.num("thinned.through") })
}

// choose has the newest slot and ledger count, and holds them against each other.
func (f *folder) choose() {
	none := []Span{{num: math.MaxUint64}}
	f.state = &source{has: map[string][]Span{"slot.reserved": none, "start.index": none}}
	f.ledger = &source{}
	for _, s := range append(f.slots, f.segments...) {
		if s.Field == "" && s.num("ledger.generation") > f.ledger.num("ledger.generation") {
			if f.ledger = s; s.has["slot.crc"] != nil {
				f.state = s
			}
		}
	}
	f.check(f.state.b != nil || f.segments == nil && f.files["state"] == nil, "state", "file", "no slot of it counts")
	f.Segments, f.Clean, f.reserved = len(f.segments), f.state.num("slot.clean") == 1, f.state.num("slot.reserved")
	for _, index := range f.state.has["start.index"] {
		f.starts = max(f.starts, index.num)
	}
	for _, l := range append(f.slots, f.ledger) {
		l.hold(l.num("ledger.through") < f.reserved, "ledger.through", "%d is not reserved", l.num("ledger.through"))
		f.through = [][2]uint64{{0, l.num("ledger.mark")}}
		for i, length := range l.has["beyond.length"] {
			from := f.through[i][1] + l.has["beyond.gap"][i].num
			f.through = append(f.through, [2]uint64{from, from + length.num})
			l.hold(f.through[i][1] < from && from <= from+length.num, "beyond.length", "%d more than %d", length.num, from)
		}
		for i, s := range f.through {
			l.hold(s[1] < f.reserved, []string{"ledger.mark", "beyond.length"}[min(i, 1)], "%d is not reserved", s[1])
		}
	}
}

// gone says that a number is through by the ledger that counts.
func (f *folder) gone(n uint64) bool {
	return slices.ContainsFunc(f.through, func(s [2]uint64) bool { return s[0] <= n && n <= s[1] })
}

// records reads those of a segment. A number that the next one may have as well, from end on, is read there.
func (f *folder) records(s *source, end uint64) {
	got, devices := map[string]uint64{"summary.records": 0, "summary.bytes": 0}, map[uint64]uint64{}
	for _, e := range s.records {
		n, v := be(e.key), e.value
		if !s.hold(len(e.key) == 8 && n >= s.first, "key", "%x is no number of this file", e.key) {
			return
		}
		if n < end {
			s.held++
		}
		if len(v) < 23 || len(v) > 1<<16 || be(v[:4]) != sum(slices.Concat(e.key, v[4:])) {
			s.hold(f.gone(n), "value.crc", "record %d does not fit", n)
			continue
		}
		device, boot, mono := be(v[5:7]), be(v[11:15]), be(v[15:23])
		s.hold(boot > 0, "value.boot", "record %d: boots begin with 1", n)
		s.hold(boot <= f.starts, "start.index", "record %d is of boot %d", n, boot)
		s.hold(int64(mono) >= 0, "value.mono", "record %d: %d", n, int64(mono))
		if devices[device]++; got["summary.records"] == 0 {
			got["summary.first"], got["summary.oldest_boot"], got["summary.oldest_mono"] = n, boot, mono
		}
		got["summary.last"], got["summary.newest_boot"], got["summary.newest_mono"] = n, boot, mono
		got["summary.records"]++
		got["summary.bytes"] += uint64(len(v) - 23)
		if n >= end {
			continue
		}
		s.hold(device < uint64(len(f.ledger.has["account.name"])), "value.device", "record %d: the ledger has no %d", n, device)
		s.hold(n < f.reserved, "slot.reserved", "record %d is not below it", n)
		s.hold(n <= f.ledger.num("ledger.through"), "ledger.through", "record %d is above it", n)
		if f.Records++; !f.gone(n) {
			f.Waiting++
			f.present[device]++
		}
	}
	if got["summary.records"] == uint64(len(s.records)) { // the summary is of all that are sound
		s.summary(got, devices)
	}
}

// summary holds it against what is in the records.
func (s *source) summary(got map[string]uint64, devices map[uint64]uint64) {
	for field, n := range got {
		s.hold(s.num(field) == n, field, "%d, by the records %d", s.num(field), n)
	}
	for i, device := range s.has["summary.device"] {
		n := devices[device.num]
		s.hold(n > 0, "summary.device", "there is no record of %d", device.num)
		s.hold(n == s.has["summary.present"][i].num, "summary.present", "there are %d records of device %d", n, device.num)
	}
	s.hold(len(devices) == len(s.has["summary.device"]), "summary.device", "there are records of %v", devices)
}

// notes holds the segments that the state names against those that are there.
func (f *folder) notes() {
	first, gaps := uint64(0), append(f.state.has["note.gap"], Span{num: f.reserved})
	for i, records := range f.state.has["note.records"] {
		first += gaps[i].num
		name, last := fmt.Sprintf("%016x.seg", first), min(f.reserved, first+gaps[i+1].num)-1
		there := f.files[name] != nil || f.files[name+".salvage"] != nil || f.thinned(first)
		f.check(there || records.num == 0 || last <= f.ledger.num("ledger.mark"), name, "file", "it is not there, with %d records", records.num)
		short := func(s *source) bool { return s.first == first && s.held < records.num }
		f.check(!f.Clean || !slices.ContainsFunc(f.segments, short), name, "note.records", "%d, and there are fewer", records.num)
	}
}

// books holds the ledger that counts against what is there.
func (f *folder) books() {
	l, lost, read := f.ledger, f.ledger.has["account.lost"], uint64(0)
	for i, account := range l.has["account.read"] {
		found := l.has["account.released"][i].num + l.has["account.quarantined"][i].num + f.present[uint64(i)]
		for range l.has["account.losses"][i].num {
			found, lost = found+lost[0].num, lost[1:]
		}
		if !f.check(found == account.num, "ledger", "books", "device %d: %d read, %d found", i, account.num, found) {
			f.problems[len(f.problems)-1].Harmless = found > account.num
		}
		read += account.num
	}
	f.check(l.num("ledger.accepted") <= read, "ledger", "ledger.accepted", "%d of %d read", l.num("ledger.accepted"), read)
}

// lines reads a file of records that were set aside. A power cut may leave the last line unfinished.
func (f *folder) lines(name string) {
	forms := map[string]string{"number": `^[1-9]\d{0,18}$`, "epoch": `^"[0-9a-f]{16}"$`, "reason": `^".+"$`, "device": `^".*"$`, "boot": `^\d+$`,
		"mono_ms": `^\d+$`, "record": `^(".*")?$`, "raw": `^("([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")?$`}
	for line := range bytes.Lines(f.files[name]) {
		var text map[string]json.RawMessage
		if err := json.Unmarshal(line, &text); err != nil {
			f.check(!bytes.HasSuffix(line, []byte("\n")), name, "log.line", "%v", err)
			continue
		}
		f.Kept++
		for field, form := range forms {
			f.check(regexp.MustCompile(form).Match(text[field]), name, "log."+field, "it cannot be so: %s", line)
		}
		device, boot := "", uint64(0)
		_, _ = json.Unmarshal(text["device"], &device), json.Unmarshal(text["boot"], &boot)
		known := func(a Span) bool { return a.num == uint64(len(device)) && strings.HasSuffix(a.text, device) }
		f.check(device == "" || slices.ContainsFunc(f.ledger.has["account.name"], known), name, "log.device", "%q has no account", device)
		f.check(boot <= f.starts, name, "log.boot", "%d is not known", boot)
		f.check(utf8.Valid(line) && (text["record"] == nil || text["raw"] == nil), name, "log.record", "%s", line)
	}
}
