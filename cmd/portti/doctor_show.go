package main

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"portti/cmd/portti/console"
	"portti/cmd/portti/doctor"
	"portti/cmd/portti/status"
)

// checkList is the JSON of portti doctor --list. Fields are only ever added.
type checkList struct {
	Schema int           `json:"schema"`
	Checks []listedCheck `json:"checks"`
}

type listedCheck struct {
	ID     string   `json:"id"`
	Family string   `json:"family"`
	Title  string   `json:"title"`
	Codes  []string `json:"codes"` // of the problem catalogue
}

// listChecks prints what there is.
func listChecks(cmd *cobra.Command, checks []doctor.Check) error {
	g, out := globalsOf(cmd), cmd.OutOrStdout()
	all := []listedCheck{}
	for _, c := range checks {
		all = append(all, listedCheck{c.ID, c.Family, c.Title, append([]string{}, c.Codes...)})
	}
	if g.json {
		return writeJSON(cmd, checkList{status.Schema, all})
	}
	form := "%-5s%-5s%s\n"
	if g.plain {
		form = "%s\t%s\t%s\n"
	}
	for _, c := range all {
		fmt.Fprintf(out, form, c.ID, c.Family, c.Title)
	}
	return nil
}

// diagnosis counts what was found.
type diagnosis struct {
	checks, failed, warnings, skipped, wantRoot int
}

func diagnosisOf(checks int, results []doctor.Result) diagnosis {
	t := diagnosis{checks: checks}
	for _, r := range results {
		switch r.Verdict {
		case doctor.Fail:
			t.failed++
		case doctor.Warn:
			t.warnings++
		case doctor.Skip:
			t.skipped++
			if r.WantsRoot {
				t.wantRoot++
			}
		}
	}
	return t
}

func (t diagnosis) String() string {
	text := fmt.Sprintf("%s, %d failed, %s", status.Count(uint64(t.checks), "check"), t.failed, status.Count(uint64(t.warnings), "warning"))
	switch {
	case t.skipped == 0:
		return text
	case t.wantRoot == t.skipped:
		return fmt.Sprintf("%s, %d skipped (not root: run with sudo for these)", text, t.skipped)
	case t.wantRoot > 0:
		return fmt.Sprintf("%s, %d skipped (not root: run with sudo for %d of these)", text, t.skipped, t.wantRoot)
	}
	return fmt.Sprintf("%s, %d skipped", text, t.skipped)
}

// doctorView is the JSON of portti doctor. Fields are only ever added.
type doctorView struct {
	Schema   int             `json:"schema"`
	Version  string          `json:"version"`
	Time     time.Time       `json:"time"`
	Checks   int             `json:"checks"`
	Failed   int             `json:"failed"`
	Warnings int             `json:"warnings"`
	Skipped  int             `json:"skipped"`
	Results  []doctor.Result `json:"results"`
}

func showResults(cmd *cobra.Command, checks int, results []doctor.Result) error {
	g, out := globalsOf(cmd), cmd.OutOrStdout()
	t := diagnosisOf(checks, results)
	switch {
	case g.json:
		return writeJSON(cmd, doctorView{Schema: status.Schema, Version: buildInfo().Version, Time: time.Now().UTC().Truncate(time.Second),
			Checks: t.checks, Failed: t.failed, Warnings: t.warnings, Skipped: t.skipped, Results: append([]doctor.Result{}, results...)})
	case g.plain:
		for _, r := range results {
			if r.Verdict != doctor.Pass || g.verbose {
				fmt.Fprintln(out, strings.Join([]string{string(r.Verdict), r.ID, r.Family, r.Subject, r.Finding, cmp.Or(append(append([]string{}, r.Commands...), "")...)}, "\t"))
			}
		}
		return nil
	}
	p := prescription{o: consoleOptions(g, out, os.Getenv)}
	p.results(t, results)
	_, err := fmt.Fprint(out, p.b.String())
	return err
}

// prescription draws results for people.
type prescription struct {
	o console.Options
	b strings.Builder
}

func (p *prescription) results(t diagnosis, results []doctor.Result) {
	if !p.o.Quiet {
		p.b.WriteString("portti doctor: " + t.String() + "\n")
	}
	first := true
	var reasons []string
	skipped := map[string][]string{}
	for _, r := range results {
		switch {
		case r.Verdict == doctor.Fail || r.Verdict == doctor.Warn:
			if first && !p.o.Quiet {
				p.b.WriteString("\n")
			}
			first = false
			p.finding(r)
		case p.o.Quiet:
		case r.Verdict == doctor.Skip:
			if skipped[r.Finding] == nil {
				reasons = append(reasons, r.Finding)
			}
			skipped[r.Finding] = append(skipped[r.Finding], r.ID)
		}
	}
	if len(reasons) > 0 {
		p.b.WriteString("\n")
	}
	for _, why := range reasons {
		p.wrap(p.mark(doctor.Skip)+" ", "  ", "Not looked at: "+strings.Join(skipped[why], " ")+", since "+why+".")
	}
	if !p.o.Verbose || p.o.Quiet {
		return
	}
	p.b.WriteString("\n")
	for _, r := range results {
		if r.Verdict == doctor.Pass {
			p.wrap(p.mark(r.Verdict)+" "+r.ID+"  ", "       ", r.Title+": "+r.Finding)
		}
	}
}

// indent is where the text of a finding begins.
const indent = "       "

func (p *prescription) finding(r doctor.Result) {
	text := r.Finding
	if r.Subject != "" && !strings.Contains(text, r.Subject) {
		text = r.Subject + ": " + text
	}
	p.wrap(p.mark(r.Verdict)+" "+r.ID+"  ", indent, text)
	for i, a := range r.Actions {
		p.action(a, r.Commands[i])
	}
}

// action keeps a command on one line, however long that is: it is copied.
func (p *prescription) action(text, command string) {
	arrow := "→ "
	if p.o.ASCII {
		arrow = "-> "
	}
	const unbroken = "\x00"
	whole := strings.ReplaceAll(command, " ", unbroken)
	var lines prescription
	lines.o = p.o
	lines.wrap(indent+arrow, strings.Repeat(" ", len(indent)+utf8.RuneCountInString(arrow)), strings.Replace(text, command, whole, 1))
	p.b.WriteString(strings.ReplaceAll(lines.b.String(), unbroken, " "))
}

func (p *prescription) mark(v doctor.Verdict) string {
	shape, colour := "●", "32"
	switch v {
	case doctor.Fail:
		shape, colour = "✗", "31"
	case doctor.Warn:
		shape, colour = "▲", "33"
	case doctor.Skip:
		shape, colour = "○", "36"
	}
	if p.o.ASCII {
		shape = map[string]string{"●": "*", "✗": "X", "▲": "!", "○": "o"}[shape]
	}
	if p.o.Colour {
		return "\x1b[" + colour + "m" + shape + "\x1b[0m"
	}
	return shape
}

func (p *prescription) width() int {
	if p.o.Width <= 0 {
		return 80
	}
	return min(max(p.o.Width, 40), 240)
}

// wrap writes text between words, after lead on the first line and rest on the others.
func (p *prescription) wrap(lead, rest, text string) {
	line, used := lead, utf8.RuneCountInString(rest)
	empty := true
	for _, word := range strings.Fields(p.text(text)) {
		n := utf8.RuneCountInString(word)
		if !empty && used+1+n > p.width() {
			p.b.WriteString(line + "\n")
			line, used, empty = rest, utf8.RuneCountInString(rest), true
		}
		if !empty {
			line, used = line+" ", used+1
		}
		line, used, empty = line+word, used+n, false
	}
	p.b.WriteString(line + "\n")
}

// text is without what an ASCII terminal cannot show.
func (p *prescription) text(s string) string {
	if !p.o.ASCII {
		return s
	}
	return onlyASCII(strings.ReplaceAll(s, "…", "~"))
}
