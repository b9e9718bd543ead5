package thingsee

import (
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// TestDecimalAgainstBig compares what is written with exact arithmetic, and
// holds the form: no zeros that could be left out, a digit on either side of
// the point.
func TestDecimalAgainstBig(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 5_000 {
		mantissa := int64(r.Uint64()) >> r.IntN(64) // every size alike
		if r.IntN(3) == 0 {
			mantissa -= mantissa % 1000 // zeros at the end
		}
		decimals := r.IntN(19)
		text := string(appendDecimal(nil, mantissa, decimals))
		got, ok := new(big.Rat).SetString(text)
		scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil)
		want := new(big.Rat).SetFrac(big.NewInt(mantissa), scale)
		if !ok || got.Cmp(want) != 0 || !ValidNumber([]byte(text)) {
			t.Fatalf("(%d, %d) is %s", mantissa, decimals, text)
		}
		if whole, fraction, point := strings.Cut(text, "."); point && (fraction == "" || strings.HasSuffix(fraction, "0")) || whole == "-0" && fraction == "" {
			t.Fatalf("(%d, %d) is %s", mantissa, decimals, text)
		}
	}
}

// TestFloatAgainstStrconv: trimmed or not, it is the number strconv rounds to.
func TestFloatAgainstStrconv(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 5_000 {
		v := r.NormFloat64() * []float64{1e-9, 1, 1e3, 1e14, 1e200}[r.IntN(5)]
		decimals := r.IntN(19)
		text := value(func(m *Message) bool { return m.Float("x", v, decimals) })
		got, err := strconv.ParseFloat(text, 64)
		want := v
		if v < 1e15 && v > -1e15 {
			want, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'f', decimals, 64), 64)
		}
		if err != nil || got != want || !ValidNumber([]byte(text)) {
			t.Fatalf("Float(%v, %d) is %s, want %v", v, decimals, text, want)
		}
	}
}

// TestFillTimeEveryCut: a record cut within its header is refused; one cut behind
// its time is filled in and it stays cut, so that nothing hides the damage.
func TestFillTimeEveryCut(t *testing.T) {
	var m Message
	weather(&m)
	rec := m.AppendProvisional(nil, 61123)
	whole, _ := FillTime(nil, rec, 1520416160000, 0)
	slotEnd := strings.Index(string(rec), `,"tsmTuid"`)
	for n := range rec {
		got, err := FillTime(nil, rec[:n], 1520416160000, 0)
		switch {
		case n <= slotEnd && err == nil:
			t.Errorf("%s was filled in as %s", rec[:n], got)
		case n > slotEnd && (err != nil || string(got) != string(whole[:len(whole)-len(rec)+n])):
			t.Errorf("%s was filled in as %s, %v", rec[:n], got, err)
		}
	}
}
