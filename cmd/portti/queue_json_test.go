package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/carry"
	"portti/cross/testkit"
)

// TestCarriedInJSON: what left one gateway and came to another, file by file.
func TestCarriedInJSON(t *testing.T) {
	s := script{t: t}
	exports, imports := loadSchema(t, "queue-export"), loadSchema(t, "queue-import")
	read := func(fits *schema, into any) {
		t.Helper()
		fits.validate(t, "what it printed", []byte(s.stdout))
		if err := json.Unmarshal([]byte(s.stdout), into); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(t.TempDir())
	s.fill([]string{"a", "GATEWAYA", "0", "40", "dated"})
	s.fill([]string{"b", "GATEWAYB", "0", "3"})
	from, to := configFor(t, "a", "GATEWAYA"), configFor(t, "b", "GATEWAYB")
	if !s.do("portti 2 queue export --json -c "+from) || !s.do("stderr name the file with --out") {
		t.Error(s.stdout, s.stderr)
	}
	if !s.do("portti 0 queue export --json --out a.jsonl -c " + from) {
		t.Fatal(s.stderr)
	}
	at := time.UnixMilli(1_700_000_060_000).UTC()
	span := carry.Span{First: &carry.Mark{Number: 1, Device: "gps", Time: &at}, Last: &carry.Mark{Number: 40, Device: "gps", Time: &at}}
	same := func(got, want any) {
		t.Helper()
		a, _ := json.Marshal(got)
		if b, _ := json.Marshal(want); string(a) != string(b) {
			t.Errorf("got  %s\nwant %s", a, b)
		}
	}
	var out exportView
	read(exports, &out)
	same(out, exportView{"a.jsonl", carry.Summary{Records: 40}, span, true})
	text, err := os.ReadFile("a.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	for name, text := range map[string]string{"cut.jsonl": strings.Join(lines[:31], ""), "other.jsonl": "none of portti's\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if !s.do("portti 1 queue import --json -c " + to + " other.jsonl cut.jsonl a.jsonl") {
		t.Fatal(s.stderr)
	}
	var in importView
	read(imports, &in)
	if in.Files != 2 || in.Whole || in.Taken != 40 || in.Here != 30 || len(in.Left) != 2 || len(in.Each) != 3 {
		t.Fatalf("%+v", in)
	}
	same(in.Each[0], importedFile{File: "other.jsonl", taken: taken{Left: in.Left[:1]}})
	same(in.Each[1], importedFile{"cut.jsonl", "GATEWAYA", carry.Span{First: span.First, Last: &carry.Mark{Number: 30, Device: "gps", Time: &at}}, taken{Taken: 30, Left: in.Left[1:]}, false})
	same(in.Each[2], importedFile{"a.jsonl", "GATEWAYA", span, taken{Taken: 10, Here: 30, Left: []string{}}, true})
	if !s.do("portti 0 queue import --json -c " + to + " a.jsonl") {
		t.Fatal(s.stderr)
	}
	read(imports, &in)
	same([]any{in.Whole, in.Taken, in.Here}, []any{true, 0, 40})
}

// TestExportShowsHowFar on a terminal, while the one who takes it is slow; the line is
// gone at the end.
func TestExportShowsHowFar(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	s := script{t: t}
	s.fill([]string{"a", "GATEWAYA", "0", "2000"})
	configFor(t, "a", "GATEWAYA")
	cmd, keyboard, _, _, out := onTerminal(t, `cd "$1" && "$0" queue export -c a.toml | (read x </dev/tty; cat >/dev/null)`, dir)
	testkit.Eventually(t, "it says how far it is", func() bool { return strings.Contains(out.String(), " kB copied") }, out.String)
	if _, err := keyboard.WriteString("\n"); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	const end = eraseLine + "2000 readings copied, and also kept in this gateway\r\n"
	testkit.Eventually(t, "it ends", func() bool { return strings.HasSuffix(out.String(), end) }, out.String)
}
