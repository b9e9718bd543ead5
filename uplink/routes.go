package uplink

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
)

// Route is a row of the kernel's main table of IPv4 routes.
type Route struct {
	Iface  string // "" = it leads nowhere: unreachable, prohibit or blackhole
	metric uint32

	to, mask, via uint32 // the first byte of an address is the lowest
}

// Routes reads the table of the machine with that root folder; nil where it cannot.
func Routes(root fs.FS) (all []Route) {
	text, _ := fs.ReadFile(root, "proc/net/route")
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 8 || len(f[1]) != 8 { // the heading
			continue
		}
		number := func(i, base int) uint32 {
			n, _ := strconv.ParseUint(f[i], base, 32)
			return uint32(n)
		}
		all = append(all, Route{strings.TrimPrefix(f[0], "*"), number(6, 10), number(1, 16), number(7, 16), number(2, 16)})
	}
	return all
}

// DefaultRoute is the interface and the router of the one that is used; "" = there is none.
func DefaultRoute(routes []Route) (iface, via string) {
	var best Route
	for _, r := range routes {
		if r.mask == 0 && r.Iface != "" && (best.Iface == "" || r.metric < best.metric) {
			best = r
		}
	}
	if best.via != 0 {
		via = dotted(best.via)
	}
	return best.Iface, via
}

// DeadRoute is the route that takes packets to the server, or to its name server, and
// leads nowhere; why is an error of the link as Status has it. "" = there is none.
func DeadRoute(routes []Route, why string) string {
	_, rest, _ := strings.Cut(why, "dial ")
	_, rest, _ = strings.Cut(rest, " ") // tcp or udp
	host, _, _ := strings.Cut(rest, ":")
	addr, err := netip.ParseAddr(host)
	if err != nil || !addr.Is4() {
		return ""
	}
	bytes := addr.As4()
	n := binary.LittleEndian.Uint32(bytes[:])
	longest, found := -1, ""
	for _, r := range routes {
		if size := bits.OnesCount32(r.mask); n&r.mask == r.to && size > longest {
			longest, found = size, ""
			if r.Iface == "" {
				found = fmt.Sprintf("%s/%d", dotted(r.to), size)
			}
		}
	}
	return found
}

func dotted(n uint32) string {
	return netip.AddrFrom4([4]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}).String()
}
