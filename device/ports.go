package device

import (
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// SerialPort is a serial port that this machine has, and what to call it.
type SerialPort struct {
	Path string // as it is called now: /dev/ttyUSB0
	// Name is what to write as port into a configuration: it leads to the same
	// hardware after a start or a replug. Where there is no such name, Match finds
	// it by what its adapter says. Both are empty where nothing tells the adapter
	// from another one.
	Name  string
	Match *Match
	Note  string // what to know of the name, a sentence; mostly ""
	USB   *USB   // nil: not on USB
}

// USB is what a serial adapter says of itself, and where it is.
type USB struct {
	VID, PID, Serial, Interface string // as in Match
	Maker, Product              string // its own words
	Hub                         string // the sockets that lead to it: "1-1.2"
}

// Ports lists the serial ports of this machine, those on USB last. What the kernel
// only keeps a place for, as for ports that an old PC might have, is left out.
func Ports() []SerialPort { return opener{}.ports() }

// PortsIn is Ports of the machine whose root folder that is.
func PortsIn(root string) []SerialPort { return opener{root: strings.TrimSuffix(root, "/")}.ports() }

// PortAt is the serial port of a path or link: one of Ports, or where the machine does
// not list it, as a pseudo-terminal, one with the name that was given.
func PortAt(path string) SerialPort { return opener{}.portAt(path) }

// Where is the path of the port that c names, as Run would find it now.
func Where(c Config) (string, error) { return opener{}.where(c) }

// WhereIn is Where on the machine whose root folder that is.
func WhereIn(root string, c Config) (string, error) {
	root = strings.TrimSuffix(root, "/")
	path, err := opener{root: root}.where(c)
	return strings.TrimPrefix(path, root), err
}

func (o opener) where(c Config) (string, error) {
	if c.Port == "" && c.Match != nil {
		return o.find(*c.Match)
	}
	path, err := filepath.EvalSymlinks(o.root + c.Port)
	if err != nil {
		return "", openError(c.Port, err)
	}
	return path, nil
}

func (o opener) portAt(path string) SerialPort {
	real, err := filepath.EvalSymlinks(o.root + path)
	if err != nil {
		return SerialPort{Path: path, Name: path}
	}
	real = strings.TrimPrefix(real, o.root)
	for _, p := range o.ports() {
		if p.Path == real {
			return p
		}
	}
	return SerialPort{Path: real, Name: path}
}

func (o opener) ports() []SerialPort {
	ttys, _ := os.ReadDir(o.root + "/sys/class/tty")
	var all []SerialPort
	alike := map[USB]int{}
	for _, t := range ttys {
		dir := filepath.Join(o.root, "/sys/class/tty", t.Name())
		if _, err := os.Stat(dir + "/device"); err != nil || attribute(dir, "type") == "0" {
			continue
		}
		p := SerialPort{Path: "/dev/" + t.Name(), USB: o.adapter(t.Name())}
		if p.USB != nil {
			alike[p.USB.saying()]++
		}
		all = append(all, p)
	}
	for i := range all {
		if u := all[i].USB; u == nil {
			all[i].Name = all[i].Path
		} else {
			o.christen(&all[i], alike[u.saying()] > 1)
		}
	}
	sort.SliceStable(all, func(i, j int) bool {
		return hubOf(all[i]) == "" && hubOf(all[j]) != ""
	})
	return all
}

func hubOf(p SerialPort) string {
	if p.USB == nil {
		return ""
	}
	return p.USB.Hub
}

// christen finds the name of a port on USB. udev names an adapter by what it says of
// itself, and where two say the same, both names are one link that leads to either.
func (o opener) christen(p *SerialPort, alike bool) {
	tty := filepath.Base(p.Path)
	byID, byPath := o.linkTo("/dev/serial/by-id", tty), o.linkTo("/dev/serial/by-path", tty)
	u := p.USB
	switch {
	case alike && byPath != "":
		p.Name, p.Note = byPath, "Another adapter says the same of itself, so it goes by its socket: leave it plugged in there."
	case alike:
		p.Note = "Another adapter says the same of itself and nothing here names their sockets (udev does): leave only one plugged in."
	case byID != "":
		p.Name = byID
		if u.Serial == "" && byPath != "" {
			p.Note = "It has no serial number: with a second one of its kind write " + byPath + " instead."
		}
	case byPath != "":
		p.Name = byPath
	default:
		p.Match = &Match{VID: u.VID, PID: u.PID, Serial: u.Serial, Interface: u.Interface}
	}
}

// linkTo is the first of the links in a folder that leads to a tty.
func (o opener) linkTo(dir, tty string) string {
	links, _ := os.ReadDir(o.root + dir)
	for _, l := range links {
		if to, err := os.Readlink(filepath.Join(o.root, dir, l.Name())); err == nil && filepath.Base(to) == tty {
			return dir + "/" + l.Name()
		}
	}
	return ""
}

// saying is what the adapter says of itself, by which udev and Match know it.
func (u USB) saying() USB {
	return USB{VID: u.VID, PID: u.PID, Serial: u.Serial, Interface: u.Interface}
}

// adapter walks from a tty's device up the tree of sysfs. The interface number is
// a property of the first USB folder above it, the rest of the one above that.
func (o opener) adapter(tty string) *USB {
	dir, err := filepath.EvalSymlinks(filepath.Join(o.root, "/sys/class/tty", tty, "device"))
	if err != nil {
		return nil // a console or another tty without hardware
	}
	top := filepath.Join(o.root, "/sys")
	if resolved, err := filepath.EvalSymlinks(top); err == nil {
		top = resolved
	}
	var iface string
	for ; strings.HasPrefix(dir, top) && dir != top; dir = filepath.Dir(dir) {
		if v := attribute(dir, "bInterfaceNumber"); v != "" && iface == "" {
			iface = v
		}
		if vid := attribute(dir, "idVendor"); vid != "" {
			return &USB{VID: vid, PID: attribute(dir, "idProduct"), Serial: attribute(dir, "serial"), Interface: iface,
				Maker: attribute(dir, "manufacturer"), Product: attribute(dir, "product"), Hub: filepath.Base(dir)}
		}
	}
	return nil
}
