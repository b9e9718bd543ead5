package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"portti/cmd/portti/config"
)

func TestTerminalAbilities(t *testing.T) {
	for name, c := range map[string]struct {
		g      globals
		env    map[string]string
		ascii  bool
		colour bool
	}{
		"utf-8":              {globals{}, map[string]string{"LANG": "fi_FI.UTF-8"}, false, false},
		"utf8":               {globals{}, map[string]string{"LANG": "C.utf8"}, false, false},
		"serial console":     {globals{}, map[string]string{}, true, false},
		"LC_ALL wins":        {globals{}, map[string]string{"LC_ALL": "C", "LANG": "fi_FI.UTF-8"}, true, false},
		"LC_CTYPE over LANG": {globals{}, map[string]string{"LC_CTYPE": "C.UTF-8", "LANG": "C"}, false, false},
		"plain":              {globals{plain: true}, map[string]string{"LANG": "C.UTF-8"}, true, false},
	} {
		o := consoleOptions(c.g, &bytes.Buffer{}, func(n string) string { return c.env[n] })
		if o.ASCII != c.ascii || o.Colour != c.colour || o.Terminal || o.Plain != c.g.plain {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

// TestWidthOfTheTerminal: COLUMNS decides, then the terminal.
func TestWidthOfTheTerminal(t *testing.T) {
	master, terminal, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo-terminal here: %v", err)
	}
	defer master.Close()
	defer terminal.Close()
	if err := pty.Setsize(master, &pty.Winsize{Rows: 24, Cols: 132}); err != nil {
		t.Fatal(err)
	}
	for columns, want := range map[string]int{"": 132, "60": 60, "wide": 132, "-1": 132} {
		o := consoleOptions(globals{quiet: true, verbose: true}, terminal, func(n string) string {
			if n == "COLUMNS" {
				return columns
			}
			return ""
		})
		if o.Width != want || !o.Terminal || !o.Quiet || !o.Verbose {
			t.Errorf("COLUMNS=%s: %+v", columns, o)
		}
	}
}

// TestUnreachable: why a daemon cannot be asked decides the exit code that
// scripts look at.
func TestUnreachable(t *testing.T) {
	late, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		err  error
		code int
		says string
	}{
		"no socket":     {context.Background(), fs.ErrNotExist, exitNotRunning, "no socket at S"},
		"left behind":   {context.Background(), syscall.ECONNREFUSED, exitNotRunning, "nobody listens on S"},
		"not allowed":   {context.Background(), syscall.EACCES, exitUnknown, "no permission for S"},
		"no answer":     {late, context.DeadlineExceeded, exitUnknown, "did not answer on S within 5s"},
		"anything else": {context.Background(), errors.New("what"), exitUnknown, "cannot ask portti on S: what"},
	} {
		var e *exitError
		if err := unreachable(c.ctx, "S", 5*time.Second, c.err); !errors.As(err, &e) || e.code != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestReport: each way a verb can end, its exit code and what is said.
func TestReport(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	wrong := &config.Error{Faults: []config.Fault{{File: "f", Line: 1, Column: 2, Text: "bad"}}}
	for name, c := range map[string]struct {
		ctx  context.Context
		err  error
		code int
		says string
	}{
		"well":             {context.Background(), nil, 0, ""},
		"failed":           {context.Background(), errors.New("cannot go on"), 1, "portti: cannot go on\n"},
		"silent":           {context.Background(), exit(5, nil), 5, ""},
		"wrapped":          {context.Background(), fmt.Errorf("x: %w", exit(4, errors.New("y"))), 4, "portti: x: y\n"},
		"a sentence of it": {context.Background(), exit(3, errors.New("portti is not running")), 3, "portti is not running\n"},
		"usage keeps code": {context.Background(), usage(exit(78, errors.New("z"))), 78, "portti: z\n"},
		"a stack":          {context.Background(), errors.New("a\x1b[2Jb\n\tc\u009b2J"), 1, "portti: a\\x1b[2Jb\n\tc\\x9b2J\n"},
		"interrupted":      {ended, fmt.Errorf("waiting: %w", context.Canceled), 130, ""},
		"configuration":    {context.Background(), exit(78, wrong), 78, "f:1:2: bad\n1 problem.\n"},
	} {
		var out bytes.Buffer
		if code := report(c.ctx, &out, c.err); code != c.code || out.String() != c.says {
			t.Errorf("%s: %d %q", name, code, out.String())
		}
	}
}

func TestBuildInfo(t *testing.T) {
	b := buildInfo()
	if b.Version == "" || !strings.HasPrefix(b.Go, "go") || b.OS == "" || b.Arch == "" {
		t.Errorf("%+v", b)
	}
}
