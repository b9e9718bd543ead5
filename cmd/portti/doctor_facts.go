package main

import (
	"context"
	"net/url"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"portti/buffer"
	"portti/cmd/portti/config"
	"portti/cmd/portti/doctor"
	"portti/cmd/portti/netcheck"
)

// Within the limit of a check that asks the network; see package doctor.
const (
	doctorStage = 3 * time.Second
	doctorWay   = 9 * time.Second
)

// doctorFacts gives h what its checks of disk and network ask: how full a disk is, what is
// wrong in the buffer, and where the way to the server ends. What h knows already has to
// be in it. The way is gone once, when the first check asks.
func doctorFacts(ctx context.Context, h *doctor.Host) {
	h.Disk = diskOf
	h.Buffer = func(_ context.Context, dir string) ([]string, error) {
		look, err := buffer.Inspect(dir)
		if err != nil {
			return nil, err
		}
		var bad []string
		for _, f := range look.Faults {
			if !f.Harmless {
				bad = append(bad, f.String())
			}
		}
		return bad, nil
	}
	if h.Config == nil || len(h.Config.Uplink.Addresses()) == 0 {
		return
	}
	if server, err := url.Parse(h.Config.Uplink.Addresses()[0]); err == nil {
		service, _ := serviceEnviron(h.Root)
		h.ShellProxy, h.ServiceProxy = shownProxy(h.Environ, server), shownProxy(service, server)
	}
	way := sync.OnceValues(func() ([]netcheck.Stage, error) {
		n, err := netcheckHost(h.Root, h.Config, h.Status, doctorStage)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, doctorWay)
		defer cancel()
		return netcheck.Run(ctx, n, func(netcheck.Stage) {}), nil
	})
	h.Netcheck = func(context.Context) ([]netcheck.Stage, error) { return way() }
}

// shownProxy is the proxy of an environment as it may be shown.
func shownProxy(environ []string, server *url.URL) string {
	_, value := proxyVariable(environ, server)
	return config.MaskURL(value)
}

func diskOf(path string) (doctor.Disk, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return doctor.Disk{}, &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	unit := uint64(max(s.Bsize, 0))
	return doctor.Disk{Free: s.Bavail * unit, Size: s.Blocks * unit, FreeInodes: s.Ffree, Inodes: s.Files}, nil
}
