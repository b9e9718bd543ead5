package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func scriptOf(t *testing.T, kind Kind) string {
	t.Helper()
	u := Unit{Exec: "/usr/bin/portti", Args: []string{"run", "-c", "/etc/portti/site.toml"}}
	_, text, err := u.Script(kind)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// tool finds a program that is not on every machine.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed", name)
	}
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// TestScriptsSayWhatTheyMust names what packages and people rely on.
func TestScriptsSayWhatTheyMust(t *testing.T) {
	for kind, want := range map[Kind][]string{
		OpenRC: {"#!/sbin/openrc-run\n", `command="/usr/bin/portti"`, `command_args="run -c /etc/portti/site.toml"`, `command_user="portti:portti"`,
			"supervisor=\"supervise-daemon\"", "respawn_max=0", "extra_started_commands=\"reload\"", "--signal HUP", "/usr/bin/portti service prepare -c /etc/portti/site.toml --init openrc"},
		Procd: {"#!/bin/sh /etc/rc.common\n", "USE_PROCD=1", "procd_set_param command /usr/bin/portti run -c /etc/portti/site.toml\n", "procd_set_param user portti\n",
			"procd_set_param respawn 0 5 0\n", "procd_send_signal portti", "/usr/bin/portti service prepare -c /etc/portti/site.toml --init procd || exit 6"},
		SysV: {"#!/bin/sh\n### BEGIN INIT INFO\n# Provides:          portti\n", "# Default-Start:     2 3 4 5\n", "exec=/usr/bin/portti\n", `args="run -c /etc/portti/site.toml"`, "6 | 78)",
			`"$exec" service prepare -c /etc/portti/site.toml --init sysv || exit 6`},
		Systemd: {"ExecStart=/usr/bin/portti run -c /etc/portti/site.toml\n"},
	} {
		text := scriptOf(t, kind)
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: the file lacks %q", kind, w)
			}
		}
		if place := regexp.MustCompile("@[A-Z]+@").FindString(text); place != "" {
			t.Errorf("%s: %s was not filled in", kind, place)
		}
	}
}

func TestScriptRefuses(t *testing.T) {
	if _, _, err := (Unit{Exec: "/usr/bin/portti"}).Script("upstart"); err == nil || !strings.Contains(err.Error(), "systemd openrc sysv procd") {
		t.Errorf("an unknown init system: %v", err)
	}
	for _, kind := range Kinds() {
		if _, text, err := (Unit{Exec: "/opt/my tools/portti"}).Script(kind); err == nil {
			t.Errorf("%s: a path with a blank was written:\n%s", kind, text)
		}
	}
}

// TestScriptsAreShell has every shell that is here, and shellcheck, read the scripts.
func TestScriptsAreShell(t *testing.T) {
	dir := t.TempDir()
	for _, kind := range []Kind{OpenRC, SysV, Procd} {
		path := filepath.Join(dir, string(kind))
		if err := os.WriteFile(path, []byte(scriptOf(t, kind)), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, shell := range [][]string{{"sh", "-n"}, {"dash", "-n"}, {"busybox", "sh", "-n"}} {
			if _, err := exec.LookPath(shell[0]); err != nil {
				continue
			}
			if out, err := exec.Command(shell[0], append(shell[1:], path)...).CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %v\n%s", kind, shell, err, out)
			}
		}
	}
	t.Run("shellcheck", func(t *testing.T) {
		for _, kind := range []Kind{OpenRC, SysV, Procd} {
			// what nobody seems to call, the init system does
			out, err := exec.Command(tool(t, "shellcheck"), "--shell=sh", "--exclude=SC2317,SC2329", filepath.Join(dir, string(kind))).CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v\n%s", kind, err, out)
			}
		}
	})
}
