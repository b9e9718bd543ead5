package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"portti/cmd/portti/config"
	"portti/device"
	"portti/systemd"
)

func configurationChecks() []Check {
	return []Check{
		{ID: "C01", Family: "CFG", Title: "configuration", Run: checkConfiguration,
			Codes: []string{"CFG-INVALID", "CFG-NO-DEVICE", "CFG-NO-SERVER", "CFG-ON-TRIAL", "CFG-REFUSED", "CFG-TAKEN-BACK", "CFG-UNFIT", "CFG-UNPROVEN"}},
		{ID: "C02", Family: "CFG", Title: "who may read and write it", Run: checkModes},
		{ID: "C03", Family: "CFG", Title: "a port for each device", Run: checkShared},
		{ID: "C04", Family: "CFG", Title: "names of ports that stay", Run: checkNames, Codes: []string{"DEV-RENUMBERED"}},
		{ID: "C05", Family: "CFG", Title: "settings in the environment", Run: checkEnvironment},
	}
}

// inEnvironment begins the place of a mistake that C05 tells.
const inEnvironment = "environment "

// checkConfiguration tells what Load found. Where that includes what the machine does not
// grant, it says more than the running gateway's CFG-UNFIT: it has the place.
func checkConfiguration(_ context.Context, h *Host, r *Report) {
	var bad *config.Error
	switch {
	case h.Config == nil && h.ConfigErr == nil:
		r.Skip("no configuration was looked for")
	case errors.Is(h.ConfigErr, config.ErrNotConfigured):
		r.Fail(h.ConfigPath, "There is no configuration.", "Answer a few questions: `sudo "+h.verb("setup")+"`", "Or begin with a sample: `portti config create | sudo tee "+h.ConfigPath+"`")
	case errors.As(h.ConfigErr, &bad):
		// These are the mistakes for which the gateway did not take the files.
		r.results = slices.DeleteFunc(r.results, func(res Result) bool { return res.Code == "CFG-INVALID" })
		tellFaults(h, r, bad.Faults)
	case h.ConfigErr != nil:
		r.Fail(h.ConfigPath, "The configuration cannot be read: "+h.ConfigErr.Error()+".", "See what it is: `ls -l "+h.ConfigPath+"`")
	default:
		if len(h.Config.Unfit) > 0 {
			r.results = slices.DeleteFunc(r.results, func(res Result) bool { return res.Code == "CFG-UNFIT" })
		}
		for _, f := range h.Config.Unfit {
			r.Fail(place(f), sentence(f.Text), hints(h, f)...)
		}
		for _, f := range h.Config.Warnings {
			if f.Key == "device" {
				if !slices.ContainsFunc(r.results, func(res Result) bool { return res.Code == "CFG-NO-DEVICE" }) {
					r.Warn(h.ConfigPath, sentence(f.Text), "Find out what is connected, and add it: `sudo "+h.verb("discover")+" --add`")
				}
				continue
			}
			r.Warn(place(f), sentence(f.Text), hints(h, f)...)
		}
		if len(r.results) == 0 {
			r.Pass("%s, %s", count(len(h.Config.Files), "file"), count(len(h.devices()), "device"))
		}
	}
}

// tellFaults tells the first ones: more make nobody wiser.
func tellFaults(h *Host, r *Report, faults []config.Fault) {
	faults = slices.DeleteFunc(slices.Clone(faults), func(f config.Fault) bool { return strings.HasPrefix(f.File, inEnvironment) })
	unread := func(f config.Fault) bool { return strings.Contains(f.Text, "cannot be read: permission denied") }
	if h.UID != 0 && slices.ContainsFunc(faults, unread) {
		r.WantRoot("the configuration may be read by root and the service alone")
		return
	}
	const most = 5
	for _, f := range faults[:min(len(faults), most)] {
		r.Fail(place(f), sentence(f.Text), hints(h, f)...)
	}
	if more := len(faults) - most; more > 0 {
		r.Fail(h.ConfigPath, fmt.Sprintf("%d more mistakes.", more), "See them all: `sudo "+h.verb("config check")+"`")
	}
}

func place(f config.Fault) string {
	if f.Line == 0 {
		return f.File
	}
	return fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
}

func sentence(text string) string {
	text = strings.TrimRight(text, ".") + "."
	return strings.ToUpper(text[:1]) + text[1:]
}

func hints(h *Host, f config.Fault) []string {
	show := "See the line, with a mark under the place: `sudo " + h.verb("config check") + "`"
	if f.Hint == "" {
		return []string{show}
	}
	if before, command, ok := strings.Cut(f.Hint, ": sudo "); ok {
		end := strings.IndexAny(command, ",;")
		if end < 0 {
			end = len(command)
		}
		return []string{strings.ToUpper(before[:1]) + before[1:] + ": `sudo " + command[:end] + "`" + command[end:]}
	}
	return []string{strings.ToUpper(f.Hint[:1]) + f.Hint[1:], show}
}

// The rights that files and folders of a configuration must not have.
const (
	othersWrite = 0o002
	othersRead  = 0o004
)

// checkModes: whoever may write the configuration decides where readings go, and whoever
// reads the token can send in this gateway's name.
func checkModes(_ context.Context, h *Host, r *Report) {
	if h.Config == nil {
		r.Skip(noConfig)
		return
	}
	seen := 0
	for _, path := range h.Config.Files {
		seen++
		if !judgeMode(h, r, path, othersWrite, "Everybody may change the configuration.") {
			continue
		}
		text, err := os.ReadFile(h.below(path))
		if err == nil && config.HoldsSecret(string(text)) {
			judgeMode(h, r, path, othersRead, "It holds a secret, and everybody may read it.")
		}
	}
	for _, dir := range []string{filepath.Dir(h.ConfigPath), filepath.Join(filepath.Dir(h.ConfigPath), "conf.d")} {
		judgeMode(h, r, dir, othersWrite, "Everybody may put files into the folder of the configuration.")
	}
	u := h.Config.Uplink
	for _, path := range []string{u.TokenFile, u.ClientKey, u.OAuth.SecretFile, u.OAuth.RefreshFile, u.Login.PasswordFile} {
		if path == "" {
			continue
		}
		seen++
		judgeMode(h, r, path, othersRead|othersWrite, "Everybody may read this secret.")
	}
	if len(r.results) == 0 {
		r.Pass("%s, nothing open to everybody that should not be", count(seen, "file"))
	}
}

// judgeMode reports a file or folder with one of the rights in wrong, and whether it has
// none. What is not there is another check's.
func judgeMode(h *Host, r *Report, path string, wrong fs.FileMode, say string) bool {
	info, err := os.Stat(h.below(path))
	if err != nil || info.Mode()&wrong == 0 || info.Mode()&fs.ModeSticky != 0 {
		return true
	}
	now := info.Mode().Perm()
	mode := now &^ 0o007
	if wrong == othersWrite {
		mode = now &^ 0o022
	}
	fix := fmt.Sprintf("chmod %o %s", mode, path)
	closed := lockedOut(h, info, mode)
	if closed { // nobody but others could have read it as the service
		fix = fmt.Sprintf("chgrp %s %s && sudo chmod 640 %s", systemd.Name, path, path)
	}
	action := "Take the right away: `sudo " + fix + "`"
	if now&othersWrite == 0 {
		r.Warn(path, say, action)
	} else {
		r.Fail(path, say, action)
	}
	if link, err := os.Lstat(h.below(path)); !closed && err == nil && link.Mode()&fs.ModeSymlink == 0 { // where a link leads is for a person to judge
		r.results[len(r.results)-1].Fix = &Fix{Does: fix, Undo: fmt.Sprintf("sudo chmod %o %s", now, path), Do: func(context.Context, *Host) error {
			return chmodSame(h.below(path), info, mode)
		}}
	}
	return false
}

// chmodSame gives a file another mode if it is still the one that was judged. Root mends
// in folders that others may write in, who could have put a link in its place meanwhile.
func chmodSame(path string, judged fs.FileInfo, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !os.SameFile(info, judged) || info.Mode() != judged.Mode() {
		return fmt.Errorf("%s is not what it was a moment ago, and was left alone", path)
	}
	return f.Chmod(mode)
}

// lockedOut says whether the service could not read a file with that mode.
func lockedOut(h *Host, info fs.FileInfo, mode fs.FileMode) bool {
	view, ok := systemd.ViewOf(h.Root)
	st, isUnix := info.Sys().(*syscall.Stat_t)
	if !ok || !isUnix {
		return false
	}
	return !may(view, int(st.Uid), int(st.Gid), uint32(mode.Perm()), 4)
}

// may says whether the service has the rights in want (4 read, 6 read and write) to what
// has that owner, group and mode.
func may(v systemd.View, uid, gid int, mode, want uint32) bool {
	switch {
	case v.UID == 0:
		return true
	case v.UID == uid:
		return mode>>6&want == want
	case v.GID == gid || slices.Contains(v.Groups, gid):
		return mode>>3&want == want
	}
	return mode&want == want
}

// checkShared: the second device of a port gets "in use" for ever, whatever names the two
// have for it.
func checkShared(_ context.Context, h *Host, r *Report) {
	if h.Config == nil {
		r.Skip(noConfig)
		return
	}
	first := map[string]device.Config{}
	serial := h.present()
	for _, d := range serial {
		if other, taken := first[d.node]; taken {
			r.Fail(d.Name, fmt.Sprintf("%s and %s are both at %s, and a port has one reader.", other.Name, d.Name, d.node),
				fmt.Sprintf("Give one of them another port, or take it out: %s (%s), %s (%s)", other.Name, h.set(other.Name, "port"), d.Name, h.set(d.Name, "port")), "See which ports there are: `sudo portti discover`")
			continue
		}
		first[d.node] = d.Config
	}
	if len(r.results) == 0 {
		r.Pass("%s at serial ports, each at one of its own", count(len(serial), "device"))
	}
}

func checkNames(_ context.Context, h *Host, r *Report) {
	if h.Config == nil {
		r.Skip(noConfig)
		return
	}
	ports := device.PortsIn(h.Path)
	for _, d := range h.serial() {
		if !unstable.MatchString(d.Port) {
			continue
		}
		say := "The port goes by a number (" + d.Port + "), which changes when adapters are plugged in in another order."
		i := slices.IndexFunc(ports, func(p device.SerialPort) bool { return p.Path == d.node })
		switch {
		case i < 0:
			r.Warn(d.Name, say, "When it is plugged in, see which name stays: `sudo portti discover`")
		case asWritten(ports[i]) == "":
			r.Warn(d.Name, say+" "+ports[i].Note, "See how adapters can be told apart: `ls -l /dev/serial/by-path/`")
		default:
			actions := []string{fmt.Sprintf("Write %s, instead of port: %s", h.set(d.Name, "port"), asWritten(ports[i])), "Then: `sudo " + h.verb("reload") + "`"}
			if ports[i].Note != "" {
				actions = append(actions, ports[i].Note)
			}
			r.Warn(d.Name, say, actions...)
		}
	}
}

// checkEnvironment: what is set in a shell is not set for the service, and the other way
// round it wins over the files.
func checkEnvironment(_ context.Context, h *Host, r *Report) {
	view, service := systemd.ViewOf(h.Root)
	service = service && view.Config != ""
	for _, f := range config.EnvironFaults(view.Env) {
		r.Fail(strings.TrimPrefix(f.File, inEnvironment), "The service's environment: "+f.Text+". The gateway does not start with it.", sentenceOr(f.Hint), "It is set in the unit or in a file that it names: `systemctl cat portti`")
	}
	var mine, unseen []string
	for _, e := range h.Environ {
		name, _, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, "PORTTI_") {
			continue
		}
		faults := config.EnvironFaults([]string{e})
		for _, f := range faults {
			r.Fail(name, "The environment of this shell: "+f.Text+". No verb of portti reads the configuration with it.", sentenceOr(f.Hint), "Take it away: `unset "+name+"`")
		}
		if len(faults) == 0 {
			mine = append(mine, name)
			if service && !slices.Contains(view.Env, e) {
				unseen = append(unseen, name)
			}
		}
	}
	if len(unseen) > 0 {
		r.Warn(strings.Join(unseen, ", "), "Set in this shell, but not so for the service, which does not see it: here portti may look at another configuration than the one that runs.",
			"Take it away here: `unset "+strings.Join(unseen, " ")+"`", "Or write it into the configuration, where it has the name that this shows: `portti config show --origin`")
	}
	if len(r.results) == 0 && len(mine)+len(view.Env) > 0 {
		r.Pass("%s for the service, %d in this shell", count(len(view.Env), "setting"), len(mine))
	}
}

func sentenceOr(hint string) string {
	if hint == "" {
		return "See which names there are: `portti config show`"
	}
	return strings.ToUpper(hint[:1]) + hint[1:]
}
