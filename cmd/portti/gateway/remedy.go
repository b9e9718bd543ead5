package gateway

import (
	"cmp"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"portti/device"
	"portti/systemd"
	"portti/uplink"
)

// What helps depends on what can be seen here. These look only when the problem is
// there and somebody may read of it.

// newAddress is what to do where nothing that can be the server answers at an address.
// One that worked once, be it before this start, is right.
func newAddress(l uplink.Status) string {
	if !l.Reached {
		return "Enter the right address: `sudo portti setup`"
	}
	return "Nothing to do here, since the address worked before; tell the operators of the server and of the network if it stays"
}

// tokenAddress is the same for where tokens come from.
const tokenAddress = "Correct the addresses in [uplink.oauth] or [uplink.login], then: `" + reloadIt + "`"

// remedyOfLink is what helps a link that has a problem.
func remedyOfLink(s *snapshot) string {
	root := os.DirFS("/")
	switch s.link.Problem {
	case uplink.ProblemMTU:
		return smallerPackets(uplink.Routes(root))
	case uplink.ProblemNoRoute:
	default:
		return newToken(s.cfg.Uplink)
	}
	if way := givenBack(root, "the network", "PrivateNetwork=yes"); way != "" {
		return way
	}
	if way := openWay(uplink.Routes(root), s.link.LastError); way != "" {
		return way
	}
	all, err := net.Interfaces()
	if err != nil {
		all = nil
	}
	return connect(all)
}

// openWay is what helps where this machine itself keeps packets from the server; why is an
// error of the link, and "" = it does not.
func openWay(routes []uplink.Route, why string) string {
	if to := uplink.DeadRoute(routes, why); to != "" {
		return fmt.Sprintf("The route to %s leads nowhere; take it out: `sudo ip route del %s`", to, to)
	}
	if strings.HasSuffix(why, unix.EPERM.Error()) || strings.HasSuffix(why, unix.EACCES.Error()) {
		return "A firewall of this machine forbids it; see its rules: `sudo nft list ruleset; sudo iptables -S`"
	}
	return ""
}

// givenBack is what gives the service back what a drop-in takes away, by its lines; "" =
// none does.
func givenBack(root fs.FS, what string, lines ...string) string {
	file, setting := systemd.TakenAway(root, lines...)
	if file == "" {
		return ""
	}
	return fmt.Sprintf("%s= in %s takes %s away from the service; take that line out: `sudo sed -i '/^ *%s *=/d' %s && sudo systemctl daemon-reload && %s`", setting, file, what, setting, file, restartIt)
}

// smallerPackets is what helps where large packets vanish on the way: 1,280 bytes pass
// everywhere where IPv6 does (RFC 8200, 5).
func smallerPackets(routes []uplink.Route) string {
	iface, _ := uplink.DefaultRoute(routes)
	iface = cmp.Or(iface, "INTERFACE")
	return fmt.Sprintf("Have this machine send and take smaller ones: `sudo ip link set dev %s mtu 1280`; if that helps, write it into the network's settings as well, since a restart of the machine takes it back", iface)
}

// connect is what brings a network back.
func connect(interfaces []net.Interface) string {
	for _, i := range interfaces {
		if i.Flags&(net.FlagUp|net.FlagLoopback) == 0 && len(i.HardwareAddr) > 0 {
			return fmt.Sprintf("The interface %s is switched off; switch it on: `sudo ip link set %s up`", i.Name, i.Name)
		}
	}
	return "Connect cable, Wi-Fi or modem"
}

// remedyOf is what helps a device.
func remedyOf(s *snapshot, dev device.Status) string {
	if dev.Code != device.CodeGone {
		return dev.Remedy
	}
	if strings.HasPrefix(dev.Port, "/dev/") {
		if way := givenBack(os.DirFS("/"), "the ports", "PrivateDevices=yes"); way != "" {
			return way
		}
	}
	free := unusedPorts("/dev/serial/by-id", s.devices)
	if len(free) == 0 || !strings.HasPrefix(dev.Port, "/dev/") {
		return "Plug the adapter in, or switch the device server on"
	}
	return fmt.Sprintf("Plug the adapter in; if it is %s, which no device has, write that name in port of this [[device]], then: `%s`", strings.Join(free, " or "), reloadIt)
}

// unusedPorts are the names in a folder that lead to no device's port.
func unusedPorts(folder string, devices []device.Status) (free []string) {
	names, err := os.ReadDir(folder)
	if err != nil {
		return nil
	}
	for _, n := range names {
		path := filepath.Join(folder, n.Name())
		real, err := filepath.EvalSymlinks(path)
		used := slices.ContainsFunc(devices, func(d device.Status) bool {
			return d.Port == path || d.Resolved == real && d.State != device.Missing
		})
		if err == nil && !used {
			free = append(free, path)
		}
	}
	return free[:min(len(free), 3)]
}

// ours says whether a folder is this process's own, or not to be looked at.
func ours(folder string) bool {
	var st unix.Stat_t
	return unix.Stat(folder, &st) != nil || int(st.Uid) == os.Geteuid()
}

// writable is what lets the service write in its state folder again.
func writable(folder string) string {
	if way := givenBack(os.DirFS("/"), "the folder", "ReadOnlyPaths="+folder, "InaccessiblePaths="+folder); way != "" {
		return way
	}
	var disk unix.Statfs_t
	var st unix.Stat_t
	switch {
	case unix.Stat(folder, &st) != nil:
		return "Have the folder made again: `" + restartIt + "`"
	case !ours(folder):
		return fmt.Sprintf("Give the folder back to the service's user: `sudo chown %s: %s`", systemd.Name, folder)
	case st.Mode&0o700 != 0o700:
		return fmt.Sprintf("Give the service's user its rights: `sudo chmod 700 %s`", folder)
	case unix.Statfs(folder, &disk) == nil && disk.Flags&unix.ST_RDONLY != 0: // a service that began on a read-only mount keeps its own view of it
		return fmt.Sprintf("Make the disk writable again: `sudo mount -o remount,rw \"$(findmnt -no TARGET -T %s)\"`; if this stays, then: `%s`; if the disk becomes read-only again, replace it", folder, restartIt)
	}
	return "Start the service anew: `" + restartIt + "`"
}
