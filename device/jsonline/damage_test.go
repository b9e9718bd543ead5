package jsonline

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
)

// judge compares our verdict on a line with encoding/json's.
func judge(t *testing.T, line []byte) {
	t.Helper()
	start := bytes.TrimLeft(line, " \t\r\n")
	want := json.Valid(line) && len(start) > 0 && start[0] == '{'
	if got := Valid(line); got != want {
		t.Errorf("%q: Valid is %v, encoding/json says %v", line, got, want)
	}
}

func damaged(t *testing.T, line []byte, replacements string) {
	for i := range line {
		judge(t, line[:i])
		judge(t, line[i:])
		judge(t, append(bytes.Clone(line[:i]), line[i+1:]...))
		for _, c := range []byte(replacements) {
			b := bytes.Clone(line)
			b[i] = c
			judge(t, b)
		}
	}
}

// TestEveryDamage cuts a line at every byte, drops every byte, and puts each
// character that JSON has a meaning for in place of every byte.
func TestEveryDamage(t *testing.T) {
	const meaning = "{}[]:,\"\\0-+.eE9tfnu/ \t\n\x00\x1f\x7f\xff"
	for _, line := range []string{
		`{"id":"CB:B8:33:4C:88:4F","rssi":-61,"adv":"0201"}`,
		` { "a\u00e4\"" : [ 1.5e-3 , { "b" : [ ] , "c" : { } } , "\\" ] , "d" : true , "e" : false , "f" : null } `,
		`{"":{"":{"":[[[{}]]]}},"x":-0,"y":0.0,"z":1E+9}`,
	} {
		judge(t, []byte(line))
		damaged(t, []byte(line), meaning)
	}
}

// TestRandomText strings together pieces of JSON at random.
func TestRandomText(t *testing.T) {
	pieces := []string{"{", "}", "[", "]", ":", ",", `"a"`, `"\n"`, "1", "-2.5e3", "true", "null", " ", `{"a":`, `,"b":[`, "]}"}
	r := rand.New(rand.NewPCG(1, 2))
	valid := 0
	for range 100_000 {
		var b strings.Builder
		b.WriteString(`{"k":`)
		for range r.IntN(7) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		b.WriteString("}")
		judge(t, []byte(b.String()))
		if Valid([]byte(b.String())) {
			valid++
		}
	}
	if valid < 100 {
		t.Errorf("only %d of the lines were valid: this tests nothing", valid)
	}
}

// TestMembersBeforeDamage: what Next gave before an error is the same as what
// the whole line gives.
func TestMembersBeforeDamage(t *testing.T) {
	const line = `{"a":1,"b":"two","c":[3,{"d":4}],"e":true,"f":-5.5}`
	whole, err := collect(line)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(line) {
		part, err := collect(line[:i])
		if err == nil {
			t.Errorf("%s has no error", line[:i])
		}
		// a number at the end of a cut line may be the beginning of a longer one
		if !strings.HasPrefix(whole, strings.TrimRight(part, " ")) {
			t.Errorf("%s gave %q", line[:i], part)
		}
	}
}
