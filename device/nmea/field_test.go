package nmea

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"
)

// one makes a field reader over a sentence of the given fields.
func one(body string) *fields {
	s := &Sentence{}
	s.split('$', []byte(body))
	return &fields{s: s}
}

func TestDecimal(t *testing.T) {
	tests := []struct {
		in    string
		want  Decimal
		fault Fault
	}{
		{"", Decimal{}, 0},
		{"0", Decimal{0, 0, true}, 0},
		{"0.0", Decimal{0, 1, true}, 0},
		{"-0.50", Decimal{-50, 2, true}, 0},
		{"+12", Decimal{12, 0, true}, 0},
		{"007.25", Decimal{725, 2, true}, 0},
		{".5", Decimal{5, 1, true}, 0},
		{"5.", Decimal{5, 0, true}, 0},
		{"000000000000000000000001", Decimal{1, 0, true}, 0},
		{"0.123456789012345678", Decimal{123456789012345, 15, true}, 0},
		{"123456789012345.9", Decimal{123456789012345, 0, true}, 0},
		{"1234567890123456", Decimal{}, Malformed},
		{"-", Decimal{}, Malformed},
		{".", Decimal{}, Malformed},
		{"1.2.3", Decimal{}, Malformed},
		{"NaN", Decimal{}, Malformed},
		{"1e308", Decimal{}, Malformed},
		{"0x10", Decimal{}, Malformed},
		{"--1", Decimal{}, Malformed},
		{" 1", Decimal{}, Malformed},
	}
	for _, tt := range tests {
		f := one("X," + tt.in)
		if got := f.decimal(1); got != tt.want || f.fault != tt.fault {
			t.Errorf("%q: %+v, fault %d; want %+v, %d", tt.in, got, f.fault, tt.want, tt.fault)
		}
	}
}

func TestScaled(t *testing.T) {
	tests := []struct {
		d      Decimal
		digits int
		want   int64
	}{
		{Decimal{15, 1, true}, 3, 1500},
		{Decimal{15, 1, true}, 0, 2},
		{Decimal{-15, 1, true}, 0, -2},
		{Decimal{14, 1, true}, 0, 1},
		{Decimal{999999999999999, 0, true}, 9, math.MaxInt64},
		{Decimal{-999999999999999, 0, true}, 9, -math.MaxInt64},
		{Decimal{}, 5, 0},
	}
	for _, tt := range tests {
		if got := tt.d.Scaled(tt.digits); got != tt.want {
			t.Errorf("%+v scaled to %d digits: %d, want %d", tt.d, tt.digits, got, tt.want)
		}
	}
}

// TestCoord holds the integer arithmetic against exact fractions.
func TestCoord(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		deg, whole, digits := r.IntN(180), r.IntN(60), r.IntN(10)
		frac := ""
		for range digits {
			frac += string(rune('0' + r.IntN(10)))
		}
		text := fmt.Sprintf("%03d%02d.%s", deg, whole, frac)
		f := one("X," + text)
		got := f.coord(f.s.Field(1), 180)
		minutes, _ := new(big.Rat).SetString(fmt.Sprintf("%d.%s", whole, frac+"0"))
		exact := minutes.Quo(minutes, big.NewRat(60, 1))
		exact.Add(exact, big.NewRat(int64(deg), 1))
		exact.Sub(exact, big.NewRat(int64(got), 1e9))
		if exact.Abs(exact).Cmp(big.NewRat(5, 1e10)) > 0 || f.fault != 0 {
			t.Fatalf("%s gives %d, fault %d", text, got, f.fault)
		}
	}
}

func TestPosition(t *testing.T) {
	tests := []struct {
		in    string
		want  Position
		fault Fault
	}{
		{"4124.8963,N,08151.6838,W", Position{41414938333, -81861396667, true}, 0},
		{"4807.038,S,01131.000,E", Position{-48117300000, 11516666667, true}, 0},
		{"0000.000,N,00000.000,E", Position{0, 0, true}, 0},
		{"9000.0000,N,18000.0000,E", Position{90e9, 180e9, true}, 0},
		{"4807,N,01131,E", Position{48116666667, 11516666667, true}, 0},
		{",,,", Position{}, 0},
		{"4807.0,,01131.0,E", Position{}, 0},
		{"4807.0,N,,E", Position{}, 0},
		{"9000.0001,N,01131.0,E", Position{}, OutOfRange},
		{"4807.0,N,18000.0001,E", Position{}, OutOfRange},
		{"4860.0,N,01131.0,E", Position{}, OutOfRange},
		{"4807.0,X,01131.0,E", Position{}, Malformed},
		{"4807.0,N,01131.0,N", Position{}, Malformed},
		{"48o7.0,N,01131.0,E", Position{}, Malformed},
		{"4807.0.1,N,01131.0,E", Position{}, Malformed},
		{"-4807.0,N,01131.0,E", Position{}, Malformed},
		{"9999999,N,01131.0,E", Position{}, Malformed},
	}
	for _, tt := range tests {
		f := one("X," + tt.in)
		if got := f.position(1); got != tt.want || f.fault != tt.fault {
			t.Errorf("%s: %+v, fault %d; want %+v, %d", tt.in, got, f.fault, tt.want, tt.fault)
		}
	}
}

func TestTime(t *testing.T) {
	tests := []struct {
		in    string
		want  TimeOfDay
		fault Fault
	}{
		{"", NoTime, 0},
		{"000000", 0, 0},
		{"235959.999", 86399999, 0},
		{"235960", 86400000, 0},
		{"123519.", 45319000, 0},
		{"123519.5", 45319500, 0},
		{"123519.123456", 45319123, 0},
		{"240000", NoTime, OutOfRange},
		{"126000", NoTime, OutOfRange},
		{"123561", NoTime, OutOfRange},
		{"12351", NoTime, Malformed},
		{"1235190", NoTime, Malformed},
		{"12:35:19", NoTime, Malformed},
		{"123519.1x", NoTime, Malformed},
	}
	for _, tt := range tests {
		f := one("X," + tt.in)
		if got := f.time(1); got != tt.want || f.fault != tt.fault {
			t.Errorf("%q: %d, fault %d; want %d, %d", tt.in, got, f.fault, tt.want, tt.fault)
		}
	}
}

// TestDate counts every day of a hundred years against the time package.
func TestDate(t *testing.T) {
	day := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	for ; day.Year() < 2080; day = day.AddDate(0, 0, 1) {
		f := one("X," + day.Format("020106"))
		if got, want := f.date(1), Date(day.Unix()/86400); got != want || f.fault != 0 {
			t.Fatalf("%s: day %d, fault %d; want %d", day.Format(time.DateOnly), got, f.fault, want)
		}
	}
	for in, fault := range map[string]Fault{"": 0, "001026": OutOfRange, "320126": OutOfRange, "011326": OutOfRange, "01012": Malformed, "0101-1": Malformed} {
		f := one("X," + in)
		if got := f.date(1); got != NoDate || f.fault != fault {
			t.Errorf("%q: day %d, fault %d", in, got, f.fault)
		}
	}
}

func TestKnots(t *testing.T) {
	for in, want := range map[string]float64{"0": 0, "0.016": 0.008, "10.0": 5.144, "1.943844": 1.0, "999.999": 514.444} {
		f := one("X," + in)
		if got := knots(f.decimal(1)); math.Abs(got.Float()-want) > 0.0005 || !got.Present {
			t.Errorf("%s knots: %v m/s, want %v", in, got.Float(), want)
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 20_000 { // the short way and the long one agree
		d := Decimal{r.Int64N(900_000), uint8(r.IntN(4)), true}
		long := knots(Decimal{d.Mantissa * 1000, d.Digits + 3, true})
		if short := knots(d); short != long {
			t.Fatalf("%+v: %d and %d mm/s", d, short.Mantissa, long.Mantissa)
		}
	}
	if got := knots(Decimal{999999999999999, 0, true}); got.Present {
		t.Errorf("an absurd speed is %v m/s", got.Float())
	}
}
