//go:build pages

package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/device"
	"portti/systemd"
)

// extra is the verb that makes what a package has besides the program, of the tables
// that the program itself is made of. It is no part of the program that is installed:
// what writes manuals would be a tenth of it.
func extra(machine fs.FS) []verb {
	return []verb{{groupSetUp, &cobra.Command{
		Use:   "pages FOLDER",
		Short: "write manual pages, completion, unit, init scripts and the journal's catalogue",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			p := pages{dir: args[0], when: builtAt()}
			p.manual(machine)
			p.completion(machine)
			p.unit()
			p.write("portti.catalog", catalog())
			return p.err
		},
	}}}
}

// pages writes files until the first error.
type pages struct {
	dir  string
	when time.Time
	err  error
}

func (p *pages) write(name, text string) {
	path := filepath.Join(p.dir, name)
	if p.err == nil {
		p.err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if p.err == nil {
		p.err = os.WriteFile(path, []byte(text), 0o644)
	}
}

// plain is the tree of verbs as it is installed, without this one.
func plain(machine fs.FS) *cobra.Command {
	root := rootCmd(machine)
	for _, c := range root.Commands() {
		if c.Name() == "pages" {
			root.RemoveCommand(c)
		}
	}
	root.InitDefaultCompletionCmd()
	return root
}

func (p *pages) manual(machine fs.FS) {
	if p.err != nil {
		return
	}
	dir := filepath.Join(p.dir, "man", "man1")
	if p.err = os.MkdirAll(dir, 0o755); p.err != nil {
		return
	}
	p.err = doc.GenManTree(plain(machine), &doc.GenManHeader{Section: "1", Date: &p.when, Source: "portti", Manual: "portti"}, dir)
	p.write("man/man5/portti.toml.5", p.page("portti.toml", 5, "the configuration of portti", configuration()))
	p.write("man/man7/portti-codes.7", p.page("portti-codes", 7, "what portti finds wrong, and what to do", codes()))
}

// page makes a manual page of Markdown.
func (p *pages) page(name string, section int, short, body string) string {
	head := fmt.Sprintf("%% \"%s\" \"%d\" \"%s\" \"portti\" \"portti\"\n# NAME\n%s - %s\n\n",
		strings.ToUpper(name), section, p.when.UTC().Format("Jan 2006"), name, short)
	return string(md2man.Render([]byte(head + body)))
}

// configuration is the sample with a device of each kind: every setting is explained
// there, and it is known to load.
func configuration() string {
	var sample bytes.Buffer
	if err := config.Sample(&sample, device.Kinds().Names()); err != nil {
		panic(err) // the kinds are our own
	}
	var b strings.Builder
	b.WriteString("# DESCRIPTION\nThe gateway reads **" + config.DefaultPath + "** and then the files in **conf.d** beside it, in the order of their names. " +
		"**portti config check** finds mistakes, with file, line and column; **portti reload** applies a change. " +
		"A setting that is not there has the value that the sample shows behind a #.\n\n# SAMPLE\n")
	for line := range strings.Lines(sample.String()) {
		b.WriteString("    " + line)
	}
	b.WriteString("\n# SEE ALSO\n**portti**(1), **portti-config**(1), **portti-codes**(7)\n")
	return b.String()
}

func codes() string {
	var b strings.Builder
	b.WriteString("# DESCRIPTION\nEach problem that **portti status** shows has a code. In capitals stands what the gateway fills in.\n\n# CODES\n")
	for _, e := range everyProblem() {
		fmt.Fprintf(&b, "## %s: %s\n%s\n\n", e.Code, e.Title, markdown(e.Sentence))
		for _, a := range e.Actions {
			b.WriteString("* " + strings.ReplaceAll(markdown(a), "\\`", "**") + "\n")
		}
		b.WriteString("\n")
	}
	b.WriteString("# SEE ALSO\n**portti-status**(1)\n")
	return b.String()
}

func markdown(text string) string {
	return strings.NewReplacer("*", `\*`, "_", `\_`, "<", `\<`, "[", `\[`, "`", "\\`").Replace(text)
}

// catalog is for journalctl -x: what each code means and what to do, under the
// identifier that the log line of the problem carries.
func catalog() string {
	var b strings.Builder
	b.WriteString("# journalctl --catalog: what portti's problems mean.\n")
	for _, e := range everyProblem() {
		fmt.Fprintf(&b, "\n-- %s\nSubject: portti: %s\nDefined-By: portti\nSupport: man:portti-codes(7)\nDocumentation: man:portti-codes(7)\n\n%s (%s)\n", status.MessageID(e.Code), e.Title, e.Sentence, e.Code)
		for i, a := range e.Actions {
			b.WriteString("\n" + strconv.Itoa(i+1) + ". " + strings.ReplaceAll(a, "`", ""))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (p *pages) completion(machine fs.FS) {
	for shell, generate := range map[string]func(*cobra.Command, *bytes.Buffer) error{
		"bash": func(c *cobra.Command, b *bytes.Buffer) error { return c.GenBashCompletionV2(b, true) },
		"zsh":  func(c *cobra.Command, b *bytes.Buffer) error { return c.GenZshCompletion(b) },
		"fish": func(c *cobra.Command, b *bytes.Buffer) error { return c.GenFishCompletion(b, true) },
	} {
		var b bytes.Buffer
		if p.err == nil {
			p.err = generate(plain(machine), &b)
		}
		p.write("completion/portti."+shell, b.String())
	}
}

// unit is the service's file for each init system.
func (p *pages) unit() {
	u := systemd.Unit{Exec: "/usr/bin/portti", Args: []string{"run", "-c", config.DefaultPath}, Packaged: true}
	for _, kind := range systemd.Kinds() {
		_, text, err := u.Script(kind)
		if p.err == nil {
			p.err = err
		}
		p.write("init/"+string(kind), text)
	}
}
