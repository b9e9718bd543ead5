package devicetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"portti/cross/testkit"
	"portti/device"
	"portti/device/thingsee"
	"portti/device/thingsee/thingseetest"
)

// whole is how a recording is read in one piece.
const whole = 1024

// madeUp is how many more records a damaged recording may give than the whole
// one: a line whose key was spoiled makes another message.
const madeUp = 8

// golden compares what the sink gets with NAME.records, read in one piece and
// in small ones, and holds it against the catalogue of messages.
func (s suite) golden(t testing.TB, path string, in []byte) {
	t.Helper()
	text := func(piece int) string {
		p := &port{data: in, piece: piece}
		out := s.play(t, p, &sink{})
		s.sound(t, "undamaged", out)
		if p.wrote > 0 && !s.kind.Writes {
			t.Errorf("it writes to its device: Writes must say so")
		}
		catalogued(t, out.records)
		f := out.frames
		return strings.Join(append(out.records, ""), "\n") + fmt.Sprintf("# ok %d, unknown %d, checksum %d, too long %d, malformed %d, range %d\n",
			f[device.OK], f[device.Unknown], f[device.Checksum], f[device.TooLong], f[device.Malformed], f[device.Range])
	}
	got := text(whole)
	records := strings.TrimSuffix(path, filepath.Ext(path)) + ".records"
	if _, err := os.Stat(records); err != nil && !updating() {
		t.Fatalf("%s is missing: go test -update writes it, for you to check by eye; it would be\n%s", records, got)
	}
	testkit.Golden(t, records, got)
	for _, piece := range []int{1, 7} {
		if again := text(piece); again != got {
			t.Errorf("read in pieces of %d it gives\n%snot\n%s", piece, again, got)
		}
	}
}

// updating says whether this run writes golden files instead of comparing.
func updating() bool { return flag.Lookup("update").Value.String() == "true" }

// sound checks what must be so whatever the bytes were.
func (s suite) sound(t testing.TB, what string, out outcome) {
	t.Helper()
	switch {
	case out.crash != "":
		t.Fatalf("%s: Run panics: %s", what, out.crash)
	case !errors.Is(out.err, errOver):
		t.Fatalf("%s: Run must return the port's error, wrapped, and nothing else; it returned %v", what, out.err)
	}
	for _, r := range out.records {
		if !json.Valid([]byte(r)) {
			t.Fatalf("%s: not JSON: %s", what, r)
		}
	}
	for _, code := range out.flags {
		s.explained(t, code)
	}
}

func (s suite) explained(t testing.TB, code string) {
	t.Helper()
	if !slices.ContainsFunc(s.kind.Problems, func(p device.Problem) bool { return p.Code == code }) {
		t.Fatalf("it raises %s, which its Problems do not explain", code)
	}
}

// catalogued holds records against the catalogue of messages. What is wrong with all
// messages of a kind is said of the first.
func catalogued(t testing.TB, records []string) {
	t.Helper()
	said := map[string]bool{}
	wrong := func(record, format string, args ...any) {
		if text := fmt.Sprintf(format, args...); !said[text] {
			said[text] = true
			t.Errorf("%s: %s", text, record)
		}
	}
	for _, record := range records {
		r, err := thingseetest.Parse([]byte(record))
		if err != nil {
			wrong(record, "%v", err)
			continue
		}
		for _, p := range thingseetest.Check(r) {
			wrong(record, "%s", p)
		}
		d, ok := thingsee.Lookup(r.ID)
		if !ok {
			wrong(record, "no message has the tsmId %d; docs/messages.md lists them", r.ID)
			continue
		}
		for _, v := range r.Fields {
			if _, ok := d.Field([]byte(v.Name)); !ok && r.ID != thingsee.Generic {
				wrong(record, "%d has no field %s: take a message of docs/messages.md that has it, or thingsee.Generic", r.ID, v.Name)
			}
		}
	}
}

// undated is a record without its time: where the one before was lost, a record
// of the same instant need not give way by a millisecond.
func undated(record string) string {
	before, rest, _ := strings.Cut(record, `,"tsmTs":`)
	_, after, _ := strings.Cut(rest, ",")
	return before + "," + after
}

// damage cuts a recording off at every byte, and spoils, drops and doubles each.
func (s suite) damage(t testing.TB, in []byte) {
	t.Helper()
	step := 1
	if testing.Short() || raceDetector {
		step = 13
	}
	intact := s.play(t, &port{data: in, piece: whole}, &sink{}).records
	known := map[string]bool{}
	for _, r := range intact {
		known[undated(r)] = true
	}
	after := func(i int, how string, parts ...[]byte) (what string, records []string) {
		out := s.play(t, &port{data: slices.Concat(parts...), piece: whole}, &sink{})
		what = fmt.Sprintf("byte %d %s", i, how)
		s.sound(t, what, out)
		if len(out.records) > len(intact)+madeUp {
			t.Fatalf("%s: %d records instead of %d", what, len(out.records), len(intact))
		}
		return what, out.records
	}
	for i := 0; i < len(in); i += step {
		head, rest := in[:i], in[i+1:]
		what, records := after(i, "cut off", head)
		sure := records[:max(0, len(records)-s.o.Unfinished)]
		if len(records) > len(intact) || !slices.Equal(sure, intact[:len(sure)]) {
			t.Fatalf("%s: makes records up:\n%s\ninstead of\n%s", what, strings.Join(records, "\n"), strings.Join(intact, "\n"))
		}
		what, records = after(i, "spoiled", head, []byte{in[i] ^ byte(1+i%255)}, rest)
		if bad := slices.IndexFunc(records, func(r string) bool { return !known[undated(r)] }); s.o.Checked && bad >= 0 {
			t.Fatalf("%s: makes up %s", what, records[bad])
		}
		after(i, "dropped", head, rest)
		after(i, "doubled", head, in[i:i+1], in[i:i+1], rest)
	}
}

// allocations plays a recording once and many times: the difference may not
// allocate more than the budget.
func (s suite) allocations(t testing.TB, in []byte) {
	t.Helper()
	in = append(bytes.Clone(in), '\n')
	const times = 20
	run := func(again int) float64 {
		return testing.AllocsPerRun(1, func() {
			s.play(t, &port{data: in, piece: whole, again: again}, &sink{forget: true})
		})
	}
	if per := (run(1+times) - run(1)) / times; per > s.o.Allocs+0.5 {
		t.Errorf("playing it once allocates %.1f times, at most %v are allowed (a reading none; Options.Allocs says what details and the log may)", per, s.o.Allocs)
	}
}
