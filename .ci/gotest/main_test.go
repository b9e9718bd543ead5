package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree writes a module with two packages whose tests do what a line of the
// table wants: each failing one fails until its file exists.
func tree(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Setenv("GOFLAGS", "-mod=mod")
	for path, text := range map[string]string{
		"go.mod": "module tree\n\ngo 1.26\n",
		"calm/calm_test.go": `package calm
import "testing"
func TestCalm(t *testing.T) {}
func TestSkipped(t *testing.T) { t.Skip("no such tool") }
`,
		"odd/odd_test.go": `package odd
import ("os"; "testing"; "time")
func once(t *testing.T, name string) bool {
	_, err := os.Stat("../"+name)
	return err != nil && os.WriteFile("../"+name, nil, 0o600) == nil && os.Getenv(name) != ""
}
func TestFlaky(t *testing.T) { t.Run("inner", func(t *testing.T) { if once(t, "FLAKY") { t.Error("the first time") } }) }
func TestBroken(t *testing.T) { if os.Getenv("BROKEN") != "" { t.Error("every time") } }
func TestPanics(t *testing.T) { if once(t, "PANICS") { panic("the first time") } }
func TestHangs(t *testing.T) { if once(t, "HANGS") { time.Sleep(time.Hour) } }
func TestRace(t *testing.T) { if once(t, "RACE") { os.Stdout.WriteString("WARNING: DATA RACE\n"); t.Fail() } }
func TestLast(t *testing.T) {}
`,
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFailedTestsRunAgain(t *testing.T) {
	for name, c := range map[string]struct {
		env           string
		counts, flaky string
		fails         bool
	}{
		"all is well":             {"", "7 0 1", "", false},
		"a flaky test":            {"FLAKY", "7 0 1", "tree/odd TestFlaky", false},
		"a panic hides the rest":  {"PANICS", "7 0 1", "tree/odd", false},
		"a test that never ended": {"HANGS", "7 0 1", "tree/odd", false},
		"a broken test":           {"BROKEN", "6 1 1", "", true},
		"a data race":             {"RACE", "6 1 1", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			tree(t)
			if c.env != "" {
				t.Setenv(c.env, "1")
			}
			t.Setenv("CI_COUNTS", "counts")
			t.Setenv("CI_FLAKY", "flaky")
			var out strings.Builder
			err := run([]string{"-vet=off", "-timeout", "5s", "./...", "-run", "."}, &out)
			if (err != nil) != c.fails {
				t.Errorf("ended with %v", err)
			}
			if got := said(t, "counts"); got != c.counts {
				t.Errorf("counted %q, want %q", got, c.counts)
			}
			if got := said(t, "flaky"); got != c.flaky {
				t.Errorf("flaky %q, want %q", got, c.flaky)
			}
			if t.Failed() {
				t.Log(out.String())
			}
		})
	}
}

func said(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func TestPackageThatDoesNotBuild(t *testing.T) {
	tree(t)
	if err := os.WriteFile("calm/more_test.go", []byte("package calm\nfunc {"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CI_COUNTS", "counts")
	var out strings.Builder
	if err := run([]string{"-vet=off", "./..."}, &out); err == nil || !strings.Contains(out.String(), "more_test.go:2") {
		t.Errorf("ended with %v\n%s", err, out.String())
	}
	if got := said(t, "counts"); got != "6 1 0" {
		t.Errorf("counted %q", got)
	}
}

func TestAloneKeepsTheFlags(t *testing.T) {
	got := strings.Join(alone(strings.Fields("-race -tags faults -run ^(TestA|TestB)$ ./cmd/... portti/buffer -args -sim.runs 2000"), failure{"portti/buffer", "TestB"}), " ")
	if want := "-race -tags faults -run ^(TestA|TestB)$ -count=1 -run=^TestB$ portti/buffer -args -sim.runs 2000"; got != want {
		t.Errorf("%s", got)
	}
}
