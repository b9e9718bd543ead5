package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"portti/device"
	"portti/systemd"
)

func portChecks() []Check {
	return []Check{
		{ID: "C09", Family: "HW", Title: "rights to the ports", Run: checkRights, Codes: []string{"HW-PERMISSION"}},
		{ID: "C10", Family: "HW", Title: "nobody else at the ports", Run: checkHolders, Codes: []string{"DEV-BUSY", "DEV-SHARE"}},
		{ID: "C11", Family: "HW", Title: "ports are there", Run: checkPresent,
			Codes: []string{"DEV-GONE", "DEV-AMBIGUOUS", "DEV-STUCK", "HW-NOT-SERIAL", "HW-NO-DIRECTION"}},
		{ID: "C12", Family: "HW", Title: "no login console at the ports", Run: checkConsole, Codes: []string{"HW-CONSOLE"}},
		{ID: "C13", Family: "HW", Title: "ModemManager", Run: checkModemManager},
		{ID: "C14", Family: "HW", Title: "USB in the kernel's log", Run: checkUSB},
		{ID: "C22", Family: "HW", Title: "serial pins of a Raspberry Pi", Run: checkPins},
	}
}

// checkRights holds the nodes against the service's user and groups.
func checkRights(_ context.Context, h *Host, r *Report) {
	view, ok := systemd.ViewOf(h.Root)
	if !ok {
		r.Skip(noService)
		return
	}
	ports := h.present()
	for _, d := range ports {
		info, err := os.Stat(h.below(d.node))
		if err != nil || r.Told(d.Name) {
			continue
		}
		st, isUnix := info.Sys().(*syscall.Stat_t)
		if !isUnix || may(view, int(st.Uid), int(st.Gid), uint32(info.Mode().Perm()), 6) {
			continue
		}
		say := fmt.Sprintf("The service's user %s may not open %s (%s).", view.User, d.node, info.Mode().Perm())
		if group := groupName(h, int(st.Gid)); st.Gid != 0 && group != "" && info.Mode()&0o060 == 0o060 {
			r.Fail(d.Name, say, fmt.Sprintf("Put it into the port's group: `sudo usermod -aG %s %s && sudo portti service restart`", group, view.User))
			continue
		}
		if strings.HasPrefix(d.node, "/dev/pts/") {
			r.Fail(d.Name, say, "It is a pseudo-terminal, whose program can open it to others; or do it for this once: `sudo chmod 666 "+d.node+"`")
			continue
		}
		group, _, _ := serialGroup(h)
		if group == "" {
			group = systemd.Name
		}
		r.Fail(d.Name, say, fmt.Sprintf("Give the port a group that may: `echo 'KERNEL==\"%s\", GROUP=\"%s\", MODE=\"0660\"' | sudo tee /etc/udev/rules.d/99-portti.rules; sudo udevadm control --reload; sudo udevadm trigger`", d.tty(), group))
	}
	if len(r.results) == 0 {
		r.Pass("%s, all open to %s", count(len(ports), "port"), view.User)
	}
}

// groupName is the name of a group, "" = it has none.
func groupName(h *Host, gid int) string {
	for line := range strings.Lines(h.Read("/etc/group")) {
		if f := strings.Split(strings.TrimSpace(line), ":"); len(f) >= 3 && f[2] == strconv.Itoa(gid) {
			return f[0]
		}
	}
	return ""
}

// checkHolders: a second program at a port takes a share of the bytes from the gateway,
// also where the kernel lets both have it.
func checkHolders(_ context.Context, h *Host, r *Report) {
	ports := h.present()
	var nodes []string
	for _, d := range ports {
		nodes = append(nodes, d.node)
	}
	if len(nodes) == 0 {
		r.Pass("no port to look at")
		return
	}
	for i, d := range ports { // the gateway itself: looking for a program would be in vain
		if other := slices.Index(nodes, d.node); other < i && r.Told(d.Name) {
			r.Explain(d.Name, "It is the port of "+ports[other].Name+" as well.", "Give it a port of its own ("+h.set(d.Name, "port")+"), or take it out; then: `sudo "+h.verb("reload")+"`")
		}
	}
	for _, p := range h.processes() {
		for _, node := range h.holds(p, nodes) {
			d := ports[slices.IndexFunc(ports, func(d serialDevice) bool { return d.node == node })]
			if p.name == systemd.Name { // the gateway, or portti tail where none runs
				continue
			}
			r.Explain(d.Name, fmt.Sprintf("The program %s (process %s) has %s open.", p.name, p.pid, node), evict(p, d))
		}
	}
	switch {
	case len(r.results) > 0:
	case h.UID != 0:
		r.WantRoot("only root sees what other programs have open")
	default:
		r.Pass("%s, nobody else there", count(len(nodes), "port"))
	}
}

// evict is how to get a program off a port.
func evict(p process, d serialDevice) string {
	switch {
	case p.name == "ModemManager":
		return "Stop it, unless this machine has a modem: `sudo systemctl mask --now ModemManager`"
	case p.name == "gpsd" && d.Type == "gps":
		return "Let gpsd read the receiver, and write type = \"gpsd\" without port; or stop it: `sudo systemctl disable --now gpsd.socket gpsd.service`"
	case p.name == "gpsd":
		return "Stop it: `sudo systemctl disable --now gpsd.socket gpsd.service`"
	case strings.HasSuffix(p.name, "getty") || p.name == "login":
		return "Take the login off this port: `sudo systemctl mask --now serial-getty@" + d.tty() + ".service`"
	case strings.HasPrefix(p.name, "brltty"):
		return "It is for Braille displays, and takes any adapter for one. Stop it: `sudo systemctl mask --now brltty.service brltty-udev.service`"
	}
	return "See what it is, and stop it: `ps -fp " + p.pid + "`, then `sudo kill " + p.pid + "`"
}

// checkPresent says of a port that is gone which adapters are there that nobody reads.
func checkPresent(_ context.Context, h *Host, r *Report) {
	if h.Config == nil {
		r.Skip(noConfig)
		return
	}
	serial := h.serial()
	taken := map[string]bool{}
	for _, d := range serial {
		taken[d.node] = true
	}
	free := slices.DeleteFunc(device.PortsIn(h.Path), func(p device.SerialPort) bool { return p.USB == nil || taken[p.Path] })
	for _, d := range serial {
		if d.node != "" {
			continue
		}
		var open *device.OpenError
		if errors.As(d.why, &open) && open.Code != device.CodeGone {
			r.Explain(d.Name, sentence(d.why.Error()), "Name one of them in port ("+h.set(d.Name, "match")+"): `ls -l /dev/serial/by-path/`")
			continue
		}
		say := d.Name + " is to be at " + named(d.Config) + ", and there is nothing."
		if r.Told(d.Name) {
			say = ""
		}
		switch p := moved(free, d.Config); {
		case p == nil && len(free) == 0:
			if say != "" {
				r.Fail(d.Name, say, "Plug the adapter in, and see whether the kernel finds it: `dmesg | tail`")
			}
		case p == nil:
			r.Explain(d.Name, strings.TrimSpace(fmt.Sprintf("%s Adapters that no device has: %d.", say, len(free))), "See what they are: `sudo portti discover`")
		default:
			r.Explain(d.Name, strings.TrimSpace(say+" An adapter that no device has is at "+p.Path+"."),
				fmt.Sprintf("If it is that one, write %s: %s", h.set(d.Name, "port"), asWritten(*p)), "Then: `sudo "+h.verb("reload")+"`")
		}
	}
	if len(r.results) == 0 {
		r.Pass("%s", count(len(serial), "port"))
	}
}

// named is a device's port as people write it.
func named(d device.Config) string {
	if d.Match != nil {
		return "the adapter with " + d.Match.String()
	}
	return d.Port
}

// moved is the adapter that a device's port may have become: the one whose name by-id
// has the same serial number, else the only one that is free.
func moved(free []device.SerialPort, d device.Config) *device.SerialPort {
	for i, p := range free {
		if p.USB.Serial != "" && strings.Contains(filepath.Base(d.Port), "_"+p.USB.Serial+"-") && asWritten(p) != "" {
			return &free[i]
		}
	}
	if len(free) == 1 && asWritten(free[0]) != "" {
		return &free[0]
	}
	return nil
}

// checkConsole looks for a login that is at a port now, and for one that comes back with
// the next boot.
func checkConsole(_ context.Context, h *Host, r *Report) {
	ports := h.present()
	later := h.Read("/boot/firmware/cmdline.txt")
	if !strings.Contains(later, "root=") {
		later = h.Read("/boot/cmdline.txt")
	}
	for _, d := range ports {
		if r.Told(d.Name) {
			continue
		}
		boot, getty := h.console(d.tty(), later), "/etc/systemd/system/getty.target.wants/serial-getty@"+d.tty()+".service"
		free := "Take console= with this port off the kernel's command line, where the boot loader has it; then: `sudo reboot`"
		if h.pi() {
			free = "Free the port: `sudo portti service restart && sudo reboot`"
		}
		_, err := os.Lstat(h.below(getty))
		switch {
		case h.console(d.tty(), h.Read("/proc/cmdline")):
			r.Fail(d.Name, d.node+" is the system's console: the kernel writes to the device, and what it sends is typed at a login.", free)
		case boot:
			r.Warn(d.Name, d.node+" becomes the system's console at the next boot.", free)
		case err == nil:
			r.Fail(d.Name, "A login runs on "+d.node+", and takes bytes from the device.", "Stop it: `sudo systemctl disable --now serial-getty@"+d.tty()+".service`")
		}
	}
	if len(r.results) == 0 {
		r.Pass("%s, no console there", count(len(ports), "port"))
	}
}

// console says whether a command line of the kernel makes a tty the console.
func (h *Host) console(tty, line string) bool {
	return slices.ContainsFunc(strings.Fields(line), func(word string) bool {
		name, ok := strings.CutPrefix(word, "console=")
		name, _, _ = strings.Cut(name, ",")
		return ok && (name == tty || name != "" && filepath.Base(h.resolve("/dev/"+name)) == tty)
	})
}

// checkModemManager: it writes AT commands to adapters that it takes for modems, which
// upsets receivers and bridges.
func checkModemManager(_ context.Context, h *Host, r *Report) {
	if !slices.ContainsFunc(h.processes(), func(p process) bool { return p.name == "ModemManager" }) {
		r.Pass("it does not run")
		return
	}
	rules := ""
	for _, dir := range []string{"etc", "run", "usr/lib", "lib"} {
		files, _ := fs.Glob(h.Root, dir+"/udev/rules.d/*.rules")
		for _, f := range files {
			for line := range strings.Lines(h.Read(f)) {
				if !strings.HasPrefix(line, "#") && (strings.Contains(line, "ID_MM_DEVICE_IGNORE}=\"1\"") || strings.Contains(line, "ID_MM_PORT_IGNORE}=\"1\"")) {
					rules += line
				}
			}
		}
	}
	ports := device.PortsIn(h.Path)
	for _, d := range h.present() {
		i := slices.IndexFunc(ports, func(p device.SerialPort) bool { return p.Path == d.node && p.USB != nil })
		if i < 0 || strings.Contains(rules, ports[i].USB.VID) {
			continue
		}
		u := ports[i].USB
		const file = "/etc/udev/rules.d/99-portti-modem.rules"
		rule := fmt.Sprintf(`ATTRS{idVendor}=="%s", ATTRS{idProduct}=="%s", ENV{ID_MM_DEVICE_IGNORE}="1"`, u.VID, u.PID)
		r.Warn(d.Name, "ModemManager runs, and nothing keeps it from asking "+d.node+" whether it is a modem.",
			"Keep it off: `echo '"+rule+"' | sudo tee -a "+file+" && sudo udevadm control --reload && sudo udevadm trigger`",
			"Or stop it, where this machine has no modem: `sudo systemctl mask --now ModemManager`").
			Fix = &Fix{Does: "add to " + file + ": " + rule, Undo: "sudo rm " + file, Do: func(ctx context.Context, h *Host) error {
			return addRule(ctx, h, file, rule)
		}}
	}
	if len(r.results) == 0 {
		r.Pass("it runs, and is kept off the ports")
	}
}

func addRule(ctx context.Context, h *Host, file, rule string) error {
	f, err := os.OpenFile(h.below(file), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(rule + "\n")
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if _, err = h.Run(ctx, "udevadm", "control", "--reload"); err == nil {
		_, err = h.Run(ctx, "udevadm", "trigger")
	}
	return err
}
