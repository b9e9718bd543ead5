package systemd

import (
	"errors"
	"strings"
	"testing"
)

const shown = `Type=notify
Restart=always
NRestarts=2
MainPID=4711
Result=success
StatusText=online, a=b, 12 waiting
ExecMainStatus=0
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
`

func TestStateReadsSystemctl(t *testing.T) {
	s, m := testService(t)
	m.answers["systemctl show"] = shown
	state, err := s.State()
	if err != nil {
		t.Fatal(err)
	}
	want := State{Load: "loaded", Active: "active", Sub: "running", Text: "online, a=b, 12 waiting", Result: "success",
		PID: "4711", Restarts: "2", Exit: "0", Enabled: "enabled"}
	if state != want {
		t.Errorf("got %+v", state)
	}
	if !state.Installed() || !state.Running() {
		t.Errorf("installed %v, running %v", state.Installed(), state.Running())
	}
	if got := state.String(); got != "portti is active (running), enabled at boot, process 4711, restarted 2 times by systemd\nonline, a=b, 12 waiting" {
		t.Errorf("says %q", got)
	}
}

func TestStateOfWhatDoesNotRun(t *testing.T) {
	for _, c := range []struct {
		state              State
		installed, running bool
		says               string
	}{
		{State{Load: "not-found", Active: "inactive"}, false, false, "not installed"},
		{State{}, false, false, "not installed"},
		{State{Load: "loaded", Active: "inactive", Sub: "dead", Enabled: "disabled"}, true, false, "portti is stopped, disabled at boot"},
		{State{Load: "loaded", Active: "failed", Sub: "failed", Result: "exit-code", Exit: "78", Text: "ended: a.toml:1:1: x"}, true, false, "last words: ended: a.toml:1:1: x"},
		{State{Load: "loaded", Active: "failed", Sub: "failed", Result: "exit-code", Exit: "78"}, true, false, "exit status 78"},
		{State{Load: "loaded", Active: "activating", Sub: "auto-restart", Result: "watchdog"}, true, false, "watchdog"},
		{State{Load: "loaded", Active: "reloading", Sub: "reload"}, true, true, "reloading"},
	} {
		if c.state.Installed() != c.installed || c.state.Running() != c.running || !strings.Contains(c.state.String(), c.says) {
			t.Errorf("%+v: installed %v, running %v, says %q", c.state, c.state.Installed(), c.state.Running(), c.state)
		}
	}
}

// TestStateAfterAStop: what the daemon said while it ran is not said of a stopped one.
func TestStateAfterAStop(t *testing.T) {
	state := State{Load: "loaded", Active: "inactive", Sub: "dead", Enabled: "enabled", Result: "success", Text: "Readings reach the server, nothing lost."}
	if got := state.String(); got != "portti is stopped, enabled at boot" {
		t.Errorf("says %q", got)
	}
}

func TestStateWithoutSystemd(t *testing.T) {
	s, m := testService(t)
	m.fails["systemctl --version"] = errors.New("not found")
	if _, err := s.State(); !errors.Is(err, ErrNoSystemd) {
		t.Errorf("error is %v", err)
	}
	delete(m.fails, "systemctl --version")
	m.fails["systemctl show"] = errors.New("no bus")
	if _, err := s.State(); err == nil || errors.Is(err, ErrNoSystemd) {
		t.Errorf("error is %v", err)
	}
}

func FuzzParseState(f *testing.F) {
	f.Add(shown)
	f.Add("LoadState\n=\nLoadState=")
	f.Fuzz(func(t *testing.T, out string) { _ = parseState(out).String() })
}
