package systemd

import (
	"fmt"
	"strings"
)

// State is systemd's word on the service.
type State struct {
	Load   string // loaded, not-found, masked ...
	Active string // active, activating, reloading, inactive, failed ...
	Sub    string // running, auto-restart, dead ...
	Text   string // the daemon's own STATUS=
	Result string // success, exit-code, watchdog, signal, oom-kill ...
	PID    string // "0" when it does not run
	// Restarts counts what Restart= started again since the last start by hand.
	Restarts string
	Exit     string // exit status of the last main process
	Enabled  string // enabled, disabled ...
}

// Installed says whether systemd knows the unit.
func (s State) Installed() bool { return s.Load != "" && s.Load != "not-found" }

// Running says whether the daemon runs now; a pause before the next automatic
// start is not running.
func (s State) Running() bool { return s.Active == "active" || s.Active == "reloading" }

// String is the state in one to three lines for people.
func (s State) String() string {
	if !s.Installed() {
		return "portti is not installed as a service"
	}
	var b strings.Builder
	if active := s.Active; active == "inactive" {
		fmt.Fprintf(&b, "portti is stopped, %s at boot", s.Enabled)
	} else {
		fmt.Fprintf(&b, "portti is %s (%s), %s at boot", active, s.Sub, s.Enabled)
	}
	if s.PID != "" && s.PID != "0" {
		fmt.Fprintf(&b, ", process %s", s.PID)
	}
	if s.Restarts != "" && s.Restarts != "0" {
		fmt.Fprintf(&b, ", restarted %s times by systemd", s.Restarts)
	}
	switch { // what it said last may long be over
	case s.Text != "" && s.Running():
		fmt.Fprintf(&b, "\n%s", s.Text)
	case s.Text != "" && s.Result != "success":
		fmt.Fprintf(&b, "\nlast words: %s", s.Text)
	}
	if s.Result != "" && s.Result != "success" {
		fmt.Fprintf(&b, "\nlast end: %s, exit status %s; see the reason with  journalctl -u %s -n 20", s.Result, s.Exit, Name)
	}
	return b.String()
}

// State asks systemd how the service is. It needs no root.
func (s *Service) State() (State, error) {
	if _, err := s.host.run("systemctl", "--version"); err != nil {
		return State{}, fmt.Errorf("%w (%w)", ErrNoSystemd, err)
	}
	out, err := s.host.run("systemctl", "show", "--no-pager",
		"--property=LoadState,ActiveState,SubState,StatusText,Result,MainPID,NRestarts,ExecMainStatus,UnitFileState", Name+".service")
	if err != nil {
		return State{}, fmt.Errorf("cannot ask systemd: %w", err)
	}
	return parseState(out), nil
}

func parseState(out string) State {
	var s State
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), "=")
		switch key {
		case "LoadState":
			s.Load = value
		case "ActiveState":
			s.Active = value
		case "SubState":
			s.Sub = value
		case "StatusText":
			s.Text = value
		case "Result":
			s.Result = value
		case "MainPID":
			s.PID = value
		case "NRestarts":
			s.Restarts = value
		case "ExecMainStatus":
			s.Exit = value
		case "UnitFileState":
			s.Enabled = value
		}
	}
	return s
}
