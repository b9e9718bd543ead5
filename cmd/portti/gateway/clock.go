package gateway

import "time"

// wallTime is what certificates are judged by. While the clock is not trusted
// it is at least the floor: it cannot be earlier than that, and a machine that
// begins in 1970 could else reach no server at all.
func (g *Gateway) wallTime() time.Time {
	now := g.clock.Now()
	if !now.Trusted {
		return time.UnixMilli(max(now.Unix, g.clock.Floor()))
	}
	return time.UnixMilli(now.Unix)
}

// heard takes the server's word for the time.
func (g *Gateway) heard(now time.Time, slack time.Duration) {
	g.clock.HearServer(now.UnixMilli(), g.clock.Now().Mono, slack.Milliseconds(), g.cfg.Load().Clock.TrustServer)
}
