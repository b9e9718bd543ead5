package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/systemd"
)

// What run would say of a configuration depends on who asks and on what he sees: the
// service has a user of its own and a sandbox. So root asks in a process that has
// become the service; it is this program again, with this flag and the service's view
// on its standard input.
const asService = "as-service"

// judge reads a configuration as the service would. Where another process had to do
// that and has said everything, the error is an exitError.
func judge(cmd *cobra.Command, machine fs.FS, args []string) (*config.Config, string, error) {
	g := globalsOf(cmd)
	path := g.config
	if len(args) > 0 {
		path = args[0]
	}
	o := config.LoadOptions{Environ: os.Environ()}
	offline, _ := cmd.Flags().GetBool("offline")
	inside, _ := cmd.Flags().GetBool(asService)
	view, there := systemd.ViewOf(machine)
	switch {
	case inside:
		return judgeInside(cmd, path)
	case offline, os.Geteuid() != 0 && os.Geteuid() != view.UID:
	case os.Geteuid() == 0 && there && view.UID != 0:
		said, err := judgeOutside(cmd.Context(), view, path, g.json, g.quiet)
		_, _ = io.WriteString(cmd.OutOrStdout(), said.out)
		_, _ = io.WriteString(cmd.ErrOrStderr(), said.err)
		if err != nil {
			return nil, path, err
		}
		return nil, path, exit(said.code, nil)
	default:
		o.Fits = gateway.Ground{Made: view.Made}.Fits
	}
	cfg, err := config.Load(path, o)
	if err == nil && !offline {
		err = cfg.CheckTokenFile()
	}
	return cfg, path, err
}

// told is what the process said that has become the service.
type told struct {
	out, err string
	code     int
}

func judgeOutside(ctx context.Context, view systemd.View, path string, asJSON, quiet bool) (told, error) {
	input, err := json.Marshal(view)
	if err != nil {
		return told{}, err
	}
	args := []string{"config", "check", "--" + asService}
	if asJSON {
		args = append(args, "--json")
	}
	if quiet {
		args = append(args, "--quiet")
	}
	var out, errs bytes.Buffer
	for _, flags := range []uintptr{syscall.CLONE_NEWNS, 0} { // containers may forbid the first
		out.Reset()
		errs.Reset()
		child := exec.CommandContext(ctx, "/proc/self/exe", append(args, "--", path)...)
		child.Stdin, child.Stdout, child.Stderr = bytes.NewReader(input), &out, &errs
		child.SysProcAttr = &syscall.SysProcAttr{Unshareflags: flags}
		if err = child.Start(); err != nil {
			continue
		}
		err = child.Wait()
		var ended *exec.ExitError
		if errors.As(err, &ended) && ended.ExitCode() >= 0 {
			return told{out.String(), errs.String(), ended.ExitCode()}, nil
		}
		break
	}
	if err != nil {
		return told{}, fmt.Errorf("cannot look at the configuration as the service's user %s: %w", view.User, err)
	}
	return told{out: out.String(), err: errs.String()}, nil
}

// judgeInside becomes the service and reads the configuration. One that is not the
// service's own, such as a draft in somebody's home, is read before.
func judgeInside(cmd *cobra.Command, path string) (*config.Config, string, error) {
	var view systemd.View
	if err := json.NewDecoder(cmd.InOrStdin()).Decode(&view); err != nil {
		return nil, path, exit(exitUsage, fmt.Errorf("cannot read the service's view: %w", err))
	}
	var sandboxed, failed error
	enter := func() {
		sandboxed, failed = view.Enter()
	}
	ground := gateway.Ground{Made: view.Made, Hidden: append(view.Hidden, view.Private...), Credentials: view.Credentials}
	draft := view.Config != "" && view.Config != path
	o := config.LoadOptions{Environ: view.Env, Fits: func(c *config.Config, say config.Say) {
		if draft {
			enter()
		}
		ground.Fits(c, say)
	}}
	if !draft {
		enter()
	}
	var cfg *config.Config
	var err error
	if failed == nil {
		if cfg, err = config.Load(path, o); err == nil {
			err = cfg.CheckTokenFile()
		}
	}
	if failed != nil {
		return nil, path, exit(exitUnknown, failed)
	}
	if sandboxed != nil && cfg != nil {
		cfg.Warnings = append(cfg.Warnings, config.Fault{File: path, Text: "judged with the rights of the user " + view.User + ", but not in the service's sandbox: " + sandboxed.Error()})
	}
	var bad *config.Error
	if errors.As(err, &bad) && os.Geteuid() != 0 {
		for i, f := range bad.Faults {
			if strings.HasPrefix(f.Text, "cannot be read: ") && f.Hint == "" {
				mode := 640
				if info, err := os.Stat(f.File); err == nil && info.IsDir() {
					mode = 750
				}
				bad.Faults[i].Hint = fmt.Sprintf("the service's user %s must be able to read it: sudo chgrp %s %s && sudo chmod %d %s", view.User, systemd.Name, f.File, mode, f.File)
			}
		}
	}
	return cfg, path, err
}
