package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"portti/cmd/portti/status"
	"portti/device/thingsee"
)

// reloadLimit is how long a reload may take before the server is told that it
// failed.
const reloadLimit = 30 * time.Second

// gatewayActions lets the downlink act on the gateway.
type gatewayActions struct {
	g       *Gateway
	level   *logLevel
	reboots rebooter
}

func (a *gatewayActions) fill(m *thingsee.Message, id, event int) bool {
	g := a.g
	switch id {
	case thingsee.SystemInfo:
		systemInfo(m, event, g.opt.Version, g.id)
	case thingsee.UptimeInfo:
		uptime(m, event, g.clock.Now().Mono)
	case thingsee.GatewayHealth:
		s := g.Status()
		health(m, event, &s)
	case thingsee.HeartbeatSummary:
		s := g.Status()
		return g.selfReport.summary(m, event, &s)
	default:
		return false
	}
	return true
}

// summary is one sentence and the codes of what is wrong.
func (a *gatewayActions) summary() string {
	s := a.g.Status()
	ok := 0
	for _, dev := range s.Devices {
		ok += b2i(dev.State == status.DeviceOK)
	}
	text := fmt.Sprintf("%s %d of %d devices ok.", s.Glance(), ok, len(s.Devices))
	var codes []string
	for _, p := range s.Problems {
		if p.Severity != status.Info {
			codes = append(codes, strings.TrimSpace(p.Code+" "+p.Subject))
		}
	}
	if len(codes) > 0 {
		text += " " + strings.Join(codes, ", ")
	}
	return text
}

func (a *gatewayActions) flush() {
	a.g.queue.CommitNow()
	a.g.link().Wake()
}

func (a *gatewayActions) reconnect() { a.g.link().Reconnect() }

func (a *gatewayActions) reload(ctx context.Context) (Reloaded, error) {
	limited, cancel := context.WithTimeout(ctx, reloadLimit)
	defer cancel()
	return a.g.ask(limited, reloadRequest{told: true})
}

func (a *gatewayActions) setLevel(level slog.Level, d time.Duration) error {
	return a.level.set(level, d)
}
func (a *gatewayActions) restoreLevel() { a.level.restore() }

func (a *gatewayActions) reportEvery() (every, slot time.Duration) {
	return a.g.selfReport.every(), a.g.selfReport.slotInterval()
}

func (a *gatewayActions) setReport(every time.Duration) { a.g.selfReport.setEvery(every) }

func (a *gatewayActions) reboot(ctx context.Context, transaction int) error {
	return a.reboots.ask(ctx, transaction)
}

// newDownlink makes the downlink of g.
func (g *Gateway) newDownlink() *downlink {
	cfg := g.cfg.Load()
	a := &gatewayActions{g: g, level: g.level,
		reboots: rebooter{cfg.Paths.State, cfg.Paths.Run, func() int64 { return g.clock.Now().Mono }}}
	return newDownlink(cfg.Uplink.AcceptCommands, g.id, a, g.devices, g.own.append, func() string { return g.link().Status().Server }, g.opt.Log)
}
