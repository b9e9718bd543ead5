package carry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"portti/buffer"
	"portti/device"
)

const (
	dated   = `{"tsmId":12100,"tsmEv":10,"tsmTs":1520416221.123,"tsmTuid":"T","tsmGw":"G","temp": 21.5e0,"s":"\u00e4 <&>"}`
	undated = `{"tsmId":12100,"tsmEv":10,"tsmTs":@60000,"tsmTuid":"T","tsmGw":"G","temp":21.5}`
	healed  = `{"tsmId":12100,"tsmEv":10,"tsmTs":1520416281.123,"tsErr":3,"tsmTuid":"T","tsmGw":"G","temp":21.5}`
)

func sample() (Header, []buffer.Record) {
	known := int64(1520416221123)
	h := Header{Gateway: "XXXX00EFS80560445", Epoch: "00000000000000ff", First: 3, Next: 100,
		Exported: time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC), LastGood: 5, Boot: 2, Mono: 70_000,
		Boots: []Boot{{Boot: 1, ID: "01", Mono: 90_000, Offset: &known, Error: 3}, {Boot: 2, ID: "02", Mono: 70_000}}}
	rec := func(n uint64, class byte, boot uint32, text string) buffer.Record {
		return buffer.Record{Number: n, Name: "gps \"1\"", Entry: buffer.Entry{Class: class, Stream: 7, Boot: boot, Mono: 60_000, Rec: []byte(text)}}
	}
	named := func(r buffer.Record, gateway string, epoch uint64) buffer.Record {
		r.Called = buffer.Name{Gateway: gateway, Epoch: epoch}
		return r
	}
	return h, []buffer.Record{
		named(rec(4, 0, 1, dated), h.Gateway, 1<<60), rec(5, 1|device.ClassProvisional, 1, undated), named(rec(9, 0|device.ClassProvisional, 2, undated), "before", 5),
		rec(10, 0, 2, "no\xffjson"), rec(11, 3, 2, "{\"a\":\n1}"),
	}
}

func sampleEach(record func(buffer.Record) error, missing func(first, last uint64, why string) error) error {
	_, recs := sample()
	for _, r := range recs {
		if r.Number == 9 {
			if err := missing(6, 8, "a hole"); err != nil {
				return err
			}
		}
		if err := record(r); err != nil {
			return err
		}
	}
	return nil
}

func written(t testing.TB) string {
	t.Helper()
	var b bytes.Buffer
	h, _ := sample()
	sum, err := Write(&b, h, sampleEach)
	if err != nil || sum != (Summary{Records: 5, Undated: 1, Missing: 3}) {
		t.Fatal(sum, err)
	}
	return b.String()
}

// readAll lists what comes out of a file.
func readAll(text string) (h Header, items []Item, complete, err error) {
	r, err := NewReader(strings.NewReader(text))
	if err != nil {
		return Header{}, nil, nil, err
	}
	for {
		item, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r.Header, items, r.Complete(), nil
		}
		if err != nil {
			return r.Header, items, nil, err
		}
		items = append(items, item)
	}
}

// TestFormat holds the bytes of the file against the documentation: others may
// have written programs by it.
func TestFormat(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(written(t), "\n"), "\n")
	want := []string{
		`{"portti":"queue-export","version":2,"gateway":"XXXX00EFS80560445","epoch":"00000000000000ff","first":3,"next":100,"exported":"2026-11-22T04:00:00Z","last_good_ms":5,"boot":2,"mono_ms":70000,"boots":[{"boot":1,"id":"01","mono_ms":90000,"offset_ms":1520416221123,"error_s":3},{"boot":2,"id":"02","mono_ms":70000}],"crc":"03f93fc0"}`,
		`{"n":4,"after":2,"epoch":"1000000000000000","device":"gps \"1\"","class":0,"stream":7,"boot":1,"mono_ms":60000,"messages":[` + dated + `],"crc":"`,
		`{"n":5,"after":4,"device":"gps \"1\"","class":1,"stream":7,"boot":1,"mono_ms":60000,"messages":[` + healed + `],"crc":"`,
		`{"missing":[6,8],"why":"a hole","crc":"`,
		`{"n":9,"after":8,"epoch":"0000000000000005","gateway":"before","device":"gps \"1\"","class":128,"stream":7,"boot":2,"mono_ms":60000,"undated":"{\"tsmId\":12100,`,
		`{"n":10,"after":9,"device":"gps \"1\"","class":0,"stream":7,"boot":2,"mono_ms":60000,"raw":"bm//anNvbg==","crc":"`,
		`{"n":11,"after":10,"device":"gps \"1\"","class":3,"stream":7,"boot":2,"mono_ms":60000,"raw":"eyJhIjoKMX0=","crc":"`,
		`{"end":"queue-export","records":5,"sha256":"`,
	}
	if len(lines) != len(want) {
		t.Fatalf("%d lines:\n%s", len(lines), written(t))
	}
	for i, w := range want {
		if !strings.HasPrefix(lines[i], w) {
			t.Errorf("line %d:\n%s\nwant\n%s", i+1, lines[i], w)
		}
	}
}

func TestReadsWhatWasWritten(t *testing.T) {
	h, items, complete, err := readAll(written(t))
	if err != nil || complete != nil || len(items) != 6 {
		t.Fatal(err, complete, items)
	}
	wantH, recs := sample()
	if h.Gateway != wantH.Gateway || len(h.Boots) != 2 || *h.Boots[0].Offset != *wantH.Boots[0].Offset || h.Boots[1].Offset != nil {
		t.Errorf("%+v", h)
	}
	recs[1].Rec, recs[1].Class = []byte(healed), 1
	for i, it := range append(items[:2:2], items[3:]...) {
		got, want := it.Record, recs[i]
		if want.Called == (buffer.Name{}) {
			want.Called = buffer.Name{Gateway: h.Gateway, Epoch: 255} // as the header says
		}
		if after := []uint64{2, 4, 8, 9, 10}[i]; it.After != after {
			t.Errorf("record %d after %d, want %d", got.Number, it.After, after)
		}
		if got == nil || got.Number != want.Number || got.Called != want.Called || got.Name != want.Name || got.Class != want.Class ||
			got.Stream != want.Stream || got.Boot != want.Boot || got.Mono != want.Mono || string(got.Rec) != string(want.Rec) {
			t.Errorf("%+v, want %+v", it, want)
		}
	}
	if m := items[2].Missing; m == nil || *m != [2]uint64{6, 8} {
		t.Errorf("%+v", items[2])
	}
}

// TestEveryCut cuts the file at every byte: what comes out was written, and a
// file that is not whole is never called whole.
func TestEveryCut(t *testing.T) {
	text := written(t)
	_, whole, _, _ := readAll(text)
	for n := range len(text) {
		_, items, complete, err := readAll(text[:n])
		if errors.Is(err, ErrNotExport) {
			if n > 400 {
				t.Fatalf("cut at %d: %v", n, err)
			}
			continue
		}
		if complete == nil || err != nil {
			t.Fatalf("cut at %d: called whole, %v", n, err)
		}
		for i, it := range items {
			if it.Damaged != nil {
				if i != len(items)-1 {
					t.Fatalf("cut at %d: line %d: %v", n, it.Line, it.Damaged)
				}
				continue
			}
			if fmt.Sprint(it.Missing) != fmt.Sprint(whole[i].Missing) && (it.Missing == nil || *it.Missing != *whole[i].Missing) ||
				it.Record != nil && string(it.Record.Rec) != string(whole[i].Record.Rec) {
				t.Fatalf("cut at %d: item %d is another one", n, i)
			}
		}
	}
}

// TestEveryFlip changes every byte in turn: the line is refused, the others
// come, and the file is not called whole.
func TestEveryFlip(t *testing.T) {
	text := written(t)
	_, whole, _, _ := readAll(text)
	there := map[string]bool{}
	for _, it := range whole {
		if it.Record != nil {
			there[fmt.Sprintf("%d %s", it.Record.Number, it.Record.Rec)] = true
		}
	}
	for n := range len(text) {
		b := []byte(text)
		b[n] ^= 1
		_, items, complete, err := readAll(string(b))
		if errors.Is(err, ErrNotExport) {
			continue
		}
		got := 0
		for _, it := range items {
			if it.Record != nil {
				got++
				if !there[fmt.Sprintf("%d %s", it.Record.Number, it.Record.Rec)] {
					t.Fatalf("flip at %d: made up record %d %s", n, it.Record.Number, it.Record.Rec)
				}
			}
		}
		if err != nil || complete == nil || got < 3 {
			t.Fatalf("flip at %d: %v %v, %d records", n, err, complete, got)
		}
	}
}

// TestRefusesOtherFiles: each reason has its words.
func TestRefusesOtherFiles(t *testing.T) {
	newer := strings.Replace(strings.SplitAfter(written(t), "\n")[0], `"version":2`, `"version":3`, 1)
	newer = string(seal([]byte(newer[:len(newer)-crcLen-1])))
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"empty":            {"", ErrNotExport},
		"a picture":        {"\x89PNG\r\n\x1a\n\x00\x00", ErrNotExport},
		"other JSON lines": {"{\"n\":1}\n", ErrNotExport},
		"one endless line": {strings.Repeat("x", 3*maxLine), ErrNotExport},
		"a newer portti":   {newer, ErrNewer},
	} {
		if _, _, _, err := readAll(c.text); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStrangeLines have a right checksum and are refused nevertheless.
func TestStrangeLines(t *testing.T) {
	head := strings.SplitAfter(written(t), "\n")[0]
	for _, c := range []string{
		`{"n":1,"messages":[{}]`, // below first
		`{"n":18446744073709551615,"messages":[{}]`,
		`{"n":4`, `{"n":4,"messages":[]`, `{"n":4,"messages":[1]`, `{"n":4,"messages":[{},{}]`, `{"n":4,"messages":{}`,
		`{"n":4,"raw":""`, `{"n":4,"epoch":"5","messages":[{}]`, `{"n":4,"gateway":"` + strings.Repeat("g", 65) + `","messages":[{}]`, `{"n":4,"undated":""`, `{"n":"4","messages":[{}]`, `{"n":4,"class":256,"messages":[{}]`,
		`{"n":4,"device":"` + strings.Repeat("d", 300) + `","messages":[{}]`,
		`{"missing":[9,8],"why":""`, `{"missing":[0,8],"why":""`, `{"end":"queue-export"`, `{`,
	} {
		_, items, complete, err := readAll(head + string(seal([]byte(c))))
		if err != nil || len(items) != 1 || items[0].Damaged == nil || complete == nil {
			t.Errorf("%.60s: %+v %v %v", c, items, complete, err)
		}
	}
}

// TestWriteStopsAtTheFirstError: a full stick.
func TestWriteStopsAtTheFirstError(t *testing.T) {
	full := errors.New("no space left on device")
	h, _ := sample()
	for n := range 2000 {
		w := &limited{left: n, err: full}
		if _, err := Write(w, h, sampleEach); err == nil && n < 1200 || err != nil && !errors.Is(err, full) {
			t.Fatalf("room for %d bytes: %v", n, err)
		}
	}
}

type limited struct {
	left int
	err  error
}

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.left {
		return 0, l.err
	}
	l.left -= len(p)
	return len(p), nil
}

// FuzzReader reads files that nobody wrote, with and without right checksums.
func FuzzReader(f *testing.F) {
	text := written(f)
	f.Add([]byte(text), false)
	f.Add([]byte(text[:len(text)/2]), false)
	var bare []byte
	for _, l := range strings.Split(strings.TrimSpace(text), "\n") {
		bare = append(append(bare, l[:len(l)-crcLen]...), '\n')
	}
	f.Add(bare, true)
	f.Fuzz(func(t *testing.T, b []byte, sealed bool) {
		if sealed {
			var out []byte
			for _, l := range bytes.Split(b, []byte("\n")) {
				out = append(out, seal(bytes.Clone(l))...)
			}
			b = out
		}
		_, items, _, err := readAll(string(b))
		if err != nil && !errors.Is(err, ErrNotExport) && !errors.Is(err, ErrNewer) {
			t.Fatal(err)
		}
		var last uint64
		for _, it := range items {
			if it.Record == nil {
				continue
			}
			if it.Record.Number <= last || len(it.Record.Rec) == 0 || len(it.Record.Rec) > buffer.MaxRecord {
				t.Fatalf("%+v", it.Record)
			}
			last = it.Record.Number
		}
	})
}
