package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/systemd"
)

// same says that nothing is to be written.
func (s *setup) same() bool { return s.token == "" && bytes.Equal(s.before, s.after) }

// confirm shows all that will be written and asks.
func (s *setup) confirm() error {
	if s.same() {
		_, err := fmt.Fprintln(s.out, "The configuration has all of this already; nothing is written.")
		return err
	}
	fmt.Fprintln(s.out, "\nThis will be written:")
	if !bytes.Equal(s.before, s.after) {
		fmt.Fprintln(s.out, "  "+s.file)
		for _, c := range s.changes {
			before := ""
			if s.old != nil {
				before = s.old.Shown(c.Path())
			}
			if before == "" {
				before = "(not set)"
			}
			fmt.Fprintf(s.out, "    %-20s %s -> %s\n", c.Path(), before, s.cfg.Shown(c.Path()))
		}
		if s.before != nil {
			fmt.Fprintf(s.out, "  %s.bak\n    the configuration as it is now\n", s.file)
		}
	}
	if s.token != "" {
		fmt.Fprintf(s.out, "  %s\n    the access token, which is not shown\n", s.cfg.Uplink.TokenFile)
	}
	if yes, _ := s.cmd.Flags().GetBool("yes"); yes {
		return nil
	}
	if s.answers == nil {
		return usage(errors.New("there is nobody to ask: say --yes to write this; nothing was changed"))
	}
	return s.yes("Write this?", true)
}

// write puts the token first: a configuration that names one that is not there is of no use.
func (s *setup) write() error {
	if s.token != "" {
		if err := writeToken(s.cfg.Uplink.TokenFile, s.cfg.Paths.State, s.token); err != nil {
			return fmt.Errorf("%w.\nRun it with sudo, or see whether the disk is full or read-only: df -h", err)
		}
	}
	if bytes.Equal(s.before, s.after) {
		return nil
	}
	r := readersOf(s.main)
	if s.before != nil {
		if err := r.write(s.file+".bak", s.before); err != nil {
			return err
		}
	}
	if err := r.write(s.file, s.after); err != nil {
		return err
	}
	if s.before != nil {
		_, err := fmt.Fprintf(s.out, "Written. To undo: sudo mv %s.bak %s && sudo portti reload\n", s.file, s.file)
		return err
	}
	_, err := fmt.Fprintln(s.out, "Written.")
	return err
}

// apply has the gateway take it over, and waits until it is online.
func (s *setup) apply(machine fs.FS) error {
	socket := s.g.socket
	if socket == "" {
		socket = s.cfg.Paths.Socket()
	}
	r, err := askReload(s.cmd.Context(), s.g, socket, "?told=true")
	var code *exitError
	switch {
	case err == nil && r.Error != "":
		return exit(exitFailed, fmt.Errorf("it was written, but the running gateway does not take it and goes on as before:\n%s", r.Error))
	case err == nil && slices.ContainsFunc(r.Restart, func(key string) bool { return strings.HasPrefix(key, "uplink.") || key == "gateway.id" }):
		if !s.service(machine, "restart") {
			return nil
		}
	case err == nil:
	case errors.As(err, &code) && code.code == exitNotRunning:
		if !s.service(machine, "start") {
			return nil
		}
	default:
		return fmt.Errorf("it was written, but the running gateway could not be told: %w\nTell it: sudo portti reload", err)
	}
	says := untilOnline(s.cmd.Context(), func() (bool, string) { return s.look(socket) })
	if says != "" {
		return exit(exitFailed, fmt.Errorf("it was written and the gateway has it, but after 20 s it is not online: %s\nSee how it goes on: portti status", says))
	}
	s.online = true
	_, err = fmt.Fprintln(s.out, "The gateway is online. See how it is: portti status")
	return err
}

// service starts or restarts it, if it runs with this configuration. false: it was not, which
// was said.
func (s *setup) service(machine fs.FS, verb string) bool {
	if view, there := systemd.ViewOf(machine); !there || view.Config != s.main {
		how := "sudo portti service " + verb
		if s.main != config.DefaultPath {
			how = "portti run -c " + s.main
		}
		fmt.Fprintf(s.out, "Now %s the gateway: %s\n", verb, how)
		return false
	}
	var errs bytes.Buffer
	code := runOn(s.cmd.Context(), machine, []string{"service", verb, "-c", s.main}, strings.NewReader(""), s.out, &errs)
	if code == exitOK {
		return true
	}
	fmt.Fprintf(s.out, "It was written, but the service could not be %sed:\n%s", verb, errs.String())
	return false
}

// look asks the gateway whether it is online, and why not.
func (s *setup) look(socket string) (online bool, says string) {
	st, err := askStatus(s.cmd.Context(), socket, s.g.timeout)
	if err != nil {
		return false, err.Error()
	}
	says = st.Glance()
	for _, p := range st.Problems {
		if p.Code == st.Link.Problem {
			says = p.Sentence
		}
	}
	return st.Link.State == status.LinkOnline, says
}

// untilOnline waits for the running gateway to be online.
func untilOnline(ctx context.Context, look func() (online bool, says string)) (says string) {
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for {
		online, says := look()
		if online {
			return ""
		}
		select {
		case <-ctx.Done():
			return says
		case <-limit.C:
			return says
		case <-time.After(500 * time.Millisecond):
		}
	}
}
