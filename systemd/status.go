package systemd

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// State is the init system's word on the service, in systemd's terms.
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
	Init     Kind   // whose words these are
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
	switch s.Active {
	case "inactive":
		fmt.Fprintf(&b, "portti is stopped, %s at boot", s.Enabled)
	case "failed":
		fmt.Fprintf(&b, "portti has failed, %s at boot", s.Enabled)
	default:
		fmt.Fprintf(&b, "portti is %s (%s), %s at boot", s.Active, s.Sub, s.Enabled)
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
		fmt.Fprintf(&b, "\nlast end: %s, exit status %s; see the reason with  %s", s.Result, s.Exit, Journal(s.Init))
	}
	return b.String()
}

// State asks the init system how the service is. It needs no root.
func (s *Service) State() (State, error) {
	p, err := s.place()
	if err != nil {
		return State{}, err
	}
	if p.kind != Systemd {
		return s.scriptState(p)
	}
	out, err := s.host.run("systemctl", "show", "--no-pager",
		"--property=LoadState,ActiveState,SubState,StatusText,Result,MainPID,NRestarts,ExecMainStatus,UnitFileState", Name+".service")
	if err != nil {
		return State{}, fmt.Errorf("cannot ask systemd: %w", err)
	}
	return parseState(out), nil
}

// scriptState says of the others what systemd would. Its words are systemd's.
func (s *Service) scriptState(p place) (State, error) {
	if !p.there {
		return State{Load: "not-found"}, nil
	}
	st := State{Init: p.kind, Load: "loaded", Active: "inactive", Sub: "dead", Enabled: "disabled"}
	if s.host.enabled(p.kind, p.file) {
		st.Enabled = "enabled"
	}
	if p.kind == Procd {
		out, err := s.host.run("ubus", "call", "service", "list", `{"name":"`+Name+`"}`)
		if err != nil {
			return State{}, fmt.Errorf("cannot ask procd: %w", err)
		}
		return procdState(st, out)
	}
	command := []string{p.file, "status"}
	if p.kind == OpenRC {
		command = []string{"rc-service", Name, "status"}
	}
	_, err := s.host.run(command[0], command[1:]...)
	var ended interface{ ExitCode() int }
	switch {
	case err == nil:
		st.Active, st.Sub = "active", "running"
	case !errors.As(err, &ended) || ended.ExitCode() < 0 || p.kind == SysV && ended.ExitCode() == 4:
		return State{}, fmt.Errorf("cannot ask %s: %w", p.kind, err)
	case ended.ExitCode() != 3: // SysV: 1 = it ended by itself; OpenRC: 32 = crashed
		st.Active, st.Sub = "failed", "failed"
	}
	return st, nil
}

func procdState(st State, out string) (State, error) {
	var services map[string]struct {
		Instances map[string]struct {
			Running  bool `json:"running"`
			PID      int  `json:"pid"`
			ExitCode *int `json:"exit_code"`
		} `json:"instances"`
	}
	if err := json.Unmarshal([]byte(out), &services); err != nil {
		return State{}, fmt.Errorf("cannot understand procd's answer: %w", err)
	}
	for _, in := range services[Name].Instances {
		switch {
		case in.Running:
			st.Active, st.Sub, st.PID = "active", "running", strconv.Itoa(in.PID)
		case in.ExitCode != nil && *in.ExitCode != 0:
			st.Active, st.Sub, st.Result, st.Exit = "failed", "failed", "exit-code", strconv.Itoa(*in.ExitCode)
		}
	}
	return st, nil
}

func parseState(out string) State {
	s := State{Init: Systemd}
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
