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
// value. Kinds: u and i are varints, t is a text, a number is so many bytes, * is so many items as a u says, l is a ledger and its length.
// The checksum at the end of a fact is not named.
func layouts() map[string]string {
	const ledger = "ledger.version 1 2 2, ledger.generation u 1, ledger.accepted u, ledger.through u, ledger.mark u, " +
		"ledger.beyond *, ledger.reasons *, ledger.accounts *, ledger.imports *"
	return map[string]string{
		"format":          "format.version 2 2 2, format.first 8",
		"ledger":          ledger,
		"ledger.beyond":   "beyond.gap u 1, beyond.length u",
		"ledger.reasons":  "ledger.reason t",
		"ledger.accounts": "account.name t, account.read u, account.released u, account.quarantined u, account.losses *",
		"account.losses":  "account.lost u",
		"ledger.imports":  "import.gateway t, import.epoch u, import.spans *",
		"import.spans":    "import.gap u 1, import.length u",
		"summary": "summary.version 1 2 2, summary.records u, summary.bytes u, summary.first u, summary.last u, summary.oldest_boot u, " +
			"summary.newest_boot u, summary.oldest_mono i, summary.newest_mono i, summary.devices *",
		"summary.devices": "summary.device u, summary.present u 1",
		"rows":            "rows.rows *",
		"rows.rows":       "row.gap u, row.changed * 0 1, row.epoch 8",
		"row.changed":     "row.gateway t",
		"thinned":         "thinned.level u 1 41, thinned.through u 1",
		"slot": "slot.magic 8 0x0A51697474726F70 0x0A51697474726F70, slot.version 2 2 2, slot.length 4, slot.ledger l, slot.epoch u, " +
			"slot.reserved u 1, slot.clean u 0 1, slot.boot 16, slot.last_good i, slot.starts *, slot.notes *",
		"slot.ledger": ledger,
		"slot.starts": "start.id 16, start.index u 1, start.mono i, start.known u 0 1, start.offset i, start.error i, start.seen i",
		"slot.notes":  "note.gap u 1, note.records u, note.unread u 0 1",
	}
}

// Span is where a field lies in its fact, and what is in it.
type Span struct {
	From, To int
	num      uint64
	text     string
}

// fact is what was read of one, until something was wrong.
type fact struct {
	b          []byte
	at         int
	has        map[string][]Span // by field, of a list all of them
	wrong, why string            // the field that is
}

// Fields says where the fields of a fact lie: format, ledger, summary, rows, thinned, or slot.
func Fields(name string, b []byte) map[string][]Span { return parse(name, b).has }

func parse(name string, b []byte) *fact {
	end := max(0, len(b)-4)
	f := &fact{b: b[:end], has: map[string][]Span{name + ".crc": {{From: end, To: len(b)}}}}
	if f.items(name); le(b[end:]) != sum(b[:end]) {
		f.wrong, f.why = name+".crc", "it does not fit"
	}
	return f
}

func (f *fact) hold(ok bool, field, format string, args ...any) {
	if !ok && f.wrong == "" {
		f.wrong, f.why = field, fmt.Sprintf(format, args...)
	}
}

// num is the number in a field, in the first of that name.
func (f *fact) num(field string) uint64 { return append(f.has[field], Span{})[0].num }

// items reads the fields of a layout, and the items of the lists among them.
func (f *fact) items(layout string) {
	for row := range strings.SplitSeq(layouts()[layout], ", ") {
		field, kind, low, high, s := "", "", uint64(0), uint64(math.MaxUint64), Span{From: f.at}
		_, _ = fmt.Sscan(row, &field, &kind, &low, &high)
		rest := f.b[f.at:]
		n, err := strconv.Atoi(kind)
		if err == nil {
			s.num = le(rest[:min(n, 8, len(rest))])
		} else if s.num, n = binary.Uvarint(rest); kind == "i" {
			s.num = s.num>>1 ^ -(s.num & 1)
		}
		counts := strings.Contains("t*l", kind) // bytes, or items of at least one
		f.hold(n > 0 && n <= len(rest) && (!counts || s.num <= uint64(len(rest)-n)), field, "%d in %d bytes", s.num, len(rest))
		f.hold(s.num >= low && s.num <= high, field, "%d is out of range", s.num)
		f.hold(field != "account.losses" || s.num <= f.num("ledger.reasons"), field, "%d, more than reasons", s.num)
		if f.wrong != "" {
			return
		}
		f.at += n
		s.To, s.text = f.at, string(rest[:n])
		if counts && kind != "*" {
			s.To, s.text = f.at+int(s.num), string(rest[n:n+int(s.num)])
		}
		f.has[field] = append(f.has[field], s)
		for i := uint64(0); kind == "*" && i < s.num || kind == "l" && i < 1; i++ {
			f.items(field)
		}
		f.hold(kind != "l" || f.at <= s.To, field, "it ends before its last field")
		f.at = max(f.at, s.To) // what a later version appended to a ledger is passed over
	}
}

// le is a number of up to 8 bytes, little-endian; be one that is big-endian.
func le(b []byte) uint64 {
	return binary.LittleEndian.Uint64(append(b[:len(b):len(b)], make([]byte, 8)...))
}

func be(b []byte) uint64 { return binary.BigEndian.Uint64(append(make([]byte, 8), b...)[len(b):]) }

func sum(b []byte) uint64 { return uint64(crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))) }
