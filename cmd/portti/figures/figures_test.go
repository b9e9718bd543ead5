//go:build figures

package figures

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// row is a line of the table.
type row struct {
	what, budget, measured, how string
}

// plan is how much is done, quick or long.
type plan struct {
	bin     string
	runs    int           // of what is noisy
	records int           // in one run of throughput, and in a backlog
	card    time.Duration // watching cards
	slow    time.Duration // latency at 5/s
	fast    time.Duration // latency at 50/s
	tenfold bool          // a backlog ten times as large as well
}

func choose(t *testing.T) plan {
	p := plan{runs: runs(), records: 1_000_000, card: 75 * time.Second, slow: 30 * time.Second, fast: 10 * time.Second}
	if os.Getenv("FIGURES") == "long" {
		p.card, p.slow, p.fast, p.tenfold = 5*time.Minute, 2*time.Minute, time.Minute, true
	}
	if d, err := time.ParseDuration(os.Getenv("FIGURES_CARD")); err == nil {
		p.card = d
	}
	p.bin = os.Getenv("FIGURES_BIN")
	if p.bin == "" {
		p.bin = "../../../bin/portti"
	}
	var err error
	if p.bin, err = filepath.Abs(p.bin); err == nil {
		_, err = os.Stat(p.bin)
	}
	if err != nil {
		t.Fatalf("no program to measure, make build makes it: %v", err)
	}
	return p
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

// TestFigures measures everything and prints the table.
func TestFigures(t *testing.T) {
	p := choose(t)
	var table []row
	for _, part := range []struct {
		name    string
		measure func(*testing.T, plan) []row
	}{
		{"size", sizes},
		{"idle", idle},
		{"wakes", wakes},
		{"ports", manyPorts},
		{"latency", latencies},
		{"card", cards},
		{"throughput", throughputs},
		{"backlog", backlogs},
		{"stop", stops},
		{"instructions", instructions},
		{"whole", wholeLine},
		{"allocations", allocations},
	} {
		t.Run(part.name, func(t *testing.T) { table = append(table, part.measure(t, p)...) })
	}
	fmt.Println(machine())
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "WHAT\tBUDGET\tMEASURED\t\tHOW")
	for _, r := range table {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.what, r.budget, r.measured, verdict(r.budget, r.measured), r.how)
	}
	w.Flush()
}

// machine is what one has to know to compare two tables.
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
	return fmt.Sprintf("%s, processors %s, Linux %s, load %s, %s", model,
		strings.TrimSpace(string(cores)), strings.TrimSpace(string(kernel)), strings.TrimSpace(string(load)), time.Now().UTC().Format(time.DateOnly))
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
