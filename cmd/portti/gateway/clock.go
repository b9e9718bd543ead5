package gateway

import "time"

// wallTime is what certificates are judged by. While the clock is not trusted
// it is at least the floor: it cannot be earlier than that, and a machine that
// begins in 1970 could else reach no server at all.
func (d *Gateway) wallTime() time.Time {
	now := d.clock.Now()
	if !now.Trusted {
		return time.UnixMilli(max(now.Unix, d.clock.Floor()))
	}
	return time.UnixMilli(now.Unix)
}

// heard takes the server's word for the time.
func (d *Gateway) heard(now time.Time, slack time.Duration) {
	d.clock.HearServer(now.UnixMilli(), d.clock.Now().Mono, slack.Milliseconds(), d.cfg.Clock.TrustServer)
}
