package device

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"portti/device/adv"
)

func TestParseBLEAddress(t *testing.T) {
	for in, want := range map[string]string{
		"CB:B8:33:4C:88:4F": "cbb8334c884f", "cb-b8-33-4c-88-4f": "cbb8334c884f", "CBB8334c884F": "cbb8334c884f",
		"[0]CB:B8:33:4C:88:4F": "cbb8334c884f", "[1]CBB8334C884F": "cbb8334c884f",
		"": "", "CB:B8:33:4C:88": "", "CB:B8:33:4C:88:4": "", "CB:B8:33:4C:88:4G": "", "CB:B8:33:4C:88.4F": "", "CBB8334C884": "",
		"[0]": "", "[0]CB": "", "1de4b189115e45f6b44e509352269977": "", "CB B8 33 4C 88 4F": "", "CB:B8:33:4C:88:4F:00": "",
	} {
		a, ok := parseBLEAddress([]byte(in))
		if got := fmt.Sprintf("%x", a[:]); ok != (want != "") || ok && got != want {
			t.Errorf("%q is %s, %v; want %q", in, got, ok, want)
		}
	}
}

func TestParseBLENumber(t *testing.T) {
	value := func(m int64, d int) adv.Value { return adv.Value{Mantissa: m, Decimals: d, Known: true} }
	for in, want := range map[string]adv.Value{
		"19.2": value(192, 1), "-0.5": value(-5, 1), "52": value(52, 0), "0": value(0, 0), "19.20": value(1920, 2),
		"1234567890.123456": value(1234567890123456, 6), "0.12345678901234567": value(123457, 6), "1.5e2": value(150_000_000, 6), "-1E-3": value(-1000, 6),
		"": {}, "-": {}, ".5": value(500_000, 6), "5.": {}, "1.2.3": {}, "1-2": {}, "warm": {}, "NaN": {}, "inf": {}, "0x10": {}, "1_0": {}, "1e13": {}, "1e999": {}, " 1": {},
		strings.Repeat("9", 33): {},
	} {
		got, ok := parseBLENumber([]byte(in))
		if ok != want.Known || got != want {
			t.Errorf("%q is %+v, %v; want %+v", in, got, ok, want)
		}
	}
}

func TestHundredfold(t *testing.T) {
	for in, want := range map[string]float64{"1013.25": 101325, "1000.4": 100040, "999": 99900, "-1": -100, "1013.256": 101325.6, "9999999999999999": 999999999999999900} {
		v, ok := parseBLENumber([]byte(in))
		if got := hundredfold(v).Float(); !ok || got != want {
			t.Errorf("%s times a hundred is %v, want %v", in, got, want)
		}
	}
}

func TestBLEWhichAddress(t *testing.T) {
	for line, want := range map[string]string{
		`{"id":"A4C138000001"}`:                                                        "a4c138000001",
		`{"id":"A4C138000001","mac":"A4C138000002"}`:                                   "a4c138000002",
		`{"mac":"A4C138000002","id":"A4C138000001"}`:                                   "a4c138000002",
		`{"origin":"/BTtoMQTT/A4C138000003","id":"A4C138000001"}`:                      "a4c138000001",
		`{"topic":"home/gw/BTtoMQTT/A4C138000003"}`:                                    "a4c138000003",
		`{"id":"1de4b189115e45f6b44e509352269977","origin":"/BTtoMQTT/A4C138000003"}`:  "a4c138000003",
		`{"id":17,"mac":null,"addr":["A4C138000001"],"origin":{"id":"A4C138000003"}}`:  "",
		`{"id":"1de4b189-115e-45f6-b44e-509352269977","topic":"home/gw","mac":"none"}`: "",
	} {
		ad, ok := parseBLELine([]byte(line))
		if got := fmt.Sprintf("%x", ad.address[:]); !ok || (ad.addressed > 0) != (want != "") || want != "" && got != want {
			t.Errorf("%s is from %s (%d), want %q", line, got, ad.addressed, want)
		}
	}
}

// TestBLEFramerAgainstSplit compares with bytes.Split on random streams.
func TestBLEFramerAgainstSplit(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for _, term := range []string{"\r", "\n", "##", "a#a#"} {
		for range 2000 {
			in := make([]byte, r.IntN(60))
			for i := range in {
				in[i] = "a#\r\nb"[r.IntN(5)]
			}
			f := newBLEFramer(term, 1000)
			var got []string
			for _, c := range in {
				if line, end, done := f.put(c); done {
					if string(end) != term {
						t.Fatalf("%q ended with %q", line, end)
					}
					got = append(got, string(line))
				}
			}
			parts := bytes.Split(in, []byte(term))
			if want := parts[:len(parts)-1]; fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
				t.Fatalf("%q by %q: %q, want %q", in, term, got, want)
			}
		}
	}
}
