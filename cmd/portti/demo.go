package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/testbed"
	"portti/device/clock"
)

// demoCmd shows a whole gateway at work on any Linux machine.
func demoCmd() *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "show a gateway at work: simulated devices, a real gateway, a server",
		Long: `demo needs no hardware, no server and no root. It simulates a GPS receiver, a
sensor panel and a Bluetooth bridge on serial ports, runs a real gateway on them
and a server that receives. After some seconds it cuts the link, shows the
buffer filling, restores the link, and shows that nothing was lost.

Everything lies in a temporary folder and is removed at the end. Ctrl-C ends it.`,
		Example: `  portti demo
  portti demo --once`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := slog.New(slog.DiscardHandler)
			if g := globalsOf(cmd); g.verbose {
				log = benchLog(cmd.ErrOrStderr(), g)
			}
			ctx, stop := untilNobodyWatches(cmd.Context())
			defer stop()
			return testbed.Demo(ctx, demoOptions(cmd.OutOrStdout(), log, once))
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "tell the story once, in under 30 s; exit 0 only if the books balance")
	return cmd
}

// demoOptions are those of a demo with a real gateway.
func demoOptions(out io.Writer, log *slog.Logger, once bool) testbed.DemoOptions {
	return testbed.DemoOptions{
		Once: once, Out: out, Program: os.Args[0], Log: log,
		NewGateway: func(file string) (testbed.Gateway, error) { return newDemoGateway(file, log) },
	}
}

// untilNobodyWatches ends a verb that has something to clean up when its output
// is cut off (portti demo | head) or its terminal is closed; Go would end the
// process on the spot.
func untilNobodyWatches(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := signal.NotifyContext(ctx, syscall.SIGHUP)
	pipes := make(chan os.Signal, 1)
	signal.Notify(pipes, syscall.SIGPIPE)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-pipes: // for a connection too, such as that of a portti tail that has ended
				if cutOff(os.Stdout) || cutOff(os.Stderr) {
					cancel()
				}
			}
		}
	}()
	return ctx, func() { signal.Stop(pipes); cancel() }
}

// cutOff says that nobody reads any more what is written to a pipe.
func cutOff(f *os.File) bool {
	ready := []unix.PollFd{{Fd: int32(f.Fd())}}
	n, err := unix.Poll(ready, 0)
	return err == nil && n > 0 && ready[0].Revents&unix.POLLERR != 0
}

// demoGateway shows a daemon to the demo.
type demoGateway struct{ *gateway.Gateway }

func newDemoGateway(file string, log *slog.Logger) (testbed.Gateway, error) {
	// No environment: the demo is the same wherever it runs.
	cfg, err := config.Load(file, config.LoadOptions{})
	if err != nil {
		return nil, err
	}
	cfg.Metrics.Listen, cfg.Web.Listen = "", "" // the ports are those of a real gateway next to it
	now, err := believedClock()
	if err != nil {
		return nil, err
	}
	g, err := gateway.New(cfg, gateway.Options{Version: buildInfo().Version, Built: builtAt(), Log: log, Clock: now})
	if err != nil {
		return nil, fmt.Errorf("cannot set up: %w", err)
	}
	return demoGateway{g}, nil
}

// believedClock is this machine's clock, taken as good: nobody synchronises the
// clock of a container or of many a laptop, and the demo is not about that.
func believedClock() (*clock.Clock, error) {
	real, err := clock.New(builtAt())
	if err != nil {
		return nil, err
	}
	now := real.Now()
	now.Trusted = true
	c := clock.Fake(now, builtAt())
	c.Flow()
	return c, nil
}

// Status picks what the demo tells.
func (g demoGateway) Status() testbed.GatewayStatus {
	s := g.Gateway.Status()
	t := s.Totals
	return testbed.GatewayStatus{
		Link: s.Link.State, Read: t.Read, Acked: t.Acked, Waiting: t.Waiting,
		Lost: t.Lost.Sum(), Quarantined: t.Quarantined, Resent: t.Resent,
	}
}
