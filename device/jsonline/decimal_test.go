package jsonline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

func TestDecimalScan(t *testing.T) {
	for in, want := range map[string]struct {
		end int
		d   Decimal
	}{
		"0":                       {1, Decimal{0, 0, true}},
		"-0":                      {2, Decimal{0, 0, true}},
		"21.50":                   {5, Decimal{2150, 2, true}},
		"-0.001":                  {6, Decimal{-1, 3, true}},
		"999999999":               {9, Decimal{999999999, 0, true}},
		"4294967296":              {10, Decimal{4294967296, 0, true}}, // over 32 bits
		"1700000000.123":          {14, Decimal{1700000000123, 3, true}},
		"-999999999999999999":     {19, Decimal{-999999999999999999, 0, true}},
		"0.12345678901234567":     {19, Decimal{12345678901234567, 17, true}},
		"1000000000000000000":     {19, Decimal{}},
		"0.000000000000000001":    {20, Decimal{}}, // 19 digits with the zero in front
		"1e3":                     {3, Decimal{}},
		"-1.5E-2":                 {7, Decimal{}},
		"0e0":                     {3, Decimal{}},
		"5,":                      {1, Decimal{5, 0, true}},
		"5C":                      {1, Decimal{5, 0, true}},
		"1-2":                     {1, Decimal{1, 0, true}},
		"1.2.3":                   {3, Decimal{12, 1, true}},
		"":                        {-1, Decimal{}},
		"-":                       {-1, Decimal{}},
		"+5":                      {-1, Decimal{}},
		".5":                      {-1, Decimal{}},
		"5.":                      {-1, Decimal{}},
		"-.5":                     {-1, Decimal{}},
		"--5":                     {-1, Decimal{}},
		"007":                     {-1, Decimal{}},
		"-00":                     {-1, Decimal{}},
		"1e":                      {-1, Decimal{}},
		"1e+":                     {-1, Decimal{}},
		"1.e5":                    {-1, Decimal{}},
		"x":                       {-1, Decimal{}},
		strings.Repeat("9", 4096): {4096, Decimal{}},
	} {
		d := Decimal{77, 7, true} // of the number before
		end := d.Scan([]byte(in), 0)
		if end != want.end || end >= 0 && d.Plain != want.d.Plain || end >= 0 && d.Plain && d != want.d {
			t.Errorf("%q: %d %+v, want %d %+v", in, end, d, want.end, want.d)
		}
	}
}

// exact is the number that a text says, whatever its length.
func exact(t *testing.T, text string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("%q is no number", text)
	}
	return r
}

// judgeDecimal holds Scan at b[from:] against encoding/json and math/big.
func judgeDecimal(t *testing.T, b []byte, from int) {
	t.Helper()
	var d Decimal
	end := d.Scan(b, from)
	run := b[from:]
	if i := bytes.IndexFunc(run, func(r rune) bool { return !strings.ContainsRune("+-.0123456789eE", r) }); i >= 0 {
		run = run[:i]
	}
	number := len(run) > 0 && json.Valid(run)
	if number && end != from+len(run) {
		t.Fatalf("%q from %d: ends at %d, %s is a number", b, from, end, run)
	}
	if end < 0 {
		if d.Plain {
			t.Fatalf("%q from %d: no number, but plain", b, from)
		}
		return
	}
	text := string(b[from:end])
	if !json.Valid([]byte(text)) || text[0] != '-' && !isDigit(text[0]) {
		t.Fatalf("%q from %d: %q was taken for a number", b, from, text)
	}
	digits := len(strings.Trim(text, "-")) - strings.Count(text, ".")
	if plain := !strings.ContainsAny(text, "eE") && digits <= maxDigits; d.Plain != plain {
		t.Fatalf("%s: plain is %v", text, d.Plain)
	}
	if !d.Plain {
		return
	}
	said := exact(t, fmt.Sprintf("%de-%d", d.Mantissa, d.Places))
	if said.Cmp(exact(t, text)) != 0 || d.Places < 0 || d.Places > maxDigits {
		t.Fatalf("%s: said to be %d / 10^%d", text, d.Mantissa, d.Places)
	}
}

// TestDecimalAgainstBig tries numbers of every length, with the point in every
// place, whole and with one character changed.
func TestDecimalAgainstBig(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	for range 4_000 {
		text := strconv.FormatUint(r.Uint64()>>r.IntN(64), 10)
		if r.IntN(4) == 0 {
			text += strconv.FormatUint(r.Uint64()>>r.IntN(64), 10)
		}
		if at := r.IntN(len(text) + 1); at > 0 && at < len(text) {
			text = text[:at] + "." + text[at:]
		}
		if r.IntN(3) == 0 {
			text = "0." + strings.Replace(text, ".", "", 1)
		}
		if r.IntN(2) == 0 {
			text = "-" + text
		}
		if r.IntN(8) == 0 {
			text += []string{"e3", "E-2", "e+", "e"}[r.IntN(4)]
		}
		judgeDecimal(t, []byte(text), 0)
		judgeDecimal(t, []byte("\"k\":"+text+",\"x\":1}"), 4)
		b := []byte(text)
		b[r.IntN(len(b))] = "+-.0123456789eE, x"[r.IntN(18)]
		judgeDecimal(t, b, 0)
	}
}

// TestDecimalOfMembers: the scanner's number is that of the value, and of
// nothing else.
func TestDecimalOfMembers(t *testing.T) {
	var s Scanner
	for s.Reset([]byte(`{"a":1.5,"b":"2","c":true,"d":-3,"e":{"x":4},"f":[5],"g":null,"h":6e1,"i":7}`)); s.Next(); {
		want := map[string]Decimal{"a": {15, 1, true}, "d": {-3, 0, true}, "i": {7, 0, true}}[string(s.Key())]
		if d := s.Decimal(); d.Plain != want.Plain || d.Plain && d != want {
			t.Errorf("%s: %+v, want %+v", s.Key(), d, want)
		}
	}
	if s.Err() != nil {
		t.Error(s.Err())
	}
}

// TestPlainMembers: Plain is a promise that Unescape gives the same.
func TestPlainMembers(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, "abc": true, "a b~\x7f": true, "ä€😀": true, `\u00e4`: false, `a\\`: false, `\"`: false, "\xff": false, "a\xc3": false, `ä\n`: false,
	} {
		var s Scanner
		for s.Reset([]byte(`{"k":"` + text + `"}`)); s.Next(); {
			if s.Plain() != want {
				t.Errorf("%q: plain is %v", text, s.Plain())
			}
			if s.Plain() && string(Unescape(nil, s.Raw())) != text {
				t.Errorf("%q is not what it stands for", text)
			}
		}
		if s.Err() != nil {
			t.Errorf("%q: %v", text, s.Err())
		}
	}
}

func FuzzDecimal(f *testing.F) {
	for _, s := range []string{"21.50", "-0.0", "1e5", "123456789012345678", "1700000000.123", "007", "5.", "-", "1e400x", "1.2.3"} {
		f.Add([]byte(s), uint8(0))
	}
	f.Add([]byte(`{"a":-12.5}`), uint8(5))
	f.Fuzz(func(t *testing.T, b []byte, from uint8) {
		if len(b) <= 64 { // minimising an input takes quadratic time
			judgeDecimal(t, b, min(int(from), len(b)))
		}
	})
}

func BenchmarkDecimal(b *testing.B) {
	for _, text := range []string{"7", "21.50", "101325", "1700000000.123"} {
		b.Run(text, func(b *testing.B) {
			line := []byte(text + ",")
			var d Decimal
			for b.Loop() {
				d.Scan(line, 0)
			}
		})
	}
}
