package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"portti/cmd/portti/status"
)

// script runs one file of testdata/script: a list of commands, then the files
// it needs, each after a line "-- name --". The commands:
//
//	portti CODE ARGS…   run the program; it must exit with CODE
//	stdout REGEXP       what it printed must match; with ! in front must not
//	stderr REGEXP       the same for what it said
//	cmp stdout FILE     what it printed must be FILE exactly
//	save FILE           keep what it printed
//	env NAME=VALUE      for the commands that follow
//	daemon FILE         a control socket at run/portti.sock that answers with FILE
//	stored FILE         the commands about stdout are about this file then
//	machine DIR         the root folder of the machine, for the commands that follow
//	exists FILE         with ! in front: it must not be there
//
// and those about buffers in queue_test.go.
//
// It is the manner of testscript, whose module brings more than go.sum holds.
type script struct {
	t              *testing.T
	stdout, stderr string
	sums           map[string]string
	machine        string
}

func TestScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(paths) < 5 {
		t.Fatalf("found %d scripts: %v", len(paths), err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Chdir(t.TempDir())
			s := script{t: t}
			for i, line := range strings.Split(unpack(t, string(text)), "\n") {
				if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && !s.do(line) {
					t.Fatalf("%s:%d: %s\nstdout:\n%s\nstderr:\n%s", path, i+1, line, s.stdout, s.stderr)
				}
			}
		})
	}
}

// unpack writes the files and returns the commands.
func unpack(t *testing.T, text string) string {
	t.Helper()
	parts := regexp.MustCompile(`(?m)^-- (\S+) --\n`).Split(text, -1)
	names := regexp.MustCompile(`(?m)^-- (\S+) --\n`).FindAllStringSubmatch(text, -1)
	for i, n := range names {
		if err := os.MkdirAll(filepath.Dir(n[1]), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(n[1], []byte(parts[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return parts[0]
}

func (s *script) do(line string) bool {
	want := true
	if rest, ok := strings.CutPrefix(line, "! "); ok {
		line, want = rest, false
	}
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "portti":
		args := strings.Fields(rest)
		var out, errs bytes.Buffer
		machine := fs.FS(fstest.MapFS{}) // not this one, on which portti may be installed
		if s.machine != "" {
			machine = os.DirFS(s.machine)
		}
		code := runOn(context.Background(), machine, args[1:], strings.NewReader(""), &out, &errs)
		s.stdout, s.stderr = out.String(), errs.String()
		return strconv.Itoa(code) == args[0]
	case "stdout":
		return regexp.MustCompile("(?m)"+rest).MatchString(s.stdout) == want
	case "stderr":
		return regexp.MustCompile("(?m)"+rest).MatchString(s.stderr) == want
	case "cmp":
		text, err := os.ReadFile(strings.TrimPrefix(rest, "stdout "))
		return err == nil && string(text) == s.stdout
	case "save":
		return os.WriteFile(rest, []byte(s.stdout), 0o600) == nil
	case "env":
		name, value, _ := strings.Cut(rest, "=")
		s.t.Setenv(name, value)
		return true
	case "stored":
		text, err := os.ReadFile(rest)
		s.stdout = string(text)
		return err == nil
	case "machine":
		s.machine = rest
		return true
	case "daemon":
		s.daemon(rest)
		return true
	}
	return s.doQueue(verb, strings.Fields(rest)) == want
}

// daemon serves one file as the status document.
func (s *script) daemon(file string) {
	s.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.MkdirAll("run", 0o755); err != nil {
		s.t.Fatal(err)
	}
	l, err := net.Listen("unix", "run/portti.sock")
	if err != nil {
		s.t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/status", func(w http.ResponseWriter, _ *http.Request) { w.Write(text) })
	server, done := &http.Server{Handler: mux}, make(chan struct{})
	go func() { server.Serve(l); close(done) }()
	s.t.Cleanup(func() { server.Close(); <-done })
}

// TestStatusSurvivesTheSocket: what the daemon encodes is what the client
// decodes and prints.
func TestStatusSurvivesTheSocket(t *testing.T) {
	t.Chdir(t.TempDir())
	want := status.Document{Schema: status.Schema, Version: "1.2.3", Devices: []status.Device{{Name: "gps", LastAgeS: -1}},
		Totals: status.Totals{Ledger: status.Ledger{Read: 5, Lost: status.Losses{"age": 5}}}, Problems: []status.Problem{}}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("doc.json", text, 0o600); err != nil {
		t.Fatal(err)
	}
	s := script{t: t}
	s.daemon("doc.json")
	if !s.do("portti 0 status --json --socket run/portti.sock") {
		t.Fatal(s.stderr)
	}
	var got status.Document
	if err := json.Unmarshal([]byte(s.stdout), &got); err != nil || got.Totals.Lost["age"] != 5 || got.Devices[0].Name != "gps" || got.CheckLedger() != nil {
		t.Errorf("%v %+v", err, got)
	}
}

// TestSilentSocket: a daemon that takes the call and never answers is unknown,
// not stopped.
func TestSilentSocket(t *testing.T) {
	t.Chdir(t.TempDir())
	l, err := net.Listen("unix", "s.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := script{t: t}
	if !s.do("portti 4 status --socket s.sock --timeout 30ms") || !strings.Contains(s.stderr, "did not answer on s.sock within 30ms") {
		t.Errorf("%s", s.stderr)
	}
}

// TestInterrupted: Ctrl-C in the middle of waiting is its own exit code.
func TestInterrupted(t *testing.T) {
	t.Chdir(t.TempDir())
	l, err := net.Listen("unix", "s.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		if c, err := l.Accept(); err == nil {
			defer c.Close()
		}
		cancel()
	}()
	var out, errs bytes.Buffer
	if code := run(ctx, []string{"status", "--socket", "s.sock"}, nil, &out, &errs); code != exitInterrupted {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}

// TestVerbsExplainThemselves: every verb has a short text and its help works.
func TestVerbsExplainThemselves(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range verbs(os.DirFS("/")) {
		if seen[v.cmd.Name()] {
			t.Errorf("%s is listed twice", v.cmd.Name())
		}
		seen[v.cmd.Name()] = true
		if v.cmd.Short == "" || v.group == "" {
			t.Errorf("%s has no short text or group", v.cmd.Name())
		}
		var out, errs bytes.Buffer
		if code := run(context.Background(), []string{v.cmd.Name(), "--help"}, nil, &out, &errs); code != 0 || !strings.Contains(out.String(), "Usage:") {
			t.Errorf("%s --help: %d %s", v.cmd.Name(), code, errs.String())
		}
	}
}
