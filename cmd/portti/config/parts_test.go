package config

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/quick"
	"time"
	"unicode"
)

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"20s": 20 * time.Second, "5m": 5 * time.Minute, "30d": 720 * time.Hour, "1h30m": 90 * time.Minute, "1.5h": 90 * time.Minute,
		"250ms": 250 * time.Millisecond, "0s": 0, " 2 d ": 48 * time.Hour, "106751d": 106751 * 24 * time.Hour, ".5s": 500 * time.Millisecond,
	} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || d.D() != want {
			t.Errorf("%q: %v, %v", text, d, err)
		}
	}
	for _, text := range []string{"", "0", "20", "s", "20 sec", "1w", "-5s", "+5s", "1e3s", "106752d", "99999999999999999999s", "1..5s", "5s6", "20s!", "106751d 23h 59m 59s 1h"} {
		d := Duration(7)
		if err := d.UnmarshalText([]byte(text)); err == nil || d != 7 {
			t.Errorf("%q accepted as %v", text, d)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]Size{
		"200MB": 200_000_000, "64KiB": 65536, "64kiB": 65536, "30kB": 30_000, "30KB": 30_000, "0B": 0, "1.5MB": 1_500_000, "2GiB": 2 << 30, "9PB": -1, "9223372036854775807B": 1<<63 - 1,
	} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); (want >= 0) != (err == nil) || err == nil && s != want {
			t.Errorf("%q: %v, %v", text, int64(s), err)
		}
	}
	for _, text := range []string{"", "5", "5mb", "5 MB 3 kB", "9223372036854775808B", "9300PB", "8388608TiB"} {
		if err := new(Size).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q accepted", text)
		}
	}
}

// TestValuesReadThemselves: what a value prints is the same value again.
func TestValuesReadThemselves(t *testing.T) {
	check := func(n int64) bool {
		if n < 0 {
			n = -(n + 1)
		}
		d, s := Duration(n), Size(n)
		var d2 Duration
		var s2 Size
		return d2.UnmarshalText([]byte(d.String())) == nil && d2 == d && s2.UnmarshalText([]byte(s.String())) == nil && s2 == s
	}
	for _, n := range []int64{0, 1, 1000, 1024, 60e9, 3600e9, 86400e9, 1<<63 - 1} {
		if !check(n) {
			t.Errorf("%d: %s %s", n, Duration(n), Size(n))
		}
	}
	if err := quick.Check(check, nil); err != nil {
		t.Error(err)
	}
}

func TestNearest(t *testing.T) {
	verbs := []string{"status", "config", "version", "run", "demo"}
	for word, want := range map[string]string{
		"stauts": "status", "STATUS": "status", "sttus": "status", "conifg": "config", "rnu": "run", "versions": "version",
		"frobnicate": "", "": "", "x": "", "demonstrate": "", strings.Repeat("status", 20): "",
	} {
		if got := Nearest(word, verbs); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
	if d := distance([]rune("äiti"), []rune("aiti")); d != 1 {
		t.Errorf("distance in characters: %d", d)
	}
}

// TestIndexFindsEverything: each setting of a document with every form of
// TOML is at the place where its text stands.
func TestIndexFindsEverything(t *testing.T) {
	doc := "a = 1\n[t.u]\nb = \"s\"\nc.d = [1, {e = 2}]\n\"q r\" = {f = 'x', g = {h = 3}}\n[[device]]\nn = 1\n[device.map]\nk = \"v\"\n[[device]]\nn = 2\nlist = [\n  1,\n  2,\n]\nml = \"\"\"x\ny\"\"\"\n"
	x := newIndex([]byte(doc))
	for path, want := range map[string][2]string{
		"a": {"a", "1"}, "t": {"t", ""}, "t.u": {"u", ""}, "t.u.b": {"b", `"s"`}, "t.u.c.d": {"d", "[1, {e = 2}]"}, "t.u.c.d[0]": {"1", "1"},
		"t.u.c.d[1].e": {"e", "2"}, `t.u."q r".f`: {"f", "'x'"}, `t.u."q r".g.h`: {"h", "3"}, "device": {"device", ""},
		"device[0].n": {"n", "1"}, "device[0].map.k": {"k", `"v"`}, "device[1].n": {"n", "2"}, "device[1].list": {"list", "[\n  1,\n  2,\n]"},
		"device[1].ml": {"ml", "\"\"\"x\ny\"\"\""},
	} {
		p, ok := x.places[path]
		if !ok || doc[p.key.from:p.key.to] != want[0] || doc[p.value.from:p.value.to] != want[1] {
			t.Errorf("%s: key %q, value %q", path, doc[p.key.from:p.key.to], doc[p.value.from:p.value.to])
		}
	}
}

// TestExcerptIsHarmless: carets stay under their word, whatever is before it,
// and nothing in the line reaches the terminal as a command.
func TestExcerptIsHarmless(t *testing.T) {
	for line, word := range map[string]string{
		"\tkey\t= bad": "bad", "äö = bad": "bad", "x = \"\x1b[31m\" bad": "bad", strings.Repeat("x", 300) + " bad": "bad", "bad" + strings.Repeat("y", 300): "bad", "\xff\xfe bad": "bad",
	} {
		from := strings.Index(line, word)
		shown, mark := excerpt(line, from, from+len(word))
		if strings.ContainsFunc(shown, func(r rune) bool { return unicode.IsControl(r) }) || len([]rune(shown)) > 101 {
			t.Errorf("%q: %q", line, shown)
		}
		at := strings.Index(mark, "^")
		if got := string([]rune(shown)[at : at+len(word)]); got != word {
			t.Errorf("%q: the carets are under %q of %q", line, got, shown)
		}
	}
}

func TestRedactURL(t *testing.T) {
	for raw, want := range map[string]string{
		"wss://h:1/p":               "wss://h:1/p",
		"wss://u:pw@h/p?a=1&b#frag": "wss://«set, 4 characters»@h/p?a=«set, 1 characters»&b#«set, 4 characters»",
		"wss://h/a@b":               "wss://h/a@b",
		"wss://u:p@w@h":             "wss://«set, 5 characters»@h",
		"none":                      "none",
		"u:pw@h":                    "«set, 4 characters»@h",
		"":                          "",
	} {
		if got := RedactURL(raw); got != want {
			t.Errorf("%q: %q", raw, got)
		}
	}
}

// FuzzLoad: no file makes the loader panic, a refusal always says where, and
// what is accepted can be shown and loaded again. An execution is a whole
// configuration, checked, shown and loaded again through reflection: a thousand or
// two a second is what that takes.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(good + goodDevice))
	f.Add([]byte("a = \n[x\nb = 'é\x1b"))
	f.Add([]byte("device = [{name='a'}, 5]\nuplink = 3"))
	f.Add([]byte("[[device]]\nname='a'\n[[device.map]]\nx=1\n[uplink]\nurl='wss://h/#'"))
	f.Add([]byte("[uplink]\nurl = \"wss://h\"\nauth=\"none\"\nbackoff.base = \"1s\"\nbackoff.\"c\\u0061p\" = \"2s\"\n[log]\nlevel=[[{}]]"))
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range archives {
		f.Add([]byte(readArchive(f, path).files["portti.toml"]))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		l := loader{cfg: Defaults()}
		l.cfg.Files = []string{"f"}
		l.document("f", doc)
		l.check("f")
		for _, fault := range l.faults {
			if fault.File == "" || fault.Text == "" || fault.Line < 0 || strings.ContainsFunc(fault.String(), isCommand) {
				t.Fatalf("bad fault %q", fault.String())
			}
		}
		if len(l.faults) > 0 {
			return
		}
		var out strings.Builder
		if err := l.cfg.Show(&out, false); err != nil {
			t.Fatal(err)
		}
		again := loader{cfg: Defaults()}
		again.document("g", []byte(out.String()))
		again.check("g")
		if len(again.faults) > 0 && !strings.Contains(out.String(), "«set") {
			t.Fatalf("cannot be loaded again:\n%v\n%s", &Error{Faults: again.faults}, out.String())
		}
	})
}

func isCommand(r rune) bool { return unicode.IsControl(r) && r != '\n' }
