// Package formattest reads the folder of a queue by what docs/format.md says of it,
// and by nothing else: it shares no code with what writes and reads it in the
// program. Tests hold the two against each other, so that it is seen where the page
// says something else than the program does. Only tests import it.
package formattest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
	beyond   [][2]uint64       // spans that are through beyond the mark
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

// count says which records there are. A number that the next file may have as well
// is read there, and a file that a thinned one stands for is not read at all.
func (f *folder) count() {
	last := f.ledger.num["ledger.mark"]
	for _, s := range f.ledger.list["ledger.beyond"] {
		from := last + s.num["beyond.gap"]
		last = from + s.num["beyond.length"]
		f.beyond = append(f.beyond, [2]uint64{from, last})
	}
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
	return n <= f.ledger.num["ledger.mark"] || slices.ContainsFunc(f.beyond, func(s [2]uint64) bool { return s[0] <= n && n <= s[1] })
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
	for _, s := range f.beyond {
		at.Field = "beyond.length"
		f.check(f.state.num == nil || s[1] < f.state.num["slot.reserved"], at, "%d is not reserved", s[1])
	}
	for _, field := range []string{"ledger.mark", "ledger.through"} {
		at.Field = field
		f.check(f.state.num == nil || l.num[field] < f.state.num["slot.reserved"], at, "%d is not reserved", l.num[field])
	}
}
