//go:build !linux

package uplink

import (
	"context"
	"errors"
)

func watchNetwork(context.Context, func(networkChange)) error {
	return errors.ErrUnsupported
}
