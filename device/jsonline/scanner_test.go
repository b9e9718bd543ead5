package jsonline

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func collect(line string) (string, error) {
	var s Scanner
	var out strings.Builder
	for s.Reset([]byte(line)); s.Next(); {
		out.Write(s.Key())
		out.WriteByte("?nstfzoab"[s.Kind()])
		out.Write(s.Raw())
		out.WriteByte(' ')
	}
	return out.String(), s.Err()
}

func TestScanner(t *testing.T) {
	for _, c := range []struct {
		name, line, want string
		err              error
	}{
		{"empty object", `{}`, "", nil},
		{"blanks everywhere", " \t{ \"a\" : 1 , \"b\" : \"x y\" }\r\n", "an1 bsx y ", nil},
		{"digits are kept", `{"t":21.50,"e":1e-3,"z":-0.0}`, "tn21.50 en1e-3 zn-0.0 ", nil},
		{"words", `{"a":true,"b":false,"c":null}`, "attrue bffalse cznull ", nil},
		{"nested values pass whole", `{"a":{"b":[1,{"c":"]}"}]},"d":[],"e":{},"f":[[ ],{ }]}`, `ao{"b":[1,{"c":"]}"}]} da[] eo{} fa[[ ],{ }] `, nil},
		{"escaped quote and colon in key", `{"a\"\u003a:":"\\"}`, `a\"\u003a:s\\ `, nil},
		{"empty key", `{"":0}`, "n0 ", nil},
		{"repeated key", `{"a":1,"a":2}`, "an1 an2 ", nil},
		{"nothing", "", "", ErrSyntax},
		{"array", "[1]", "", ErrSyntax},
		{"second object", `{"a":1} {"b":2}`, "an1 ", nil},
		{"cut in a value", `{"a":1,"b":2`, "an1 bn2 ", ErrSyntax},
		{"cut in a string", `{"a":1,"b":"2`, "an1 ", ErrSyntax},
		{"trailing comma", `{"a":1,}`, "an1 ", ErrSyntax},
		{"leading zero", `{"a":01}`, "ab01 ", nil},
		{"not a number", `{"a":NaN,"b":nan,"c":-Infinity,"d":4}`, "abNaN bbnan cb-Infinity dn4 ", nil},
		{"bare point", `{"a":1.}`, "ab1. ", nil},
		{"more than a number", `{"a":21.5°C,"b":12:30:05 ,"c":0x1F,"d":nullx,"e":1}`, "ab21.5°C bb12:30:05 cb0x1F dbnullx en1 ", nil},
		{"nothing for a value", `{"a":,"b": }`, "ab bb ", nil},
		{"two values", `{"a":1 2}`, "an1 ", ErrSyntax},
		{"no comma", `{"a":x"b":2}`, "abx ", ErrSyntax},
		{"nothing, and no colon", `{"a"}`, "", ErrSyntax},
		{"not a number inside", `{"a":{"b":nan,"c":[inf,1]},"d":2}`, `ao{"b":nan,"c":[inf,1]} dn2 `, nil},
		{"nothing inside", `{"a":[1,],"d":2}`, "", ErrSyntax},
		{"control character", "{\"a\":\"\x01\"}", "", ErrSyntax},
		{"comma for colon", `{"a",1}`, "", ErrSyntax},
		{"wrong bracket", `{"a":[1}}`, "", ErrSyntax},
		{"too deep", `{"a":` + strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1) + `}`, "", ErrDepth},
		{"just deep enough", `{"a":` + strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth) + `}`,
			"aa" + strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth) + " ", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := collect(c.line)
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("got %q, %v; want %q, %v", got, err, c.want, c.err)
			}
		})
	}
}

func TestZeroScannerIsEmpty(t *testing.T) {
	var s Scanner
	if s.Next() || s.Err() != nil || s.Kind() != None {
		t.Errorf("a scanner without line gave something")
	}
}

func TestUnescape(t *testing.T) {
	for raw, want := range map[string]string{
		`plain`:            "plain",
		`\"\\\/\b\f\n\r\t`: "\"\\/\b\f\n\r\t",
		`\u00e4\u20AC`:     "ä€",
		`\ud83d\ude00`:     "😀",
		`\ud83d`:           "\ufffd",
		`\ud83d\u0041`:     "\ufffdA",
		`\ude00x`:          "\ufffdx",
		"\xff\xc3":         "\ufffd\ufffd",
		`cut\`:             `cut\`,
		`\u12`:             `u12`,
	} {
		if got := string(Unescape(nil, []byte(raw))); got != want {
			t.Errorf("Unescape(%q) = %q, want %q", raw, got, want)
		}
		if Plain([]byte(raw)) != (raw == want) && raw != `cut\` {
			t.Errorf("Plain(%q) is wrong", raw)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	line := []byte(`{"id":"CB:B8:33:4C:88:4F","rssi":-61,"name":"a\u00e4","x":{"y":[1,2,{"z":null}]},"adv":"0201061BFF"}`)
	buf := make([]byte, 0, 64)
	n := testing.AllocsPerRun(100, func() {
		var s Scanner
		for s.Reset(line); s.Next(); {
			buf = Unescape(buf[:0], s.Raw())
		}
		if s.Err() != nil {
			t.Error(s.Err())
		}
	})
	if n != 0 {
		t.Errorf("%v allocations a line, want 0", n)
	}
}

// FuzzAgainstEncodingJSON holds the promise of doc.go: the same lines are valid,
// once what is no value is mended, and every member has the same key and value.
func FuzzAgainstEncodingJSON(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1}`, `{"a":[{},[]],"b":{"c":"\ud83d\ude00"}}`, "{\"a\":\"\xff\"}", `{"a":-0.5E+10,"b":tru}`, `{"a":[1,]}`, "{\"a\\\"\" : 1 }\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if len(line) > 128 { // minimising an input takes quadratic time
			return
		}
		var s Scanner
		members := map[string]any{}
		for s.Reset(line); s.Next(); {
			var v any
			raw := s.Raw()
			if s.Kind() == Bare {
				v = json.Number("0")
			} else if s.Kind() == String {
				v = string(Unescape(nil, raw))
			} else if d := json.NewDecoder(bytes.NewReader(mended(raw))); true {
				d.UseNumber()
				if err := d.Decode(&v); err != nil {
					t.Fatalf("value %q of kind %d: %v", raw, s.Kind(), err)
				}
			}
			members[string(Unescape(nil, s.Key()))] = v
		}
		if errors.Is(s.Err(), ErrDepth) {
			return
		}
		judge(t, line)
		if s.Err() != nil {
			return
		}
		var want map[string]any
		d := json.NewDecoder(bytes.NewReader(mended(line)))
		d.UseNumber()
		if err := d.Decode(&want); err != nil {
			t.Fatal(err)
		}
		a, _ := json.Marshal(members)
		b, _ := json.Marshal(want)
		if !bytes.Equal(a, b) {
			t.Fatalf("%q: ours %s, encoding/json %s", line, a, b)
		}
	})
}

func BenchmarkScanner(b *testing.B) {
	line := []byte(`{"id":"CB:B8:33:4C:88:4F","rssi":-61,"adv":"02010603039AFC1BFF99040512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F"}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		var s Scanner
		for s.Reset(line); s.Next(); {
		}
	}
}
