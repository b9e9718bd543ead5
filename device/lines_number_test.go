package device

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"portti/device/thingsee"
)

// one gives the message of one line and the number of refusals.
func one(l *lines, line string) (string, int) {
	out := &collect{}
	l.out = out
	l.read([]byte(line))
	return payload(out), out.bad()
}

// randomNumber makes numbers as sensors write them: now and then with a plus sign,
// zeros in front or a bare point.
func randomNumber(r *rand.Rand) string {
	text := strconv.FormatUint(r.Uint64()>>r.IntN(64), 10)
	if at := r.IntN(len(text) + 1); r.IntN(3) > 0 {
		text = text[:at] + "." + text[at:]
	}
	if r.IntN(5) == 0 {
		text = strings.Repeat("0", r.IntN(3)) + text
	}
	if r.IntN(8) == 0 {
		text += []string{"e3", "E-2", "e+01", "e400", "e"}[r.IntN(5)]
	}
	return []string{"", "", "-", "+"}[r.IntN(4)] + text
}

// TestLinesNumbers holds the three ways that a number can come (bare in JSON,
// in quotes, in a pair) against each other and against strconv: the same
// value, the sensor's digits, or nothing.
func TestLinesNumbers(t *testing.T) {
	plain, ranged := newLines(t, Config{ID: tuid}), newLines(t, Config{ID: tuid})
	weather, _ := thingsee.Lookup(12100)
	field, ok := weather.Field([]byte("humd"))
	if !ok {
		t.Fatal("no humd")
	}
	r := rand.New(rand.NewPCG(41, 42))
	sent, bare := 0, 0
	for range 10_000 {
		text := randomNumber(r)
		float, err := strconv.ParseFloat(text, 64)
		good := err == nil && text != "" && !maybeHex([]byte(text))
		pair, bad := one(plain, "x="+text)
		if quoted, _ := one(plain, `{"x":"`+text+`"}`); quoted != pair {
			t.Fatalf("%s: %q in quotes, %q in a pair", text, quoted, pair)
		}
		if (pair != "") != good || (bad > 0) == good {
			t.Fatalf("%s: %q with %d refused, strconv says %v", text, pair, bad, err)
		}
		if json.Valid([]byte(text)) {
			bare++
			object, _ := one(plain, `{"x":`+text+`}`)
			if good && object != pair {
				t.Fatalf("%s: %q in JSON, %q in a pair", text, object, pair)
			}
			if want := `{90200,"x":` + text + `}`; err == nil && object != want {
				t.Fatalf("%s: %s, want the digits as they were sent", text, object)
			}
		}
		if !good {
			continue
		}
		sent++
		digits := strings.TrimSuffix(strings.TrimPrefix(pair, `{90200,"x":`), "}")
		if got, err := strconv.ParseFloat(digits, 64); err != nil || got != float {
			t.Fatalf("%s: sent as %s", text, digits)
		}
		if humd, _ := one(ranged, "humd="+text); (humd != "") != field.Fits(float) {
			t.Fatalf("%s: as humd it is %q", text, humd)
		}
	}
	if sent < 5000 || bare < 3000 {
		t.Errorf("only %d numbers were sent and %d were JSON: this tests little", sent, bare)
	}
}

// TestSurely: what is let through at the first look is what the catalogue
// would let through, and the usual value is.
func TestSurely(t *testing.T) {
	ks := newKeys(linesSettings{})
	r := rand.New(rand.NewPCG(51, 52))
	for id := range 100_000 {
		d, ok := thingsee.Lookup(id)
		if !ok {
			continue
		}
		for _, f := range d.Fields {
			k := &key{def: f, defined: true, bounded: true}
			k.sure = k.sureOf()
			for places := range sureKnown + 2 {
				unit := math.Pow10(places)
				for _, edge := range []float64{f.Min * unit, f.Max * unit, 0, 1 << 53, -(1 << 53), float64(r.Int64()), float64(r.IntN(100_000))} {
					if math.Abs(edge) > 1<<62 {
						continue
					}
					for near := int64(-3); near <= 3; near++ {
						m := decimal{int64(edge) + near, places}
						scanned := fieldOf(m)
						if k.surely(&scanned.decimal) && (!f.Fits(m.value()) || f.Type != thingsee.Number) {
							t.Errorf("%d %s: %+v is let through", id, f.Name, m)
						}
					}
				}
			}
		}
	}
	for text, name := range map[string]string{"21.50": "temp", "-5": "temp", "40.2": "humd", "101325": "airp", "120": "lght", "123456.789": "x"} {
		f := field{raw: []byte(text)}
		f.decimal.Scan(f.raw, 0)
		if k := ks.find([]byte(name)); !k.surely(&f.decimal) {
			t.Errorf("%s %s is not seen to be usual: %+v", name, text, k.sure)
		}
	}
	scaled := newKeys(linesSettings{LinesOptions: LinesOptions{Scale: map[string]float64{"x": 2}}}).find([]byte("x"))
	if f := fieldOf(decimal{5, 0}); scaled.surely(&f.decimal) {
		t.Error("a value that has to be converted is let through")
	}
}

// fieldOf is a field that holds d, as the scanner gives it.
func fieldOf(d decimal) *field {
	f := &field{}
	f.decimal.Mantissa, f.decimal.Places, f.decimal.Plain = d.mantissa, d.places, true
	return f
}

// TestLinesNoiseIsNotKept: keys of lines that are no lines fill no table, so
// that the real ones still cost nothing after years of noise.
func TestLinesNoiseIsNotKept(t *testing.T) {
	l := newLines(t, Config{ID: tuid})
	l.out = &nothing{}
	for i := range 3 * maxKeys {
		l.read(fmt.Appendf(nil, `{"k%d":1,`, i))
		l.read(fmt.Appendf(nil, "p%d=1 q=\x01\xfe", i))
	}
	if n := len(l.keys.known); n != 0 {
		t.Errorf("%d keys were kept", n)
	}
	for i := range 3 * maxKeys { // these are lines
		l.read(fmt.Appendf(nil, `{"k%d":1}`, i))
	}
	if n := len(l.keys.known); n != maxKeys {
		t.Errorf("%d keys were kept of so many, want %d", n, maxKeys)
	}
	line := []byte(`{"temp":21.5,"humd":40}`) // over the bound, but in the same places
	l.read(line)
	if n := testing.AllocsPerRun(100, func() { l.read(line) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestLinesManyIdentities: each line goes to its own thing, also beyond what is
// remembered.
func TestLinesManyIdentities(t *testing.T) {
	l := newLines(t, Config{Options: &LinesOptions{IDField: "id"}})
	for range 2 {
		for i := range maxIDs + 200 {
			out := &collect{}
			l.out = out
			l.read(fmt.Appendf(nil, "id=T%d temp=%d", i, i))
			eq(t, "record", out.String(), fmt.Sprintf(`{"tsmId":12100,"tsmEv":10,"tsmTuid":"T%d","temp":%d}`, i, i))
		}
	}
	if n := len(l.ids.known); n != maxIDs {
		t.Errorf("%d are remembered, want %d", n, maxIDs)
	}
}

// TestLinesManyFields: fields beyond the limit are refused one by one, and not
// mixed up with those of the next line.
func TestLinesManyFields(t *testing.T) {
	var object, pairs strings.Builder
	for i := range maxFields + 3 {
		fmt.Fprintf(&object, `,"k%d":%d`, i, i)
		fmt.Fprintf(&pairs, "k%d=%d ", i, i)
	}
	l := newLines(t, Config{ID: tuid})
	for _, line := range []string{"{" + object.String()[1:] + "}", pairs.String()} {
		for range 2 {
			got, bad := one(l, line)
			if n := strings.Count(got, ":"); n != maxFields || bad != 3 {
				t.Errorf("%d fields and %d refused, want %d and 3", n, bad, maxFields)
			}
			if got, bad := one(l, "k1=5"); got != `{90200,"k1":5}` || bad != 0 {
				t.Errorf("the line after: %s, %d refused", got, bad)
			}
		}
	}
}

// TestParseTimeAgainstTime holds RFC 3339 against package time: random times in
// every zone, then every character of one replaced.
func TestParseTimeAgainstTime(t *testing.T) {
	parse := func(text string) (int64, bool) {
		return parseTime(make([]byte, 0, 128), &field{raw: []byte(text)})
	}
	r := rand.New(rand.NewPCG(61, 62))
	for range 5_000 {
		at := time.Unix(1+r.Int64N(200*365*86400), r.Int64N(1e9)).In(time.FixedZone("", 60*(r.IntN(24*60)-12*60)))
		for _, form := range []string{time.RFC3339, time.RFC3339Nano, "2006-01-02T15:04:05.0Z07:00", "2006-01-02T15:04:05.000Z07:00"} {
			text := at.Format(form)
			want, err := time.Parse(time.RFC3339, text)
			if err != nil {
				t.Fatal(err)
			}
			if ms, ok := parse(text); !ok || ms != want.UnixMilli() {
				t.Fatalf("%s: %d %v, want %d", text, ms, ok, want.UnixMilli())
			}
		}
	}
	const text = "2024-02-29T23:59:58.250+05:30"
	for i := range text {
		for c := range 256 {
			changed := []byte(text)
			changed[i] = byte(c)
			want, err := time.Parse(time.RFC3339, string(changed))
			ms, ok := parse(string(changed))
			lenient := i == 10 && (c == ' ' || c == 't') || i == 17 && c == '6'
			stricter := err == nil && want.UnixMilli() <= 0 || c == ',' || i == len(text)-2 && c == '6'
			if ok != (err == nil) && !lenient && !stricter || ok && err == nil && ms != want.UnixMilli() {
				t.Errorf("%q: %d %v, package time says %v %v", changed, ms, ok, want, err)
			}
		}
	}
}
