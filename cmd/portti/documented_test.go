package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/spf13/cobra"

	"portti/cmd/portti/doctor"
	"portti/cross/testkit"
)

// command is one that a page tells its reader to type, or names in its text.
type command struct {
	page, text string
	line       int
	block      bool // it stands alone, to be typed; else it is named within a sentence
	dollar     bool // with $ in front
}

// How a command of the documentation is tried.
const (
	typed    = "typed"    // in the container, by .ci/container-docs, which goes by the same list
	inOrder  = "typed $"  // in the container, by the test of its page
	mends    = "mends"    // in the container, by .ci/breaks: it has to mend what was broken
	here     = "run here" // by TestDocumentedRuns, or by the test that the list names
	checked  = "parsed"   // verb, flags and arguments are those of this program, or the target of the Makefile is there
	excused  = "not run"  // it is another program's, for the reason that the list gives
	listFile = "testdata/documented.txt"
)

// programs are the first words by which a line of a block is seen to be a command.
var programs = regexp.MustCompile(`^(\$ )?(sudo |\./|bin/|[A-Z]+_[A-Z_]+=\S+ )*(portti|ansible-playbook|apk|apt|apt-get|bluetoothctl|cat|cd|chronyc|cp|curl|dnf|docker|echo|env|find|git|go|gpg|install|ip|journalctl|make|mkdir|mount|mv|npm|node|openssl|opkg|pip|ping|python3|rc-service|rm|scp|sha256sum|socat|ssh|systemctl|tar|timedatectl|udevadm|umount|usermod)( |$)`)

// prints are lines that begin like a command, and are what a program prints.
var prints = []string{
	"portti 1f4c9eb on gw-kuopio-07", "portti doctor: 50 checks",
	"portti recording 1 {", "portti 018f023; Telegraf", "portti      ",
}

// pagesOfDocs are the pages that people read: README, CONTRIBUTING and those of docs.
func pagesOfDocs(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) < 30 {
		t.Fatalf("found %d pages: %v", len(pages), err)
	}
	return append([]string{"../../README.md", "../../CONTRIBUTING.md", "../../SECURITY.md"}, pages...)
}

// commandsOf finds what a page says is to be typed.
func commandsOf(page, text string) (found []command, noise []string) {
	inline := regexp.MustCompile("`([^`]+)`")
	fence, open, joined := "", false, ""
	for i, line := range strings.Split(text, "\n") {
		if language, is := strings.CutPrefix(line, "```"); is {
			fence, open = language, !open
			continue
		}
		indented := strings.HasPrefix(line, "    ") && !open
		switch {
		case open && !slices.Contains([]string{"", "sh", "console"}, fence):
		case open || indented:
			line = joined + strings.TrimSpace(line)
			if start, more := strings.CutSuffix(line, `\`); more {
				joined = start
				continue
			}
			joined = ""
			if !programs.MatchString(line) {
				continue
			}
			if n := slices.IndexFunc(prints, func(p string) bool { return strings.HasPrefix(line, p) }); n >= 0 {
				noise = append(noise, prints[n])
				continue
			}
			bare, dollar := strings.CutPrefix(line, "$ ")
			found = append(found, command{page, withoutRemark(bare), i + 1, true, dollar})
		default:
			for _, m := range inline.FindAllStringSubmatch(line, -1) {
				// a word alone is a name, as of the program
				if programs.MatchString(m[1]) && strings.Contains(m[1], " ") {
					found = append(found, command{page, strings.ReplaceAll(m[1], `\|`, "|"), i + 1, false, false})
				}
			}
		}
	}
	return found, noise
}

// withoutRemark is the line without what explains it: after " #", or after four spaces.
func withoutRemark(line string) string {
	quoted := rune(0)
	for i, r := range line {
		switch {
		case quoted != 0:
			if r == quoted {
				quoted = 0
			}
		case r == '\'' || r == '"':
			quoted = r
		case strings.HasPrefix(line[i:], " #"), strings.HasPrefix(line[i:], "    "):
			return strings.TrimSpace(line[:i])
		}
	}
	return line
}

// words are the simple commands of a line, without sudo, variables and redirections.
func words(line string) (commands [][]string) {
	var now []string
	word, quoted, begun := "", rune(0), false
	end := func() {
		if begun {
			now = append(now, word)
		}
		word, begun = "", false
	}
	for _, r := range line {
		switch {
		case quoted != 0 && r == quoted:
			quoted = 0
		case quoted != 0:
			word += string(r)
		case r == '\'' || r == '"':
			quoted, begun = r, true
		case r == ' ':
			end()
		case r == ';' || r == '|' || r == '&':
			end()
			commands, now = append(commands, now), nil
		default:
			word, begun = word+string(r), true
		}
	}
	end()
	commands = append(commands, now)
	for i, c := range commands {
		commands[i] = simple(c)
	}
	return slices.DeleteFunc(commands, func(c []string) bool { return len(c) == 0 })
}

func simple(words []string) []string {
	variable := regexp.MustCompile(`^[A-Z_]+=`)
	for len(words) > 0 && (words[0] == "sudo" || words[0] == "env" || variable.MatchString(words[0])) {
		words = words[1:]
	}
	if len(words) > 2 && words[0] == "ssh" && !strings.HasPrefix(words[1], "-") {
		return simple(words[2:]) // what is run over there
	}
	if i := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "<") && len(w) == 1 || strings.HasPrefix(w, ">") }); i >= 0 {
		words = words[:i]
	}
	return words
}

// accepts says what this program has against being called so, without running it.
func accepts(args []string, named bool) error {
	root := rootCmd(fstest.MapFS{})
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	cmd.InitDefaultHelpFlag()
	cmd.InitDefaultVersionFlag()
	err = cmd.ParseFlags(rest)
	if err != nil && named && strings.HasPrefix(err.Error(), "flag needs an argument") {
		return nil // "portti simulate --play" names the flag
	}
	if err != nil {
		return err
	}
	left := cmd.Flags().Args()
	switch {
	case cmd.HasAvailableSubCommands() && len(left) > 0:
		return fmt.Errorf("%s has no verb %s", cmd.CommandPath(), left[0])
	case named && len(left) == 0:
		return nil // "portti replay" names the verb
	case cmd.Args == nil:
		return cobra.ArbitraryArgs(cmd, left)
	}
	return cmd.ValidateArgs(left)
}

// unlike says what is wrong with a simple command as far as that can be seen without it.
func unlike(c []string, named bool, makefile string) error {
	switch filepath.Base(c[0]) {
	case "portti":
		return accepts(c[1:], named)
	case "make":
		for _, target := range c[1:] {
			name, _, setting := strings.Cut(target, "=")
			if setting && !strings.Contains(makefile, "$("+name+")") && !regexp.MustCompile(`(?m)^[a-z-]+:.*##.*\b`+name+`=|\$\{?`+name+`\b|`+name+` +\??=`).MatchString(makefile) {
				return fmt.Errorf("the Makefile has no setting %s", name)
			}
			if !setting && !strings.Contains(makefile, "\n"+target+":") {
				return fmt.Errorf("the Makefile has no target %s", target)
			}
		}
	case "go":
		for _, arg := range c[1:] {
			folder := strings.TrimSuffix(arg, "/...")
			if _, err := os.Stat("../../" + folder); strings.HasPrefix(arg, "./") && err != nil {
				return err
			}
		}
	}
	return nil
}

// TestDocumented: each command in README, CONTRIBUTING and docs is one that works, as far
// as a machine can know it: testdata/documented.txt says of each how that is seen. A page
// that says another one changes that file, which is read by whoever reviews it, and typed
// by .ci/container-docs.
func TestDocumented(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var list strings.Builder
	list.WriteString("# Made by: go test ./cmd/portti -run 'TestDocumented$' -update\n# page, how it is tried, command, why not otherwise or by what\n")
	counts, used, seen := map[string]int{}, map[int]bool{}, map[string]bool{}
	var noise []string
	for _, path := range pagesOfDocs(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		page := strings.TrimPrefix(path, "../../")
		found, n := commandsOf(page, string(text))
		noise = append(noise, n...)
		for _, c := range found {
			how, why := tried(c, used)
			for _, simple := range words(c.text) {
				if err := unlike(simple, !c.block, "\n"+string(makefile)); err != nil && how != excused {
					t.Errorf("%s:%d: %s: %v", page, c.line, c.text, err)
				}
			}
			if how == "" {
				t.Errorf("%s:%d: nothing runs this, and no row of howTried says why: %s", page, c.line, c.text)
			}
			if key := page + how + c.text; c.block || !seen[key] {
				seen[key] = true
				counts[how]++
				fmt.Fprintf(&list, "%s\t%s\t%s\t%s\n", page, how, c.text, why)
			}
		}
	}
	for i, row := range howTried() {
		if !used[i] {
			t.Errorf("no page has %q any more: remove its row", row.text)
		}
	}
	for _, p := range prints {
		if !slices.Contains(noise, p) {
			t.Errorf("no page shows %q any more", p)
		}
	}
	fmt.Fprintf(&list, "#")
	for _, how := range []string{typed, inOrder, mends, here, checked, excused} {
		fmt.Fprintf(&list, " %s: %d.", how, counts[how])
	}
	list.WriteString("\n")
	testkit.Golden(t, listFile, list.String())
}

// tried says how a command is, by the first row that fits; used notes that row.
func tried(c command, used map[int]bool) (how, why string) {
	for i, row := range howTried() {
		fits := row.text == c.text || strings.HasSuffix(row.text, "*") && strings.HasPrefix(c.text, strings.TrimSuffix(row.text, "*"))
		if fits && (row.page == "" || row.page == c.page) {
			used[i] = true
			return row.how, row.why
		}
	}
	switch first := words(c.text)[0][0]; {
	case c.dollar && (c.page == "README.md" || c.page == "docs/fleet.md"):
		return inOrder, ".ci/container-" + map[string]string{"README.md": "first", "docs/fleet.md": "fleet"}[c.page]
	case c.page == "docs/breaks.md":
		return mends, ".ci/breaks"
	case c.block && filepath.Base(first) != "make" && first != "go":
		return typed, ""
	case first == "make" || first == "go":
		return checked, "a target of CI's own"
	case filepath.Base(first) == "portti":
		return checked, "named in a sentence"
	}
	return "", ""
}

// TestDocumentedPlaces: what is said to be typed in the container is taken from the pages
// and the list by the scripts themselves.
func TestDocumentedPlaces(t *testing.T) {
	for script, takes := range map[string]string{
		"container-first": `sed -n 's/^    \$ //p' README.md`,
		"container-fleet": `sed -n 's/^    \$ //p' docs/fleet.md`,
		"container-docs":  "cmd/portti/" + listFile,
		"container":       "\ndocumented\n",
		"breaks-rows":     "breaks.toml",
	} {
		text, err := os.ReadFile("../../.ci/" + script)
		if err != nil || !strings.Contains(string(text), takes) {
			t.Errorf(".ci/%s does not have %q: %v", script, takes, err)
		}
	}
}

// TestWithoutRemark: what explains a command is no part of it.
func TestWithoutRemark(t *testing.T) {
	for line, want := range map[string]string{
		"portti logs     # all of it":            "portti logs",
		"portti doctor --list      what there":   "portti doctor --list",
		`portti bundle --note "a    # b" -o x`:   `portti bundle --note "a    # b" -o x`,
		"portti explain UP-AUTH-REJECTED # what": "portti explain UP-AUTH-REJECTED",
	} {
		if got := withoutRemark(line); got != want {
			t.Errorf("%q is %q", line, got)
		}
	}
}

// TestAccepts: the walk sees a verb, a flag and an argument that are not there.
func TestAccepts(t *testing.T) {
	for line, good := range map[string]bool{
		"portti queue stats": true, "portti queue statz": false, "portti status --jsn": false, "portti service start extra": false,
		"portti devices show gps": true, "portti devices shw gps": false, "portti config import": false, "portti check --within 5x": false,
		"sudo env PORTTI_PATHS__STATE=/x portti queue export --files --out . && rauc x": true, "sudo portti frobnicate": false,
	} {
		if err := accepts(words(line)[0][1:], false); (err == nil) != good {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// TestDocumentedRuns: what needs no gateway and no server is run here, as it is written.
func TestDocumentedRuns(t *testing.T) {
	list, err := os.ReadFile(listFile)
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	config := filepath.Join(t.TempDir(), "portti.toml")
	for line := range strings.Lines(string(list)) {
		row := strings.Split(line, "\t")
		if len(row) < 4 || row[1] != here {
			continue
		}
		ran++
		args := words(row[2])[0][1:]
		if args[0] == "config" {
			_, sample, _ := try(t, "config", "create", "--device", "lines")
			if err := os.WriteFile(config, []byte(sample), 0o600); err != nil {
				t.Fatal(err)
			}
			args = append(args, "-c", config)
		}
		if code, out, errs := try(t, args...); code != 0 || out+errs == "" {
			t.Errorf("%s: %s: exit code %d\n%s%s", row[0], row[2], code, out, errs)
		}
	}
	if ran < 4 {
		t.Errorf("the list has %d commands to run: this test looks in the wrong place", ran)
	}
}

// TestDocumentedOutput: what pages show of doctor and check is what these print.
func TestDocumentedOutput(t *testing.T) {
	for page, want := range map[string]string{
		"doctor.md":    fmt.Sprintf("portti doctor: %d checks, 0 failed, 0 warnings", len(doctor.Checks())),
		"operation.md": "PORTTI WARNING - 6480 waiting, oldest 6 min (UP-AUTH-REJECTED) | depth=6480 lost=0 age=362s", // check_test.go has it printed
	} {
		text, err := os.ReadFile("../../docs/" + page)
		if err != nil || !strings.Contains(string(text), "\n    "+want+"\n") {
			t.Errorf("docs/%s does not show what is printed (%v): %s", page, err, want)
		}
	}
}
