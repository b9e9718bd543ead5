package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"portti/buffer"
	"portti/cmd/portti/gateway"
)

// queueProbeCmd is for the running gateway only, see gateway.Probe.
func queueProbeCmd() *cobra.Command {
	return &cobra.Command{
		Use:    "probe FILE",
		Short:  "open a file of the buffer and visit all of it, as a process that may die of it",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), gateway.ProbeBegins); err != nil {
				return err
			}
			gateway.ConfineProbe()
			return buffer.Visit(args[0])
		},
	}
}
