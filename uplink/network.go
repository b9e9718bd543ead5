package uplink

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"time"
)

// networkChange is what the kernel says about the network of this machine.
type networkChange uint8

const (
	networkAppeared networkChange = 1 << iota // a way out that was not there: worth an attempt
	networkVanished                           // an address or a way out is gone
)

// errMoved ends a link whose own address this machine has no more: nothing can
// arrive on it, and only the pings would find out.
var errMoved = errors.New("this gateway's address on the network has changed")

// WatchNetwork listens to the kernel until ctx ends. When a link, an address or
// a default route appears it does what Wake does; when the address of the
// present connection is gone it ends that connection. Where it cannot
// listen, as in a sandbox without AF_NETLINK and on anything but Linux, it says
// so in the log and returns: the link then finds out by itself, later.
func (l *Link) WatchNetwork(ctx context.Context) {
	err := watchNetwork(ctx, func(c networkChange) {
		l.leaveLostAddress(machineAddresses)
		if c&networkAppeared != 0 {
			l.Wake()
		}
	})
	if ctx.Err() == nil {
		l.o.Log.Info("changes of the network cannot be watched: they are found by trying", "event", "network.watch-failed", "err", err)
	}
}

// leaveLostAddress ends the open connection if the machine does not have its
// address any more.
func (l *Link) leaveLostAddress(addresses func() ([]netip.Addr, error)) {
	g := l.dialer.open.Load()
	if g == nil {
		return
	}
	own, ok := netip.AddrFromSlice(localIP(g))
	if !ok || own.IsUnspecified() {
		return
	}
	all, err := addresses()
	if err != nil {
		return
	}
	for _, a := range all {
		if a.Unmap() == own.Unmap() {
			return
		}
	}
	g.end(errMoved)
}

func localIP(c net.Conn) net.IP {
	if a, ok := c.LocalAddr().(*net.TCPAddr); ok {
		return a.IP
	}
	return nil
}

func machineAddresses() ([]netip.Addr, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var all []netip.Addr
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			all = append(all, p.Addr())
		}
	}
	return all, nil
}

// The parts of rtnetlink(7) that are read here. The numbers are the kernel's
// interface and the same on every machine.
const (
	nlHeader    = 16
	msgNewLink  = 16
	msgDelLink  = 17
	msgNewAddr  = 20
	msgDelAddr  = 21
	msgNewRoute = 24
	msgDelRoute = 25

	flagUp, flagLoopback, flagRunning = 0x1, 0x8, 0x40

	familyIPv4    = 2
	scopeHost     = 254
	tableMain     = 254
	routeUnicast  = 1
	routeClone    = 0x200
	maxInterfaces = 1 << 10
)

// networkReader understands what the kernel sends.
type networkReader struct {
	running map[uint32]bool // interfaces with a carrier, as far as was said
}

// read takes one datagram of rtnetlink messages and adds up what they mean.
func (r *networkReader) read(b []byte) (c networkChange) {
	for len(b) >= nlHeader {
		size := binary.NativeEndian.Uint32(b)
		if size < nlHeader || uint64(size) > uint64(len(b)) {
			return c
		}
		c |= r.message(binary.NativeEndian.Uint16(b[4:]), b[nlHeader:size])
		b = b[min(len(b), int(size+3)&^3):]
	}
	return c
}

func (r *networkReader) message(kind uint16, b []byte) networkChange {
	switch {
	case (kind == msgNewLink || kind == msgDelLink) && len(b) >= 16:
		return r.link(kind, b)
	case kind == msgNewAddr && len(b) >= 8:
		// IPv6 addresses are said again with every router advertisement.
		if b[0] == familyIPv4 && b[3] < scopeHost {
			return networkAppeared
		}
	case kind == msgDelAddr:
		return networkVanished
	case (kind == msgNewRoute || kind == msgDelRoute) && len(b) >= 12:
		toAll := b[1] == 0 && b[4] == tableMain && b[7] == routeUnicast && binary.NativeEndian.Uint32(b[8:])&routeClone == 0
		switch {
		case toAll && kind == msgNewRoute:
			return networkAppeared
		case toAll:
			return networkVanished
		}
	}
	return 0
}

// link tells an interface that came up from one that is only said again.
func (r *networkReader) link(kind uint16, b []byte) networkChange {
	index, flags := binary.NativeEndian.Uint32(b[4:]), binary.NativeEndian.Uint32(b[8:])
	if b[0] != 0 || flags&flagLoopback != 0 { // a bridge's message about its port, or lo
		return 0
	}
	was := r.running[index]
	now := kind == msgNewLink && flags&(flagUp|flagRunning) == flagUp|flagRunning
	switch {
	case now && len(r.running) < maxInterfaces:
		r.running[index] = true
	case !now:
		delete(r.running, index)
	}
	switch {
	case now && !was:
		return networkAppeared
	case was && !now:
		return networkVanished
	}
	return 0
}

// end ends the connection for a reason that nobody at the other end knows.
func (g *guard) end(why error) {
	g.reason.CompareAndSwap(nil, &why)
	_ = g.SetDeadline(time.Now())
	_ = g.Close()
}
