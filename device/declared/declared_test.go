package declared

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"portti/device/fields"
)

func ptr[T any](v T) *T { return &v }

func compile(t testing.TB, text string) *Format {
	t.Helper()
	file, err := Parse("test.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	f, err := Compile(file.Declaration)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// all reads a stream in pieces and lists what came of it: values, "wrong" for a frame
// that was passed over, "-" for other bytes that were.
func all(f *Format, stream []byte, piece int) (list []string) {
	find, values := f.Finder(), make([]Reading, len(f.Values))
	var b []byte
	for len(stream) > 0 {
		n := min(piece, len(stream))
		b, stream = append(b, stream[:n]...), stream[n:]
		for {
			skipped, frame, marked := find.Next(b)
			if skipped > 0 {
				list = append(list, map[bool]string{true: "wrong", false: "-"}[marked])
			}
			if b = b[skipped:]; frame == nil {
				break
			}
			list = append(list, show(f, frame, values))
			b = b[len(frame):]
		}
		if len(b) > f.Most() {
			panic("more is kept than the longest frame has")
		}
	}
	return list
}

func show(f *Format, frame []byte, values []Reading) string {
	if v := f.Read(frame, values); v != Good {
		return []string{"", "other", "bad sum", "broken", "unready"}[v]
	}
	var out []string
	for i, v := range values {
		switch v.State {
		case fields.OK:
			out = append(out, fmt.Sprintf("%s=%v", f.Values[i].Name, v.Float()))
		case fields.Absent:
		default:
			out = append(out, fmt.Sprintf("%s!%d", f.Values[i].Name, v.State))
		}
	}
	return strings.Join(out, " ")
}

// TestChecksums holds each kind against the check value of "123456789" that the
// catalogue of CRC algorithms gives, or what was added up by hand.
func TestChecksums(t *testing.T) {
	want := map[string]uint16{
		"sum8": 0xDD, "sum8-negated": 0x23, "sum8-inverted": 0x22, "sum16": 0x01DD, "xor8": 0x31,
		"crc8": 0xF4, "crc8-nrsc5": 0xF7, "crc16-ccitt": 0x29B1, "crc16-xmodem": 0x31C3, "crc16-modbus": 0x4B37, "crc16-arc": 0xBB3D,
	}
	for name, s := range sums() {
		if got := s.of([]byte("123456789")); got != want[name] {
			t.Errorf("%s: %04X, want %04X", name, got, want[name])
		}
		if !strings.Contains(Checksums, name) {
			t.Errorf("the list of kinds has no %s", name)
		}
	}
	if len(want) != len(sums()) {
		t.Error("a kind is not tested")
	}
}

const fixedText = `
frame = "fixed"
size = 6
start = "AA 55"
end = "0D"
checksum = "sum8"
[field.x]
offset = 2
type = "u16le"
none = 0xFFFF
max = 1000
`

const lengthText = `
frame = "length"
start = "68"
length_at = 1
length_type = "u16be"
length_add = 5
checksum = "crc16-modbus"
size = 40
[field.x]
offset = 3
[field.last]
offset = -3
type = "i8"
`

const lineText = `
frame = "line"
start = "$W,"
checksum = "xor8"
checksum_from = 1
[field.x]
column = 2
[field.temp]
column = 4
unit = "C"
scale = 0.1
`

const plainLineText = `
frame = "line"
separator = ";"
[field.x]
column = 1
[field.y]
column = 2
`

const blockText = `
frame = "block"
[field.v]
label = "V"
scale = 0.001
[field.i]
label = "I"
`

const telegramText = `
frame = "telegram"
start = "/"
[field.e]
label = "1-0:1.8.1"
unit = "kWh"
[field.p]
label = "1-0:1.7.0"
unit = "kW"
scale = 1000
[field.gas]
label = "0-1:24.2.1"
unit = "m3"
`

func fixed6(x int) []byte {
	b := []byte{0xAA, 0x55, byte(x), byte(x >> 8)}
	return append(b, byte(add(b)), 0x0D)
}

func long(data ...byte) []byte {
	b := append([]byte{0x68, 0, byte(len(data))}, data...)
	n := reflected(b, 0xA001, 0xFFFF)
	return append(b, byte(n), byte(n>>8))
}

func sentence(body string) []byte {
	return fmt.Appendf(nil, "$%s*%02x\r\n", body, xor([]byte(body)))
}

func blockOf(lines ...string) []byte {
	b := []byte("\r\n" + strings.Join(lines, "\r\n") + "\r\nChecksum\t")
	return append(b, byte(-add(b)))
}

func telegramOf(lines ...string) []byte {
	b := []byte("/TST5\r\n\r\n" + strings.Join(lines, "\r\n") + "\r\n!")
	return fmt.Appendf(b, "%04X\r\n", reflected(b, 0xA001, 0))
}

func join(parts ...any) (b []byte) {
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			b = append(b, p...)
		case []byte:
			b = append(b, p...)
		}
	}
	return b
}

func spoiled(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 0x10
	return b
}

func TestFrames(t *testing.T) {
	for _, row := range []struct {
		name, text string
		stream     []byte
		want       []string
	}{
		{"fixed", fixedText, join(fixed6(1)[3:], fixed6(7), fixed6(0xFFFF), fixed6(2000), fixed6(0x55AA)), []string{"-", "x=7", "", "x!4", "x!4"}},
		{"a wrong one", fixedText, join(fixed6(7), spoiled(fixed6(8), 2), fixed6(9)), []string{"x=7", "wrong", "x=9"}},
		{"a wrong end", fixedText, join(fixed6(7), spoiled(fixed6(8), 5), fixed6(9)), []string{"x=7", "wrong", "x=9"}},
		{"one within another that lost bytes", fixedText, join(fixed6(7)[:3], fixed6(9)), []string{"wrong", "x=9"}},
		{"length", lengthText, join(long(5), long(1, 2, 3), long(), long(4, 0xFF)), []string{"x=5 last=5", "x=1 last=3", "x!2 last=0", "x=4 last=-1"}},
		{"too long to be one", lengthText, join("\x68\x00\x40", long(5)), []string{"-", "x=5 last=5"}},
		{"a wrong length", lengthText, join(spoiled(long(1, 2, 3), 2), long(5), bytes.Repeat([]byte{0}, 30)), []string{"wrong", "x=5 last=5", "-"}},
		{"line", lineText, join("9*00\r\n", sentence("W,7,a,215C,z"), sentence("V,7"), "\r\n\n", sentence("W,8,a,215")), []string{"-", "x=7 temp=21.5", "other", "x=8 temp!3"}},
		{"wrong sums of lines", lineText, join("\n$W,7,a,215C*00\n", "$W,7,a,215C\n", sentence("W,7")), []string{"-", "bad sum", "bad sum", "broken"}},
		{"plain lines", plainLineText, join("1;2\r3;4\n5;6\r\n\r\n;8\r7"), []string{"-", "x=3 y=4", "x=5 y=6", "y=8"}},
		{"a letter before the number", "frame = \"line\"\nstart = \"R\"\n[field.x]\ncolumn = 1\n", []byte("R1\rR1234\rR\r1\rR0005\r"), []string{"-", "x=1234", "", "other", "x=5"}},
		{"blanks", "frame = \"line\"\nseparator = \" \"\nstart = \"S S\"\n[field.x]\ncolumn = 3\n[field.y]\ncolumn = 4\n", []byte("\r\nS S     100.00 7\r\nS S  1 \t 2 \r\nS S 1\r\n"), []string{"-", "x=100 y=7", "x=1 y=2", "broken"}},
		{"too long a line", plainLineText, join("1;2\n", strings.Repeat("9", 1100), ";5\n6;7\n"), nil},
		{"block", blockText, join(blockOf("V\t1")[5:], blockOf("V\t12800", "I\t-20", "VPV\t5"), blockOf("I\t---"), blockOf("V\tx")), []string{"-", "i=-20 v=12.8", "", "v!3"}},
		{"a wrong block", blockText, join(blockOf("V\t1"), spoiled(blockOf("V\t2"), 4), blockOf("V\t3000")), []string{"wrong", "v=3"}},
		{"other messages", blockText, join(blockOf("V\t1"), ":7F0ED0071\n", blockOf("V\t2000", "I\t5"), blockOf("I\t1")[:5], ":7F\n", blockOf("I\t1")[5:]), []string{"-", "i=5 v=2", ""}},
		{"a checksum that is a colon", blockText, join(blockOf("V\t1"), blockOf("I\t5", colon()), blockOf("I\t6")), []string{"-", "i=5", "i=6"}},
		{"telegram", telegramText, join(telegramOf("1-0:1.8.1(1*kWh)")[9:], telegramOf("1-0:1.8.1(001234.567*kWh)", "1-0:1.7.0(01.193*kW)", "0-1:24.2.1(101209112500W)(12785.123*m3)"), telegramOf("1-0:1.7.0(1*W)", "1-0:1.8.1()")),
			[]string{"-", "e=1234.567 gas=12785.123 p=1193", "p!3"}},
		{"a wrong telegram", telegramText, join(spoiled(telegramOf("1-0:1.8.1(1*kWh)"), 12), telegramOf("1-0:1.8.1(2*kWh)")[:20], telegramOf("1-0:1.8.1(3*kWh)")), []string{"wrong", "e=3"}},
	} {
		f := compile(t, row.text)
		got := all(f, row.stream, len(row.stream))
		if row.want == nil {
			row.want = []string{"wrong", "x=6 y=7"}
			got = got[len(got)-1:]
			row.want = row.want[1:]
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%s:\n got %q\nwant %q", row.name, got, row.want)
		}
		for _, piece := range []int{1, 3} { // what was passed over may be told in pieces
			if again := readings(all(f, row.stream, piece)); !slices.Equal(again, readings(got)) && row.name != "too long a line" {
				t.Errorf("%s, in pieces of %d: %q", row.name, piece, again)
			}
		}
	}
}

func readings(list []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == "-" || s == "wrong" })
}

// colon gives a line with which the checksum of a block is a colon.
func colon() string {
	for i := range 10_000 {
		s := fmt.Sprintf("X\t%c%c", ' '+i%90, ' '+i/90%90)
		if b := blockOf("I\t5", s); b[len(b)-1] == ':' {
			return s
		}
	}
	panic("no such line")
}

func TestTypes(t *testing.T) {
	frame := []byte{0xAA, 0x12, 0x34, 0x80, 0x01, 0x41, 0xAC, 0x00, 0x00}
	for _, row := range []struct {
		f    Field
		want string
	}{
		{Field{}, "18"},
		{Field{Offset: 2, Type: "i8"}, "-128"},
		{Field{Offset: 2, Type: "m16be"}, "-1"},
		{Field{Offset: 0, Type: "u16le"}, "13330"},
		{Field{Offset: 0, Type: "bcd16be"}, "1234"},
		{Field{Offset: 0, Type: "u24be"}, "1.193088e+06"},
		{Field{Offset: 4, Type: "f32be"}, "21.5"},
		{Field{Offset: 0, Shift: 4}, "1"},
		{Field{Offset: 0, Bits: 4}, "2"},
		{Field{Offset: -1}, "0"},
		{Field{Offset: 1, Scale: ptr(0.1)}, "5.2"},
		{Field{Offset: 1, Scale: ptr(0.5), Add: -40}, "-14"},
		{Field{Offset: 1, Add: 0.25}, "52.25"},
		{Field{Offset: 1, None: ptr(int64(52))}, "absent"},
		{Field{Offset: 2, Type: "i8", None: ptr(int64(-128))}, "absent"},
		{Field{Offset: 1, Min: ptr(53.0)}, "outside"},
		{Field{Offset: 1, Max: ptr(51.9)}, "outside"},
		{Field{Offset: 1, Scale: ptr(0.1), Min: ptr(5.2), Max: ptr(5.2)}, "5.2"},
		{Field{Offset: 1, Min: ptr(0.0)}, "52"},
	} {
		if row.f.Offset >= 0 {
			row.f.Offset++ // behind the start
		}
		f, err := Compile(Declaration{Frame: "fixed", Size: 9, Start: "AA", Field: map[string]Field{"x": row.f}})
		if err != nil {
			t.Errorf("%+v: %v", row.f, err)
			continue
		}
		values := make([]Reading, 1)
		f.Read(frame, values)
		got := map[fields.State]string{fields.Absent: "absent", fields.Outside: "outside"}[values[0].State]
		if values[0].State == fields.OK {
			got = fmt.Sprint(values[0].Float())
		}
		if got != row.want {
			t.Errorf("%+v: %s, want %s", row.f, got, row.want)
		}
	}
}

// TestMistakes: every rule names its key.
// TestNoEndOfText: of a text that does not end no more is passed over than there is.
func TestNoEndOfText(t *testing.T) {
	for _, d := range []Declaration{
		{Frame: "line", Field: map[string]Field{"x": {Column: 1}}},
		{Frame: "block", Field: map[string]Field{"x": {Label: "X"}}},
		{Frame: "telegram", Start: "/", Field: map[string]Field{"x": {Label: "X"}}},
	} {
		for d.Size = 1; d.Size < 40; d.Size++ {
			f, err := Compile(d)
			if err != nil {
				continue
			}
			for n := range 60 {
				found := f.Finder()
				if skipped, _, _ := found.Next(make([]byte, n)); skipped < 0 || n-skipped > d.Size {
					t.Fatalf("%s of %d bytes: of %d bytes %d are passed over", d.Frame, d.Size, n, skipped)
				}
			}
		}
	}
}

func TestMistakes(t *testing.T) {
	good := map[string]Field{"x": {Offset: 1}}
	text := map[string]Field{"x": {Column: 1}}
	base := Declaration{Frame: "fixed", Size: 8, Start: "AA", Field: good}
	with := func(change func(*Declaration)) Declaration {
		d := base
		change(&d)
		return d
	}
	field := func(f Field) Declaration {
		return with(func(d *Declaration) { d.Field = map[string]Field{"x": f} })
	}
	for _, row := range []struct {
		d    Declaration
		want string
	}{
		{Declaration{}, "frame must be"},
		{with(func(d *Declaration) { d.Size = 0 }), "size must be the number of bytes"},
		{with(func(d *Declaration) { d.Start = "A" }), "start must be up to 16 hexadecimal bytes"},
		{with(func(d *Declaration) { d.Start = "" }), "start must be set"},
		{with(func(d *Declaration) { d.End = "xx" }), "end must be up to 16"},
		{with(func(d *Declaration) { d.Checksum = "md5" }), "checksum must be sum8"},
		{with(func(d *Declaration) { d.ChecksumAt = 3 }), "checksum must be set"},
		{with(func(d *Declaration) { d.Checksum, d.ChecksumAt = "sum8", 8 }), "checksum_at is outside"},
		{with(func(d *Declaration) { d.Checksum, d.ChecksumFrom = "sum8", 7 }), "checksum_to must be behind"},
		{with(func(d *Declaration) { d.Checksum, d.ChecksumOrder = "sum16", "up" }), "checksum_order must be"},
		{Declaration{Frame: "line", Size: 8, Field: text}, "size must be the most bytes that a frame may have, from 16"},
		{with(func(d *Declaration) { d.Frame, d.LengthAt = "length", 8 }), "length_at must be from 0 to 64, and inside"},
		{with(func(d *Declaration) { d.LengthAt = 1 }), "length_at and"},
		{with(func(d *Declaration) { d.Frame, d.LengthType = "length", "i8" }), "length_type must be"},
		{with(func(d *Declaration) { d.PollEvery = "1s" }), "poll must be set"},
		{with(func(d *Declaration) { d.Poll = "zz" }), "poll must be up to"},
		{with(func(d *Declaration) { d.Separator = ";" }), ""},
		{with(func(d *Declaration) { d.Field = nil }), "field must have 1 to 64"},
		{Declaration{Frame: "line", End: "0A", Field: text}, "end is for fixed"},
		{Declaration{Frame: "line", Separator: "ab", Field: text}, "separator must be one"},
		{Declaration{Frame: "telegram", Field: map[string]Field{"x": {Label: "a"}}}, "start must be what a telegram"},
		{Declaration{Frame: "block", Checksum: "sum8", Field: map[string]Field{"x": {Label: "a"}}}, "checksum of a block is known"},
		{Declaration{Frame: "line", Field: good}, "field.x.column must be"},
		{Declaration{Frame: "block", Field: text}, "field.x.label must be"},
		{field(Field{Offset: 8}), "field.x.offset is outside"},
		{field(Field{Offset: 7, Type: "u16be"}), "field.x.offset is outside"},
		{field(Field{Offset: -9}), "field.x.offset is outside"},
		{field(Field{Type: "u8"}), "field.x.offset must be behind start"},
		{with(func(d *Declaration) { d.Checksum, d.Field = "sum8", map[string]Field{"x": {Offset: 6, Type: "u16le"}} }), "field.x.offset must leave out the checksum, which stands at 7"},
		{with(func(d *Declaration) { d.Checksum, d.Field = "sum8", map[string]Field{"x": {Offset: -1}} }), "field.x.offset must leave out the checksum"},
		{field(Field{Type: "u16"}), "field.x.type must be"},
		{field(Field{Type: "x16be"}), "field.x.type must be"},
		{field(Field{Type: "f16be"}), "field.x.type must be"},
		{field(Field{Column: 2}), "field.x.offset says where"},
		{field(Field{Scale: ptr(0.0)}), "field.x.scale must be"},
		{field(Field{Add: 1e300}), "field.x.add must be"},
		{field(Field{Min: ptr(2.0), Max: ptr(1.0)}), "field.x.min must be below"},
		{field(Field{Bits: 9}), "field.x.type does not fit"},
		{field(Field{Is: ptr(int64(1))}), "field must have at least one"},
		{field(Field{Is: ptr(int64(1)), Add: 1}), "field.x.is is compared"},
	} {
		_, err := Compile(row.d)
		if row.want == "" {
			if err == nil || !strings.Contains(err.Error(), "separator is for lines") {
				t.Errorf("%+v: %v", row.d, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%+v: %v, want %s", row.d, err, row.want)
		}
	}
}

// TestParse: a mistake in a file is told by its place.
func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"frame = \"fixed\"\nsizes = 5\n":          "x.toml:2:1: there is no key sizes",
		"frame = \"fixed\"\nsize = \"5\"\n":       "x.toml:2:8: size must be a whole number",
		"frame = \n":                              "x.toml:1:",
		"[field.x]\nofset = 1\n":                  "x.toml:2:1: there is no key field.x.ofset: a field has offset, type, shift",
		"[device.field.x]\noffset = 1\n":          "x.toml:1:2: there is no key device.field.x: the tables of a file are [field.temp], without device",
		"type = \"declared\"\n":                   "x.toml:1:1: there is no key type: it stands in the [[device]]",
		"[field.x]\nscale = \"10\"\n":             "x.toml:2:9: field.x.scale must be a number",
		"file = \"y.toml\"\n":                     "x.toml: file cannot be set in a file",
		"baud = 9600\n[field.x]\ntype = 5\n":      "x.toml:3:",
		"title = \"t\"\nsource = \"s\"\nframe=7#": "x.toml:3:",
	} {
		if _, err := Parse("x.toml", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestShipped: each declaration says what it is and where its facts come from.
func TestShipped(t *testing.T) {
	files, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range files {
		if _, err := Compile(f.Declaration); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if f.Title == "" || f.Source == "" || f.Name == "" || len(f.Thing) != 3 || f.Baud == 0 || f.Silence == "" {
			t.Errorf("%s does not say all: %+v", name, f)
		}
	}
	if len(files) == 0 {
		t.Error("there are none")
	}
}

func TestNothingIsAllocated(t *testing.T) {
	for name, stream := range streams() {
		f := compile(t, texts()[name])
		values := make([]Reading, len(f.Values))
		find := f.Finder()
		seen := 0
		if n := testing.AllocsPerRun(100, func() {
			for b := stream; ; {
				skipped, frame, _ := find.Next(b)
				if frame == nil {
					return
				}
				f.Read(frame, values)
				b = b[skipped+len(frame):]
				seen++
			}
		}); n != 0 || seen == 0 {
			t.Errorf("%s: %v allocations, %d frames", name, n, seen)
		}
	}
}

func texts() map[string]string {
	return map[string]string{"fixed": fixedText, "length": lengthText, "line": lineText, "plain": plainLineText, "block": blockText, "telegram": telegramText}
}

func streams() map[string][]byte {
	return map[string][]byte{
		"fixed":    join("x", fixed6(7), spoiled(fixed6(8), 2), fixed6(9)),
		"length":   join(long(1, 2, 3), spoiled(long(1, 2), 3), long(4)),
		"line":     join("x\n", sentence("W,7,a,215C"), sentence("V,1"), "$W,1*00\n"),
		"plain":    join("\n1;2\n3;x\n"),
		"block":    join(blockOf("V\t1"), blockOf("V\t12800", "I\t-20"), ":7\n", spoiled(blockOf("I\t1"), 3), blockOf("I\t2")),
		"telegram": join(telegramOf("1-0:1.8.1(001234.567*kWh)"), spoiled(telegramOf("1-0:1.7.0(1*kW)"), 20), telegramOf("0-1:24.2.1(1)(2*m3)")),
	}
}

// TestDamage cuts a stream off, spoils, drops and doubles every byte: what is read is
// what was sent. A checksum of a byte knows any one wrong byte.
func TestDamage(t *testing.T) {
	for name, stream := range map[string][]byte{
		"fixed":    join(fixed6(7), fixed6(300), fixed6(9)),
		"length":   join(long(1, 2, 3), long(9, 2), long(4)),
		"line":     join("\n", sentence("W,7,a,215C"), sentence("V,1"), sentence("W,8,b,-5C")),
		"block":    join(blockOf("V\t1"), blockOf("V\t12800", "I\t-20"), blockOf("I\t2")),
		"telegram": join(telegramOf("1-0:1.8.1(001234.567*kWh)"), telegramOf("1-0:1.7.0(1*kW)"), telegramOf("0-1:24.2.1(1)(2*m3)")),
	} {
		f := compile(t, texts()[name])
		sent := map[string]bool{}
		for _, s := range readings(all(f, stream, len(stream))) {
			sent[s] = true
		}
		for i := range stream {
			for _, damaged := range [][]byte{stream[:i], slices.Concat(stream[:i], stream[i+1:]), slices.Concat(stream[:i+1], stream[i:]), spoiled(stream, i)} {
				for _, got := range readings(all(f, damaged, len(damaged)+1)) {
					if !sent[got] && got != "bad sum" && got != "other" && got != "broken" {
						t.Errorf("%s, byte %d: %q", name, i, got)
					}
				}
			}
		}
	}
}

// TestNoise: of random bytes nothing is made but what a checksum of a byte lets pass,
// and nothing is kept for long.
func TestNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(61, 62))
	noise := make([]byte, 100_000)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	for name, text := range texts() {
		if got := readings(all(compile(t, text), noise, 777)); len(got) > 20 && name != "line" && name != "plain" {
			t.Errorf("%s: %d frames in noise", name, len(got))
		}
	}
}

func FuzzFormat(f *testing.F) {
	formats := map[string]*Format{}
	var names []string
	for name, text := range texts() {
		formats[name] = compile(f, text)
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		f.Add(streams()[name], byte(i))
	}
	f.Fuzz(func(t *testing.T, stream []byte, which byte) {
		if len(stream) > 256 {
			return
		}
		format := formats[names[int(which)%len(names)]]
		whole := readings(all(format, stream, max(len(stream), 1)))
		if again := readings(all(format, stream, 1)); !slices.Equal(again, whole) {
			t.Errorf("in one piece %q, byte by byte %q", whole, again)
		}
	})
}

// FuzzDeclaration: whatever a file says, it is compiled or refused.
func FuzzDeclaration(f *testing.F) {
	for _, text := range texts() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1024 {
			return
		}
		file, err := Parse("x.toml", []byte(text))
		if err != nil {
			return
		}
		if format, err := Compile(file.Declaration); err == nil {
			all(format, []byte(strings.Repeat("\xaa\x55\x68\x01$/!\r\nChecksum\t:", 8)), 5)
		}
	})
}

func BenchmarkFormat(b *testing.B) {
	for name, stream := range streams() {
		b.Run(name, func(b *testing.B) {
			f := compile(b, texts()[name])
			values := make([]Reading, len(f.Values))
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			for b.Loop() {
				find := f.Finder()
				for rest := stream; ; {
					skipped, frame, _ := find.Next(rest)
					if frame == nil {
						break
					}
					f.Read(frame, values)
					rest = rest[skipped+len(frame):]
				}
			}
		})
	}
}
