package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"
	"github.com/spf13/cobra"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// readSite is a gateway for the verbs that read: with a line that speaks, a GPS receiver,
// a page and a browser that is signed in to it.
func readSite(t *testing.T) *rig.Site {
	t.Helper()
	fakeJournal(t, journal, 0)
	s := rig.New(t, testbed.Options{})
	mast := rig.NewLine(t, s.Dir, "mast")
	s.More = fmt.Sprintf("[web]\nlisten = \"127.0.0.1:0\"\n[[device]]\nname = \"mast\"\ntype = \"gps\"\nport = %q\nid = \"XXXX03mast\"\n", mast.Link)
	g := s.Run(gateway.Options{})
	s.Line().Flow(50 * time.Millisecond)
	receiver, err := testbed.NewGPS(testbed.GPSOptions{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now().Add(-time.Minute)
	var nmea []byte
	for now := start; now.Before(start.Add(5 * time.Second)); {
		nmea, now = receiver.Append(nmea, now)
	}
	if _, err := mast.Pty.Write(t.Context(), nmea); err != nil {
		t.Fatal(err)
	}
	g.Until("there are readings", rig.Read(10))
	g.Until("it is online", func(d *status.Document) bool { return d.Link.State == status.LinkOnline })
	signIn(t, s.ConfigFile())
	return s
}

// signIn has one browser use a link.
func signIn(t *testing.T, config string) {
	t.Helper()
	var out string
	testkit.Eventually(t, "there is a page", func() bool {
		var code int
		code, out, _ = try(t, "web", "link", "--json", "-c", config)
		return code == exitOK
	})
	var link gateway.PageLink
	if err := json.Unmarshal([]byte(out), &link); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Post(strings.Replace(link.URLs[0], "localhost", "127.0.0.1", 1), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
}

// eachReadVerb visits the verbs that only look, with their words.
func eachReadVerb(t *testing.T, s *rig.Site, visit func(name string, c convention, run func(more ...string) (int, string, string))) {
	t.Helper()
	eachVerb(t, func(name string, _ *cobra.Command) {
		c, _ := conventionOf(name)
		if c.act {
			return
		}
		visit(name, c, func(more ...string) (int, string, string) {
			return try(t, append(append(c.words(t, name), "-c", s.ConfigFile()), more...)...)
		})
	})
}

// Read verbs print one document with a schema for programs, which is what their schema
// says, nothing but ASCII with --plain, and no colour where there is no terminal.
func TestReadVerbsPrintForPrograms(t *testing.T) {
	s := readSite(t)
	t.Setenv("LANG", "C.UTF-8")
	schemas := map[string]string{"identity show": "identity", "queue stats": "queue"}
	eachReadVerb(t, s, func(name string, c convention, run func(...string) (int, string, string)) {
		code, out, said := run("--json")
		var doc struct {
			Schema int `json:"schema"`
		}
		if err := json.Unmarshal([]byte(out), &doc); err != nil || doc.Schema == 0 || code != exitOK && !c.verdict {
			t.Errorf("%s --json: exit code %d, schema %d, %v\n%s%s", name, code, doc.Schema, err, out, said)
			return
		}
		file := strings.ReplaceAll(name, " ", "-")
		if schemas[name] != "" {
			file = schemas[name]
		}
		if schema := loadSchema(t, file); schema != nil {
			schema.validate(t, name, []byte(out))
		} else if name != "config show" { // whose document is the configuration
			t.Errorf("%s has no schema", name)
		}
		if code, out, said := run("--plain"); code != exitOK && !c.verdict {
			t.Errorf("%s --plain: %d %s%s", name, code, out, said)
		} else {
			plainText(t, name+" --plain", out)
		}
		if _, out, _ := run(); strings.Contains(out, "\x1b") {
			t.Errorf("%s writes colour where there is no terminal", name)
		}
	})
}

// With -q a verb says no more than without, and nothing beside its answer; with -v no less.
func TestReadVerbsAreQuietAndVerbose(t *testing.T) {
	s := readSite(t)
	eachReadVerb(t, s, func(name string, c convention, run func(...string) (int, string, string)) {
		lines := func(more ...string) int {
			code, out, said := run(more...)
			if code != exitOK && !c.verdict {
				t.Errorf("%s %v: exit code %d\n%s%s", name, more, code, out, said)
			}
			if len(more) > 0 && more[0] == "-q" && code == exitOK && said != "" {
				t.Errorf("%s -q says %q", name, said)
			}
			return strings.Count(out, "\n")
		}
		before, quiet, verbose, after := lines(), lines("-q"), lines("-v"), lines()
		if !c.live && (quiet > max(before, after) || verbose < min(before, after)) {
			t.Errorf("%s has %d to %d lines, with -q %d and with -v %d", name, min(before, after), max(before, after), quiet, verbose)
		}
	})
}

// onATerminal runs a verb with both streams on a terminal of 100 columns, to its end, or
// until it has shown something.
func onATerminal(t *testing.T, until string, args ...string) string {
	t.Helper()
	keyboard, terminal, err := pty.Open()
	if err != nil {
		testkit.Need(t, "a pseudo-terminal", err)
	}
	if err := pty.Setsize(keyboard, &pty.Winsize{Cols: 100, Rows: 24}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	out, read := new(typescript), make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(out, keyboard) // which ends with an error
	}()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runOn(ctx, fstest.MapFS{}, args, strings.NewReader(""), terminal, terminal)
	}()
	if until != "" {
		testkit.Eventually(t, until, func() bool { return strings.Contains(out.String(), until) }, out.String)
		cancel()
	}
	testkit.Receive(t, "the verb ends", ended)
	_ = terminal.Close()
	<-read
	_ = keyboard.Close()
	return strings.ReplaceAll(out.String(), "\r\n", "\n")
}

// On a terminal colour can be switched off in each of its ways, one that only prints gets
// nothing but text, and COLUMNS is how wide it is for those that break their lines.
func TestReadVerbsOnATerminal(t *testing.T) {
	s := readSite(t)
	for name, value := range map[string]string{"LANG": "C.UTF-8", "LC_ALL": "", "NO_COLOR": "", "TERM": "xterm", "COLUMNS": ""} {
		t.Setenv(name, value)
	}
	coloured := 0
	colour := regexp.MustCompile("\x1b\\[[0-9;]*m")
	eachReadVerb(t, s, func(name string, c convention, _ func(...string) (int, string, string)) {
		shown := func(more ...string) string {
			return onATerminal(t, "", append(append(c.words(t, name), "-c", s.ConfigFile()), more...)...)
		}
		if colour.MatchString(shown()) {
			coloured++
		}
		if text := shown("--no-color"); colour.MatchString(text) {
			t.Errorf("%s --no-color: %q", name, text)
		}
		with := func(variable, value string) string {
			was := os.Getenv(variable)
			t.Setenv(variable, value)
			defer t.Setenv(variable, was)
			return shown()
		}
		if text := with("NO_COLOR", "1"); colour.MatchString(text) {
			t.Errorf("%s with NO_COLOR: %q", name, text)
		}
		if text := with("TERM", "dumb"); strings.Contains(text, "\x1b") {
			t.Errorf("%s with TERM=dumb: %q", name, text)
		}
		if !c.folds {
			return
		}
		for line := range strings.Lines(with("COLUMNS", "60")) {
			line = strings.TrimRight(colour.ReplaceAllString(line, ""), "\n")
			if n := utf8.RuneCountInString(line); n > 60 && strings.Contains(strings.TrimSpace(line), " ") {
				t.Errorf("%s with COLUMNS=60 has %d columns: %q", name, n, line)
			}
		}
	})
	if coloured < 4 {
		t.Errorf("only %d verbs have colour", coloured)
	}
}

// A watch clears the screen where there is one, and only there.
func TestWatchClearsOnlyAScreen(t *testing.T) {
	s := readSite(t)
	for _, c := range []struct {
		term  string
		more  []string
		clear bool
	}{
		{"xterm", nil, true},
		{"dumb", nil, false},
		{"xterm", []string{"--plain"}, false},
	} {
		t.Setenv("TERM", c.term)
		for verb, shows := range map[string]string{"status": "panel", "gps": "mast"} {
			text := onATerminal(t, shows, append([]string{verb, "--watch", "-c", s.ConfigFile()}, c.more...)...)
			if strings.Contains(text, "\x1b[2J") != c.clear || !c.clear && strings.Contains(text, "\x1b") {
				t.Errorf("%s --watch %v with TERM=%s: %q", verb, c.more, c.term, text)
			}
		}
	}
}
