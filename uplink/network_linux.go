package uplink

import (
	"context"
	"errors"
	"fmt"
	"os"

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
