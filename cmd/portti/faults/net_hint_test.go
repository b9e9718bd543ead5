//go:build faults

package faults

import (
	"testing"
	"time"

	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
)

// Row 50: the network comes back, in each of the ways the kernel tells it. The
// next attempt would be five minutes away, longer than this test waits for
// anything; the link is up again before.
func TestNetworkComesBack(t *testing.T) {
	waiting := func(st *status.Document) bool { return st.Link.State == status.LinkWaiting }
	for name, c := range map[string]struct {
		uplink string
		url    string
		before func(c *cable)
		cut    func(c *cable, g *rig.Process)
		mend   func(c *cable)
	}{
		"cable": {
			uplink: quick,
			cut: func(c *cable, g *rig.Process) {
				c.ip(c.gateway, "link", "set", "eth0", "down")
				g.Until("it is noticed", waiting)
			},
			mend: func(c *cable) { c.ip(c.gateway, "link", "set", "eth0", "up") },
		},
		"default route": {
			uplink: quick,
			url:    "ws://10.88.0.1:8080/socket",
			before: func(c *cable) {
				c.ip(c.remote, "addr", "add", "10.88.0.1/32", "dev", "lo")
				c.ip(c.gateway, "route", "add", "default", "via", "10.77.0.2")
			},
			cut: func(c *cable, g *rig.Process) {
				c.ip(c.gateway, "route", "del", "default")
				g.Until("it is noticed", waiting)
			},
			mend: func(c *cable) { c.ip(c.gateway, "route", "add", "default", "via", "10.77.0.2") },
		},
		"another address": {
			uplink: "ping_interval = \"1m\"",
			cut:    func(c *cable, _ *rig.Process) { c.ip(c.gateway, "addr", "del", "10.77.0.1/24", "dev", "eth0") },
			mend:   func(c *cable) { c.ip(c.gateway, "addr", "add", "10.77.0.3/24", "dev", "eth0") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, cable, r := newFarSite(t)
			s.Uplink = c.uplink + "\ninsecure = true"
			s.Env = append(rig.PlainEnv(), "PORTTI_UPLINK__BACKOFF__BASE=5m", "PORTTI_UPLINK__BACKOFF__CAP=5m")
			if c.before != nil {
				c.before(cable)
			}
			if c.url != "" {
				r.kill()
				r.addr = "0.0.0.0:8080"
				r.start()
				s.URL = c.url
			}
			g := s.Start()
			s.Line().Feed(50)
			before := g.Until("50 are acknowledged", func(st *status.Document) bool { return st.Totals.Acked >= 50 })
			c.cut(cable, g)
			s.Line().Feed(50)
			c.mend(cable)
			mended := time.Now()
			g.Until("it is up again", func(st *status.Document) bool {
				return st.Link.State == status.LinkOnline && st.Link.Connects > before.Link.Connects
			})
			t.Logf("up again after %v", time.Since(mended).Round(time.Millisecond))
			s.settle(g, r)
		})
	}
}
