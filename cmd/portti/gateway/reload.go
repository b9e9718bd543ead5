package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"portti/buffer"
	"portti/cmd/portti/config"
	"portti/device"
)

// reloadRequest is what somebody asks of the gateway's configuration.
type reloadRequest struct {
	answer    chan Reloaded // nil = nobody waits
	window    time.Duration // what is new is on trial for so long; 0 = it is not
	confirmed bool          // what is on trial may stay, and nothing is read
	told      bool          // by what wrote a file or had a signal, and not by somebody who asks for a reload
}

// Reload reads the configuration again and puts it in force, a section at a time: what
// is the same goes on untouched. Everything is checked, and what is new is made, before
// anything is changed, so where there is an error nothing was. It fails where ctx ends
// before its turn.
func (g *Gateway) Reload(ctx context.Context) (Reloaded, error) {
	return g.ask(ctx, reloadRequest{})
}

// ReloadOnTrial is Reload with a way back: at the end of window the configuration before
// holds again, unless by then the link came online, or Confirm was called. That outlasts
// the process and the machine's power. What is read meanwhile is on the same trial, and
// the way back is always to what was confirmed last.
func (g *Gateway) ReloadOnTrial(ctx context.Context, window time.Duration) (Reloaded, error) {
	return g.ask(ctx, reloadRequest{window: window})
}

// Confirm ends a trial: what it tried stays.
func (g *Gateway) Confirm(ctx context.Context) (Reloaded, error) {
	return g.ask(ctx, reloadRequest{confirmed: true})
}

func (g *Gateway) ask(ctx context.Context, r reloadRequest) (Reloaded, error) {
	r.answer = make(chan Reloaded, 1)
	select {
	case g.reloads <- r:
	case <-ctx.Done():
		return Reloaded{}, fmt.Errorf("cannot reload: %w", ctx.Err())
	}
	select {
	case done := <-r.answer:
		return done, nil
	case <-ctx.Done():
		return Reloaded{}, fmt.Errorf("cannot reload: %w", ctx.Err())
	}
}

// reload belongs to the goroutine of work: one at a time.
func (g *Gateway) reload(ctx context.Context, ask reloadRequest) Reloaded {
	switch {
	case g.opt.Load == nil:
		return newReloaded(nil)
	case ask.confirmed:
		return g.trial.confirm()
	}
	g.notify("reloading", g.opt.Notify.Reloading())
	defer func() { g.notify("ready", g.opt.Notify.Ready()) }()
	files, err := g.opt.Load()
	if err != nil {
		return g.reject("CFG-INVALID", "the configuration has mistakes; the gateway goes on with the one it has", err)
	}
	if t := g.trial; ask.told && t.note != nil && !t.over && t.note.State == takenBack {
		if sumOf(files) == t.note.Tried {
			return newReloaded(nil) // as it is; a token that was renewed needs no more
		}
		return g.reject("CFG-REFUSED", "the configuration is not read again", fmt.Errorf("the files still hold what was taken back (%s), so they are not put in force by themselves. See what they would change: portti config diff. To put them in force: sudo portti reload --confirm 5m", listed(t.note.Keys)))
	}
	c, err := g.prepare(files)
	if err == nil {
		if err = g.trial.begin(c, ask.window); err != nil {
			g.drop(c)
		}
	}
	if err == nil {
		if err = g.apply(ctx, c); err != nil && ask.window > 0 && g.trial.before == c.was {
			g.trial.end()
		}
	}
	if err != nil {
		return g.reject("CFG-REFUSED", "the configuration cannot be put in force; the gateway goes on with the one it has", err)
	}
	g.rejected.Store(nil)
	g.loadedAt.Store(g.sinceStart())
	r := c.report()
	r.Trial = g.trial.reloaded(c, ask.window)
	g.log.Info("configuration read again", "event", "config.reloaded", "applied", r.Applied, "after_restart", r.Restart)
	return r
}

// rejection is why the files are not in force.
type rejection struct{ code, why string }

// rejected is for a sentence: of several mistakes the first, and how many there are.
func rejected(code string, err error) *rejection {
	var bad *config.Error
	if errors.As(err, &bad) {
		return &rejection{code, bad.Short()}
	}
	return &rejection{code, err.Error()}
}

func (g *Gateway) reject(code, text string, err error) Reloaded {
	g.rejected.Store(rejected(code, err))
	g.log.Error(text, "event", "config.rejected", "code", code, "err", err)
	r := newReloaded(nil)
	r.Error = err.Error()
	return r
}

// change is another configuration for the gateway: checked, made, and not yet in force.
type change struct {
	was, next, files *config.Config
	settings         []settingChange
	devices          *device.Change
	way              *way         // nil = the link goes on
	moved            bool         // the metrics are
	listener         net.Listener // for them, nil = none yet
}

// prepare checks a configuration and makes what it needs that is not there. The metrics'
// new address comes last: it is the one thing that must be given back.
func (g *Gateway) prepare(files *config.Config) (*change, error) { return g.prepareFor(files, true) }

// prepareFor takes an address of the metrics that cannot be had for an error, or
// without strict for one that is tried again later.
func (g *Gateway) prepareFor(files *config.Config, strict bool) (*change, error) {
	was := g.cfg.Load()
	c := &change{was: was, files: files, next: effective(was, files)}
	c.settings = changes(was, c.next, files)
	var err, linkErr error
	c.devices, err = g.devices.Prepare(c.next.ActiveDevices())
	if slices.ContainsFunc(c.settings, func(s settingChange) bool { return s.effect == effectLink }) {
		c.way, linkErr = g.newWay(c.next, g.way.Load())
	}
	if err = errors.Join(err, linkErr); err != nil {
		return nil, err
	}
	c.moved = c.next.Metrics.Listen != g.exposed.addr
	if c.listener, err = g.listenBeside(c.next.Metrics.Listen); err != nil && strict {
		g.drop(c)
		return nil, err
	}
	return c, nil
}

// drop gives back what a change has taken that is not put in force.
func (g *Gateway) drop(c *change) {
	if c.listener != nil { // for which listenBeside may have ended what served
		_ = c.listener.Close()
		g.exposed.end()
		g.exposed = g.expose(g.exposed.ctx, g.exposed.addr, nil)
	}
	if c.way != nil {
		c.way.close(g.way.Load())
	}
}

// apply puts a change in force. Where it fails nothing was changed.
func (g *Gateway) apply(ctx context.Context, c *change) error {
	if err := g.setBuffer(c.next); err != nil {
		g.drop(c)
		return err
	}
	g.dater.waitFor(time.Duration(c.next.Clock.HoldUntilSynced))
	if c.was.Gateway.ReportInterval != c.next.Gateway.ReportInterval { // a server may have set another one
		g.selfReport.setEvery(c.next.Gateway.ReportInterval.D())
	}
	g.selfReport.follow(c.next)
	g.downlink.accept.Store(&c.next.Uplink.AcceptCommands)
	if g.opt.Relog != nil {
		g.level.become(g.opt.Relog(c.next.Log))
	}
	c.devices.Apply(ctx)
	if c.way != nil {
		g.take(ctx, c.way)
	}
	g.link().SetDrainRate(int(c.next.Uplink.DrainRate))
	if c.moved {
		g.exposed.end()
		g.exposed = g.expose(g.exposed.ctx, c.next.Metrics.Listen, c.listener)
	}
	g.cfg.Store(c.next)
	g.page.move(c.next.Web.Listen) // where it cannot be had that is a problem, and tried again
	return nil
}

func (g *Gateway) setBuffer(c *config.Config) error {
	b := c.Buffer
	return errors.Join(
		g.queue.SetLimits(buffer.Limits{MaxSize: b.Limit(), MaxAge: time.Duration(b.MaxAge), WhenFull: buffer.WhenFull(b.WhenFull), MinFree: int64(b.MinFreeDisk)}),
		g.queue.SetTimes(time.Duration(b.CommitEvery), holdOf(c)))
}

// take lets another way carry the readings from now on.
func (g *Gateway) take(ctx context.Context, next *way) {
	old := g.way.Load()
	err := old.leave(ctx, g)
	next.link.Inherit(old.link.Status())
	g.way.Store(next)
	old.close(next)
	if err != nil { // a broken promise of the queue, which ends the gateway
		next.ended <- err
		return
	}
	next.run(g)
}
