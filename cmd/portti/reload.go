package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/status"
)

// reloadPatience is for ports that the kernel holds and a server that does not answer:
// each is given up after seconds.
const reloadPatience = 15 * time.Second

func reloadCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "apply the configuration without a restart",
		Long: `Has the running gateway read its configuration again and put it in force, a section at
a time: devices and the link to the server too, while everything that is the same goes
on. What holds only after a restart is named. A configuration with a mistake, or one
that cannot be put in force, changes nothing.

With --confirm it is on trial for that time. It stays if by then the server has answered
on a link that is up, or somebody says portti reload --confirmed; otherwise the gateway
goes back to the configuration before, and the files stay as they are. That holds over a
kill of the gateway and a power cut too. A reload without --confirm meanwhile is on the
same trial.

Exit codes: 0 in force, 1 nothing was changed, 3 not running, 4 no answer or no
permission.`,
		Example: `  portti config diff
  sudo portti reload --confirm 5m
  sudo portti reload --confirmed`,
		Args: cobra.NoArgs,
		RunE: runReload,
	}
	cmd.Flags().Duration("confirm", 0, "take it back after `TIME` (such as 5m) unless it comes online or is confirmed")
	cmd.Flags().Bool("confirmed", false, "what is on trial may stay; nothing is read")
	return cmd
}

func runReload(cmd *cobra.Command, _ []string) error {
	g := globalsOf(cmd)
	window, _ := cmd.Flags().GetDuration("confirm")
	confirmed, _ := cmd.Flags().GetBool("confirmed")
	query := ""
	switch {
	case confirmed && cmd.Flags().Changed("confirm"):
		return usage(errors.New("--confirm begins a trial and --confirmed ends one: say one of them"))
	case cmd.Flags().Changed("confirm") && (window < gateway.MinTrial || window > gateway.MaxTrial):
		return usage(fmt.Errorf("--confirm must be from %s to %s", config.Duration(gateway.MinTrial), config.Duration(gateway.MaxTrial)))
	case confirmed:
		query = "?confirmed=true"
	case window > 0:
		query = "?confirm=" + window.String()
	}
	socket, err := socketOf(g)
	if err != nil {
		return err
	}
	r, err := askReload(cmd.Context(), g, socket, query)
	if err != nil {
		return err
	}
	if r.Error != "" {
		return exit(exitFailed, errors.New(r.Error+"\nNothing was changed; the gateway goes on as before."))
	}
	if g.json {
		return writeJSON(cmd, r)
	}
	return sayReloaded(cmd, r, confirmed)
}

// askReload has the gateway at socket read its configuration again, and waits as long as
// that may take.
func askReload(ctx context.Context, g globals, socket, query string) (r gateway.Reloaded, err error) {
	err = ask(ctx, socket, max(g.timeout, reloadPatience), http.MethodPost, "/api/v1/reload"+query, &r)
	return r, err
}

func sayReloaded(cmd *cobra.Command, r gateway.Reloaded, confirmed bool) error {
	if globalsOf(cmd).quiet {
		return nil
	}
	out := cmd.OutOrStdout()
	if len(r.Parts) == 0 && !confirmed {
		fmt.Fprintln(out, "Nothing was changed in the configuration.")
	}
	for _, p := range r.Parts {
		fmt.Fprintln(out, status.Clean(p.Text, 400))
	}
	if r.Trial != nil {
		fmt.Fprintln(out, status.Clean(r.Trial.Text, 400))
	}
	if len(r.Restart) > 0 {
		fmt.Fprintln(out, "\nTo restart: sudo portti service restart")
	}
	return nil
}

// applyNow has the running gateway, if there is one, read its configuration again, and says
// what holds now and what to do next; idle is that where none runs.
func applyNow(cmd *cobra.Command, idle string) error {
	g := globalsOf(cmd)
	if g.json { // the answer has been given
		cmd.SetOut(io.Discard)
	}
	var r gateway.Reloaded
	var code *exitError
	socket, err := socketOf(g)
	if err == nil {
		r, err = askReload(cmd.Context(), g, socket, "?told=true")
	} else { // there is no main file, so nothing runs with it
		err = exit(exitNotRunning, err)
	}
	switch {
	case err == nil && r.Error != "":
		return exit(exitFailed, errors.New("the configuration was written, but the running gateway does not take it and goes on as before:\n"+r.Error))
	case err == nil:
		return sayReloaded(cmd, r, false)
	case errors.As(err, &code) && code.code == exitNotRunning:
		if !g.quiet {
			_, err = fmt.Fprintln(cmd.OutOrStdout(), idle)
			return err
		}
		return nil
	}
	return fmt.Errorf("the configuration was written, but the running gateway could not be told: %w\nTell it: sudo portti reload", err)
}
