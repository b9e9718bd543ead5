package device

import (
	"math"
	"math/big"
	"strconv"
	"testing"
)

func TestNumber(t *testing.T) {
	for in, want := range map[string]string{
		"5": "5", "+5": "5", "-5": "-5", "007": "7", "-007": "-7", "+0": "0", "000": "0", "00.50": "0.50",
		".5": "0.5", "-.5": "-0.5", "+.5": "0.5", "5.": "5", "-5.": "-5", "21.50": "21.50", "1e3": "1e3", "01e+03": "1e+03", "5.e2": "5e2",
		"": "", ".": "", "+": "", "-": "", "-.": "", "e5": "", ".e5": "", "5e": "", "5e+": "", "--5": "", "+-5": "", "5-": "",
		"1.2.3": "", "1_0": "", "0x1F": "", "nan": "", "Inf": "", "5C": "", " 5": "", "5 ": "", "1e999": "", "-1e999": "",
		"1234567890123456789012345678901234567890123456789012345678901234":  "1234567890123456789012345678901234567890123456789012345678901234",
		"12345678901234567890123456789012345678901234567890123456789012345": "",
	} {
		scratch := make([]byte, 0, 128)
		got, ok := (&field{raw: []byte(in)}).number(scratch)
		if ok != (want != "") || ok && string(got) != want {
			t.Errorf("%q: %q %v, want %q", in, got, ok, want)
		}
	}
}

func TestParseDecimal(t *testing.T) {
	for in, want := range map[string]decimal{
		"0": {0, 0}, "-0.00": {0, 0}, "21.50": {2150, 2}, "-0.001": {-1, 3}, "1e3": {1000, 0}, "1.5E-2": {15, 3}, "12.5e1": {125, 0},
		"999999999999999999": {999999999999999999, 0}, "0.000000000000000001": {1, 18}, "000000000000000000001": {1, 0},
	} {
		if got, ok := parseDecimal([]byte(in)); !ok || got != want {
			t.Errorf("%q: %v %v, want %v", in, got, ok, want)
		}
	}
	for _, in := range []string{"1234567890123456789", "0.0000000000000000001", "1e19", "1e-19", "1e99999999999", "123e17"} {
		if got, ok := parseDecimal([]byte(in)); ok {
			t.Errorf("%q was kept as %v", in, got)
		}
	}
}

func TestConfigured(t *testing.T) {
	for in, want := range map[float64]decimal{0.1: {1, 1}, -273.15: {-27315, 2}, 1e6: {1000000, 0}, 1e-9: {1, 9}, 0: {0, 0}} {
		if got, ok := configured(in); !ok || got != want {
			t.Errorf("%v: %v %v, want %v", in, got, ok, want)
		}
	}
	for _, in := range []float64{1e-30, 1e30, math.Pi * 1e-10} {
		if got, ok := configured(in); ok {
			t.Errorf("%v was kept as %v", in, got)
		}
	}
}

func (d decimal) rat() *big.Rat {
	r, _ := new(big.Rat).SetString(strconv.FormatInt(d.mantissa, 10) + "e-" + strconv.Itoa(d.places))
	return r
}

// FuzzDecimal holds the arithmetic against math/big: exact, or refused.
func FuzzDecimal(f *testing.F) {
	f.Add(int64(213), uint8(0), int64(1), uint8(1), int64(-27315), uint8(2))
	f.Add(int64(math.MaxInt64), uint8(18), int64(math.MinInt64), uint8(18), int64(-1), uint8(0))
	f.Add(int64(math.MinInt64), uint8(0), int64(1), uint8(0), int64(math.MinInt64), uint8(0))
	f.Fuzz(func(t *testing.T, a int64, ap uint8, b int64, bp uint8, c int64, cp uint8) {
		x, y, z := decimal{a, int(ap % 19)}, decimal{b, int(bp % 19)}, decimal{c, int(cp % 19)}
		want := new(big.Rat).Mul(x.rat(), y.rat())
		p, ok := x.times(y)
		if !ok {
			return
		}
		if p.rat().Cmp(want) != 0 || p.places < 0 || p.places > maxDigits {
			t.Fatalf("%v x %v = %v", x, y, p)
		}
		s, ok := p.plus(z)
		if ok && s.rat().Cmp(want.Add(want, z.rat())) != 0 {
			t.Fatalf("%v + %v = %v", p, z, s)
		}
		if n, whole := p.whole(); whole != p.rat().IsInt() || whole && new(big.Rat).SetInt64(n).Cmp(p.rat()) != 0 {
			t.Fatalf("%v whole: %d %v", p, n, whole)
		}
	})
}

func TestParseTime(t *testing.T) {
	for in, want := range map[string]int64{
		"1700000000": 1700000000000, "1700000000.5": 1700000000500, "1700000000.123999": 1700000000123, "1.7e9": 1700000000000,
		"2023-11-14T22:13:20Z": 1700000000000, "2023-11-14t22:13:20z": 1700000000000, "2023-11-14 22:13:20.25Z": 1700000000250,
		"2023-11-14T22:13:20.123456789Z": 1700000000123, "2023-11-15T00:13:20+02:00": 1700000000000, "2023-11-14T19:43:20-02:30": 1700000000000,
		"2024-02-29T00:00:00Z": 1709164800000, "2016-12-31T23:59:60Z": 1483228800000,
	} {
		if got, ok := parseTime(make([]byte, 0, 128), &field{raw: []byte(in)}); !ok || got != want {
			t.Errorf("%q: %d %v, want %d", in, got, ok, want)
		}
	}
	for _, in := range []string{
		"", "0", "-1", "1e30", "now", "2023-11-14", "2023-11-14T22:13:20", "2023-11-14T22:13:20+2:00", "2023-11-14T22:13:20+0200", "2023-11-14T22:13:20+02:0x",
		"2023-11-14T22:13:20.Z", "2023-02-29T00:00:00Z", "2023-13-01T00:00:00Z", "2023-00-01T00:00:00Z", "2023-11-14T24:00:00Z", "2023-11-14T22:60:00Z",
		"2023-11-14T22:13:61Z", "2023-11-14X22:13:20Z", "2023/11/14T22:13:20Z", "2023-11-14T22:13:20+24:00", "2023-11-14T22:13:20+02:60", "1969-11-14T22:13:20Z",
	} {
		if got, ok := parseTime(make([]byte, 0, 128), &field{raw: []byte(in)}); ok {
			t.Errorf("%q was read as %d", in, got)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	f.Add("2023-11-14T22:13:20.5+02:00")
	f.Add("1700000000.5")
	f.Fuzz(func(t *testing.T, in string) {
		if len(in) > 64 { // minimising an input takes quadratic time
			return
		}
		if ms, ok := parseTime(make([]byte, 0, 128), &field{raw: []byte(in)}); ok && ms <= 0 {
			t.Errorf("%q: %d", in, ms)
		}
	})
}
