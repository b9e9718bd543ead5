package device

import (
	"fmt"
	"testing"

	"portti/device/nmea"
)

func TestTraveller(t *testing.T) {
	at := func(second int64, lat float64) nmea.Fix {
		return nmea.Fix{Time: (second + 1) * 1000, Mode: 2, Position: nmea.Position{Lat: nmea.Coord(lat * 1e9), Lon: 25e9, Present: true}}
	}
	undated := at(-1, 65.5)
	for _, tt := range []struct {
		name string
		in   []nmea.Fix
		want string
	}{
		{"standing", []nmea.Fix{at(0, 65), at(1, 65)}, "[false false]"},
		{"an aeroplane", []nmea.Fix{at(0, 65), at(1, 65.0033)}, "[false false]"},
		{"half a degree in a second", []nmea.Fix{at(0, 65), at(1, 65.5), at(2, 65.5)}, "[false true false]"},
		{"half a degree in ten minutes", []nmea.Fix{at(0, 65), at(600, 65.5)}, "[false false]"},
		{"half a degree within a day that was long", []nmea.Fix{at(0, 65), at(86402, 65.5)}, "[false false]"},
		{"half a degree without a time", []nmea.Fix{at(0, 65), undated}, "[false true]"},
	} {
		var tr traveller
		var got []bool
		for _, f := range tt.in {
			got = append(got, tr.to(&f))
		}
		if fmt.Sprint(got) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, got, tt.want)
		}
	}
}
