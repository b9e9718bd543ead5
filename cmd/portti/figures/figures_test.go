//go:build figures

package figures

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// plan is how much is done, quick or long.
type plan struct {
	bin     string
	own     bool          // bin is this tree's
	around  []string      // words in front of it
	before  string        // another program to compare with
	runs    int           // of what is noisy
	records int           // in one run of throughput, and in a backlog
	card    time.Duration // watching cards
	quiet   time.Duration // counting wake-ups
	slow    time.Duration // latency at 5/s
	fast    time.Duration // latency at 50/s
	long    bool          // FIGURES=long
}

func choose(t *testing.T) plan {
	p := plan{runs: runs(), records: 1_000_000, card: 75 * time.Second, quiet: 30 * time.Second, slow: 30 * time.Second, fast: 10 * time.Second}
	if os.Getenv("FIGURES") == "long" {
		p.card, p.slow, p.fast, p.long = 5*time.Minute, 2*time.Minute, time.Minute, true
	}
	if d, err := time.ParseDuration(os.Getenv("FIGURES_CARD")); err == nil {
		p.card = d
	}
	p.own = os.Getenv("FIGURES_BIN") == ""
	p.bin = there(t, cmp.Or(os.Getenv("FIGURES_BIN"), "../../../bin/portti"))
	if before := os.Getenv("FIGURES_BEFORE"); before != "" {
		p.before = there(t, before)
	}
	return p
}

func there(t *testing.T, bin string) string {
	path, err := filepath.Abs(bin)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatalf("no program to measure, make build makes it: %v", err)
	}
	return path
}

// TestMain lets all cards be watched at once; otherwise as many are as there
// are processors.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// part is rows that are measured together.
type part struct {
	name, heading string
	measure       func(*testing.T, plan) []row
	noisy         bool // worth comparing with another commit in the same run
}

func parts() []part {
	return []part{
		{"size", "Size and memory", sizes, false},
		{"idle", "Size and memory", idle, false},
		{"wakes", "Quiet", wakes, true},
		{"ports", "Quiet", manyPorts, true},
		{"page", "Quiet", openPage, false},
		{"latency", "Latency", latencies, true},
		{"card", "Card", cards, false},
		{"throughput", "Rates", throughputs, true},
		{"flush", "Rates", slowFlushes, true},
		{"backlog", "Backlog", backlogs, true},
		{"engines", "Backlog", engines, false},
		{"stop", "Stop", stops, false},
		{"instructions", "Instructions and allocations", instructions, false},
		{"whole", "Instructions and allocations", wholeLine, false},
		{"allocations", "Instructions and allocations", allocations, false},
	}
}

// TestFigures measures everything and prints the table; a run of all of it writes
// docs/figures.md too.
func TestFigures(t *testing.T) {
	p, began := choose(t), time.Now()
	h := head{commit: commit(), machine: machine(), date: began.UTC().Format(time.DateOnly)}
	var table []section
	ran := 0
	for _, part := range parts() {
		t.Run(part.name, func(t *testing.T) {
			rows := part.run(t, p)
			if n := len(table); n == 0 || table[n-1].heading != part.heading {
				table = append(table, section{heading: part.heading})
			}
			s := &table[len(table)-1]
			s.rows = append(s.rows, rows...)
			ran++
		})
	}
	h.kind = fmt.Sprintf("%d minutes", int(time.Since(began).Minutes()+0.5))
	if p.long {
		h.kind += " with FIGURES=long"
	}
	fmt.Println(h.commit+",", h.machine+",", h.date)
	show(table, p.before != "")
	if ran == len(parts()) && !t.Failed() && p.own && p.before == "" {
		fatal(t, os.WriteFile("../../../docs/figures.md", []byte(page(h, table)), 0o644))
	}
}

// run measures a part, and where there is another program to compare with, that
// alternately.
func (part part) run(t *testing.T, p plan) (rows []entry) {
	if p.before == "" || !part.noisy {
		for _, r := range part.measure(t, p) {
			rows = append(rows, entry{row: r})
		}
		return rows
	}
	turns := p.runs
	p.runs, p.quiet, p.slow = 1, p.quiet/3, p.slow/3
	old := p
	old.bin = p.before
	var now, before [][]row
	for range turns {
		before = append(before, part.measure(t, old))
		now = append(now, part.measure(t, p))
	}
	return compared(now, before)
}

func show(table []section, compare bool) {
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	defer w.Flush()
	more := ""
	if compare {
		more = "BEFORE\tRATIO\t"
	}
	fmt.Fprintf(w, "WHAT\tBUDGET\tMEASURED\t\t%sHOW\n", more)
	for _, s := range table {
		for _, r := range s.rows {
			if compare {
				more = fmt.Sprintf("%s\t%s\t", r.before, r.ratio)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s%s\n", r.what, r.budget, r.measured, verdict(r.budget, r.measured), more, r.how)
		}
	}
}

// commit is what git calls this tree.
func commit() string {
	name, err := exec.Command("git", "describe", "--tags", "--always").Output()
	if err != nil {
		return "unknown"
	}
	changes, err := exec.Command("git", "status", "--porcelain", "--", ":/", ":(top,exclude)docs/figures.md").Output()
	if err != nil || len(changes) > 0 {
		return strings.TrimSpace(string(name)) + " with changes"
	}
	return strings.TrimSpace(string(name))
}

// machine is what the figures were measured on.
func machine() string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	load, _ := os.ReadFile("/proc/loadavg")
	cores, _ := os.ReadFile("/sys/devices/system/cpu/online")
	before, _, _ := strings.Cut(string(load), " ")
	return fmt.Sprintf("%s, processors %s, Linux %s, load %s before the run", model,
		strings.TrimSpace(string(cores)), strings.TrimSpace(string(kernel)), before)
}

// spread is a median with the least and the greatest.
func spread(format string, xs []float64) string {
	if len(xs) == 0 {
		return "nothing measured"
	}
	xs = slices.Sorted(slices.Values(xs))
	mid := fmt.Sprintf(format, xs[len(xs)/2])
	if len(xs) == 1 {
		return mid
	}
	return fmt.Sprintf("%s ("+format+"-"+format+")", mid, xs[0], xs[len(xs)-1])
}

func mb(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// skipped is the row of what cannot be measured here.
func skipped(what, budget, why string) []row { return []row{{what, budget, "not measured", why}} }

// runs is how often a noisy figure is taken: FIGURES_RUNS, or 3.
func runs() int {
	if n, err := strconv.Atoi(os.Getenv("FIGURES_RUNS")); err == nil {
		return n
	}
	return 3
}
