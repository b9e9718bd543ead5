package uplink

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
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
	local, _ := g.LocalAddr().(*net.TCPAddr)
	own := local.AddrPort().Addr().Unmap().WithZone("")
	if !own.IsValid() || own.IsUnspecified() {
		return
	}
	all, err := addresses()
	if err != nil {
		return
	}
	if !slices.ContainsFunc(all, func(a netip.Addr) bool { return a.Unmap() == own }) {
		g.end(errMoved)
	}
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

// end ends the connection for a reason that nobody at the other end knows.
func (g *guard) end(why error) {
	g.reason.CompareAndSwap(nil, &why)
	_ = g.SetDeadline(time.Now())
	_ = g.Close()
}
