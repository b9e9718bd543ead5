package gateway

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"portti/buffer"
)

// Reloaded is what came of reading the configuration again.
type Reloaded struct {
	Applied []string `json:"applied"` // settings that hold from now on, such as buffer.max_size
	Restart []string `json:"restart"` // settings that were changed and need a restart
	Error   string   `json:"error"`   // why nothing was changed: every mistake with its place; empty = none
}

// live lists the settings that a running gateway takes over.
func live() []string {
	return []string{"gateway.report_interval", "uplink.drain_rate", "buffer.max_size", "buffer.max_age", "buffer.when_full", "buffer.min_free_disk"}
}

// Reload reads the configuration again and takes over what can change while
// the gateway runs. A configuration with a mistake changes nothing. It fails
// where nobody said how to load one, or when ctx ends before its turn.
func (g *Gateway) Reload(ctx context.Context) (Reloaded, error) {
	answer := make(chan Reloaded, 1)
	select {
	case g.reloads <- answer:
	case <-ctx.Done():
		return Reloaded{}, fmt.Errorf("cannot reload: %w", ctx.Err())
	}
	select {
	case r := <-answer:
		return r, nil
	case <-ctx.Done():
		return Reloaded{}, fmt.Errorf("cannot reload: %w", ctx.Err())
	}
}

// reload belongs to the goroutine of work: one at a time.
func (g *Gateway) reload() Reloaded {
	r := Reloaded{Applied: []string{}, Restart: []string{}}
	if g.opt.Load == nil {
		return r
	}
	g.notify("reloading", g.opt.Notify.Reloading())
	defer func() { g.notify("ready", g.opt.Notify.Ready()) }()
	next, err := g.opt.Load()
	if err == nil {
		b := next.Buffer
		err = g.queue.SetLimits(buffer.Limits{MaxSize: b.Limit(), MaxAge: time.Duration(b.MaxAge),
			WhenFull: buffer.WhenFull(b.WhenFull), MinFree: int64(b.MinFreeDisk)})
	}
	if err != nil {
		r.Error = err.Error()
		g.rejected.Store(true)
		g.log.Error("the configuration has mistakes; the gateway goes on with the one it has", "event", "config.rejected", "code", "CFG-INVALID", "err", err)
		return r
	}
	g.rejected.Store(false)
	now := next.Settings()
	g.link.SetDrainRate(int(next.Uplink.DrainRate))
	if key := "gateway.report_interval"; now[key] != g.running[key] {
		g.selfReport.setEvery(next.Gateway.ReportInterval.D())
	}
	for _, key := range slices.Sorted(maps.Keys(merged(g.running, now))) {
		switch {
		case g.running[key] == now[key]:
		case slices.Contains(live(), key):
			r.Applied = append(r.Applied, key)
			g.running[key] = now[key]
		default:
			r.Restart = append(r.Restart, key)
		}
	}
	g.log.Info("configuration read again", "event", "config.reloaded", "applied", r.Applied, "after_restart", r.Restart)
	return r
}

func merged(a, b map[string]string) map[string]string {
	m := maps.Clone(a)
	maps.Copy(m, b)
	return m
}
