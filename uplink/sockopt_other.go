//go:build !linux

package uplink

import (
	"syscall"
	"time"
)

// userTimeout has no counterpart here; the pong deadline finds dead links.
func userTimeout(time.Duration) func(network, address string, c syscall.RawConn) error { return nil }
