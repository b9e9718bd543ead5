package uplink

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// watchNetwork hands what rtnetlink says to changed until ctx ends.
func watchNetwork(ctx context.Context, changed func(networkChange)) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("cannot open a netlink socket: %w", err)
	}
	f := os.NewFile(uintptr(fd), "netlink")
	defer f.Close()
	var groups uint32
	for _, g := range []int{unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV6_ROUTE} {
		groups |= 1 << (g - 1)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		return fmt.Errorf("cannot subscribe to the network's changes: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = f.Close() })()
	r := networkReader{running: map[uint32]bool{}}
	buf := make([]byte, 16<<10)
	for {
		n, err := f.Read(buf)
		switch {
		case errors.Is(err, unix.ENOBUFS): // more happened than fits: something of everything
			changed(networkAppeared | networkVanished)
		case err != nil:
			return fmt.Errorf("cannot read the network's changes: %w", err)
		default:
			if c := r.read(buf[:n]); c != 0 {
				changed(c)
			}
		}
	}
}

const maxInterfaces = 1 << 10

// networkReader understands what the kernel sends, see rtnetlink(7).
type networkReader struct {
	running map[uint32]bool // interfaces with a carrier, as far as was said
}

// read takes one datagram of rtnetlink messages and adds up what they mean.
func (r *networkReader) read(b []byte) (c networkChange) {
	for len(b) >= unix.NLMSG_HDRLEN {
		size := binary.NativeEndian.Uint32(b)
		if size < unix.NLMSG_HDRLEN || uint64(size) > uint64(len(b)) {
			return c
		}
		c |= r.message(binary.NativeEndian.Uint16(b[4:]), b[unix.NLMSG_HDRLEN:size])
		b = b[min(len(b), int(size+3)&^3):]
	}
	return c
}

func (r *networkReader) message(kind uint16, b []byte) networkChange {
	switch {
	case (kind == unix.RTM_NEWLINK || kind == unix.RTM_DELLINK) && len(b) >= 16:
		return r.link(kind, b)
	case kind == unix.RTM_NEWADDR && len(b) >= 8:
		// IPv6 addresses are said again with every router advertisement.
		if b[0] == unix.AF_INET && b[3] < unix.RT_SCOPE_HOST {
			return networkAppeared
		}
	case kind == unix.RTM_DELADDR:
		return networkVanished
	case (kind == unix.RTM_NEWROUTE || kind == unix.RTM_DELROUTE) && len(b) >= 12:
		toAll := b[1] == 0 && b[4] == unix.RT_TABLE_MAIN && b[7] == unix.RTN_UNICAST && binary.NativeEndian.Uint32(b[8:])&unix.RTM_F_CLONED == 0
		switch {
		case toAll && kind == unix.RTM_NEWROUTE:
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
	if b[0] != 0 || flags&unix.IFF_LOOPBACK != 0 { // a bridge's message about its port, or lo
		return 0
	}
	was := r.running[index]
	now := kind == unix.RTM_NEWLINK && flags&(unix.IFF_UP|unix.IFF_RUNNING) == unix.IFF_UP|unix.IFF_RUNNING
	switch {
	case now && !was:
		if len(r.running) < maxInterfaces {
			r.running[index] = true
		}
		return networkAppeared
	case was && !now:
		delete(r.running, index)
		return networkVanished
	}
	return 0
}

// userTimeout sets TCP_USER_TIMEOUT: the kernel itself gives up when written
// bytes stay unacknowledged so long, instead of after about 15 minutes.
func userTimeout(d time.Duration) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
		})
		if err != nil {
			return err
		}
		return failed
	}
}
