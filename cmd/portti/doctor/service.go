package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"portti/cmd/portti/status"
	"portti/systemd"
)

func serviceChecks() []Check {
	return []Check{
		{ID: "C06", Family: "SYS", Title: "one version", Run: checkVersions},
		{ID: "C07", Family: "SYS", Title: "service", Run: checkService, Codes: []string{"SYS-SOCKET", "DEV-CRASH"}},
		{ID: "C08", Family: "SYS", Title: "user and groups", Run: checkUser},
	}
}

const restartIt = "`sudo portti service restart`"

// unitState is what systemd says of the service, by the names of its properties.
func unitState(ctx context.Context, h *Host) (map[string]string, error) {
	if h.Run == nil {
		return nil, fs.ErrNotExist
	}
	out, err := h.Run(ctx, "systemctl", "show", "--no-pager", "--property=LoadState,ActiveState,SubState,Result,ExecMainStatus,UnitFileState,NRestarts,MainPID,NeedDaemonReload,ActiveEnterTimestampMonotonic", systemd.Name+".service")
	if err != nil {
		return nil, err
	}
	state := map[string]string{}
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		state[key] = value
	}
	return state, nil
}

// checkVersions: after an update the old program runs on until it is restarted.
func checkVersions(ctx context.Context, h *Host, r *Report) {
	view, _ := systemd.ViewOf(h.Root)
	if h.Status == nil && view.Exec == "" {
		r.Skip("%s", h.unasked())
		return
	}
	if s := h.Status; s != nil && s.Version != h.Version {
		r.Warn("", fmt.Sprintf("Version %s runs, and this program is %s.", status.Clean(s.Version, 40), h.Version),
			"Start the one that is installed: "+restartIt, "See which one that is: `command -v portti; portti version`")
	}
	state, err := unitState(ctx, h)
	if err != nil {
		state = map[string]string{}
	}
	if state["NeedDaemonReload"] == "yes" {
		r.Warn("", "The unit was changed since systemd read it.", "Have it read again, and restart: `sudo systemctl daemon-reload && sudo portti service restart`")
	}
	if exe, err := os.Readlink(h.below("/proc/" + state["MainPID"] + "/exe")); err == nil && strings.HasSuffix(exe, " (deleted)") && len(r.results) == 0 {
		r.Warn("", "The program was replaced since the service started: the one before still runs.", "Start the new one: "+restartIt)
	}
	if view.Exec != "" {
		checkExec(ctx, h, r, view.Exec)
	}
	if len(r.results) == 0 {
		r.Pass("%s everywhere", h.Version)
	}
}

// checkExec looks at the program that the unit starts.
func checkExec(ctx context.Context, h *Host, r *Report, program string) {
	if _, err := os.Stat(h.below(program)); errors.Is(err, fs.ErrNotExist) {
		r.Fail(program, "The unit starts "+program+", which is not there.", "Install it again, with the program at hand: `sudo portti service install`")
		return
	}
	if h.Run == nil {
		return
	}
	out, err := h.Run(ctx, program, "version", "--json")
	var installed struct {
		Version string `json:"version"`
	}
	if err == nil && json.Unmarshal([]byte(out), &installed) == nil && installed.Version != h.Version {
		r.Warn(program, fmt.Sprintf("The service starts version %s, and this program is %s.", status.Clean(installed.Version, 40), h.Version),
			"Use the installed one: `"+program+" version`", "Or install this one: `sudo portti service install`")
	}
}

// often is how many restarts within an hour say that something is wrong, and not that
// something was.
const often = 3

func checkService(ctx context.Context, h *Host, r *Report) {
	state, err := unitState(ctx, h)
	switch {
	case err != nil && h.stopped():
		tellStopped(h, r)
		return
	case err != nil:
		r.Skip("systemd does not run here; of other init systems ask portti service status")
		return
	case state["LoadState"] == "masked":
		r.Fail("", "The service is masked: nothing can start it.", "Unmask and start it: `sudo systemctl unmask portti && sudo portti service start`")
		return
	case state["LoadState"] != "loaded" && h.Status != nil:
		r.Skip("the gateway that runs was started by hand, and no service is installed")
		return
	case state["LoadState"] != "loaded":
		r.Fail("", "No service is installed, and no gateway runs.", "Install it: `sudo portti service install`")
		return
	}
	restarts, _ := strconv.Atoi(state["NRestarts"])
	recent := activeFor(h, state) < time.Hour
	switch active := state["ActiveState"]; {
	case active == "failed" || active == "inactive" && state["Result"] != "success":
		tellEnded(ctx, h, r, state)
	case active == "inactive":
		r.Fail("", "The service is stopped.", "Start it: `sudo portti service start`")
	case active == "activating" && restarts > 0:
		r.Fail("", fmt.Sprintf("The service does not stay up: systemd started it again %s, the last end was %s.%s", count(restarts, "time"), ending(state), lastLine(ctx, h)),
			"See why: `journalctl -u portti -n 30`", "See whether it is the configuration: `sudo portti config check`")
	case restarts > often && recent:
		r.Warn("", fmt.Sprintf("systemd started the service again %d times since it was started by hand, the last time within this hour.%s%s", restarts, lastEnd(h), lastLine(ctx, h)),
			"See why: `journalctl -u portti --since -1h -p warning`")
	}
	if len(r.results) == 0 && state["ActiveState"] == "active" && h.stopped() {
		r.Fail("", "The service runs, and no gateway answers where it is asked: "+h.whyStopped()+".",
			"If it is to listen there, have the socket made again: "+restartIt, "If it is another gateway, start that: `sudo "+h.verb("run")+"`")
	}
	if unit := state["UnitFileState"]; unit == "disabled" {
		r.Warn("", "The service is not enabled: it does not start at the next boot.", "Enable it: `sudo systemctl enable portti`").
			Fix = &Fix{Does: "systemctl enable portti", Undo: "sudo systemctl disable portti", Do: func(ctx context.Context, h *Host) error {
			_, err := h.Run(ctx, "systemctl", "enable", systemd.Name+".service")
			return err
		}}
	}
	if len(r.results) == 0 {
		r.Pass("%s, %s at boot, %s by systemd", state["ActiveState"], state["UnitFileState"], count(restarts, "restart"))
	}
}

// tellStopped tells of a gateway that no systemd looks after, and that does not run.
func tellStopped(h *Host, r *Report) {
	start := "Start it as it was started before, such as: `sudo portti run -c " + h.ConfigPath + "`"
	if _, installed := systemd.ViewOf(h.Root); installed {
		start = "Start it: `sudo portti service start`"
	}
	r.Fail("", "The gateway does not run: "+h.whyStopped()+".", start)
}

// tellEnded tells of a service that systemd has given up.
func tellEnded(ctx context.Context, h *Host, r *Report, state map[string]string) {
	switch state["ExecMainStatus"] {
	case "78":
		r.Fail("", "The service does not start: its configuration has mistakes.", "See every mistake with its place: `sudo portti config check`", "When they are corrected: `sudo portti service start`")
	case "6":
		r.Fail("", "The service does not start: it has no configuration.", "Answer a few questions: `sudo portti setup`")
	default:
		r.Fail("", "The service has failed: "+ending(state)+"."+lastLine(ctx, h), "See why: `journalctl -u portti -n 30`", "Then: `sudo portti service start`")
	}
}

func ending(state map[string]string) string {
	return fmt.Sprintf("%s, exit status %s", state["Result"], state["ExecMainStatus"])
}

func lastEnd(h *Host) string {
	if h.Status == nil || !h.Status.Started.Unclean() {
		return ""
	}
	return " " + h.Status.Started.Sentence()
}

// lastLine is the last thing that the service said that was not in order.
func lastLine(ctx context.Context, h *Host) string {
	out, err := h.Run(ctx, "journalctl", "-u", systemd.Name, "-p", "warning", "-n", "1", "-o", "cat", "--no-pager", "-q")
	if out = strings.TrimSpace(out); err != nil || out == "" {
		return ""
	}
	return " It said: " + status.Clean(out, 160)
}

// activeFor is how long the service has run.
func activeFor(h *Host, state map[string]string) time.Duration {
	up, _, _ := strings.Cut(h.Read("/proc/uptime"), " ")
	now, err := strconv.ParseFloat(up, 64)
	since, sinceErr := strconv.ParseInt(state["ActiveEnterTimestampMonotonic"], 10, 64)
	if err != nil || sinceErr != nil {
		return 0
	}
	return time.Duration(now*float64(time.Second)) - time.Duration(since)*time.Microsecond
}

// serialGroup is the group that serial ports have here, dialout on most systems; ok is
// false where there is none.
func serialGroup(h *Host) (name string, gid int, ok bool) {
	for line := range strings.Lines(h.Read("/etc/group")) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) >= 3 && (f[0] == "dialout" || f[0] == "uucp" && name == "") {
			if id, err := strconv.Atoi(f[2]); err == nil {
				name, gid, ok = f[0], id, true
			}
		}
	}
	return name, gid, ok
}

func checkUser(_ context.Context, h *Host, r *Report) {
	view, ok := systemd.ViewOf(h.Root)
	if !ok {
		for _, dir := range []string{"etc", "usr/lib", "lib"} {
			if _, err := fs.Stat(h.Root, dir+"/systemd/system/"+systemd.Name+".service"); err == nil {
				r.Fail("", "The unit names a user that this machine does not have.", "Make user and group: `sudo portti service install`")
				return
			}
		}
		r.Skip(noService)
		return
	}
	if view.UID == 0 {
		r.Warn("", "The service runs as root: a fault in it would have all rights.", "See who says so: `systemctl cat portti`", "Give it its own user again: take User=root out, then `sudo portti service install`")
	}
	group, gid, there := serialGroup(h)
	switch {
	case view.UID == 0 || len(h.serial()) == 0:
	case !there:
		r.Warn("", "No group owns the serial ports here: there is neither dialout nor uucp.", "See who owns them: `ls -l /dev/tty[UAS]*`")
	case view.GID != gid && !slices.Contains(view.Groups, gid):
		command := "usermod -aG " + group + " " + view.User
		r.Fail(view.User, fmt.Sprintf("The service's user %s is not in the group %s, which owns the serial ports.", view.User, group), "Put it there: `sudo "+command+" && sudo portti service restart`").
			Fix = &Fix{Does: command + " (it holds from the service's next start on)", Undo: "sudo gpasswd -d " + view.User + " " + group,
			Do: func(ctx context.Context, h *Host) error {
				_, err := h.Run(ctx, "usermod", "-aG", group, view.User)
				return err
			}}
	}
	if len(r.results) == 0 {
		r.Pass("%s", view.User)
	}
}
