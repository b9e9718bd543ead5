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
		Example: `  sudo portti queue check
  portti queue check /media/card/var/lib/portti   # a copy of a card`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := ""
			var running *status.Queue
			if len(args) > 0 {
				dir = args[0]
			} else {
				cfg, err := config.Lenient(globalsOf(cmd).config, config.LoadOptions{Environ: os.Environ()})
				if err != nil {
					return exit(exitUsage, err)
				}
				dir, running = cfg.Paths.BufferDir(), runningQueue(cmd)
			}
			look, err := lookAt(dir)
			if err != nil {
				return err
			}
			return showCheck(cmd, look, running, dir)
		},
	}
}

// queueVerdict is the JSON of portti queue check. Fields are only ever added.
type queueVerdict struct {
	Sound       bool           `json:"sound"`
	Records     uint64         `json:"records"`
	Waiting     uint64         `json:"waiting"`
	NotReleased uint64         `json:"not_released"`
	Segments    int            `json:"segments"`
	SetAside    uint64         `json:"set_aside"`
	Damaged     []string       `json:"damaged"` // files that were set aside earlier
	Faults      []buffer.Fault `json:"faults"`
}

// showCheck tells what the files hold. What they have not let go of waits where no
// gateway runs: its next start sends it. A running one knows which of it is delivered.
func showCheck(cmd *cobra.Command, look *buffer.Inspection, running *status.Queue, dir string) error {
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
	waiting := look.Waiting
	if running != nil {
		waiting = running.Buffer.Waiting
	}
	g, out := globalsOf(cmd), cmd.OutOrStdout()
	if g.json {
		err := writeJSON(cmd, queueVerdict{Sound: bad == 0, Records: records, Waiting: waiting, NotReleased: look.Waiting, Segments: len(look.Segments),
			SetAside: look.Kept, Damaged: append([]string{}, look.Damaged...), Faults: append([]buffer.Fault{}, look.Faults...)})
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
		sound := fmt.Sprintf("%s in %s", status.Count(records, "sound record"), status.Count(uint64(len(look.Segments)), "file"))
		if running == nil {
			fmt.Fprintf(out, "%s, %d of them waiting, %d set aside\n", sound, waiting, look.Kept)
		} else {
			fmt.Fprintf(out, "%s, %d of them not released yet, %d set aside\nAccording to the running gateway %d wait, the newest of them in memory. Those that are not released and do not wait\nwere delivered; they are kept until fence_hold is over and the next commit is done.\n",
				sound, look.Waiting, look.Kept, waiting)
		}
	}
	if bad > 0 {
		return exit(exitFailed, fmt.Errorf("%s in %s. The gateway sets aside what is damaged when it meets it, keeps the rest and counts what is lost; to take the readings off this card first: portti queue export", status.Count(uint64(bad), "fault"), dir))
	}
	return nil
}
