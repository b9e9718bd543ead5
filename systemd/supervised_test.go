package systemd

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What the init systems give their scripts, as far as these use it: each call is a line.
const (
	procdStandIn = `
say() { echo "$*"; }
procd_open_instance() { say open; }
procd_set_param() { say set "$@"; }
procd_close_instance() { say close; }
procd_send_signal() { say signal "$@"; }
stop() { say stop; }
start() { start_service; }
reload() { reload_service; }
. "$1"
start() { start_service; }
"$2"
`
	openrcStandIn = `
RC_SVCNAME=portti RC_CMD=$3
say() { echo "$*"; }
need() { say need "$@"; }
use() { :; }
want() { say want "$@"; }
after() { :; }
ebegin() { :; }
eend() { return "$1"; }
. "$1"
"$2"
`
)

// scripted runs one function of a script with such a stand-in.
func scripted(t *testing.T, kind Kind, standIn string, ready bool, words ...string) (said string, code int) {
	t.Helper()
	dir := t.TempDir()
	portti := "#!/bin/sh\necho \"portti $*\"\n"
	if !ready {
		portti += "exit 6\n"
	}
	_, text, err := Unit{Exec: dir + "/portti", Args: []string{"run", "-c", "/etc/portti/site.toml"}}.Script(kind)
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{"portti": portti, "script": text, "stand-in": standIn, "supervise-daemon": "#!/bin/sh\necho supervise \"$@\"\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(tool(t, "sh"), append([]string{dir + "/stand-in", dir + "/script"}, words...)...)
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(out), dir+"/", ""), cmd.ProcessState.ExitCode()
}

// TestProcdScript: what is not ready tells procd nothing, since no instance at all would
// mean the end of the one that runs.
func TestProcdScript(t *testing.T) {
	const prepared = "portti service prepare -c /etc/portti/site.toml --init procd\n"
	said, code := scripted(t, Procd, procdStandIn, true, "start")
	if code != 0 || !strings.HasPrefix(said, prepared+"open\n") || !strings.Contains(said, "set command portti run -c /etc/portti/site.toml\n") || !strings.HasSuffix(said, "close\n") {
		t.Errorf("start: %d\n%s", code, said)
	}
	for _, verb := range []string{"start", "restart"} {
		if said, code := scripted(t, Procd, procdStandIn, false, verb); code != 6 || said != prepared {
			t.Errorf("%s of what is not ready: %d\n%s", verb, code, said)
		}
	}
	if said, code := scripted(t, Procd, procdStandIn, true, "restart"); code != 0 || !strings.HasPrefix(said, prepared+"stop\n"+prepared+"open\n") {
		t.Errorf("restart: %d\n%s", code, said)
	}
	if said, code := scripted(t, Procd, procdStandIn, true, "reload"); code != 0 || said != "signal portti\n" {
		t.Errorf("reload: %d\n%s", code, said)
	}
}

func TestOpenRCScript(t *testing.T) {
	const prepared = "portti service prepare -c /etc/portti/site.toml --init openrc\n"
	for _, c := range []struct {
		ready    bool
		function string
		command  string
		code     int
		says     string
	}{
		{true, "start_pre", "start", 0, prepared},
		{false, "start_pre", "start", 6, prepared},
		{false, "stop_pre", "stop", 0, ""},
		{false, "stop_pre", "restart", 6, prepared},
		{true, "stop_pre", "restart", 0, prepared},
		{true, "reload", "reload", 0, "supervise portti --signal HUP --pidfile /run/supervise-portti.pid\n"},
		{true, "depend", "", 0, "want localmount\n"}, // not need: a machine without that service has its disks already
	} {
		said, code := scripted(t, OpenRC, openrcStandIn, c.ready, c.function, c.command)
		if code != c.code || said != c.says {
			t.Errorf("%+v: %d\n%s", c, code, said)
		}
	}
}
