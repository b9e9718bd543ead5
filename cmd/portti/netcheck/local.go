package netcheck

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"io/fs"
	"net/netip"
	"strconv"
	"strings"

	"portti/cmd/portti/config"
	"portti/uplink"
)

func (r *run) clock() {
	trusted, source, reason := r.h.Clock()
	if trusted {
		r.ok(Clock, "can be trusted, by %s", clockSource(source))
		return
	}
	now := r.h.Now().UTC().Format("2006-01-02 15:04")
	r.bad(Clock, Warn, uplink.ProblemClockUnset, reason, "cannot be trusted ("+reason+"); it says "+now+" UTC")
}

func clockSource(source string) string {
	switch source {
	case "kernel", "":
		return "a time server (kernel)"
	case "gnss":
		return "satellites"
	case "server":
		return "the server"
	}
	return source
}

// interfaces tells which address and which way out there is. A server on this machine
// needs neither.
func (r *run) interfaces() {
	if config.ThisMachine(r.h.Server.Hostname()) {
		r.ok(Interface, "none is needed: the server is this machine")
		return
	}
	all, err := r.h.Addresses()
	if err != nil {
		r.skip(Interface, "cannot be read: "+err.Error())
		return
	}
	iface, via := Route(r.h.Root)
	var global, local []string
	for _, a := range all {
		switch text := a.Interface + " " + a.Prefix.String(); {
		case a.Prefix.Addr().IsLinkLocalUnicast():
			local = append(local, text)
		case a.Interface == iface:
			global = append([]string{text}, global...)
		default:
			global = append(global, text)
		}
	}
	switch {
	case len(global) == 0 && len(local) > 0:
		r.bad(Interface, Fail, uplink.ProblemNoRoute, "", "only an address that the machine gave itself ("+local[0]+"): nobody answered when it asked for one",
			"Check cable, Wi-Fi password or modem, and whether the network gives addresses (DHCP): `ip -br addr`")
	case len(global) == 0:
		r.bad(Interface, Fail, uplink.ProblemNoRoute, "", "no interface has an address")
	case iface == "":
		r.bad(Interface, Warn, uplink.ProblemNoRoute, "", list(global, 2)+", and no default route: nothing beyond this network can be reached")
	default:
		if via != "" {
			via = " via " + via
		}
		r.ok(Interface, "%s, default route%s on %s", list(global, 2), via, iface)
	}
}

// list is the first of them, and how many more there are.
func list(all []string, most int) string {
	if len(all) <= most {
		return strings.Join(all, ", ")
	}
	return strings.Join(all[:most], ", ") + " and " + strconv.Itoa(len(all)-most) + " more"
}

// Route is the interface and the router of the default route, IPv4 first; "" where there
// is none.
func Route(root fs.FS) (iface, via string) {
	if iface, via = uplink.DefaultRoute(uplink.Routes(root)); iface != "" {
		return iface, via
	}
	const zeros = "00000000000000000000000000000000"
	for _, f := range lines(root, "proc/net/ipv6_route") {
		if len(f) == 10 && f[0] == zeros && f[1] == "00" && f[9] != "lo" {
			if b, err := hex.DecodeString(f[4]); err == nil && len(b) == 16 && f[4] != zeros {
				via = netip.AddrFrom16([16]byte(b)).String()
			}
			return f[9], via
		}
	}
	return "", ""
}

// Resolvers are the name servers of the machine.
func Resolvers(root fs.FS) []string {
	var all []string
	for _, f := range lines(root, "etc/resolv.conf") {
		if len(f) >= 2 && f[0] == "nameserver" && len(all) < 3 { // as the C library
			if ip, err := netip.ParseAddr(f[1]); err == nil {
				all = append(all, ip.String())
			}
		}
	}
	return all
}

// lines are the fields of a file's lines; none where it cannot be read.
func lines(root fs.FS, path string) [][]string {
	b, err := fs.ReadFile(root, path)
	if err != nil {
		return nil
	}
	var all [][]string
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		all = append(all, strings.Fields(s.Text()))
	}
	return all
}
