package testbed

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The limits of the story. With Flow 7 s and Gap 6 s it takes about 20 s.
const (
	connectLimit = 5 * time.Second  // until the first message arrives, or a cut is noticed
	drainLimit   = 8 * time.Second  // until the buffer is empty again
	aftermath    = 2 * time.Second  // of quiet flow before the end
	between      = 45 * time.Second // from one cut to the next when the demo goes on
	restoreGap   = 10 * time.Second // how long those cuts last
)

// story tells it once, and goes on cutting and restoring unless Once. It
// returns nil when ctx ends it early.
func (d *demo) story(ctx context.Context) error {
	d.opening()
	err := d.acts(ctx)
	if err == nil && !d.o.Once {
		d.teller.act("The demo goes on. Every %d s the link is cut again. Ctrl-C stops it.", int(between.Seconds()))
		d.teller.calm()
		for err == nil {
			err = d.again(ctx)
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (d *demo) opening() {
	t := d.teller
	t.line("portti demo: a gateway at work. No hardware, no server, no root needed.")
	t.line("")
	t.line("  simulated   a GPS receiver, a sensor panel, and a Bluetooth bridge that hears")
	t.line("              three Ruuvi tags, each on a serial port of its own")
	t.line("  real        the gateway: its drivers, its buffer on disk, its WebSocket link")
	t.line("  embedded    the server that receives, checks the token and counts")
	t.line("")
	t.line("Everything lies in %s and is removed at the end.", d.dir)
	t.line("Ctrl-C stops the demo at any time. To look around from another terminal:")
	t.line("")
	t.line("  %s status -c %s", d.o.Program, d.config)
}

func (d *demo) acts(ctx context.Context) error {
	t := d.teller
	t.act("1. The gateway opens its ports, reads, and sends.")
	if err := d.until(ctx, connectLimit, "no message arrived", func() bool { return d.recv.Stats().Messages > 0 }); err != nil {
		return err
	}
	if err := d.flow(ctx, d.o.Flow); err != nil {
		return err
	}
	t.act("2. The link is cut: the server is gone. New readings wait in the buffer. So do\n" +
		"   those of the last seconds, which the server may not have processed yet.")
	if err := d.cut(ctx, d.o.Gap); err != nil {
		return err
	}
	t.act("3. The link is restored.")
	if err := d.restore(ctx); err != nil {
		return err
	}
	if d.o.Once {
		return d.flow(ctx, aftermath)
	}
	return nil
}

func (d *demo) again(ctx context.Context) error {
	if err := d.flow(ctx, between); err != nil {
		return err
	}
	d.teller.aside("the link is cut")
	if err := d.cut(ctx, restoreGap); err != nil {
		return err
	}
	d.teller.aside("the link is restored")
	return d.restore(ctx)
}

// flow lets readings arrive, with a line of state now and then.
func (d *demo) flow(ctx context.Context, length time.Duration) error {
	for end := d.stage.now().Add(length); d.stage.now().Before(end); {
		if err := d.wait(ctx, min(d.teller.stateEvery(), end.Sub(d.stage.now()))); err != nil {
			return err
		}
		d.teller.state()
	}
	return nil
}

// cut makes the server unreachable for a while.
func (d *demo) cut(ctx context.Context, length time.Duration) error {
	d.recv.Refuse(true)
	d.recv.Cut()
	err := d.until(ctx, connectLimit, "the gateway did not notice", func() bool { return d.gateway.Status().Link != "online" })
	if err != nil {
		return err
	}
	for end := d.stage.now().Add(length); d.stage.now().Before(end); {
		if err := d.wait(ctx, min(time.Second, end.Sub(d.stage.now()))); err != nil {
			return err
		}
		d.teller.state()
	}
	return nil
}

// restore lets the gateway back in and waits until everything it had read by
// then is proven to have arrived.
func (d *demo) restore(ctx context.Context) error {
	before := d.gateway.Status()
	begin := time.Now()
	d.recv.Refuse(false)
	var now GatewayStatus
	err := d.until(ctx, drainLimit, "the buffer was not drained", func() bool {
		now = d.gateway.Status()
		return now.Acked+now.Lost+now.Quarantined >= before.Read
	})
	if err != nil {
		return err
	}
	took := time.Since(begin).Seconds()
	d.teller.state()
	if now.Lost+now.Quarantined > before.Lost+before.Quarantined {
		return errors.New("readings were lost while the link was cut")
	}
	d.teller.aside(fmt.Sprintf("drained in %.1f s: the %d that waited have arrived, none is lost", took, before.Waiting))
	return nil
}

// until waits for ok, at most the limit.
func (d *demo) until(ctx context.Context, usual time.Duration, failed string, ok func() bool) error {
	limit := d.limit(usual)
	for end := time.Now().Add(limit); !ok(); {
		if time.Now().After(end) {
			return fmt.Errorf("%s within %v; %s", failed, limit, d.gateway.Status())
		}
		if err := d.wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// wait lets pause go by on the stage; the gateway's end and Ctrl-C cut it short.
func (d *demo) wait(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(d.stage.lasts(pause))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case err := <-d.ended:
		d.ended <- err // for await
		return errors.New("the gateway ended before it was told to")
	}
}

// books closes the story: everything that was read must be accounted for, and
// what the gateway counts as delivered must be what the server has.
func (d *demo) books(interrupted bool) error {
	g, r := d.gateway.Status(), d.recv.Stats()
	t := d.teller
	t.act("The gateway and the server have stopped. The books:")
	t.line("  read %d  =  delivered %d + waiting %d + lost %d + quarantined %d",
		g.Read, g.Acked, g.Waiting, g.Lost, g.Quarantined)
	t.line("  the server has %d different messages", r.Distinct)
	if r.Repeats > 0 {
		t.line("")
		t.line("%d of them came twice. When a link breaks, the gateway sends again what the", r.Repeats)
		t.line("server may have read but not processed. A server recognises a repeat by its")
		t.line("tsmTuid, tsmId and tsmTs; the rest of it is the same as well.")
	}
	t.line("")
	if err := balance(g, r, interrupted); err != nil {
		return fmt.Errorf("the books do not balance: %w", err)
	}
	if interrupted {
		if g.Waiting > 0 {
			t.line("A gateway that is stopped with readings waiting keeps them on disk and sends")
			t.line("them after the next start. The demo throws them away.")
		}
		t.line("Stopped; %s is removed.", d.dir)
	} else {
		t.line("The books balance: nothing was lost. That is what portti is for.")
	}
	return nil
}

// balance is the oracle of the demo. After an interruption in mid-story some
// readings may have arrived whose proof did not come back.
func balance(g GatewayStatus, r Stats, interrupted bool) error {
	if sum := g.Acked + g.Waiting + g.Lost + g.Quarantined; g.Read != sum {
		return fmt.Errorf("%d readings were read, %d are accounted for", g.Read, sum)
	}
	if r.Changed > 0 || r.Bad > 0 || r.Bare > 0 {
		return fmt.Errorf("of what arrived %d messages came again with other bytes, %d were bad, %d without array",
			r.Changed, r.Bad, r.Bare)
	}
	distinct := uint64(r.Distinct)
	if distinct < g.Acked || distinct > g.Acked && !interrupted || distinct > g.Read {
		return fmt.Errorf("the gateway counts %d delivered, the server has %d", g.Acked, r.Distinct)
	}
	if interrupted {
		return nil
	}
	if g.Lost+g.Quarantined+g.Waiting > 0 {
		return fmt.Errorf("%d readings are lost, %d quarantined, %d were left waiting", g.Lost, g.Quarantined, g.Waiting)
	}
	if g.Read == 0 {
		return errors.New("nothing was read")
	}
	return nil
}
