package doctor

import (
	"errors"
	"slices"
	"testing"

	"portti/cmd/portti/status"
)

// unit is what systemctl show says, with these lines instead of the usual ones.
func (w *world) unit(lines string) {
	w.file("/proc/uptime", "100000.00 1.00\n")
	w.says["systemctl show"] = "LoadState=loaded\nActiveState=active\nSubState=running\nResult=success\nExecMainStatus=0\nUnitFileState=enabled\nNRestarts=0\nMainPID=812\nNeedDaemonReload=no\nActiveEnterTimestampMonotonic=20000000\n" + lines
}

// dead is a gateway that was killed: its socket is there, and nobody listens.
func (w *world) dead() {
	w.host.StatusErr = errors.New("portti is not running (nobody listens on /run/portti/portti.sock). Start it: sudo portti service start")
}

func TestServiceChecks(t *testing.T) {
	try(t, []row{
		{"C06", "in order", func(w *world) {
			w.service("dialout")
			w.unit("")
			w.running()
			w.says["/usr/bin/portti version"] = `{"version": "1.2.0"}`
		}, Pass, "1.2.0 everywhere", ""},
		{"C06", "nothing to compare", func(*world) {}, Skip, "does not run", ""},
		{"C06", "another runs", func(w *world) { w.running().Version = "1.1.0" }, Warn, "Version 1.1.0 runs", "sudo portti service restart"},
		{"C06", "another is installed", func(w *world) { w.service(""); w.says["/usr/bin/portti version"] = `{"version": "1.1.0"}` }, Warn, "starts version 1.1.0", "/usr/bin/portti version"},
		{"C06", "replaced", func(w *world) {
			w.service("")
			w.unit("")
			w.link("/proc/812/exe", "/usr/bin/portti (deleted)")
			w.running()
		}, Warn, "the one before still runs", "sudo portti service restart"},
		{"C06", "unit changed", func(w *world) { w.service(""); w.unit("NeedDaemonReload=yes\n") }, Warn, "unit was changed", "sudo systemctl daemon-reload && sudo portti service restart"},
		{"C06", "program gone", func(w *world) {
			w.service("")
			w.file("/etc/systemd/system/portti.service", "[Service]\nUser=portti\nExecStart=/opt/portti run\n")
		}, Fail, "/opt/portti, which is not there", "sudo portti service install"},

		{"C07", "in order", func(w *world) { w.unit("") }, Pass, "active, enabled at boot", ""},
		{"C07", "no systemd", func(*world) {}, Skip, "systemd does not run here", ""},
		{"C07", "no systemd, and killed", func(w *world) { w.dead() }, Fail, "The gateway does not run: nobody listens on /run/portti/portti.sock.", "sudo portti run -c /srv/portti/portti.toml"},
		{"C07", "no systemd, and the service killed", func(w *world) { w.service(""); w.dead() }, Fail, "does not run", "sudo portti service start"},
		{"C07", "no systemd, and not asked", func(w *world) { w.host.StatusErr = errors.New("no permission for S. Use sudo") }, Skip, "systemd does not run here", ""},
		{"C07", "none, and killed", func(w *world) { w.unit("LoadState=not-found\n"); w.dead() }, Fail, "no gateway runs", "sudo portti service install"},
		{"C07", "another one was killed", func(w *world) { w.unit(""); w.dead() }, Fail, "no gateway answers where it is asked", "sudo portti service restart"},
		{"C07", "by hand", func(w *world) { w.unit("LoadState=not-found\n"); w.running() }, Skip, "started by hand", ""},
		{"C07", "none", func(w *world) { w.unit("LoadState=not-found\n") }, Fail, "No service is installed", "sudo portti service install"},
		{"C07", "masked", func(w *world) { w.unit("LoadState=masked\n") }, Fail, "masked", "sudo systemctl unmask portti && sudo portti service start"},
		{"C07", "stopped", func(w *world) { w.unit("ActiveState=inactive\n") }, Fail, "stopped", "sudo portti service start"},
		{"C07", "bad configuration", func(w *world) { w.unit("ActiveState=failed\nResult=exit-code\nExecMainStatus=78\n") }, Fail, "configuration has mistakes", "sudo portti config check"},
		{"C07", "no configuration", func(w *world) { w.unit("ActiveState=failed\nResult=exit-code\nExecMainStatus=6\n") }, Fail, "no configuration", "sudo portti setup"},
		{"C07", "failed", func(w *world) {
			w.unit("ActiveState=failed\nResult=signal\nExecMainStatus=9\n")
			w.says["journalctl -u portti"] = "the buffer is \x1b[31mred\n"
		}, Fail, `signal, exit status 9. It said: the buffer is \x1b[31mred`, "journalctl -u portti -n 30"},
		{"C07", "does not stay up", func(w *world) {
			w.unit("ActiveState=activating\nSubState=auto-restart\nNRestarts=12\nResult=exit-code\nExecMainStatus=1\n")
		}, Fail, "12 times, the last end was exit-code, exit status 1", "journalctl -u portti -n 30"},
		{"C07", "restarts", func(w *world) {
			w.unit("NRestarts=5\nActiveEnterTimestampMonotonic=99000000000\n")
			w.running().Started = status.Started{Reason: status.StartMemory}
		}, Warn, "Started again after the kernel ran out of memory", "journalctl -u portti --since -1h -p warning"},
		{"C07", "restarts of long ago", func(w *world) { w.unit("NRestarts=5\n") }, Pass, "5 restarts", ""},
		{"C07", "not at boot", func(w *world) { w.unit("UnitFileState=disabled\n") }, Warn, "not enabled", "sudo systemctl enable portti"},
		{"C07", "told by the gateway", func(w *world) {
			w.unit("")
			w.problem("DEV-CRASH", status.Error, "d1", "d1: the driver met something that it could not handle.")
		}, Fail, "the driver met", ""},

		{"C08", "in order", func(w *world) { w.service("dialout"); w.devices("/dev/ttyUSB0") }, Pass, "portti", ""},
		{"C08", "no service", func(*world) {}, Skip, "no service", ""},
		{"C08", "not in the group", func(w *world) { w.service(""); w.devices("/dev/ttyUSB0") }, Fail, "not in the group dialout", "sudo usermod -aG dialout portti && sudo portti service restart"},
		{"C08", "not in the group and no port", func(w *world) { w.service("") }, Pass, "portti", ""},
		{"C08", "user gone", func(w *world) { w.service(""); w.file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n") }, Fail, "names a user", "sudo portti service install"},
		{"C08", "root", func(w *world) {
			w.service("")
			w.file("/etc/systemd/system/portti.service", "[Service]\nExecStart=/usr/bin/portti run\n")
		}, Warn, "runs as root", "systemctl cat portti"},
		{"C08", "no group", func(w *world) {
			w.service("")
			w.devices("/dev/ttyUSB0")
			w.file("/etc/group", "root:x:0:\nportti:x:99990:\n")
		}, Warn, "neither dialout nor uucp", "ls -l /dev/tty[UAS]*"},
	})
}

func TestServiceFixes(t *testing.T) {
	w := newWorld(t)
	w.service("")
	w.devices("/dev/ttyUSB0")
	w.unit("UnitFileState=disabled\n")
	w.says["systemctl enable"], w.says["usermod"] = "", ""
	for _, id := range []string{"C07", "C08"} {
		fix := w.look(id)[0].Fix
		if fix == nil || fix.Undo == "" {
			t.Fatalf("%s: %+v", id, fix)
		}
		if err := fix.Do(t.Context(), w.host); err != nil {
			t.Error(err)
		}
	}
	for _, want := range []string{"systemctl enable portti.service", "usermod -aG dialout portti"} {
		if !slices.Contains(w.ran, want) {
			t.Errorf("%q was not run, but %q", want, w.ran)
		}
	}
}
