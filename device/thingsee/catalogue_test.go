package thingsee

import (
	"math"
	"testing"
)

func TestTableIsSound(t *testing.T) {
	last := 0
	for _, d := range table {
		if d.ID <= last || d.Name == "" {
			t.Errorf("%d %q stands in the wrong place or has no name", d.ID, d.Name)
		}
		last = d.ID
		seen := map[string]bool{}
		for _, f := range d.Fields {
			if !ValidName(f.Name) || Reserved(f.Name) || seen[f.Name] || f.Min > f.Max {
				t.Errorf("%d: field %+v is not sound", d.ID, f)
			}
			seen[f.Name] = true
		}
	}
	for _, id := range []int{GNSSDetail, Generic, LossStatement, GatewayHealth} {
		if _, ok := Lookup(id); !ok {
			t.Errorf("%d is not in the table", id)
		}
	}
	for _, id := range []int{-1, 0, 999, 1114, 90201, math.MaxInt} {
		if d, ok := Lookup(id); ok || d.ID != 0 {
			t.Errorf("%d is in the table", id)
		}
	}
}

func TestMessageFor(t *testing.T) {
	for name, want := range map[string]int{
		"temp": 12100, "humd": 12100, "airp": 12100, "lght": 12100, "batl": 1110, "carbonDioxide": 24100, "tvoc": 24101,
		"dist": 17100, "hall": 12101, "moveCount": 13100, "windSpeed": Generic, "": Generic, "Temp": Generic,
	} {
		id := MessageFor([]byte(name))
		if id != want {
			t.Errorf("MessageFor(%q) = %d, want %d", name, id, want)
		}
		d, _ := Lookup(id)
		if _, ok := d.Field([]byte(name)); ok != (id != Generic) {
			t.Errorf("%d and its field %q do not agree", id, name)
		}
	}
}

func TestFits(t *testing.T) {
	field := func(id int, name string) Field {
		d, _ := Lookup(id)
		f, ok := d.Field([]byte(name))
		if !ok {
			t.Fatalf("no %s in %d", name, id)
		}
		return f
	}
	for _, c := range []struct {
		f      Field
		digits string
		want   bool
	}{
		{field(12100, "humd"), "100", true}, {field(12100, "humd"), "100.1", false}, {field(12100, "humd"), "-0.1", false},
		{field(12100, "temp"), "-273.15", true}, {field(12100, "temp"), "-273.16", false}, {field(12100, "temp"), "1e308", false},
		{field(12101, "hall"), "1", true}, {field(12101, "hall"), "1.0", true}, {field(12101, "hall"), "0.5", false}, {field(12101, "hall"), "2", false},
		{field(24100, "status"), "-1", true}, {field(24100, "status"), "x", false}, {field(24100, "status"), "", false},
		{field(1202, "tuid"), "1", false}, {field(90100, "lat"), "90.0000001", false}, {field(1110, "batl"), "1e309", false},
	} {
		if got := c.f.FitsDigits([]byte(c.digits)); got != c.want {
			t.Errorf("%s %s: %v, want %v", c.f.Name, c.digits, got, c.want)
		}
	}
	temp, count := field(12100, "temp"), field(13100, "moveCount")
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if temp.Fits(v) || count.Fits(v) {
			t.Errorf("%v fits", v)
		}
	}
}

func BenchmarkLookupField(b *testing.B) {
	name := []byte("humd")
	b.ReportAllocs()
	for b.Loop() {
		d, _ := Lookup(12100)
		if _, ok := d.Field(name); !ok {
			b.Fatal("not found")
		}
	}
}
