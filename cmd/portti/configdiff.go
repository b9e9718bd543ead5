package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/status"
)

func configDiffCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "diff",
		Short: "compare what the gateway runs by with its files",
		Long: `Asks the running gateway by which settings it runs, compares them with its files as they
are now, and says what a reload would do about each that is different. It changes
nothing. What is secret in a value is replaced by how long it is.

Exit codes: 0 the same, 1 different or the files have mistakes, 3 not running, 4 no
answer or no permission.`,
		Example: `  portti config diff && echo nothing to reload
  sudo portti reload`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			g := globalsOf(cmd)
			socket, err := socketOf(g)
			if err != nil {
				return err
			}
			var d gateway.ConfigDiff
			if err := ask(cmd.Context(), socket, g.timeout, http.MethodGet, "/api/v1/config/diff", &d); err != nil {
				return err
			}
			switch {
			case g.json:
				if err := writeJSON(cmd, d); err != nil {
					return err
				}
			case d.Error != "":
				return exit(exitFailed, errors.New(d.Error+"\nA reload would change nothing; the gateway runs by what it read before."))
			case !g.quiet:
				sayDiff(cmd.OutOrStdout(), d, g.plain)
			}
			if !d.Same {
				return exit(exitFailed, nil)
			}
			return nil
		},
	}
}

// sayDiff writes one setting below the other, as diff has it.
func sayDiff(w io.Writer, d gateway.ConfigDiff, plain bool) {
	if d.Same && !plain {
		fmt.Fprintln(w, "The gateway runs by its files.")
	}
	for _, s := range d.Settings {
		key, was, will := status.Clean(s.Key, 200), status.Clean(s.Running, 400), status.Clean(s.File, 400)
		if plain {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", key, was, will, s.Reload)
			continue
		}
		fmt.Fprintf(w, "%s: %s\n", key, s.Reload)
		if was == will {
			will += "  (what is hidden is different)"
		}
		if was != "" {
			fmt.Fprintf(w, "  - %s\n", was)
		}
		if will != "" {
			fmt.Fprintf(w, "  + %s\n", will)
		}
	}
}
