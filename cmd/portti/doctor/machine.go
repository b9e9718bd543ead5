package doctor

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/device"
	"portti/systemd"
)

// Why a check cannot look.
const (
	notRunning = "the gateway does not run"
	noConfig   = "the configuration cannot be used (C01, C05)"
	noService  = "no service is installed"
)

// unasked is why there is no word of the running gateway.
func (h *Host) unasked() string {
	if h.StatusErr == nil || h.stopped() {
		return notRunning
	}
	first, _, _ := strings.Cut(h.StatusErr.Error(), ". ")
	return "the gateway could not be asked: " + first
}

// stopped says whether it was found out that no gateway listens.
func (h *Host) stopped() bool {
	return h.Status == nil && h.StatusErr != nil && strings.Contains(h.StatusErr.Error(), "not running")
}

// whyStopped is how that was found out.
func (h *Host) whyStopped() string {
	_, why, _ := strings.Cut(h.StatusErr.Error(), "(")
	why, _, _ = strings.Cut(why, ")")
	return cmp.Or(why, "nobody listens on its socket")
}

// verb is a command of portti as it is typed for this configuration.
func (h *Host) verb(words string) string {
	view, _ := systemd.ViewOf(h.Root)
	if h.ConfigPath == "" || h.ConfigPath == config.DefaultPath || h.ConfigPath == view.Config {
		return "portti " + words
	}
	return "portti -c " + h.ConfigPath + " " + words
}

// count writes a number with its noun.
func count(n int, noun string) string { return status.Count(uint64(max(n, 0)), noun) }

// below is where a path of the machine really is.
func (h *Host) below(path string) string { return filepath.Join(h.Path, path) }

// resolve follows links to the end; "" = it leads nowhere.
func (h *Host) resolve(path string) string {
	real, err := filepath.EvalSymlinks(h.below(path))
	if err != nil {
		return ""
	}
	root, err := filepath.EvalSymlinks(h.Path)
	if err != nil {
		return ""
	}
	return "/" + strings.TrimPrefix(strings.TrimPrefix(real, root), "/")
}

// devices are the active ones of the configuration, nil where that cannot be used.
func (h *Host) devices() []device.Config {
	if h.Config == nil {
		return nil
	}
	return h.Config.ActiveDevices()
}

// serialDevice is a device at a serial port of this machine.
type serialDevice struct {
	device.Config
	node string // what its port leads to, such as /dev/ttyUSB0; "" = it is not there
	why  error  // and why
}

// serial are the devices at serial ports of this machine: not those over the network, of
// a service or of Bluetooth.
func (h *Host) serial() []serialDevice {
	var all []serialDevice
	for _, d := range h.devices() {
		if !strings.HasPrefix(d.Port, "/") && d.Match == nil {
			continue
		}
		s := serialDevice{Config: d}
		if s.node, s.why = device.WhereIn(h.Path, d); s.why != nil {
			s.node = ""
		} else if d.Match == nil {
			s.node = h.resolve(d.Port)
		}
		all = append(all, s)
	}
	return all
}

// present are those of them whose port is there.
func (h *Host) present() []serialDevice {
	return slices.DeleteFunc(h.serial(), func(d serialDevice) bool { return d.node == "" })
}

// tty is the name that the kernel has for a port, such as ttyUSB0.
func (d serialDevice) tty() string { return filepath.Base(d.node) }

// set says where a key of a device was set: "in FILE:LINE", or "" where nobody did.
func (h *Host) set(name, key string) string {
	if o := h.Config.DeviceOrigin(name, key); o != (config.Origin{}) {
		return "in " + o.String()
	}
	return "in " + h.ConfigPath
}

// asWritten is how a port is written into the configuration, "" = it has no name that stays.
func asWritten(p device.SerialPort) string {
	switch {
	case p.Match != nil:
		var parts []string
		for _, f := range [][2]string{{"vid", p.Match.VID}, {"pid", p.Match.PID}, {"serial", p.Match.Serial}, {"interface", p.Match.Interface}} {
			if f[1] != "" {
				parts = append(parts, fmt.Sprintf("%s = %q", f[0], f[1]))
			}
		}
		return "match = {" + strings.Join(parts, ", ") + "}"
	case p.Name != "":
		return fmt.Sprintf("port = %q", p.Name)
	}
	return ""
}

// unstable is a port's name that goes by the order in which adapters were found.
var unstable = regexp.MustCompile(`^/dev/tty(USB|ACM)[0-9]+$`)

// process is a running one.
type process struct {
	pid  string
	name string // as the kernel has it: 15 letters at most
}

// processes are those that this user may look into, and whether that is all of them.
func (h *Host) processes() []process {
	dirs, _ := filepath.Glob(h.below("/proc/[0-9]*"))
	var all []process
	for _, dir := range dirs {
		pid := filepath.Base(dir)
		all = append(all, process{pid, h.Read("/proc/" + pid + "/comm")})
	}
	return all
}

// holds says which of the nodes a process has open. In a container another file has the
// name: a pseudo-terminal of its own.
func (h *Host) holds(p process, nodes []string) (held []string) {
	fds, _ := os.ReadDir(h.below("/proc/" + p.pid + "/fd"))
	for _, fd := range fds {
		link := h.below("/proc/" + p.pid + "/fd/" + fd.Name())
		to, err := os.Readlink(link)
		if err != nil || !slices.Contains(nodes, to) || slices.Contains(held, to) {
			continue
		}
		theirs, err := os.Stat(link)
		if ours, ourErr := os.Stat(h.below(to)); err == nil && ourErr == nil && !os.SameFile(theirs, ours) {
			continue
		}
		held = append(held, to)
	}
	return held
}

// list is what a folder holds, sorted; nil = it is not there.
func (h *Host) list(dir string) (names []string) {
	entries, _ := os.ReadDir(h.below(dir))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// pi says whether this is a Raspberry Pi.
func (h *Host) pi() bool {
	return strings.HasPrefix(h.Read("/proc/device-tree/model"), "Raspberry Pi")
}
