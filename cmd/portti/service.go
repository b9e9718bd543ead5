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
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/systemd"
)

func serviceCmd(machine fs.FS) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "service",
		Short: "install | uninstall | start | stop | restart | status  of the system service",
		Long: `Runs portti as a service of systemd, OpenRC, OpenWrt's procd or SysV init, with its
own user; under systemd in a sandbox and with a watchdog.

install can be repeated; it copies the binary to /usr/local/bin when the
service could not run it from where it lies, and never overwrites a
configuration. A unit or script that a package brought is used as it is.
uninstall keeps readings, configuration and user.

On a Raspberry Pi, start and restart take the login console off a serial port that a
device of the configuration has, and say so; console --restore gives it back.

With --root DIR, install and uninstall work on the image in that folder: they
write and link files, and run and start nothing.

Exit codes: 0 done, or so already; 3 not running, or not installed; 4 no permission,
or state unknown; 6 not configured: what runs goes on, what does not is not started.`,
		Example: `  sudo ./portti service install
  sudo portti service restart                          # checks the configuration first
  sudo portti service install --root build/rootfs --init openrc`,
	})
	cmd.PersistentFlags().String("init", "", "the init system: systemd, openrc, procd or sysv (default: the one that runs here)")
	both := []*cobra.Command{
		serviceVerb(machine, "install", "make the user, the folders and the unit; start it when configured", install),
		serviceVerb(machine, "uninstall", "stop the service and remove its unit; data and configuration stay", uninstall),
	}
	for _, c := range both {
		c.Flags().String("root", "", "work on the image in `DIR`, and start nothing")
	}
	cmd.AddCommand(both...)
	cmd.AddCommand(
		serviceVerb(machine, "start", "start the service", steer((*systemd.Service).Start, "started")),
		serviceVerb(machine, "stop", "stop the service", steer((*systemd.Service).Stop, "stopped; it starts again at boot")),
		serviceVerb(machine, "restart", "stop and start the service", steer((*systemd.Service).Restart, "restarted")),
		serviceVerb(machine, "status", "what the init system says of the service", serviceStatus),
		consoleCmd(machine),
		prepareCmd(machine),
		accountCmd(machine),
		endedCmd(),
	)
	return cmd
}

func serviceVerb(machine fs.FS, name, short string, do func(*cobra.Command, *systemd.Service, io.Writer) error) *cobra.Command {
	return &cobra.Command{
		Use:     name,
		Short:   short,
		Example: "  sudo portti service " + name,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			g := globalsOf(cmd)
			if view, ok := systemd.ViewOf(machine); ok && !g.configSet && view.Config != "" {
				g.config = view.Config
			}
			s := serviceOf(cmd, machine, g.config)
			if root, _ := cmd.Flags().GetString("root"); root != "" {
				if s = s.In(root); !g.configSet {
					s.Config = config.DefaultPath
				}
			}
			out := cmd.OutOrStdout()
			if g.quiet {
				out = io.Discard
			}
			return serviceCode(do(cmd, s, out))
		},
	}
}

// serviceOf is the service on this machine, which runs with that configuration.
func serviceOf(cmd *cobra.Command, machine fs.FS, path string) *systemd.Service {
	s := systemd.NewService(path, nil, func(path string) error { return startable(cmd.Context(), machine, path) })
	s.Named = func(path string) (systemd.Named, error) {
		view, _ := systemd.ViewOf(machine)
		cfg, err := config.Load(path, config.LoadOptions{Environ: view.Env})
		if err != nil {
			return systemd.Named{}, err
		}
		return named(cfg), nil
	}
	name, _ := cmd.Flags().GetString("init")
	s.Init = systemd.Kind(name)
	return s
}

// prepareCmd is what init scripts run before they start the gateway, and before a
// restart stops one.
func prepareCmd(machine fs.FS) *cobra.Command {
	cmd := serviceVerb(machine, "prepare", "make the folders that the configuration names; say why the service would not start", nil)
	cmd.Hidden = true
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		g := globalsOf(cmd)
		did, err := serviceOf(cmd, machine, g.config).Prepare()
		if !g.quiet {
			tell(cmd.OutOrStdout(), did)
		}
		return serviceCode(err)
	}
	return cmd
}

// accountCmd is what packages run when they are installed.
func accountCmd(machine fs.FS) *cobra.Command {
	cmd := serviceVerb(machine, "account", "make the user and the group, and let them read the configuration", func(_ *cobra.Command, s *systemd.Service, out io.Writer) error {
		did, err := s.Account()
		tell(out, did)
		return err
	})
	cmd.Hidden = true
	return cmd
}

// endedCmd is what the unit runs when a run has ended, also one that never became a
// gateway.
func endedCmd() *cobra.Command {
	return &cobra.Command{
		Use:    "ended",
		Short:  "keep systemd's word on how a run ended, for the next one to tell",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			paths, err := config.PathsOf(globalsOf(cmd).config, config.LoadOptions{Environ: os.Environ()})
			if err != nil {
				return err
			}
			return gateway.NoteEnd(paths.State, os.Getenv, time.Now())
		},
	}
}

// named is what a configuration names and the service must reach.
func named(cfg *config.Config) systemd.Named {
	n := systemd.Named{Folders: []systemd.Folder{{Path: cfg.Paths.State, Mode: 0o700}, {Path: cfg.Paths.Run, Mode: 0o755}}}
	u := cfg.Uplink
	for _, path := range []string{u.TokenFile, u.CAFile, u.ClientCert, u.ClientKey, u.OAuth.SecretFile, u.OAuth.RefreshFile, u.Login.PasswordFile} {
		if path != "" {
			n.Files = append(n.Files, path)
		}
	}
	for _, d := range cfg.ActiveDevices() {
		n.Ports = append(n.Ports, d.Port)
	}
	return n
}

// consoleCmd undoes what start did to a Raspberry Pi's login console.
func consoleCmd(machine fs.FS) *cobra.Command {
	cmd := serviceVerb(machine, "console", "give the login console back that was taken off a Raspberry Pi's serial port", func(cmd *cobra.Command, s *systemd.Service, out io.Writer) error {
		if restore, _ := cmd.Flags().GetBool("restore"); !restore {
			return usage(errors.New("say --restore to give the login console back; start and restart take it off a port that a device has"))
		}
		did, err := s.RestoreConsole()
		tell(out, did)
		return err
	})
	cmd.Flags().Bool("restore", false, "put the console back on the port that it was on")
	return cmd
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

func install(cmd *cobra.Command, s *systemd.Service, out io.Writer) error {
	kind, err := s.Kind()
	if err != nil {
		return err
	}
	var sample bytes.Buffer
	if err := config.Sample(&sample, []string{"gps", "lines"}); err != nil {
		return err
	}
	s.Sample = sample.Bytes()
	if kind == systemd.Procd {
		s.Sample = onOpenWrt(s.Sample)
	}
	did, err := s.Install()
	tell(out, did)
	root, _ := cmd.Flags().GetString("root")
	var pending *systemd.NotConfiguredError
	switch {
	case errors.As(err, &pending):
		_, err = fmt.Fprintf(out, "\nThe service is installed but not started, because the configuration is not ready:\n\n%v\n\n"+
			"Edit it, then:  sudo portti service start\n"+
			"To undo:        sudo portti service uninstall\n", pending.Err)
	case err == nil && root != "":
		_, err = fmt.Fprintf(out, "\nIt starts with the image, once its configuration is good. See that:\n  portti config check --offline %s\n"+
			"To undo:        sudo portti service uninstall --root %s\n", filepath.Join(root, s.Config), root)
	case err == nil:
		_, err = fmt.Fprint(out, "\nSee how it is:  portti status\nTo undo:        sudo portti service uninstall\n")
	}
	return err
}

// onOpenWrt moves the state out of /var, which is in memory there: what waits would be
// gone with the power.
func onOpenWrt(sample []byte) []byte {
	return bytes.Replace(sample, []byte(`# state = "/var/lib/portti"  `), []byte(`state = "/srv/portti"   `), 1)
}

func uninstall(cmd *cobra.Command, s *systemd.Service, out io.Writer) error {
	did, err := s.Uninstall()
	tell(out, did)
	if root, _ := cmd.Flags().GetString("root"); err != nil || root != "" {
		return err
	}
	_, err = fmt.Fprint(out, "\nTo undo:                 sudo portti service install\n"+
		"To remove all the rest:  sudo rm -r /var/lib/portti /etc/portti /usr/local/bin/portti && sudo userdel portti\n")
	return err
}

func tell(out io.Writer, did []string) {
	for _, sentence := range did {
		fmt.Fprintln(out, "-", sentence)
	}
}

func steer(do func(*systemd.Service) ([]string, error), done string) func(*cobra.Command, *systemd.Service, io.Writer) error {
	return func(_ *cobra.Command, s *systemd.Service, out io.Writer) error {
		did, err := do(s)
		tell(out, did)
		if err == nil {
			_, err = fmt.Fprintf(out, "portti %s\n", done)
		}
		return err
	}
}

func serviceStatus(_ *cobra.Command, s *systemd.Service, out io.Writer) error {
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
	case errors.Is(err, systemd.ErrNotRoot):
		return exit(exitUnknown, err)
	case errors.Is(err, systemd.ErrNotInstalled):
		return exit(exitNotRunning, err)
	}
	return err
}
