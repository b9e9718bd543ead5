package formattest_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	bolt "go.etcd.io/bbolt"

	"portti/buffer"
	"portti/buffer/formattest"
)

// rich makes a stopped queue in which every field of the page's table is used.
func rich(t *testing.T, dir string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		q := begin(t, dir, 1, nil)
		fill(t, q, 0, 100)
		dev, _ := q.Device("import:B/gps")
		for _, gateway := range []string{"B", "C"} {
			for n := uint64(10); n < 40; n += 10 {
				if _, err := q.Import(buffer.Name{Gateway: gateway, Epoch: 7}, n-5, n, 1, dev, 9, []byte(`{"other":1}`)); err != nil {
					t.Fatal(err)
				}
			}
		}
		fill(t, q, 100, 5000)
		end(t, q)
		q = begin(t, dir, 2, nil)
		fill(t, q, 6000, 300)
		q.Lose(dev, "rate", 3)
		q.Lose(dev, "memory", 2)
		_, next := q.Bounds()
		if err := q.Append(0, dev, 1, []byte{0xff, 0xfe}); err != nil {
			t.Fatal(err)
		}
		for _, n := range []uint64{next, next - 1} {
			if err := q.Quarantine(n, "refused"); err != nil {
				t.Fatal(err)
			}
		}
		ack(t, q, next-200, next-190)
		ack(t, q, next-150, next-140)
		end(t, q)
	})
}

// table is the fields of the page in its order, and what each is held against.
func table(t *testing.T) (names []string, fields map[string]string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/format.md")
	if err != nil {
		t.Fatal(err)
	}
	fields = map[string]string{}
	name := regexp.MustCompile("`([a-z]+(?:\\.[a-z_]+)?)`")
	for line := range strings.SplitSeq(string(page), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 8 || !strings.HasPrefix(line, "| `") {
			continue
		}
		for _, m := range name.FindAllStringSubmatch(cells[1], -1) {
			if fields[m[1]] != "" {
				t.Errorf("%s stands twice in the table", m[1])
			}
			fields[m[1]] = strings.TrimSpace(cells[6])
			names = append(names, m[1])
		}
	}
	return names, fields
}

// edited is a field made something else, and the one that is named for it.
type edited struct {
	to    func(old [][]byte) []byte // of all that the fact has of it, for the last; nil: a bit, under the old checksum
	named string                    // "" for the field itself
	first bool                      // the first of them is changed
}

func bytesOf(b ...byte) edited { return edited{to: func([][]byte) []byte { return b }} }

func number(n uint64) edited { return bytesOf(binary.AppendUvarint(nil, n)...) }

func more(by uint64, named string) edited {
	return edited{named: named, to: func(old [][]byte) []byte {
		v, _ := binary.Uvarint(old[len(old)-1])
		return binary.AppendUvarint(nil, v+by)
	}}
}

// again is what another one has.
func again() edited { return edited{to: func(old [][]byte) []byte { return old[len(old)-2] }} }

// flipped has a bit changed, and the checksum right for it.
func flipped(named string) edited {
	return edited{named: named, to: func(old [][]byte) []byte {
		b := slices.Clone(old[len(old)-1])
		b[0] ^= 1
		return b
	}}
}

func atFirst(e edited) edited { e.first = true; return e }

// edits has one for each field; those that only the checksum covers, and counts of
// items, are edited alike.
func edits() map[string]edited {
	signed := edited{to: func([][]byte) []byte { return binary.AppendVarint(nil, 1<<40) }}
	return map[string]edited{
		"format.version": bytesOf(3, 0), "format.first": flipped(""), "format.crc": flipped(""), "rows.crc": flipped(""),
		"summary.crc": flipped(""), "thinned.crc": flipped(""), "slot.crc": flipped(""), "ledger.crc": flipped(""),
		"ledger.version": bytesOf(3), "ledger.accepted": number(1 << 40), "ledger.through": number(1 << 40), "ledger.mark": number(1 << 40),
		"beyond.gap": number(0), "beyond.length": atFirst(more(30, "books")), "ledger.reason": again(), "account.name": again(),
		"account.read": more(1, "books"), "account.released": more(1, "books"), "account.quarantined": more(1, "books"),
		"account.losses": more(1, ""), "account.lost": more(1, "books"), "import.gateway": again(), "import.gap": number(0),
		"summary.version": bytesOf(3), "summary.records": more(1, ""), "summary.bytes": more(1, ""), "summary.first": more(1, ""),
		"summary.last": more(1, ""), "summary.oldest_boot": more(1, ""), "summary.newest_boot": more(1, ""), "summary.oldest_mono": signed,
		"summary.newest_mono": signed, "summary.device": number(60000), "summary.present": more(1, ""), "row.gap": atFirst(more(1, "")),
		"row.changed": number(2), "thinned.level": number(42), "thinned.through": number(1), "slot.magic": flipped(""),
		"slot.version": bytesOf(3, 0), "slot.length": bytesOf(0, 0, 1, 0), "slot.reserved": number(2), "slot.clean": number(2),
		"slot.boot": flipped(""), "start.id": flipped("slot.boot"), "start.index": number(1), "start.known": number(2),
		"note.gap": more(1, "file"), "note.records": more(1000, ""), "note.unread": number(2),
		"value.crc": flipped(""), "value.device": bytesOf(0xea, 0x60), "value.boot": bytesOf(0, 0, 0, 0),
		"value.mono": bytesOf(0x80, 0, 0, 0, 0, 0, 0, 0), "value.record": {named: "summary.bytes", to: func(old [][]byte) []byte { return append(slices.Clone(old[0]), '.') }},
		"key":        {to: func(old [][]byte) []byte { return old[0][1:] }},
		"log.number": bytesOf('0'), "log.epoch": bytesOf([]byte(`"73D0"`)...), "log.reason": bytesOf([]byte(`""`)...),
		"log.device": bytesOf([]byte(`"nobody"`)...), "log.boot": bytesOf('9'), "log.mono_ms": bytesOf([]byte("-1")...),
		"log.record": bytesOf('1'), "log.raw": bytesOf([]byte(`"!"`)...),
	}
}

// TestRangesAreChecked: what the page says of a field beside that it is a number is
// held as well, under a checksum that fits.
func TestRangesAreChecked(t *testing.T) {
	base := filepath.Join(fastDir(t), "rich")
	rich(t, base)
	for what, c := range map[string]struct {
		field string
		edited
	}{
		"a span beyond that was never reserved":   {"beyond.length", more(1<<40, "")},
		"a span beyond that goes round":           {"beyond.length", number(math.MaxUint64)},
		"spans beyond that are one":               {"beyond.gap", number(1)},
		"imported spans that are one":             {"import.gap", number(1)},
		"two rows from one number on":             {"row.gap", number(0)},
		"more boots than a record can name":       {"start.index", number(1 << 32)},
		"a boot that comes twice":                 {"start.id", again()},
		"more boots than a record can name, told": {"summary.newest_boot", number(1 << 32)},
		"a name for what is of no known device":   {"account.name", atFirst(bytesOf(1, 'x'))},
		"a device without a name":                 {"account.name", number(0)},
	} {
		t.Run(what, func(t *testing.T) {
			dir := copied(t, base, filepath.Join(fastDir(t), "q"))
			change(t, dir, c.field, c.edited)
			problems, _ := formattest.Verify(dir)
			if !slices.ContainsFunc(problems, func(p formattest.Problem) bool { return p.Field == c.field && !p.Harmless }) {
				t.Errorf("%s is not named: %+v", c.field, problems)
			}
		})
	}
}

// TestEveryFieldIsChecked: whatever field of the table is another one, under a
// checksum that fits where there is a way to tell, is named.
func TestEveryFieldIsChecked(t *testing.T) {
	base := filepath.Join(fastDir(t), "rich")
	rich(t, base)
	sound(t, base)
	edits := edits()
	_, fields := table(t)
	for field, against := range fields {
		e, ok := edits[field]
		switch {
		case against == "-" && !ok:
			e = edited{}
		case against == "the bytes left" && !ok:
			e = number(1 << 20)
		case !ok || against == "-":
			t.Errorf("%s: it is held against %q, and no edit shows that", field, against)
			continue
		}
		delete(edits, field)
		t.Run(field, func(t *testing.T) {
			dir := copied(t, base, filepath.Join(fastDir(t), "q"))
			covered := change(t, dir, field, e)
			want := field
			if e.named != "" {
				want = e.named
			} else if e.to == nil {
				want = covered + ".crc"
			}
			problems, _ := formattest.Verify(dir)
			if !slices.ContainsFunc(problems, func(p formattest.Problem) bool { return p.Field == want && p.File != "" && p.What != "" }) {
				t.Errorf("%s is not named: %+v", want, problems)
			}
		})
	}
	for _, field := range slices.Sorted(maps.Keys(edits)) {
		t.Errorf("%s is not in the table of docs/format.md", field)
	}
}

// TestFieldsAreInTheTable: what the verifier reads is what the page has, in its order,
// and a queue writes all of it.
func TestFieldsAreInTheTable(t *testing.T) {
	dir := filepath.Join(fastDir(t), "rich")
	rich(t, dir)
	names, page := table(t)
	left := maps.Clone(page)
	slot := newestSlot(t, dir)
	facts := map[string][]byte{"slot": slot, "ledger": ledgerIn(slot)}
	for _, fact := range []string{"format", "summary", "rows", "thinned"} {
		facts[fact] = factOf(t, dir, fact)
	}
	for fact, b := range facts {
		spans := formattest.Fields(fact, b)
		var inFile []string
		for field := range spans {
			if page[field] == "" {
				t.Errorf("%s is not in the table of docs/format.md", field)
			}
			if delete(left, field); !strings.HasSuffix(field, ".crc") { // those are at the end
				inFile = append(inFile, field)
			}
		}
		slices.SortFunc(inFile, func(a, b string) int { return spans[a][0].From - spans[b][0].From })
		inPage := slices.DeleteFunc(slices.Clone(names), func(field string) bool { return !slices.Contains(inFile, field) })
		if !slices.Equal(inFile, inPage) {
			t.Errorf("%s: a queue writes %v, in the order of the table %v", fact, inFile, inPage)
		}
	}
	for field := range left {
		if !strings.HasPrefix(field, "log.") && !strings.HasPrefix(field, "value.") && field != "key" {
			t.Errorf("%s is not in what a queue wrote", field)
		}
	}
}

// change edits a field, and says which checksum covers it.
func change(t *testing.T, dir, field string, e edited) (covered string) {
	t.Helper()
	room, _, _ := strings.Cut(field, ".")
	inSegments := []string{"format", "summary", "rows", "row", "thinned"}
	if field == "ledger.crc" { // a slot has none
		inSegments = append(inSegments, room)
	}
	switch {
	case room == "key" || room == "value":
		changeValue(t, dir, field, e)
		return "value"
	case room == "log":
		edit(t, filepath.Join(dir, "quarantine.log"), func(b []byte) []byte { return changeLine(t, b, field, e) })
		return ""
	case slices.Contains(inSegments, room):
		fact := strings.Replace(room+"s", "ss", "s", 1)
		if room != "row" {
			fact = room
		}
		inSegment(t, segments(t, dir)[0], func(_, m *bolt.Bucket) error {
			return m.Put([]byte(fact), replaced(t, fact, slices.Clone(m.Get([]byte(fact))), field, e))
		})
		return fact
	}
	slot := newestSlot(t, dir)
	old := slices.Clone(slot)
	if inner := spansOf("slot", slot, "slot.ledger")[0]; room != "slot" && room != "start" && room != "note" {
		l := replaced(t, "ledger", ledgerIn(slot), field, e)
		l = l[:len(l)-4] // in a slot it is without its crc
		slot = slices.Concat(slot[:inner.From], binary.AppendUvarint(nil, uint64(len(l))), l, slot[inner.To:])
	} else {
		slot = replaced(t, "slot", slot, field, e)
	}
	if field != "slot.length" && e.to != nil {
		binary.LittleEndian.PutUint32(slot[10:], uint32(len(slot)-18))
		if field != "slot.crc" {
			slot = sealed(slot)
		}
	}
	edit(t, filepath.Join(dir, "state"), func(b []byte) []byte {
		at := strings.Index(string(b), string(old))
		clear(b[at : at+len(old)])
		copy(b[at:], slot)
		return b
	})
	return "slot"
}

// sealed has the checksum of all but the last four bytes in them.
func sealed(b []byte) []byte {
	sum := crc32.Checksum(b[:len(b)-4], crc32.MakeTable(crc32.Castagnoli))
	return binary.LittleEndian.AppendUint32(slices.Clone(b[:len(b)-4]), sum)
}

func spansOf(fact string, b []byte, field string) []formattest.Span {
	return formattest.Fields(fact, b)[field]
}

// replaced is a fact with an edited field.
func replaced(t *testing.T, fact string, b []byte, field string, e edited) []byte {
	t.Helper()
	spans := spansOf(fact, b, field)
	if len(spans) == 0 {
		t.Fatalf("there is no %s in %x", field, b)
	}
	var old [][]byte
	for _, s := range spans {
		old = append(old, b[s.From:s.To])
	}
	s := spans[len(spans)-1]
	if e.first {
		s, old = spans[0], old[:1]
	}
	if e.to == nil {
		b[s.To-1] ^= 1
		return b
	}
	b = slices.Concat(b[:s.From], e.to(old), b[s.To:])
	if strings.HasSuffix(field, ".crc") {
		return b
	}
	return sealed(b)
}

// newestSlot is the slot that counts, without the zeros.
func newestSlot(t *testing.T, dir string) (newest []byte) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	highest := uint64(0)
	for i := range 3 {
		slot := b[i*len(b)/3:]
		slot = slot[:binary.LittleEndian.Uint32(slot[10:])+18]
		l := ledgerIn(slot)
		if gen, _ := binary.Uvarint(l[spansOf("ledger", l, "ledger.generation")[0].From:]); gen > highest {
			newest, highest = slot, gen
		}
	}
	return slices.Clone(newest)
}

// ledgerIn is the one in a slot, with four bytes where a segment has its checksum.
func ledgerIn(slot []byte) []byte {
	s := spansOf("slot", slot, "slot.ledger")[0]
	_, n := binary.Uvarint(slot[s.From:])
	return append(slices.Clone(slot[s.From+n:s.To]), 0, 0, 0, 0)
}

// inSegment changes a segment by bbolt.
func inSegment(t *testing.T, path string, f func(r, m *bolt.Bucket) error) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoFreelistSync: true})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error { return f(tx.Bucket([]byte("r")), tx.Bucket([]byte("m"))) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func factOf(t *testing.T, dir, fact string) (b []byte) {
	t.Helper()
	inSegment(t, segments(t, dir)[0], func(_, m *bolt.Bucket) error { b = slices.Clone(m.Get([]byte(fact))); return nil })
	return b
}

// changeValue edits a field of the newest record.
func changeValue(t *testing.T, dir, field string, e edited) {
	t.Helper()
	files := segments(t, dir)
	inSegment(t, files[len(files)-1], func(r, _ *bolt.Bucket) error {
		k, v := r.Cursor().First()
		k, v = slices.Clone(k), slices.Clone(v)
		if field == "key" {
			return r.Put(e.to([][]byte{k}), v)
		}
		at := map[string][2]int{"value.crc": {0, 4}, "value.class": {4, 5}, "value.device": {5, 7}, "value.stream": {7, 11},
			"value.boot": {11, 15}, "value.mono": {15, 23}, "value.record": {23, len(v)}}[field]
		if e.to == nil {
			v[at[0]] ^= 1
			return r.Put(k, v)
		}
		v = slices.Concat(v[:at[0]], e.to([][]byte{v[at[0]:at[1]]}), v[at[1]:])
		if field != "value.crc" {
			binary.BigEndian.PutUint32(v, crc32.Checksum(slices.Concat(k, v[4:]), crc32.MakeTable(crc32.Castagnoli)))
		}
		return r.Put(k, v)
	})
}

// changeLine edits a field of the line that has it.
func changeLine(t *testing.T, b []byte, field string, e edited) []byte {
	t.Helper()
	lines := strings.SplitAfter(string(b), "\n")
	name := strings.TrimPrefix(field, "log.")
	for i, line := range lines {
		var v map[string]json.RawMessage
		if json.Unmarshal([]byte(line), &v) == nil && v[name] != nil {
			v[name] = e.to(nil)
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			lines[i] = fmt.Sprintf("%s\n", text)
			return []byte(strings.Join(lines, ""))
		}
	}
	t.Fatalf("no line has %s: %s", name, b)
	return nil
}
