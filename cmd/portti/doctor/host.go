package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
)

func hostChecks() []Check {
	return []Check{
		{ID: "C44", Family: "SYS", Title: "memory, power and heat", Run: checkBoard},
		{ID: "C45", Family: "SYS", Title: "limits of the service", Run: checkLimits},
		{ID: "C46", Family: "SYS", Title: "watchdog", Run: checkWatchdog},
		{ID: "C47", Family: "SYS", Title: "log is kept", Run: checkJournal},
		{ID: "C48", Family: "SYS", Title: "nothing open to the network", Run: checkDoors},
		{ID: "C49", Family: "BUF", Title: "leftovers", Run: checkLeftovers},
		{ID: "C50", Family: "SYS", Title: "time after 2038", Run: checkWords},
	}
}

// Limits of the machine.
const (
	fewMemory = 10    // percent available
	hot       = 80000 // thousandths of a degree: a Raspberry Pi slows itself down from here
	tooHot    = 85000
	nearly    = 80 // percent of a limit
)

func checkBoard(_ context.Context, h *Host, r *Report) {
	looked := h.memory(r)
	looked = h.power(r) || looked
	looked = h.heat(r) || looked
	if !looked {
		r.Skip("this machine tells neither memory nor power nor heat")
	} else if len(r.results) == 0 {
		r.Pass("enough of the first two, not too much of the third")
	}
}

// fields reads a file of lines such as "MemTotal:  948304 kB".
func (h *Host) fields(path string) map[string]uint64 {
	all := map[string]uint64{}
	for line := range strings.Lines(h.Read(path)) {
		f := strings.Fields(line)
		if len(f) >= 2 {
			if n, err := strconv.ParseUint(f[1], 10, 64); err == nil {
				all[strings.TrimSuffix(f[0], ":")] = n
			}
		}
	}
	return all
}

func (h *Host) memory(r *Report) (looked bool) {
	m := h.fields("proc/meminfo")
	total, left := m["MemTotal"], m["MemAvailable"]
	if killed := h.fields("proc/vmstat")["oom_kill"]; killed > 0 {
		r.Warn("memory", fmt.Sprintf("Memory has run out since boot, and the kernel ended %s for it.", status.Count(killed, "program")),
			"See which: `journalctl -k -g 'Out of memory'`", "See what needs so much now: `ps -eo rss,comm --sort=-rss | head`")
	}
	if total > 0 && left*100 < total*fewMemory {
		r.Warn("memory", fmt.Sprintf("Only %d of %d MB of memory are available.", left>>10, total>>10), "See what needs so much: `ps -eo rss,comm --sort=-rss | head`")
	}
	return total > 0
}

// The bits of get_throttled of a Raspberry Pi; 16 higher the same since boot.
const (
	underVoltage = 1 << 0
	throttled    = 1<<1 | 1<<2
)

func (h *Host) power(r *Report) (looked bool) {
	const supply = "Use the power supply made for this board, and a short thick cable; take away what draws power from its USB ports"
	bits, err := strconv.ParseUint(strings.TrimPrefix(h.Read("sys/devices/platform/soc/soc:firmware/get_throttled"), "0x"), 16, 32)
	looked = err == nil
	low := bits&underVoltage != 0
	alarms, _ := fs.Glob(h.Root, "sys/class/hwmon/hwmon*/in0_lcrit_alarm")
	for _, a := range alarms {
		if h.Read(path.Join(path.Dir(a), "name")) == "rpi_volt" {
			looked = true
			low = low || h.Read(a) == "1"
		}
	}
	switch {
	case low:
		r.Fail("power", "The supply voltage is too low now: the board may hang, and the card may be damaged.", supply, "See whether it is over: `vcgencmd get_throttled`, where 0x0 is good")
	case bits>>16&underVoltage != 0:
		r.Warn("power", "The supply voltage was too low at some time since boot.", supply, "See when: `journalctl -k -g voltage`")
	}
	if bits&throttled != 0 || bits>>16&throttled != 0 {
		r.Warn("power", "The board runs slower than it can, or did since boot, because of heat or low voltage.", "Give it air or a heat sink; see how hot it is: `vcgencmd measure_temp`")
	}
	return looked
}

func (h *Host) heat(r *Report) (looked bool) {
	zones, _ := fs.Glob(h.Root, "sys/class/thermal/thermal_zone*/temp")
	for _, z := range zones {
		t, err := strconv.Atoi(h.Read(z))
		if err != nil {
			continue
		}
		looked = true
		const cool = "Give the board air, a heat sink, or a place out of the sun"
		switch text := fmt.Sprintf("The board is at %d °C", t/1000); {
		case t >= tooHot:
			r.Fail("heat", text+", and slows itself down.", cool)
		case t >= hot:
			r.Warn("heat", text+".", cool)
		}
	}
	return looked
}

// shown asks systemd for properties of the service; nil = it cannot be asked.
func (h *Host) shown(ctx context.Context, names ...string) map[string]string {
	if h.Run == nil {
		return nil
	}
	out, err := h.Run(ctx, "systemctl", "show", "portti", "-p", strings.Join(names, ","))
	if err != nil {
		return nil
	}
	all := map[string]string{}
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		all[key] = value
	}
	return all
}

const notOfSystemd = "no service of systemd runs here"

// checkLimits compares what the service uses with what it may.
func checkLimits(ctx context.Context, h *Host, r *Report) {
	unit := h.shown(ctx, "MainPID", "TasksCurrent", "TasksMax", "MemoryCurrent", "MemoryMax")
	pid := unit["MainPID"]
	if pid == "" || pid == "0" {
		r.Skip(notOfSystemd)
		return
	}
	compare := func(what, used, most, key string) {
		u, err1 := strconv.ParseUint(used, 10, 64)
		m, err2 := strconv.ParseUint(most, 10, 64)
		if err1 == nil && err2 == nil && m > 0 && u < 1<<60 && u*100 > m*nearly {
			r.Warn(what, fmt.Sprintf("The service uses %d of the %d %s that it may.", u, m, what),
				"Allow it more: `sudo systemctl edit portti`, with [Service] and "+key+" in it; then `sudo portti service restart`", "See what it is busy with: `portti status`")
		}
	}
	compare("tasks", unit["TasksCurrent"], unit["TasksMax"], "TasksMax=512")
	compare("bytes of memory", unit["MemoryCurrent"], unit["MemoryMax"], "MemoryMax=192M")
	open, err := fs.ReadDir(h.Root, "proc/"+pid+"/fd")
	for line := range strings.Lines(h.Read("proc/" + pid + "/limits")) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok && len(strings.Fields(rest)) > 0 {
			compare("open files", strconv.Itoa(len(open)), strings.Fields(rest)[0], "LimitNOFILE=2048")
		}
	}
	switch {
	case len(r.results) > 0:
	case errors.Is(err, fs.ErrPermission):
		r.Pass("tasks and memory; only root sees the open files")
	default:
		r.Pass("%s tasks, %s", unit["TasksCurrent"], status.Count(uint64(len(open)), "open file"))
	}
}

// checkWatchdog looks whether systemd would end a gateway that is stuck.
func checkWatchdog(ctx context.Context, h *Host, r *Report) {
	unit := h.shown(ctx, "MainPID", "WatchdogUSec")
	if s := h.Status; s != nil {
		for _, p := range s.Problems {
			if p.Code == "SYS-WATCHDOG" {
				r.Fail(p.Subject, p.Sentence+" ("+p.Code+")", marked(p.Actions, p.Commands)...)
				return
			}
		}
	}
	switch every := unit["WatchdogUSec"]; {
	case unit["MainPID"] == "" || unit["MainPID"] == "0":
		r.Skip(notOfSystemd)
	case every == "0" || every == "infinity" || every == "":
		r.Warn("", "The watchdog of the service is off: a gateway that is stuck stays so.",
			"Write the unit anew: `sudo portti service install`; or take WatchdogSec= out of what was changed: `systemctl cat portti`")
	default:
		r.Pass("each %s, and fed", every)
	}
}

// journalSettings are the settings of the journal, later files first.
func (h *Host) journalSettings() map[string]string {
	all := map[string]string{}
	files := []string{"etc/systemd/journald.conf"}
	for _, dir := range []string{"usr/lib", "etc"} {
		more, _ := fs.Glob(h.Root, dir+"/systemd/journald.conf.d/*.conf")
		slices.Sort(more)
		files = append(files, more...)
	}
	for _, f := range files {
		for line := range strings.Lines(h.Read(f)) {
			if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
				all[strings.TrimSpace(key)] = strings.TrimSpace(value)
			}
		}
	}
	return all
}

// checkJournal looks whether the log survives a restart, and is bounded. Without a setting
// the journal bounds itself at a tenth of the disk.
func checkJournal(_ context.Context, h *Host, r *Report) {
	if _, err := fs.Stat(h.Root, "run/systemd/system"); err != nil {
		r.Skip("this system has no journal of systemd")
		return
	}
	set := h.journalSettings()
	_, err := fs.Stat(h.Root, "var/log/journal")
	storage := strings.ToLower(set["Storage"])
	kept := storage == "persistent" || err == nil && storage != "volatile" && storage != "none"
	large := strings.HasSuffix(set["SystemMaxUse"], "G") || strings.HasSuffix(set["SystemMaxUse"], "T")
	switch {
	case !kept:
		r.Warn("", "The log is kept in memory only: after a restart nobody can see what happened before it.",
			"Keep it on the disk, within bounds: `sudo mkdir -p /etc/systemd/journald.conf.d && printf '[Journal]\\nStorage=persistent\\nSystemMaxUse=50M\\n' | sudo tee /etc/systemd/journald.conf.d/50-portti.conf && sudo systemctl restart systemd-journald`",
			"If it is meant so, to spare the card, nothing is to be done")
	case large:
		r.Warn("", "The log may take "+set["SystemMaxUse"]+" of the disk.", "Bound it: SystemMaxUse=50M in /etc/systemd/journald.conf; now: `sudo journalctl --vacuum-size=50M`")
	case set["SystemMaxUse"] == "":
		r.Pass("on the disk, at most a tenth of it")
	default:
		r.Pass("on the disk, at most %s", set["SystemMaxUse"])
	}
}

// checkDoors looks which addresses are open to other machines. Neither the metrics nor the
// page ask who comes.
func checkDoors(_ context.Context, h *Host, r *Report) {
	if h.Config == nil {
		r.Skip("the configuration cannot be used (C01)")
		return
	}
	for _, d := range []struct{ section, listen, port, what string }{
		{"metrics", h.Config.Metrics.Listen, "9470", "The metrics can be read"},
		{"web", h.Config.Web.Listen, "8470", "The page can be reached"},
	} {
		if d.listen == "" || onlyHere(d.listen) {
			continue
		}
		r.Warn(d.section, fmt.Sprintf("%s by every machine that reaches %s, without a login and unencrypted.", d.what, d.listen),
			fmt.Sprintf("If nobody else needs it: listen = \"127.0.0.1:%s\" in [%s]; then `sudo portti reload`", d.port, d.section),
			"If one machine does, let only that one in with the firewall; from afar: `ssh -L "+d.port+":localhost:"+d.port+" HOST`")
	}
	for _, dev := range h.Config.ActiveDevices() {
		if dev.Share != "" && !onlyHere(dev.Share) {
			r.Warn(dev.Name, fmt.Sprintf("What %s sends can be read by every machine that reaches %s.", dev.Name, dev.Share), "If nobody else needs it: share = \"127.0.0.1:PORT\" in this [[device]]; then `sudo portti reload`")
		}
	}
}

// onlyHere says whether only this machine reaches an address.
func onlyHere(listen string) bool {
	_, _, err := net.SplitHostPort(listen)
	return err != nil || config.ThisMachine(listen)
}

// checkLeftovers looks for what nobody needs any more, or somebody should look at.
func checkLeftovers(_ context.Context, h *Host, r *Report) {
	state := strings.TrimPrefix(h.settings().Paths.State, "/")
	entries, err := fs.ReadDir(h.Root, state)
	if errors.Is(err, fs.ErrPermission) {
		r.Skip("only root may look into the state folder")
		return
	}
	var damaged, cores, old []string
	buffers, _ := fs.Glob(h.Root, state+"/"+config.BufferFolder+"/*.damaged-*")
	damaged = append(damaged, buffers...)
	for _, e := range entries {
		if name := e.Name(); name == "core" || strings.HasPrefix(name, "core.") {
			cores = append(cores, path.Join(state, name))
		}
	}
	dumps, _ := fs.Glob(h.Root, "var/lib/systemd/coredump/core.portti.*")
	cores = append(cores, dumps...)
	folder := strings.TrimPrefix(path.Dir(h.ConfigPath), "/")
	for _, pattern := range []string{folder + "/*.bak", folder + "/conf.d/*.bak"} {
		found, _ := fs.Glob(h.Root, pattern)
		for _, f := range found {
			if info, err := fs.Stat(h.Root, f); err == nil && h.Now().Sub(info.ModTime()) > 30*24*time.Hour {
				old = append(old, f)
			}
		}
	}
	h.tellFiles(r, damaged, "set aside as damaged; what could be read of them is in the buffer", "Keep them for support, or remove them")
	h.tellFiles(r, cores, "left behind by a crash", "Send them to the makers of portti, or remove them")
	h.tellFiles(r, old, "an earlier configuration, older than a month", "Remove what is not wanted any more")
	if err != nil && len(r.results) == 0 {
		r.Pass("there is no state folder yet")
	}
}

func (h *Host) tellFiles(r *Report, files []string, what, action string) {
	if len(files) == 0 {
		return
	}
	size := int64(0)
	for _, f := range files {
		if info, err := fs.Stat(h.Root, f); err == nil {
			size += info.Size()
		}
	}
	dir := "/" + path.Dir(files[0])
	r.Warn(dir, fmt.Sprintf("%s in %s (%s): %s.", status.Count(uint64(len(files)), "file"), dir, config.Size(size), what), action+": `sudo rm /"+files[0]+"`")
}

// checkWords looks at the programs of this system: those that count seconds in 32 bits
// stop at 19 January 2038. portti counts in 64 bits everywhere.
func checkWords(_ context.Context, h *Host, r *Report) {
	head := make([]byte, 5)
	for _, name := range []string{"bin/sh", "usr/bin/dash", "bin/busybox", "usr/bin/env"} {
		f, err := h.Root.Open(name)
		if err != nil {
			continue
		}
		n, _ := f.Read(head)
		_ = f.Close()
		if n < len(head) || string(head[:4]) != "\x7fELF" {
			continue
		}
		if head[4] == 1 {
			r.Pass("programs of this system are 32-bit, and some of them may not count past January 2038; portti does")
		} else {
			r.Pass("programs of this system are 64-bit")
		}
		return
	}
	r.Skip("no program of this system can be looked at")
}
