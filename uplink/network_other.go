//go:build !linux

package uplink

import (
	"context"
	"errors"
	"syscall"
	"time"
)

func watchNetwork(context.Context, func(networkChange)) error {
	return errors.ErrUnsupported
}

// userTimeout has no counterpart here; the pong deadline finds dead links.
func userTimeout(time.Duration) func(network, address string, c syscall.RawConn) error { return nil }
