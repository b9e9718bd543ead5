package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

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
	_, err := io.WriteString(out, prescription(t, results, consoleOptions(g, out, os.Getenv)))
	return err
}

// prescription is the results for people.
func prescription(t diagnosis, results []doctor.Result, o console.Options) string {
	p := console.NewSheet(o)
	if !o.Quiet {
		p.Line("portti doctor: " + t.String())
	}
	first := true
	var reasons []string
	skipped := map[string][]string{}
	for _, r := range results {
		switch {
		case r.Verdict == doctor.Fail || r.Verdict == doctor.Warn:
			if first && !o.Quiet {
				p.Line("")
			}
			first = false
			prescribe(p, r)
		case o.Quiet:
		case r.Verdict == doctor.Skip:
			if skipped[r.Finding] == nil {
				reasons = append(reasons, r.Finding)
			}
			skipped[r.Finding] = append(skipped[r.Finding], r.ID)
		}
	}
	if len(reasons) > 0 {
		p.Line("")
	}
	for _, why := range reasons {
		p.Hang(p.Mark(console.MarkUnsure)+" ", "  ", "Not looked at: "+strings.Join(skipped[why], " ")+", since "+why+".")
	}
	if !o.Verbose || o.Quiet {
		return p.String()
	}
	p.Line("")
	for _, r := range results {
		if r.Verdict == doctor.Pass {
			p.Hang(p.Mark(console.MarkGood)+" "+r.ID+"  ", indent, r.Title+": "+r.Finding)
		}
	}
	return p.String()
}

// indent is where the text of a finding begins.
const indent = "       "

func prescribe(p *console.Sheet, r doctor.Result) {
	text, mark := r.Finding, console.MarkWarn
	if r.Subject != "" && !strings.Contains(text, r.Subject) {
		text = r.Subject + ": " + text
	}
	if r.Verdict == doctor.Fail {
		mark = console.MarkBad
	}
	p.Hang(p.Mark(mark)+" "+r.ID+"  ", indent, text)
	for i, a := range r.Actions {
		p.Advise(indent, a, r.Commands[i])
	}
}
