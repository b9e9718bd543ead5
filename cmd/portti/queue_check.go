package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"portti/buffer"
	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
)

func queueCheckCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "check [DIR]",
		Short: "verify every page and every record of the buffer",
		Long: `Reads every page, every tree, the checksum of every record, the state file, the
summaries, the ledger and what was set aside, and names each thing that is wrong with
its file, page, byte and, for a record, its number. Nothing is changed and no lock is
taken: it may run next to the gateway, which it does not hold up, and on a copy of a card.
DIR is a state folder or the buffer in it; without DIR the configuration says where it is.

Exit codes: 0 nothing wrong (what the next start mends without loss is only told),
1 something is damaged, or there is no buffer, 4 no permission.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := ""
			if len(args) > 0 {
				dir = args[0]
			} else {
				cfg, err := config.Lenient(globalsOf(cmd).config, config.LoadOptions{Environ: os.Environ()})
				if err != nil {
					return exit(exitUsage, err)
				}
				dir = cfg.Paths.BufferDir()
			}
			look, err := lookAt(dir)
			if err != nil {
				return err
			}
			return showCheck(cmd, look, dir)
		},
	}
}

func showCheck(cmd *cobra.Command, look *buffer.Inspection, dir string) error {
	bad := 0
	for _, f := range look.Faults {
		if !f.Harmless {
			bad++
		}
	}
	var records uint64
	for _, s := range look.Segments {
		records += s.Records
	}
	g, out := globalsOf(cmd), cmd.OutOrStdout()
	if g.json {
		err := writeJSON(cmd, map[string]any{"sound": bad == 0, "records": records, "waiting": look.Waiting,
			"segments": len(look.Segments), "set_aside": look.Kept, "damaged": append([]string{}, look.Damaged...), "faults": append([]buffer.Fault{}, look.Faults...)})
		if err == nil && bad > 0 {
			err = exit(exitFailed, nil)
		}
		return err
	}
	for _, f := range look.Faults {
		if word := "damaged: "; !f.Harmless {
			fmt.Fprintln(out, word+f.String())
		} else if !g.quiet {
			fmt.Fprintln(out, "note: "+f.String())
		}
	}
	if !g.quiet {
		for _, name := range look.Damaged {
			fmt.Fprintf(out, "note: %s was set aside earlier; what could be read of it is in the buffer\n", name)
		}
		fmt.Fprintf(out, "%s in %s, %d of them waiting, %d set aside\n", status.Count(uint64(records), "sound record"), status.Count(uint64(len(look.Segments)), "file"), look.Waiting, look.Kept)
	}
	if bad > 0 {
		return exit(exitFailed, fmt.Errorf("%s in %s. The gateway sets aside what is damaged when it meets it, keeps the rest and counts what is lost; to take the readings off this card first: portti queue export", status.Count(uint64(bad), "fault"), dir))
	}
	return nil
}
