// Command gotest stands in for the go command in CI: every phase runs with
// GO=gotest. What is not `go test` it hands to go as it is. A `go test` it
// counts: a line per package, everything a failed test said, the reason of a
// skipped one.
//
// What failed runs once more, alone: a test by itself, a package whole if it
// failed by itself (it does not build, panics or hangs), since then some of its
// tests may not have run. What passes the second time is flaky: it counts as
// passed and is written down, with a name that can be looked for. More failures
// than a handful are no accident and are not run again, and neither is a data
// race.
//
// It appends "passed failed skipped" to the file CI_COUNTS and a line for each
// flaky test to CI_FLAKY. A test counts once, without its subtests. It ends
// with 1 if anything failed twice.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// mostAgain is how many failures are taken for accidents.
const mostAgain = 5

func main() {
	args := os.Args[1:]
	if len(args) == 0 || args[0] != "test" {
		os.Exit(goes(args))
	}
	if err := run(args[1:], os.Stdout); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// goes runs go with args and gives its exit code.
func goes(args []string) int {
	path, err := exec.LookPath("go")
	if err == nil {
		err = syscall.Exec(path, append([]string{"go"}, args...), os.Environ())
	}
	fmt.Fprintln(os.Stderr, "cannot run go:", err)
	return 1
}

func run(args []string, out io.Writer) error {
	first := newCounter(out)
	if err := first.run(args); err != nil {
		return err
	}
	failed := first.failures()
	switch {
	case len(failed) > mostAgain:
		return write(first.sum(), nil, fmt.Errorf("%d failures: too many to run again", len(failed)))
	case first.raced: // seldom twice, and never an accident
		return write(first.sum(), nil, errors.New("a data race: not run again"))
	}
	sum := first.sum()
	var flaky []string
	var twice error
	for _, f := range failed {
		fmt.Fprintf(out, "again %s, alone\n", f)
		again := newCounter(out)
		if err := again.run(alone(args, f)); err != nil {
			return err
		}
		if now := again.sum(); now.failed > 0 || now.passed+now.skipped == 0 {
			twice = fmt.Errorf("%s failed twice", f)
			continue
		}
		flaky = append(flaky, f.String())
		sum.failed--
		if f.test != "" {
			sum.passed++
			continue
		}
		before, now := first.of(f.pkg), again.of(f.pkg)
		sum.passed += now.passed - before.passed
		sum.skipped += now.skipped - before.skipped
	}
	return write(sum, flaky, twice)
}

// alone is args for one failure: the same flags, that package, and that test.
func alone(args []string, f failure) []string {
	var flags, rest []string
	for i, a := range args {
		if a == "-args" {
			rest = args[i:]
			break
		}
		if !strings.HasPrefix(a, "./") && !strings.HasPrefix(a, "portti") {
			flags = append(flags, a)
		}
	}
	flags = append(flags, "-count=1")
	if f.test != "" {
		flags = append(flags, "-run=^"+f.test+"$")
	}
	return append(append(flags, f.pkg), rest...)
}

func write(sum tally, flaky []string, failed error) error {
	if path := os.Getenv("CI_COUNTS"); path != "" {
		if err := appendTo(path, fmt.Sprintln(sum.passed, sum.failed, sum.skipped)); err != nil {
			return err
		}
	}
	if path := os.Getenv("CI_FLAKY"); path != "" && len(flaky) > 0 {
		if err := appendTo(path, strings.Join(flaky, "\n")+"\n"); err != nil {
			return err
		}
	}
	return failed
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}
