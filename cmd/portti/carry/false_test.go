package carry

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// told is what comes out of a file, a word a line: a record's number, the span
// of a gap, or the number of a damaged line.
func told(items []Item) string {
	var out []string
	for _, it := range items {
		switch {
		case it.Damaged != nil:
			out = append(out, fmt.Sprintf("bad%d", it.Line))
		case it.Missing != nil:
			out = append(out, fmt.Sprintf("%d-%d", it.Missing[0], it.Missing[1]))
		default:
			out = append(out, fmt.Sprint(it.Record.Number))
		}
	}
	return strings.Join(out, " ")
}

// TestFalseNumbers: lines with a right checksum and a number that cannot be cost
// themselves only. The header names the numbers from 3 up to 99.
func TestFalseNumbers(t *testing.T) {
	head := strings.SplitAfter(written(t), "\n")[0]
	for _, c := range []struct {
		name  string
		lines string // number:after, or a-b for a gap
		want  string
	}{
		{"the highest number there is", "3:2 9223372036854775807:3 4:3 5:4", "3 bad3 4 5"},
		{"more than that", "3:2 9223372036854775808:3 18446744073709551615:3 4:3", "3 bad3 bad4 4"},
		{"more than a number holds, and less than nothing", "3:2 18446744073709551616:3 -1:3 4:3", "3 bad3 bad4 4"},
		{"just beyond the header", "99:2 100:99", "99 bad3"},
		{"beyond the header in the first line", "100:2 3:2 4:3", "bad2 3 4"},
		{"beyond the header in the last line", "3:2 4:3 100:4", "3 4 bad4"},
		{"below the header", "2:1 0:0 3:2", "bad2 bad3 3"},
		{"the highest that the header allows, in the middle", "3:2 99:3 4:3 5:4 98:5", "3 bad3 4 5 98"},
		{"the same in the first line", "99:2 3:2 4:3", "bad2 3 4"},
		{"the same before a gap", "3:2 99:3 4-6 7:6", "3 bad3 4-6 7"},
		{"twice", "3:2 4:3 4:3 5:4", "3 4 bad4 5"},
		{"falling", "3:2 8:3 5:4 9:8", "3 8 bad4 9"},
		{"two lines exchanged", "3:2 8:5 5:3 9:8", "3 bad3 5 9"},
		{"two lines exchanged behind a damaged one", "3:2 2:0 8:7 7:4 9:8", "3 bad3 bad4 7 9"},
		{"a gap that swallows the rest", "3:2 4-9223372036854775806 5:3", "3 bad3 5"},
		{"a gap up to the header's end, as was once written", "3:2 4-100", "3 4-100"},
		{"a gap below the header", "1-5 6:5", "bad2 6"},
		{"gaps that fall, overlap or are turned round", "4-6 5-9 9-7 2-2 7:6", "4-6 bad3 bad4 bad5 7"},
	} {
		text := head
		for _, l := range strings.Fields(c.lines) {
			if a, b, gap := strings.Cut(l, "-"); gap && a != "" {
				text += string(seal(fmt.Appendf(nil, `{"missing":[%s,%s],"why":""`, a, b)))
				continue
			}
			n, after, _ := strings.Cut(l, ":")
			text += string(seal(fmt.Appendf(nil, `{"n":%s,"after":%s,"messages":[{}]`, n, after)))
		}
		if _, items, complete, err := readAll(text); told(items) != c.want || complete == nil || err != nil {
			t.Errorf("%s: %s: %s, want %s (%v, %v)", c.name, c.lines, told(items), c.want, complete, err)
		}
	}
}

// TestFalseHeader: a first line whose numbers cannot be.
func TestFalseHeader(t *testing.T) {
	head, rest, _ := strings.Cut(written(t), "\n")
	for _, c := range []struct{ numbers, want string }{
		{`"first":100,"next":3`, "ErrNotExport"}, {`"first":3,"next":9223372036854775809`, "ErrNotExport"},
		{`"first":3,"next":18446744073709551616`, "ErrNotExport"}, {`"first":-3,"next":100`, "ErrNotExport"},
		{`"first":3`, "ErrNotExport"}, {`"first":3,"next":9223372036854775808`, "4 5 6-8 9 10 11"}, {`"next":100`, "4 5 6-8 9 10 11"},
	} {
		text := strings.Replace(head[:len(head)-crcLen], `"first":3,"next":100`, c.numbers, 1)
		_, items, _, err := readAll(string(seal([]byte(text))) + rest)
		if got := told(items); got != c.want && (c.want != "ErrNotExport" || !errors.Is(err, ErrNotExport)) {
			t.Errorf("%s: %s, %v, want %s", c.numbers, got, err, c.want)
		}
	}
}

// TestJoinedFiles: two files in one are read up to the second, whatever was cut
// off between them; its records have numbers of another gateway.
func TestJoinedFiles(t *testing.T) {
	first := written(t)
	second := strings.Replace(strings.SplitAfterN(first, "\n", 2)[0][:70], "0445", "0446", 1) // its header is cut off, too
	second = string(seal([]byte(second))) + strings.SplitAfterN(first, "\n", 2)[1]
	lines := strings.SplitAfter(first, "\n")
	for _, c := range []struct{ name, text, want string }{
		{"two whole files", first + first, "4 5 6-8 9 10 11 bad9"},
		{"the first without its last line", strings.Join(lines[:7], "") + first, "4 5 6-8 9 10 11 bad8"},
		{"the first cut within a line", first[:len(first)-300] + first, "4 5 6-8 9 bad6"},
		{"the second's header damaged", strings.Join(lines[:3], "") + second, "4 5 bad4"},
		{"the header twice", lines[0] + first, "bad2"},
		{"without a header", strings.Join(lines[1:], ""), ""},
	} {
		_, items, complete, err := readAll(c.text)
		if c.want == "" && errors.Is(err, ErrNotExport) {
			continue
		}
		if told(items) != c.want || !errors.Is(complete, ErrJoined) || !errors.Is(items[len(items)-1].Damaged, ErrJoined) {
			t.Errorf("%s: %s, want %s: %v, %v", c.name, told(items), c.want, complete, err)
		}
	}
}

// TestAFileThatStopsInTheMiddle: what is before a bad place of the stick comes,
// and then the stick's error.
func TestAFileThatStopsInTheMiddle(t *testing.T) {
	text, broken := written(t), errors.New("input/output error")
	r, err := NewReader(io.MultiReader(strings.NewReader(strings.Join(strings.SplitAfter(text, "\n")[:3], "")), iotest.ErrReader(broken)))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []uint64{4, 5} {
		if item, err := r.Next(); err != nil || item.Record == nil || item.Record.Number != n {
			t.Fatal(n, item, err)
		}
	}
	if _, err := r.Next(); !errors.Is(err, broken) || !strings.Contains(err.Error(), "line 4") {
		t.Error(err)
	}
}

// TestOtherLineEnds: a copy by way of another system brings every record, and is
// not as it was written.
func TestOtherLineEnds(t *testing.T) {
	text := "\ufeff" + strings.ReplaceAll(written(t), "\n", "\r\n")
	if _, items, complete, err := readAll(text); told(items) != "4 5 6-8 9 10 11" || !errors.Is(complete, ErrChanged) || err != nil {
		t.Error(told(items), complete, err)
	}
}
