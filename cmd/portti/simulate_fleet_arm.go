package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// crowd stands for simulate --fleet where that is left out: nobody is thousands of gateways
// on a small board, whose program has 40 KB more to spare for other things.
type crowd struct{ gateways int }

func (c *crowd) flags(cmd *cobra.Command) {
	cmd.Flags().IntVar(&c.gateways, "fleet", 0, "not in the program for 32-bit ARM")
}

func (*crowd) run(*cobra.Command, against) error {
	return usage(errors.New("--fleet is not in the program for 32-bit ARM: run it on a computer with a 64-bit system"))
}
