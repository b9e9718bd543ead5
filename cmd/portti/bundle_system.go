package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"portti/cmd/portti/redact"
)

// systemSources are about the machine.
func (b *bundle) systemSources() []source {
	files := func(names ...string) func(context.Context) ([]byte, error) {
		return func(context.Context) ([]byte, error) { return b.joined(names...) }
	}
	program := func(name string, args ...string) func(context.Context) ([]byte, error) {
		return func(ctx context.Context) ([]byte, error) { return b.run(ctx, name, args...) }
	}
	return []source{
		{"system/kernel.txt", false, files("proc/version", "proc/uptime", "proc/loadavg", "proc/sys/kernel/random/boot_id")},
		{"system/os-release.txt", false, files("etc/os-release")},
		{"system/cpu.txt", false, files("proc/device-tree/model", "proc/cpuinfo", "proc/meminfo")},
		{"system/pressure.txt", false, files("proc/pressure/cpu", "proc/pressure/memory", "proc/pressure/io")},
		{"system/mounts.txt", false, files("proc/mounts")},
		{"system/df.txt", false, b.space},
		{"system/usb.txt", false, b.usb},
		{"system/serial.txt", false, b.serial},
		{"system/interfaces.txt", false, func(context.Context) ([]byte, error) { return interfaces() }},
		{"system/routes.txt", false, b.routes},
		{"system/resolv.conf", false, files("etc/resolv.conf")},
		{"system/timedatectl.txt", false, program("timedatectl", "--no-pager")},
		{"system/unit.txt", false, program("systemctl", "--no-pager", "status", "--lines=0", "portti")},
	}
}

// joined are the files that can be read, each below its name.
func (b *bundle) joined(names ...string) ([]byte, error) {
	var out bytes.Buffer
	var bad error
	for _, name := range names {
		text, err := fs.ReadFile(b.machine, name)
		if err != nil {
			bad = errors.Join(bad, err)
			continue
		}
		if len(names) > 1 {
			fmt.Fprintf(&out, "# /%s\n", name)
		}
		out.Write(bytes.TrimRight(text, "\x00\n"))
		out.WriteByte('\n')
	}
	if out.Len() > 0 {
		bad = nil // boards differ in what they have
	}
	return out.Bytes(), bad
}

// space is how full the file systems are that the gateway writes to.
func (b *bundle) space(context.Context) ([]byte, error) {
	var out bytes.Buffer
	var bad error
	fmt.Fprintln(&out, "# folder, bytes, free bytes, inodes, free inodes")
	for _, dir := range []string{"/", b.cfg.Paths.State, b.cfg.Paths.Run, "/var/log", "/tmp", filepath.Dir(b.g.config)} {
		if whole, err := filepath.Abs(dir); err == nil {
			dir = whole
		}
		var st unix.Statfs_t
		if err := unix.Statfs(dir, &st); err != nil {
			bad = errors.Join(bad, fmt.Errorf("%s: %w", dir, err))
			continue
		}
		fmt.Fprintf(&out, "%s\t%d\t%d\t%d\t%d\n", dir, st.Blocks*uint64(st.Bsize), st.Bavail*uint64(st.Bsize), st.Files, st.Ffree)
	}
	return out.Bytes(), bad
}

// usbFolder is where the kernel shows each USB device, by where it is plugged in.
const usbFolder = "sys/bus/usb/devices"

func (b *bundle) usb(context.Context) ([]byte, error) {
	entries, err := fs.ReadDir(b.machine, usbFolder)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, e := range entries {
		at := path.Join(usbFolder, e.Name())
		fmt.Fprintf(&out, "%s", e.Name())
		for _, name := range []string{"idVendor", "idProduct", "manufacturer", "product", "serial", "speed", "bMaxPower", "bInterfaceClass", "bInterfaceNumber", "interface"} {
			if text, err := fs.ReadFile(b.machine, path.Join(at, name)); err == nil {
				fmt.Fprintf(&out, "\t%s=%s", name, strings.TrimSpace(string(text)))
			}
		}
		if driver, err := fs.ReadLink(b.machine, path.Join(at, "driver")); err == nil {
			fmt.Fprintf(&out, "\tdriver=%s", path.Base(driver))
		}
		out.WriteByte('\n')
	}
	return out.Bytes(), nil
}

// serial are the stable names of serial ports and where they lead, and the ports.
func (b *bundle) serial(context.Context) ([]byte, error) {
	var out bytes.Buffer
	for _, dir := range []string{"dev/serial/by-id", "dev/serial/by-path"} {
		entries, _ := fs.ReadDir(b.machine, dir)
		for _, e := range entries {
			to, _ := fs.ReadLink(b.machine, path.Join(dir, e.Name()))
			fmt.Fprintf(&out, "/%s/%s -> %s\n", dir, e.Name(), path.Base(to))
		}
	}
	entries, err := fs.ReadDir(b.machine, "dev")
	for _, e := range entries {
		info, infoErr := e.Info()
		if name := e.Name(); infoErr == nil && (strings.HasPrefix(name, "ttyUSB") || strings.HasPrefix(name, "ttyACM") || strings.HasPrefix(name, "ttyAMA") || strings.HasPrefix(name, "ttyS")) {
			fmt.Fprintf(&out, "/dev/%s %v\n", name, info.Mode())
		}
	}
	if out.Len() == 0 && err == nil {
		out.WriteString("no serial port\n")
	}
	return out.Bytes(), err
}

func interfaces() ([]byte, error) {
	all, err := net.Interfaces()
	var out bytes.Buffer
	for _, i := range all {
		fmt.Fprintf(&out, "%s mtu %d %s %s", i.Name, i.MTU, i.Flags, i.HardwareAddr)
		addrs, addrErr := i.Addrs()
		for _, a := range addrs {
			fmt.Fprintf(&out, " %s", a)
		}
		out.WriteByte('\n')
		err = errors.Join(err, addrErr)
	}
	return out.Bytes(), err
}

// routes are those of IPv4 as people read them, and how many there are of IPv6.
func (b *bundle) routes(context.Context) ([]byte, error) {
	text, err := fs.ReadFile(b.machine, "proc/net/route")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for line := range strings.Lines(string(text)) {
		w := strings.Fields(line)
		if len(w) < 8 || w[0] == "Iface" {
			continue
		}
		fmt.Fprintf(&out, "%s to %s mask %s via %s metric %s\n", w[0], dotted(w[1]), dotted(w[7]), dotted(w[2]), w[6])
	}
	six, _ := fs.ReadFile(b.machine, "proc/net/ipv6_route")
	fmt.Fprintf(&out, "IPv6: %d routes\n", bytes.Count(six, []byte("\n")))
	return out.Bytes(), nil
}

// dotted is an address of /proc/net/route, which has its bytes in the machine's order:
// little-endian on all that portti is built for.
func dotted(digits string) string {
	raw, err := hex.DecodeString(digits)
	if err != nil || len(raw) != 4 {
		return "?"
	}
	slices.Reverse(raw)
	return net.IP(raw).String()
}

// names are what --private replaces: what the configuration and the USB devices have.
func (b *bundle) names() redact.Names {
	n := redact.Names{Hosts: b.hosts(), Things: []string{b.manifest.Gateway}}
	for _, d := range b.cfg.Devices {
		n.Things = append(n.Things, d.ID)
		if d.Match != nil {
			n.Things = append(n.Things, d.Match.Serial)
		}
	}
	for key, text := range b.cfg.Settings() {
		last := key[strings.LastIndexByte(key, '.')+1:]
		if !strings.HasPrefix(key, "device.") || !slices.Contains([]string{"tags", "nodes", "keys", "id", "vessels"}, last) {
			continue
		}
		for _, m := range quotedName.FindAllStringSubmatch(text, -1) {
			n.Things = append(n.Things, m[1]+m[2])
		}
		if last == "id" {
			n.Things = append(n.Things, text)
		}
	}
	entries, _ := fs.ReadDir(b.machine, usbFolder)
	for _, e := range entries {
		text, _ := fs.ReadFile(b.machine, path.Join(usbFolder, e.Name(), "serial"))
		if serial := strings.TrimSpace(string(text)); len(serial) >= 6 && !strings.ContainsAny(serial, ".:") {
			n.Things = append(n.Things, serial)
		}
	}
	n.Things = slices.DeleteFunc(n.Things, func(s string) bool { _, err := strconv.Atoi(s); return err == nil && len(s) < 6 })
	return n
}
