// Command count reads the output of `go test -json` on its standard input,
// prints one line per package and everything a failed test said, and appends
// "passed failed skipped" to the file named by its argument. Lines that are
// not JSON are passed on. It ends with 1 if anything failed.
//
// A test counts once, without its subtests; a package that fails by itself (it
// does not build, panics or hangs) counts as one failed test.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
}

type counter struct {
	out                     io.Writer
	passed, failed, skipped int
	said                    map[string][]string // by package and test
	guilty                  map[string]bool     // packages with a failed test
}

func main() {
	c := counter{out: os.Stdout, said: map[string][]string{}, guilty: map[string]bool{}}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		c.line(lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		fmt.Println("cannot read the test output:", err)
		c.failed++
	}
	if err := c.append(os.Args[1]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if c.failed > 0 {
		os.Exit(1)
	}
}

func (c *counter) append(path string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintln(f, c.passed, c.failed, c.skipped)
	return err
}

func (c *counter) line(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil {
		fmt.Fprintf(c.out, "%s\n", line)
		return
	}
	key := e.Package + " " + e.Test
	switch {
	case e.Action == "build-output":
		fmt.Fprint(c.out, e.Output)
	case e.Action == "output":
		c.said[key] = append(c.said[key], e.Output)
	case e.Test == "":
		c.packageEnd(e)
	default:
		c.testEnd(e, key)
	}
}

func (c *counter) testEnd(e event, key string) {
	top := !strings.Contains(e.Test, "/")
	switch e.Action {
	case "pass":
		if top {
			c.passed++
		}
	case "skip":
		if top {
			c.skipped++
			fmt.Fprintf(c.out, "skip  %s: %s\n", key, c.reason(key))
		}
	case "fail":
		c.guilty[e.Package] = true
		if top {
			c.failed++
		}
		fmt.Fprintf(c.out, "FAIL  %s\n%s", key, strings.Join(c.said[key], ""))
	default:
		return // run, pause, cont
	}
	delete(c.said, key)
}

// reason is what a skipped test said, without the lines around it.
func (c *counter) reason(key string) string {
	for _, line := range c.said[key] {
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
		if !c.guilty[e.Package] {
			c.failed++
			c.dump(e.Package)
		}
	}
}

// dump prints what tests said that never ended, and the package itself.
func (c *counter) dump(pkg string) {
	for key, said := range c.said {
		if strings.HasPrefix(key, pkg+" ") {
			fmt.Fprint(c.out, strings.Join(said, ""))
			delete(c.said, key)
		}
	}
}
