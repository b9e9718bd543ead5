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

// ownHands is the daemon as the downlink handles it.
type ownHands struct {
	d       *Gateway
	level   logLevel
	reboots rebooter
}

func (h *ownHands) tell(m *thingsee.Message, id, event int) bool {
	d := h.d
	switch id {
	case idSystemInfo:
		systemInfo(m, event, d.opt.Version, d.id)
	case idUptime:
		uptime(m, event, d.clock.Now().Mono)
	case thingsee.GatewayHealth:
		s := d.Status()
		health(m, event, &s)
	case idHeartbeats:
		s := d.Status()
		return d.voice.summary(m, event, &s)
	default:
		return false
	}
	return true
}

// summary is one sentence and the codes of what is wrong.
func (h *ownHands) summary() string {
	s := h.d.Status()
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

func (h *ownHands) flush() {
	h.d.queue.CommitNow()
	h.d.link.Wake()
}

func (h *ownHands) reconnect() { h.d.link.Reconnect() }

func (h *ownHands) reload(ctx context.Context) (Reloaded, error) {
	limited, cancel := context.WithTimeout(ctx, reloadLimit)
	defer cancel()
	return h.d.Reload(limited)
}

func (h *ownHands) setLevel(level slog.Level, d time.Duration) error { return h.level.set(level, d) }
func (h *ownHands) restoreLevel()                                    { h.level.restore() }

func (h *ownHands) report() (every, slot time.Duration) {
	return h.d.voice.every(), h.d.voice.slotInterval()
}

func (h *ownHands) setReport(every time.Duration) { h.d.voice.setEvery(every) }

func (h *ownHands) reboot(ctx context.Context, transaction int) error {
	return h.reboots.ask(ctx, transaction)
}

// newDownlink makes the downlink of d, nil where the configuration accepts no
// command.
func (d *Gateway) newDownlink() *downlink {
	if len(d.cfg.Uplink.AcceptCommands) == 0 {
		return nil
	}
	h := &ownHands{d: d, level: logLevel{v: d.opt.Level, log: d.opt.Log},
		reboots: rebooter{d.cfg.Paths.State, d.cfg.Paths.Run, func() int64 { return d.clock.Now().Mono }}}
	return newDownlink(d.cfg.Uplink.AcceptCommands, d.id, h, d.devices, d.mouth.Say, func() string { return d.link.Status().Server }, d.opt.Log)
}
