package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/machine"
)

// identityCmd is about who this gateway is. root is the root folder of the machine
// whose board it looks at.
func identityCmd(root fs.FS) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "identity",
		Short: "show | keep | new  who this gateway is, after a board swap or a copied card",
		Long: `A gateway has one id (tsmGw), and each start a number of its own. What was recorded keeps
both for ever, so that a gateway can get a new id without anything before it being renamed.

The gateway notes which board it is on. When its card is found in another board it goes on
as before and asks (GW-OTHER-BOARD): keep is the answer after a board swap, new is the one
for a copied card, on one of the two gateways.`,
	})
	cmd.AddCommand(identityShowCmd(root), identityKeepCmd(root), identityNewCmd(root))
	return cmd
}

func identityShowCmd(root fs.FS) *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "the id, where it comes from, and the board it was noted on",
		Long: `Shows the id of this gateway and where it comes from, the epoch of this start if it runs,
and what tells this board from another: which marks are known here and were noted, whether
they agree, and which one decides. Addresses of network cards are shown and never decide.

Exit codes: 0 shown, 1 there is no identity or it cannot be read, 4 no permission.`,
		Example: `  portti identity show`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			g := globalsOf(cmd)
			cfg, err := config.Lenient(g.config, config.LoadOptions{Environ: os.Environ()})
			if err != nil {
				return exit(exitUsage, err)
			}
			v, err := lookAtIdentity(cmd, cfg, root)
			if err != nil {
				return err
			}
			if g.json {
				return writeJSON(cmd, v)
			}
			return v.print(cmd.OutOrStdout(), gateway.Renewal(cfg))
		},
	}
}

func identityKeepCmd(root fs.FS) *cobra.Command {
	return &cobra.Command{
		Use:   "keep",
		Short: "this board is the gateway's now (after a board swap)",
		Long: `Notes the present board as the one of this gateway. The id stays. A running gateway sees it
within 10 seconds.

Exit codes: 0 noted, 1 not, 6 there is no configuration, 78 it has mistakes.`,
		Example: `  sudo portti identity keep                        # after a board swap`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, id, err := ownIdentity(cmd)
			if err != nil {
				return err
			}
			here, path := machine.Read(root), gateway.MachineFile(cfg.Paths)
			old, err := machine.Load(path)
			if errors.Is(err, machine.ErrNewer) {
				return fmt.Errorf("%w. Update portti", err)
			}
			note := machine.NewNote(id, here, time.Now())
			if err == nil && old.Gateway == id {
				note.Buffer, note.BufferGone = old.Buffer, old.BufferGone
			}
			if err := note.Save(path); err != nil {
				return withSudo(fmt.Errorf("cannot note this board: %w", err))
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "This board is now noted as the board of %s.\n", id)
			if len(here.Values) == 0 {
				fmt.Fprintln(out, "It has neither a serial number nor a machine-id, so a move to another board will not be noticed.")
			}
			_, err = fmt.Fprintln(out, "A running gateway sees it within 10 seconds: portti status")
			return err
		},
	}
}

func identityNewCmd(root fs.FS) *cobra.Command {
	return &cobra.Command{
		Use:   "new",
		Short: "another id for this gateway (one of two with a copied card)",
		Long: `Makes a new id, where the configuration has id = "auto", and notes the present board with it.
It holds from the next start. What was recorded until then keeps the old id and is
delivered under it.

Exit codes: 0 made, 1 not, 6 there is no configuration, 78 it has mistakes.`,
		Example: `  sudo portti identity new                         # on one of two with the same card`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, old, err := ownIdentity(cmd)
			if err != nil {
				return err
			}
			if place := cfg.Origin("gateway.id"); cfg.Gateway.ID != "auto" {
				return fmt.Errorf("the id %s is set in the configuration, and is changed there: id in [gateway], %s.\nThen: sudo portti service restart", old, place)
			}
			id, err := gateway.NewIdentity(cfg.Paths.State)
			if err != nil {
				return withSudo(err)
			}
			out := cmd.OutOrStdout()
			// A gateway that finds another id than noted notes its board itself.
			if err := machine.NewNote(id, machine.Read(root), time.Now()).Save(gateway.MachineFile(cfg.Paths)); err != nil {
				fmt.Fprintf(cmd.ErrOrStderr(), "The board could not be noted; the gateway does it at its next start: %v\n", err)
			}
			_, err = fmt.Fprintf(out, `Old id  %s
New id  %s

It holds from the next start:  sudo portti service restart
What was recorded until then keeps the old id and is delivered under it.
Tell the server's operator the new one. What a copied card holds of token, login
or signing key is a copy too: this gateway should get its own.
`, old, id)
			return err
		},
	}
}

// ownIdentity loads the configuration and becomes the owner of the state folder, as
// whom the daemon looks at the machine and writes.
func ownIdentity(cmd *cobra.Command) (*config.Config, string, error) {
	cfg, _, err := load(cmd, nil)
	switch {
	case errors.Is(err, config.ErrNotConfigured):
		return nil, "", exit(exitNotConfigured, err)
	case err != nil:
		return nil, "", exit(exitConfig, err)
	}
	if err := becomeOwner(cfg.Paths.State); err != nil {
		return nil, "", withSudo(err)
	}
	id, err := gateway.IdentityOf(cfg)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "", errors.New("this gateway has no identity yet; its first start makes one: sudo portti service start")
	case err != nil:
		return nil, "", withSudo(err)
	}
	return cfg, id, nil
}

// withSudo says what to do about a missing permission.
func withSudo(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w. Use sudo", err)
	}
	return err
}
