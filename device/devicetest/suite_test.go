package devicetest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/device"
	"portti/device/thingsee"
)

// probe is a test that may fail without failing the one that looks at it.
type probe struct {
	testing.TB
	said []string
}

func (p *probe) Helper()                   {}
func (p *probe) Errorf(f string, a ...any) { p.said = append(p.said, fmt.Sprintf(f, a...)) }
func (p *probe) Fatalf(f string, a ...any) { p.Errorf(f, a...); runtime.Goexit() }
func (p *probe) Fatal(a ...any)            { p.Fatalf("%s", fmt.Sprint(a...)) }

// verdict runs a part of the suite and gives what it complains of.
func verdict(t *testing.T, part func(t testing.TB)) string {
	p := &probe{TB: t}
	synctest.Test(t, func(*testing.T) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			part(p)
		}()
		<-done
	})
	return strings.Join(p.said, "\n")
}

// hygrometer is a driver of frames of three bytes, H, a value and the value
// inverted, which a test may break.
type hygrometer struct {
	broken string
	n      int
	frame  [3]byte
	m      thingsee.Message
	kept   []*int
}

func (d *hygrometer) Run(port device.Port, out device.Out) error {
	buf := make([]byte, 64)
	for {
		n, err := port.Read(buf)
		for _, c := range buf[:n] {
			if d.frame[d.n] = c; d.n > 0 || c == 'H' {
				d.n++
			}
			if d.n == len(d.frame) {
				d.n = 0
				if bad := d.whole(port, out); bad != nil {
					return bad
				}
			}
		}
		switch {
		case d.broken == "splits" && n > 0:
			d.n = 0
		case err == nil || d.broken == "endless":
		case d.broken == "half" && d.n > 0:
			d.emit(out)
			return err
		case d.broken == "silent end":
			return nil
		default:
			return fmt.Errorf("cannot read the hygrometer: %w", err)
		}
	}
}

func (d *hygrometer) whole(port device.Port, out device.Out) error {
	if d.frame[1] != ^d.frame[2] && d.broken != "unchecked" {
		out.Frame(device.Checksum)
		switch d.broken {
		case "panic":
			panic("what is that?")
		case "gives up":
			return errors.New("bad frame")
		}
		return nil
	}
	switch d.broken {
	case "allocates":
		d.kept = append(d.kept, new(int))
	case "writes":
		_, _ = port.Write([]byte("?"))
	case "flags":
		out.(device.Flagger).Flag("DROP-ODD", true)
	}
	out.Frame(device.OK)
	d.emit(out)
	return nil
}

func (d *hygrometer) emit(out device.Out) {
	d.m.Reset(12100, 10)
	if d.broken == "no message" {
		d.m.Reset(12999, 10)
	}
	value := int64(d.frame[1])
	if d.broken == "range" {
		value *= 1000
	}
	if d.broken == "misnamed" {
		d.m.Int("humidity", value)
	}
	d.m.Int("humd", value)
	out.Emit(&d.m)
	if d.broken == "many" {
		out.Emit(&d.m)
	}
}

// hygrometers is the kind of the hygrometer.
func hygrometers(how string) device.Kind {
	return device.Kind{
		Name: "hygrometer", Baud: 9600, Silence: time.Minute, Binary: true,
		New: func(device.Config, device.Env) (device.Driver, error) { return &hygrometer{broken: how}, nil },
		Recognise: func(b []byte) (string, float64) {
			if len(b) == 0 {
				return "", 0
			}
			good := 0
			for i := range len(b) - 3 {
				if b[i] == 'H' && b[i+1] == ^b[i+2] {
					good += 3
				}
			}
			return "hygrometer", float64(good) / float64(max(len(b), 1))
		},
		Sample: "[[device]]\nname = \"t{n}\"\ntype = \"hygrometer\"\nport = \"/dev/ttyUSB{port}\"\nid = \"XXXX{serial}\"\n# baud = 9600   # as it leaves the factory\n",
	}
}

// reading is what thirty frames look like on the wire.
func reading() []byte {
	var b []byte
	for i := range byte(30) {
		b = append(b, 'H', i, ^i)
	}
	return b
}

// parts are all parts of the suite on an unbroken file of expected records.
func parts(t *testing.T, k device.Kind, in []byte, expected string) map[string]func(testing.TB) {
	path := filepath.Join(t.TempDir(), "reading.bin")
	if err := os.WriteFile(strings.TrimSuffix(path, ".bin")+".records", []byte(expected), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSuite(k, Options{Checked: true})
	return map[string]func(testing.TB){
		"facts":       s.facts,
		"recognise":   func(t testing.TB) { s.recognise(t, map[string][]byte{path: in}) },
		"golden":      func(t testing.TB) { s.golden(t, path, in) },
		"damage":      func(t testing.TB) { s.damage(t, in) },
		"allocations": func(t testing.TB) { s.allocations(t, in) },
	}
}

// expected is what NAME.records of the reading holds.
func expected() string {
	var b strings.Builder
	for i := range 30 {
		ts := "1796000000"
		if i > 0 {
			ts = strings.TrimRight(fmt.Sprintf("1796000000.%03d", i), "0")
		}
		fmt.Fprintf(&b, `{"tsmId":12100,"tsmEv":10,"tsmTs":%s,"tsmTuid":"XXXX03TST00000001","tsmGw":"XXXX00GTW00000001","humd":%d}`+"\n", ts, i)
	}
	return b.String() + "# ok 30, unknown 0, checksum 0, too long 0, malformed 0, range 0\n"
}

func TestAGoodDriverPasses(t *testing.T) {
	for name, part := range parts(t, hygrometers(""), reading(), expected()) {
		if said := verdict(t, part); said != "" {
			t.Errorf("%s: %s", name, said)
		}
	}
}

// TestBrokenDriversFail: a suite that finds nothing would be worth nothing.
func TestBrokenDriversFail(t *testing.T) {
	if updating() {
		t.Skip("-update is given: this run writes golden files instead of comparing")
	}
	for _, c := range []struct{ how, part, says string }{
		{"half", "damage", "makes records up"},
		{"unchecked", "damage", "makes up"},
		{"panic", "damage", "Run panics: what is that?"},
		{"gives up", "damage", "must return the port's error"},
		{"silent end", "golden", "must return the port's error"},
		{"endless", "golden", "goes on reading"},
		{"splits", "golden", "in pieces of 1"},
		{"range", "golden", "humd: 1000"},
		{"misnamed", "golden", "12100 has no field humidity"},
		{"no message", "golden", "no message has the tsmId 12999"},
		{"writes", "golden", "Writes must say so"},
		{"flags", "golden", "it raises DROP-ODD"},
		{"many", "golden", "does not agree"},
		{"many", "golden", "line 2 was\n{"},
		{"misnamed", "golden", "or thingsee.Generic"},
		{"allocates", "allocations", "allocates 3"},
	} {
		part := parts(t, hygrometers(c.how), reading(), expected())[c.part]
		said := verdict(t, part)
		if !strings.Contains(said, c.says) {
			t.Errorf("%s: %s says %q, want %q", c.how, c.part, said, c.says)
		}
		if strings.Count(said, "12100 has no field humidity") > 3 { // once for each size of pieces
			t.Errorf("%s: %s says of each record what is wrong with all: %q", c.how, c.part, said)
		}
	}
}

// TestBrokenKindsFail is the same for what a kind says of itself.
func TestBrokenKindsFail(t *testing.T) {
	problem := device.Problem{Code: "DROP-ODD", Title: "Odd", Sentence: "{subject} is odd.", Actions: []string{"Look"}}
	for _, c := range []struct {
		part, says string
		change     func(k *device.Kind)
	}{
		{"recognise", "of random bytes", func(k *device.Kind) { k.Recognise = func([]byte) (string, float64) { return "hygrometer", 1 } }},
		{"recognise", "finds", func(k *device.Kind) { k.Recognise = func([]byte) (string, float64) { return "", 0 } }},
		{"recognise", "no Recognise", func(k *device.Kind) { k.Recognise = nil }},
		{"recognise", "keeps or changes", func(k *device.Kind) {
			k.Recognise = func(b []byte) (string, float64) { copy(b, "x"); return "hygrometer", 0 }
		}},
		{"facts", "must set Baud", func(k *device.Kind) { k.Baud = 0 }},
		{"facts", "must set Baud", func(k *device.Kind) { k.Silence = 0 }},
		{"facts", "no name for a type", func(k *device.Kind) { k.Name = "Hygro Meter" }},
		{"facts", "has no New", func(k *device.Kind) { k.New = nil }},
		{"facts", "does not write", func(k *device.Kind) { k.Polls = true }},
		{"facts", "is refused", func(k *device.Kind) {
			k.New = func(device.Config, device.Env) (device.Driver, error) { return nil, errors.New("unit must be set") }
		}},
		{"facts", "Sample must begin", func(k *device.Kind) { k.Sample = "" }},
		{"facts", "set type", func(k *device.Kind) { k.Sample = strings.Replace(k.Sample, "hygrometer", "gps", 1) }},
		{"facts", "neither a key", func(k *device.Kind) { k.Sample += "baud\n" }},
		{"facts", "has no key bauds", func(k *device.Kind) { k.Sample += "# bauds = 1\n" }},
		{"facts", "Sample must explain unit", func(k *device.Kind) {
			k.Options = func() any {
				return new(struct {
					Unit string `toml:"unit"`
				})
			}
		}},
		{"facts", "pointer to a struct", func(k *device.Kind) { k.Options = func() any { return struct{}{} } }},
		{"facts", "needs a toml tag", func(k *device.Kind) { k.Options = func() any { return new(struct{ Unit string }) } }},
		{"facts", "must set Source", func(k *device.Kind) { k.Open = device.Open }},
		{"facts", "all devices have", func(k *device.Kind) {
			k.Options = func() any {
				return new(struct {
					Speed int `toml:"baud"`
				})
			}
		}},
		{"facts", "no code for a driver", func(k *device.Kind) { problem.Code = "odd"; k.Problems = []device.Problem{problem} }},
		{"facts", "no code for a driver", func(k *device.Kind) { problem.Code = "DEV-ODD"; k.Problems = []device.Problem{problem} }},
		{"facts", "DROP-ODD stands twice", func(k *device.Kind) { problem.Code = "DROP-ODD"; k.Problems = []device.Problem{problem, problem} }},
		{"facts", "what to do", func(k *device.Kind) { problem.Actions = nil; k.Problems = []device.Problem{problem} }},
		{"facts", "full stop", func(k *device.Kind) { problem.Sentence = "odd"; k.Problems = []device.Problem{problem} }},
	} {
		k := hygrometers("")
		c.change(&k)
		part := parts(t, k, reading(), expected())[c.part]
		if said := verdict(t, part); !strings.Contains(said, c.says) {
			t.Errorf("%s says %q, want %q", c.part, said, c.says)
		}
	}
}

// A rule for an own key that refuses nothing, or blames another key, is none.
func TestValuesThatMustBeRefused(t *testing.T) {
	type options struct {
		Unit string `toml:"unit"`
	}
	k := hygrometers("")
	k.Options = func() any { return new(options) }
	for rule, fails := range map[error]bool{
		nil:                            true,
		errors.New("unit must be set"): true,
		&device.KeyError{Key: "units"}: true,
		&device.KeyError{Key: "unit"}:  false,
	} {
		k.New = func(device.Config, device.Env) (device.Driver, error) { return &hygrometer{}, rule }
		s := newSuite(k, Options{Bad: map[string]any{"unit": new(options)}})
		if said := verdict(t, s.refusals); (said != "") != fails {
			t.Errorf("%v: %q", rule, said)
		}
	}
}

func TestMissingRecordsAreAskedFor(t *testing.T) {
	s := newSuite(hygrometers(""), Options{})
	said := verdict(t, func(t testing.TB) { s.golden(t, "nowhere/reading.bin", reading()) })
	if want := "nowhere/reading.records is missing: go test -update writes it"; !updating() && !strings.HasPrefix(said, want) {
		t.Errorf("says %q, want %q", said, want)
	}
}

func TestRecordingsAreLoaded(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "hygrometer")
	said := verdict(t, func(t testing.TB) { load(t, folder) })
	for _, want := range []string{folder, "NAME.txt", "NAME.bin", "NAME.nmea", "NAME.log", "NAME.records", "go test -update"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q does not say %s", said, want)
		}
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.txt", "b.bin", "c.nmea", "d.log", "a.records", "README.md"} {
		if err := os.WriteFile(filepath.Join(folder, name), bytes.Repeat([]byte(name), 1000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all := load(t, folder)
	if len(all) != 4 || len(all[filepath.Join(folder, "b.bin")]) != longest {
		t.Errorf("loaded %d", len(all))
	}
}
