package fields

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func TestRead(t *testing.T) {
	text := hex.EncodeToString
	for _, c := range []struct {
		name, frame string
		row         Row
		m           int64
		d           int
		state       State
	}{
		{"a byte", "ff", Row{}, 255, 0, OK},
		{"the last byte", "0102", Row{Offset: -1}, 2, 0, OK},
		{"the last two", "0102", Row{Offset: -2, Size: 2}, 0x102, 0, OK},
		{"nothing there", "", Row{}, 0, 0, Short},
		{"behind the end", "01", Row{Offset: 1}, 0, 0, Short},
		{"half behind the end", "0102", Row{Offset: 1, Size: 2}, 0, 0, Short},
		{"before the beginning", "01", Row{Offset: -2, Size: 2}, 0, 0, Short},
		{"far away", "01", Row{Offset: math.MaxInt, Size: 8}, 0, 0, Short},
		{"lowest byte first", "0102", Row{Size: 2, Little: true}, 0x201, 0, OK},
		{"24 bits", "ffffff", Row{Size: 3, Type: Signed}, -1, 0, OK},
		{"24 bits, highest", "800000", Row{Size: 3}, 0x800000, 0, OK},
		{"12 bits, upper", "abcd", Row{Size: 2, Shift: 4}, 0xabc, 0, OK},
		{"12 bits, signed", "800d", Row{Size: 2, Shift: 4, Type: Signed}, -2048, 0, OK},
		{"a bit", "40", Row{Shift: 6, Bits: 1}, 1, 0, OK},
		{"signed least", "8000", Row{Size: 2, Type: Signed}, -32768, 0, OK},
		{"not available", "8000", Row{Size: 2, Type: Signed, HasNA: true, NA: 0x8000}, 0, 0, Absent},
		{"zero is not available", "00", Row{HasNA: true}, 0, 0, Absent},
		{"sign and magnitude", "8105", Row{Size: 2, Type: Magnitude, Decimals: 2}, -261, 2, OK},
		{"minus nothing", "80", Row{Type: Magnitude}, 0, 0, OK},
		{"tenths", "00f3", Row{Size: 2, Decimals: 1}, 243, 1, OK},
		{"scale and offset", "0a", Row{Mul: 5, Add: -400, Decimals: 1}, -350, 1, OK},
		{"minus the scale", "0a", Row{Mul: -5}, -50, 0, OK},
		{"divided", "03215d", Row{Size: 3, Type: Magnitude, Div: 1000, Decimals: 1}, 205, 1, OK},
		{"divided, below zero", "83215d", Row{Size: 3, Type: Magnitude, Div: 1000, Decimals: 1}, -205, 1, OK},
		{"left over", "03215d", Row{Size: 3, Bits: 23, Mod: 1000, Decimals: 1}, 149, 1, OK},
		{"within", "32", Row{Min: 0, Max: 50}, 50, 0, OK},
		{"above", "33", Row{Min: 0, Max: 50}, 0, 0, Outside},
		{"below", "f0", Row{Type: Signed, Min: -15, Max: 50}, 0, 0, Outside},
		{"64 bits", "7fffffffffffffff", Row{Size: 8}, math.MaxInt64, 0, OK},
		{"too many", "8000000000000000", Row{Size: 8}, 0, 0, Outside},
		{"64 bits signed", "ffffffffffffffff", Row{Size: 8, Type: Signed}, -1, 0, OK},
		{"product too great", "7fffffffffffffff", Row{Size: 8, Mul: 2}, 0, 0, Outside},
		{"sum too great", "7fffffffffffffff", Row{Size: 8, Add: 1}, 0, 0, Outside},
		{"sum too small", "ff", Row{Type: Signed, Add: math.MinInt64}, 0, 0, Outside},
		{"BCD", "1234", Row{Size: 2, Type: BCD, Decimals: 2}, 1234, 2, OK},
		{"BCD, other order", "1234", Row{Size: 2, Type: BCD, Little: true}, 3412, 0, OK},
		{"BCD that is none", "1a", Row{Type: BCD}, 0, 0, Garbled},
		{"float", "41ab3333", Row{Size: 4, Type: Float}, 214, 1, OK},
		{"float below zero, scaled", "c1ab3333", Row{Size: 4, Type: Float, Mul: 18, Add: 320, Decimals: 1}, -652, 2, OK},
		{"double", "0000000000003540", Row{Size: 8, Type: Float, Little: true}, 21, 0, OK},
		{"not a number", "7fc00000", Row{Size: 4, Type: Float}, 0, 0, Absent},
		{"infinity", "7f800000", Row{Size: 4, Type: Float}, 0, 0, Outside},
		{"too great", "7f7fffff", Row{Size: 4, Type: Float}, 0, 0, Outside},
		{"next to nothing", "00000001", Row{Size: 4, Type: Float}, 0, 0, OK},
		{"float not available", "4479c000", Row{Size: 4, Type: Float, HasNA: true, NA: 0x4479c000}, 0, 0, Absent},
		{"float out of limits", "42c90000", Row{Size: 4, Type: Float, Max: 100}, 0, 0, Outside},
		{"text", text([]byte(" -12.50 ")), Row{Size: 8, Type: Text}, -1250, 2, OK},
		{"text, scaled", text([]byte("+12.5")), Row{Size: 5, Type: Text, Add: -1, Decimals: 1}, 115, 2, OK},
		{"text that ends with its point", text([]byte("7.")), Row{Size: 2, Type: Text}, 7, 0, OK},
		{"blanks", "202000", Row{Size: 3, Type: Text}, 0, 0, Absent},
		{"no digits", text([]byte("-.")), Row{Size: 2, Type: Text}, 0, 0, Garbled},
		{"a letter", text([]byte("1e5")), Row{Size: 3, Type: Text}, 0, 0, Garbled},
		{"two points", text([]byte("1.2.3")), Row{Size: 5, Type: Text}, 0, 0, Garbled},
		{"too many digits", text([]byte("99999999999999999999")), Row{Size: 20, Type: Text}, 0, 0, Outside},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.row.Check(); err != nil {
				t.Fatal(err)
			}
			v, state := c.row.Read(unhex(c.frame))
			if want := (Value{c.m, c.d, c.state == OK}); state != c.state || v != want {
				t.Errorf("got %+v, %d; want %+v, %d", v, state, want, c.state)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	for name, r := range map[string]Row{
		"type": {Type: types}, "no size": {Size: -1}, "9 bytes": {Size: 9}, "long text": {Type: Text, Size: 25},
		"over the end": {Offset: -1, Size: 2}, "half a float": {Type: Float, Size: 2}, "bits of a float": {Type: Float, Size: 4, Bits: 3},
		"text with NA": {Type: Text, HasNA: true}, "no bits left": {Shift: 8}, "too many bits": {Bits: 9}, "shift": {Shift: -1},
		"bits": {Bits: -1}, "decimals": {Decimals: 19}, "fewer than none": {Decimals: -1}, "limits": {Min: 2, Max: 1},
	} {
		if r.Check() == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if err := (&Row{Name: "all bits", Size: 8, Bits: 64}).Check(); err != nil {
		t.Error(err)
	}
}

// TestAgainstBig compares random rows with the same in big numbers.
func TestAgainstBig(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 50_000 {
		frame := binary.BigEndian.AppendUint64(nil, rnd.Uint64())
		r := Row{Size: 1 + rnd.IntN(8), Type: Type(rnd.IntN(3)), Mul: rnd.Int64()>>rnd.IntN(64) + 1, Add: -rnd.Int64() >> rnd.IntN(64)}
		r.Shift = rnd.IntN(8 * r.Size)
		r.Bits = rnd.IntN(8*r.Size - r.Shift + 1)
		n := new(big.Int).SetBytes(frame[:r.Size])
		n.Rsh(n, uint(r.Shift))
		n.And(n, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(r.width())), big.NewInt(1)))
		if sign := r.width() - 1; r.Type != Unsigned && n.Bit(sign) == 1 {
			if r.Type == Signed {
				n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(sign+1)))
			} else {
				n.Neg(n.SetBit(n, sign, 0))
			}
		}
		n.Mul(n, big.NewInt(r.Mul))
		fits := n.IsInt64()
		fits = n.Add(n, big.NewInt(r.Add)).IsInt64() && fits
		v, state := r.Read(frame)
		// The product of the least int64 alone is refused, though it fits.
		if fits != (state == OK) && n.Cmp(big.NewInt(math.MinInt64)) > 0 || state == OK && v.Mantissa != n.Int64() {
			t.Fatalf("%+v of %x is %+v, %d; want %s", r, frame, v, state, n)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	frame := unhex("41ab333320312e3520")
	rows := []Row{{Size: 3, Type: Signed}, {Size: 4, Type: Float}, {Offset: 4, Size: 5, Type: Text}, {Offset: 4, Size: 2, Type: BCD}}
	if n := testing.AllocsPerRun(100, func() {
		for i := range rows {
			if _, state := rows[i].Read(frame); state != OK {
				t.Error(state)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzRead: a row that Check accepts gives a value of any frame, or none.
func FuzzRead(f *testing.F) {
	f.Add(unhex("0102030405060708"), 0, uint8(0), 2, 4, 12, int64(5), int64(-400), 1)
	f.Add([]byte(" -12.50 "), -8, uint8(Text), 8, 0, 0, int64(1), int64(1), 0)
	f.Add(unhex("41ab3333"), 0, uint8(Float), 4, 0, 0, int64(18), int64(320), 1)
	f.Fuzz(func(t *testing.T, frame []byte, offset int, typ uint8, size, shift, bits int, mul, add int64, decimals int) {
		for _, little := range []bool{false, true} {
			r := Row{Offset: offset, Type: Type(typ), Size: size, Little: little, Shift: shift, Bits: bits, Mul: mul, Add: add, Decimals: decimals, Min: -1000, Max: 1000}
			if len(frame) > 64 || r.Check() != nil {
				return
			}
			v, state := r.Read(frame)
			if v.Known != (state == OK) || !v.Known && v != (Value{}) {
				t.Fatalf("%+v of %x is %+v, %d", r, frame, v, state)
			}
			if got := v.Float() * math.Pow10(r.Decimals); got < -1000.001 || got > 1000.001 {
				t.Fatalf("%+v of %x is %+v, beyond its limits", r, frame, v)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	frame := unhex("0512fc5394c37c")
	r := Row{Offset: 1, Size: 2, Type: Signed, HasNA: true, NA: 0x8000, Mul: 5, Decimals: 3}
	b.ReportAllocs()
	for b.Loop() {
		if _, state := r.Read(frame); state != OK {
			b.Fatal(state)
		}
	}
}
