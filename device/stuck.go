package device

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// stopLimit is how long an opening in progress is waited for at stop.
const stopLimit = time.Second

// call is work that may never come back, done in a goroutine of its own.
type call struct {
	done chan struct{}

	mu       sync.Mutex
	finished bool
	givenUp  bool
}

// start does work. If it had been given up by the time it comes back, late is
// called.
func start(work, late func()) *call {
	c := &call{done: make(chan struct{})}
	go func() {
		work()
		c.mu.Lock()
		c.finished = true
		tooLate := c.givenUp
		c.mu.Unlock()
		close(c.done)
		if tooLate {
			late()
		}
	}()
	return c
}

// within says whether the work was done in time, and gives it up if not.
func (c *call) within(ctx context.Context, limit time.Duration) bool {
	end := time.NewTimer(limit)
	defer end.Stop()
	stopping := ctx.Done()
	for {
		select {
		case <-c.done:
			return true
		case <-stopping:
			stopping = nil
			end.Reset(min(limit, stopLimit))
		case <-end.C:
			c.mu.Lock()
			defer c.mu.Unlock()
			c.givenUp = !c.finished
			return c.finished
		}
	}
}

// openWithin opens the port, and gives up after openLimit. Should the opening
// succeed later, its port is closed.
func (d *device) openWithin(ctx context.Context) (Opened, error) {
	if d.stuck.Load() >= maxStuck {
		<-ctx.Done() // without a sign of life, on purpose: see maxStuck
		return Opened{}, ctx.Err()
	}
	d.beat(openLimit)
	var o Opened
	var err error
	cfg := d.cfg
	if cfg.Baud == BaudAuto {
		if cfg.Baud = Baud(d.found.Load()); cfg.Baud == 0 {
			cfg.Baud = Baud(d.kind.Baud)
		}
	}
	c := start(func() { o, err = d.open(ctx, cfg) }, func() {
		if err == nil {
			_ = o.Line.Close()
		}
		d.stuck.Add(-1)
	})
	if c.within(ctx, openLimit) {
		return o, err
	}
	d.giveUp("open")
	return Opened{}, &OpenError{Busy, CodeStuck, fmt.Errorf("cannot open the port: the kernel did not answer within %v", openLimit)}
}

// close closes the line, and gives up after closeLimit.
func (d *device) close(line Line) {
	d.beat(closeLimit)
	var err error
	c := start(func() { err = line.Close() }, func() { d.stuck.Add(-1) })
	if !c.within(context.Background(), closeLimit) {
		d.giveUp("close")
		return
	}
	if err != nil {
		d.log.Debug("port did not close cleanly", "event", "port.closed", "err", err)
	}
}

func (d *device) giveUp(what string) {
	n := d.stuck.Add(1)
	d.log.Error("the kernel does not answer: goroutine given up", "event", "port.given-up", "code", CodeStuck, "call", what, "count", n)
}
