package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// runProgram runs a program of the machine, in the language that its output is read in,
// and gives what it printed, also where it failed. exec.ErrNotFound is inside the error
// where there is no such program.
func runProgram(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0")
	cmd.WaitDelay = time.Second
	text, err := cmd.Output()
	var failed *exec.ExitError
	switch {
	case err != nil && ctx.Err() != nil:
		err = fmt.Errorf("%s did not end in time: %w", name, ctx.Err())
	case errors.As(err, &failed):
		first, _, _ := strings.Cut(strings.TrimSpace(string(failed.Stderr)), "\n")
		err = fmt.Errorf("%s: %s", name, cmp.Or(first, err.Error()))
	}
	return text, err
}
