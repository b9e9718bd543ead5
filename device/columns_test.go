package device

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestLinesColumns: values in columns, as CSV has them.
func TestLinesColumns(t *testing.T) {
	csv := LinesOptions{Columns: []string{"temp", "", "humd"}}
	with := func(separator string) LinesOptions {
		return LinesOptions{Columns: []string{"temp", "x", "humd"}, Separator: separator}
	}
	german := with(";")
	german.DecimalComma = true
	for _, row := range []struct {
		name string
		c    LinesOptions
		line string
		want string
		bad  int
	}{
		{"plain", csv, "21.50,7,40", `{12100,"temp":21.50,"humd":40}`, 0},
		{"blanks", csv, " 21.50 , 7 , 40 ", `{12100,"temp":21.50,"humd":40}`, 0},
		{"nothing in a column", csv, ",7,40", `{12100,"humd":40}`, 0},
		{"nothing at the end", csv, "21.50,7,", `{12100,"temp":21.50}`, 0},
		{"nothing at all", csv, ",,", ``, 0},
		{"quoted", csv, `"21.50","a, ""b""","40"`, `{12100,"temp":21.50,"humd":40}`, 0},
		{"quotes within", LinesOptions{Columns: []string{"x", "temp"}, Extra: "keep"}, `"a, ""b""",4`, `{12100,"temp":4,"x":"a, \"b\""}`, 0},
		{"open quotes", csv, `"21.50,7,40`, ``, 1},
		{"text behind quotes", csv, `"21.50"x,7,40`, ``, 1},
		{"another number of columns", csv, "21.50,40", ``, 1},
		{"one too many", csv, "21.50,7,40,", ``, 1},
		{"header", csv, "Temperature,Node,Humidity", ``, 0},
		{"quoted header", csv, `"Temperature (C)","","Humidity"`, ``, 0},
		{"nan is no header", csv, "nan,,NaN", ``, 2},
		{"a bad value", csv, "21.5.0,7,40", `{12100,"humd":40}`, 1},
		{"range", csv, "21.50,7,101", `{12100,"temp":21.50}`, 1},
		{"exponent that may be hexadecimal", csv, "12E4,7,40", `{12100,"humd":40}`, 1},
		{"as sensors write numbers", csv, "+21.50,7,.5", `{12100,"temp":21.50,"humd":0.5}`, 0},
		{"truth", LinesOptions{Columns: []string{"hall", "x"}}, "true,false", `{12101,"hall":1} {90200,"x":0}`, 0},
		{"json goes on", csv, `{"temp":4}`, `{12100,"temp":4}`, 0},
		{"pairs do not", csv, `temp=4,x=1,humd=5`, ``, 0},
		{"semicolon", with(";"), "21.50;7;40", `{12100,"temp":21.50,"humd":40} {90200,"x":7}`, 0},
		{"tab", with("\t"), "21.50\t7\t40", `{12100,"temp":21.50,"humd":40} {90200,"x":7}`, 0},
		{"nothing before a tab", with("\t"), "\t7\t40", `{12100,"humd":40} {90200,"x":7}`, 0},
		{"nothing behind a tab", with("\t"), "21.50\t7\t", `{12100,"temp":21.50} {90200,"x":7}`, 0},
		{"any blanks", with(" "), "  21.50   7\t40 ", `{12100,"temp":21.50,"humd":40} {90200,"x":7}`, 0},
		{"decimal comma", german, `21,50;"7,5";40`, `{12100,"temp":21.50,"humd":40} {90200,"x":7.5}`, 0},
		{"decimal comma or thousands", german, "1.021,50;7;40", `{12100,"humd":40} {90200,"x":7}`, 1},
		{"two commas", german, "1,021,50;7;40", `{12100,"humd":40} {90200,"x":7}`, 1},
		{"comma that is not configured", with(";"), "21,50;7;40", `{12100,"humd":40} {90200,"x":7}`, 1},
		{"map and scale", LinesOptions{Columns: []string{"t", "humd"}, Map: map[string]string{"t": "temp"}, Scale: map[string]float64{"t": 0.1}}, "213,40", `{12100,"temp":21.3,"humd":40}`, 0},
		{"hexadecimal", LinesOptions{Columns: []string{"x", "temp"}, Hex: []string{"x"}}, "1F,4", `{12100,"temp":4} {90200,"x":31}`, 0},
		{"units", LinesOptions{Columns: []string{"temp", "humd"}, Units: map[string]string{"temp": "C", "humd": "%"}}, "21.5 C,40%", `{12100,"temp":21.5,"humd":40}`, 0},
		{"another unit", LinesOptions{Columns: []string{"temp", "humd"}, Units: map[string]string{"temp": "C"}}, "70 F,40", `{12100,"humd":40}`, 1},
		{"prompt", LinesOptions{Columns: []string{"temp", "humd"}, Prefix: "$ DATA:"}, "$ DATA: 21.5,40", `{12100,"temp":21.5,"humd":40}`, 0},
		{"prompt before a tab", LinesOptions{Columns: []string{"temp", "humd"}, Separator: "\t", Prefix: ">"}, ">\t40", `{12100,"humd":40}`, 0},
		{"binary", csv, "1\x01\x02\x03,2,3", ``, 1},
	} {
		got := readLines(t, row.c, row.line+"\r\n")
		if payload(got) != row.want || got.bad() != row.bad {
			t.Errorf("%s: %q\n got %s and %d bad %v\nwant %s and %d bad", row.name, row.line, payload(got), got.bad(), got.frames, row.want, row.bad)
		}
	}
}

// TestLinesNamesAndUnits: name:value, what stands before a line, and units.
func TestLinesNamesAndUnits(t *testing.T) {
	colon := LinesOptions{Assign: ":", Map: map[string]string{"T": "temp", "H": "humd"}}
	units := LinesOptions{Units: map[string]string{"temp": "C", "humd": "%"}}
	prompt := LinesOptions{Prefix: ">"}
	for _, row := range []struct {
		name string
		c    LinesOptions
		line string
		want string
		bad  int
	}{
		{"names", colon, "T:23.6 H:45", `{12100,"temp":23.6,"humd":45}`, 0},
		{"names with blanks", colon, "T: 23.6, H : 45;", `{12100,"temp":23.6,"humd":45}`, 0},
		{"a label", colon, "node1 T:23.6", `{12100,"temp":23.6}`, 0},
		{"a time", colon, "12:00:00 T:23.6", `{12100,"temp":23.6}`, 0},
		{"no value", colon, "T: H:45", ``, 1},
		{"a log of the firmware", colon, "I (823) wifi:state: 3", ``, 0},
		{"pairs are not names", colon, "T=23.6", ``, 1},
		{"names are not pairs", LinesOptions{}, "T:23.6 H:45", ``, 1},
		{"unit at the number", units, "temp=23.6C humd=45%", `{12100,"temp":23.6,"humd":45}`, 0},
		{"unit apart", units, "temp=23.6 C humd=45 %", `{12100,"temp":23.6,"humd":45}`, 0},
		{"unit apart at the end", units, "humd=45 temp=23.6 C", `{12100,"humd":45,"temp":23.6}`, 0},
		{"degree sign", units, "temp=23.6°C humd=45", `{12100,"temp":23.6,"humd":45}`, 0},
		{"degree sign apart", units, "temp=23.6 °C humd=45", `{12100,"temp":23.6,"humd":45}`, 0},
		{"degree sign in Latin-1", units, "temp=23.6\xb0C humd=45", `{12100,"temp":23.6,"humd":45}`, 0},
		{"no unit", units, "temp=23.6 humd=45", `{12100,"temp":23.6,"humd":45}`, 0},
		{"another unit", units, "temp=70F humd=45", `{12100,"humd":45}`, 1},
		{"another unit apart", units, "temp=70 F humd=45", `{12100,"humd":45}`, 1},
		{"a unit and more", units, "temp=70 C F humd=45", `{12100,"humd":45}`, 1},
		{"a unit and a number", units, "temp=70 C 3 humd=45", `{12100,"humd":45}`, 1},
		{"a unit behind a comma", units, "temp=70, C humd=45", `{12100,"humd":45}`, 1},
		{"a unit and no number", units, "temp=C humd=45", `{12100,"humd":45}`, 1},
		{"a unit of another key", units, "temp=23.6 % humd=45", `{12100,"humd":45}`, 1},
		{"a unit in quotes", units, `temp="23.6 C" humd='45%'`, `{12100,"temp":23.6,"humd":45}`, 0},
		{"a unit in JSON", units, `{"temp":"23.6C","humd":"45 %"}`, `{12100,"temp":23.6,"humd":45}`, 0},
		{"another unit in JSON", units, `{"temp":"70F","humd":45}`, `{12100,"humd":45}`, 1},
		{"a unit without a number", units, `{"temp":" C","humd":" %"}`, ``, 2},
		{"nor a degree sign", units, `temp=" °C" humd=5`, `{12100,"humd":5}`, 1},
		{"a unit under the name given", LinesOptions{Map: map[string]string{"t": "temp"}, Units: map[string]string{"temp": "C"}}, "t=4C", `{12100,"temp":4}`, 0},
		{"a unit and scale", LinesOptions{Units: map[string]string{"airp": "hPa"}, Scale: map[string]float64{"airp": 100}}, "airp=1013.25hPa", `{12100,"airp":101325}`, 0},
		{"units of names", LinesOptions{Assign: ":", Units: map[string]string{"temp": "C"}}, "temp:4C humd:5", `{12100,"temp":4,"humd":5}`, 0},
		{"prompt", prompt, "> temp=4", `{12100,"temp":4}`, 0},
		{"prompt at the line", prompt, ">temp=4", `{12100,"temp":4}`, 0},
		{"prompt before JSON", prompt, `> {"temp":4}`, `{12100,"temp":4}`, 0},
		{"no prompt", prompt, "temp=4", `{12100,"temp":4}`, 0},
		{"a prompt alone", prompt, ">", ``, 0},
		{"a prompt that is not configured", LinesOptions{}, "> temp=4", ``, 0},
	} {
		got := readLines(t, row.c, row.line+"\r\n")
		if payload(got) != row.want || got.bad() != row.bad {
			t.Errorf("%s: %q\n got %s and %d bad %v\nwant %s and %d bad", row.name, row.line, payload(got), got.bad(), got.frames, row.want, row.bad)
		}
	}
}

// TestLinesColumnsInDoubt: half a line may have as many columns as a whole one.
func TestLinesColumnsInDoubt(t *testing.T) {
	c := LinesOptions{Columns: []string{"temp", "humd"}}
	out := &collect{}
	_ = newLines(t, Config{ID: tuid, Options: &c}).Run(&script{chunks: []chunk{{0, "1.5,40\n22.5,40\n23.5,40\n24.5,4"}}}, out)
	eq(t, "messages", payload(out), `{12100,"temp":22.5,"humd":40} {12100,"temp":23.5,"humd":40}`)
}

func TestLinesShapesDoNotAllocate(t *testing.T) {
	for name, row := range shapes() {
		l := newLines(t, Config{ID: tuid, Options: &row.c})
		l.out = &nothing{}
		data := []byte(row.line)
		l.read(data)
		if n := testing.AllocsPerRun(100, func() { l.read(data) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

type shape struct {
	c    LinesOptions
	line string
}

// shapes are lines of the forms that a key chooses.
func shapes() map[string]shape {
	columns := []string{"ts", "id", "temp", "humd", "airp", "lght", "batl"}
	return map[string]shape{
		"csv":    {LinesOptions{Columns: columns, IDField: "id", TimeField: "ts"}, `1700000000.5,XXXX03PNL00000007,21.50,40.2,101325,120,97`},
		"german": {LinesOptions{Columns: columns, IDField: "id", TimeField: "ts", Separator: ";", DecimalComma: true}, `1700000000,5;XXXX03PNL00000007;21,50;40,2;101325;120;97`},
		"colon":  {LinesOptions{Assign: ":"}, `temp:21.50 humd:40.2 airp:101325 lght:120 batl:97`},
		"units":  {LinesOptions{Units: map[string]string{"temp": "C", "humd": "%"}}, `temp=21.50 °C humd=40.2% airp=101325 lght=120 batl=97`},
	}
}

func BenchmarkLinesShapes(b *testing.B) {
	for name, row := range shapes() {
		b.Run(name, func(b *testing.B) {
			l := newLines(b, Config{ID: tuid, Options: &row.c})
			l.out = &nothing{}
			data := []byte(row.line)
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				l.read(data)
			}
		})
	}
}

// slowColumns is what columns does with a separator that is no blank.
func slowColumns(line string, separator byte) (list []string, broken bool) {
	for {
		s := strings.TrimLeft(line, " \t")
		if separator == '\t' {
			s = strings.TrimLeft(line, " ")
		}
		if strings.HasPrefix(s, `"`) {
			value, rest, closed := "", s[1:], false
			for rest != "" && !closed {
				switch {
				case strings.HasPrefix(rest, `""`):
					value, rest = value+`"`, rest[2:]
				case rest[0] == '"':
					closed, rest = true, rest[1:]
				default:
					value, rest = value+rest[:1], rest[1:]
				}
			}
			if !closed {
				return nil, true
			}
			before, after, more := strings.Cut(rest, string(separator))
			broken = broken || strings.Trim(before, " \t") != ""
			if list = append(list, value); !more {
				return list, broken
			}
			line = after
			continue
		}
		before, after, more := strings.Cut(s, string(separator))
		if list = append(list, strings.TrimRight(before, " \t")); !more {
			return list, broken
		}
		line = after
	}
}

func FuzzColumns(f *testing.F) {
	for _, line := range []string{"1,2,3", `"a ""b""", 4 ,`, `"1`, `"1"2,3`, "\t1\t", ",,"} {
		f.Add(line, byte(','))
		f.Add(line, byte('\t'))
	}
	f.Fuzz(func(t *testing.T, line string, separator byte) {
		if len(line) > 64 || !strings.ContainsRune(",;\t|:/", rune(separator)) {
			return
		}
		judgeColumns(t, line, separator)
	})
}

func judgeColumns(t *testing.T, line string, separator byte) {
	t.Helper()
	var got []string
	c := columns{line: []byte(line), separator: separator}
	for c.next() {
		got = append(got, string(c.raw))
	}
	want, broken := slowColumns(line, separator)
	if broken != c.broken || !broken && !slices.Equal(got, want) {
		t.Errorf("%q at %q:\n got %q %v\nwant %q %v", line, separator, got, c.broken, want, broken)
	}
}

func TestColumnsAgainstTheModel(t *testing.T) {
	pieces := []string{",", ",", ";", "\t", " ", `"`, `"`, `""`, "1", "21.5", "a", "ä"}
	r := rand.New(rand.NewPCG(51, 52))
	for range 20_000 {
		var b strings.Builder
		for range r.IntN(12) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		for _, separator := range []byte(",;\t") {
			judgeColumns(t, b.String(), separator)
		}
	}
}

func FuzzLinesShapes(f *testing.F) {
	for _, row := range shapes() {
		f.Add(row.line+"\n", byte(0))
	}
	f.Fuzz(func(t *testing.T, text string, option byte) {
		if len(text) > 128 { // minimising an input takes quadratic time
			return
		}
		c := LinesOptions{Units: map[string]string{"temp": "C"}}
		switch option & 3 {
		case 0:
			c.Assign = ":"
		case 1:
			c.Columns, c.Separator = []string{"temp", "", "x"}, []string{",", ";", "\t", " "}[option>>2&3]
			c.DecimalComma = c.Separator != ","
		case 2:
			c.Prefix = ">"
		}
		for _, m := range readLines(t, c, text).messages {
			if !json.Valid([]byte(m)) {
				t.Errorf("not JSON: %s", m)
			}
		}
	})
}

// TestLinesShapesAreChecked: a mistake in the keys names the key.
func TestLinesShapesAreChecked(t *testing.T) {
	for _, row := range []struct {
		c    LinesOptions
		want string
	}{
		{LinesOptions{Columns: []string{"", ""}}, "columns must name at least one value"},
		{LinesOptions{Columns: []string{"temp", "temp"}}, `columns "temp" stands twice`},
		{LinesOptions{Columns: []string{"te mp\""}}, `columns "te mp\"" cannot be the name of a field`},
		{LinesOptions{Columns: []string{"temp"}, Assign: ":"}, "assign cannot be used together with columns"},
		{LinesOptions{Columns: []string{"temp"}, Separator: "ab"}, `separator must be one of`},
		{LinesOptions{Columns: []string{"temp"}, DecimalComma: true}, "decimal_comma needs another separator than a comma"},
		{LinesOptions{Separator: ";"}, "columns must be set where separator"},
		{LinesOptions{Assign: "->"}, `assign must be "=" or ":"`},
		{LinesOptions{Prefix: "> "}, "prefix must be up to 32 characters without blanks"},
		{LinesOptions{Units: map[string]string{"temp": ""}}, "units.temp must be the unit"},
		{LinesOptions{Units: map[string]string{"temp": "5C"}}, "units.temp cannot begin as a number"},
	} {
		_, err := linesKind().New(Config{ID: tuid, Options: &row.c}, Env{})
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%+v: %v, want %s", row.c, err, row.want)
		}
	}
}
