package formattest

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"strconv"
	"strings"
)

// layouts is the table: the fields of a fact, or of an item of a list, each with its kind and where it has them its lowest and highest
// value. Kinds: u and i are varints; g is a u that is one higher in all items but the first; t is a u and so many bytes; a number is so
// many bytes; * is a u and so many items. With a ! no two items are the same up to there. The checksum at the end is not named.
func layouts() map[string]string {
	return map[string]string{
		"format": "format.version 2 2 2, format.first 8",
		"ledger": "ledger.version 1 2 2, ledger.generation u 1, ledger.accepted u, ledger.through u, ledger.mark u, " +
			"ledger.beyond *, ledger.reasons *, ledger.accounts *, ledger.imports * 0 48",
		"ledger.beyond":   "beyond.gap g 1, beyond.length u",
		"ledger.reasons":  "ledger.reason t!",
		"ledger.accounts": "account.name t!, account.read u, account.released u, account.quarantined u, account.losses *",
		"account.losses":  "account.lost u",
		"ledger.imports":  "import.gateway t, import.epoch u!, import.spans * 0 32",
		"import.spans":    "import.gap g 1, import.length u",
		"summary": "summary.version 1 2 2, summary.records u, summary.bytes u, summary.first u, summary.last u, summary.oldest_boot u, " +
			"summary.newest_boot u, summary.oldest_mono i, summary.newest_mono i, summary.devices *",
		"summary.devices": "summary.device u 0 65535, summary.present u 1",
		"rows":            "rows.rows *",
		"rows.rows":       "row.gap g, row.changed * 0 1, row.epoch 8",
		"row.changed":     "row.gateway t",
		"thinned":         "thinned.level u 1 41, thinned.through u 1",
		"slot": "slot.magic 8 0x0A51697474726F70 0x0A51697474726F70, slot.version 2 2 2, slot.length 4, slot.ledger t, slot.epoch u, " +
			"slot.reserved u 1, slot.clean u 0 1, slot.boot 16, slot.last_good i, slot.starts * 0 32, slot.notes * 0 150",
		"slot.starts": "start.id 16!, start.index u 1 0xFFFFFFFF, start.mono i, start.known u 0 1, start.offset i, start.error i, start.seen i",
		"slot.notes":  "note.gap u 1, note.records u, note.unread u 0 1",
	}
}

// Span is where a field lies in its fact, and what is in it.
type Span struct {
	From, To int
	num      uint64
	text     string
}

// source is a slot or a segment: what was read of it, until something was wrong.
type source struct {
	Problem
	first   uint64 // of a segment, by its name
	records []element
	b       []byte // the fact that is being read, and how far
	at      int
	has     map[string][]Span // by field, of a list all of them
	once    map[string]bool   // what must not come again
}

// Fields says where the fields of a fact lie: format, ledger, summary, rows, thinned, or slot.
func Fields(fact string, b []byte) map[string][]Span {
	s := newSource("")
	s.fact(fact, b)
	return s.has
}

func newSource(file string) *source {
	return &source{Problem: Problem{File: file}, has: map[string][]Span{}, once: map[string]bool{}}
}

// hold says whether nothing was wrong so far.
func (s *source) hold(ok bool, field, format string, args ...any) bool {
	if !ok && s.Field == "" {
		s.Field, s.What = field, fmt.Sprintf(format, args...)
	}
	return s.Field == ""
}

// num is the number in a field, in the first of that name.
func (s *source) num(field string) uint64 { return append(s.has[field], Span{})[0].num }

// fact reads one, and says whether nothing was wrong so far.
func (s *source) fact(name string, b []byte) bool {
	end := max(0, len(b)-4)
	s.b, s.at, s.has[name+".crc"] = b[:end], 0, []Span{{From: end, To: len(b)}}
	if s.fields(name, 0); le(b[end:]) != sum(b[:end]) {
		s.Field, s.What = name+".crc", "it does not fit"
	}
	return s.Field == ""
}

// fields reads those of a layout, for the nth time in a list, and the items of the lists among them.
func (s *source) fields(layout string, nth uint64) {
	start := s.at
	for row := range strings.SplitSeq(layouts()[layout], ", ") {
		name, kind, low, high, rest := "", "", uint64(0), uint64(math.MaxUint64), s.b[s.at:]
		_, _ = fmt.Sscan(row, &name, &kind, &low, &high)
		kind, once := strings.CutSuffix(kind, "!")
		v, size := binary.Uvarint(rest)
		body := size // where a text begins
		switch kind {
		case "u":
		case "i":
			v = v>>1 ^ -(v & 1)
		case "g":
			low += min(nth, 1)
		case "t":
			size += int(min(v, math.MaxInt32))
		case "*": // of at least a byte
			high = min(high, uint64(len(rest)))
		default:
			body = 0
			size, _ = strconv.Atoi(kind)
			v = le(rest[:min(size, 8, len(rest))])
		}
		s.hold(size > 0 && size <= len(rest), name, "%d in %d bytes", v, len(rest))
		s.hold(low <= v && v <= high, name, "%d is out of range", v)
		s.hold(name != "account.name" || (nth == 0) == (v == 0), name, "it is of account %d", nth)
		if !s.hold(name != "account.losses" || v <= s.num("ledger.reasons"), name, "%d, more than reasons", v) {
			return
		}
		s.has[name] = append(s.has[name], Span{s.at, s.at + size, v, string(rest[body:size])})
		s.at += size
		if item := layout + string(s.b[start:s.at]); once {
			s.hold(!s.once[item], strings.Fields(layouts()[layout])[0], "%q comes twice", item)
			s.once[item] = kind != "16" || v > 0 // a boot that is not known has zeros
		}
		for i := uint64(0); kind == "*" && i < v; i++ {
			s.fields(name, i)
		}
	}
}

// le is a number of up to 8 bytes, little-endian; be one that is big-endian.
func le(b []byte) uint64 {
	return binary.LittleEndian.Uint64(append(b[:len(b):len(b)], make([]byte, 8)...))
}

func be(b []byte) uint64 { return binary.BigEndian.Uint64(append(make([]byte, 8), b...)[len(b):]) }

func sum(b []byte) uint64 { return uint64(crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))) }
