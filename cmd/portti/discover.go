package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/device"
)

func discoverCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "discover",
		Short: "find out what is connected to the serial ports, and how fast it speaks",
		Long: `Looks at every serial port of this machine, listens to those that nobody uses, and says
what each device is, at which speed, and under which name its port stays the same after a
replug. Below that it prints a [[device]] for each of them.

It never writes to a port. It opens none that another program has open, and none that is a
console; only root sees all programs. Opening a port raises its control lines DTR and RTS,
as the gateway does too: some boards (Arduino, ESP32) start anew.

Exit codes: 0 a device was found, or is configured already, 1 there is none or it cannot be
added, 130 interrupted.`,
		Example: `  sudo portti discover                        look, and change nothing
  sudo portti discover --add                  look, and add what was found to the configuration
  sudo portti discover --port /dev/ttyUSB0    look at one port, also one that is configured
  portti discover --toml > devices.toml       the configuration alone`,
		Args: cobra.NoArgs,
		RunE: runDiscover,
	}
	f := cmd.Flags()
	f.StringArray("port", nil, "look at this `PATH` alone (can be repeated)")
	f.Duration("for", 30*time.Second, "listen to each port for at most this long")
	f.Bool("add", false, "add what is found to the configuration and have the gateway read it")
	f.Bool("toml", false, "print the [[device]] entries alone")
	cmd.MarkFlagsMutuallyExclusive("add", "toml")
	return cmd
}

// The states of a port for discover, besides the verdicts of device.Hear.
const (
	portConfigured = "configured" // in the configuration already
	portRefused    = "skipped"    // busy, a console, or not ours to open
)

// found is one port and what was learnt of it.
type found struct {
	port       device.SerialPort
	state      string // a device.Verdict or one of the above
	code       string // of the problem catalogue, where it was skipped
	why        string // it was skipped
	configured string // the name of the device that has it
	heard      device.Heard
	entry      device.Config // what to add to the configuration; no name: nothing
}

func runDiscover(cmd *cobra.Command, _ []string) error {
	most, _ := cmd.Flags().GetDuration("for")
	named, _ := cmd.Flags().GetStringArray("port")
	if most < time.Second || most > time.Hour {
		return usage(errors.New("--for must be from 1s to 1h"))
	}
	if add, _ := cmd.Flags().GetBool("add"); add {
		if err := mayWrite(globalsOf(cmd).config); err != nil {
			return err
		}
	}
	cfg, _, err := load(cmd, nil)
	if err != nil && !errors.Is(err, config.ErrNotConfigured) {
		fmt.Fprintf(cmd.ErrOrStderr(), "The configuration cannot be used, so it is not known which ports are configured:\n%v\n", err)
	}
	all := ports(cmd, cfg, named)
	listen(cmd, all, most)
	if cmd.Context().Err() != nil {
		return exit(exitInterrupted, errors.New("interrupted; nothing was changed"))
	}
	propose(cfg, all)
	if err := showFound(cmd, all); err != nil {
		return err
	}
	if add, _ := cmd.Flags().GetBool("add"); add {
		return addFound(cmd, all)
	}
	for _, f := range all {
		if f.entry.Name != "" || f.configured != "" {
			return nil
		}
	}
	return exit(exitFailed, nil)
}

// ports are those to look at, and what the configuration has of them.
func ports(cmd *cobra.Command, cfg *config.Config, named []string) []*found {
	var all []*found
	for _, path := range named {
		all = append(all, &found{port: device.PortAt(path)})
	}
	if len(named) == 0 {
		for _, p := range device.Ports() {
			all = append(all, &found{port: p})
		}
	}
	taken := map[string]string{} // path -> name of the device
	if cfg != nil {
		for _, d := range cfg.Devices {
			if path, err := device.Where(d); err == nil {
				taken[path] = d.Name
			}
		}
	}
	g := globalsOf(cmd)
	if socket, err := socketOf(g); err == nil { // one that runs with another configuration has ports too
		if s, err := askStatus(cmd.Context(), socket, g.timeout); err == nil {
			for _, d := range s.Devices {
				taken[d.Resolved] = d.Name
			}
		}
	}
	for _, f := range all {
		if f.configured = taken[f.port.Path]; f.configured != "" && len(named) == 0 {
			f.state = portConfigured
		}
	}
	return all
}

// listen hears all ports that are free at once.
func listen(cmd *cobra.Command, all []*found, most time.Duration) {
	var free []*found
	for _, f := range all {
		if f.state == "" {
			free = append(free, f)
		}
	}
	if g := globalsOf(cmd); len(free) > 0 && !g.quiet && isTerminal(cmd.ErrOrStderr()) {
		fmt.Fprintf(cmd.ErrOrStderr(), "Listening to %s, for %s at most …\n", status.Count(uint64(len(free)), "port"), most)
	}
	var done sync.WaitGroup
	for _, f := range free {
		done.Go(func() { f.hear(cmd.Context(), most) })
	}
	done.Wait()
}

// stuckAfter is how long the kernel may take to open or close a port in addition. Some
// adapters never answer; such a goroutine ends with the process.
const stuckAfter = 10 * time.Second

func (f *found) hear(ctx context.Context, most time.Duration) {
	type answer struct {
		heard device.Heard
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		h, err := device.Hear(ctx, f.port.Path, device.Kinds(), most)
		answers <- answer{h, err}
	}()
	var a answer
	select {
	case a = <-answers:
	case <-time.After(most + stuckAfter):
		a.err = &device.OpenError{Code: device.CodeStuck, Err: fmt.Errorf("cannot listen to %s: its adapter does not answer the kernel. Replug it", f.port.Path)}
	}
	var refused *device.OpenError
	switch {
	case a.err == nil:
		f.heard, f.state = a.heard, string(a.heard.Verdict)
	case errors.As(a.err, &refused) && refused.Code == device.CodeBusy && f.configured != "":
		f.state = portConfigured // the gateway has it open
	case errors.As(a.err, &refused):
		f.state, f.code, f.why = portRefused, refused.Code, a.err.Error()
	default:
		f.state, f.why = portRefused, a.err.Error()
	}
}
