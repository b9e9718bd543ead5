package systemd

import (
	"errors"
	"os"
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
		PID: "4711", Restarts: "2", Exit: "0", Enabled: "enabled", Init: Systemd}
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

func TestStateWithoutAnAnswer(t *testing.T) {
	s, m := testService(t)
	m.fails["systemctl show"] = errors.New("no bus")
	if _, err := s.State(); err == nil || !strings.Contains(err.Error(), "cannot ask systemd: no bus") {
		t.Errorf("error is %v", err)
	}
	if err := os.RemoveAll(m.root + "/run/systemd"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.State(); !errors.Is(err, ErrNoInit) {
		t.Errorf("error is %v", err)
	}
}

// TestStateOfScripts: what the other init systems say is told in the same words.
func TestStateOfScripts(t *testing.T) {
	for _, c := range []struct {
		init  Kind
		fails error
		says  string // by ubus
		want  string
		bad   bool
	}{
		{init: OpenRC, want: "portti is active (running), enabled at boot"},
		{init: OpenRC, fails: exitCode(3), want: "portti is stopped, enabled at boot"},
		{init: OpenRC, fails: exitCode(32), want: "portti has failed, enabled at boot"},
		{init: SysV, want: "portti is active (running), enabled at boot"},
		{init: SysV, fails: exitCode(1), want: "portti has failed, enabled at boot"},
		{init: SysV, fails: exitCode(3), want: "portti is stopped, enabled at boot"},
		{init: SysV, fails: exitCode(4), bad: true},
		{init: SysV, fails: errors.New("not a program"), bad: true},
		{init: Procd, says: `{"portti": {"instances": {"instance1": {"running": true, "pid": 4711}}}}`, want: "portti is active (running), enabled at boot, process 4711"},
		{init: Procd, says: `{"portti": {"instances": {"instance1": {"running": false, "exit_code": 78}}}}`,
			want: "portti has failed, enabled at boot\nlast end: exit-code, exit status 78; see the reason with  logread -e portti"},
		{init: Procd, says: `{}`, want: "portti is stopped, enabled at boot"},
		{init: Procd, says: `nonsense`, bad: true},
	} {
		s, m := testService(t)
		s.Init = c.init
		if _, err := s.Install(); err != nil {
			t.Fatal(c.init, err)
		}
		for _, command := range []string{"rc-service portti status", initScript + " status"} {
			if c.fails != nil {
				m.fails[command] = c.fails
			}
		}
		m.answers["ubus"] = c.says
		state, err := s.State()
		if (err != nil) != c.bad || err == nil && state.String() != c.want {
			t.Errorf("%s, %v, %s: says %q, %v", c.init, c.fails, c.says, state, err)
		}
	}
}

func FuzzParseState(f *testing.F) {
	f.Add(shown)
	f.Add("LoadState\n=\nLoadState=")
	f.Fuzz(func(t *testing.T, out string) { _ = parseState(out).String() })
}
