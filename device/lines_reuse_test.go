package device

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// randomLine makes a line of a sensor that is not always of one mind: mostly
// the keys of the line before, sometimes others, in JSON or in pairs, whole or
// cut off.
func randomLine(r *rand.Rand, keys []string) string {
	values := []string{"21.50", "40", "-0", "0", "1e3", "7.0", "+5", ".5", "101325.25", "300", "nan", "12C", "1700000000.5", "T7", "true", ""}
	var members []string
	object := r.IntN(2) == 0
	for _, k := range keys {
		v := values[r.IntN(len(values))]
		switch {
		case !object:
			members = append(members, k+"="+v)
		case r.IntN(4) == 0:
			members = append(members, fmt.Sprintf("%q:[%d]", k, len(v)))
		case strings.ContainsAny(v, "nTC+") || v == "" || v[0] == '.':
			members = append(members, fmt.Sprintf("%q:%q", k, v))
		default:
			members = append(members, fmt.Sprintf("%q:%s", k, v))
		}
	}
	line := strings.Join(members, " ")
	if object {
		line = "{" + strings.Join(members, ",") + "}"
	}
	switch r.IntN(12) {
	case 0:
		return line[:r.IntN(len(line)+1)] + "x"
	case 1:
		return line + "\x01"
	}
	return line + " "
}

// TestLinesReuse reads random lines with one driver and each of them with a
// fresh one: nothing of a line may show in the next.
func TestLinesReuse(t *testing.T) {
	all := []string{"temp", "humd", "t", "airp", "batl", "chrg", "carbonDioxide", "status", "hall", "x", "y", "name", "id", "ts", "tsmId", "temp"}
	for _, c := range []LinesOptions{
		{},
		{Extra: "keep", Map: map[string]string{"t": "temp"}},
		{IDField: "id", TimeField: "ts", Scale: map[string]float64{"x": 0.1}},
		{Message: 12100, TimeField: "ts", Extra: "drop", Offset: map[string]float64{"temp": -273.15}},
	} {
		r := rand.New(rand.NewPCG(81, 82))
		used := newLines(t, Config{ID: tuid, Options: &c})
		keys, made := []string{"temp", "humd"}, 0
		for range 2_500 {
			if r.IntN(3) == 0 {
				keys = keys[:0]
				for range r.IntN(7) {
					keys = append(keys, all[r.IntN(len(all))])
				}
			}
			line := randomLine(r, keys)
			got, want := &collect{}, &collect{}
			used.out = got
			used.read([]byte(line))
			fresh := newLines(t, Config{ID: tuid, Options: &c})
			fresh.out = want
			fresh.read([]byte(line))
			if got.String() != want.String() || got.frames != want.frames || fmt.Sprint(got.times) != fmt.Sprint(want.times) {
				t.Fatalf("%q:\n got %s %v\nwant %s %v", line, got, got.frames, want, want.frames)
			}
			made += len(want.messages)
		}
		if made < 500 {
			t.Errorf("only %d messages were made: this tests little", made)
		}
	}
}
