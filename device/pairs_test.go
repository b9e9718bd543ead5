package device

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// pair is what pairs gives for one pair.
type pair struct {
	key, value string
	quoted     bool
	spoiled    bool
}

// slowPairs takes a line apart by looking ahead again for every word: what
// pairs does in one pass, written down without regard to cost.
func slowPairs(line string) (list []pair) {
	const blanks, separators = " \t", " \t,;"
	// opens says whether "key =" stands at the beginning, and what follows it.
	opens := func(s string) (key, rest string, ok bool) {
		end := strings.IndexAny(s, separators+"=")
		if end < 0 {
			return "", "", false
		}
		key, s = s[:end], strings.TrimLeft(s[end:], blanks)
		return key, strings.TrimPrefix(s, "="), strings.HasPrefix(s, "=")
	}
	word := func(s string) (string, string) {
		if end := strings.IndexAny(s, separators); end >= 0 {
			return s[:end], s[end:]
		}
		return s, ""
	}
	for line = strings.TrimLeft(line, separators); line != ""; line = strings.TrimLeft(line, separators) {
		key, rest, ok := opens(line)
		if !ok {
			_, line = word(line)
			continue
		}
		p := pair{key: key}
		value := strings.TrimLeft(rest, blanks)
		line = value
		if value != "" && (value[0] == '"' || value[0] == '\'') {
			if end := strings.IndexByte(value[1:], value[0]); end >= 0 {
				p.value, p.quoted, line = value[1:1+end], true, value[1+end+1:]
			}
		}
		if !p.quoted {
			p.value, line = word(value)
			if len(value) < len(rest) && strings.Contains(p.value, "=") {
				p.value, line = "", value
			}
		}
		next := strings.TrimLeft(line, separators)
		_, _, another := opens(next)
		p.spoiled = next != "" && !another
		if p.quoted && line != "" && !strings.ContainsRune(separators, rune(line[0])) {
			p.spoiled = true
			_, line = word(line)
		}
		list = append(list, p)
	}
	return list
}

// slowText is what pairs.text has to say of a line.
func slowText(line string) bool {
	control := strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return 'x'
		}
		return -1
	}, line)
	broken := len([]rune(line)) - len([]rune(strings.ToValidUTF8(line, "")))
	return (len(control)+broken)*8 <= len(line)
}

func judgePairs(t *testing.T, line string) {
	t.Helper()
	var got []pair
	p := pairs{line: []byte(line)}
	for p.next() {
		got = append(got, pair{string(p.key), string(p.value.raw), p.value.text, p.spoiled})
		if d := p.value.decimal; d.Plain {
			again := d
			if end := again.Scan(p.value.raw, 0); end != len(p.value.raw) || again != d || p.value.text {
				t.Errorf("%q: %q was said to be %+v", line, p.value.raw, d)
			}
		}
	}
	if want := slowPairs(line); !slices.Equal(got, want) {
		t.Errorf("%q:\n got %+v\nwant %+v", line, got, want)
	}
	if want := slowText(line); p.text() != want {
		t.Errorf("%q: text is %v", line, p.text())
	}
}

func TestPairs(t *testing.T) {
	for line, want := range map[string][]pair{
		"":                   nil,
		" ,; \t":             nil,
		"booting":            nil,
		"a=1":                {{"a", "1", false, false}},
		"a = 1 ; b= 2":       {{"a", "1", false, false}, {"b", "2", false, false}},
		"a=1,5 b=2":          {{"a", "1", false, true}, {"b", "2", false, false}},
		"a=1 F":              {{"a", "1", false, true}},
		"a=1 F b=2":          {{"a", "1", false, true}, {"b", "2", false, false}},
		"node 7: a=1":        {{"a", "1", false, false}},
		`a="x y=1" b='"'`:    {{"a", "x y=1", true, false}, {"b", `"`, true, false}},
		`a="1"x b=2`:         {{"a", "1", true, true}, {"b", "2", false, false}},
		`a="1 b=2`:           {{"a", `"1`, false, false}, {"b", "2", false, false}},
		"a= b=1":             {{"a", "", false, false}, {"b", "1", false, false}},
		"a==1":               {{"a", "=1", false, false}},
		"=1":                 {{"", "1", false, false}},
		"a=1=2":              {{"a", "1=2", false, false}},
		"a=-":                {{"a", "-", false, false}},
		"a=":                 {{"a", "", false, false}},
		"a=1;":               {{"a", "1", false, false}},
		"a=+1 b=.5 c=5. d=5": {{"a", "+1", false, false}, {"b", ".5", false, false}, {"c", "5.", false, false}, {"d", "5", false, false}},
	} {
		if got := slowPairs(line); !slices.Equal(got, want) {
			t.Errorf("the model takes %q for %+v, want %+v", line, got, want)
		}
		judgePairs(t, line)
	}
}

// TestPairsAgainstTheModel strings together pieces of lines at random.
func TestPairsAgainstTheModel(t *testing.T) {
	pieces := []string{"a", "temp", "=", "=", "=", " ", " ", ",", ";", "\t", `"`, "'", "1", "-2.5", "21.50", "1e3", "+5", ".5", "007", "5C", "-", "ä", "\xff", "\x01", "\x7f", "==", " = "}
	r := rand.New(rand.NewPCG(31, 32))
	for range 20_000 {
		var b strings.Builder
		for range r.IntN(14) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		judgePairs(t, b.String())
	}
}

// TestPairsEveryDamage cuts a line at every byte and puts each character that
// means something in place of every byte.
func TestPairsEveryDamage(t *testing.T) {
	const line = `n1: temp = 21.50, humd=40;name="a b" x='y'z t=70 F v= w=-1.5e3 u=1`
	for i := range line {
		judgePairs(t, line[:i])
		judgePairs(t, line[i:])
		for _, c := range []byte("=,; \t\"'0-+.eax\x00\x1f\x7f\xc3") {
			judgePairs(t, line[:i]+string([]byte{c})+line[i+1:])
		}
	}
}

func FuzzPairs(f *testing.F) {
	for _, line := range []string{"temp=21.50 humd=40", `a="x y" b='z'c d`, "a= b=1,5", "label a==1;;", "\xff=1", "a=-1e5\tb=+.5"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if len(line) <= 64 { // minimising an input takes quadratic time
			judgePairs(t, line)
		}
	})
}
