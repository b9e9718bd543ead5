package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"portti/cmd/portti/config"
	"portti/cmd/portti/doctor"
	"portti/cmd/portti/gateway"
	"portti/device"
	"portti/device/recording"
	"portti/systemd"
)

func doctorCmd(machine fs.FS) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "look for what is wrong with this installation, and say what to do",
		Long: `Looks at configuration, service, ports, devices, clock, buffer and the way to the server,
all at once, with or without a running gateway, and says what is wrong, worst first. It
changes nothing; with sudo it sees more.

With --fix it offers to mend what it can without harm, asks before each, and says how to
take it back.

Exit codes: 0 nothing found, 1 something failed or a warning, 2 wrong usage.`,
		Example: `  sudo portti doctor
  portti doctor --only C11,GPS       one check, and a family of them
  portti doctor --list               what there is to look at
  sudo portti doctor --fix           mend what can be, asking before each`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDoctor(cmd, machine) },
	}
	f := cmd.Flags()
	f.StringSlice("only", nil, "the checks or families with these `NAMES` alone, such as C11,GPS")
	f.Bool("list", false, "list the checks and look at nothing")
	f.Bool("fix", false, "offer to mend what can be mended without harm")
	f.Bool("yes", false, "with --fix: agree to all of them")
	cmd.MarkFlagsMutuallyExclusive("list", "fix")
	return cmd
}

func runDoctor(cmd *cobra.Command, machine fs.FS) error {
	g := globalsOf(cmd)
	only, _ := cmd.Flags().GetStringSlice("only")
	checks, err := chosen(doctor.Checks(), only)
	if err != nil {
		return usage(err)
	}
	fix, _ := cmd.Flags().GetBool("fix")
	yes, _ := cmd.Flags().GetBool("yes")
	list, _ := cmd.Flags().GetBool("list")
	switch stdin, _ := cmd.InOrStdin().(*os.File); {
	case list:
		return listChecks(cmd, checks)
	case yes && !fix:
		return usage(errors.New("--yes goes with --fix"))
	case fix && g.json:
		return usage(errors.New("--fix asks and tells, which is no JSON: leave one of --fix and --json out"))
	case fix && !yes && (stdin == nil || !isTerminal(stdin)):
		return usage(errors.New("--fix asks before each change, and here is no terminal to ask at; to agree to all of them: portti doctor --fix --yes"))
	}
	h, err := doctorHost(cmd.Context(), globalsOf(cmd), machine)
	if err != nil {
		return err
	}
	results := examine(cmd, h, checks)
	if cmd.Context().Err() != nil {
		return exit(exitInterrupted, nil)
	}
	if err := showResults(cmd, len(checks), results); err != nil {
		return err
	}
	if fix {
		if results, err = mend(cmd, h, checks, results, yes); err != nil {
			return err
		}
	}
	for _, r := range results {
		if r.Verdict == doctor.Fail || r.Verdict == doctor.Warn {
			return exit(exitFailed, nil)
		}
	}
	return nil
}

// chosen are the checks with one of the names, which are numbers or families.
func chosen(all []doctor.Check, names []string) ([]doctor.Check, error) {
	if len(names) == 0 {
		return all, nil
	}
	var some []doctor.Check
	for _, name := range names {
		name = strings.ToUpper(strings.TrimSpace(name))
		found := false
		for _, c := range all {
			if c.ID != name && c.Family != name {
				continue
			}
			found = true
			if !slices.ContainsFunc(some, func(s doctor.Check) bool { return s.ID == c.ID }) {
				some = append(some, c)
			}
		}
		if !found {
			return nil, fmt.Errorf("there is no check and no family %q; portti doctor --list has them", name)
		}
	}
	return some, nil
}

// doctorHost is this machine with the configuration that the service has, or the one that
// was named.
func doctorHost(ctx context.Context, g globals, machine fs.FS) (*doctor.Host, error) {
	view, there := systemd.ViewOf(machine)
	if there && !g.configSet && view.Config != "" {
		g.config = view.Config
	}
	environ := os.Environ()
	if view.Config == g.config {
		environ = view.Env
	}
	h := &doctor.Host{Root: machine, Path: "/", UID: os.Geteuid(), ConfigPath: g.config, Environ: os.Environ(),
		Version: buildInfo().Version, Built: builtAt(), Run: examined, Now: time.Now}
	o := config.LoadOptions{Environ: environ}
	if there && h.UID == view.UID {
		o.Fits = gateway.Ground{Made: view.Made}.Fits
	}
	h.Config, h.ConfigErr = config.Load(g.config, o)
	if there && h.UID == 0 && view.UID != 0 && h.Config != nil {
		if err := fitsService(ctx, view, h); err != nil {
			return nil, err
		}
	}
	socket := g.socket
	if socket == "" {
		var err error
		if socket, err = config.SocketOf(g.config, config.LoadOptions{Environ: environ}); err != nil {
			socket = config.Defaults().Paths.Socket() // there is no configuration, which a check tells
		}
	}
	g.socket = socket
	h.Status, h.StatusErr = askStatus(ctx, socket, min(g.timeout, 3*time.Second))
	doctorFacts(ctx, h)
	h.Listen = func(ctx context.Context, name string) ([]byte, error) { return listenTo(ctx, g, name) }
	return h, nil
}

// fitsService has the configuration judged in the service's place, and takes what is
// found there.
func fitsService(ctx context.Context, view systemd.View, h *doctor.Host) error {
	said, err := judgeOutside(ctx, view, h.ConfigPath, true, false)
	if err != nil {
		return err
	}
	var found struct {
		Problems []faultJSON `json:"problems"`
	}
	if err := json.Unmarshal([]byte(said.out), &found); err != nil {
		return nil // it said nothing that could be used, and the files are good
	}
	h.Config.Unfit, h.Config.Warnings = nil, nil
	for _, p := range found.Problems {
		f := config.Fault{File: p.File, Line: p.Line, Column: p.Column, Key: p.Key, Text: p.Text, Hint: p.Hint}
		if p.Severity == "error" {
			h.Config.Unfit = append(h.Config.Unfit, f)
		} else {
			h.Config.Warnings = append(h.Config.Warnings, f)
		}
	}
	return nil
}

// examined is runProgram as checks have it.
func examined(ctx context.Context, name string, args ...string) (string, error) {
	text, err := runProgram(ctx, name, args...)
	if errors.Is(err, exec.ErrNotFound) {
		err = fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return string(text), err
}

// listenTo gathers what a device of the running gateway sends until ctx ends.
func listenTo(ctx context.Context, g globals, name string) ([]byte, error) {
	s, err := followRunning(ctx, g, name, device.View{Raw: true})
	if err != nil {
		return nil, err
	}
	defer s.close()
	var all []byte
	for {
		rec, err := s.next()
		switch {
		case errors.Is(err, io.EOF), err == nil && rec.What == recording.Stopped:
			return all, nil
		case err != nil:
			return all, err
		case rec.What == recording.In:
			all = append(all, rec.Data...)
		}
	}
}

// examine runs the checks, and on a terminal shows how far they are.
func examine(cmd *cobra.Command, h *doctor.Host, checks []doctor.Check) []doctor.Result {
	var done atomic.Int32
	counted := slices.Clone(checks)
	for i, c := range checks {
		counted[i].Run = func(ctx context.Context, h *doctor.Host, r *doctor.Report) {
			defer done.Add(1)
			c.Run(ctx, h, r)
		}
	}
	defer showProgress(cmd, func() string { return fmt.Sprintf("%d of %d checks done", done.Load(), len(checks)) }).end()
	return doctor.Examine(cmd.Context(), h, counted)
}
