package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/status"
	"portti/systemd"
)

// stopped is what can be said of a gateway that cannot be asked, in the place of the
// status document.
type stopped struct {
	Schema  int    `json:"schema"`
	Running *bool  `json:"running"` // null = not known
	Reason  string `json:"reason"`
	Action  string `json:"action"` // all of Actions, a line each
	// Actions are what to do, in this order; Commands holds for each the first to type.
	Actions  []string `json:"actions,omitempty"`
	Commands []string `json:"commands,omitempty"`
	// ExitStatus is how its last process ended, and State what systemd calls the
	// service; where it is one.
	ExitStatus *int   `json:"exit_status,omitempty"`
	State      string `json:"state,omitempty"`
}

// advise takes what to do, with commands in backquotes.
func (s *stopped) advise(actions ...string) {
	s.Actions, s.Commands = status.Entry{Actions: actions}.Advise()
	s.Action = strings.Join(s.Actions, "\n")
}

// sayStopped shows why the gateway could not be asked, and passes the exit code on.
func sayStopped(cmd *cobra.Command, machine fs.FS, socket string, err error) error {
	var e *exitError
	if !errors.As(err, &e) || e.code != exitNotRunning && e.code != exitUnknown {
		return err
	}
	g := globalsOf(cmd)
	s := stopped{Schema: status.Schema, Reason: e.Error()}
	if e.code == exitNotRunning {
		s = whyStopped(machine, g, socket)
	}
	short, _ := cmd.Flags().GetBool("short")
	out := cmd.OutOrStdout()
	switch {
	case g.json:
		if jsonErr := writeJSON(cmd, s); jsonErr != nil {
			return jsonErr
		}
		return exit(e.code, nil)
	case short:
		word := "unknown"
		if s.Running != nil {
			word = "stopped"
		}
		fmt.Fprintln(out, "portti "+word)
	case g.plain:
		running := "unknown"
		if s.Running != nil {
			running = strconv.FormatBool(*s.Running)
		}
		fmt.Fprintf(out, "running\t%s\t%s\t%s\n", running, status.Clean(s.Reason, 300), status.Clean(s.Action, 300))
	}
	if s.Action == "" {
		return err
	}
	return exit(e.code, errors.New(s.Reason+"\n"+s.Action))
}

// whyStopped finds out why nobody listens: from systemd, where the socket is the
// service's, and from the configuration.
func whyStopped(machine fs.FS, g globals, socket string) stopped {
	no := false
	s := stopped{Schema: status.Schema, Running: &no, Reason: fmt.Sprintf("portti is not running (nobody listens on %s).", socket)}
	s.advise(startIt)
	if _, err := os.Lstat(socket); errors.Is(err, fs.ErrNotExist) {
		s.Reason = fmt.Sprintf("portti is not running (no socket at %s).", socket)
	}
	if view, ok := systemd.ViewOf(machine); ok && ofService(view, socket) {
		service := systemd.NewService(view.Config, nil, nil)
		service.Init = view.Init
		if state, err := service.State(); err == nil && state.Installed() {
			s.ended(state)
		}
	}
	if s.ExitStatus == nil || *s.ExitStatus == exitOK || *s.ExitStatus == exitConfig {
		s.mistakes(g)
	}
	return s
}

// ofService says whether the service listens there.
func ofService(view systemd.View, socket string) bool {
	if view.Config == "" {
		return false
	}
	path, err := config.SocketOf(view.Config, config.LoadOptions{Environ: view.Env})
	return err == nil && path == socket
}

// ended takes what systemd says of the service's end.
func (s *stopped) ended(state systemd.State) {
	s.State = state.Active
	code, err := strconv.Atoi(state.Exit)
	if err == nil && state.Result != "success" {
		s.ExitStatus = &code
	}
	last := ""
	if state.Text != "" && state.Result != "success" {
		last = " Its last words: " + strings.TrimSuffix(state.Text, ".") + "."
	}
	journal := "See the reason: `" + systemd.Journal(state.Init) + "`"
	switch {
	case state.Load == "masked":
		s.Reason = "portti is not running: the service is masked, so that nothing can start it."
		s.advise("Unmask and start it: `sudo systemctl unmask portti && sudo portti service start`")
	case state.Result == "exit-code" && code == exitExec:
		s.Reason = "portti is not running: systemd could not run the program that the unit names."
		s.advise("If a drop-in changed the unit, take that back: `sudo systemctl revert portti && sudo portti service start`", "See the unit and what changes it: `systemctl cat portti`", journal)
	case state.Active == "activating" && runningTwice(state.Text) != "":
		s.Reason = "portti is not running as a service, which systemd tries again and again." + last
		s.advise("Stop the other one: `sudo kill "+runningTwice(state.Text)+"`", journal)
	case state.Active == "activating":
		s.Reason = "portti is not running now; systemd starts it again by itself. " + endInWords(state) + last
		s.advise(journal)
	case state.Result == "success" || state.Result == "":
		s.Reason = "portti is not running: the service was stopped, or was never started."
	case state.Result == "exit-code" && code == exitConfig && unreadable(state.Text) != "":
		path := unreadable(state.Text)
		s.Reason = "portti is not running: the service's user may not read " + path + "."
		s.advise(fmt.Sprintf("Let it, and start it: `sudo chown root:%s %s && sudo chmod 640 %s && sudo portti service start`", systemd.Name, path, path))
	case state.Result == "exit-code" && code == exitConfig:
		s.Reason = "portti is not running: its last start ended with exit status 78, because the configuration has mistakes." + last
		s.advise(mended, "See every mistake: `sudo portti config check`")
	case state.Result == "exit-code" && code == exitNotConfigured:
		s.Reason = "portti is not running: its last start ended with exit status 6, because there is no configuration."
		s.advise(makeIt(config.DefaultPath)...)
	default:
		s.Reason = "portti is not running. " + endInWords(state) + last
		s.advise(startIt, journal)
	}
}

const (
	startIt = "Start it: `sudo portti service start`"
	mended  = "When it is corrected, start it: `sudo portti service start`"
	// exitExec is systemd's, for a program that could not be run.
	exitExec = 203
)

// makeIt is how a configuration comes about.
func makeIt(path string) []string {
	verb := ""
	if path != config.DefaultPath {
		verb = "-c " + path + " "
	}
	return []string{"Make one, with the server's address: `sudo portti " + verb + "setup`", "Or a sample of everything: `portti config create | sudo tee " + path + "`"}
}

// unreadable is the file of the configuration that the service's user may not read, in
// its last words.
func unreadable(last string) string {
	path, _, found := strings.Cut(strings.TrimPrefix(last, "ended: "), ": cannot be read: permission denied")
	if !found || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " '\"$`;&|<>()\\") {
		return ""
	}
	return path
}

// runningTwice is the process that uses the state folder, in the last words of one
// that found it taken.
func runningTwice(last string) string {
	_, rest, _ := strings.Cut(last, gateway.ErrRunning.Error()+": process ")
	pid, _, _ := strings.Cut(rest, " ")
	if _, err := strconv.Atoi(pid); err != nil {
		return ""
	}
	return pid
}

func endInWords(state systemd.State) string {
	switch state.Result {
	case "exit-code":
		return "Its last run ended with exit status " + state.Exit + "."
	case "signal", "core-dump":
		return "Its last run was ended by signal " + state.Exit + "."
	case "watchdog":
		return "Its last run was ended by the watchdog, because a part of it was stuck."
	case "oom-kill":
		return "Its last run was ended by the kernel, because memory had run out."
	case "timeout":
		return "Its last start or stop took too long, and systemd ended it."
	}
	return "Its last run ended with the result " + status.Clean(state.Result, 40) + "."
}

// mistakes says that the configuration, as it is now, would not let it start.
func (s *stopped) mistakes(g globals) {
	_, err := config.Load(g.config, config.LoadOptions{Environ: os.Environ()})
	var bad *config.Error
	switch {
	case !errors.As(err, &bad):
		return
	case errors.Is(err, config.ErrNotConfigured):
		if s.ExitStatus == nil && s.State == "" {
			s.Reason += " There is no configuration at " + g.config + "."
			s.advise(makeIt(g.config)...)
		}
		return
	}
	for _, f := range bad.Faults {
		if strings.HasPrefix(f.Text, "cannot be read") {
			return // by whoever asks; the service may
		}
	}
	first := bad.Faults[0]
	s.Reason = strings.TrimSuffix(s.Reason, ".") + fmt.Sprintf(", and the configuration has mistakes: %s:%d:%d: %s.", first.File, first.Line, first.Column, first.Text)
	if s.ExitStatus != nil {
		s.Reason = fmt.Sprintf("portti is not running: its last start ended with exit status %d, because the configuration has mistakes: %s:%d:%d: %s.",
			*s.ExitStatus, first.File, first.Line, first.Column, first.Text)
	}
	check := "sudo portti config check"
	if g.config != config.DefaultPath {
		check += " " + g.config
	}
	s.advise(mended, "See every mistake: `"+check+"`")
}

// whyEnded is why run could not go on, as systemd keeps it for those who ask later.
func whyEnded(ctx context.Context, err error) string {
	text := err.Error()
	var bad *config.Error
	if errors.As(err, &bad) && len(bad.Faults) > 0 {
		f := bad.Faults[0]
		if text = fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Text); f.Line == 0 { // of the file as a whole
			text = f.File + ": " + f.Text
		}
	}
	if ctx.Err() != nil {
		return "stopped: " + text
	}
	return "ended: " + text
}
