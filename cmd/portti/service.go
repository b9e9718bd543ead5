package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"portti/cmd/portti/config"
	"portti/systemd"
)

func serviceCmd(machine fs.FS) *cobra.Command {
	serviceVerb := func(name, short string, do func(*systemd.Service, io.Writer) error) *cobra.Command {
		return serviceVerb(machine, name, short, do)
	}
	cmd := group(&cobra.Command{
		Use:   "service",
		Short: "install | uninstall | start | stop | restart | status  of the system service",
		Long: `Runs portti as a systemd service: its own user, a hardened unit, a watchdog.

install can be repeated; it copies the binary to /usr/local/bin when the
service could not run it from where it lies, and never overwrites a
configuration. uninstall keeps readings, configuration and user.`,
	})
	cmd.AddCommand(
		serviceVerb("install", "make the user, the folders and the unit; start it when configured", install),
		serviceVerb("uninstall", "stop the service and remove its unit; data and configuration stay", uninstall),
		serviceVerb("start", "start the service", steer((*systemd.Service).Start, "started")),
		serviceVerb("stop", "stop the service", steer((*systemd.Service).Stop, "stopped; it starts again at boot")),
		serviceVerb("restart", "stop and start the service", steer((*systemd.Service).Restart, "restarted")),
		serviceVerb("status", "what systemd says of the service", serviceStatus),
		prepareCmd(machine),
	)
	return cmd
}

func serviceVerb(machine fs.FS, name, short string, do func(*systemd.Service, io.Writer) error) *cobra.Command {
	return &cobra.Command{
		Use:   name,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var sample bytes.Buffer
			if err := config.Sample(&sample, []string{"gps", "lines"}); err != nil {
				return err
			}
			g := globalsOf(cmd)
			if view, ok := systemd.ViewOf(machine); ok && !g.configSet && view.Config != "" {
				g.config = view.Config
			}
			s := systemd.NewService(g.config, sample.Bytes(), func(path string) error { return startable(cmd.Context(), machine, path) })
			out := cmd.OutOrStdout()
			if g.quiet {
				out = io.Discard
			}
			return serviceCode(do(s, out))
		},
	}
}

// prepareCmd is what init scripts run before they start the gateway, and before a
// restart stops one.
func prepareCmd(machine fs.FS) *cobra.Command {
	cmd := serviceVerb(machine, "prepare", "make the folders that the configuration names; say why the service would not start", nil)
	cmd.Hidden = true
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		g := globalsOf(cmd)
		view, _ := systemd.ViewOf(machine)
		s := systemd.NewService(g.config, nil, func(path string) error { return startable(cmd.Context(), machine, path) })
		var folders []systemd.Folder
		if cfg, err := config.Load(g.config, config.LoadOptions{Environ: view.Env}); err == nil { // else Prepare says what is wrong
			folders = foldersOf(cfg)
		}
		did, err := s.Prepare(folders...)
		if !g.quiet {
			tell(cmd.OutOrStdout(), did)
		}
		return serviceCode(err)
	}
	return cmd
}

// foldersOf are the folders that a gateway writes in.
func foldersOf(cfg *config.Config) []systemd.Folder {
	return []systemd.Folder{{Path: cfg.Paths.State, Mode: 0o700}, {Path: cfg.Paths.Run, Mode: 0o755}}
}

// startable says why the service should not be started with path: what config check
// finds there as the service, and that the server is still the sample's, which is
// valid and does not exist.
func startable(ctx context.Context, machine fs.FS, path string) error {
	view, there := systemd.ViewOf(machine)
	if os.Geteuid() == 0 && there && view.UID != 0 {
		view.Config = path // it is about to be
		said, err := judgeOutside(ctx, view, path, false, true)
		if err != nil {
			return err
		}
		if said.code != exitOK {
			return errors.New(strings.TrimSpace(said.err))
		}
	}
	cfg, err := config.Load(path, config.LoadOptions{Environ: view.Env})
	if err != nil {
		return err
	}
	for _, address := range cfg.Uplink.Addresses() {
		server, err := url.Parse(address)
		if err != nil {
			return fmt.Errorf("%s: the uplink's url is not an address", path) // err would show what the address carries
		}
		if config.IsExample(server.Hostname()) {
			return fmt.Errorf("%s: uplink.url still names the example server %s", path, server.Hostname())
		}
	}
	return nil
}

func install(s *systemd.Service, out io.Writer) error {
	did, err := s.Install()
	tell(out, did)
	var pending *systemd.NotConfiguredError
	if errors.As(err, &pending) {
		_, err = fmt.Fprintf(out, "\nThe service is installed but not started, because the configuration is not ready:\n\n%v\n\n"+
			"Edit it, then:  sudo portti service start\n"+
			"To undo:        sudo portti service uninstall\n", pending.Err)
		return err
	}
	if err == nil {
		_, err = fmt.Fprint(out, "\nSee how it is:  portti status\nTo undo:        sudo portti service uninstall\n")
	}
	return err
}

func uninstall(s *systemd.Service, out io.Writer) error {
	did, err := s.Uninstall()
	tell(out, did)
	if err == nil {
		_, err = fmt.Fprint(out, "\nTo undo:                 sudo portti service install\n"+
			"To remove all the rest:  sudo rm -r /var/lib/portti /etc/portti /usr/local/bin/portti && sudo userdel portti\n")
	}
	return err
}

func tell(out io.Writer, did []string) {
	for _, sentence := range did {
		fmt.Fprintln(out, "-", sentence)
	}
}

func steer(do func(*systemd.Service) error, done string) func(*systemd.Service, io.Writer) error {
	return func(s *systemd.Service, out io.Writer) error {
		if err := do(s); err != nil {
			return err
		}
		_, err := fmt.Fprintf(out, "portti %s\n", done)
		return err
	}
}

func serviceStatus(s *systemd.Service, out io.Writer) error {
	state, err := s.State()
	if err != nil {
		return exit(exitUnknown, err)
	}
	fmt.Fprintln(out, state)
	switch {
	case !state.Installed():
		return exit(exitUnknown, nil) // as systemctl answers for a unit it does not know
	case !state.Running():
		return exit(exitNotRunning, nil)
	}
	return nil
}

// serviceCode gives what the systemd package says the exit code it has here.
func serviceCode(err error) error {
	var pending *systemd.NotConfiguredError
	switch {
	case errors.As(err, &pending):
		return exit(exitNotConfigured, err)
	case errors.Is(err, systemd.ErrNotInstalled):
		return exit(exitNotRunning, err)
	}
	return err
}
