package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"portti/device"
	"portti/device/recording"
)

func tailCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tail [NAME]",
		Short: "follow decoded readings; --raw shows bytes from the wire",
		Long: `Shows the readings of one device as they are made, or of all devices, and what was
refused. With --raw it shows the bytes as they came from the wire (<) and were written to
it (>): text with its control characters made visible, anything else in hex. Nothing that
a device sends can act on the terminal.

The running gateway hands out copies: no byte is taken from it, and a viewer that is too
slow is dropped and told what it missed. Where no gateway runs the port of the named
device is opened here. A reload that touches a device ends the view of it.

Ends with Ctrl-C, or after --for. Exit codes: 0 shown, 1 ended by itself, 2 no such
device, 3 not running, 4 no answer or no permission.`,
		Example: `  portti tail
  portti tail gps --raw --for 10s`,
		Args: cobra.MaximumNArgs(1),
		RunE: runTail,
	}
	cmd.Flags().Bool("raw", false, "bytes instead of readings")
	cmd.Flags().Duration("for", 0, "end after this `TIME`; 0 = with Ctrl-C")
	return cmd
}

// seen is a record of one of the devices that are followed.
type seen struct {
	recording.Record
	name string
	err  error
}

func runTail(cmd *cobra.Command, args []string) error {
	raw, _ := cmd.Flags().GetBool("raw")
	if raw && len(args) == 0 {
		return usage(errors.New("bytes of which device? portti tail NAME --raw"))
	}
	ctx, stop := lasting(cmd)
	defer stop()
	names := args
	if len(args) == 0 {
		var err error
		if names, err = runningDevices(ctx, cmd); err != nil {
			return err
		}
	}
	all := make(chan seen)
	out := newWirePrinter(cmd, len(args) == 0)
	for _, name := range names {
		s, err := follow(ctx, cmd, name, device.View{Raw: raw, Readings: !raw})
		if err != nil {
			return err
		}
		defer s.close()
		go s.each(ctx, name, all)
	}
	return out.run(ctx, all, len(names))
}

// lasting is the verb's context, which ends after --for, and in order when the terminal
// goes.
func lasting(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP)
	limit, _ := cmd.Flags().GetDuration("for")
	if limit <= 0 {
		return ctx, stop
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	return ctx, func() { cancel(); stop() }
}

// runningDevices asks the gateway for the names of its devices.
func runningDevices(ctx context.Context, cmd *cobra.Command) (names []string, err error) {
	g := globalsOf(cmd)
	socket, err := socketOf(g)
	if err != nil {
		return nil, err
	}
	s, err := askStatus(ctx, socket, g.timeout)
	if err != nil {
		return nil, err
	}
	for _, d := range s.Devices {
		names = append(names, d.Name)
	}
	if len(names) == 0 {
		return nil, exit(exitFailed, errors.New("the running gateway has no device. Add a [[device]]; portti config create --device gps shows one"))
	}
	return names, nil
}

// each hands on the records until the last one or an error.
func (s *sight) each(ctx context.Context, name string, to chan<- seen) {
	for {
		r, err := s.next()
		select {
		case to <- seen{r, name, err}:
		case <-ctx.Done():
			return
		}
		if err != nil || r.What == recording.Stopped {
			return
		}
	}
}

// quietFor is after how much silence an unfinished line of text or row of hex is shown.
const quietFor = 200 * time.Millisecond

// run shows records until ctx ends or the last of n devices has stopped.
func (p *wirePrinter) run(ctx context.Context, all <-chan seen, n int) error {
	quiet := time.NewTimer(quietFor)
	defer quiet.Stop()
	for n > 0 {
		select {
		case <-ctx.Done():
			p.flush()
			return p.err
		case <-quiet.C:
			p.flush()
		case s := <-all:
			if s.err != nil || s.What == recording.Stopped && len(s.Data) > 0 {
				p.flush()
				if n--; n == 0 {
					return exit(exitFailed, fmt.Errorf("%s: %w", s.name, whyOver(s)))
				}
				fmt.Fprintf(p.talk, "%s: %v\n", s.name, whyOver(s))
				continue
			}
			if s.What == recording.Stopped {
				n--
				continue
			}
			p.show(s)
			if p.held() {
				quiet.Reset(quietFor)
			}
		}
		if p.err != nil {
			return p.err
		}
	}
	p.flush()
	return p.err
}

// whyOver is why there is nothing more to see.
func whyOver(s seen) error {
	if s.err != nil {
		return s.err
	}
	return errors.New(string(s.Data))
}

func newWirePrinter(cmd *cobra.Command, named bool) *wirePrinter {
	g, out := globalsOf(cmd), cmd.OutOrStdout()
	o := consoleOptions(g, out, os.Getenv)
	return &wirePrinter{out: out, talk: cmd.ErrOrStderr(), json: g.json, plain: g.plain, ascii: o.ASCII, quiet: g.quiet, named: named}
}
