package formattest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"math"
	"slices"
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
	text     string // with a ! from the beginning of the item on
}

// source is a slot or a segment: what was read of it, until something was wrong.
type source struct {
	Problem
	b       []byte            // what is being read: the pages in use, or a fact
	at      int               // in the fact
	has     map[string][]Span // by field, of a list all of them
	first   uint64            // of a segment: the number in its name
	used    map[uint64]bool   // its pages
	least   []byte            // no key that follows in the bucket may be lower
	records []element
	held    uint64 // of them, below the next segment
}

type element struct{ key, value []byte }

// Fields says where the fields of a fact lie: format, ledger, summary, rows, thinned, or slot.
func Fields(fact string, b []byte) map[string][]Span {
	s := &source{has: map[string][]Span{}}
	s.fact(fact, b)
	return s.has
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
		switch kind {
		case "u":
		case "i":
			v = v>>1 ^ -(v & 1)
		case "g":
			low += min(nth, 1)
		case "t":
			size += int(min(v, math.MaxInt32))
		case "*":
			high = min(high, uint64(len(rest))) // each is of at least a byte
		default:
			size, _ = strconv.Atoi(kind)
			v = le(rest[:min(size, 8, len(rest))])
		}
		s.hold(size > 0 && size <= len(rest), name, "%d in %d bytes", v, len(rest))
		s.hold(low <= v && v <= high, name, "%d is out of range", v)
		s.hold(name != "account.name" || (nth == 0) == (v == 0), name, "it is of account %d", nth)
		if !s.hold(name != "account.losses" || v <= s.num("ledger.reasons"), name, "%d, more than reasons", v) {
			return
		}
		f := Span{s.at, s.at + size, v, string(rest[:size])}
		if once {
			f.text = string(s.b[start:f.To])
			known := slices.ContainsFunc(s.has[name], func(o Span) bool { return o.text == f.text })
			s.hold(!known || kind == "16" && v == 0, strings.Fields(layouts()[layout])[0], "%q comes twice", f.text)
		}
		s.has[name], s.at = append(s.has[name], f), f.To
		for i := uint64(0); kind == "*" && i < v; i++ {
			s.fields(name, i)
		}
	}
}

const pageSize = 4096

// buckets is what is in the buckets m and r of a bbolt file, by the meta page that counts. What leads out of it, or of a page, panics.
func (s *source) buckets(file []byte) (facts, records []element) {
	defer func() {
		if err := recover(); err != nil {
			s.hold(false, "page", "it leads out of it: %v", err)
		}
	}()
	file = slices.Clip(file) // a slice may reach to its capacity
	var meta []byte
	for _, m := range [][]byte{file[16:80], file[pageSize+16:][:64]} {
		sum := fnv.New64a()
		_, _ = sum.Write(m[:56])
		sound := le(m[:4]) == 0xED0CDAED && le(m[4:8]) == 2 && le(m[8:12]) == pageSize && le(m[56:]) == sum.Sum64()
		if sound && (meta == nil || le(m[48:56]) > le(meta[48:56])) {
			meta = m
		}
	}
	if !s.hold(meta != nil, "meta", "there is none that counts") {
		return nil, nil
	}
	s.b, s.used = slices.Clip(file[:le(meta[40:48])*pageSize]), map[uint64]bool{}
	top := s.bucket(meta[16:32], 1)
	s.hold(len(top) == 2 && string(top[0].key) == "m" && string(top[1].key) == "r", "bucket", "they are not m and r: %q", top)
	return s.bucket(top[0].value, 0), s.bucket(top[1].value, 0)
}

// bucket is what is in one, in the order of the keys: its root page and a number that is not used, or 16 zeros and a page.
func (s *source) bucket(v []byte, flags uint64) []element {
	if s.least = nil; le(v[:8]) == 0 {
		return s.page(v[16:], flags)
	}
	return s.tree(le(v[:8]), flags)
}

func (s *source) tree(id, flags uint64) []element {
	b := s.b[id*pageSize:]
	pages := le(b[12:16]) + 1
	b = slices.Clip(b[:pages*pageSize])
	s.hold(le(b[:8]) == id, "page", "%d is %d", id, le(b[:8]))
	for n := id; n < id+pages; n++ {
		s.hold(!s.used[n], "page", "%d is used twice", n)
		s.used[n] = true
	}
	return s.page(b, flags)
}

// page reads what is in a page and in those below it, whose elements have these flags. It comes to the keys in their order,
// those of branches before what they lead to: so one bound holds them all.
func (s *source) page(b []byte, flags uint64) (found []element) {
	id, kind, n := le(b[:8]), le(b[8:10]), int(le(b[10:12]))
	s.hold(kind == 1 && n > 0 || kind == 2 && (n > 0 || s.least == nil), "page", "%d is of kind %d with %d elements", id, kind, n)
	for i := 0; i < n && s.Field == ""; i++ {
		h := b[16+16*i:]
		has, at, size, value := le(h[:4]), le(h[4:8]), le(h[8:12]), le(h[12:16])
		if kind == 1 {
			has, at, size, value = flags, le(h[:4]), le(h[4:8]), 0
		}
		key := h[at:][:size]
		s.hold(has == flags, "page", "%d, element %d has flags %d", id, i, has)
		s.hold(size > 0 && bytes.Compare(key, s.least) >= 0, "key", "%x of page %d is out of order", key, id)
		if s.least = key; kind == 1 {
			found = append(found, s.tree(le(h[8:16]), flags)...)
		} else {
			s.least = append(slices.Clone(key), 0) // the next one is higher
			found = append(found, element{key, slices.Clip(h[at+size:][:value])})
		}
	}
	return found
}

// le is a number of up to 8 bytes, little-endian; be one that is big-endian.
func le(b []byte) uint64 {
	return binary.LittleEndian.Uint64(append(b[:len(b):len(b)], make([]byte, 8)...))
}

func be(b []byte) uint64 { return binary.BigEndian.Uint64(append(make([]byte, 8), b...)[len(b):]) }

func sum(b []byte) uint64 { return uint64(crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))) }
