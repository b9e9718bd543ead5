package formattest

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// field is a row of the table. Kinds: u and i are varints, t is a text, a number is
// so many bytes, * is so many items as a u says, ledger is one with its length and without its crc.
type field struct {
	name, kind string
	low, high  uint64 // of a u or of bytes; a high of 0 is none
	items      []field
}

func layouts() map[string][]field {
	gaps := func(name string) []field {
		return []field{{name + ".gap", "u", 1, 1 << 62, nil}, {name + ".length", "u", 0, 1 << 62, nil}}
	}
	u := func(name string) field { return field{name: name, kind: "u"} }
	i := func(name string) field { return field{name: name, kind: "i"} }
	t := func(name string) field { return field{name: name, kind: "t"} }
	many := func(name string, items ...field) field { return field{name: name, kind: "*", items: items} }
	boot := func(name string) field { return field{name, "u", 0, 1<<32 - 1, nil} }
	crc := func(fact string, fields ...field) []field {
		return append(fields, field{name: fact + ".crc", kind: "4"})
	}
	return map[string][]field{
		"format": crc("format", field{"format.version", "2", 2, 2, nil}, field{name: "format.first", kind: "8"}),
		"ledger": crc("ledger", field{"ledger.version", "1", 2, 2, nil}, field{"ledger.generation", "u", 1, 0, nil},
			u("ledger.accepted"), u("ledger.through"), u("ledger.mark"), many("ledger.beyond", gaps("beyond")...),
			many("ledger.reasons", t("ledger.reason")),
			many("ledger.accounts", t("account.name"), u("account.read"), u("account.released"), u("account.quarantined"),
				many("account.losses", u("account.lost"))),
			many("ledger.imports", t("import.gateway"), u("import.epoch"), many("import.spans", gaps("import")...))),
		"summary": crc("summary", field{"summary.version", "1", 2, 2, nil}, u("summary.records"), u("summary.bytes"),
			u("summary.first"), u("summary.last"), boot("summary.oldest_boot"), boot("summary.newest_boot"),
			i("summary.oldest_mono"), i("summary.newest_mono"),
			many("summary.devices", field{"summary.device", "u", 0, 1<<16 - 1, nil}, field{"summary.present", "u", 1, 0, nil})),
		"rows":    crc("rows", many("rows.rows", u("row.gap"), field{"row.changed", "u", 0, 1, nil}, t("row.gateway"), field{name: "row.epoch", kind: "8"})),
		"thinned": crc("thinned", field{"thinned.level", "u", 1, 41, nil}, field{"thinned.through", "u", 1, 0, nil}),
		"slot": crc("slot", field{name: "slot.magic", kind: "8"}, field{"slot.version", "2", 2, 2, nil}, field{name: "slot.length", kind: "4"},
			field{name: "slot.ledger", kind: "ledger"}, u("slot.epoch"), field{"slot.reserved", "u", 1, 0, nil}, field{"slot.clean", "u", 0, 1, nil},
			field{name: "slot.boot", kind: "16"}, i("slot.last_good"),
			many("slot.starts", field{name: "start.id", kind: "16"}, field{"start.index", "u", 1, 1<<32 - 1, nil}, i("start.mono"),
				field{"start.known", "u", 0, 1, nil}, i("start.offset"), i("start.error"), i("start.seen")),
			many("slot.notes", field{"note.gap", "u", 1, 0, nil}, u("note.records"))),
	}
}

// item is what was read under the names of its fields.
type item struct {
	num  map[string]uint64
	text map[string]string
	list map[string][]item
}

// Span is where a field lies in its fact; one may come more than once.
type Span struct {
	Field    string
	From, To int
}

// decoder takes a fact apart, until something is wrong.
type decoder struct {
	b     []byte
	at    int
	spans []Span
	field string // in which it is wrong, and why
	why   string
	most  uint64 // losses of an account: one for each reason
}

// Fields says where the fields of a sound fact lie: format, ledger, summary, rows,
// thinned, or slot.
func Fields(fact string, b []byte) []Span {
	d := &decoder{b: b}
	d.items(layouts()[fact])
	return d.spans
}

func (d *decoder) bad(field, format string, args ...any) {
	if d.field == "" {
		d.field, d.why = field, fmt.Sprintf(format, args...)
	}
}

// sealed says whether the last four bytes are the checksum of those before.
func sealed(b []byte) bool { return len(b) >= 4 && le(b[len(b)-4:]) == sum(b[:len(b)-4]) }

func sum(b []byte) uint64 { return uint64(crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))) }

func (d *decoder) items(fields []field) item {
	it := item{map[string]uint64{}, map[string]string{}, map[string][]item{}}
	for _, f := range fields {
		if f.name == "row.gateway" && it.num["row.changed"] == 0 {
			continue // it is that of the row before
		}
		if d.value(f, &it); d.field != "" {
			break
		}
	}
	return it
}

func (d *decoder) value(f field, it *item) {
	from, width := d.at, 0
	rest := d.b[from:]
	v, n := binary.Uvarint(rest)
	switch f.kind {
	case "i":
		s, k := binary.Varint(rest)
		v, n = uint64(s), k
	case "u", "t", "*", "ledger":
	default:
		_, _ = fmt.Sscan(f.kind, &n)
		v = le(rest[:min(n, 8, len(rest))])
	}
	if f.kind == "t" || f.kind == "ledger" {
		width = int(min(v, 1<<30))
	}
	if n <= 0 || n+width > len(rest) || f.kind == "*" && v > uint64(len(rest)-n) {
		d.bad(f.name, "%d in %d bytes", v, len(rest))
		return
	}
	d.at += n + width
	d.spans = append(d.spans, Span{f.name, from, d.at})
	body := rest[:n+width]
	if f.kind == "t" || f.kind == "ledger" {
		body = body[n:]
	}
	it.num[f.name], it.text[f.name] = v, string(body)
	if v < f.low || f.high > 0 && v > f.high {
		d.bad(f.name, "%d is out of range", v)
	}
	if f.name == "ledger.reasons" {
		d.most = v
	} else if f.name == "account.losses" && v > d.most {
		d.bad(f.name, "%d, there are %d reasons", v, d.most)
	}
	switch f.kind {
	case "*":
		for range v {
			if it.list[f.name] = append(it.list[f.name], d.items(f.items)); d.field != "" {
				return
			}
		}
	case "ledger":
		inner, fields := &decoder{b: d.b[:d.at], at: from + n}, layouts()["ledger"]
		it.list[f.name] = []item{inner.items(fields[:len(fields)-1])}
		d.spans = append(d.spans, inner.spans...)
		if inner.field != "" {
			d.bad(inner.field, "%s", inner.why)
		}
	}
}
