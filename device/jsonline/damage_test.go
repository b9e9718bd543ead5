package jsonline

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
)

// mended puts 0 where a value belongs and something else stands.
func mended(line []byte) (out []byte) {
	const structure = " \t\r\n,{}[]"
	depth := 0
	for i := 0; i < len(line); {
		end := i + 1
		switch c := line[i]; {
		case c == '"':
			for end < len(line) && line[end] != '"' {
				if line[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end+1, len(line))
		case c == ':':
			next := bytes.TrimLeft(line[end:], " \t\r\n")
			if out = append(out, c); depth == 1 && len(next) > 0 && (next[0] == ',' || next[0] == '}') {
				out = append(out, '0') // nothing at all
			}
			i = end
			continue
		case bytes.IndexByte([]byte(structure), c) >= 0:
			switch c {
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
		case c > ' ' && c != 0x7f && c != '\\':
			for end < len(line) && line[end] > ' ' && line[end] != 0x7f && bytes.IndexByte([]byte(structure+"\"\\"), line[end]) < 0 {
				end++
			}
			if word := line[i:end]; !json.Valid(word) {
				out, i = append(out, '0'), end
				continue
			}
		}
		out = append(out, line[i:end]...)
		i = end
	}
	return out
}

// judge compares our verdict on a line with encoding/json's on the mended one.
func judge(t *testing.T, line []byte) {
	t.Helper()
	start := bytes.TrimLeft(line, " \t\r\n")
	want := json.Valid(mended(line)) && len(start) > 0 && start[0] == '{'
	if json.Valid(line) && !bytes.Equal(mended(line), line) {
		t.Errorf("%q: the model mends what is whole: %q", line, mended(line))
	}
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
	pieces := []string{"nan", "1x", "{", "}", "[", "]", ":", ",", `"a"`, `"\n"`, "1", "-2.5e3", "true", "null", " ", `{"a":`, `,"b":[`, "]}"}
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
