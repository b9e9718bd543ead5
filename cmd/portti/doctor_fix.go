package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"portti/cmd/portti/doctor"
)

// mend offers each fix, and gives the results with those checks looked at again.
func mend(cmd *cobra.Command, h *doctor.Host, checks []doctor.Check, results []doctor.Result, yes bool) ([]doctor.Result, error) {
	out, answers := cmd.OutOrStdout(), bufio.NewReader(cmd.InOrStdin())
	var again []string
	offered := 0
	fmt.Fprintln(out)
	for _, r := range results {
		if r.Fix == nil {
			continue
		}
		offered++
		fmt.Fprintf(out, "%s: %s", r.ID, r.Fix.Does)
		if yes {
			fmt.Fprintln(out)
		} else if agreed, err := agree(cmd.Context(), cmd, answers); err != nil {
			return nil, err
		} else if !agreed {
			fmt.Fprintln(out, "Left as it is.")
			continue
		}
		if err := r.Fix.Do(cmd.Context(), h); err != nil {
			fmt.Fprintf(out, "That did not work: %v", err)
			if h.UID != 0 {
				fmt.Fprint(out, ". Try it with sudo: sudo portti doctor --fix")
			}
			fmt.Fprintln(out)
			continue
		}
		fmt.Fprintf(out, "Done. To undo: %s\n", r.Fix.Undo)
		again = append(again, r.ID)
	}
	if offered == 0 {
		fmt.Fprintln(out, "There is nothing that could be mended from here.")
	}
	return lookAgain(cmd, h, checks, results, again), nil
}

// agree asks; only y or yes agrees.
func agree(ctx context.Context, cmd *cobra.Command, answers *bufio.Reader) (bool, error) {
	fmt.Fprint(cmd.OutOrStdout(), ". Do it? [y/N] ")
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1)
	go func() { // ends with the process when nobody presses Enter any more
		text, err := answers.ReadString('\n')
		read <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		return false, exit(exitInterrupted, nil)
	case l := <-read:
		if l.err != nil && l.text == "" {
			return false, errors.New("no answer came; what is not said to be done was not done")
		}
		answer := strings.ToLower(strings.TrimSpace(l.text))
		return answer == "y" || answer == "yes", nil
	}
}

// lookAgain runs the checks whose findings were mended, and says what is left of these.
func lookAgain(cmd *cobra.Command, h *doctor.Host, checks []doctor.Check, results []doctor.Result, ids []string) []doctor.Result {
	if len(ids) == 0 {
		return results
	}
	some := slices.DeleteFunc(slices.Clone(checks), func(c doctor.Check) bool { return !slices.Contains(ids, c.ID) })
	now := doctor.Examine(cmd.Context(), h, some)
	t := diagnosisOf(len(some), now)
	fmt.Fprintf(cmd.OutOrStdout(), "Looked again: %v\n", t)
	left := slices.DeleteFunc(slices.Clone(results), func(r doctor.Result) bool { return slices.Contains(ids, r.ID) })
	return append(left, now...)
}
