package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"portti/cmd/portti/rig"
)

// convention is how a verb is tried.
type convention struct {
	args    []string // for an answer that is one document; DIR stands for a folder, NAME for a device
	stopped int      // exit code where no gateway runs
	silent  int      // exit code where one does not answer
	verdict bool     // its exit code is what it found
	folds   bool     // it breaks its lines as wide as the terminal is
	live    bool     // it says as much as came meanwhile
	act     bool     // it changes something, or goes on until it is ended: help, flags and these exit codes are tried, if there are any
}

// conventions has a line for each verb. One that is new gets its own.
func conventions() map[string]convention {
	return map[string]convention{
		"bundle":        {args: []string{"-o", "DIR"}},
		"check":         {verdict: true, stopped: checkCritical, silent: checkUnknown},
		"status":        {folds: true, stopped: exitNotRunning, silent: exitUnknown},
		"devices":       {folds: true, stopped: exitNotRunning, silent: exitUnknown},
		"devices show":  {folds: true, args: []string{"NAME"}, stopped: exitNotRunning, silent: exitUnknown},
		"doctor":        {folds: true, args: []string{"--only", "CFG"}, verdict: true, stopped: exitFailed, silent: exitFailed},
		"explain":       {folds: true, args: []string{"CLK-UNSET"}},
		"gps":           {folds: true, stopped: exitNotRunning, silent: exitUnknown},
		"logs":          {args: []string{"--since", "1h"}},
		"netcheck":      {folds: true, verdict: true, stopped: exitNotConfigured, silent: exitNotConfigured},
		"ping":          {args: []string{"-n", "2"}, stopped: exitNotRunning, silent: exitUnknown},
		"queue":         {stopped: exitFailed, silent: exitUnknown},
		"queue stats":   {stopped: exitFailed, silent: exitUnknown},
		"queue check":   {stopped: exitFailed, silent: exitFailed}, // it reads files
		"queue export":  {act: true},
		"queue import":  {act: true},
		"record":        {act: true, args: []string{"NAME"}, stopped: exitUsage, silent: exitUnknown},
		"tail":          {act: true, args: []string{"NAME"}, stopped: exitUsage, silent: exitUnknown},
		"top":           {act: true},
		"web link":      {stopped: exitNotRunning, silent: exitUnknown},
		"web open":      {act: true, stopped: exitNotRunning, silent: exitUnknown},
		"web sessions":  {stopped: exitNotRunning, silent: exitUnknown},
		"web revoke":    {act: true, args: []string{"--all"}, stopped: exitNotRunning, silent: exitUnknown},
		"web enable":    {act: true},
		"web disable":   {act: true},
		"setup":         {act: true},
		"discover":      {act: true},
		"config check":  {},
		"config show":   {},
		"config create": {act: true},
		"config diff":   {stopped: exitNotRunning, silent: exitUnknown},
		"config import": {act: true},
		"identity show": {stopped: exitFailed, silent: exitFailed},
		"identity keep": {act: true},
		"identity new":  {act: true},
		"login":         {act: true},
		"reload":        {act: true, stopped: exitNotRunning}, // one that does not answer is given 15 s
		"run":           {act: true},
		"service":       {act: true},
		"version":       {},
		"test":          {args: []string{"NAME", "--for", "300ms"}, live: true, verdict: true, stopped: exitUsage, silent: exitUnknown},
		"demo":          {act: true},
		"receive":       {act: true},
		"replay":        {act: true},
		"simulate":      {act: true},
	}
}

// eachVerb visits every verb that does something.
func eachVerb(t *testing.T, visit func(name string, cmd *cobra.Command)) {
	t.Helper()
	var walk func(*cobra.Command, string)
	walk = func(c *cobra.Command, path string) {
		for _, sub := range c.Commands() {
			name := strings.TrimSpace(path + " " + sub.Name())
			if sub.Hidden || sub.Name() == "help" || sub.Name() == "completion" || sub.Name() == "pages" {
				continue
			}
			if sub.HasAvailableSubCommands() {
				walk(sub, name)
			}
			if _, alone := conventions()[name]; alone || !sub.HasAvailableSubCommands() {
				visit(name, sub)
			}
		}
	}
	walk(rootCmd(fstest.MapFS{}), "")
}

func conventionOf(name string) (convention, bool) {
	all := conventions()
	if c, ok := all[name]; ok {
		return c, true
	}
	first, _, _ := strings.Cut(name, " ")
	c, ok := all[first]
	return c, ok
}

// try runs a verb on an empty machine.
func try(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = runOn(t.Context(), fstest.MapFS{}, args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// Each verb explains itself with an example, and a slip of the finger is answered with
// what was meant.
func TestEveryVerbKeepsTheConventions(t *testing.T) {
	unseen := conventions()
	eachVerb(t, func(name string, cmd *cobra.Command) {
		delete(unseen, name)
		words := strings.Fields(name)
		if _, ok := conventionOf(name); !ok {
			t.Errorf("%s has no line in conventions", name)
		}
		if !strings.Contains(cmd.Example, "portti ") {
			t.Errorf("%s --help has no example", name)
		}
		code, out, _ := try(t, append(words, "--help")...)
		if code != exitOK || !strings.Contains(out, "Examples:") {
			t.Errorf("%s --help: %d\n%s", name, code, out)
		}
		code, _, said := try(t, append(words, "--jsno")...)
		if code != exitUsage || !strings.Contains(said, "--json") {
			t.Errorf("%s --jsno: %d %s", name, code, said)
		}
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" && !f.Hidden {
				t.Errorf("%s --%s is not explained", name, f.Name)
			}
		})
		wrong := words[: len(words)-1 : len(words)-1]
		wrong = append(wrong, words[len(words)-1]+"x")
		if code, _, said := try(t, wrong...); code != exitUsage || !strings.Contains(said, "did you mean") {
			t.Errorf("%v: %d %s", wrong, code, said)
		}
	})
	first := map[string]bool{}
	eachVerb(t, func(name string, _ *cobra.Command) { word, _, _ := strings.Cut(name, " "); first[word] = true })
	for name := range unseen {
		if !first[name] {
			t.Errorf("conventions has a line for %s, which is no verb", name)
		}
	}
}

// words are those of a verb with its arguments.
func (c convention) words(t *testing.T, name string) []string {
	t.Helper()
	all := strings.Fields(name)
	for _, a := range c.args {
		switch a {
		case "DIR":
			a = t.TempDir()
		case "NAME":
			a = "panel"
		}
		all = append(all, a)
	}
	return all
}

// ownASCII is text without what a terminal of another time could not show.
func plainText(t *testing.T, name, text string) {
	t.Helper()
	for i := range len(text) {
		if c := text[i]; c >= 0x80 || c < ' ' && c != '\n' && c != '\t' {
			t.Errorf("%s has a byte %#x in %q", name, c, text[max(0, i-40):min(len(text), i+40)])
			return
		}
	}
}

// Without a gateway, and with one that does not answer, the exit code says so.
func TestExitCodesWithoutAnAnswer(t *testing.T) {
	fakeJournal(t, journal, 0)
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	dir := rig.Folder(t)
	silent, err := net.Listen("unix", filepath.Join(dir, "silent.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	file := filepath.Join(dir, "p.toml")
	text := "config_version = 1\n[gateway]\nid = \"XXXX00TEST0000001\"\n[paths]\nstate = \"" + dir + "/state\"\nrun = \"" + dir + "/run\"\n[uplink]\nauth = \"none\"\n[metrics]\nlisten = \"\"\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	eachVerb(t, func(name string, _ *cobra.Command) {
		c, _ := conventionOf(name)
		if c.act && c.stopped == exitOK {
			return
		}
		words := func(more ...string) []string {
			return append(append(c.words(t, name), "-c", file), more...)
		}
		if code, out, said := try(t, words()...); code != c.stopped {
			t.Errorf("%s with no gateway: exit code %d, wanted %d\n%s%s", name, code, c.stopped, out, said)
		}
		if c.act && c.silent == exitOK {
			return
		}
		if code, out, said := try(t, words("--socket", filepath.Join(dir, "silent.sock"), "--timeout", "20ms")...); code != c.silent {
			t.Errorf("%s with a silent gateway: exit code %d, wanted %d\n%s%s", name, code, c.silent, out, said)
		}
	})
}

// A flag that can be one of some words is completed with them, and an argument that is a
// device, a code or a file with what there is.
func TestCompletionKnowsWhatThereIs(t *testing.T) {
	list := regexp.MustCompile(`[a-z][a-z0-9-]*(?:, [a-z][a-z0-9-]*)+,? or [a-z][a-z0-9-]*`)
	file := filepath.Join(t.TempDir(), "p.toml")
	if err := os.WriteFile(file, []byte("config_version = 1\n[paths]\nrun = \"/nowhere\"\n[[device]]\nname = \"mast\"\ntype = \"gps\"\nport = \"/dev/ttyACM0\"\nid = \"XXXX03GPS00000001\"\n[uplink]\nauth=\"none\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	eachVerb(t, func(name string, cmd *cobra.Command) {
		offered := func(args ...string) string {
			_, out, _ := try(t, append(append([]string{"__complete"}, strings.Fields(name)...), args...)...)
			return out
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			words := list.FindString(f.Usage)
			if f.Hidden || words == "" || f.Value.Type() == "bool" {
				return
			}
			out := offered("--"+f.Name, "")
			for _, w := range strings.FieldsFunc(strings.ReplaceAll(words, " or ", ", "), func(r rune) bool { return r == ',' || r == ' ' }) {
				if !strings.Contains(out, w+"\n") {
					t.Errorf("%s --%s does not offer %s: %q", name, f.Name, w, out)
				}
			}
		})
		_, args, _ := strings.Cut(cmd.Use, " ")
		switch {
		case strings.Contains(args, "NAME"):
			if out := offered("-c", file, ""); !strings.Contains(out, "mast\n") {
				t.Errorf("%s does not offer a device: %q", name, out)
			}
		case strings.Contains(args, "CODE"):
			if out := offered(""); !strings.Contains(out, "CLK-UNSET\t") {
				t.Errorf("%s does not offer a code: %q", name, out)
			}
		case strings.Contains(args, "FILE"), strings.Contains(args, "DIR"):
			if out := offered(""); !strings.Contains(out, ":0\n") { // the shell's own
				t.Errorf("%s does not offer files: %q", name, out)
			}
		}
	})
}
