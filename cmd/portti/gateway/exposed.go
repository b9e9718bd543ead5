package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
)

// exposed is the metrics where they are served, or tried to be. It belongs to one
// goroutine.
type exposed struct {
	addr   string // "" = nowhere
	ctx    context.Context
	stop   context.CancelFunc
	served sync.WaitGroup
}

// expose serves the metrics on addr until ctx ends, at first on l if there is one.
func (g *Gateway) expose(ctx context.Context, addr string, l net.Listener) *exposed {
	e := &exposed{addr: addr, ctx: ctx}
	inner, stop := context.WithCancel(ctx)
	e.stop = stop
	if g.doors.set(doorMetrics, nil); addr != "" {
		e.served.Go(func() { g.metrics(addr).run(inner, l) })
	}
	return e
}

func (e *exposed) end() {
	e.stop()
	e.served.Wait()
}

// listenBeside takes another address for the metrics while they are served on this one.
// Where the two are in each other's way (another address with the same port) this one is
// given up for it, and taken back if that was in vain.
func (g *Gateway) listenBeside(addr string) (net.Listener, error) {
	now := g.exposed
	if addr == "" || addr == now.addr {
		return nil, nil
	}
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) && portNumber(addr) == portNumber(now.addr) {
		now.end()
		if l, err = net.Listen("tcp", addr); err != nil {
			g.exposed = g.expose(now.ctx, now.addr, nil)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("cannot serve the metrics on %s ([metrics] listen): %w", addr, err)
	}
	return l, nil
}
