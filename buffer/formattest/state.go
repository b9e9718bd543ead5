package formattest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

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
