package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
)

// The groups of the help page.
const (
	groupSee   = "see"
	groupSetUp = "setup"
	groupTry   = "try"
)

// verb is one line of the table of verbs.
type verb struct {
	group string
	cmd   *cobra.Command
}

// verbs is everything this build can do: a new verb is one line here and one
// function in a file of its own. What is not built is not listed. machine is the
// root folder of the machine.
func verbs(machine fs.FS) []verb {
	return []verb{
		{groupSee, bundleCmd(machine)},
		{groupSee, checkCmd()},
		{groupSee, doctorCmd(machine)},
		{groupSee, gpsCmd()},
		{groupSee, statusCmd(machine)},
		{groupSee, devicesCmd()},
		{groupSee, explainCmd()},
		{groupSee, logsCmd(machine)},
		{groupSee, pingCmd()},
		{groupSee, queueCmd()},
		{groupSee, recordCmd()},
		{groupSee, tailCmd()},
		{groupSee, netcheckCmd(machine)},
		{groupSee, webCmd()},
		{groupSee, topCmd()},
		{groupSetUp, setupCmd(machine)},
		{groupSetUp, discoverCmd()},
		{groupSetUp, configCmd(machine)},
		{groupSetUp, identityCmd(machine)},
		{groupSetUp, loginCmd()},
		{groupSetUp, reloadCmd()},
		{groupSetUp, runCmd(machine)},
		{groupSetUp, serviceCmd(machine)},
		{groupSetUp, versionCmd()},
		{groupSetUp, testCmd()},
		{groupTry, demoCmd()},
		{groupTry, receiveCmd()},
		{groupTry, replayCmd()},
		{groupTry, simulateCmd()},
	}
}

// run is the whole program: it reads args, talks on the three streams and
// gives the exit code (see exit.go). It touches nothing else of the process,
// so a test can call it.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return runOn(ctx, os.DirFS("/"), args, stdin, stdout, stderr)
}

// runOn is run on the machine with that root folder.
func runOn(ctx context.Context, machine fs.FS, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	started := false
	root := rootCmd(machine)
	wrap(root, &started)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)

	err := root.ExecuteContext(ctx)
	if err != nil && !started {
		err = usage(err) // refused before any verb ran
	}
	return report(ctx, stderr, err)
}

// rootCmd builds the tree of verbs with the global flags.
func rootCmd(machine fs.FS) *cobra.Command {
	root := &cobra.Command{
		Use:               "portti",
		Short:             "portti: sensor and GPS gateway",
		Version:           buildInfo().Version,
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
	}
	root.AddGroup(
		&cobra.Group{ID: groupSee, Title: "See what is happening"},
		&cobra.Group{ID: groupSetUp, Title: "Set it up"},
		&cobra.Group{ID: groupTry, Title: "Try it without hardware"},
	)
	root.SetHelpCommandGroupID(groupSetUp)
	root.SetCompletionCommandGroupID(groupSetUp)
	group(root)
	for _, v := range append(verbs(machine), extra(machine)...) {
		v.cmd.GroupID = v.group
		root.AddCommand(v.cmd)
	}

	root.SetFlagErrorFunc(nearestFlag)
	complete(root)

	f := root.PersistentFlags()
	f.StringP("config", "c", config.DefaultPath, "configuration `FILE`")
	f.String("socket", "", "control socket `PATH` of the running daemon (default: from [paths] run)")
	f.Bool("json", false, "machine-readable output")
	f.Bool("plain", false, "no colour, ASCII only, fields separated by tabs")
	f.Bool("no-color", false, "no colour (also: NO_COLOR, TERM=dumb, not a terminal)")
	f.BoolP("quiet", "q", false, "say only what went wrong")
	f.BoolP("verbose", "v", false, "say more")
	f.Duration("timeout", 5*time.Second, "how long to wait for the running daemon")
	return root
}

// globals are the flags every verb has.
type globals struct {
	config, socket       string
	configSet            bool // named on the command line
	json, plain, noColor bool
	quiet, verbose       bool
	timeout              time.Duration
}

// globalsOf reads the global flags of a verb that is running.
func globalsOf(cmd *cobra.Command) globals {
	f := cmd.Flags()
	var g globals
	g.config, _ = f.GetString("config")
	g.configSet = f.Changed("config")
	g.socket, _ = f.GetString("socket")
	g.json, _ = f.GetBool("json")
	g.plain, _ = f.GetBool("plain")
	g.noColor, _ = f.GetBool("no-color")
	g.quiet, _ = f.GetBool("quiet")
	g.verbose, _ = f.GetBool("verbose")
	g.timeout, _ = f.GetDuration("timeout")
	return g
}

// group makes cmd a verb that only holds other verbs: alone it prints its
// help, with an unknown word it suggests the nearest.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		var names []string
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				names = append(names, c.Name())
			}
		}
		text := fmt.Sprintf("unknown verb %q", args[0])
		if near := config.Nearest(args[0], names); near != "" {
			return usage(fmt.Errorf("%s; did you mean %q?", text, cmd.CommandPath()+" "+near))
		}
		return usage(fmt.Errorf("%s; `%s --help` lists them", text, cmd.CommandPath()))
	}
	return cmd
}

// nearestFlag names the flag that a wrong one was meant to be.
func nearestFlag(cmd *cobra.Command, err error) error {
	wrong, ok := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !ok {
		return fmt.Errorf("%w; `%s --help` lists the flags", err, cmd.CommandPath())
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if near := config.Nearest(wrong, names); near != "" {
		return fmt.Errorf("%w; did you mean --%s?", err, near)
	}
	return fmt.Errorf("%w; `%s --help` lists them", err, cmd.CommandPath())
}

// wrap notes in started that a verb's own code was reached: every error before
// that is wrong usage.
func wrap(cmd *cobra.Command, started *bool) {
	if inner := cmd.RunE; inner != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*started = true
			return inner(cmd, args)
		}
	}
	for _, c := range cmd.Commands() {
		wrap(c, started)
	}
}

// report prints what err says and gives its exit code.
func report(ctx context.Context, stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	code := exitFailed
	var e *exitError
	if errors.As(err, &e) {
		code = e.code
	} else if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return exitInterrupted
	}
	var bad *config.Error
	switch text := status.CleanLines(err.Error()); { // it may quote a file or a server
	case errors.As(err, &bad):
		fmt.Fprintln(stderr, text) // its lines begin with their own file and place
	case strings.HasPrefix(text, "portti "):
		fmt.Fprintln(stderr, text)
	case text != "":
		fmt.Fprintf(stderr, "portti: %s\n", text)
	}
	return code
}
