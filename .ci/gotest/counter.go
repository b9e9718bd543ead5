package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"sort"
	"strings"
)

// An event is a line of `go test -json`.
type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
}

type tally struct{ passed, failed, skipped int }

// A failure is one test, or a package as a whole if test is empty.
type failure struct{ pkg, test string }

func (f failure) String() string { return strings.TrimSpace(f.pkg + " " + f.test) }

// A counter follows one `go test -json`.
type counter struct {
	out      io.Writer
	packages map[string]*tally
	said     map[failure][]string // of tests under way
	tests    map[string][]string  // failed ones, by package
	whole    map[string]bool      // packages that failed by themselves
	crashed  map[string]bool      // packages in whose output a panic stands
	raced    bool                 // the race detector has reported something
}

func newCounter(out io.Writer) *counter {
	return &counter{out: out, packages: map[string]*tally{}, said: map[failure][]string{}, tests: map[string][]string{}, whole: map[string]bool{}, crashed: map[string]bool{}}
}

// run counts `go test -json args`. A failed test is no error of it; a go
// command that fails without one is.
func (c *counter) run(args []string) error {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = c.out
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewReaderSize(pipe, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		c.line(line)
		if err != nil {
			break // the process ended, and Wait says how
		}
	}
	if err := cmd.Wait(); err != nil && len(c.failures()) == 0 {
		return fmt.Errorf("go test failed by itself: %w", err)
	}
	return nil
}

func (c *counter) line(line []byte) {
	if len(line) == 0 {
		return
	}
	var e event
	if json.Unmarshal(line, &e) != nil {
		fmt.Fprintf(c.out, "%s\n", strings.TrimSuffix(string(line), "\n"))
		return
	}
	key := failure{e.Package, e.Test}
	switch {
	case e.Action == "build-output":
		fmt.Fprint(c.out, e.Output)
	case e.Action == "build-fail":
	case e.Action == "run":
		c.said[key] = []string{} // until it ends
	case e.Action == "output":
		if strings.HasPrefix(e.Output, "panic: ") || strings.HasPrefix(e.Output, "fatal error: ") {
			c.crashed[e.Package] = true
		}
		if strings.HasPrefix(e.Output, "WARNING: DATA RACE") {
			c.raced = true
		}
		c.said[key] = append(c.said[key], e.Output)
	case e.Test == "":
		c.packageEnd(e)
	default:
		c.testEnd(e, key)
	}
}

func (c *counter) of(pkg string) *tally {
	if c.packages[pkg] == nil {
		c.packages[pkg] = &tally{}
	}
	return c.packages[pkg]
}

func (c *counter) testEnd(e event, key failure) {
	top := !strings.Contains(e.Test, "/")
	switch e.Action {
	case "pass":
		if top {
			c.of(e.Package).passed++
		}
	case "skip":
		if top {
			c.of(e.Package).skipped++
			fmt.Fprintf(c.out, "skip  %s: %s\n", key, reason(c.said[key]))
		}
	case "fail":
		if top {
			c.tests[e.Package] = append(c.tests[e.Package], e.Test)
		}
		fmt.Fprintf(c.out, "FAIL  %s\n%s", key, strings.Join(c.said[key], ""))
	default:
		return // pause, cont
	}
	delete(c.said, key)
}

// reason is what a skipped test said, without the lines around it.
func reason(said []string) string {
	for _, line := range said {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			return line
		}
	}
	return "no reason given"
}

func (c *counter) packageEnd(e event) {
	switch e.Action {
	case "pass":
		fmt.Fprintf(c.out, "ok    %s %.1fs\n", e.Package, e.Elapsed)
	case "fail":
		fmt.Fprintf(c.out, "FAIL  %s %.1fs\n", e.Package, e.Elapsed)
		if len(c.tests[e.Package]) == 0 || c.crashed[e.Package] || c.unended(e.Package) {
			c.whole[e.Package] = true
		}
		if c.whole[e.Package] {
			c.dump(e.Package)
		}
	}
}

// unended says whether a test of the package began and never ended.
func (c *counter) unended(pkg string) bool {
	for key := range c.said {
		if key.pkg == pkg && key.test != "" {
			return true
		}
	}
	return false
}

// dump prints what tests said that never ended, and the package itself.
func (c *counter) dump(pkg string) {
	for key, said := range c.said {
		if key.pkg == pkg {
			fmt.Fprint(c.out, strings.Join(said, ""))
			delete(c.said, key)
		}
	}
}

// failures lists what failed, in order of name.
func (c *counter) failures() []failure {
	var all []failure
	for pkg := range c.whole {
		all = append(all, failure{pkg, ""})
	}
	for pkg, tests := range c.tests {
		for _, test := range tests {
			if !c.whole[pkg] {
				all = append(all, failure{pkg, test})
			}
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].String() < all[j].String() })
	return all
}

func (c *counter) sum() tally {
	sum := tally{failed: len(c.failures())}
	for _, t := range c.packages {
		sum.passed += t.passed
		sum.skipped += t.skipped
	}
	return sum
}
