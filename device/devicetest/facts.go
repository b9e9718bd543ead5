package devicetest

import (
	"bytes"
	"errors"
	"iter"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"portti/device"
)

// facts checks what the kind says of itself.
func (s suite) facts(t testing.TB) {
	t.Helper()
	k := s.kind
	if !regexp.MustCompile(`^[a-z][a-z0-9-]*$`).MatchString(k.Name) {
		t.Errorf("%q is no name for a type: small letters, digits and dashes", k.Name)
	}
	if k.New == nil {
		t.Fatalf("%s has no New", k.Name)
	}
	if k.Open == nil && k.Baud < 50 || k.Silence <= 0 {
		t.Errorf("%s must set Baud (%d) and Silence (%v)", k.Name, k.Baud, k.Silence)
	}
	if k.Open != nil && (k.Baud != 0 || k.Source == nil) {
		t.Errorf("%s opens by itself: it must set Source and no Baud (%d)", k.Name, k.Baud)
	}
	if k.Polls && !k.Writes {
		t.Errorf("%s polls and does not write", k.Name)
	}
	own := s.options(t)
	s.sample(t, own, keysOf(reflect.TypeFor[device.Config]()))
	s.refusals(t)
	s.problems(t)
	if err := (device.Table{k}).Check(s.cfg); err != nil {
		t.Errorf("the plainest device is refused: %v", err)
	}
}

// keysOf lists the toml keys of a struct, those of structs embedded in it among them.
func keysOf(t reflect.Type) (keys []string) {
	for f := range fieldsOf(t) {
		if key := f.Tag.Get("toml"); key != "-" {
			keys = append(keys, key)
		}
	}
	return keys
}

func fieldsOf(t reflect.Type) iter.Seq[reflect.StructField] {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			f := t.Field(i)
			if !f.Anonymous || f.Tag.Get("toml") != "" {
				if !yield(f) {
					return
				}
				continue
			}
			for inner := range fieldsOf(f.Type) {
				if !yield(inner) {
					return
				}
			}
		}
	}
}

// tableOf gives the struct behind a key that is a table, or tables by name; nil = it is neither.
func tableOf(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Map || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	return t
}

// below lists the keys that stand in tables inside t, and holds that a recording names
// them as the configuration does.
func below(t testing.TB, of reflect.Type) (keys []string) {
	for f := range fieldsOf(of) {
		inner := tableOf(f.Type)
		if inner == nil {
			continue
		}
		for f := range fieldsOf(inner) {
			key := f.Tag.Get("toml")
			if key == "" || f.Tag.Get("json") != key+",omitzero" {
				t.Errorf("%v: %s needs the tags `toml:\"%s\" json:\"%s,omitzero\"`", inner, f.Name, key, key)
			}
			keys = append(keys, key)
		}
		keys = append(keys, below(t, inner)...)
	}
	return keys
}

// options checks the struct of the kind's own keys and lists them.
func (s suite) options(t testing.TB) []string {
	t.Helper()
	if s.kind.Options == nil {
		return nil
	}
	of := reflect.TypeOf(s.kind.Options())
	if of == nil || of.Kind() != reflect.Pointer || of.Elem().Kind() != reflect.Struct {
		t.Errorf("Options must give a pointer to a struct, not %v", of)
		return nil
	}
	shared, own := keysOf(reflect.TypeFor[device.Config]()), keysOf(of.Elem())
	for i, key := range own {
		switch {
		case !regexp.MustCompile(`^[a-z][a-z0-9_]*$`).MatchString(key):
			t.Errorf("%v: every field needs a toml tag of small letters, digits and _, not %q", of, key)
		case slices.Contains(shared, key):
			t.Errorf("%v: %s is a key that all devices have", of, key)
		case slices.Contains(own[:i], key):
			t.Errorf("%v: %s stands twice", of, key)
		}
	}
	return own
}

// sample checks the form of the sample; the tests of the configuration load it.
func (s suite) sample(t testing.TB, own, shared []string) {
	t.Helper()
	text, ok := strings.CutPrefix(s.kind.Sample, "[[device]]\n")
	if !ok || !strings.HasSuffix(text, "\n") {
		t.Errorf("Sample must begin with a line [[device]] and end with a line:\n%s", s.kind.Sample)
	}
	set, named := map[string]string{}, map[string]bool{}
	line := regexp.MustCompile(`^(# )?([a-z_]+) = (.+)$`)
	table := regexp.MustCompile(`^(# )?\[device\.([a-z_]+)`)
	inTable := false // which stands last, as TOML has it
	var inner []string
	if own != nil {
		inner = below(t, reflect.TypeOf(s.kind.Options()).Elem())
	}
	for text := range strings.Lines(text) {
		text = strings.TrimSuffix(text, "\n")
		m := line.FindStringSubmatch(text)
		if head := table.FindStringSubmatch(text); head != nil {
			named[head[2]], inTable = true, true
			continue
		}
		if m != nil && !inTable {
			named[m[2]] = true
		}
		switch {
		case m != nil && inTable:
			if !slices.Contains(inner, m[2]) {
				t.Errorf("Sample: no table of %s has a key %s", s.kind.Name, m[2])
			}
		case m == nil && !strings.HasPrefix(text, "#"):
			t.Errorf("Sample: %q is neither a key nor a comment", text)
		case m == nil:
		case !slices.Contains(own, m[2]) && !slices.Contains(shared, m[2]):
			t.Errorf("Sample: %s has no key %s", s.kind.Name, m[2])
		case m[1] == "":
			set[m[2]] = m[3]
		}
	}
	for _, key := range own {
		if !named[key] {
			t.Errorf("Sample must explain %s, if need be in a line that begins with #", key)
		}
	}
	for key, part := range map[string]string{"name": "{n}", "type": `"` + s.kind.Name + `"`, "port": "{port}", "id": "{serial}"} {
		value, there := set[key]
		if key == "id" && !there && s.kind.NamesThings != nil || key == "port" && !there && s.kind.Open != nil {
			continue
		}
		if key == "port" && s.kind.Port != "" && value == strconv.Quote(s.kind.Port) {
			continue
		}
		if !strings.Contains(value, part) {
			t.Errorf("Sample must set %s to something with %s, not to %q", key, part, value)
		}
	}
}

// refusals checks that wrong values of own keys are refused by name.
func (s suite) refusals(t testing.TB) {
	t.Helper()
	for key, options := range s.o.Bad {
		c := s.cfg
		c.Options = options
		var wrong *device.KeyError
		if err := (device.Table{s.kind}).Check(c); !errors.As(err, &wrong) || wrong.Key != key {
			t.Errorf("%+v must be refused with an error that names %s, not with: %v", options, key, err)
		}
	}
}

// problems checks the entries for the catalogue of problems.
func (s suite) problems(t testing.TB) {
	t.Helper()
	form := regexp.MustCompile(`^[A-Z][A-Z0-9]*(-[A-Z0-9]+)+$`)
	// The prefixes of what the gateway itself may find wrong.
	taken := regexp.MustCompile(`^(BUF|CFG|CLK|DEV|HW|NET|SYS|TLS|UP)-`)
	var codes []string
	for _, p := range s.kind.Problems {
		if !form.MatchString(p.Code) || taken.MatchString(p.Code) {
			t.Errorf("%q is no code for a driver: capitals and dashes, and a prefix that the gateway does not use", p.Code)
		}
		if slices.Contains(codes, p.Code) {
			t.Errorf("%s stands twice", p.Code)
		}
		codes = append(codes, p.Code)
		if p.Title == "" || !strings.Contains(p.Sentence, "{subject}") || !strings.HasSuffix(p.Sentence, ".") {
			t.Errorf("%s needs a title and a sentence that names its {subject} and ends with a full stop", p.Code)
		}
		if len(p.Actions) == 0 || slices.Contains(p.Actions, "") {
			t.Errorf("%s does not say what to do", p.Code)
		}
	}
}

// recognise holds Recognise against the kind's own recordings, whole and from
// somewhere in the middle, and against what is nobody's.
func (s suite) recognise(t testing.TB, recordings map[string][]byte) {
	t.Helper()
	if s.kind.Recognise == nil && s.kind.Open != nil {
		return
	}
	if s.kind.Recognise == nil {
		t.Fatalf("%s has no Recognise", s.kind.Name)
	}
	look := func(in []byte) (string, float64) {
		b := bytes.Clone(in)
		name, share := s.kind.Recognise(b)
		if again, same := s.kind.Recognise(b); again != name || same != share || !bytes.Equal(b, in) {
			t.Errorf("Recognise keeps or changes something: %q %v, then %q %v", name, share, again, same)
		}
		if !(share >= 0 && share <= 1) {
			t.Errorf("Recognise gives a share of %v", share)
		}
		return name, share
	}
	for _, path := range slices.Sorted(maps.Keys(recordings)) {
		in := recordings[path]
		if isNoise(path) {
			continue
		}
		for _, from := range []int{0, len(in) / 3} {
			if name, share := look(in[from:]); name == "" || share < 1.0/3 {
				t.Errorf("Recognise finds %q in %.2f of %s from byte %d on, at least a third should be its own", name, share, filepath.Base(path), from)
			}
		}
	}
	for what, in := range noises() {
		if _, share := look(in); share > 0.01 {
			t.Errorf("Recognise takes %.2f of %s for its own", share, what)
		}
	}
}

// noises are bytes that are nobody's.
func noises() map[string][]byte {
	random := make([]byte, 4096)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	return map[string][]byte{
		"nothing":            nil,
		"empty lines":        []byte("\n\n\n"),
		"one letter":         bytes.Repeat([]byte("x"), 500),
		"zeros":              make([]byte, 500),
		"ones":               bytes.Repeat([]byte{0xff}, 500),
		"text at wrong baud": bytes.Repeat([]byte("\x00\xffU\xb5b\r\xd2\n garbage\x80"), 40),
		"random bytes":       random,
	}
}
