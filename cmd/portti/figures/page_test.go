package figures

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// row is a line of the table.
type row struct {
	what, budget, measured, how string
}

// section is the rows of one heading, in the order they were measured.
type section struct {
	heading string
	rows    []entry
}

// entry is a row and, in a comparison, what another program came to.
type entry struct {
	row
	before, ratio string
}

// head is what one has to know to compare two pages.
type head struct {
	commit, machine, date, kind string
}

// page is docs/figures.md.
func page(h head, sections []section) string {
	var b strings.Builder
	missed, budgets := 0, 0
	var reasons []string
	for _, s := range sections {
		for _, r := range s.rows {
			v := verdict(r.budget, r.measured)
			if v != "" {
				budgets++
			}
			if v == "missed" {
				missed++
				if why := reason(r.what); why != "" {
					reasons = append(reasons, fmt.Sprintf("- %s: %s", strings.TrimSpace(r.what), why))
				}
			}
		}
	}
	fmt.Fprintf(&b, "# Figures\n\n`make bench` wrote this page, in one run on one commit (a run of some rows only leaves it as it is).\n\n"+
		"- commit %s, %s, %s\n- %s\n- budgets: %d met, %d missed (in bold type)\n", h.commit, h.date, h.kind, h.machine, budgets-missed, missed)
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n| what | budget | measured | | how |\n|---|---|---|---|---|\n", s.heading)
		for _, r := range s.rows {
			v, measured := verdict(r.budget, r.measured), thousands(r.measured)
			if v == "missed" {
				v, measured = "**missed**", "**"+measured+"**"
			}
			what := r.what
			if rest, ok := strings.CutPrefix(what, "  "); ok {
				what = "– " + rest
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", cell(what), thousands(r.budget), measured, v, cell(thousands(r.how)))
		}
	}
	if len(reasons) > 0 {
		fmt.Fprintf(&b, "\n## What misses, and why\n\n%s\n", strings.Join(slices.Compact(reasons), "\n"))
	}
	return b.String() + notes
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// thousands puts commas into long numbers.
func thousands(text string) string {
	return regexp.MustCompile(`\.?\d{4,}`).ReplaceAllStringFunc(text, func(n string) string {
		if n[0] == '.' {
			return n
		}
		for i := len(n) - 3; i > 0; i -= 3 {
			n = n[:i] + "," + n[i:]
		}
		return n
	})
}

// reason is why a row misses its budget, where that is known.
func reason(what string) string {
	for _, r := range []struct{ begins, why string }{
		{"resident memory", "most of it is the program's own file, which the kernel can drop; in brackets what it cannot."},
		{"64 serial ports", "nothing gathers at this rate: each reading is read, sent and proven by itself."},
		{"card writes, link down", "a commit is two or three pages of 4 KB and two syncs, and ext4 writes its journal for each; a mount with `commit=60` takes about a third off that."},
		{"one commit", "the program writes two or three pages of 4 KB, the rest is ext4's journal."},
		{"ARMv6 instructions, a whole", "reading the line takes its budget of 7,000; the rest is copying, allocation and the pages of the file. `go test -tags figures -v -run Figures/whole` names the functions."},
	} {
		if strings.HasPrefix(what, r.begins) {
			return r.why
		}
	}
	return ""
}

const notes = `
## How to read it

What is measured is the built program, through pseudo-terminals, ` + "`tcp://`" + ` ports and a WebSocket server on loopback. A reading
that is missing fails the run. A figure with a range is a median (least-greatest).

Bytes, sizes, flushes, wake-ups and instructions carry over to another machine. Rates and times do not: they are those of a
machine on which the server and the sensors run too, so beside each stands what a plain program does on it in the same minutes,
and the ratio of the two carries over. The 10 ms are added by strace, whose own share stands beside. That program (` + "`cmd/portti/figures/reference`" + `) is what one writes in an afternoon: a line scanner,
encoding/json, one bbolt transaction for 200 readings, one WebSocket message for those. It proves nothing: it takes for delivered what it wrote.

A card is an ext4 file system of its own on a loop device (noatime), counted in sectors, less what an idle one is written in the same
time; a day is extrapolated. With a healthy link the ledger is committed every half hour, which a short watch does not see:
0.5 MB a day of file writes (counted over four hours of fake time), by estimate 0.9 MB with ext4's journal. A stop lasts from SIGTERM to
the process's exit.

Instructions are counted by qemu-arm-static without the scheduler, the collector and the system calls. They repeat; a whole line, which passes
through several goroutines and a folder, within one in a hundred.

` + "`make bench FIGURES=long`" + ` measures longer; ` + "`make bench ROWS='idle|stop'`" + ` prints some rows only;
` + "`make bench AGAINST=HEAD~1`" + ` measures another commit alternately in the same run, three times, and prints the medians side by side.
`

// compared are the rows of several runs, one program's and another's: of each row the
// run in the middle, and how the first numbers of the two relate.
func compared(now, before [][]row) (out []entry) {
	middle := func(runs [][]row, i int) row {
		var all []row
		for _, rows := range runs {
			if i < len(rows) {
				all = append(all, rows[i])
			}
		}
		slices.SortStableFunc(all, func(a, b row) int { return cmp.Compare(first(a), first(b)) })
		if len(all) == 0 {
			return row{}
		}
		return all[len(all)/2]
	}
	for i := range now[0] {
		e := entry{row: middle(now, i)}
		old := middle(before, i)
		if e.before = old.measured; old.what == e.what && first(old) > 0 {
			e.ratio = fmt.Sprintf("%.2f", first(e.row)/first(old))
		}
		out = append(out, e)
	}
	return out
}

// first is the first number measured.
func first(r row) float64 {
	if n := numbers(r.measured); len(n) > 0 {
		return n[0]
	}
	return 0
}

func TestPage(t *testing.T) {
	got := page(head{"v1-2-gabc", "a machine", "2026-01-02", "quick"}, []section{
		{"Size", []entry{{row: row{"program", "13 MB", "11.8 MB", "how|ever"}}, {row: row{"  packed", "", "not measured", "no xz"}}}},
		{"Rates", []entry{{row: row{"64 serial ports", "550000/s", "431000 (429000-1500000.12345)/s", "3 runs of 1000000"}}}},
	})
	for _, want := range []string{
		"# Figures\n", "- commit v1-2-gabc, 2026-01-02, quick\n- a machine\n- budgets: 1 met, 1 missed",
		"\n## Size\n\n| what |", "| program | 13 MB | 11.8 MB | met | how\\|ever |\n", "| – packed |  | not measured |  | no xz |\n",
		"| 64 serial ports | 550,000/s | **431,000 (429,000-1,500,000.12345)/s** | **missed** | 3 runs of 1,000,000 |\n",
		"## What misses, and why\n\n- 64 serial ports: nothing gathers", "\n## How to read it\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

func TestCompared(t *testing.T) {
	run := func(rate string) []row { return []row{{"rate", "4/s", rate + "/s", ""}, {"name", "", "none", ""}} }
	got := compared([][]row{run("5"), run("900"), run("6")}, [][]row{run("4"), run("1"), run("3")})
	if len(got) != 2 || got[0].measured != "6/s" || got[0].before != "3/s" || got[0].ratio != "2.00" || got[1].ratio != "" {
		t.Errorf("%+v", got)
	}
}
